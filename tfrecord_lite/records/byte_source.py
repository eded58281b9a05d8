"""Where bytes come from: a path, or any binary file object, read front to back."""

from __future__ import annotations

import io
import os
import stat
from io import FileIO
from typing import TYPE_CHECKING, Any

from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.storage import check_binary, is_path, name_file, name_of
from tfrecord_lite.stores.object_file import ObjectFile
from tfrecord_lite.text import printable
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite._types import PathOrFile

__all__ = ["ByteSource", "position_of", "read_at"]


def position_of(file: Any) -> int | None:
    """Return where an open file stands; None where it cannot go back there, as a pipe."""
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError):
        return None


def read_at(file: Any, size: int, offset: int) -> bytes:
    """Return ``size`` bytes of an open file from ``offset`` on, fewer at the end.

    Its position stays, though not for other threads where the system cannot read at an offset, or
    the file is none of the system's. The memory is taken at once: ``size`` must be of this file,
    not of what someone says.
    """
    try:
        data = _read_once(file, size, offset)
        if not 0 < len(data) < size:
            return data
        # The end, or a system that gives in several calls what was asked for in one.
        parts, have = [data], len(data)
        while have < size and (data := _read_once(file, size - have, offset + have)):
            parts.append(data)
            have += len(data)
        return b"".join(parts)
    except OSError as error:
        name_file(error, name_of(file))
        raise


def _read_once(file: Any, size: int, offset: int) -> bytes:
    if isinstance(file, FileIO) and hasattr(os, "pread"):
        return os.pread(file.fileno(), size, offset)
    position = file.tell()
    try:
        file.seek(offset)
        return file.read(size) or b""
    finally:
        file.seek(position)


class ByteSource:
    """Bytes from a path or a binary file object, unbuffered, front to back.

    ``offset`` counts the bytes taken since it was opened. A file object is the caller's: it is read
    from where it stands and never closed here.
    """

    def __init__(self, file: PathOrFile) -> None:
        self.path = name_of(file)
        self.offset = 0
        self._pushed_back: bytes | memoryview = b""
        self._owned = is_path(file)
        self._file: Any
        if self._owned:
            self._file = open_file(self.path)
        else:
            check_binary(file)
            self._file = file
        self._origin = position_of(self._file)
        self.ready = self._owned and self.remaining() is not None
        """Whether it is a regular file, opened here: reading never waits, and `read_at` works."""
        # The read of a file with a position that has not been accounted for.
        self._last: tuple[int, memoryview, list[int | None]] | None = None
        # The position of an open file is shared by forks; how far each has read is not.
        self._at_own_offset = self.ready and hasattr(os, "preadv")

    @property
    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._origin is not None

    def check_searched(self, size: int) -> None:
        """Raise OSError where ``size`` bytes are too many to be searched in vain.

        What is no file, as a pipe or a device, may have no end.
        """
        if size > limits.searched_stream_bytes and self._may_be_endless():
            raise OSError(
                f"{printable(self.path)}: no record found in {size:,} bytes, and what is no file "
                "may have no end; copy it to a file to have all of it searched"
            )

    def _may_be_endless(self) -> bool:
        try:
            return not self.seekable or stat.S_ISCHR(self.status().st_mode)
        except (AttributeError, OSError):
            return False

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` first bytes, fewer where the file ends, without taking them."""
        head = bytearray(size)
        view = memoryview(head)
        count = self.readinto(view)
        while 0 < count < size:
            more = self.readinto(view[count:])
            if not more:
                break
            count += more
        self._pushed_back = bytes(head[:count]) + self._pushed_back
        self.offset -= count
        return bytes(self._pushed_back[:size])

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view`` with the next bytes and return how many; 0 at the end."""
        count: int | None
        if self._last is not None:
            self._settle(*self._last)
        if self._pushed_back:
            count = min(len(view), len(self._pushed_back))
            view[:count] = self._pushed_back[:count]
            # An empty view would keep all of its memory.
            rest = self._pushed_back[count:] or b""
            self.offset, self._pushed_back = self.offset + count, rest
            return count
        try:
            if self._at_own_offset:
                count = os.preadv(self._file.fileno(), [view], self.offset)
            else:
                count = self._read_and_move(view)
        except OSError as error:
            name_file(error, self.path)
            raise
        if count is None:
            raise BlockingIOError(
                f"{printable(self.path)}: no data ready on a non-blocking file; make it blocking "
                "first"
            )
        self.offset += count
        self._last = None
        return count

    def _read_and_move(self, view: memoryview) -> int | None:
        """Read where the file's own position is, which only a file that seeks can take back.

        Others may have moved it: whoever has the file, or a second reader of it.
        """
        if self._origin is not None and self._file.tell() != self._origin + self.offset:
            self._file.seek(self._origin + self.offset)
        if not hasattr(self._file, "readinto"):
            data = self._file.read(len(view))
            count = None if data is None else len(data)
            view[: count or 0] = data or b""
            return count
        # All in C: what a signal handler raises finds the count in the list, or nothing read.
        counts: list[int | None] = []
        self._last = self.offset, view, counts
        counts.extend(map(self._file.readinto, (view,)))
        return counts[0]

    def _settle(self, offset: int, view: memoryview, counts: list[int | None]) -> None:
        """Undo, or keep for the next call, a read that an exception followed."""
        if self._origin is not None:
            self._file.seek(self._origin + self.offset)
        elif counts and self.offset == offset:
            self._pushed_back = view[: counts[0]].tobytes()
        self._last = None

    def read_at(self, size: int, offset: int) -> bytes:
        """Return ``size`` bytes from ``offset``, fewer at the end, without moving there."""
        return read_at(self._file, size, offset)

    def seek(self, offset: int) -> None:
        """Go to ``offset`` bytes after where the source was opened."""
        if self._origin is None:
            raise io.UnsupportedOperation(
                f"{printable(self.path)}: reading was interrupted at byte {offset}, and this file "
                "does not seek back there; open it again"
            )
        self._file.seek(self._origin + offset)
        self._pushed_back = b""
        self.offset = offset
        self._last = None

    @property
    def taken(self) -> int | None:
        """How many bytes have come; None where `rewind` had better be asked."""
        return None if self.seekable else self.offset

    def rewind(self, offset: int) -> int:
        """Stand at ``offset`` again, after an exception that may have come between any two steps.

        Returns where it stands: there, or before.
        """
        self.seek(offset)
        return offset

    def forget(self, offset: int) -> None:
        """Nothing is kept for going back."""

    def status(self) -> os.stat_result:
        """Return what the system says of the file."""
        return os.fstat(self._file.fileno())

    def remaining(self) -> int | None:
        """Return how many bytes a regular file still holds; None for everything else."""
        try:
            status = self.status()
        except (AttributeError, OSError):
            return None
        if self._origin is None or not stat.S_ISREG(status.st_mode):
            return None
        return max(status.st_size - self._origin - self.offset, 0)

    def read_ahead_until(self, end: int | None) -> None:
        """Have no more of an object asked for in advance than what comes before byte ``end``."""
        if isinstance(self._file, ObjectFile):
            self._file.read_ahead_until(end)

    def close(self) -> None:
        """Close the file where it was opened here."""
        if self._owned:
            self._file.close()
