"""Arrow arrays as columns that the encoder knows, which share their memory where they can."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from tfrecord_lite.arrow.arrays import (
    LostNumberError,
    cast_leaves,
    first_refused,
    leaf_of,
    plain_array,
    without_views,
)
from tfrecord_lite.arrow.types import (
    feature_of,
    is_any_list,
    is_bytes,
    meaning_of,
    parts_of,
    plain_type,
    repeated,
    type_said,
    with_leaf,
)
from tfrecord_lite.dataset.tables import Meaning, TablePart
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.buffers import ByteStrings, Present
from tfrecord_lite.example.composites import UnfitError
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    RaggedFeature,
    RawFeature,
)
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Columns", "row_from", "row_of"]

_LEAVES: Final = {np.int64: pa.int64(), np.float32: pa.float32()}


class Columns:
    """Makes columns of the batches of one schema; ``what`` is what errors call one of them.

    Without ``cast`` there is none to be given.
    """

    def __init__(
        self,
        schema: pa.Schema,
        features: Mapping[str, FeatureSpec],
        cast: Mapping[str, Any] | None,
        what: str = "column",
    ) -> None:
        self.schema = schema
        self._given = features
        self._what = what
        names = schema.names
        if twice := repeated(names):
            raise ExampleError(f"{what} {quote(min(twice))} is there twice; rename one of them")
        casts = cast or {}
        unknown = sorted(casts.keys() - set(names))
        if unknown:
            raise ValueError(f"cast: {quote(unknown[0])} is no column: {', '.join(names)}")
        for name, given in casts.items():
            type_said(name, given)  # refused of columns without values, too
        self._types = {}
        for name, kind in zip(names, schema.types, strict=True):
            if not pt.is_null(plain_type(kind)):
                target = _target(name, kind, casts.get(name), features.get(name))
                try:
                    _require_feature(target)
                except (TypeError, ValueError) as error:
                    by_cast = None if cast is None else f"cast={{{quote(name)}: 'float32'}}"
                    reason = _refused(target, error, by_cast)
                    raise ExampleError(f"{what} {quote(name)} {reason}") from None
                self._types[name] = with_leaf(target, without_views(parts_of(target).leaf))
        self._features = {name: feature_of(kind) for name, kind in self._types.items()}
        self._meanings = {
            name: meaning_of(kind, features.get(name)) for name, kind in self._types.items()
        }

    def part(self, batch: pa.RecordBatch, first_row: int) -> TablePart:
        """Return the columns of some rows, the first of which errors call ``first_row``."""
        columns = self.columns(batch.columns, row_from(first_row))
        meanings = self.meanings(columns, first_row)
        return TablePart(columns, batch.num_rows, self._features, meanings)

    def meanings(self, columns: Mapping[str, Any], first_row: int) -> dict[str, Meaning]:
        """Return what the values of columns mean, those that have any."""
        found = {}
        for name, meaning in self._meanings.items():
            row = _first_row(columns[name])
            if row is not None:
                found[name] = Meaning(meaning, first_row + row)
        return found

    def lists_of_bytes(self) -> dict[str, FeatureSpec]:
        """Return the features whose empty lists are of no kind by themselves."""
        return {
            name: RaggedFeature(bytes)
            for name, feature in self._features.items()
            if feature.dtype is bytes
            and (not isinstance(feature, FixedLenFeature) or 0 in feature.shape)
        }

    def flat_features(self, columns: Mapping[str, Any]) -> dict[str, FeatureSpec]:
        """Return the features of SequenceExamples, which have no lists of fixed sizes in lists."""
        return {
            name: feature
            if isinstance(feature, FixedLenFeature) and not isinstance(columns[name], Present)
            else RaggedFeature(feature.dtype)
            for name, feature in self._features.items()
        }

    def columns(
        self, arrays: Sequence[pa.Array], place: Callable[[str, int], str]
    ) -> dict[str, Any]:
        """Return the columns alone, of the arrays of all columns of the schema.

        ``place`` is what errors call a row of the column of a name.
        """
        columns = {}
        for name, kind in self._types.items():
            array = arrays[self.schema.get_field_index(name)]
            convert = partial(_column, kind=kind, given=self._given.get(name))
            try:
                try:
                    columns[name] = convert(array)
                except pa.ArrowException as error:
                    row, reason = _refusal(array, convert, error)
                    where = "" if row is None else f"{place(name, row)}: "
                    where = f"{self._what} {quote(name)}, as {kind}: {where}"
                    raise ExampleError(where + reason) from None
            except UnfitError as unfit:
                where = f"{self._what} {quote(name)}: {place(name, unfit.record)}"
                raise ExampleError(f"{where} has {unfit.reason}") from None
        return columns


def _first_row(column: Any) -> int | None:
    """Return the first row that has values, of a column of the encoder's; None where none has."""
    if isinstance(column, Present):
        return int(column.rows[0]) if len(column.rows) else None
    if not isinstance(column, list):
        return 0 if len(column) else None
    return next((row for row, steps in enumerate(column) if steps is not None and len(steps)), None)


