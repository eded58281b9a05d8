"""What is said of features and values that cannot be: which one, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tfrecord_lite as tfr


class RAGGED(NamedTuple):
    """A feature of tf.io's, by its fields."""

    dtype: Any
    value_key: str | None
    partitions: tuple[Any, ...]
    row_splits_dtype: Any
    validate: bool


FIXED = tfr.FixedLenFeature
KINDS = (
    "an Example has np.int64, np.float32 and bytes, no other; RawFeature reads an array of any "
    "dtype from a byte string"
)
FLAT = (
    "but a Feature is flat: flatten the whole, or make it one array and pass features= with its "
    "shape"
)
ONE_KIND = (
    "but a column has one kind: make all rows of one type (None leaves a feature out), or pass "
    "features=, in which float32 takes integers too"
)

SAID: dict[str, tuple[Callable[[], Any], str]] = {
    "dtype": (
        lambda: FIXED([], np.float64),
        f"dtype <class 'numpy.float64'>: {KINDS}",
    ),
    "default value": (
        lambda: FIXED([2], np.int64, [1, 2, 3]),
        "default_value has 3 elements, where the shape (2,) has 2",
    ),
    "name": (
        lambda: tfr.encode_example({7: 1}),  # type: ignore[dict-item]
        "feature name 7 is of type int; a name is a str",
    ),
    "mixed": (
        lambda: tfr.encode_example({"a": [b"x", b"y", 1]}),
        "feature 'a': element 2 is 1",
    ),
    "nested": (
        lambda: tfr.encode_example({"a": [1, [2]]}),
        f"feature 'a': element 1 is [2], {FLAT}",
    ),
    "two dimensions": (
        lambda: tfr.encode_example({"a": np.zeros((2, 3), np.int64)}),
        (
            "feature 'a': an array of shape (2, 3), where a Feature is flat: pass features= with a "
            "FixedLenFeature or RawFeature of that shape, or .ravel() it and store the shape too"
        ),
    ),
    "a column of two kinds": (
        lambda: tfr.encode_examples({"a": [1, None, 2.5]}),
        f"feature 'a': row 2 has floats, where row 0 has integers, {ONE_KIND}",
    ),
    "a row of a column": (
        lambda: tfr.encode_examples({"a": [[1], None, [2, [3]]]}),
        f"feature 'a': row 2: element 1 is [3], {FLAT}",
    ),
    "partitions of tf.io": (
        lambda: tfr.parse_example([], {"a": RAGGED(np.int64, "a/v", ["n"], np.int32, False)}),
        (
            "feature 'a', tf.io.RAGGED: partition 'n' is none of RaggedFeature's RowSplits, "
            "RowLengths, RowStarts, RowLimits, ValueRowIds, UniformRowLength"
        ),
    ),
    "masked": (
        lambda: tfr.encode_example({"a": np.ma.masked_array([1, 2], [False, True])}),
        "feature 'a': a masked array",
    ),
    "masked bytes of an array": (
        lambda: tfr.encode_example(
            {"a": np.ma.masked_array([1, 2], [False, True])},
            {"a": tfr.RawFeature([2], np.int64)},
        ),
        "feature 'a': a masked array",
    ),
    "count": (
        lambda: tfr.parse_example(
            [tfr.encode_example({"a": [1, 2]}), tfr.encode_example({"a": [1]})],
            {"a": FIXED([2], np.int64)},
        ),
        (
            "record 1: feature 'a': found 1 values, expected 2 for the shape (2,); RaggedFeature "
            "and VarLenFeature take any number"
        ),
    ),
    "steps": (
        lambda: tfr.encode_sequence_example({}, {"a": [[1], [2.5]]}),
        (
            "feature list 'a', step 1 has floats, where step 0 has integers, but a feature "
            "list has one kind: make all steps of one type"
        ),
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name: str) -> None:
    call, expected = SAID[name]
    with pytest.raises((ValueError, TypeError, tfr.ExampleError)) as caught:
        call()
    assert str(caught.value).startswith(expected)


def test_a_ragged_of_tf_io_without_partitions() -> None:
    record = tfr.encode_example({"a": [1, 2]})
    feature = RAGGED(np.int64, None, (), np.int32, False)
    assert tfr.parse_example([record], {"a": feature})["a"].to_list() == [[1, 2]]


@pytest.mark.parametrize("dtype", ["int64", np.int64, int, np.dtype(np.int64)], ids=repr)
def test_a_dtype_by_any_name(dtype: Any) -> None:
    assert tfr.FixedLenFeature([], dtype) == tfr.FixedLenFeature([], np.int64)
