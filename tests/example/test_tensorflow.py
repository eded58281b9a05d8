"""Against TensorFlow: the same bytes, read to the same values."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from example.test_encode import ANY, message, without_prefixes
from example.test_tensor import NAMES, VALUES, arrays, dtype_of
from hypothesis import HealthCheck, given, settings

from tfrecord_lite.example import (
    Ragged,
    decode_example,
    encode_example,
    encode_sequence_example,
    parse_tensor,
    serialize_tensor,
)

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(features=ANY.map(without_prefixes))
def test_encode_example(tf, features: dict[str, Any]) -> None:
    theirs = tf.train.Example.FromString(message(features).SerializeToString())
    assert encode_example(features) == theirs.SerializeToString(deterministic=True)


def test_the_tutorials_example(tf) -> None:
    feature = {
        "feature0": tf.train.Feature(int64_list=tf.train.Int64List(value=[0])),
        "feature1": tf.train.Feature(int64_list=tf.train.Int64List(value=[4])),
        "feature2": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"goat"])),
        "feature3": tf.train.Feature(float_list=tf.train.FloatList(value=[0.9876])),
    }
    theirs = tf.train.Example(features=tf.train.Features(feature=feature))
    ours = {"feature0": False, "feature1": 4, "feature2": b"goat", "feature3": 0.9876}
    assert encode_example(ours) == theirs.SerializeToString(deterministic=True)


def test_tensorflow_reads_what_is_encoded(tf) -> None:
    examples = [
        {"label": index, "scores": np.arange(index, dtype=np.float32), "name": f"n{index}"}
        for index in range(5)
    ]
    parsed = tf.io.parse_example(
        [encode_example(example) for example in examples],
        {
            "label": tf.io.FixedLenFeature([], tf.int64),
            "name": tf.io.FixedLenFeature([], tf.string),
            "scores": tf.io.VarLenFeature(tf.float32),
        },
    )
    assert parsed["label"].numpy().tolist() == list(range(5))
    assert parsed["name"].numpy().tolist() == [b"n0", b"n1", b"n2", b"n3", b"n4"]
    rows = Ragged(np.concatenate([e["scores"] for e in examples]), np.array([0, 0, 1, 3, 6, 10]))
    for ours, theirs in zip(
        rows.to_sparse(),
        (parsed["scores"].indices, parsed["scores"].values, parsed["scores"].dense_shape),
        strict=True,
    ):
        assert ours.dtype == theirs.numpy().dtype
        assert ours.tolist() == theirs.numpy().tolist()


def test_tensorflow_reads_a_sequence(tf) -> None:
    data = encode_sequence_example({"id": 7}, {"tokens": [[1, 2], [3]], "words": [["a"], ["b"]]})
    context, lists = tf.io.parse_single_sequence_example(
        data,
        {"id": tf.io.FixedLenFeature([], tf.int64)},
        {
            "tokens": tf.io.RaggedFeature(tf.int64),
            "words": tf.io.FixedLenSequenceFeature([1], tf.string),
        },
    )
    assert context["id"].numpy() == 7
    assert lists["tokens"].to_list() == [[1, 2], [3]]
    assert lists["words"].numpy().tolist() == [[b"a"], [b"b"]]


@pytest.mark.parametrize("name", [*NAMES, "bfloat16"])
def test_serialize_tensor(tf, name: str) -> None:
    for array in arrays(dtype_of(name)):
        assert serialize_tensor(array) == tf.io.serialize_tensor(array).numpy()


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"a\0", "é"], object),
        np.array([[b"ab", b"cd"]]),
        np.array([[b"ab", b"c"]], object),
        np.array(["ab", "é"]),
        np.array([], object),
        np.array([[b""]], object),
        b"x",
        "é",
    ],
)
def test_serialize_tensor_of_strings(tf, array: Any) -> None:
    assert serialize_tensor(array) == tf.io.serialize_tensor(array).numpy()


@pytest.mark.parametrize(
    "name", [*NAMES, "bfloat16", "float8_e5m2", "float8_e4m3fn", "int4", "uint4"]
)
def test_parse_what_make_tensor_proto_writes(tf, name: str) -> None:
    for array in arrays(dtype_of(name)):
        parsed = parse_tensor(tf.make_tensor_proto(array).SerializeToString())
        assert parsed.dtype == array.dtype
        assert parsed.shape == array.shape
        assert parsed.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (2.5, [2, 3]),
        ([1, 2], [4]),
        (b"a", [3]),
        ([b"a", b"b"], None),
        (True, [2]),
        (2**40, None),
        (1j, [2]),
    ],
)
def test_parse_what_make_tensor_proto_fills(tf, values: Any, shape: Any) -> None:
    proto = tf.make_tensor_proto(values, shape=shape)
    expected = tf.io.parse_tensor(proto.SerializeToString(), proto.dtype).numpy()
    parsed = parse_tensor(proto.SerializeToString())
    assert parsed.dtype == expected.dtype
    assert parsed.tolist() == expected.tolist()


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_tensorflow(tf, name: str) -> None:
    data, expected = VALUES[name]
    theirs = tf.io.parse_tensor(data, tf.as_dtype(expected.dtype)).numpy()
    assert np.asarray(theirs).tolist() == expected.tolist()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_decode_example(tf, values: list[int]) -> None:
    example = tf.train.Example()
    example.features.feature["a"].int64_list.value.extend(values)
    assert decode_example(example.SerializeToString())["a"].tolist() == values
