"""merge: the records of many files, in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.targets import refuse_sources
from tfrecord_lite.jobs.copying import Progress, each_block
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.records.storage import path_of
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from tfrecord_lite._types import (
        Compression,
        CompressionOrAuto,
        OnDamage,
        Path,
        Paths,
        Verify,
    )

__all__ = ["merge"]


def merge(
    src: Paths | RecordSet,
    dst: Path,
    *,
    overwrite: bool = False,
    write_compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
    progress: Progress = None,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> int:
    """Write the records of ``src``, in order and byte for byte, to the file ``dst``.

    Returns how many there are. ``src`` is what `RecordSet` takes, with its options; a set that has
    a manifest must hold as many records as that says. The file takes its name when it is complete.
    ``write_compression``, ``level``, ``block_bytes`` and ``fsync`` are those of `RecordWriter`.
    ``progress`` is called after every block with a source's name and how many of its bytes have
    been read. Records are copied as they are, never decoded.

    Raises ``FileExistsError`` for a file of that name, unless ``overwrite`` is given, and
    ValueError where it is one of the sources; else as `RecordSet` and `RecordWriter` do. Then
    nothing has changed.

    >>> import tempfile, tfrecord_lite as tfr
    >>> folder = tempfile.mkdtemp()
    >>> with tfr.ShardWriter(folder + "/train", records_per_shard=1) as writer:
    ...     writer.write_many([b"one", b"two"])
    >>> merge(folder + "/train", folder + "/all.tfrecord")
    2
    >>> list(tfr.read_records(folder + "/all.tfrecord"))
    [b'one', b'two']
    """
    records = RecordSet.of(
        src,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    path = path_of(dst)
    refuse_sources(records.files, path)
    with RecordWriter(
        path,
        compression=write_compression,
        level=level,
        block_bytes=block_bytes,
        mode="w" if overwrite else "x",
        fsync=fsync,
    ) as writer:
        for block in each_block(records, progress):
            writer.write_many(block)
    return writer.records
