"""Files by their names: those of the system, and by URL those that fsspec finds."""

from __future__ import annotations

import glob
import io
import os
import re
from typing import Any

__all__ = [
    "exists",
    "glob_paths",
    "is_directory",
    "is_file",
    "is_url",
    "list_directory",
    "open_file",
    "size_of",
]

# A scheme of one letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.", re.DOTALL)


def is_url(path: str) -> bool:
    """Tell whether a name is a URL, and no file of the system's that is called so.

    >>> is_url("memory://data/a.tfrecord"), is_url("C://a"), is_url("a.tfrecord")
    (True, False, False)
    """
    return _URL.match(path) is not None and not os.path.lexists(path)


def _of_url(url: str) -> Any:
    """Return the file system of fsspec for a URL; fsspec keeps one for each scheme and server."""
    try:
        import fsspec
    except ImportError:
        raise ImportError(
            f"{url}: URLs are read by fsspec: pip install 'tfrecord-lite-np[remote]'"
        ) from None
    try:
        return fsspec.core.url_to_fs(url)[0]
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from None


def open_file(path: str) -> Any:
    """Open a file for reading; ``FileNotFoundError`` where there is none."""
    if not is_url(path):
        return open(path, "rb", buffering=0)
    file = _of_url(path).open(path, "rb")
    # All that open a file in memory get the same one, and would share its position.
    return io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else file


def exists(path: str) -> bool:
    """Tell whether a name is taken, also by a link to what is missing."""
    return bool(_of_url(path).exists(path)) if is_url(path) else os.path.lexists(path)


def is_file(path: str) -> bool:
    """Tell whether a name is that of a regular file, or a link to one."""
    return bool(_of_url(path).isfile(path)) if is_url(path) else os.path.isfile(path)


def is_directory(path: str) -> bool:
    """Tell whether a name is that of a directory."""
    return bool(_of_url(path).isdir(path)) if is_url(path) else os.path.isdir(path)


def size_of(path: str) -> int:
    """Return the bytes of a file; ``FileNotFoundError`` where there is none."""
    return int(_of_url(path).size(path) or 0) if is_url(path) else os.stat(path).st_size


def list_directory(path: str) -> list[tuple[str, bool]]:
    """Return what is in a directory, sorted: names, and whether each is a directory."""
    if not is_url(path):
        with os.scandir(path or ".") as entries:
            return sorted((entry.name, _leads_to_directory(entry)) for entry in entries)
    found = _of_url(path).ls(path, detail=True)
    return sorted((os.path.basename(one["name"].rstrip("/")), _is_dir(one)) for one in found)


def _leads_to_directory(entry: Any) -> bool:
    try:
        return bool(entry.is_dir())
    except OSError:
        # Links in a circle lead nowhere.
        return False


def _is_dir(entry: dict[str, Any]) -> bool:
    return bool(entry["type"] == "directory")


def glob_paths(pattern: str) -> list[str]:
    """Return all that a glob matches, files and directories, sorted."""
    if not is_url(pattern):
        return sorted(glob.glob(pattern))
    found = _of_url(pattern)
    return sorted(found.unstrip_protocol(path) for path in found.glob(pattern))
