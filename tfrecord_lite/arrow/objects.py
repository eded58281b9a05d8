"""Columns of Python objects, of which Arrow makes what the first of them are.

So a datetime among dates would be a day to it, an integer among dates one too, and of a time of
pandas nanoseconds would be left out, all in silence. Here all rows are looked at before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, Final

import numpy as np

from tfrecord_lite.byte_strings import lost_nuls
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.kinds import KIND_NAMES, kind_of
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.values import refuse_masked

__all__ = ["checked_objects", "is_objects", "shape_of_rows"]

_LISTS: Final = (list, tuple, np.ndarray)
# The first that a class is one of: a datetime is a date, too.
_TIMES: Final = {
    dt.datetime: "datetimes",
    dt.date: "dates",
    dt.time: "times of day",
    dt.timedelta: "durations",
    np.datetime64: "datetime64 of NumPy",
    np.timedelta64: "timedelta64 of NumPy",
}
_WITH_ZONE: Final = "datetimes with a time zone"
_TIME_KINDS: Final = {*_TIMES.values(), _WITH_ZONE}
_MISSING: Final = "nothing"
_LIST: Final = "lists"
_SET: Final = "sets"
_LOOKED_AT: Final = {_LIST, _SET, "datetimes", "durations"}
_NUMBERS: Final = {"bools", "integers", "floats"}


def is_objects(values: Any) -> bool:
    """Tell whether a column, or its rows, may be of any types."""
    dtype = getattr(values, "dtype", None)
    return dtype is None or (isinstance(dtype, np.dtype) and dtype.kind == "O")


def checked_objects(name: str, values: Any, *, said: bool, first_row: int = 0) -> Any:
    """Return values of which Arrow makes no others; bools among integers are integers.

    ExampleError for values of several kinds in a column, with its rows, of which the first here is
    ``first_row``, and for an array that `encode_example` refuses. Where it is ``said`` what the
    column becomes, only times have to be of one kind.
    """
    if not is_objects(values):
        return values
    seen: dict[str, int] = {}
    changed: dict[int, Any] = {}
    for row, value in enumerate(values, first_row):
        cls: type = type(value)
        kind = _kind_of_type(cls)
        if kind not in _LOOKED_AT:
            seen.setdefault(kind, row)
            continue
        try:
            plain = _plain_array(value) if isinstance(value, np.ndarray) else value
            for kind in sorted(_kinds(plain)):
                seen.setdefault(kind, row)
        except ExampleError as error:
            raise ExampleError(f"column {quote(name)}: row {row} has {error.reason}") from None
        if plain is not value:
            changed[row] = plain
    if changed:
        rows = (changed.get(row, value) for row, value in enumerate(values, first_row))
        values = np.fromiter(rows, object, len(values))
    _require_one_shape(name, values, first_row)
    seen.pop(_MISSING, None)
    if seen.keys() >= {"bools", "integers"}:
        values = np.fromiter(map(_with_integers, values), object, len(values))
        seen = {"integers" if kind == "bools" else kind: row for kind, row in seen.items()}
    if len(seen) > 1 and not (said and seen.keys().isdisjoint(_TIME_KINDS)):
        (kind, row), (other, other_row), *_ = seen.items()
        numbers = ", or pass features=, in which float32 takes integers too"
        raise ExampleError(
            f"column {quote(name)}: row {other_row} has {other}, where row {row} has {kind}, but a "
            "column has one kind: make all rows of one type (None leaves a feature out)"
            + (numbers if {kind, other} <= _NUMBERS else "")
        )
    return values


def shape_of_rows(values: Any) -> tuple[int, ...]:
    """Return the shape of the arrays of several dimensions in a checked column; () without any."""
    return next((value.shape for value in values if _is_shaped(value)), ())


def _is_shaped(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 1


def _require_one_shape(name: str, values: Any, first_row: int) -> None:
    """Raise ExampleError for arrays of several dimensions where other rows are of other shapes."""
    wanted = shape_of_rows(values)
    if not wanted:
        return
    shapes: dict[Any, int] = {}
    for row, value in enumerate(values, first_row):
        cls: type = type(value)
        if _is_shaped(value):
            shapes.setdefault(f"an array of shape {value.shape}", row)
        elif _kind_of_type(cls) != _MISSING:
            shapes.setdefault("a list or a value", row)
    if len(shapes) > 1:
        (shape, row), (other, other_row), *_ = shapes.items()
        raise ExampleError(
            f"column {quote(name)}: row {other_row} has {other}, where row {row} has {shape}, but "
            "a column has one shape: .ravel() them, and make the shape a column of its own"
        )


def _plain_array(array: Any) -> Any:
    """Return an array, in the byte order of this machine, or the value of one without dimensions.

    Arrow takes no others. ExampleError for one whose values are not all told, which it would take.
    """
    refuse_masked(array)
    if array.dtype.kind in "SU" and (lost := lost_nuls(array)):
        raise ExampleError(lost[1])
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.ndim else array[()]


def _kinds(value: Any) -> set[str]:
    """Return which kinds of values there are in a row; ExampleError for one cut, or a set."""
    if not isinstance(value, _LISTS):
        return _kinds_of_types({type(value)}, [value])
    if isinstance(value, np.ndarray) and not is_objects(value):
        return _kinds_of_types({value.dtype.type}, [])
    types = set(map(type, value))
    if any(issubclass(cls, _LISTS) for cls in types):
        return set().union(*map(_kinds, value))
    return _kinds_of_types(types, value)


def _kinds_of_types(types: set[type], values: Any) -> set[str]:
    kinds = set(map(_kind_of_type, types))
    if _SET in kinds:
        cls = next(cls for cls in types if _kind_of_type(cls) == _SET)
        reason = "whose values have no order; make a list of it, as sorted() does"
        raise ExampleError(f"a {cls.__name__}, {reason}")
    if not kinds.isdisjoint(("datetimes", "durations")):
        for value in values:
            if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
                raise ExampleError(
                    f"{value!r}, of which Arrow leaves out the nanoseconds: make the column one of "
                    "datetime64[ns] or timedelta64[ns], as pandas.to_datetime does"
                )
        times = [value for value in values if isinstance(value, dt.datetime)]
        with_zone = [value.tzinfo is not None for value in times if value == value]  # no NaT
        if any(with_zone):
            kinds.add(_WITH_ZONE)
        if with_zone and all(with_zone):
            kinds.remove("datetimes")
    return kinds


@lru_cache(maxsize=256)
def _kind_of_type(cls: type) -> str:
    """Return what errors call the values of a type."""
    if cls is type(None) or cls.__name__ == "NAType":
        return _MISSING
    if issubclass(cls, _LISTS):
        return _LIST
    if issubclass(cls, AbstractSet):
        return _SET
    if issubclass(cls, (bool, np.bool_)):
        return "bools"
    if kind := kind_of(cls):
        return KIND_NAMES[kind]
    for time, name in _TIMES.items():
        if issubclass(cls, time):
            return name
    return f"values of type {cls.__name__}"


def _with_integers(value: Any) -> Any:
    """Return a value in which bools are integers."""
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, np.ndarray) and not is_objects(value):
        return value.astype(np.int64) if value.dtype == np.bool_ else value
    return list(map(_with_integers, value)) if isinstance(value, _LISTS) else value
