"""The files of epochs: regular ones, each told from another that takes its name."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.records.file_system import is_url, sizes_of
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import printable
from tfrecord_lite.urls import shown

if TYPE_CHECKING:
    from tfrecord_lite._types import NameOrFile

__all__ = ["regular", "states_of"]


class State(NamedTuple):
    """By what a file is told from another of its name, and from itself after a change."""

    size: int
    mtime_ns: int
    inode: tuple[int, int]


def regular(file: NameOrFile) -> str:
    """Return the name of a file; ``TypeError`` for one that is open."""
    if not isinstance(file, str):
        raise TypeError(
            f"{printable(name_of(file))}: an open file is read once, and a Dataset reads its "
            "files once an epoch: pass the path of a file, or use read_batches"
        )
    return file


def states_of(files: list[str]) -> list[State]:
    """Return the states of files; of URLs by a listing of each folder."""
    urls = [file for file in files if is_url(file)]
    sizes = dict(zip(urls, sizes_of(urls), strict=True))
    return [
        _state_of_object(file, sizes[file]) if file in sizes else _state_of(file) for file in files
    ]


def _state_of_object(url: str, size: int | None) -> State:
    if size is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shown(url))
    return State(size, 0, (0, 0))


def _state_of(file: str) -> State:
    """Return the state of one file; ``ValueError`` where it is no regular one."""
    status = os.stat(file)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(
            f"{printable(file)}: not a regular file; a Dataset reads its files once an epoch, and "
            "pipes have their content once: use read_batches"
        )
    return State(status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))