def row_from(first_row: int) -> Callable[[str, int], str]:
    """Return what errors call a row, of those from the first one on."""
    return lambda _, row: f"row {first_row + row}"


def _target(
    name: str, kind: pa.DataType, cast: Any, given: FeatureSpec | None = None
) -> pa.DataType:
    """Return the type that a column is made, which a feature may have or not."""
    if cast is None and given is not None and pt.is_null(parts_of(kind).leaf):
        cast = _LEAVES.get(given.dtype, pa.binary())  # of lists without values
    if cast is not None:
        wanted = type_said(name, cast)
        nested = pt.is_nested(wanted) or not pt.is_nested(plain_type(kind))
        kind = wanted if nested else with_leaf(kind, wanted)
    return kind


def _require_feature(kind: pa.DataType) -> None:
    """Raise TypeError for a type whose values no feature holds, or not all that they tell."""
    feature_of(kind)
    _, shape, is_list = parts_of(kind)
    if is_list and 0 in shape:
        raise TypeError(f"{kind}, of whose items an Example does not keep how many there are")


def _refusal(
    array: pa.Array, convert: Callable[[pa.Array], object], error: pa.ArrowException
) -> tuple[int | None, str]:
    """Return the first row that Arrow refuses to convert, and why; None where it is the type.

    Raises `UnfitError` for a row before it that does not fit.
    """
    row = None
    try:
        convert(array[:0])
        row = first_refused(array, convert)
        convert(array[: row + 1])
    except pa.ArrowException as first:
        error = first
    return row, str(error)


def _refused(kind: pa.DataType, error: Exception, by_cast: str | None) -> str:
    """Return why a type is refused, and what to do, ``by_cast`` for example."""
    leaf, shape, is_list = parts_of(kind)
    if pt.is_null(leaf):
        ways = "by features=" if by_cast is None else f"by features=, or as with {by_cast}"
        return (
            f"has lists without values, which do not tell their kind: say it {ways}, or leave it "
            "out"
        )
    if is_list and 0 in shape:
        advice = "make their number a column of its own"
    elif is_any_list(leaf) or pt.is_fixed_size_list(leaf):
        advice = "make its lists flat, and their sizes a column of their own"
    elif pt.is_struct(leaf):
        advice = "make its fields columns of their own"
    elif pt.is_decimal(leaf) and by_cast is not None:
        advice = f"convert it, as with {by_cast}"
    else:
        advice = "make it numbers or text"
    return f"is of type {error}: {advice}, or leave it out"


def _column(array: pa.Array, kind: pa.DataType, given: FeatureSpec | None) -> Any:
    """Return an array as a column that the encoder knows."""
    array = plain_array(array)
    if not array.null_count:
        return _values(array, kind, given)
    # Casts come after this: what lies behind nulls need not be of the other type.
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    try:
        return Present(_values(array.drop_null(), kind, given), rows, len(array))
    except UnfitError as error:
        error.record = int(rows[error.record])
        raise


