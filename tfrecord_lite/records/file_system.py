"""Files by their names: those of the system, and by URL those of stores."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from tfrecord_lite.parallel.threads import Threads
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.storage import is_path
from tfrecord_lite.stores.object_file import ObjectFile
from tfrecord_lite.stores.store import store_of
from tfrecord_lite.thresholds import limits
from tfrecord_lite.urls import is_url, scheme_of, split_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import PathOrFile

__all__ = [
    "can_be_reread",
    "checksum_of",
    "exists",
    "glob_paths",
    "is_directory",
    "is_file",
    "is_same_file",
    "is_special",
    "is_url",
    "known_size",
    "known_sizes",
    "list_directory",
    "open_file",
    "remove_file",
    "size_of",
    "sizes_of",
]


_PIECE_BYTES = 1 << 20


def open_file(path: str) -> Any:
    """Open a file for reading; ``FileNotFoundError`` where there is none."""
    return ObjectFile(path) if is_url(path) else open(path, "rb", buffering=0)


def remove_file(path: str) -> None:
    """Remove a file; of a URL that is not there it is no matter."""
    if is_url(path):
        store_of(path).delete([path])
    else:
        os.unlink(path)


def exists(path: str) -> bool:
    """Tell whether a name is taken, also by a link to what is missing."""
    if not is_url(path):
        return os.path.lexists(path)
    return is_file(path) or is_directory(path)


def is_file(path: str) -> bool:
    """Tell whether a name is that of a regular file, or a link to one."""
    if not is_url(path):
        return os.path.isfile(path)
    if path.endswith("/"):
        return False
    try:
        store_of(path).state(path)
    except (FileNotFoundError, IsADirectoryError):
        return False
    return True


def can_be_reread(path: str) -> bool:
    """Tell whether what has this name can be read again, and anywhere; an object can."""
    return is_url(path) or os.path.isfile(path)


def is_directory(path: str) -> bool:
    """Tell whether a name is that of a directory; what may not be listed is none."""
    if not is_url(path):
        return os.path.isdir(path)
    try:
        return store_of(path).is_directory(path)
    except PermissionError:
        # Objects may well be read where nobody may list them.
        return False


def is_same_file(one: PathOrFile, other: PathOrFile) -> bool:
    """Tell whether two files, by their names or open, are the same, and are there."""
    if any(isinstance(file, str) and is_url(file) for file in (one, other)):
        return bool(one == other)
    try:
        found, other_found = (
            os.stat(file if is_path(file) else file.fileno()) for file in (one, other)
        )
    except (AttributeError, OSError):
        return False
    # A device, as /dev/null or a terminal, may well be read and written.
    return stat.S_ISREG(found.st_mode) and os.path.samestat(found, other_found)


def size_of(path: str) -> int:
    """Return the bytes of a file; ``FileNotFoundError`` where there is none."""
    return store_of(path).state(path).size if is_url(path) else os.stat(path).st_size


def sizes_of(
    paths: Sequence[str], *, unless: type[OSError] = FileNotFoundError
) -> list[int | None]:
    """Return the bytes of files, None for one that is not there, or of which ``unless`` is raised.

    Of URLs each folder is listed once, however many of the files are in it.
    """
    sizes: dict[str, int | None] = {}
    folders: dict[str, list[str]] = {}
    for path in paths:
        if is_url(path):
            folders.setdefault(split_name(path)[0], []).append(path)
        else:
            sizes[path] = _size_unless(path, unless)
    for folder, inside in folders.items():
        found = None
        if len(inside) > 1 and not scheme_of(folder).startswith("http"):
            # Where nobody may list them objects may well be read.
            with suppress(PermissionError, unless):
                found = {
                    entry.name: entry.size
                    for entry in store_of(folder).list(folder)
                    if not entry.is_directory
                }
        if found is None:
            sizes.update(zip(inside, _each_size(inside, unless), strict=True))
        else:
            sizes.update((path, found.get(os.path.basename(path))) for path in inside)
    return [sizes[path] for path in paths]


def known_sizes(paths: Sequence[str]) -> list[int]:
    """Return the bytes of files, 0 for what is no file, or cannot be looked at.

    Whoever opens that says what is wrong with it.
    """
    files = [path for path in paths if can_be_reread(path)]
    sizes = dict(zip(files, sizes_of(files, unless=OSError), strict=True))
    return [sizes.get(path) or 0 for path in paths]


def known_size(path: str) -> int:
    """Return the bytes of a file, 0 for one that cannot be looked at."""
    return _size_unless(path, OSError) or 0


def _each_size(paths: list[str], unless: type[OSError]) -> list[int | None]:
    if len(paths) == 1:
        return [_size_unless(paths[0], unless)]
    with closing(Threads(limits.remote_connections, "tfrecord_lite-sizes")) as threads:
        calls = [threads.submit(_size_unless, path, unless) for path in paths]
        return [call.result() for call in calls]


def _size_unless(path: str, unless: type[OSError]) -> int | None:
    try:
        return size_of(path)
    except unless:
        return None


def checksum_of(path: str) -> int:
    """Return the CRC-32C of a file as it lies, not masked."""
    crc, piece = 0, memoryview(bytearray(_PIECE_BYTES))
    with open_file(path) as file:
        while count := file.readinto(piece):
            crc = crc32c(piece[:count], crc)
    return crc


def list_directory(path: str, *, special: bool = False) -> list[tuple[str, bool]]:
    """Return what is in a directory, sorted: names, and whether each is a directory.

    Pipes, sockets and devices, which may have no end, are there with ``special`` alone.
    """
    if is_url(path):
        found = store_of(path).list(path)
        return sorted((entry.name, entry.is_directory) for entry in found)
    with os.scandir(path or ".") as entries:
        return sorted(
            (entry.name, _leads_to_directory(entry))
            for entry in entries
            if special or not _is_special(entry)
        )


def _is_special(entry: Any) -> bool:
    try:
        return not entry.is_file(follow_symlinks=False) and is_special(entry.path)
    except OSError:
        return False


def is_special(path: str) -> bool:
    """Tell whether a name is that of a pipe, a socket or a device; one of a missing file is not."""
    mode = _mode_of(path)
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _mode_of(path: str) -> int:
    """Return what a name is of; a name of what is missing is that of a file to be."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return stat.S_IFREG


def _leads_to_directory(entry: Any) -> bool:
    try:
        return bool(entry.is_dir())
    except OSError:
        # Links in a circle lead nowhere.
        return False


def glob_paths(pattern: str, *, files_alone: bool = False) -> list[str]:
    """Return all that a glob matches, sorted; or files alone, and none that are special."""
    if not is_url(pattern):
        matches = sorted(glob.glob(pattern))
        # Each is looked at once, which may be over a network.
        return [path for path in matches if not files_alone or stat.S_ISREG(_mode_of(path))]
    root, *parts = re.split(r"(?<=://)|/", pattern)
    found = [root]
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if glob.has_magic(part):
            found = [
                _inside(folder, name)
                for folder in found
                for name, is_folder in list_directory(folder)
                if (is_folder or is_last)
                and not (is_folder and is_last and files_alone)
                and fnmatch.fnmatchcase(name, part)
                and (name[0] != "." or part[0] == ".")
            ]
        else:
            found = [_inside(folder, part) for folder in found]
            if is_last:
                found = list(filter(is_file if files_alone else exists, found))
    return sorted(found)


def _inside(folder: str, name: str) -> str:
    """Return the URL of a name in a folder, of which a store's root has its slashes already."""
    return folder + name if folder.endswith("://") else f"{folder}/{name}"
