"""to_tf_features, and what parsing with them gives."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tf_backend.tensors import FEATURES, of_both, plain, record
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset, to_tf_features

RAW_DTYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128", ml_dtypes.bfloat16, ">i4"),
)


def test_each_class():
    made = to_tf_features(FEATURES)
    assert made == {
        "id": tf.io.FixedLenFeature((), tf.int64),
        "vector": tf.io.FixedLenFeature((2, 3), tf.float32),
        "name": tf.io.FixedLenFeature((), tf.string),
        "words": tf.io.VarLenFeature(tf.string),
        "counts": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
        "steps": tf.io.FixedLenSequenceFeature((2,), tf.float32, True, -1.0),
        "weight": tf.io.FixedLenFeature((), tf.float32, 0.5),
        "pair": tf.io.FixedLenFeature((2,), tf.string, [b"x", b"y\0"]),
        "image": tf.io.FixedLenFeature((), tf.string),
    }
    assert list(made) == list(FEATURES)


def test_defaults_of_any_shape_go_through_tensorflow():
    features = {
        "a": tfr.FixedLenFeature([2, 2], np.int64, [[1, 2], [3, -(2**63)]]),
        "b": tfr.FixedLenFeature([2, 1], bytes, [["\0"], [""]]),
    }
    parsed = tf.io.parse_example([b""], to_tf_features(features))
    ours = tfr.parse_example([b""], features)
    for name in features:
        assert plain(parsed[name])[1:] == plain(tf.constant(ours[name], parsed[name].dtype))[1:]


@pytest.mark.parametrize(
    ("feature", "error", "text"),
    [
        (tfr.RawFeature([2], "S5"), ValueError, "'x': tf.io.decode_raw cannot make a tensor of"),
        (tfr.RawFeature([2], "M8[s]"), ValueError, "RawFeature of uint8"),
        (tfr.RawFeature([2], "V4"), ValueError, "RawFeature of uint8"),
        (tfr.RawFeature([], ml_dtypes.float8_e5m2), ValueError, "float8_e5m2"),
        (
            tfr.FixedLenSequenceFeature([], np.int64, allow_missing=False),
            ValueError,
            "'x': allow_missing=False",
        ),
        (np.int16, TypeError, "'x': .* is not a feature class"),
        (tf.io.FixedLenFeature, TypeError, "'x': FixedLenFeature is a class; pass an object"),
        (tf.io.SparseFeature("i", "v", tf.int64, -9), ValueError, "'x', tf.io.SparseFeature"),
    ],
)
def test_features_that_tensorflow_cannot_parse(feature, error, text, tmp_path):
    with pytest.raises(error, match=text):
        to_tf_features({"x": feature})
    with pytest.raises(error, match=text):
        make_dataset(tmp_path / "none", {"x": feature}, batch_size=1)


def test_no_features():
    with pytest.raises(ValueError, match="no features"):
        to_tf_features({})


@pytest.mark.parametrize("dtype", RAW_DTYPES, ids=str)
@pytest.mark.parametrize("shape", first(1, [(2, 2), (3,), ()]), ids=str)
def test_raw_feature_of_each_dtype(dtype, shape, tmp_path):
    array = np.arange(5 * 4).reshape(5, -1)[:, : int(np.prod(shape))].reshape(5, *shape)
    array = array.astype(np.dtype(dtype).newbyteorder("<"))
    features = {"x": tfr.RawFeature(shape, dtype)}
    tfr.write_examples(tmp_path / "a.tfrecord", {"x": array}, features)
    for data in of_both(tmp_path / "a.tfrecord", features, batch_size=3):
        found = np.concatenate([batch["x"].numpy() for batch in data])
        assert found.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, array)
        assert data.element_spec["x"].shape.as_list() == [None, *shape]


@pytest.mark.parametrize("dtype", ["uint8", "uint32"])
@pytest.mark.parametrize("size", [0, 4, 16])
def test_raw_bytes_of_another_length_are_refused(dtype, size, tmp_path):
    """Two records of twice the length could be reshaped to four."""
    records = [tfr.encode_example({"x": bytes(size)})] * 2
    tfr.write_records(tmp_path / "a.tfrecord", records)
    shape = [8] if dtype == "uint8" else [2]
    data = make_dataset(
        tmp_path / "a.tfrecord", {"x": tfr.RawFeature(shape, dtype)}, batch_size=2, check=False
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(data)


def test_empty_raw_feature(tmp_path):
    features = {"x": tfr.RawFeature([0, 3], np.uint8)}
    tfr.write_records(tmp_path / "a.tfrecord", [tfr.encode_example({"x": b""})] * 3)
    for data in of_both(tmp_path / "a.tfrecord", features, batch_size=2):
        assert [batch["x"].shape.as_list() for batch in data] == [[2, 0, 3], [1, 0, 3]]


def test_types_and_static_shapes_are_the_same(tmp_path):
    tfr.write_records(tmp_path / "a.tfrecord", [record(0)])
    theirs, ours = of_both(tmp_path / "a.tfrecord", FEATURES, batch_size=2)
    assert theirs.element_spec == ours.element_spec
    assert list(theirs.element_spec) == list(FEATURES)
    assert ours.element_spec["words"] == tf.SparseTensorSpec([None, None], tf.string)
    assert ours.element_spec["counts"] == tf.RaggedTensorSpec(
        [None, None], tf.int64, row_splits_dtype=tf.int64
    )
