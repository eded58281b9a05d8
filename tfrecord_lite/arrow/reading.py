"""to_arrow: files of Examples as a stream of Arrow record batches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import pyarrow as pa

from tfrecord_lite.arrow.arrays import joined
from tfrecord_lite.arrow.plans import Plan, plan_examples, plan_sequences
from tfrecord_lite.arrow.types import Binary, Layout, asked_types
from tfrecord_lite.dataset.batcher import Cursor, Position
from tfrecord_lite.dataset.file_chunks import FileChunks
from tfrecord_lite.dataset.memory import keep_freed_memory
from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.schema import LateFeatures, Schema
from tfrecord_lite.dataset.table import BlockDecoder
from tfrecord_lite.errors import ExampleError, ignore_damage
from tfrecord_lite.example.composites import keys_alone, without_sparse
from tfrecord_lite.example.normalize import check_given, checked_names, select_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["Selection", "exported", "to_arrow"]

# Where nothing else is said, how many rows a block should have for.
_ROWS = 1024


def to_arrow(
    paths: Paths | RecordSet,
    features: FeaturesLike | pa.Schema | None = None,
    *,
    select: Sequence[str] | None = None,
    rows_per_batch: int | None = None,
    layout: Layout = "natural",
    binary: Binary = "binary",
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> pa.RecordBatchReader:
    """Read files of Examples as Arrow record batches, of one schema.

    ``features`` are those of `read_batches`; or an Arrow schema, or Arrow types for names, in which
    a missing value is null. ``str`` gives text. ``select`` are the names of those that are columns,
    in this order: of no other anything is decoded.

    In the natural layout `FixedLenFeature` and `RawFeature` of shape ``()`` are one value a row;
    with a shape they are nested fixed_size_lists, of the elements' own type for `RawFeature`;
    ``RaggedFeature(np.uint8)`` is binary; all others are lists, null where the feature is missing
    and ``[]`` where it is there and empty. Integers are int64, floats float32, byte strings
    ``binary``: with 32-bit offsets, with 64-bit ones, or views, which share memory with the blocks
    that were read (text: string, large_string, string_view). In the layout "tfx" each feature is
    what tfx_bsl's ExamplesToRecordBatchDecoder gives: a large_list of int64, float or large_binary,
    null where it is missing; without ``features`` in the order of their names, and of nulls where
    none of the first records has a kind.

    A `SparseFeature` is no column. Of one that the manifest says the keys are, under their names;
    ``select`` takes these names, too.

    SequenceExamples are two structs, ``context`` and ``feature_lists``, those of them that have
    features; a feature list is a list of steps, null where it is missing.

    A batch has the rows that were decoded together, some MB of records; or ``rows_per_batch``, the
    last one fewer, and each that would else be larger than 2 GiB. All other parameters are those of
    `read_batches`.

    Raises what `read_batches` raises, here or from the reader; and `ExampleError` where a value
    does not fit the type that was asked for. (What reads an Arrow stream from outside of pyarrow
    turns that into an error of its own, which quotes it.)

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = tfr.write_examples(path, {"label": range(2), "name": ["cat", None]})
    >>> to_arrow(path, {"label": int, "name": pa.string()}).read_all().to_pylist()
    [{'label': 0, 'name': 'cat'}, {'label': 1, 'name': None}]
    """
    if rows_per_batch is not None:
        rows_per_batch = at_least(1, rows_per_batch=rows_per_batch)
    records = RecordSet.of(
        paths,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    selection = Selection.find(
        records, features, select=select, layout=layout, binary=binary, strict=strict
    )
    return selection.reader(records, rows_per_batch)


def exported(records: RecordSet) -> pa.RecordBatchReader:
    """Return what `to_arrow` gives, for another library; ExampleError for a name that is cut off.

    Arrow's C interface ends names at a NUL, in silence.
    """
    reader = to_arrow(records)
    names = [
        name
        for column in reader.schema
        for name in (column.name, *(field.name for field in column.flatten()))
    ]
    if cut := [name for name in names if "\0" in name]:
        raise ExampleError(
            f"feature {quote(cut[0])}: other libraries would get its name without what follows the "
            "NUL; read the others by tfrecord_lite.arrow.to_arrow(..., select=[...])"
        )
    return reader


class Selection(NamedTuple):
    """What is read of files, and as which Arrow types: decided once, for any part of them.

    It can be pickled.
    """

    schema: Schema
    asked: Mapping[str, Any]
    layout: Layout
    binary: Binary

    @classmethod
    def find(
        cls,
        records: RecordSet,
        features: FeaturesLike | pa.Schema | None,
        *,
        select: Sequence[str] | None = None,
        layout: Layout = "natural",
        binary: Binary = "binary",
        strict: bool = True,
    ) -> Selection:
        """Decide; the parameters are those of `to_arrow`, which raises the same."""
        for name, value, values in (("layout", layout, Layout), ("binary", binary, Binary)):
            if value not in get_args(values):
                raise ValueError(f"{name}={value!r} must be one of {', '.join(get_args(values))}")
        if layout == "tfx" and binary != "binary":
            raise ValueError(f"binary={binary!r}: the tfx layout has large_binary and nothing else")
        if select is not None:
            select = checked_names(select)
        plain, asked = asked_types(features)
        check_given(plain)
        schema = Schema.find(plain, records, strict=strict)
        if isinstance(schema.features, SequenceFeatures):
            if layout == "tfx" or select is not None:
                raise ValueError(
                    "layout='tfx' and select are for Examples, and these are SequenceExamples: "
                    "name the columns by features=SequenceFeatures(context=..., feature_lists=...)"
                )
            if features is None and schema.features:
                context = without_sparse(schema.features.context)
                whole = dataclasses.replace(schema.features, context=context)
                schema = schema._replace(features=whole)
            return cls(schema, asked, layout, binary)
        named = schema.features
        if select is not None:
            named = {**keys_alone(named), **named}
        elif features is None:
            named = without_sparse(named)
        if layout == "tfx" and schema.inferred:
            # Features that have no kind in any of the records are columns there, of nulls.
            asked = dict.fromkeys(schema.without_kind, pa.null())
            named = dict(sorted({**named, **asked_types(asked)[0]}.items()))
        if select is not None:
            if not select:
                raise ValueError("select=[] names no column; name one, or leave it out for all")
            named = select_features(named, select)
            schema = schema._replace(inferred=False)
        return cls(schema._replace(features=named), asked, layout, binary)

    def only(self, names: Sequence[str]) -> Selection:
        """Return a selection of these columns alone, of no other of which anything is decoded."""
        schema = self.schema
        if isinstance(schema.features, SequenceFeatures):
            parts = {part: getattr(schema.features, part) for part in names}
            return self._replace(schema=schema._replace(features=SequenceFeatures(**parts)))
        # Who names some asks for nothing that later records have.
        inferred = schema.inferred and len(names) == len(schema.features)
        chosen = select_features(schema.features, names)
        return self._replace(schema=schema._replace(features=chosen, inferred=inferred))

    def plan(self) -> Plan:
        """Return what is decoded, and how it becomes the columns of batches."""
        keep_freed_memory()
        if isinstance(self.schema.features, SequenceFeatures):
            return plan_sequences(self.schema.features, self.asked, self.binary)
        return plan_examples(self.schema.features, self.asked, self.layout, self.binary)

    def reader(self, records: RecordSet, rows_per_batch: int | None = None) -> pa.RecordBatchReader:
        """Read all of a set, as `to_arrow` does."""
        plan = self.plan()
        schema = self.schema._replace(features=plan.features)
        batches = _batches(records, schema, plan, rows_per_batch)
        return pa.RecordBatchReader.from_batches(plan.schema, batches)

    def batches(self, blocks: Iterable[RecordBlock]) -> Iterator[pa.RecordBatch]:
        """Yield a batch of each block, those of a `Split` for example; the blocks are kept."""
        plan = self.plan()
        decoder = BlockDecoder(self.schema._replace(features=plan.features), plan.column)
        late = LateFeatures(self.schema)
        for block in blocks:
            self.schema.require_features(block)
            table, error, found = decoder.decode(block)
            late.warn_of(block, found)
            if table is not None:
                yield pa.RecordBatch.from_arrays(plan.arrays(table), schema=plan.schema)
            if error is not None:
                raise error


def _batches(
    records: RecordSet, schema: Schema, plan: Plan, rows_per_batch: int | None
) -> Generator[pa.RecordBatch, None, None]:
    cursor = Cursor(Position(0, 0, begun=True))
    chunks = FileChunks(
        records,
        schema,
        cursor,
        batch_size=rows_per_batch or _ROWS,
        column=plan.column,
        keep_blocks=plan.shares,
    )
    given = records.options["on_damage"]
    tell = given if callable(given) else ignore_damage
    waiting = _Waiting(rows_per_batch)
    row = 0
    for chunk in chunks(0, 0, 1):
        for damage in chunk.damages:
            tell(damage)
        if chunk.table is not None:
            row += chunk.table.rows
            cursor.move_to(Position(0, row, begun=True))
            arrays = plan.arrays(chunk.table)
            yield from waiting.add(pa.RecordBatch.from_arrays(arrays, schema=plan.schema))
        if chunk.error is not None:
            yield from waiting.rest()
            raise chunk.error
    yield from waiting.rest()


class _Waiting:
    """Rows that wait until there are enough for a batch, or as many as one can have."""

    def __init__(self, rows: int | None) -> None:
        self._wanted = rows
        self._parts: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> Generator[pa.RecordBatch, None, None]:
        if self._wanted is None:
            yield batch
            return
        size = batch.get_total_buffer_size()
        if self._parts and self._bytes + size > limits.arrow_batch_bytes:
            yield from self.rest()
        begin = 0
        while (there := batch.num_rows - begin) >= (left := self._wanted - self._rows):
            self._parts.append(batch.slice(begin, left))
            begin += left
            yield from self.rest()
        if there:
            self._parts.append(batch.slice(begin))
            self._rows += there
            self._bytes += size

    def rest(self) -> Generator[pa.RecordBatch, None, None]:
        parts, self._parts, self._rows, self._bytes = self._parts, [], 0, 0
        if len(parts) == 1:
            yield parts[0]
        elif parts:
            schema = parts[0].schema
            columns = zip(*(part.columns for part in parts), strict=True)
            arrays = list(map(_joined, schema.names, columns))
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _joined(name: str, column: Sequence[pa.Array]) -> pa.Array:
    try:
        return joined(column)
    except pa.ArrowInvalid as error:
        raise ExampleError(
            f"feature {quote(name)}: rows_per_batch has too many rows for {column[0].type}: {error}"
        ) from None
