"""Checking one file, or a part of one: the checksums of its records, and more on demand."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.integrity.report import FileReport
from tfrecord_lite.records.blocks import BlockStream
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.file_system import checksum_of
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES, RecordReader
from tfrecord_lite.records.storage import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import CompressionOrAuto, PathOrFile
    from tfrecord_lite.integrity.payloads import Payloads

__all__ = ["ByteRange", "Checker", "Checksum", "RangeReport"]

# Fewer and larger blocks than in reading, which wants what it has read to stay in the caches.
_BLOCK_BYTES = 1 << 22
# Larger records are checked piece by piece, and never held.
_MAX_BUFFERED_BYTES = 1 << 22
# No file has more, so no length is too large to be believed.
_MOST_BYTES = 1 << 62


class ByteRange(NamedTuple):
    """The records of a plain file that begin at byte ``begin`` or after, and before ``end``."""

    path: str
    begin: int
    end: int


class RangeReport(NamedTuple):
    """What an intact `ByteRange` holds: from where, up to where, and how many records; or none."""

    begin: int
    end: int
    records: int


class Checksum(NamedTuple):
    """The CRC-32C of a file as it lies, not masked."""

    path: str


@dataclass(frozen=True)
class Checker:
    """How files are checked. A call does it, here or in another process."""

    compression: CompressionOrAuto = "auto"
    payloads: Payloads | None = None
    progress: Callable[[str, int], object] | None = None
    """Called with a file's name and how far in it the check is."""

    def __call__(self, task: ByteRange | Checksum | PathOrFile) -> Any:
        """Make a `RangeReport` of a part, a `FileReport` of a whole file, or take its checksum.

        Where anything is wrong with a part it is None, and the file is to be checked as a whole.
        Where a file cannot be read the report says so; instead of a checksum there is an error.
        """
        if isinstance(task, ByteRange):
            return _check_range(task)
        if isinstance(task, Checksum):
            try:
                return checksum_of(task.path)
            except OSError as error:
                return error
        return self._check_file(task)

    def _check_file(self, file: PathOrFile) -> FileReport:
        report = FileReport(name_of(file))
        # Whoever looks at records needs them whole.
        max_buffered, most = _MAX_BUFFERED_BYTES, _MOST_BYTES
        if self.payloads is not None:
            max_buffered = most = DEFAULT_MAX_RECORD_BYTES
        try:
            with RecordReader(
                file,
                compression=self.compression,
                on_damage=report.add_damage,
                max_record_bytes=most,
                _max_buffered=max_buffered,
            ) as reader:
                reader.block_bytes = _BLOCK_BYTES
                for block in reader.blocks():
                    report.records += len(block)
                    report.raw_bytes += int(block.lengths.sum()) + FRAME_OVERHEAD * len(block)
                    if self.payloads is not None:
                        self.payloads.check(block, report)
                    reader.recycle(block)
                    if self.progress is not None:
                        self.progress(report.path, reader.source_offset)
        except OSError as error:
            report.error = error
        return report


def _check_range(part: ByteRange) -> RangeReport | None:
    records = 0
    try:
        with closing(ByteSource(part.path)) as source:
            stream = BlockStream(
                source,
                verify=True,
                on_damage=None,
                max_record_bytes=_MOST_BYTES,
                max_buffered=_MAX_BUFFERED_BYTES,
            )
            stream.block_bytes = _BLOCK_BYTES
            begin = end = stream.find(part.begin, part.end) if part.begin else 0
            while end < part.end and (block := stream.read_block()) is not None:
                begins = block.starts + (block.base - HEADER_SIZE)
                inside = int(np.searchsorted(begins, part.end))
                records += inside
                end = stream.offset if inside == len(block) else int(begins[inside])
                stream.recycle(block)
    except (OSError, TFRecordError):
        return None
    return RangeReport(begin, end, records)
