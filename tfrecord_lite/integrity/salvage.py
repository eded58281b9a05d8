"""Every intact record of a damaged file, into a clean one; and an account of every other byte."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tfrecord_lite.integrity.inventory import leftover_files
from tfrecord_lite.integrity.report import FileReport, Report
from tfrecord_lite.records.compression import codec_named
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import is_partial, is_path, name_of
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tfrecord_lite._types import Compression, CompressionOrAuto, PathOrFile

__all__ = ["salvage"]


def salvage(
    src: PathOrFile,
    dst: PathOrFile,
    *,
    compression: CompressionOrAuto = "auto",
    write_compression: CompressionOrAuto = "auto",
    overwrite: bool = False,
    progress: Callable[[str, int], object] | None = None,
) -> Report:
    r"""Copy every intact record of ``src``, in order and byte for byte, to a new file ``dst``.

    After damage the copy goes on at the next record of which both checksums hold. In a blocked GZIP
    file a damaged member costs its own records alone. In the report, `FileReport.damage` lists
    every region of the (uncompressed) source that was left; with the rescued records, which have
    ``raw_bytes``, these are all of it.

    ``src`` is a file, or the folder that a writer of shards left behind when it was killed, whose
    files are copied one after another; then the report has each. ``compression`` is that of the
    source, ``write_compression`` that of the new file; left out, they are the same.

    The new file takes its name when it is complete. One of that name raises ``FileExistsError``
    unless ``overwrite`` is given; the source itself is never replaced, that is a ``ValueError``.
    ``progress`` is called after every block with the source's name and how many of its bytes have
    been read.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> folder = tempfile.mkdtemp()
    >>> _ = tfr.write_records(folder + "/a", [b"foo", b"barbaz", b"last"])
    >>> with open(folder + "/a", "r+b") as file:
    ...     _ = file.seek(19) and file.write(b"\xff" * 8)
    >>> report = salvage(folder + "/a", folder + "/b")
    >>> [(damage.begin, damage.end) for damage in report.files[0].damage]
    [(19, 41)]
    >>> list(tfr.read_records(folder + "/b"))
    [b'foo', b'last']
    """
    for named in (compression, write_compression):
        if named != "auto":
            codec_named(named)
    sources = _sources_of(src)
    report = Report([])
    with ExitStack() as stack:
        writer: RecordWriter | None = None
        for source in sources:
            found = FileReport(name_of(source))
            reader = RecordReader(source, compression=compression, on_damage=found.add_damage)
            with reader:
                if writer is None:
                    codec = reader.compression if write_compression == "auto" else write_compression
                    writer = stack.enter_context(_open(dst, sources, codec, overwrite=overwrite))
                _copy(reader, writer, found, progress)
            report.files.append(found)
    return report


def _sources_of(src: PathOrFile) -> Sequence[PathOrFile]:
    if not is_path(src):
        return [src]
    path = os.fsdecode(src)
    if not (os.path.isdir(path) and is_partial(os.path.normpath(path))):
        return [path]
    if files := leftover_files(path):
        return files
    raise FileNotFoundError(f"{path}: no records were left in this folder")


def _open(
    dst: PathOrFile, sources: Sequence[PathOrFile], codec: Compression, *, overwrite: bool
) -> RecordWriter:
    if not is_path(dst):
        return RecordWriter(dst, compression=codec)
    if os.path.exists(dst):
        for source in sources:
            if isinstance(source, str) and os.path.samefile(source, dst):
                raise ValueError(
                    f"{name_of(dst)}: salvage never replaces its source; name another file, and "
                    "rename it once you have looked at it"
                )
    return RecordWriter(dst, compression=codec, mode="w" if overwrite else "x")


def _copy(
    reader: RecordReader,
    writer: RecordWriter,
    found: FileReport,
    progress: Callable[[str, int], object] | None,
) -> None:
    for block in reader.blocks():
        writer.write_many(block)
        found.records += len(block)
        found.raw_bytes += int(block.lengths.sum()) + FRAME_OVERHEAD * len(block)
        reader.recycle(block)
        if progress is not None:
            progress(found.path, reader.source_offset)
