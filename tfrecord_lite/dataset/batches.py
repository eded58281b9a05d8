"""Files to batches of columns, and columns to files: the fast path.

Decoding works on blocks of some MB; the batches that a caller wants are slices of these, so a small
batch costs hardly more than a large one. Only a batch that lies across two blocks is put together
from both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.dataset.batcher import Batches, Cursor, Position, Tables
from tfrecord_lite.dataset.file_chunks import FileChunks
from tfrecord_lite.dataset.memory import keep_freed_memory
from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.schema import Schema
from tfrecord_lite.dataset.table import Table
from tfrecord_lite.dataset.tables import write_any
from tfrecord_lite.errors import ignore_damage
from tfrecord_lite.example.normalize import check_given
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tfrecord_lite._types import (
        Compression,
        CompressionOrAuto,
        FeaturesLike,
        OnDamage,
        PathOrFile,
        Paths,
        Verify,
    )
    from tfrecord_lite.example.columns import Column

__all__ = ["read_batches", "write_examples"]


def read_batches(
    paths: Paths | RecordSet,
    features: FeaturesLike | None = None,
    *,
    batch_size: int = 1024,
    drop_remainder: bool = False,
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Iterator[dict[str, Column]]:
    """Iterate over files of Examples in batches of columns.

    Each batch is what `parse_example` gives for ``batch_size`` records, in the order of the files
    and of the records in them; a batch may hold the end of one file and the start of the next. The
    last one is smaller, or is left out with ``drop_remainder``. ``features`` and ``strict`` are
    those of `parse_example`. Without ``features`` they are those of the manifest, or else are
    inferred from the first 1,000 records, which are then read twice; of a pipe from as many of
    these as begin in its first 64 MiB, which are in memory until they are read again. A feature
    that only later records have is warned of, once. ``paths`` and all other parameters are those of
    `RecordSet`.

    The arrays of one batch may share memory with those of its neighbours' (never elements).

    Raises what `RecordReader` and `parse_example` raise, with file, record and offset. After an
    exception, of a signal handler too, ``next()`` goes on or raises again: the batch that is on its
    way is lost at most. Two threads that use the iterator at once, and a forked child that goes on
    with its parent's, get a ``RuntimeError``.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = write_examples(path, {"label": range(5), "name": list("abcde")})
    >>> for batch in read_batches(path, {"label": int}, batch_size=3):
    ...     print(batch)
    {'label': array([0, 1, 2])}
    {'label': array([3, 4])}
    """
    batch_size = at_least(1, batch_size=batch_size)
    check_given(features)
    records = RecordSet.of(
        paths,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    schema = Schema.find(features, records, strict=strict)
    keep_freed_memory()
    cursor = Cursor(Position(0, 0, begun=True))
    given = records.options["on_damage"]
    tables = Tables(
        cursor,
        FileChunks(records, schema, cursor, batch_size=batch_size),
        lambda epoch: epoch + 1,
        batch_size,
        drop_remainder=drop_remainder,
        on_damage=given if callable(given) else ignore_damage,
    )
    return Batches(tables, Table.batch)


def write_examples(
    path: PathOrFile,
    columns: Any,
    features: Mapping[str, Any] | None = None,
    *,
    cast: Mapping[str, Any] | None = None,
    compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    mode: Literal["w", "x", "a"] = "w",
    atomic: bool | None = None,
    fsync: bool = False,
    on_truncated: Literal["raise", "trim"] = "raise",
) -> int:
    """Write columns to a file, one Example for each row, and return how many.

    ``columns`` and ``features`` are those of `encode_examples`; or ``columns`` is a table, which
    with ``cast`` is that of `ShardWriter.write_table`. The rest is that of `RecordWriter`.
    The file is byte for byte what `encode_example` and `RecordWriter.write` make of the rows one by
    one. Raises what these raise, naming column and row; then the file is as it was, unless it is
    written in place.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord.gz")
    >>> write_examples(path, {"label": range(3), "name": ["a", "b", "c"]})
    3
    >>> next(read_batches(path))["label"]
    array([0, 1, 2])
    """
    with RecordWriter(
        path,
        compression=compression,
        level=level,
        block_bytes=block_bytes,
        mode=mode,
        atomic=atomic,
        fsync=fsync,
        on_truncated=on_truncated,
    ) as writer:
        return write_any(writer, columns, features, cast=cast)
