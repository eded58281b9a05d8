"""``tf.io.gfile``: the files of this machine, under TensorFlow's names and with its errors.

Paths may begin with ``file://``; any other scheme needs TensorFlow. `glob`, `listdir` and `walk`
sort what they return, where TensorFlow keeps the order of the disk.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

from tfrecord_lite.compat._file import FILE_SCHEME, GFile, local_path
from tfrecord_lite.compat._missing import missing
from tfrecord_lite.compat.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    renamed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite._types import Path

__all__ = [
    "FileStatistics",
    "GFile",
    "copy",
    "exists",
    "glob",
    "isdir",
    "join",
    "listdir",
    "makedirs",
    "mkdir",
    "remove",
    "rename",
    "rmtree",
    "stat",
    "walk",
]

__getattr__ = missing("tf.io.gfile")


class FileStatistics(NamedTuple):
    """What `stat` tells: size in bytes, last change in nanoseconds, whether it is a directory."""

    length: int
    mtime_nsec: int
    is_directory: bool


def exists(path: Path) -> bool:
    """Tell whether there is a file or directory."""
    return os.path.exists(local_path(path))


def isdir(path: Path) -> bool:
    """Tell whether there is a directory."""
    return os.path.isdir(local_path(path))


def stat(path: Path) -> FileStatistics:
    """Tell size, time and kind of a path."""
    with renamed():
        status = os.stat(local_path(path))
    return FileStatistics(status.st_size, status.st_mtime_ns, isdir(path))


def listdir(path: Path) -> list[str]:
    """Return the names in a directory, hidden ones too, sorted; NotFoundError where it is none."""
    if not isdir(path):
        raise NotFoundError(None, None, f"Could not find directory {os.fsdecode(path)}")
    with renamed():
        return sorted(os.listdir(local_path(path)))


def glob(pattern: str | Iterable[str]) -> list[str]:
    r"""Return what exists for a pattern, or for each of several, sorted.

    As in TensorFlow: ``*`` and ``?`` stay within a name and match a leading dot too, ``[a-z]`` and
    ``[^a-z]`` are one character, a backslash takes the next one as it is, ``**`` is no more than
    ``*``, and the matches of a pattern without a directory begin with ``./``.
    """
    patterns = [pattern] if isinstance(pattern, str) else pattern
    return [match for one in patterns for match in _matches(one)]


def _matches(pattern: str) -> list[str]:
    name = local_path(pattern)
    scheme = FILE_SCHEME if pattern.startswith(FILE_SCHEME) else ""
    wild = re.search(r"[*?\[\\]", name)
    if wild is None:
        return [scheme + name] if os.path.exists(name) else []
    if "/" not in name[: wild.start()]:
        name = f"./{name}"
        fixed = "."
    else:
        fixed = name[: wild.start()].rpartition("/")[0]
    found = [fixed]
    for level in name[len(fixed) + 1 :].rstrip("/").split("/"):
        accepted = re.compile(fnmatch.translate(_as_fnmatch(level))).match
        found = [
            f"{folder}/{entry}"
            for folder in found
            if os.path.isdir(folder or "/")
            for entry in os.listdir(folder or "/")
            if accepted(entry)
        ]
    return [scheme + match for match in sorted(found)]


def _as_fnmatch(level: str) -> str:
    """Rewrite a pattern for Python's fnmatch, which negates with "!" and has no backslash."""
    return re.sub(
        r"\[\^|\\(.)",
        lambda part: "[!" if part[1] is None else f"[{part[1]}]" if part[1] in "*?[" else part[1],
        level,
    )


def makedirs(path: Path) -> None:
    """Create a directory and those above it; one that exists is fine."""
    try:
        with renamed():
            os.makedirs(local_path(path), exist_ok=True)
    except AlreadyExistsError as error:
        raise FailedPreconditionError(
            None, None, f"{os.fsdecode(path)} is not a directory"
        ) from error


def mkdir(path: Path) -> None:
    """Create a directory; one that exists is fine."""
    with renamed():
        try:
            os.mkdir(local_path(path))
        except FileExistsError:
            if not isdir(path):
                raise


def remove(path: Path) -> None:
    """Delete a file."""
    with renamed():
        os.remove(local_path(path))


def rmtree(path: Path) -> None:
    """Delete a directory and all in it, or a file."""
    with renamed():
        if isdir(path) and not os.path.islink(local_path(path)):
            shutil.rmtree(local_path(path))
        else:
            os.remove(local_path(path))


def copy(src: Path, dst: Path, overwrite: bool = False) -> None:
    """Copy a file; AlreadyExistsError where ``dst`` exists and ``overwrite`` is False."""
    _refuse_existing(dst, overwrite)
    with renamed():
        shutil.copyfile(local_path(src), local_path(dst))


def rename(src: Path, dst: Path, overwrite: bool = False) -> None:
    """Rename; AlreadyExistsError where ``dst`` exists and ``overwrite`` is False."""
    _refuse_existing(dst, overwrite)
    with renamed():
        try:
            os.replace(local_path(src), local_path(dst))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise InvalidArgumentError(
                None, None, f"{os.fsdecode(src)} is renamed into itself: {os.fsdecode(dst)}"
            ) from error


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and exists(path):
        raise AlreadyExistsError(
            None,
            None,
            f"{os.fsdecode(path)}: file already exists; pass overwrite=True to replace it",
        )


def join(path: Any, *paths: Any) -> Any:
    """Join parts of a path, as ``os.path.join`` does."""
    return os.path.join(path, *paths)


def walk(
    top: Path, topdown: bool = True, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (path, names of directories, names of files) for a directory and all below it.

    Links to directories are followed; in a circle, as in TensorFlow, until the system refuses.
    """
    for folder, folders, files in os.walk(local_path(top), topdown, onerror, followlinks=True):
        folders.sort()
        yield folder, folders, sorted(files)


# Their names in TensorFlow 1, as tf.gfile.
Copy = copy
DeleteRecursively = rmtree
Exists = exists
FastGFile = GFile
Glob = glob
IsDirectory = isdir
ListDirectory = listdir
MakeDirs = makedirs
MkDir = mkdir
Open = GFile
Remove = remove
Rename = rename
Stat = stat
Walk = walk
