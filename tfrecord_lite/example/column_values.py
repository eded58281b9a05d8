"""Columns as callers pass them, made of the few forms that the encoder knows.

What a column as a whole tells, and its rows no longer do, is checked here: row splits that do not
fit their values, and trailing NULs that NumPy may have dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.byte_strings import lost_nuls
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.buffers import ByteStrings, Present
from tfrecord_lite.example.encode import sorted_names
from tfrecord_lite.example.features import FeatureSpec, RawFeature
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged, Sparse, checked

if TYPE_CHECKING:
    import numpy.typing as npt


__all__ = ["known_column", "known_columns", "row_count", "series_values"]

_NO_COLUMNS: Final = (str, bytes, bytearray, memoryview, Mapping, AbstractSet)


def known_columns(
    columns: Mapping[str, object], features: Mapping[str, FeatureSpec] | None
) -> dict[str, Any]:
    """Return columns in the forms that the encoder knows; of such, the same again.

    Raises TypeError for what is no column, and ExampleError, which names the feature, for row
    splits that do not fit or an array of strings that may have lost trailing NULs.
    """
    if not isinstance(columns, Mapping):
        raise TypeError(
            f"columns are a mapping of names to columns, not {type(columns).__name__}; tables, and "
            "rows that are dicts, are for write_examples(path, rows) and ShardWriter.write_table"
        )
    known = {}
    for name in sorted_names(columns):
        column = columns[name]
        spec = None if features is None else features.get(name)
        try:
            known[name] = known_column(column, spec)
        except (ExampleError, TypeError) as error:
            reason = error.reason if isinstance(error, ExampleError) else error
            raise type(error)(f"feature {quote(name)}: {reason}") from None
    return known


def known_column(column: Any, spec: FeatureSpec | None = None) -> Any:
    """Return a column as an array, a `Ragged`, or a sequence of rows."""
    if isinstance(column, (ByteStrings, Present)):
        return column
    if isinstance(column, Ragged):
        ragged = checked(column)
        if isinstance(ragged.values, Ragged):
            try:
                return Ragged(known_column(ragged.values, spec), ragged.row_splits)
            except ExampleError as error:
                raise ExampleError(f"in its steps: {error.reason}") from None
        if not _is_strings(ragged.values, spec):
            return ragged
        splits = ragged.row_splits
        used = ragged.values[splits[0] : splits[-1]]
        ends = splits[1:] - splits[0]
        return Ragged(
            _strings(used, lambda index: int(np.searchsorted(ends, index, "right"))),
            splits - splits[0],
        )
    if isinstance(column, np.ndarray) and column.ndim:
        if isinstance(column, np.ma.MaskedArray):
            return column
        column = np.asarray(column)  # chararray's elements are not what it holds
        if not _is_strings(column, spec):
            return column
        return _strings(column, lambda index: index // math.prod(column.shape[1:]))
    if hasattr(column, "iloc") and getattr(column, "ndim", 0) == 1:
        return known_column(series_values(column), spec)  # [i] of a Series goes by label
    if getattr(column, "_fields", None) == Sparse._fields:
        raise TypeError(
            "a sparse tensor is no column of one feature: pass its values, and its indices, each "
            "as a Ragged or as lists, by the names of their features"
        )
    if isinstance(column, _NO_COLUMNS) or not _is_sequence(column):
        raise TypeError(
            f"a column is an array, a list with an element for each row, or a Ragged, and not "
            f"{quote(column)}"
        )
    try:
        column[:0]
    except TypeError:
        # A deque takes no slices.
        return list(column)
    return column


def series_values(series: Any) -> npt.NDArray[Any]:
    """Return the values of a Series of pandas, None for what is missing; a float's NaN is a value.

    Where the dtype is object, NaN is a value if all that is not missing are floats.
    """
    dtype = series.dtype
    if str(dtype).startswith("Sparse"):
        return series_values(series.sparse.to_dense())
    if hasattr(dtype, "categories"):  # NumPy's form of integers with one missing is float64
        codes = series.cat.codes.to_numpy()
        return np.asarray(np.append(dtype.categories.to_numpy(dtype=object), [None])[codes])
    if not isinstance(dtype, np.dtype):
        return np.asarray(series.to_numpy(dtype=object, na_value=None))
    values = np.asarray(series.to_numpy())
    return _with_none(values, series.isna().to_numpy()) if dtype.kind == "O" else values


def _with_none(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return objects with None for those that are missing, if they are no floats among floats."""
    if not missing.any():
        return values
    if all(isinstance(value, (float, np.floating)) for value in values[~missing]):
        missing = missing & [not isinstance(value, (float, np.floating)) for value in values]
    values = values.copy()
    values[missing] = None
    return values


def _is_sequence(column: Any) -> bool:
    known = hasattr(column, "__len__") and hasattr(column, "__getitem__")
    return known and getattr(column, "ndim", 1) > 0 and not hasattr(column, "iloc")


def _is_strings(array: Any, spec: FeatureSpec | None) -> bool:
    """Tell whether these are elements of which NumPy drops trailing NULs."""
    return (
        isinstance(array, np.ndarray)
        and not isinstance(array, np.ma.MaskedArray)
        and array.dtype.kind in "SU"
        and not isinstance(spec, RawFeature)
    )


def _strings(array: npt.NDArray[Any], row_of: Callable[[int], int]) -> npt.NDArray[Any]:
    """Return an array of dtype S or U as objects; ExampleError where NULs may be missing."""
    if lost := lost_nuls(array):
        raise ExampleError(f"row {row_of(lost[0])}: {lost[1]}")
    # Without elements, the dtype alone tells the kind.
    return array.astype(object) if array.size else array


def row_count(columns: Mapping[str, Any]) -> int:
    """Return how many rows all columns have; ValueError where they differ."""
    if not columns:
        raise ValueError("no columns; pass at least one")
    counts = {name: len(column) for name, column in columns.items()}
    (first, rows), *others = counts.items()
    for name, count in others:
        if count != rows:
            raise ValueError(
                f"columns of different lengths: {quote(first)} has {rows} rows, {quote(name)} "
                f"has {count}"
            )
    return rows
