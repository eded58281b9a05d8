"""Opening things: where bytes come from, and where they go.

The only module that calls the operating system. A `ByteSource` is a path, or any binary file
object, a pipe or standard input among them, read front to back. An `Output` is written front to
back, and either grows in place or takes its name only when it is complete.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import suppress
from io import FileIO
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.records.file_system import open_file

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from tfrecord_lite._types import Path, PathOrFile

__all__ = [
    "PARTIAL_SUFFIX",
    "ByteSource",
    "Output",
    "fsync_folder",
    "is_partial",
    "is_path",
    "name_of",
    "read_at",
]

# What an atomic writer's file is called until it is complete: `.NAME.<8 hex digits>` and this. The
# leading dot keeps it from `*` and the suffix from `*.tfrecord`.
PARTIAL_SUFFIX = ".tfrecord-partial"
_NAME_MAX = 255


def is_partial(path: str) -> bool:
    """Tell whether a path is the temporary file of a writer that was killed or is still at work."""
    return path.endswith(PARTIAL_SUFFIX)


def is_path(file: object) -> TypeIs[Path]:
    """Tell a path from a file object."""
    return isinstance(file, (str, bytes, os.PathLike))


def name_of(file: PathOrFile) -> str:
    """Return what error messages call a path or a file object."""
    if is_path(file):
        return os.fsdecode(file)
    name = getattr(file, "name", None)
    if isinstance(name, (str, bytes)):
        return os.fsdecode(name)
    return f"<{type(file).__name__}>"


def read_at(file: Any, size: int, offset: int) -> bytes:
    """Return ``size`` bytes of an open file from ``offset`` on, fewer at the end.

    Its position stays, though not for other threads where the system cannot read at an offset, or
    the file is none of the system's. The memory is taken at once: ``size`` must be of this file,
    not of what someone says.
    """
    data = _read_once(file, size, offset)
    if not 0 < len(data) < size:
        return data
    # The end, or a system that gives in several calls what was asked for in one.
    parts, have = [data], len(data)
    while have < size and (data := _read_once(file, size - have, offset + have)):
        parts.append(data)
        have += len(data)
    return b"".join(parts)


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
        self._pushed_back = b""
        self._owned = is_path(file)
        self._file: Any
        if self._owned:
            self._file = open_file(self.path)
        elif not hasattr(file, "read") or isinstance(file, io.TextIOBase):
            raise TypeError(
                f"expected a path or a binary file object, not {type(file).__name__}; "
                "open text files with mode 'rb', use sys.stdin.buffer for standard input"
            )
        else:
            self._file = file
        self._origin = self._tell()
        self._ready = self._owned and self.remaining() is not None
        # The read of a file with a position that has not been accounted for.
        self._last: tuple[int, memoryview, list[int | None]] | None = None
        # The position of an open file is shared by forks; how far each has read is not.
        self._at_own_offset = self._ready and hasattr(os, "preadv")

    def _tell(self) -> int | None:
        try:
            return int(self._file.tell()) if self._file.seekable() else None
        except (AttributeError, OSError):
            return None

    @property
    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._origin is not None

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
        return self._pushed_back[:size]

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view`` with the next bytes and return how many; 0 at the end."""
        count: int | None
        if self._last is not None:
            self._settle(*self._last)
        if self._pushed_back:
            count = min(len(view), len(self._pushed_back))
            view[:count] = self._pushed_back[:count]
            self.offset, self._pushed_back = self.offset + count, self._pushed_back[count:]
            return count
        if self._at_own_offset:
            count = os.preadv(self._file.fileno(), [view], self.offset)
        else:
            count = self._read_and_move(view)
        if count is None:
            raise BlockingIOError(
                f"{self.path}: no data ready on a non-blocking file; make it blocking first"
            )
        self.offset += count
        self._last = None
        return count

    def _read_and_move(self, view: memoryview) -> int | None:
        """Read where the file's own position is, which only a file that seeks can take back."""
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

    @property
    def ready(self) -> bool:
        """Whether reading never waits: the source is a regular file, opened here."""
        return self._ready

    @property
    def positional(self) -> bool:
        """Whether `read_at` works."""
        return self._ready

    def read_at(self, size: int, offset: int) -> bytes:
        """Return ``size`` bytes from ``offset``, fewer at the end, without moving there."""
        return read_at(self._file, size, offset)

    def seek(self, offset: int) -> None:
        """Go to ``offset`` bytes behind where the source was opened."""
        if self._origin is None:
            raise io.UnsupportedOperation(
                f"{self.path}: reading was interrupted at byte {offset}, and this file does not "
                "seek back there; open it again"
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

    def remaining(self) -> int | None:
        """Return how many bytes a regular file still holds; None for everything else."""
        try:
            status = os.fstat(self._file.fileno())
        except (AttributeError, OSError):
            return None
        if self._origin is None or not stat.S_ISREG(status.st_mode):
            return None
        return max(status.st_size - self._origin - self.offset, 0)

    def close(self) -> None:
        """Close the file where it was opened here."""
        if self._owned:
            self._file.close()


class Output:
    """A file being written, by path, in place or atomically; or a caller's binary file object.

    ``atomic`` writes to a temporary file beside the target and gives it the target's name in
    `close`: an existing file is replaced by a complete one or not at all. A symbolic link is
    followed: the file that it points to is replaced, the link stays. ``fsync`` has the data, and
    the directory entry, on the disk before `flush` and `close` return.
    """

    def __init__(
        self,
        file: PathOrFile,
        *,
        mode: Literal["w", "x", "a"],
        atomic: bool | None,
        fsync: bool,
    ) -> None:
        self.path = name_of(file)
        self._mode = mode
        self._fsync = fsync
        self._partial: str | None = None
        self._target = self.path
        self._name_is_synced = False
        self._file: Any
        self._owned = is_path(file)
        if not self._owned:
            if atomic or mode != "w":
                raise ValueError(
                    f"{self.path}: mode={mode!r}, atomic={atomic} need a path; a file object is "
                    "written in place"
                )
            if not hasattr(file, "write") or isinstance(file, io.TextIOBase):
                raise TypeError(
                    f"expected a path or a binary file object, not {type(file).__name__}"
                )
            self._file = file
        elif is_partial(self.path.lower()):
            raise ValueError(
                f"{self.path}: names that end in {PARTIAL_SUFFIX} are those of files that are not "
                "complete; choose another"
            )
        elif self._is_atomic(atomic):
            self._target = os.path.realpath(self.path)
            if os.path.islink(self._target):
                # What a rename would replace, the system would not open: links in a circle.
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
            if mode == "x" and os.path.lexists(self.path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path)
            self._open_partial()
        else:
            self._file = _open_for_writing(self.path, f"{mode}b")
            self._target = os.path.realpath(self.path)

    def _is_atomic(self, atomic: bool | None) -> bool:
        """Decide how to write; a device or a pipe can only be written in place."""
        if self._mode == "a":
            if atomic:
                raise ValueError(
                    "mode='a' adds to the file in place; atomic=True would need to copy it"
                )
            return False
        special = os.path.exists(self.path) and not os.path.isfile(self.path)
        if special and atomic:
            raise ValueError(f"{self.path}: not a regular file, so atomic=True cannot be kept")
        return not special if atomic is None else atomic

    def _open_partial(self) -> None:
        folder, name = os.path.split(self._target)
        suffix = f".{os.urandom(4).hex()}{PARTIAL_SUFFIX}"
        room = _NAME_MAX - len(suffix) - 1
        stem = os.fsdecode(os.fsencode(name)[:room])
        self._partial = os.path.join(folder, f".{stem}{suffix}")
        self._file = _open_for_writing(self._partial, "xb")
        # A replaced file keeps its permissions.
        if hasattr(os, "fchmod"):
            with suppress(OSError):
                os.fchmod(self._file.fileno(), stat.S_IMODE(os.stat(self._target).st_mode))

    @property
    def partial(self) -> str | None:
        """Where the data is while the file is not complete; None when it is written in place."""
        return self._partial

    def write(self, data: bytes | memoryview) -> None:
        """Write all of ``data``, however little the system takes at a time."""
        view = memoryview(data)
        while view:
            count = self._file.write(view)
            if count is None:
                raise BlockingIOError(f"{self.path}: a non-blocking file took no data")
            view = view[count:]

    def flush(self) -> None:
        """Make what was written visible to readers of the file."""
        if not self._owned and hasattr(self._file, "flush"):
            self._file.flush()
        if self._fsync:
            os.fsync(self._file.fileno())
            if self._owned and self._partial is None and not self._name_is_synced:
                fsync_folder(self._target)
                self._name_is_synced = True

    def close(self) -> None:
        """Publish: flush, close, and where atomic take the target's name."""
        self.flush()
        if not self._owned:
            return
        self._file.close()
        if self._partial is not None:
            self._publish(self._partial)
            if self._fsync:
                fsync_folder(self._target)

    def _publish(self, partial: str) -> None:
        if self._mode == "x":
            _link_new(partial, self._target)
        else:
            os.replace(partial, self._target)
        self._partial = None

    def abort(self) -> None:
        """Close without publishing: the temporary file goes, a file in place stays as it is."""
        if self._owned:
            with suppress(OSError):
                self._file.close()
        if self._partial is not None:
            with suppress(OSError):
                os.unlink(self._partial)

    def abandon(self) -> None:
        """Close the handle and leave everything as it lies."""
        if self._owned:
            self._file.close()


def _open_for_writing(path: str, mode: str) -> Any:
    try:
        return open(path, mode, buffering=0)
    except FileNotFoundError:
        folder = os.path.dirname(path)
        if not folder or os.path.isdir(folder):
            raise
        # Not the name of a temporary file, of which nobody knows.
        message = "No such directory to write a file in; create it first"
        raise FileNotFoundError(errno.ENOENT, message, folder) from None


def _link_new(partial: str, target: str) -> None:
    """Rename to a name that must still be free; a hard link, unlike a rename, replaces nothing."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: look, then rename.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
        os.replace(partial, target)
    else:
        # The file has its name; that it has another one still is no reason to say it had failed.
        with suppress(OSError):
            os.unlink(partial)


def fsync_folder(path: str) -> None:
    """Have a directory entry on the disk; Windows opens no directories and needs no such call."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
