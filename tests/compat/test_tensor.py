"""tf.constant, the dtypes, serialize_tensor and parse_tensor."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite.compat as tf

VALUES = [
    (1, np.int32),
    (2**31, np.int64),
    (1.5, np.float32),
    (True, np.bool_),
    (1j, np.complex128),
    ([1, 2], np.int32),
    ([2**40, 1], np.int64),
    ([1, 2.5], np.float32),
    ((1, 2), np.int32),
    (range(3), np.int32),
    ([[1], [2]], np.int32),
    ([], np.float32),
    ([[]], np.float32),
    (np.float64(1), np.float64),
    ([np.float64(1)], np.float64),
    ([np.int64(1), 2], np.int32),
    ([np.arange(2), np.arange(2)], np.int32),
    (np.arange(3, dtype=np.uint16), np.uint16),
    (np.float16(1), np.float16),
]


@pytest.mark.parametrize(("value", "dtype"), VALUES)
def test_dtypes_of_numbers(value, dtype):
    tensor = tf.constant(value)
    assert tensor.dtype == dtype
    assert tensor.shape == np.shape(value)
    assert np.array_equal(tensor.numpy(), np.asarray(value, dtype))
    assert type(tensor.numpy()) is (np.ndarray if tensor.shape else np.dtype(dtype).type)
    assert tf.convert_to_tensor(value).tobytes() == tensor.tobytes()


@pytest.mark.parametrize("value", ["grün", "grün".encode(), np.str_("grün")])
def test_a_string(value):
    tensor = tf.constant(value)
    assert tensor.numpy() == "grün".encode()
    assert type(tensor.numpy()) is bytes
    assert tensor == "grün".encode()
    assert tensor.shape == ()
    assert tensor.dtype == tf.string


@pytest.mark.parametrize(
    "value", [["a", b"b\0"], np.array([b"a", b"b\0"], object), (np.str_("a"), "b\0")]
)
def test_strings(value):
    tensor = tf.constant(value)
    assert tensor.numpy().tolist() == [b"a", b"b\0"]
    assert tensor[1] == b"b\0"


def test_what_is_a_tensor():
    kind = type(tf.constant(0))
    for tensor in (tf.constant([1]), tf.constant("a"), tf.io.serialize_tensor(1)):
        assert isinstance(tensor, kind)
        assert isinstance(tensor, tf.Tensor)
        assert tf.is_tensor(tensor)
    for other in (0, b"a", "a", np.zeros(1), np.float32(0), [1], None):
        assert not isinstance(other, kind)
        assert not tf.is_tensor(other)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, tf.float32, np.float32(1)),
        ([1, 2], tf.int64, np.array([1, 2])),
        (200, tf.uint8, np.uint8(200)),
        (2**63, tf.uint64, np.uint64(2**63)),
        (True, tf.int32, np.int32(1)),
        (1, "float64", np.float64(1)),
        (np.arange(3), tf.int32, np.arange(3, dtype=np.int32)),
        (np.array([1.5]), tf.int32, np.array([1], np.int32)),
    ],
)
def test_a_dtype_asked_for(value, dtype, expected):
    tensor = tf.constant(value, dtype=dtype)
    assert tensor.dtype == expected.dtype
    assert np.array_equal(tensor, expected)


@pytest.mark.parametrize("value", [[], [[], []], np.zeros((0, 2)), np.array([], object)], ids=repr)
@pytest.mark.parametrize("dtype", [tf.string, tf.int64, tf.bool])
def test_what_is_empty_is_of_any_dtype(value, dtype):
    """As in TensorFlow: a tensor of no strings was a TypeError, and so no batch of no records."""
    tensor = tf.constant(value, dtype)
    assert (tensor.shape, tensor.dtype) == (
        np.shape(value),
        object if dtype is tf.string else dtype,
    )
    features = {"a": tf.io.FixedLenFeature([2], tf.int64)}
    assert tf.io.parse_example(tf.constant([], tf.string), features)["a"].shape == (0, 2)


def test_a_shape_asked_for():
    assert tf.constant(1, shape=(2, 3)).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert tf.constant([1, 2, 3, 4], shape=(2, 2)).tolist() == [[1, 2], [3, 4]]
    assert tf.constant("a", shape=[2]).tolist() == [b"a", b"a"]
    with pytest.raises(ValueError, match="shape"):
        tf.constant([1, 2, 3], shape=(2, 2))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": 1},
        [1, "a"],
        [True, 1],
        [[1], [2, 3]],
        2**63,
        [2**64],
        1e300,
        "\udc80",
        np.array([1, "a"], object),
        np.datetime64(1, "s"),
    ],
)
def test_no_tensor(value):
    with pytest.raises(ValueError, match=r"."):
        tf.constant(value)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, tf.int32),
        (1.5, tf.uint8),
        ("a", tf.int32),
        (1, tf.string),
        (1, tf.bool),
        (1j, tf.float32),
        (np.arange(2), tf.string),
        (np.array(["a"]), tf.float32),
    ],
)
def test_no_lesser_kind(value, dtype):
    with pytest.raises(TypeError):
        tf.constant(value, dtype=dtype)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(300, tf.uint8), (-1, tf.uint8), (2**31, tf.int32), (10**400, tf.float64), (1e300, tf.half)],
)
def test_no_value_is_changed(value, dtype):
    with pytest.raises(ValueError, match="range"):
        tf.constant(value, dtype=dtype)


def test_dtypes_are_numpys():
    for name in tf.dtypes.__all__:
        if name != "string":
            wanted = {"half": "float16", "double": "float64"}.get(name, name)
            assert getattr(tf, name) == getattr(tf.dtypes, name) == np.dtype(wanted)
    assert tf.string is bytes


@pytest.mark.parametrize("value", [value for value, _ in VALUES] + ["grün", [b"a\0", "b"], [["x"]]])
def test_serialize_and_parse(value):
    tensor = tf.constant(value)
    serialized = tf.io.serialize_tensor(value)
    assert type(serialized.numpy()) is bytes
    assert serialized == tf.io.serialize_tensor(tensor) == tf.io.serialize_tensor(tensor.numpy())
    out_type = tf.string if tensor.dtype in (bytes, object) else tensor.dtype
    for source in (serialized, serialized.numpy()):
        parsed = tf.io.parse_tensor(source, out_type)
        assert isinstance(parsed, tf.Tensor)
        assert np.array_equal(parsed.numpy(), tensor.numpy())
        assert parsed.shape == tensor.shape


def test_parse_takes_text_and_arrays_of_no_dimensions():
    """Text was a TypeError; TensorFlow takes it as UTF-8, in which an empty tensor can be."""
    serialized = tf.io.serialize_tensor(np.zeros(0, np.int8))
    binary = (bytearray(serialized), memoryview(serialized))
    for source in (serialized.decode(), np.array(serialized, object), *binary):
        assert tf.io.parse_tensor(source, tf.int8).shape == (0,)


@pytest.mark.tensorflow
def test_parse_takes_dtypes_of_tensorflow():
    theirs = pytest.importorskip("tensorflow")
    for value, dtype in ((1.5, theirs.float32), ("a", theirs.string)):
        assert tf.io.parse_tensor(tf.io.serialize_tensor(value), dtype) == tf.constant(value)
        assert tf.constant(value, dtype) == tf.constant(value)


def test_parse_refuses():
    serialized = tf.io.serialize_tensor([1, 2])
    for several in ([serialized], np.array([serialized], object)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="a scalar"):
            tf.io.parse_tensor(several, tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a TensorProto"):
        tf.io.parse_tensor("bogus", tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"int32.*float32"):
        tf.io.parse_tensor(serialized, tf.float32)
    for data in (b"\xff\xff", serialized[:-1]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.io.parse_tensor(data, tf.int32)
