"""Files to batches of columns, and columns to files: the fast path.

Decoding works on blocks of some MB; the batches that a caller wants are slices of these, so a small
batch costs hardly more than a large one. Only a batch that lies across two blocks is put together
from both.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfrecord_lite.errors import ExampleError, TFRecordError
from tfrecord_lite.example.batch import encode_rows, row_count
from tfrecord_lite.example.columns import Values, decode_block
from tfrecord_lite.example.infer import infer_features
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.records.paths import expand_paths
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from tfrecord_lite._types import CompressionOrAuto, Path, PathOrFile
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.example.columns import Column
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["read_batches", "write_examples"]

# How many records are looked at where the caller names no features.
_INFER_RECORDS = 1000

# How much is decoded at once, by the size of records: at least and at most. Each NumPy call costs
# the same for few records as for many, so large records take large blocks; what is made of a block
# should stay in the processor's caches, so small records take small ones.
_FIRST_BLOCK_BYTES = 1 << 20
_SMALL, _LARGE = 1 << 10, 1 << 14
_BLOCK_BYTES = {
    "small": (1 << 20, 1 << 21),
    "middle": (1 << 22, 1 << 22),
    "large": (1 << 23, 1 << 23),
}
# Freed once, so that memory freed later is kept for reuse.
_KEPT_BYTES = 31 << 20
_BLOCKS_AHEAD = 2
# And enough that few batches lie across two blocks.
_BATCHES_PER_BLOCK = 4

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

    Raises what `RecordReader` and `parse_example` raise, with file, record and offset.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1")
    if features is not None and not features:
        raise ValueError("no features; name at least one, or leave them out to have them inferred")
    files = expand_paths(paths)
    options = {"compression": compression, "verify": verify}
    hint = ""
    if features is None:
        features = _infer(files, {**options, "on_damage": on_damage})
        hint = f" (features inferred from the first {_INFER_RECORDS} records: pass features=)"
    _keep_freed_memory()
    blocks = _blocks(files, batch_size, on_damage=on_damage, **options)
    tables = _decoded(blocks, features, hint)
    return _batches(tables, batch_size, drop_remainder=drop_remainder)


def _infer(files: list[str], options: dict[str, Any]) -> dict[str, FeatureSpec]:
    if options["on_damage"] != "raise":
        options["on_damage"] = _unheard
    place: list[tuple[RecordBlock, int]] = []

    def sample() -> Iterator[bytes]:
        for file in files:
            with RecordReader(file, **options) as reader:
                for block in reader.blocks():
                    for index, record in enumerate(block):
                        place[:] = [(block, index)]
                        yield record

    try:
        return infer_features(islice(sample(), _INFER_RECORDS))
    except ExampleError as error:
        raise error_at(*place[0], f"{error.reason}; pass features=") from None


def _unheard(damage: Damage) -> None:
    """Leave it to the second reading to tell of damage."""


def _blocks(
    files: list[str], batch_size: int, on_damage: Any, **options: Any
) -> Generator[RecordBlock, None, None]:
    """Read blocks ahead, in a thread of their own: reading and checksums free the interpreter.

    Damage is told here, in the caller's thread, before the block or the error behind it.
    """
    damages: list[Damage] = []
    if on_damage != "raise":
        options["on_damage"] = damages.append
    blocks = _read_blocks(files, batch_size, options)

    def read() -> tuple[tuple[RecordBlock, RecordReader] | Exception | None, list[Damage]]:
        found: tuple[RecordBlock, RecordReader] | Exception | None
        try:
            found = next(blocks, None)
        except (OSError, TFRecordError) as error:
            found = error
        told = damages.copy()
        damages.clear()
        return found, told

    pool = ThreadPoolExecutor(1, "tfrecord_lite-read")
    ahead: deque[Future[Any]] = deque()
    try:
        while True:
            found, told = ahead.popleft().result() if ahead else read()
            for damage in told:
                on_damage(damage)
            if isinstance(found, Exception):
                raise found
            if found is None:
                return
            block, reader = found
            # Short records take the interpreter all the time, so two threads would only wait for
            # each other; decompression does not.
            if reader.compression or int(block.lengths.sum()) >= _SMALL * len(block):
                while len(ahead) < _BLOCKS_AHEAD:
                    ahead.append(pool.submit(read))
            yield block
            reader.recycle(block)
    finally:
        # Nothing may be submitted here: a forgotten iterator is closed by the garbage collector,
        # which may have stopped the thread before.
        for future in ahead:
            future.cancel()
        pool.shutdown()
        blocks.close()


def _read_blocks(
    files: list[str], batch_size: int, options: dict[str, Any]
) -> Generator[tuple[RecordBlock, RecordReader], None, None]:
    block_bytes = _FIRST_BLOCK_BYTES
    for file in files:
        with RecordReader(file, **options) as reader:
            reader.block_bytes = block_bytes
            for block in reader.blocks():
                mean = int(block.lengths.sum()) // len(block)
                block_bytes = reader.block_bytes = _block_bytes(mean, batch_size)
                yield block, reader


def _block_bytes(mean: int, batch_size: int) -> int:
    """Choose how much to decode at once, for records of a mean size."""
    size = "small" if mean < _SMALL else "middle" if mean < _LARGE else "large"
    least, most = _BLOCK_BYTES[size]
    return min(max(_BATCHES_PER_BLOCK * batch_size * mean, least), most)


def _decoded(
    blocks: Generator[RecordBlock, None, None], features: Mapping[str, FeatureSpec], hint: str
) -> Generator[_Table, None, None]:
    layouts = Layouts(list(features))
    with closing(blocks):
        for block in blocks:
            if not features:
                raise error_at(block, 0, "no feature in any of the first records; pass features=")
            table, error = _up_to_error(block, features, layouts)
            if table is not None:
                yield table
            if error is not None:
                error.reason += hint
                raise error


def _keep_freed_memory() -> None:
    """Have the C library keep the memory of batches that are let go, for those to come.

    Otherwise the system takes the memory of large arrays back, and hands it out again page by page,
    each filled with zeros, which costs more than decoding does. glibc's malloc keeps up to twice as
    much as the largest block that was freed (see M_MMAP_THRESHOLD in mallopt(3)). This one, just
    below the size at which it stops learning, is never written to, so it takes no memory.
    """
    np.empty(_KEPT_BYTES, np.uint8)


def _up_to_error(
    block: RecordBlock, features: Mapping[str, FeatureSpec], layouts: Layouts | None = None
) -> tuple[_Table | None, ExampleError | None]:
    """Decode the records before the first that does not fit, and return its error."""
    error = None
    good = len(block)
    while good:
        try:
            return _Table(decode_block(block[:good], features, layouts), good), error
        except ExampleError as found:
            # The records before this one are good, or do not fit another feature.
            error, good = found, (found.record or 0) - block.first_record
    return None, error


class _Table:
    """The columns of some consecutive records."""

    def __init__(self, columns: dict[str, Column | Values], rows: int) -> None:
        self.columns = columns
        self.rows = rows

    def part(self, begin: int, end: int) -> _Table:
        """Return these rows alone, without copying values."""
        if begin == 0 and end == self.rows:
            return self
        columns = {name: _part(column, begin, end) for name, column in self.columns.items()}
        return _Table(columns, end - begin)

    @staticmethod
    def joined(tables: list[_Table]) -> _Table:
        """Put tables together, one below the other."""
        if len(tables) == 1:
            return tables[0]
        columns = {
            name: _joined([table.columns[name] for table in tables]) for name in tables[0].columns
        }
        return _Table(columns, sum(table.rows for table in tables))

    def batch(self) -> dict[str, Column]:
        """Return the columns as callers get them."""
        return {
            name: column.padded() if isinstance(column, Values) else column
            for name, column in self.columns.items()
        }


def _part(column: Column | Values, begin: int, end: int) -> Column | Values:
    if isinstance(column, np.ndarray):
        return column[begin:end]
    flat, splits, *rest = _ragged_parts(column)
    first, last = int(splits[begin]), int(splits[end])
    return type(column)(flat[first:last], splits[begin : end + 1] - first, *rest)


def _joined(columns: list[Any]) -> Column | Values:
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    parts = [_ragged_parts(column) for column in columns]
    counts = np.concatenate([np.diff(splits) for _, splits, *_ in parts])
    splits = np.concatenate([[0], np.cumsum(counts)])
    flat = np.concatenate([flat for flat, *_ in parts])
    made: Column | Values = type(columns[0])(flat, splits, *parts[0][2:])
    return made


def _ragged_parts(column: Ragged | Values) -> tuple[Any, ...]:
    return (column.values, column.row_splits) if isinstance(column, Ragged) else tuple(column)


def _batches(
    tables: Generator[_Table, None, None], size: int, *, drop_remainder: bool
) -> Iterator[dict[str, Column]]:
    waiting: list[_Table] = []
    rows = 0
    with closing(tables):
        for table in tables:
            begin = 0
            while rows + table.rows - begin >= size:
                end = begin + size - rows
                waiting.append(table.part(begin, end))
                yield _Table.joined(waiting).batch()
                waiting.clear()
                begin, rows = end, 0
            if begin < table.rows:
                waiting.append(table.part(begin, table.rows))
                rows += table.rows - begin
    if waiting and not drop_remainder:
        yield _Table.joined(waiting).batch()


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
    return _part(column, begin, end) if isinstance(column, Ragged) else column[begin:end]
