"""Files to batches of columns, and columns to files: the fast path.

Decoding works on blocks of some MB; the batches that a caller wants are slices of these, so a small
batch costs hardly more than a large one. Only a batch that lies across two blocks is put together
from both.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tfrecord_lite.dataset.memory import (
    FIRST_BLOCK_BYTES,
    block_bytes,
    keep_freed_memory,
)
from tfrecord_lite.dataset.readahead import read_ahead
from tfrecord_lite.dataset.schema import LateFeatures, Schema, manifest_for
from tfrecord_lite.dataset.table import BlockDecoder, Table, part_of
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.batch import encode_rows
from tfrecord_lite.example.column_values import known_columns, row_count
from tfrecord_lite.example.normalize import check_given, normalize_features
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.records.paths import expand_paths
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Path, PathOrFile
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.example.column_payloads import FirstRow
    from tfrecord_lite.example.columns import Column
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["read_batches", "write_examples"]

# Encode so many rows first, and then as many as make blocks of about this size.
_FIRST_ROWS = 64
_WRITE_BYTES = 1 << 22


def read_batches(
    paths: Path | Iterable[Path],
    features: FeaturesLike | None = None,
    *,
    batch_size: int = 1024,
    drop_remainder: bool = False,
    verify: bool = True,
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    on_damage: Literal["raise"] | Callable[[Damage], Any] = "raise",
) -> Iterator[dict[str, Column]]:
    """Iterate over files of Examples in batches of columns.

    Each batch is what `parse_example` gives for ``batch_size`` records, in the order of the files
    and of the records in them; a batch may hold the end of one file and the start of the next. The
    last one is smaller, or is left out with ``drop_remainder``. ``features`` and ``strict`` are
    those of `parse_example`. Without ``features`` they are those of the manifest, or else are
    inferred from the first 1,000 records, which are then read twice; a feature that only later
    records have is warned of, once. ``paths``, ``compression``, ``verify`` and ``on_damage`` are
    those of `read_records`.

    The arrays of one batch may share memory with those of its neighbours' (never elements).

    Raises what `RecordReader` and `parse_example` raise, with file, record and offset.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1")
    check_given(features)
    files = expand_paths(paths)
    options = {"compression": compression, "verify": verify}
    schema = Schema.find(
        features,
        files,
        lambda: manifest_for(files, tolerant=on_damage != "raise"),
        {**options, "on_damage": on_damage},
        strict=strict,
    )
    keep_freed_memory()
    blocks = _blocks(files, batch_size, on_damage=on_damage, **options)
    tables = _decoded(blocks, schema)
    return _batches(tables, batch_size, drop_remainder=drop_remainder)


def _blocks(
    files: list[str], batch_size: int, on_damage: Any, **options: Any
) -> Generator[RecordBlock, None, None]:
    """Read blocks, those of compressed files ahead; damage is told before what is behind it.

    Inflating leaves the interpreter free for long enough. Reading and checksums do not: with them
    in a thread of its own, the two wait for each other, and all takes longer.
    """
    damages: list[Damage] = []
    if on_damage != "raise":
        options["on_damage"] = damages.append
    blocks = _read_blocks(files, batch_size, options)

    def worth(outcome: _Outcome) -> bool:
        reader = outcome[1]
        return reader is not None and reader.compression is not None

    with closing(blocks), closing(read_ahead(_outcomes(blocks, damages), worth)) as outcomes:
        for block, reader, told in outcomes:
            for damage in told:
                on_damage(damage)
            if isinstance(block, Exception):
                raise block
            if block is not None and reader is not None:
                yield block
                reader.recycle(block)


# A block and its reader, or what went wrong, or neither at the end; and the damage before it.
_Outcome: TypeAlias = "tuple[RecordBlock | Exception | None, RecordReader | None, list[Damage]]"


def _outcomes(
    blocks: Iterator[tuple[RecordBlock, RecordReader]], damages: list[Damage]
) -> Iterator[_Outcome]:
    outcome: tuple[RecordBlock | Exception | None, RecordReader | None]
    while True:
        try:
            outcome = next(blocks, (None, None))
        except (OSError, TFRecordError) as error:
            outcome = error, None
        told = damages.copy()
        damages.clear()
        yield *outcome, told
        if outcome[1] is None:
            return


def _read_blocks(
    files: list[str], batch_size: int, options: dict[str, Any]
) -> Generator[tuple[RecordBlock, RecordReader], None, None]:
    wanted = FIRST_BLOCK_BYTES
    for file in files:
        with RecordReader(file, **options) as reader:
            reader.block_bytes = wanted
            for block in reader.blocks():
                mean = int(block.lengths.sum()) // len(block)
                wanted = reader.block_bytes = block_bytes(mean, batch_size)
                yield block, reader


def _decoded(
    blocks: Generator[RecordBlock, None, None], schema: Schema
) -> Generator[Table, None, None]:
    decoder = BlockDecoder(schema)
    late = LateFeatures()
    with closing(blocks):
        for block in blocks:
            if not schema.features:
                raise error_at(block, 0, "no feature in any of the first records; pass features=")
            table, error, rows = decoder.decode(block)
            late.warn({name: (block.path, block.number(row)) for name, row in rows.items()})
            if table is not None:
                yield table
            if error is not None:
                raise error


def _batches(
    tables: Generator[Table, None, None], size: int, *, drop_remainder: bool
) -> Iterator[dict[str, Column]]:
    waiting: list[Table] = []
    rows = 0
    with closing(tables):
        for table in tables:
            begin = 0
            while rows + table.rows - begin >= size:
                end = begin + size - rows
                waiting.append(table.part(begin, end))
                yield Table.joined(waiting).batch()
                waiting.clear()
                begin, rows = end, 0
            if begin < table.rows:
                waiting.append(table.part(begin, table.rows))
                rows += table.rows - begin
    if waiting and not drop_remainder:
        yield Table.joined(waiting).batch()


def write_examples(
    path: PathOrFile,
    columns: Mapping[str, object],
    features: Mapping[str, Any] | None = None,
    **options: Any,
) -> int:
    """Write columns to a file, one Example for each row, and return how many.

    ``columns`` and ``features`` are those of `encode_examples`, ``options`` those of
    `RecordWriter`. The file is byte for byte what `encode_example` and `RecordWriter.write` make of
    the rows one by one.
    """
    features = normalize_features(features) if features else None
    columns = known_columns(columns, features)
    rows = row_count(columns)
    kinds: dict[str, FirstRow | None] = {}
    begin, step = 0, _FIRST_ROWS
    with RecordWriter(path, **options) as writer:
        while begin < rows:
            end = min(begin + step, rows)
            part = {name: _rows(column, begin, end) for name, column in columns.items()}
            block = encode_rows(part, features, first_row=begin, kinds=kinds)
            writer.write_many(block)
            begin, step = end, max(_WRITE_BYTES * len(block) // len(block.buffer), 1)
    return rows


def _rows(column: Any, begin: int, end: int) -> Any:
    return part_of(column, begin, end) if isinstance(column, Ragged) else column[begin:end]
