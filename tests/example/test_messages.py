"""The message classes: compiled from proto/, in a pool of their own."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import tfrecord_lite.example
from tfrecord_lite.example import messages

ROOT = Path(__file__).parents[2]


def test_descriptors_are_those_of_the_sources() -> None:
    pytest.importorskip("grpc_tools")
    spec = importlib.util.spec_from_file_location("regenerate", ROOT / "proto" / "regenerate.py")
    regenerate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(regenerate)
    compiled = FileDescriptorSet.FromString(regenerate.compile_sources())
    assert compiled == FileDescriptorSet.FromString(regenerate.TARGET.read_bytes())
    assert {file.name for file in compiled.file} == {
        path.name for path in (ROOT / "proto").glob("*.proto")
    }


@pytest.mark.parametrize(
    "name",
    [
        "BytesList",
        "Example",
        "Feature",
        "FeatureList",
        "FeatureLists",
        "Features",
        "FloatList",
        "Int64List",
        "SequenceExample",
    ],
)
def test_public_classes(name: str) -> None:
    message_class = getattr(tfrecord_lite.example, name)
    assert message_class is getattr(messages, name)
    assert message_class.DESCRIPTOR.full_name == f"tensorflow.{name}"
    message = message_class()
    assert pickle.loads(pickle.dumps(message)) == message


def test_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'TensorProtos'"):
        _ = tfrecord_lite.example.TensorProtos


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_messages_are_made_when_they_are_asked_for() -> None:
    assert run(
        "import sys, tfrecord_lite.example as example\n"
        "made = 'google.protobuf.descriptor_pool' in sys.modules\n"
        "print(made, example.Example.__name__)"
    ).split() == ["False", "Example"]


@pytest.mark.tensorflow
def test_sources_are_a_part_of_tensorflows() -> None:
    pytest.importorskip("tensorflow")
    from tensorflow.core.example import example_pb2, feature_pb2
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

    def fields(descriptor) -> set:
        found = {
            (field.name, field.number, field.type, field.is_packed) for field in descriptor.fields
        }
        for nested in descriptor.nested_types:
            found |= {(nested.name, *field) for field in fields(nested)}
        return found

    theirs: dict = {}
    for module in (example_pb2, feature_pb2, tensor_pb2, tensor_shape_pb2):
        theirs.update(module.DESCRIPTOR.message_types_by_name)
    whole = 0
    for name in ("Example", "Feature", "TensorProto", "SequenceExample"):
        for message in messages._POOL.FindMessageTypeByName(
            f"tensorflow.{name}"
        ).file.message_types_by_name.values():
            ours = fields(message)
            assert ours <= fields(theirs[message.name])
            whole += ours == fields(theirs[message.name])
    assert whole >= 9
    ours = messages._POOL.FindEnumTypeByName("tensorflow.DataType").values_by_name
    for name, number in types_pb2.DataType.items():
        if name in ours:
            assert ours[name].number == number