def _values(array: pa.Array, kind: pa.DataType, given: FeatureSpec | None) -> Any:
    """Return the values of an array without nulls, as those of a type."""
    lists = with_leaf(kind, leaf_of(array.type))
    if array.type != lists:
        array = array.cast(lists)
        array.validate(full=True)  # not all of these casts can be trusted
    leaf = leaf_of(kind)
    if pt.is_list(kind) or pt.is_large_list(kind):
        splits = array.offsets.to_numpy().astype(np.int64)
        inner = array.values.slice(splits[0], splits[-1] - splits[0])
        splits -= splits[0]
        flat, shape = _flat(inner, splits)
        splits *= math.prod(shape)
        return Ragged(_numbers(_leaves(flat, leaf, splits)), splits)
    if not pt.is_fixed_size_list(kind):
        array = _leaves(array, leaf, range(len(array) + 1))
        return _byte_strings(array) if is_bytes(leaf) else _numbers(array)
    flat, shape = _flat(array, range(len(array) + 1))
    size = math.prod(shape)
    if not size:  # an array of no objects would not tell their kind
        return Ragged(_numbers(_leaves(flat, leaf, ())), np.zeros(len(array) + 1, np.int64))
    if isinstance(given, RawFeature) and flat.type == pa.binary(given.dtype.itemsize):
        # Elements of a dtype that Arrow does not have.
        elements = _byte_strings(flat)
        return ByteStrings(elements.data, elements.offsets[::size])
    flat = _leaves(flat, leaf, range(0, (len(array) + 1) * size, size))
    wanted = getattr(given, "shape", ())
    if min(len(shape), len(wanted)) < 2:  # one of them is flat
        shape = wanted if math.prod(wanted) == size and wanted else (size,)
    return _numbers(flat).reshape(len(array), *shape)


def _flat(array: pa.Array, splits: Any) -> tuple[pa.Array, tuple[int, ...]]:
    """Return the leaves of items of a fixed size, and their shape."""
    shape: tuple[int, ...] = ()
    while True:
        if array.null_count:
            index = int(np.argmin(array.is_valid().to_numpy(zero_copy_only=False)))
            raise UnfitError(
                row_of(index, np.asarray(splits) * math.prod(shape)),
                "a null in its list, but a feature is missing as a whole or not at all: fill it, "
                "or filter it out",
            )
        if not pt.is_fixed_size_list(array.type):
            return array, shape
        shape = (*shape, array.type.list_size)
        array = array.flatten()


def _leaves(flat: pa.Array, leaf: pa.DataType, splits: Any) -> pa.Array:
    """Return leaves as those of a type; ``splits`` tell whose they are."""
    try:
        return cast_leaves(flat, leaf)
    except LostNumberError as lost:
        raise UnfitError(
            row_of(lost.index, splits), f"{lost.reason} as {leaf}: scale it, or store it as text"
        ) from None


def row_of(index: int, splits: Any) -> int:
    """Return the row that an element is of."""
    return int(np.searchsorted(splits, index, "right")) - 1


def _numbers(array: pa.Array) -> Any:
    """Return an array's elements for NumPy: those of byte strings as objects."""
    kind = array.type
    if is_bytes(kind):
        return np.fromiter(array.to_pylist(), object, len(array))
    if pt.is_temporal(kind):
        narrow = pt.is_date32(kind) or pt.is_time32(kind)
        array = array.view(pa.int32() if narrow else pa.int64())
    return array.to_numpy(zero_copy_only=False)


def _byte_strings(array: pa.Array) -> ByteStrings:
    """Share the bytes of an array with the encoder."""
    buffers = array.buffers()
    data = np.frombuffer(buffers[-1] or b"", np.uint8)
    begin, end = array.offset, array.offset + len(array)
    if pt.is_fixed_size_binary(array.type):
        return ByteStrings(data, np.arange(begin, end + 1) * array.type.byte_width)
    large = pt.is_large_binary(array.type) or pt.is_large_string(array.type)
    offsets = np.frombuffer(buffers[1] or bytes(8), np.int64 if large else np.int32)
    return ByteStrings(data, offsets[begin : end + 1].astype(np.int64))
