"""Ragged rows as lists and as a sparse matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import Ragged, decode_example, encode_examples

ROWS = [[1, 2], [], [3], [4, 5, 6]]
RAGGED = Ragged(np.arange(1, 7), np.array([0, 2, 2, 3, 6]))


def test_rows() -> None:
    assert RAGGED.to_list() == ROWS
    assert len(RAGGED) == 4
    assert [row.tolist() for row in RAGGED] == ROWS
    assert RAGGED[-1].tolist() == ROWS[-1]
    for row in (4, -5):
        with pytest.raises(IndexError):
            RAGGED[row]


def test_sparse() -> None:
    indices, values, dense_shape = RAGGED.to_sparse()
    assert indices.tolist() == [[0, 0], [0, 1], [2, 0], [3, 0], [3, 1], [3, 2]]
    assert values.tolist() == [1, 2, 3, 4, 5, 6]
    assert dense_shape.tolist() == [4, 3]
    assert indices.dtype == dense_shape.dtype == np.int64


def test_some_of_the_rows() -> None:
    # Rows that begin in the middle of their values.
    some = Ragged(RAGGED.values, RAGGED.row_splits[2:])
    assert some.to_list() == ROWS[2:]
    indices, values, dense_shape = some.to_sparse()
    assert indices.tolist() == [[0, 0], [1, 0], [1, 1], [1, 2]]
    assert values.tolist() == [3, 4, 5, 6]
    assert dense_shape.tolist() == [2, 3]


def test_slices() -> None:
    assert RAGGED[1:3].to_list() == ROWS[1:3]
    assert RAGGED[-2:].to_list() == ROWS[-2:]
    assert RAGGED[3:1].to_list() == []
    assert RAGGED[:].to_list() == ROWS
    with pytest.raises(ValueError, match="in steps of 1, not 2"):
        RAGGED[::2]


def test_rows_of_rows() -> None:
    nested = Ragged(RAGGED, np.array([0, 1, 1, 4]))
    assert nested.to_list() == [ROWS[:1], [], ROWS[1:]]
    assert nested[2].to_list() == ROWS[1:]
    assert nested[2][0].tolist() == []
    sparse = nested[1:].to_sparse()
    assert sparse.indices.tolist() == [[1, 1, 0], [1, 2, 0], [1, 2, 1], [1, 2, 2]]
    assert sparse.values.tolist() == [3, 4, 5, 6]
    assert sparse.dense_shape.tolist() == [2, 3, 3]
    empty = Ragged(RAGGED[:0], np.zeros(3, np.int64)).to_sparse()
    assert empty.indices.shape == (0, 3)
    assert empty.dense_shape.tolist() == [2, 0, 0]


@pytest.mark.parametrize("rows", [0, 2])
def test_nothing(rows: int) -> None:
    empty = Ragged(np.empty(0, np.float32), np.zeros(rows + 1, np.int64))
    assert empty.to_list() == [[]] * rows
    indices, values, dense_shape = empty.to_sparse()
    assert indices.shape == (0, 2)
    assert values.dtype == np.float32
    assert dense_shape.tolist() == [rows, 0]


def test_bytes() -> None:
    ragged = Ragged(np.array([b"a\0", b"b"], object), np.array([0, 1, 2]))
    assert ragged.to_list() == [[b"a\0"], [b"b"]]
    assert ragged[0][0] == b"a\0"


def test_splits_that_fit_and_those_that_do_not() -> None:
    """Rows may be empty, at either end too, and values may be left over."""
    values = np.arange(5)
    for splits in ([0], [0, 0], [0, 5], [0, 0, 2, 2, 5, 5], [1, 3], [5, 5], [0, 1, 2]):
        rows = [values[begin:end].tolist() for begin, end in pairwise(splits)]
        records = encode_examples({"a": Ragged(values, np.array(splits))})
        assert [decode_example(record)["a"].tolist() for record in records] == rows
    wrong = {
        (0, 2, 1): "row 1: the row_splits of a Ragged say 2 to 1 of 5 values; they",
        (0, 0, 6): "row 1: the row_splits of a Ragged say 0 to 6 of 5 values; they",
        (-1, 2): "row 0: the row_splits of a Ragged say -1 to 2 of 5 values; they",
        (6,): "row 0: the row_splits of a Ragged say 6 to 6 of 5 values; they",
    }
    for splits, said in wrong.items():
        with pytest.raises(ExampleError, match=said):
            encode_examples({"a": Ragged(values, np.array(splits))})
    for other, name in ((np.array(3), "ndarray"), ([1, 2], "list")):
        with pytest.raises(ExampleError, match=f"the values of a Ragged are of type {name}, not"):
            encode_examples({"a": Ragged(other, np.array([0, 1]))})  # type: ignore[arg-type]
