"""tf.io.parse_example and its like, beside TensorFlow's own where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfrecord_lite.compat as lite
from tfrecord_lite.example import encode_example, encode_sequence_example

RECORDS = [
    encode_example({"id": 1, "name": "a\0", "scores": [0.5, 1.5], "words": ["x", "yz"]}),
    encode_example({"id": 2, "name": b"b", "words": ["w"], "steps": [1, 2, 3, 4]}),
]
SEQUENCES = [
    encode_sequence_example(
        {"id": 1}, {"tokens": [[1, 2], None, [3]], "boxes": [[0.5, 1.0], [2.0, 3.5]]}
    ),
    encode_sequence_example({"tags": ["t"]}, {"tokens": [], "boxes": []}),
]


@pytest.fixture(params=["lite", pytest.param("tensorflow", marks=pytest.mark.tensorflow)])
def tf(request):
    """Both: what holds for ours holds for TensorFlow's."""
    if request.param == "lite":
        return lite
    return pytest.importorskip("tensorflow")


def example_features(tf: Any) -> dict[str, Any]:
    return {
        "id": tf.io.FixedLenFeature([], tf.int64),
        "name": tf.io.FixedLenFeature([], tf.string),
        "scores": tf.io.FixedLenFeature([2], tf.float32, default_value=[-1, -1]),
        "words": tf.io.VarLenFeature(tf.string),
        "ragged": tf.io.RaggedFeature(tf.int64),
        "steps": tf.io.FixedLenSequenceFeature([2], tf.int64, allow_missing=True),
    }


@pytest.mark.parametrize("form", [list, lambda records: lite.constant(records)])
def test_parse_example(tf, form):
    if tf is not lite and form is not list:
        form = tf.constant
    parsed = tf.io.parse_example(form(RECORDS), example_features(tf))
    assert parsed["id"].numpy().tolist() == [1, 2]
    assert parsed["name"].numpy().tolist() == [b"a\0", b"b"]
    assert parsed["scores"].numpy().tolist() == [[0.5, 1.5], [-1, -1]]
    assert parsed["scores"].numpy().dtype == np.float32
    words = parsed["words"]
    assert words.indices.numpy().tolist() == [[0, 0], [0, 1], [1, 0]]
    assert words.values.numpy().tolist() == [b"x", b"yz", b"w"]
    assert words.dense_shape.numpy().tolist() == [2, 2]
    assert parsed["ragged"].to_list() == [[], []]
    assert parsed["ragged"].row_splits.numpy().dtype == np.int32
    assert parsed["ragged"].values.numpy().dtype == np.int64
    assert parsed["steps"].numpy().tolist() == [[[0, 0], [0, 0]], [[1, 2], [3, 4]]]


@pytest.mark.parametrize("function", ["parse_example", "parse_single_example"])
def test_parse_single_example(tf, function):
    parsed = getattr(tf.io, function)(RECORDS[0], example_features(tf))
    assert parsed["id"].numpy() == 1
    assert parsed["name"].numpy() == b"a\0"
    assert parsed["scores"].numpy().tolist() == [0.5, 1.5]
    assert parsed["words"].indices.numpy().tolist() == [[0], [1]]
    assert parsed["words"].values.numpy().tolist() == [b"x", b"yz"]
    assert parsed["words"].dense_shape.numpy().tolist() == [2]
    assert parsed["ragged"].numpy().tolist() == []
    assert parsed["steps"].numpy().shape == (0, 2)


