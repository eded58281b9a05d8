"""A source that does not seek, looked at before it is read: what was taken is kept for that."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.text import printable, size_text

if TYPE_CHECKING:
    from tfrecord_lite._types import PathOrFile

__all__ = ["KeptSource", "read_before"]


def read_before(path: str) -> io.UnsupportedOperation:
    """Return the error about what has only a front, which is gone."""
    return io.UnsupportedOperation(
        f"{printable(path)}: what is not a regular file can be read once, and it was read before; "
        "begin with a new one"
    )


class KeptSource(ByteSource):
    """A pipe, of which is kept what comes of it, until `begin_again` says that this is enough.

    Until then `close` leaves it open. More than ``max_kept_bytes`` are not kept: then it raises
    `io.UnsupportedOperation`, and is closed.
    """

    # None once it is read for the last time.
    _kept: bytearray | None = None

    def __init__(self, file: PathOrFile, max_kept_bytes: int) -> None:
        super().__init__(file)
        self._max_kept_bytes = max_kept_bytes
        self._kept = bytearray()

    def __del__(self) -> None:
        # Nobody has read it after it was looked at.
        if self._kept is not None:
            super().close()

    @property
    def kept_bytes(self) -> int:
        """How many bytes are kept."""
        return len(self._kept or b"")

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view`` with the next bytes and return how many; 0 at the end."""
        before = self.offset
        count = super().readinto(view)
        if self._kept is not None:
            new = len(self._kept) - before
            if self.offset > self._max_kept_bytes or new < 0:
                self._kept = None
                raise io.UnsupportedOperation(
                    f"{printable(self.path)}: what is not a regular file can be read once, and in "
                    f"its first {size_text(before)} not enough was found to infer its features; "
                    "pass features=, or the path of a file"
                )
            self._kept += view[new:count]
        return count

    def begin_again(self, *, keep: bool) -> None:
        """Stand at the front again; without ``keep`` for the last time."""
        if self._kept is None:
            raise read_before(self.path)
        if self._last is not None:
            self._settle(*self._last)
        front = bytes(memoryview(self._kept)[: self.offset])
        self._pushed_back = memoryview(front + self._pushed_back)
        self.offset = 0
        if not keep:
            self._kept = None

    def close(self) -> None:
        """Close the file where it was opened here, once it is not to be read again."""
        if self._kept is None:
            super().close()
