"""Where bytes go: a path, in place or atomically, or any binary file object.

An `Output` is written front to back, and either grows in place or takes its name only when it is
complete.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.stores.store import Upload, is_bucket, store_of
from tfrecord_lite.text import printable
from tfrecord_lite.urls import is_url, local_path, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self, TypeIs

    from tfrecord_lite._types import Path, PathOrFile

__all__ = [
    "PARTIAL_SUFFIX",
    "Output",
    "check_binary",
    "fsync_folder",
    "is_partial",
    "is_path",
    "making_in",
    "name_file",
    "name_of",
    "naming_file",
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


def check_binary(file: object) -> None:
    """Raise TypeError for what is no binary file object that can be read, as a text file."""
    if not hasattr(file, "read") or isinstance(file, io.TextIOBase):
        raise TypeError(
            f"expected a path or a binary file object, not {type(file).__name__}; "
            "open text files with mode 'rb', use sys.stdin.buffer for standard input"
        )


def path_of(path: Path) -> str:
    """Return the name that a path means; ``TypeError`` for what is none, an open file too.

    A file:// URL means a file of this machine, for which nothing has to be installed.
    """
    return local_path(os.fsdecode(path))


def name_of(file: PathOrFile) -> str:
    """Return the name that a path means, and what error messages call a file object."""
    if is_path(file):
        return path_of(file)
    name = getattr(file, "name", None)
    if isinstance(name, (str, bytes)):
        return os.fsdecode(name)
    return f"<{type(file).__name__}>"


@contextmanager
def naming_file(path: str) -> Iterator[None]:
    """Have an error of the system, of a full disk for example, name the file."""
    try:
        yield
    except OSError as error:
        name_file(error, path)
        raise


def name_file(error: OSError, path: str) -> None:
    """Name the file in an error of the system that names none: `naming_file`, for what is hot."""
    if error.errno is not None and error.filename is None:
        error.filename = path


class Output:
    """A file being written, by path, in place or atomically; or a caller's binary file object.

    ``atomic`` writes to a temporary file beside the target and gives it the target's name in
    `close`: an existing file is replaced by a complete one or not at all. A symbolic link is
    followed: the file that it points to is replaced, the link stays. ``fsync`` has the data, and
    the directory entry, on the disk before `flush` and `close` return.

    At the end of ``with`` it is closed; after an exception, of `close` too, it is aborted.
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
        self._upload: Upload | None = None
        self._process = os.getpid()
        self._mode = mode
        self._fsync = fsync
        self._partial: str | None = None
        self._target = self.path
        self._name_is_synced = False
        self._file: Any = None
        self._inode: os.stat_result | None = None
        self._owned = is_path(file)
        if not self._owned:
            if atomic or mode != "w":
                raise ValueError(
                    f"{printable(self.path)}: mode={mode!r}, atomic={atomic} need a path; a file "
                    "object is written in place"
                )
            if not hasattr(file, "write") or isinstance(file, io.TextIOBase):
                raise TypeError(
                    f"expected a path or a binary file object, not {type(file).__name__}"
                )
            self._file = file
        elif is_partial(self.path.lower()):
            raise ValueError(
                f"{printable(self.path)}: names that end in {PARTIAL_SUFFIX} are those of files "
                "that are not complete; choose another"
            )
        elif is_url(self.path):
            self._check_upload(atomic)
        elif self._is_atomic(atomic):
            # Of these names another would become, of the folder that they are of.
            if os.path.basename(self.path) in ("", ".", ".."):
                code = errno.EISDIR if self.path else errno.ENOENT
                raise OSError(code, os.strerror(code), self.path)
            self._target = os.path.realpath(self.path)
            if os.path.islink(self._target):
                # What a rename would replace, the system would not open: links in a circle.
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
            try:
                os.stat(self._target)
            except (FileNotFoundError, PermissionError):
                pass
            except OSError as error:
                # A name that is too long would be told in `close` only: the temporary file has a
                # shorter one, and that is nobody's to know.
                raise OSError(error.errno, error.strerror, self.path) from None
            if mode == "x" and os.path.lexists(self.path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path)
            self._partial = self._partial_path()

    def open(self) -> None:
        """Make the file; whatever is raised meanwhile, no temporary one stays."""
        try:
            if not self._owned:
                pass
            elif is_url(self.path):
                self._begin_upload()
            elif self._partial is not None:
                self._open_partial(self._partial)
            else:
                self._file = _open_for_writing(self.path, f"{self._mode}b", self.path)
                self._inode = os.fstat(self._file.fileno())
                self._target = os.path.realpath(self.path)
        except BaseException:
            self.abort()
            raise

    def reopen(self) -> None:
        """Open the file again that the garbage collector has closed, before who writes to it."""
        if self._owned and self._file is not None and self._file.closed:
            # Not one that was removed, or has another in its place by now.
            file = io.FileIO(self._partial or self._target, "r+")
            if self._inode and os.path.samestat(os.fstat(file.fileno()), self._inode):
                file.seek(0, os.SEEK_END)
                self._file = file
            else:
                file.close()

    def _check_upload(self, atomic: bool | None) -> None:
        if self._mode == "a" or atomic is False:
            raise ValueError(
                f"{printable(self.path)}: mode={self._mode!r}, atomic={atomic}: an object is "
                "written whole, and is there when it is complete; write a new one"
            )
        if self.path.endswith("/") or is_bucket(self.path):
            # Stores would take it for the name without the slash.
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), shown(self.path))

    def _begin_upload(self) -> None:
        self._refuse_taken()
        store = store_of(self.path)
        store.remove_unfinished(self.path)
        self._upload = store.upload(self.path)
        self._partial = self.path

    def _refuse_taken(self) -> None:
        if self._mode == "x":
            with suppress(FileNotFoundError):
                store_of(self.path).state(self.path)
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), shown(self.path))

    def _is_atomic(self, atomic: bool | None) -> bool:
        """Decide how to write; a device or a pipe can only be written in place."""
        if self._mode == "a":
            return False
        special = os.path.exists(self.path) and not os.path.isfile(self.path)
        if special and atomic:
            raise ValueError(
                f"{printable(self.path)}: not a regular file, so atomic=True cannot be kept"
            )
        return not special if atomic is None else atomic

    def _partial_path(self) -> str:
        folder, name = os.path.split(self._target)
        suffix = f".{os.urandom(4).hex()}{PARTIAL_SUFFIX}"
        space = _NAME_MAX - len(suffix) - 1
        stem = os.fsdecode(os.fsencode(name)[:space])
        return os.path.join(folder, f".{stem}{suffix}")

    def _open_partial(self, partial: str) -> None:
        try:
            self._file = _open_for_writing(partial, "xb", self.path)
        except OSError:
            # One that is there is another's.
            self._partial = None
            raise
        self._inode = os.fstat(self._file.fileno())
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
        if self._upload is not None:
            self._upload.write(view)
            return
        with naming_file(self.path):
            while view:
                count = self._file.write(view)
                if count is None:
                    raise BlockingIOError(
                        f"{printable(self.path)}: a non-blocking file took no data"
                    )
                view = view[count:]

    def flush(self) -> None:
        """Make what was written visible to readers of the file; of an object nothing is."""
        if self._upload is not None:
            return
        if not self._owned and hasattr(self._file, "flush"):
            self._file.flush()
        if self._fsync:
            with naming_file(self.path):
                os.fsync(self._file.fileno())
            if self._owned and self._partial is None and not self._name_is_synced:
                fsync_folder(self._target)
                self._name_is_synced = True

    def close(self) -> None:
        """Publish: flush, close, and where atomic take the target's name."""
        if self._upload is not None:
            self._refuse_taken()
            self._upload.complete()
            self._upload = self._partial = None
            return
        self.flush()
        if not self._owned or self._file is None:
            return
        with naming_file(self.path):
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
        upload, self._upload = self._upload, None
        if upload is not None:
            # A forked child has the upload of another.
            if self._process == os.getpid():
                upload.abort()
            return
        if self._owned and self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._partial is not None:
            with suppress(OSError):
                os.unlink(self._partial)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise

    def abandon(self) -> None:
        """Close the handle and leave everything as it lies."""
        if self._owned and self._file is not None:
            self._file.close()


@contextmanager
def making_in(folder: str, target: str) -> Iterator[None]:
    """Have the error of a folder, or a name, that does not do name what was to be there at last.

    Not a temporary file, of which nobody knows.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OSError(error.errno, error.strerror, target) from None
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        what = f"no file can be made in the directory {printable(folder)}"
        raise OSError(error.errno, f"{os.strerror(error.errno)}; {what}", target) from None


def _open_for_writing(path: str, mode: str, target: str) -> Any:
    try:
        if path == target:
            return open(path, mode, buffering=0)
        with making_in(os.path.dirname(path) or ".", target):
            return open(path, mode, buffering=0)
    except FileNotFoundError:
        folder = os.path.dirname(path)
        if not folder or os.path.isdir(folder):
            raise
        # Not the name of a temporary file, of which nobody knows.
        message = f"{os.strerror(errno.ENOENT)}; create the directory {printable(folder)} first"
        raise FileNotFoundError(errno.ENOENT, message, target) from None


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
