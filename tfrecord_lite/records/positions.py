"""Reading at any place of a file or an object, by several threads and processes at once."""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tfrecord_lite.records.byte_source import position_of, read_at
from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.storage import check_binary, is_path, name_file, name_of
from tfrecord_lite.stores.object_file import ObjectFile
from tfrecord_lite.text import printable
from tfrecord_lite.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import PathOrFile

__all__ = ["FilePart", "PositionedFile", "positioned"]


class _Descriptor:
    """A file's descriptor, which is closed when nobody has it any more.

    Whoever reads by it holds it meanwhile: once it is closed, the system gives the same number to
    another file, whose bytes would be read.
    """

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    # At the end of the interpreter a module may be gone before what it has made.
    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if hasattr(self, "number"):
            close(self.number)


class PositionedFile(Closing):
    """A regular file, or an object by its URL, open for reading at offsets.

    There is no position that anyone could move. ``raw`` is the open file, for what reads front to
    back. What is neither (a pipe, a device) raises `io.UnsupportedOperation`. A caller's open file
    that seeks stays open; offsets are counted from where it stands.
    """

    _descriptor: _Descriptor | None = None
    owned = False
    """Whether the file was opened here."""
    raw: Any = None
    remote: ObjectFile | None = None
    """The object, where it is one; some things cost a request there."""

    def __init__(self, file: PathOrFile) -> None:
        self.path = name_of(file)
        self.owned = is_path(file)
        self._origin = 0
        if is_path(file) and is_url(self.path):
            self.raw = self.remote = ObjectFile(self.path)
        elif is_path(file):
            mode = os.stat(self.path).st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
            # Opening a pipe would wait for its writer.
            if not stat.S_ISREG(mode):
                raise io.UnsupportedOperation(
                    f"{printable(self.path)}: not a regular file, so it can only be read from its "
                    "front: use RecordReader"
                )
            self._descriptor = _Descriptor(self.path)
            self.raw = io.FileIO(self._descriptor.number, closefd=False)
            self.raw.name = self.path
        else:
            check_binary(file)
            self.raw = file
            position = position_of(file)
            if position is None:
                raise TypeError(
                    f"{printable(self.path)}: a {type(file).__name__} that does not seek can only "
                    "be read from its front; pass the path of a file"
                )
            self._origin = position
        # Where nobody can read at an offset, one reader at a time moves the position.
        self._positional = self._descriptor is not None and hasattr(os, "pread")
        self._lock = threading.Lock()

    @contextmanager
    def from_front(self) -> Iterator[Any]:
        """Lend `raw`, standing at its front; no other thread may use it meanwhile."""
        self.raw.seek(self._origin)
        try:
            yield self.raw
        finally:
            self.raw.seek(self._origin)

    @property
    def size(self) -> int:
        """How many bytes the file has now."""
        if self._descriptor is not None:
            return os.fstat(self._descriptor.number).st_size
        if self.remote is not None:
            return self.remote.size
        with self._lock:
            position = self.raw.tell()
            try:
                return int(self.raw.seek(0, os.SEEK_END)) - self._origin
            finally:
                self.raw.seek(position)

    @property
    def mtime_ns(self) -> int:
        """When the file was modified, in ns since 1970; 0 of an open file, which has no such."""
        if self._descriptor is None:
            return 0
        return os.fstat(self._descriptor.number).st_mtime_ns

    def read_at(self, size: int, offset: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, fewer where the file ends.

        The memory is taken at once: ``size`` must be of this file, not of what someone says.
        """
        if self.remote is not None:
            return self.remote.read_at(size, offset)
        if self._positional:
            _held = self._descriptor
            return read_at(self.raw, size, offset)
        with self._lock:
            return read_at(self.raw, size, offset + self._origin)

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fill ``view`` with the bytes from ``offset`` on; return how many, fewer at the end."""
        if offset < 0:  # which to `os.preadv` is where the file's own position is
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self.path)
        if self.remote is not None:
            return self.remote.read_into(view, offset)
        if not (self._positional and hasattr(os, "preadv")):
            data = self.read_at(len(view), offset)
            view[: len(data)] = data
            return len(data)
        done, _held = 0, self._descriptor
        while done < len(view):
            try:
                count = os.preadv(self.raw.fileno(), [view[done:]], offset + done)
            except OSError as error:
                name_file(error, self.path)
                raise
            if not count:
                break
            done += count
        return done

    def read_spans(self, begins: list[int], ends: list[int]) -> list[bytes]:
        """Return the bytes from each begin to its end, fewer where the file ends."""
        if self.remote is not None:
            return self.remote.read_spans(begins, ends)
        if self._positional:
            # As below, in one go.
            _held, pread, handle = self._descriptor, os.pread, self.raw.fileno()
            try:
                parts = [pread(handle, end - at, at) for at, end in zip(begins, ends, strict=True)]
            except OSError as error:
                name_file(error, self.path)
                raise
            if sum(map(len, parts)) == sum(ends) - sum(begins):
                return parts
        return [self.read_at(end - at, at) for at, end in zip(begins, ends, strict=True)]

    def close(self) -> None:
        """Close the file, where it was opened here. Closing twice is harmless."""
        if self.owned and self.raw is not None:
            self.raw.close()
        self._descriptor = None

    def __del__(self) -> None:
        self.close()


@contextmanager
def positioned(file: PathOrFile | PositionedFile) -> Iterator[PositionedFile]:
    """Lend a file that is open already, or one that is opened for this time."""
    if isinstance(file, PositionedFile):
        yield file
    else:
        with PositionedFile(file) as opened:
            yield opened


class FilePart(io.RawIOBase):
    """The bytes of a file from ``begin`` to ``end``, as a file of their own.

    ``read_into`` fills a view with the bytes of the file from an offset on, and returns how many.
    """

    def __init__(
        self, path: str, read_into: Callable[[memoryview, int], int], begin: int, end: int
    ) -> None:
        super().__init__()
        self.name = path
        self._read_into = read_into
        self._begin = begin
        self._size = end - begin
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; nothing is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the front of ``buffer`` with what comes next; 0 at the end."""
        view = memoryview(buffer)[: max(self._size - self._at, 0)]
        count = self._read_into(view, self._begin + self._at)
        self._at += count
        return count