def sequence_features(tf: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    context = {"id": tf.io.FixedLenFeature([], tf.int64, 7), "tags": tf.io.RaggedFeature(tf.string)}
    return context, {
        "tokens": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
        "boxes": tf.io.FixedLenSequenceFeature([2], tf.float32),
        "none": tf.io.VarLenFeature(tf.int64),
    }


def test_parse_sequence_example(tf):
    context, lists, lengths = tf.io.parse_sequence_example(SEQUENCES, *sequence_features(tf))
    assert context["id"].numpy().tolist() == [1, 7]
    assert context["tags"].to_list() == [[], [b"t"]]
    assert lists["tokens"].to_list() == [[[1, 2], [], [3]], []]
    assert lists["tokens"].row_splits.numpy().tolist() == [0, 3, 3]
    assert lists["tokens"].values.to_list() == [[1, 2], [], [3]]
    assert lists["boxes"].numpy().tolist() == [[[0.5, 1], [2, 3.5]], [[0, 0], [0, 0]]]
    assert lists["none"].dense_shape.numpy().tolist() == [2, 0, 0]
    assert lengths["boxes"].numpy().tolist() == [2, 0]
    assert list(lengths) == ["boxes"]


def test_parse_single_sequence_example(tf):
    context, lists = tf.io.parse_single_sequence_example(SEQUENCES[0], *sequence_features(tf))
    assert context["id"].numpy() == 1
    assert context["tags"].numpy().tolist() == []
    assert lists["tokens"].to_list() == [[1, 2], [], [3]]
    assert lists["boxes"].numpy().tolist() == [[0.5, 1], [2, 3.5]]
    assert lists["none"].dense_shape.numpy().tolist() == [0, 0]


def test_what_does_not_fit_is_an_invalid_argument(tf):
    wrong = {"id": tf.io.FixedLenFeature([], tf.string)}
    for call in (
        lambda: tf.io.parse_example(RECORDS, wrong),
        lambda: tf.io.parse_single_example(RECORDS[0], wrong),
        lambda: tf.io.parse_sequence_example(SEQUENCES, wrong),
        lambda: tf.io.parse_single_sequence_example(SEQUENCES[0], wrong),
        lambda: tf.io.parse_sequence_example(
            [b""], {}, {"a": tf.io.FixedLenSequenceFeature([], tf.int64)}
        ),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError):
            call()


def test_what_cannot_be_asked_for_is_a_value_error(tf):
    sequence = {"a": tf.io.FixedLenSequenceFeature([], tf.int64)}
    with pytest.raises(ValueError, match="requires allow_missing to be True"):
        tf.io.parse_example(RECORDS, sequence)
    with pytest.raises(ValueError):
        tf.io.parse_example(RECORDS, {})
    with pytest.raises(ValueError):
        tf.io.parse_single_example(RECORDS, example_features(tf))
    with pytest.raises(ValueError):
        tf.io.parse_sequence_example(SEQUENCES, sequence)


def test_numbers_and_arrays_in_a_list_are_no_records(tf):
    """A 0 was read as an empty record, arrays of objects as the places of these in memory."""
    default = {"id": tf.io.FixedLenFeature([], tf.int64, default_value=3)}
    for wrong in ([0, 0], [2, 2], [np.zeros(0)], [RECORDS[0], None], 0):
        with pytest.raises(ValueError):
            tf.io.parse_example(wrong, default)
        with pytest.raises(ValueError):
            tf.io.parse_sequence_example(wrong, default)
    with pytest.raises(ValueError):
        tf.io.parse_single_example(0, default)
    with pytest.raises(tf.errors.InvalidArgumentError, match="serialized|one dimension"):
        tf.io.parse_example(np.array([RECORDS], object), default)


@pytest.mark.parametrize("name", ["parse_example", "parse_single_example"])
def test_a_record_in_an_array_of_no_dimensions(tf, name):
    parsed = getattr(tf.io, name)(np.array(RECORDS[0], object), example_features(tf))
    assert parsed["id"].numpy() == 1


@pytest.mark.tensorflow
def test_records_in_tensors_of_tensorflow():
    theirs = pytest.importorskip("tensorflow")
    features, (context, lists) = example_features(lite), sequence_features(lite)
    for form in (theirs.constant, lambda records: list(map(theirs.constant, records))):
        assert lite.io.parse_example(form(RECORDS), features)["id"].tolist() == [1, 2]
        parsed = lite.io.parse_sequence_example(form(SEQUENCES), context, lists)
        assert parsed[2]["boxes"].tolist() == [2, 0]
    record, sequence = theirs.constant(RECORDS[1]), theirs.constant(SEQUENCES[1])
    for function in (lite.io.parse_example, lite.io.parse_single_example):
        assert function(record, features)["name"] == b"b"
    assert lite.io.parse_single_sequence_example(sequence, context, lists)[0]["id"] == 7
    with pytest.raises(lite.errors.InvalidArgumentError, match="one dimension"):
        lite.io.parse_example(theirs.constant([RECORDS]), features)


def test_splits_of_another_dtype_are_refused(tf):
    """They were made, of floats or of integers that overflow."""
    with pytest.raises(ValueError, match="int32 or int64"):
        tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.float32)


def test_elements_have_values():
    """In TensorFlow 2.21 the process ends when it parses such; later ones refuse them."""
    with pytest.raises(ValueError, match="dimensions must be positive"):
        lite.io.FixedLenSequenceFeature([0], lite.float32)


def test_only_here():
    with pytest.raises(ValueError, match="a list or a tensor of bytes"):
        lite.io.parse_sequence_example(SEQUENCES[0], *sequence_features(lite))
    parsed = lite.io.parse_example(RECORDS, example_features(lite))
    assert lite.is_tensor(parsed["id"])
    assert len(parsed["ragged"]) == 2
    assert repr(parsed["ragged"]) == "<RaggedTensor [[], []]>"
