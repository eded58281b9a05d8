"""Arrow arrays as columns that the encoder knows, which share their memory where they can."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
    SEQUENCE_PARTS,
    are_sequences,
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
from tfrecord_lite.example.sequence_features import SequenceFeatures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Columns", "SequenceColumns", "columns_of"]

_LEAVES: Final = {np.int64: pa.int64(), np.float32: pa.float32()}


class Columns:
    """Makes columns of the batches of one schema."""

    def __init__(
        self, schema: pa.Schema, features: Mapping[str, FeatureSpec], cast: Mapping[str, Any]
    ) -> None:
        self.schema = schema
        self._given = features
        names = schema.names
        if twice := repeated(names):
            raise ExampleError(f"column {quote(min(twice))} is there twice; rename one of them")
        unknown = sorted(cast.keys() - set(names))
        if unknown:
            raise ValueError(f"cast: {quote(unknown[0])} is no column: {', '.join(names)}")
        for name, given in cast.items():
            type_said(name, given)  # refused of columns without values, too
        self._types = {
            field.name: _target(
                field.name, field.type, cast.get(field.name), features.get(field.name)
            )
            for field in schema
            if not pt.is_null(plain_type(field.type))
        }
        self._features = {name: feature_of(kind) for name, kind in self._types.items()}
        self._meanings = {
            name: meaning_of(kind, features.get(name)) for name, kind in self._types.items()
        }

    def part(self, batch: pa.RecordBatch, first_row: int) -> TablePart:
        """Return the columns of some rows, the first of which errors call ``first_row``."""
        columns = self.columns(batch.columns, _row_from(first_row))
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

    def columns(
        self, arrays: Sequence[pa.Array], place: Callable[[str, int], str], what: str = "column"
    ) -> dict[str, Any]:
        """Return the columns alone, of the arrays of all columns of the schema.

        ``place`` is what errors call a row of the ``what`` of a name.
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
                    where = f"{what} {quote(name)}, as {kind}: {where}"
                    raise ExampleError(where + reason) from None
            except UnfitError as unfit:
                where = f"{what} {quote(name)}: {place(name, unfit.record)}"
                raise ExampleError(f"{where} has {unfit.reason}") from None
        return columns


class SequenceColumns:
    """Makes columns of SequenceExamples: of the struct of the context, and of that of the lists."""

    def __init__(self, schema: pa.Schema, features: SequenceFeatures | None) -> None:
        self.schema = schema
        self._of: dict[str, Columns] = {}
        known: dict[str, dict[str, FeatureSpec]] = {part: {} for part in SEQUENCE_PARTS}
        for column in schema:
            steps = column.name == "feature_lists"
            given = {} if features is None else getattr(features, column.name)
            fields = [
                pa.field(field.name, _step_type(field) if steps else field.type)
                for field in column.type
            ]
            self._of[column.name] = columns = Columns(pa.schema(fields), given, {})
            known[column.name] = {**columns.lists_of_bytes(), **given}
        self._features = SequenceFeatures(**known) if any(known.values()) else None

    def part(self, batch: pa.RecordBatch, first_row: int) -> TablePart:
        """Return the columns of some rows, the first of which errors call ``first_row``."""
        parts: dict[str, dict[str, Any]] = {part: {} for part in SEQUENCE_PARTS}
        meanings = {}
        for name, columns in self._of.items():
            children = _children(batch.column(self.schema.get_field_index(name)))
            if name == "context":
                parts[name] = columns.columns(children, _row_from(first_row))
            else:
                parts[name] = _rows_of_steps(columns, children, first_row)
            found = columns.meanings(parts[name], first_row)
            meanings.update({f"{name}: {feature}": found[feature] for feature in found})
        return TablePart(parts, batch.num_rows, meanings=meanings, encode_as=self._features)


def columns_of(
    schema: pa.Schema, features: Any, cast: Mapping[str, Any]
) -> Columns | SequenceColumns:
    """Return what makes columns of the batches of a schema."""
    if not are_sequences(schema):
        if isinstance(features, SequenceFeatures):
            raise TypeError(
                "features is a SequenceFeatures, whose tables have two structs, context and "
                f"feature_lists; these columns are {', '.join(map(quote, schema.names))}"
            )
        return Columns(schema, features or {}, cast)
    if cast:
        raise TypeError("cast is for tables of Examples, and these are SequenceExamples")
    if features and not isinstance(features, SequenceFeatures):
        raise TypeError(
            "features is for Examples, and these columns, context and feature_lists, are those of "
            "SequenceExamples: pass a SequenceFeatures"
        )
    return SequenceColumns(schema, features or None)


