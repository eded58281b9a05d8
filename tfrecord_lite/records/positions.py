"""Reading at any place of a regular file, by several threads and forked processes at once."""

from __future__ import annotations

import io
import os
import stat
import threading
from typing import TYPE_CHECKING

from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.storage import name_of

if TYPE_CHECKING:
    from tfrecord_lite._types import Path

__all__ = ["PositionedFile"]


class PositionedFile(Closing):
    """A regular file, open for reading at offsets; there is no position that anyone could move.

    ``raw`` is the open file, for what reads front to back. What is not a regular file (a pipe, a
    device) raises `io.UnsupportedOperation`.
    """

    def __init__(self, path: Path) -> None:
        self.path = name_of(path)
        mode = os.stat(path).st_mode
        # Opening a pipe would wait for its writer; a directory is the system's to refuse.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise io.UnsupportedOperation(
                f"{self.path}: not a regular file, so it can only be read from its front: use "
                "RecordReader"
            )
        self.raw = open(self.path, "rb", buffering=0)  # noqa: SIM115 - close() closes it
        # Where the system cannot read at an offset, one reader at a time moves the position.
        self._lock = None if hasattr(os, "pread") else threading.Lock()

    def status(self) -> os.stat_result:
        """Return what the system says about the file that is open."""
        return os.fstat(self.raw.fileno())

    def read_at(self, size: int, offset: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, fewer where the file ends.

        The memory is taken at once: ``size`` must be of this file, not of what someone says.
        """
        data = self._read_once(size, offset)
        # A signal may cut a call short, and none gives more than 2 GiB.
        while 0 < len(data) < size:
            more = self._read_once(size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def _read_once(self, size: int, offset: int) -> bytes:
        if self._lock is None:
            return os.pread(self.raw.fileno(), size, offset)
        with self._lock:
            position = self.raw.tell()
            self.raw.seek(offset)
            data = self.raw.read(size)
            self.raw.seek(position)
            return data

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fill ``view`` with the bytes from ``offset`` on; return how many, fewer at the end."""
        if self._lock is not None or not hasattr(os, "preadv"):
            data = self.read_at(len(view), offset)
            view[: len(data)] = data
            return len(data)
        done = 0
        while done < len(view):
            count = os.preadv(self.raw.fileno(), [view[done:]], offset + done)
            if not count:
                break
            done += count
        return done

    def read_spans(self, begins: list[int], ends: list[int]) -> list[bytes]:
        """Return the bytes from each begin to its end, fewer where the file ends."""
        if self._lock is None:
            # As below, in one go.
            pread, handle = os.pread, self.raw.fileno()
            parts = [pread(handle, end - at, at) for at, end in zip(begins, ends, strict=True)]
            if sum(map(len, parts)) == sum(ends) - sum(begins):
                return parts
        return [self.read_at(end - at, at) for at, end in zip(begins, ends, strict=True)]

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self.raw.close()
