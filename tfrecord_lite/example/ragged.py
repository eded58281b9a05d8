"""Rows of different lengths."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.quote import quote
from tfrecord_lite.text import html_table, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import AnyArray, Int64Array

__all__ = ["Ragged", "Sparse", "checked"]

# In a notebook.
_ROWS_SHOWN = 10


class Sparse(NamedTuple):
    """The three arrays of a ``tf.sparse.SparseTensor``: what a `SparseFeature` gives.

    ``indices`` is int64 ``[values, 2]``, each a row and a column; ``values`` is ``[values]``;
    ``dense_shape`` is int64 ``[2]``, the number of rows and the length of the longest, or that of
    the feature. Of feature lists, and where a feature has several indices, there are more columns.
    The rows ascend.

    >>> Sparse(np.array([[0, 3], [1, 0]]), np.array([7, 8]), np.array([2, 4])).row(0).values
    array([7])
    """

    indices: Int64Array
    values: AnyArray
    dense_shape: Int64Array

    def __repr__(self) -> str:
        shape = ", ".join(map(str, np.asarray(self.dense_shape).tolist()))
        count = plural(len(self.values), "value")
        return f"<Sparse, shape [{shape}], {np.asarray(self.values).dtype}, {count}>"

    def rows(self, begin: int, end: int) -> Sparse:
        """Return these rows alone, the first of which becomes 0.

        >>> whole = Sparse(np.array([[0, 3], [1, 0]]), np.array([7, 8]), np.array([2, 4]))
        >>> whole.rows(1, 2).indices
        array([[0, 0]])
        """
        first, last = np.searchsorted(self.indices[:, 0], [begin, end]).tolist()
        indices = self.indices[first:last].copy()
        indices[:, 0] -= begin
        shape = np.array([end - begin, *self.dense_shape[1:]], np.int64)
        return Sparse(indices, self.values[first:last], shape)

    def row(self, row: int) -> Sparse:
        """Return one row, without the first dimension.

        >>> whole = Sparse(np.array([[0, 3], [1, 0]]), np.array([7, 8]), np.array([2, 4]))
        >>> whole.row(0).indices
        array([[3]])
        """
        one = self.rows(row, row + 1)
        return Sparse(one.indices[:, 1:], one.values, one.dense_shape[1:])

    @staticmethod
    def joined(parts: Sequence[Sparse]) -> Sparse:
        """Put the rows of several together, one below the other."""
        base, indices = 0, []
        for part in parts:
            moved = part.indices.copy()
            moved[:, 0] += base
            indices.append(moved)
            base += int(part.dense_shape[0])
        shape = np.max([part.dense_shape for part in parts], axis=0)
        shape[0] = base
        values = np.concatenate([part.values for part in parts])
        return Sparse(np.concatenate(indices), values, shape)


@dataclass(frozen=True, eq=False, repr=False)
class Ragged:
    """Rows of different lengths; row i is ``values[row_splits[i]:row_splits[i + 1]]``.

    ``values`` is an array ``[values]`` (int64, float32, or object for bytes), ``row_splits`` int64
    ``[rows + 1]``. Of feature lists, ``values`` is itself a `Ragged` of steps.

    >>> ragged = Ragged(np.array([1, 2, 3]), np.array([0, 2, 2, 3]))
    >>> len(ragged), ragged[0]
    (3, array([1, 2]))
    """

    values: Any  # AnyArray | Ragged; callers know which
    row_splits: Int64Array

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Ragged: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            begin, end, step = row.indices(len(self))
            if step != 1:
                raise ValueError(f"a Ragged is sliced in steps of 1, not {step}")
            return Ragged(self.values, self.row_splits[begin : max(begin, end) + 1])
        # range() knows negative numbers, and raises the IndexError that ends an iteration.
        row = range(len(self))[row]
        return self.values[self.row_splits[row] : self.row_splits[row + 1]]

    def __repr__(self) -> str:
        return f"<Ragged, {self._form()}>"

    def _form(self) -> str:
        """Say its shape and the type of its values."""
        shape = f"[{len(self)}"
        values: Any = self
        while isinstance(values, Ragged):
            shape, values = shape + ", None", values.values
        values = np.asarray(values)
        shape += "".join(f", {size}" for size in values.shape[1:]) + "]"
        return f"shape {shape}, {values.dtype}"

    def _repr_html_(self) -> str:
        shown = self[:_ROWS_SHOWN].to_list()
        rows = [[str(row), quote(values)] for row, values in enumerate(shown)]
        if len(rows) < len(self):
            rows.append(["...", ""])
        return html_table(["row", "values"], rows, f"Ragged, {self._form()}")

    def to_list(self) -> list[list[Any]]:
        """Return the rows as lists of Python values.

        >>> Ragged(np.array([1, 2, 3]), np.array([0, 2, 2, 3])).to_list()
        [[1, 2], [], [3]]
        """
        begin = self.row_splits[0]
        values = self.values[begin : self.row_splits[-1]]
        rows = values.to_list() if isinstance(values, Ragged) else values.tolist()
        return [rows[start:stop] for start, stop in pairwise((self.row_splits - begin).tolist())]

    def to_sparse(self) -> Sparse:
        """Return the rows as a sparse matrix.

        >>> Ragged(np.array([7, 8, 9]), np.array([0, 2, 2, 3])).to_sparse().indices
        array([[0, 0],
               [0, 1],
               [2, 0]])
        """
        starts = self.row_splits[:-1]
        lengths = np.diff(self.row_splits)
        rows = np.repeat(np.arange(len(self)), lengths)
        columns = np.arange(rows.size) - np.repeat(starts - self.row_splits[0], lengths)
        indices = np.stack([rows, columns], axis=1)
        dense_shape = np.array([len(self), lengths.max(initial=0)], np.int64)
        values = self.values[self.row_splits[0] : self.row_splits[-1]]
        if not isinstance(values, Ragged):
            return Sparse(indices, values, dense_shape)
        inner = values.to_sparse()
        return Sparse(
            np.concatenate([indices[inner.indices[:, 0]], inner.indices[:, 1:]], axis=1),
            inner.values,
            np.concatenate([dense_shape, inner.dense_shape[1:]]),
        )


def checked(ragged: Ragged) -> Ragged:
    """Return the same rows with splits of int64, or raise ExampleError where they do not fit.

    Splits fit that are a vector of integers, none smaller than the one before it, and none beyond
    the values. They need not begin with 0 or end with the last value: a slice's do not.
    """
    values, splits = ragged.values, np.asarray(ragged.row_splits)
    if isinstance(ragged.row_splits, np.ma.MaskedArray):
        raise ExampleError("the row_splits of a Ragged are a masked array")
    if not isinstance(values, (np.ndarray, Ragged)) or getattr(values, "ndim", 1) == 0:
        raise ExampleError(
            f"the values of a Ragged are of type {type(values).__name__}, not an array of one "
            "dimension or more"
        )
    if splits.dtype.kind not in "iu" or splits.ndim != 1 or splits.size == 0:
        raise ExampleError(
            f"the row_splits of a Ragged are of shape {splits.shape} and dtype {splits.dtype}, "
            "where integers of shape [rows + 1] are expected"
        )
    limit = len(values)
    invalid = (splits < 0) | (splits > limit)
    invalid[1:] |= splits[1:] < splits[:-1]
    if invalid.any():
        index = int(np.argmax(invalid))
        row = max(index - 1, 0)
        begin, end = splits[row : row + 2].tolist() if len(splits) > 1 else (int(splits[0]),) * 2
        raise ExampleError(
            f"row {row}: the row_splits of a Ragged say {begin} to {end} of {limit} values; they "
            "must not decrease, nor go beyond the values"
        )
    return Ragged(values, splits.astype(np.int64, copy=False))
