"""Which files are meant: by a path, a directory, a glob, ``NAME@N``, or a list of these."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from bisect import bisect_left
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from tfrecord_lite.records.storage import is_partial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tfrecord_lite._types import Path

__all__ = [
    "SHARD_NAME",
    "SHARD_SUFFIXES",
    "Folders",
    "expand_each",
    "expand_path",
    "expand_paths",
    "is_data_file",
    "name_and_count",
]

_NAME_AT_COUNT = re.compile(r"(.*[^/])@(\d{1,5})")
# What stands beside the shards of a dataset and is none: manifests and other descriptions, indexes.
_NO_DATA = (".json", ".txt", ".csv", ".tsv", ".md", ".idx", ".index", ".tfindex")
SHARD_NAME = "{name}-{index:05d}-of-{total:05d}{suffix}"
# TensorFlow's own names have no suffix behind the numbers; ours do.
SHARD_SUFFIXES = ("", ".tfrecord", ".tfrecord.gz")


def is_data_file(path: str) -> bool:
    """Tell whether a file found by listing a directory may hold records, from its name."""
    name = os.path.basename(path)
    return not (name.startswith((".", "_")) or name.endswith(_NO_DATA) or is_partial(name))


def expand_paths(paths: Path | Iterable[Path]) -> list[str]:
    """Return the files that are meant, each directory's and glob's in the order of their names.

    A path that exists is taken as it is, before any other reading. A directory means the data files
    in it (not those in folders below, nor hidden, partial, index or description files). ``NAME@N``
    means the N files ``NAME-00000-of-0000N``, with ``.tfrecord`` or ``.tfrecord.gz`` behind or not;
    all must exist. Raises ``FileNotFoundError`` for what matches nothing.
    """
    return expand_each(paths, expand_path)


class Folders:
    """What is in folders, each listed once, however many patterns are looked for in it."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def matching(self, pattern: str) -> list[str]:
        """Return the files that a glob matches, in the order of their names."""
        folder, name = os.path.split(pattern)
        if glob.has_magic(folder) or not glob.has_magic(name) or name == "**":
            return sorted(glob.glob(pattern))
        if folder not in self._names:
            try:
                self._names[folder] = sorted(os.listdir(folder or "."))
            except OSError:
                self._names[folder] = []
        names = self._names[folder]
        begin = re.split(r"[*?[]", name)[0]
        low = bisect_left(names, begin)
        alike = takewhile(lambda found: found.startswith(begin), islice(names, low, None))
        hidden = name.startswith(".")
        return [
            os.path.join(folder, found)
            for found in fnmatch.filter(alike, name)
            if hidden or not found.startswith(".")
        ]


def expand_each(
    paths: Path | Iterable[Path], expand: Callable[[str, Folders], list[str]]
) -> list[str]:
    """Return what ``expand`` makes of one path, or of each path of a list."""
    folders = Folders()
    if isinstance(paths, (str, bytes, os.PathLike)):
        return expand(os.fsdecode(paths), folders)
    files = [file for path in paths for file in expand(os.fsdecode(path), folders)]
    if not files:
        raise FileNotFoundError("an empty list of paths")
    return files


def name_and_count(path: str) -> tuple[str, int] | None:
    """Take ``NAME@N`` apart; None for anything else.

    >>> name_and_count("data/train@8")
    ('data/train', 8)
    """
    named = _NAME_AT_COUNT.fullmatch(path)
    return (named[1], int(named[2])) if named else None


def expand_path(path: str, folders: Folders) -> list[str]:
    """Return the files that one path means."""
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            files = sorted(entry.path for entry in entries if entry.is_file())
        return _data_files(files, f"{path}: no data files in this directory")
    if os.path.lexists(path):
        return [path]
    if named := name_and_count(path):
        return _shards(*named)
    if glob.has_magic(path):
        return _data_files(folders.matching(path), f"{path}: no file matches this pattern")
    raise FileNotFoundError(2, os.strerror(2), path)


def _data_files(files: list[str], otherwise: str) -> list[str]:
    files = [file for file in files if is_data_file(file)]
    if not files:
        raise FileNotFoundError(otherwise)
    return files


def _shards(name: str, count: int) -> list[str]:
    for suffix in SHARD_SUFFIXES:
        files = [
            SHARD_NAME.format(name=name, index=index, total=count, suffix=suffix)
            for index in range(count)
        ]
        missing = [file for file in files if not os.path.exists(file)]
        if len(missing) < count:
            if missing:
                more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
                raise FileNotFoundError(
                    f"{name}@{count}: {len(missing)} of {count} shards are missing: "
                    f"{', '.join(missing[:3])}{more}"
                )
            return files
    raise FileNotFoundError(f"{name}@{count}: no shard {name}-00000-of-{count:05d}[.tfrecord[.gz]]")
