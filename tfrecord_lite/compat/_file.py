"""``tf.io.gfile.GFile``: one file of this machine, with TensorFlow's rules."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from tfrecord_lite.compat.errors import (
    InvalidArgumentError,
    OutOfRangeError,
    PermissionDeniedError,
    UnimplementedError,
    renamed,
)
from tfrecord_lite.records.closing import Closing

if TYPE_CHECKING:
    from typing_extensions import Self

    from tfrecord_lite._types import Path

__all__ = ["FILE_SCHEME", "GFile", "local_path"]

FILE_SCHEME = "file://"
_MODES = ("r", "w", "a", "r+", "w+", "a+")


def local_path(path: Path) -> str:
    """Return the path for Python's functions; UnimplementedError for another file system."""
    name = os.fsdecode(path).removeprefix(FILE_SCHEME)
    scheme, found, _ = name.partition("://")
    if found:
        raise UnimplementedError(
            None, None, f"file system scheme {scheme!r} needs TensorFlow itself (file: {name!r})"
        )
    return name


class GFile(Closing):
    """A file, opened at the first read or write, as TensorFlow's class of this name.

    ``mode`` is one of r, w, a, r+, w+, a+, with a b for bytes. Reading and writing have positions
    of their own; "r+" and "w+" empty the file at the first write; `readline` drops a carriage
    return.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "labels.txt")
    >>> with GFile(path, "w") as file:
    ...     file.write("cats")
    >>> GFile(path).read()
    'cats'
    """

    _reading: BinaryIO | None = None
    _writing: BinaryIO | None = None

    def __init__(self, name: Path, mode: str = "r") -> None:
        self.name = name
        self.mode = mode
        self._binary = "b" in mode
        self._kind = mode.replace("b", "")
        if self._kind not in _MODES:
            raise InvalidArgumentError(
                None, None, f"mode {mode!r}: expected one of {', '.join(_MODES)}, with or without b"
            )

    def _reader(self) -> BinaryIO:
        if self._kind in ("w", "a"):
            raise PermissionDeniedError(
                None, None, f"{self.name!r} isn't open for reading: mode is {self.mode!r}"
            )
        if self._reading is None:
            self._reading = open(local_path(self.name), "rb")  # noqa: SIM115
        return self._reading

    def _writer(self) -> BinaryIO:
        if self._kind == "r":
            raise PermissionDeniedError(
                None, None, f"{self.name!r} isn't open for writing: mode is {self.mode!r}"
            )
        if self._writing is None:
            self._writing = open(local_path(self.name), "ab" if "a" in self._kind else "wb")  # noqa: SIM115
        return self._writing

    def _content(self, data: bytes) -> Any:
        return data if self._binary else data.decode()

    def read(self, n: int = -1) -> Any:
        """Return the next ``n`` bytes, or all; as str, of UTF-8, without a b in the mode."""
        with renamed():
            reader = self._reader()
            if n < -1:
                raise InvalidArgumentError(
                    None, None, f"{self.name!r}: reading {n} bytes; -1, the default, is all"
                )
            return self._content(reader.read(n))

    def readline(self) -> Any:
        """Return the next line, with its line feed; an empty one at the end."""
        with renamed():
            return self._content(self._reader().readline().replace(b"\r", b""))

    def readlines(self) -> list[Any]:
        """Return all lines that are left."""
        return list(self)

    def write(self, file_content: bytes | bytearray | str) -> None:
        """Append to what was written."""
        if isinstance(file_content, str):
            file_content = file_content.encode()
        elif not isinstance(file_content, (bytes, bytearray)):
            raise TypeError(f"expected bytes or str to write, not {type(file_content).__name__}")
        with renamed():
            self._writer().write(file_content)

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Go to a byte for the next read: from the front, from here (1), or from the end (2).

        A byte beyond the end is an OutOfRangeError, and the next read is at the end. ``position``
        is what TensorFlow 1 called ``offset``.
        """
        given = [number for number in (offset, position) if number is not None]
        if len(given) != 1:
            raise TypeError("seek() takes an offset, or a position, which is its older name")
        with renamed():
            reader = self._reader()
            if whence not in (0, 1, 2):
                raise InvalidArgumentError(None, None, f"invalid whence {whence}; choose 0, 1 or 2")
            end = os.fstat(reader.fileno()).st_size
            target = given[0] + (0, reader.tell(), end)[whence]
            if target < 0:
                raise InvalidArgumentError(
                    None, None, f"{self.name!r}: seeking to a negative position: {target}"
                )
            reader.seek(min(target, end))
            if target > end:
                raise OutOfRangeError(
                    None, None, f"{self.name!r}: seeking to byte {target}, but its size is {end}"
                )

    def tell(self) -> int:
        """Return the position of the next read; in the modes w and a, of the next write."""
        with renamed():
            return (self._writer() if self._kind in ("w", "a") else self._reader()).tell()

    def size(self) -> int:
        """Return the size of the file in bytes, without what was not flushed."""
        with renamed():
            return os.stat(local_path(self.name)).st_size

    def flush(self) -> None:
        """Make what was written visible in the file."""
        if self._writing is not None:
            with renamed():
                self._writing.flush()

    def close(self) -> None:
        """Close the file. A later read or write opens it again."""
        for file in (self._reading, self._writing):
            if file is not None:
                with renamed():
                    file.close()
        self._reading = self._writing = None

    def seekable(self) -> bool:
        """Return True."""
        return True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __del__(self) -> None:
        # Scripts read `GFile(path).read()` and leave it at that.
        with suppress(OSError):
            self.close()
