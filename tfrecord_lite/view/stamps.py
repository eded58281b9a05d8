"""Whether a file is still the one that it was."""

from __future__ import annotations

import os

from tfrecord_lite.records.file_system import is_url

__all__ = ["stamp_of"]


def stamp_of(path: str) -> tuple[int, int, int] | None:
    """Return what is another for a file that was written to, or replaced; None of a URL.

    Raises ``OSError`` where there is no such file.
    """
    if is_url(path):
        return None
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ino