def _first_row(column: Any) -> int | None:
    """Return the first row that has values, of a column of the encoder's; None where none has."""
    if isinstance(column, Present):
        return int(column.rows[0]) if len(column.rows) else None
    if not isinstance(column, list):
        return 0 if len(column) else None
    return next((row for row, steps in enumerate(column) if steps is not None and len(steps)), None)


def _children(struct: pa.StructArray) -> list[pa.Array]:
    """Return the plain fields of a struct, null where it is; Arrow does that to runs wrongly."""
    children = [plain_array(struct.field(at)) for at in range(struct.type.num_fields)]
    if not struct.null_count:
        return children
    names = [str(at) for at in range(len(children))]
    return pa.StructArray.from_arrays(children, names, mask=struct.is_null()).flatten()  # type: ignore[no-any-return]


def _step_type(field: pa.Field) -> pa.DataType:
    kind = plain_type(field.type)
    if is_any_list(kind):
        return kind.value_type
    raise ExampleError(
        f"feature list {quote(field.name)} is of type {kind}, but a feature list is a list of steps"
    )


def _row_from(first_row: int) -> Callable[[str, int], str]:
    return lambda _, row: f"row {first_row + row}"


def _rows_of_steps(
    columns: Columns, lists: Sequence[pa.Array], first_row: int
) -> dict[str, list[Any]]:
    """Return for each row the list of its steps, None where there is no list."""
    steps, edges = [], []
    for array in lists:
        there = array.is_valid().to_numpy(zero_copy_only=False)
        sizes = pc.list_value_length(array).fill_null(0).to_numpy()
        steps.append(array.flatten())  # without what lies behind nulls
        edges.append((np.append(0, np.cumsum(sizes)).tolist(), there.tolist()))
    found = {}

    def place(name: str, at: int) -> str:
        splits, _ = edges[columns.schema.get_field_index(name)]
        row = _row_of(at, splits)
        return f"row {first_row + row}, step {at - splits[row]}"

    of_all = columns.columns(steps, place, "feature list")
    for name, (splits, there) in zip(columns.schema.names, edges, strict=True):
        found[name] = [
            _steps(of_all.get(name), *span) if valid else None
            for span, valid in zip(pairwise(splits), there, strict=True)
        ]
    return found


def _steps(column: Any, begin: int, end: int) -> Any:
    if isinstance(column, np.ndarray):
        return column[begin:end]
    return [None if column is None else column[step] for step in range(begin, end)]


def _target(
    name: str, kind: pa.DataType, cast: Any, given: FeatureSpec | None = None
) -> pa.DataType:
    """Return the type that a column is made before its values are taken."""
    if cast is None and given is not None and pt.is_null(parts_of(kind).leaf):
        cast = _LEAVES.get(given.dtype, pa.binary())  # of lists without values
    if cast is not None:
        wanted = type_said(name, cast)
        nested = pt.is_nested(wanted) or not pt.is_nested(plain_type(kind))
        kind = wanted if nested else with_leaf(kind, wanted)
    try:
        feature_of(kind)
    except (TypeError, ValueError) as error:
        raise _refused(name, kind, error) from None
    return with_leaf(kind, without_views(parts_of(kind).leaf))


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


def _refused(name: str, kind: pa.DataType, error: Exception) -> ExampleError:
    leaf = parts_of(kind).leaf
    if is_any_list(leaf) or pt.is_fixed_size_list(leaf):
        advice = "make its lists flat, and their sizes a column of their own"
    elif pt.is_struct(leaf):
        advice = "make its fields columns of their own"
    elif pt.is_null(leaf):
        return ExampleError(
            f"column {quote(name)} has lists without values, which do not tell their kind: say it "
            f"by features=, or as with cast={{{quote(name)}: 'float32'}}, or leave it out"
        )
    elif pt.is_decimal(leaf):
        advice = f"convert it, as with cast={{{quote(name)}: 'float32'}}"
    else:
        advice = "make it numbers or text"
    return ExampleError(f"column {quote(name)} is of type {error}: {advice}, or leave it out")


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
    shape = wanted if math.prod(wanted) == math.prod(shape) and wanted else (math.prod(shape),)
    return _numbers(flat).reshape(len(array), *shape)


def _flat(array: pa.Array, splits: Any) -> tuple[pa.Array, tuple[int, ...]]:
    """Return the leaves of items of a fixed size, and their shape."""
    shape: tuple[int, ...] = ()
    while True:
        if array.null_count:
            index = int(np.argmin(array.is_valid().to_numpy(zero_copy_only=False)))
            raise UnfitError(
                _row_of(index, np.asarray(splits) * math.prod(shape)),
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
            _row_of(lost.index, splits), f"{lost.reason} as {leaf}: scale it, or store it as text"
        ) from None


def _row_of(index: int, splits: Any) -> int:
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
