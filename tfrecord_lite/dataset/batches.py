"""Files to batches of columns, and columns to files: the fast path.

Decoding works on blocks of some MB; the batches that a caller wants are slices of these, so a small
batch costs hardly more than a large one. Only a batch that lies across two blocks is put together
from both.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.dataset.epochs.batcher import Batches, Cursor, Position, Tables
from tfrecord_lite.dataset.file_parts import FileParts
from tfrecord_lite.dataset.memory import (
    keep_freed_memory,
)
from tfrecord_lite.dataset.table import Table, part_of
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.batch import encode_rows, row_count
from tfrecord_lite.example.infer import infer_features
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.records.paths import expand_paths
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tfrecord_lite._types import CompressionOrAuto, Path, PathOrFile
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.example.columns import Column
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["read_batches", "write_examples"]

# How many records are looked at where the caller names no features.
INFER_RECORDS = 1000

# Encode so many rows first, and then as many as make blocks of about this size.
_FIRST_ROWS = 64
_WRITE_BYTES = 1 << 22


def read_batches(
    paths: Path | Iterable[Path],
    features: Mapping[str, FeatureSpec] | None = None,
    *,
    batch_size: int = 1024,
    drop_remainder: bool = False,
    verify: bool = True,
    compression: CompressionOrAuto = "auto",
    on_damage: Literal["raise"] | Callable[[Damage], Any] = "raise",
) -> Iterator[dict[str, Column]]:
    """Iterate over files of Examples in batches of columns.

    Each batch is what `parse_example` gives for ``batch_size`` records, in the order of the files
    and of the records in them; a batch may hold the end of one file and the start of the next. The
    last one is smaller, or is left out with ``drop_remainder``. Without ``features`` they are
    inferred from the first 1,000 records, which are then read twice. ``paths``, ``compression``,
    ``verify`` and ``on_damage`` are those of `read_records`.

    The arrays of one batch may share memory with those of its neighbours' (never elements).

    Raises what `RecordReader` and `parse_example` raise, with file, record and offset. After an
    exception, of a signal handler too, ``next()`` goes on or raises again: the batch that is on its
    way is lost at most. Two threads that use the iterator at once, and a forked child that goes on
    with its parent's, get a ``RuntimeError``.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1")
    if features is not None and not features:
        raise ValueError("no features; name at least one, or leave them out to have them inferred")
    files = expand_paths(paths)
    options = {"compression": compression, "verify": verify, "on_damage": on_damage}
    hint = ""
    if features is None:
        features = infer_from_files(files, options)
        hint = f" (features inferred from the first {INFER_RECORDS} records: pass features=)"
    keep_freed_memory()
    cursor = Cursor(Position(0, 0, begun=True))
    parts = FileParts(files, features, cursor, batch_size=batch_size, hint=hint, options=options)
    tables = Tables(
        cursor,
        parts,
        lambda epoch: epoch + 1,
        batch_size,
        drop_remainder=drop_remainder,
        on_damage=on_damage if callable(on_damage) else _unheard,
    )
    return Batches(tables, Table.batch)


def infer_from_files(files: list[str], options: dict[str, Any]) -> dict[str, FeatureSpec]:
    """Infer features from the first `INFER_RECORDS` records of all files."""
    if options["on_damage"] != "raise":
        options = {**options, "on_damage": _unheard}
    place: list[tuple[RecordBlock, int]] = []

    def sample() -> Iterator[bytes]:
        for file in files:
            with RecordReader(file, **options) as reader:
                for block in reader.blocks():
                    for index, record in enumerate(block):
                        place[:] = [(block, index)]
                        yield record

    try:
        return infer_features(islice(sample(), INFER_RECORDS))
    except ExampleError as error:
        raise error_at(*place[0], f"{error.reason}; pass features=") from None


def _unheard(damage: Damage) -> None:
    """Leave it to the second reading to tell of damage."""


def write_examples(
    path: PathOrFile,
    columns: Mapping[str, object],
    features: Mapping[str, FeatureSpec] | None = None,
    **options: Any,
) -> int:
    """Write columns to a file, one Example for each row, and return how many.

    ``columns`` and ``features`` are those of `encode_examples`, ``options`` those of
    `RecordWriter`. The file is byte for byte what `encode_example` and `RecordWriter.write` make of
    the rows one by one.
    """
    rows = row_count(columns)
    begin, step = 0, _FIRST_ROWS
    with RecordWriter(path, **options) as writer:
        while begin < rows:
            end = min(begin + step, rows)
            part = {name: _rows(column, begin, end) for name, column in columns.items()}
            block = encode_rows(part, features, first_row=begin)
            writer.write_many(block)
            begin, step = end, max(_WRITE_BYTES * len(block) // len(block.buffer), 1)
    return rows


def _rows(column: Any, begin: int, end: int) -> Any:
    return part_of(column, begin, end) if isinstance(column, Ragged) else column[begin:end]
