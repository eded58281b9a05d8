"""The names: what is there, under each address, and what the others say."""

from __future__ import annotations

import importlib
import pathlib
import pickle
import subprocess
import sys

import pytest

import tfrecord_lite.compat as tf
from tfrecord_lite.compat import v1
from tfrecord_lite.errors import TFRecordError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("io.TFRecordWriter", "python_io.TFRecordWriter"),
        ("io.TFRecordWriter", "compat.v1.io.TFRecordWriter"),
        ("io.TFRecordWriter", "compat.v1.python_io.TFRecordWriter"),
        ("io.TFRecordOptions", "compat.v1.python_io.TFRecordOptions"),
        ("python_io.tf_record_iterator", "compat.v1.io.tf_record_iterator"),
        ("python_io.TFRecordCompressionType", "compat.v1.io.TFRecordCompressionType"),
        ("train.Example", "compat.v1.train.Example"),
        ("io.decode_jpeg", "image.decode_jpeg"),
        ("io.encode_png", "image.encode_png"),
        ("io.gfile.GFile", "compat.v1.gfile.FastGFile"),
        ("io.gfile.exists", "gfile.Exists"),
        ("io.read_file", "compat.v1.read_file"),
        ("io.serialize_tensor", "compat.v1.serialize_tensor"),
        ("float32", "compat.v1.float32"),
        ("constant", "compat.v1.constant"),
        ("app.run", "compat.v1.app.run"),
        ("app.flags.FLAGS", "compat.v1.flags.FLAGS"),
        ("flags.DEFINE_string", "compat.v1.app.flags.DEFINE_string"),
        ("logging.info", "compat.v1.logging.info"),
    ],
)
def test_addresses_of_one_thing(one, other):
    def find(address):
        found = tf
        for name in address.split("."):
            found = getattr(found, name)
        return found

    assert find(one) is find(other)


def test_imports_by_name():
    for name in ("io", "train", "image", "errors", "python_io", "v1", "dtypes", "compat"):
        assert importlib.import_module(f"tfrecord_lite.compat.{name}") is not None
    assert v1 is tf.compat.v1


@pytest.mark.parametrize(
    ("module", "address"),
    [
        (tf, "tf"),
        (tf.io, "tf.io"),
        (tf.train, "tf.train"),
        (tf.image, "tf.image"),
        (tf.errors, "tf.errors"),
        (tf.dtypes, "tf.dtypes"),
        (tf.compat, "tf.compat"),
        (tf.compat.v1, "tf.compat.v1"),
        (tf.python_io, "tf.python_io"),
        (tf.io.gfile, "tf.io.gfile"),
        (tf.app, "tf.app"),
        (tf.flags, "tf.flags"),
        (tf.logging, "tf.logging"),
    ],
)
def test_what_is_not_here_says_so(module, address):
    with pytest.raises(AttributeError, match=rf"{address}\.data needs TensorFlow itself$"):
        _ = module.data
    assert not hasattr(module, "keras")


def test_neither_tensorflow_nor_pillow_is_imported():
    script = (
        "import sys\n"
        "import tfrecord_lite\n"
        "assert 'tfrecord_lite.compat' not in sys.modules\n"
        "import tfrecord_lite.compat\n"
        "print(sorted({'tensorflow', 'PIL', 'torch', 'pyarrow', 'ray'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_text_and_bytes():
    compat = tf.compat
    for value in ("grün", "grün".encode()):
        assert compat.as_bytes(value) == "grün".encode()
        assert compat.as_text(value) == compat.as_str(value) == compat.as_str_any(value) == "grün"
    assert compat.as_bytes(bytearray(b"a")) == b"a"
    assert compat.as_str_any(1) == "1"
    assert compat.path_to_str(pathlib.Path("a")) == compat.path_to_str("a") == "a"
    for convert in (compat.as_bytes, compat.as_text):
        with pytest.raises(TypeError):
            convert(1)


ERRORS = [getattr(tf.errors, name) for name in tf.errors.__all__]


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_made_as_tensorflow_makes_them(kind):
    error = kind(None, None, "what happened")
    assert str(error) == error.message == "what happened"
    assert error.node_def is error.op is None
    assert isinstance(error, tf.errors.OpError)
    assert isinstance(error.error_code, int)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == "what happened"


def test_error_codes_differ():
    kinds = set(ERRORS) - {tf.errors.OpError}
    assert sorted(kind.error_code for kind in kinds) == list(range(1, 17))


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        ("NotFoundError", FileNotFoundError),
        ("AlreadyExistsError", FileExistsError),
        ("PermissionDeniedError", PermissionError),
        ("FailedPreconditionError", ValueError),
        ("FailedPreconditionError", OSError),
        ("ResourceExhaustedError", OSError),
        ("UnknownError", OSError),
        ("InvalidArgumentError", ValueError),
        ("UnimplementedError", NotImplementedError),
        ("DataLossError", TFRecordError),
    ],
)
def test_errors_are_python_errors_too(kind, builtin):
    assert issubclass(getattr(tf.errors, kind), builtin)
