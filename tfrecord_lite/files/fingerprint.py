"""What tells a file from another, or from itself before a change: two short reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.records.checksum import crc32c

if TYPE_CHECKING:
    from tfrecord_lite.records.positions import PositionedFile

__all__ = ["Fingerprint", "StaleIndexError"]

_SAMPLE_BYTES = 4096


class StaleIndexError(TFRecordError, ValueError):
    """An index that does not fit its file: stale, damaged, or of another file. Build it again."""

    kind = "index"

    def __str__(self) -> str:
        return f"{super().__str__()}; build it again: RecordIndex.build(path).save()"


class Fingerprint(NamedTuple):
    """Size in bytes, time of modification in ns since 1970, CRC-32C of the first and last 4 KiB.

    A change that keeps all three goes unnoticed here; what is read by such an index is checked once
    more, record by record.
    """

    size: int
    mtime_ns: int
    crc: int

    @classmethod
    def of(cls, file: PositionedFile) -> Fingerprint:
        """Take the fingerprint of an open file."""
        size, mtime_ns = file.size, file.mtime_ns
        head = file.read_at(_SAMPLE_BYTES, 0)
        tail = file.read_at(_SAMPLE_BYTES, max(size - _SAMPLE_BYTES, 0))
        # Modulo 2^64: some file systems know times beyond the year 2262.
        return cls(size, mtime_ns % (1 << 64), crc32c(tail, crc32c(head)))

    def require(self, file: PositionedFile, index: str) -> None:
        """Raise `StaleIndexError`, with the name of the index, if an open file has another one."""
        now = Fingerprint.of(file)
        if now.size != self.size:
            reason = f"has {now.size} bytes, not {self.size}"
        elif now.mtime_ns not in (self.mtime_ns, 0):
            # An open file and a URL have no such time.
            reason = "has been modified since, or copied without its time of modification"
        elif now.crc != self.crc:
            reason = "has other content"
        else:
            return
        raise StaleIndexError(
            f"the index is of another state of {file.path}, which {reason}", path=index
        )
