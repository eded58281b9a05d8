"""One column to the payloads of its records.

A column of one plain kind is encoded as a whole. Any other, and any in which something is not as it
should be, is encoded row by row by the functions after `encode_example`: so a column accepts what
a row accepts, and each error is the row's own.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.buffers import ByteStrings, Present
from tfrecord_lite.example.composites import is_composite, splits_of
from tfrecord_lite.example.encode import encode_as, is_raw_dtype
from tfrecord_lite.example.features import FeatureSpec, RaggedFeature, RawFeature, VarLenFeature
from tfrecord_lite.example.floats import narrow
from tfrecord_lite.example.kinds import (
    BYTES_LIST,
    FLOAT_LIST,
    INT64_LIST,
    KIND_NAMES,
    KINDS,
    kind_of_dtype,
)
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.values import as_text_bytes, encode_feature
from tfrecord_lite.example.varints import encode_varints, varint_sizes
from tfrecord_lite.example.wire import varint

if TYPE_CHECKING:
    from tfrecord_lite._types import AnyArray, Int64Array, Uint8Array

__all__ = ["FirstRow", "Payloads", "column_payloads", "of_one_kind"]

_MAX_INT64: Final = (1 << 63) - 1


class FirstRow(NamedTuple):
    """The kind of a column, and the row that gave it."""

    kind: int
    row: int


class Payloads:
    """The payloads of a feature, one for each record that has it.

    ``content`` is uint8, with the payloads one after another, or a list of bytes; ``sizes`` int64,
    and ``rows`` the records (all where it is None). ``kind`` is the tag of the list that the
    payloads are runs of, or 0 where each payload is a whole serialized Feature.
    """

    def __init__(
        self,
        kind: int,
        content: Uint8Array | list[bytes],
        sizes: Int64Array,
        rows: Int64Array | None = None,
    ) -> None:
        self.kind = kind
        self.content = content
        self.sizes = sizes
        self.rows = rows


def column_payloads(
    column: Any,
    count: int,
    spec: FeatureSpec | None,
    *,
    first_row: int = 0,
    first: FirstRow | None = None,
) -> tuple[Payloads, FirstRow | None]:
    """Encode a column of ``count`` rows; return its kind too.

    ``first`` is what rows before these returned: all have to be of one kind. Errors count the rows
    from ``first_row``.
    """
    payloads = _plain_payloads(column, spec)
    if payloads is None:
        return _row_by_row(column, count, spec, first_row, first)
    if payloads.sizes.size:
        row = 0 if payloads.rows is None else int(payloads.rows[0])
        # Whole Features are made of byte strings only.
        first = of_one_kind(first, payloads.kind or BYTES_LIST, first_row + row)
    return payloads, first


def of_one_kind(first: FirstRow | None, kind: int, row: int) -> FirstRow:
    """Return the first row of a column; ExampleError where ``row`` is of another kind."""
    if first is None:
        return FirstRow(kind, row)
    if first.kind != kind:
        raise ExampleError(
            f"row {row} has {KIND_NAMES[kind]}, where row {first.row} has "
            f"{KIND_NAMES[first.kind]}, but a column has one kind: make all rows of one type (None "
            "leaves a feature out), or pass features=, in which float32 takes integers too"
        )
    return first


def _row_by_row(
    column: Any, count: int, spec: FeatureSpec | None, first_row: int, first: FirstRow | None
) -> tuple[Payloads, FirstRow | None]:
    """Encode each row by itself, as `encode_example` does."""
    features, rows = [], []
    for row in range(count):
        value = column[row]
        if value is None:
            continue
        try:
            parts = encode_feature(value) if spec is None else encode_as(value, spec)
        except ExampleError as error:
            raise ExampleError(f"row {first_row + row}: {error.reason}") from None
        first = of_one_kind(first, parts[0][0], first_row + row)
        features.append(b"".join(parts[:2]))
        rows.append(row)
    whole = _strings(features)
    return Payloads(0, features, whole.sizes, np.array(rows, np.int64)), first


# Columns of one plain kind. Each function returns None for what must be looked at row by row.


def _plain_payloads(column: Any, spec: FeatureSpec | None) -> Payloads | None:
    if isinstance(getattr(column, "values", column), np.ma.MaskedArray):
        return None
    if isinstance(column, Present):
        payloads = _plain_payloads(column.values, spec)
        if payloads is not None:
            payloads.rows = column.rows if payloads.rows is None else column.rows[payloads.rows]
        return payloads
    if isinstance(column, ByteStrings):
        return _byte_strings(column, spec)
    if isinstance(spec, RawFeature):
        return _raw(column, spec)
    if spec is not None and (is_composite(spec) or spec.dtype is np.uint8):
        return _strings_of_bytes(column) if spec.dtype is np.uint8 else None
    if spec is None:
        return _plain(column)
    floats = spec.dtype is np.float32
    if _one_value_a_row(column, spec):
        payloads = _plain_list(list(column), floats=floats) if _is_list(column) else None
    elif _fits(column, spec):
        return _array(column.reshape(len(column), math.prod(column.shape[1:])), floats=floats)
    elif isinstance(column, Ragged) and isinstance(spec, (VarLenFeature, RaggedFeature)):
        payloads = _ragged(column, floats=floats)
    else:
        return None
    if payloads is None:
        return None
    # Whole Features are made of byte strings only.
    return payloads if (payloads.kind or BYTES_LIST) == KINDS[spec.dtype] else None


def _plain(column: Any) -> Payloads | None:
    if isinstance(column, Ragged):
        return _ragged(column)
    if _is_list(column):
        return _plain_list(list(column))
    return _array(column) if isinstance(column, np.ndarray) and column.ndim <= 2 else None


def _ragged(column: Ragged, *, floats: bool = False) -> Payloads | None:
    values = column.values
    if isinstance(values, Ragged) or values.ndim != 1:
        return None
    if values.dtype == object:
        return _string_lists(column)
    return _numbers(values, column.row_splits, rounded=floats)


def _is_list(column: Any) -> bool:
    """Tell whether a column has a Python object for each row."""
    if isinstance(column, np.ndarray):
        return column.dtype == object and column.ndim == 1
    return isinstance(column, (list, tuple))


def _one_value_a_row(column: Any, spec: Any) -> bool:
    """Tell whether a feature takes one value a row, and a column of objects may have that."""
    return _is_list(column) and math.prod(getattr(spec, "shape", ())) == 1


def _fits(column: Any, spec: Any) -> bool:
    """Tell whether an array is of the kind and shape that a feature expects."""
    if not isinstance(column, np.ndarray) or column.shape[1:] != getattr(spec, "shape", None):
        return False
    kind, wanted = kind_of_dtype(column.dtype), KINDS[spec.dtype]
    return kind == wanted or (kind == INT64_LIST and wanted == FLOAT_LIST)


def _strings_of_bytes(column: Any) -> Payloads | None:
    """Return the byte strings that the rows of a `Ragged` of uint8 are."""
    values = column.values if isinstance(column, Ragged) else None
    if not isinstance(values, np.ndarray) or values.dtype != np.uint8 or values.ndim != 1:
        return None
    begin, end = column.row_splits[[0, -1]].tolist()
    content = np.ascontiguousarray(values[begin:end])
    return Payloads(BYTES_LIST, content, np.diff(column.row_splits))


def _byte_strings(column: ByteStrings, spec: Any) -> Payloads | None:
    sizes = np.diff(column.offsets)
    if isinstance(spec, RawFeature):
        fits = bool((sizes == spec.nbytes).all())
    else:
        fits = spec is None or (
            spec.dtype in (bytes, np.uint8)
            and math.prod(getattr(spec, "shape", ())) == 1
            and not is_composite(spec)
        )
    return Payloads(BYTES_LIST, column.content, sizes) if fits else None


def _raw(column: Any, spec: RawFeature) -> Payloads | None:
    if (
        not isinstance(column, np.ndarray)
        or column.shape[1:] != spec.shape
        or not is_raw_dtype(column.dtype, spec)
    ):
        return None
    content = np.ascontiguousarray(column, spec.dtype).reshape(-1).view(np.uint8)
    return Payloads(BYTES_LIST, content, np.full(len(column), spec.nbytes))


def _plain_list(values: list[Any], *, floats: bool = False) -> Payloads | None:
    """Encode a list of one value a row; integers too as floats where ``floats`` are meant."""
    rows = None
    types = set(map(type, values))
    if type(None) in types:
        rows = np.flatnonzero([value is not None for value in values])
        values = [value for value in values if value is not None]
        types.discard(type(None))
    column: Payloads | None = None
    if types <= {bytes, str}:
        try:
            column = _strings([v.encode() if type(v) is str else v for v in values])
        except UnicodeEncodeError:
            return None
    elif types == {float} or types <= ({int, bool, float} if floats else {int, bool}):
        try:
            array = np.array(values, np.float64 if floats or float in types else np.int64)
        except OverflowError:
            return None
        column = _numbers(array, np.arange(len(array) + 1), rounded=floats)
    if column is not None:
        column.rows = rows
    return column


def _strings(values: list[bytes]) -> Payloads:
    return Payloads(BYTES_LIST, values, np.fromiter(map(len, values), np.int64, len(values)))


def _string_lists(column: Ragged) -> Payloads | None:
    """Encode lists of byte strings, each as a whole Feature; a row without any is one of these."""
    values = column.values[column.row_splits[0] : column.row_splits[-1]]
    if not set(map(type, values)) <= {bytes, str}:
        return None
    try:
        contents = map(as_text_bytes, values)
        strings = [b"\x0a" + varint(len(content)) + content for content in contents]
    except ExampleError:
        return None
    splits = (column.row_splits - column.row_splits[0]).tolist()
    lists = [b"".join(strings[begin:end]) for begin, end in pairwise(splits)]
    features = [bytes((BYTES_LIST,)) + varint(len(content)) + content for content in lists]
    return Payloads(0, features, _strings(features).sizes)


def _array(column: AnyArray, *, floats: bool = False) -> Payloads | None:
    """Encode an array of numbers, of one or two dimensions."""
    width = column.shape[1] if column.ndim == 2 else 1
    splits = np.arange(len(column) + 1) * width
    return _numbers(np.ascontiguousarray(column).reshape(-1), splits, rounded=floats)


def _numbers(flat: AnyArray, splits: Int64Array, *, rounded: bool = False) -> Payloads | None:
    """Encode ``flat[splits[i]:splits[i + 1]]`` as row i; integers as floats if ``rounded``."""
    kind = kind_of_dtype(flat.dtype)
    flat = flat[splits[0] : splits[-1]]
    splits = splits - splits[0]
    if rounded and kind == INT64_LIST:  # by way of a double, as FloatList does
        flat, kind = flat.astype(np.float64), FLOAT_LIST
    if kind == FLOAT_LIST:
        try:
            content = narrow(flat, rounded=rounded).view(np.uint8)
        except ExampleError:
            return None
        return Payloads(kind, content, np.diff(splits) * 4)
    if kind != INT64_LIST or (flat.size and int(flat.max()) > _MAX_INT64):
        return None
    integers = flat.astype(np.int64, copy=False)
    ends = splits_of(varint_sizes(integers))
    return Payloads(kind, encode_varints(integers), np.diff(ends[splits]))
