"""Which files are there: by a path, a directory, a glob, or ``NAME@N``."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import warnings
from bisect import bisect_left
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.files.manifest import MANIFEST_SUFFIX
from tfrecord_lite.records.file_system import (
    exists,
    glob_paths,
    is_directory,
    is_url,
    list_directory,
)
from tfrecord_lite.records.storage import is_partial
from tfrecord_lite.stores.store import is_bucket
from tfrecord_lite.text import printable
from tfrecord_lite.urls import split_name, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "SHARD_NAME",
    "SHARD_SUFFIXES",
    "Folders",
    "NameAtCount",
    "expand_path",
    "is_data_file",
    "name_and_count",
    "some_of",
]

_NAME_AT_COUNT = re.compile(r"(.*[^/])@([0-9]{1,9})(\.[^/@]+)?", re.DOTALL)
_EVERY = "**"
# No directory, a link that leads nowhere, and names that nothing can have (EINVAL: of Windows).
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)
# What stands beside the shards of a dataset and is none: manifests and other descriptions, indexes.
_NO_DATA = (
    *(".json", ".txt", ".csv", ".tsv", ".md", ".pbtxt", ".yaml", ".yml"),
    *(".idx", ".index", ".tfindex"),
)
SHARD_NAME = "{name}-{index:05d}-of-{total:05d}{suffix}"
# TensorFlow's own names have no suffix after the numbers; ours do.
SHARD_SUFFIXES = ("", ".tfrecord", ".tfrecord.gz")
_OTHERS_SUFFIXES = (".gz", ".tfrecords", ".tfrec", ".record")


def is_data_file(path: str) -> bool:
    """Tell whether a file found by listing a directory may hold records, from its name."""
    name = os.path.basename(path)
    return not (name.startswith((".", "_")) or name.endswith(_NO_DATA) or is_partial(name))


class Folders:
    """What is in folders, each listed once, however many patterns are looked for in it."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def files(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, in their order; special ones are none."""
        if folder not in self._files:
            found = _list_if_any(folder) or []
            self._files[folder] = [name for name, is_folder in found if not is_folder]
        return self._files[folder]

    def matching(self, pattern: str, within: str = "") -> list[str]:
        """Return the files that a glob matches, in the order of their names.

        ``within`` is a folder that was found: what its name has of a pattern's signs is no pattern.
        """
        if os.altsep:
            pattern = pattern.replace(os.altsep, os.sep)
        if _EVERY in pattern.split(os.sep):
            return sorted(dict.fromkeys(self._below(pattern, within)))
        folder, name = split_name(pattern)
        if glob.has_magic(folder) or not glob.has_magic(name):
            every = os.path.join(glob.escape(within), pattern)
            if is_url(every) or not glob.has_magic(name):
                return glob_paths(every, files_alone=True)
            return sorted(self._in_each(glob_paths(split_name(every)[0]), name))
        folder = os.path.join(within, folder) if folder else within
        names = self.files(folder)
        begin = re.split(r"[*?[]", name)[0]
        low = bisect_left(names, begin)
        alike = takewhile(lambda found: found.startswith(begin), islice(names, low, None))
        return [os.path.join(folder, found) for found in fnmatch.filter(alike, name)]

    def _in_each(self, folders: list[str], name: str) -> Iterator[str]:
        """Yield the files of these folders whose names a glob matches."""
        for folder in folders:
            try:
                names = self.files(folder)
            except PermissionError:
                _warn_of_left_out(folder)
                continue
            yield from (os.path.join(folder, found) for found in fnmatch.filter(names, name))

    def _below(self, pattern: str, within: str) -> Iterator[str]:
        """Yield the files that a glob with a component ``**`` matches; a directory is one first."""
        parts = pattern.split(os.sep)
        at = parts.index(_EVERY)
        top = split_name(os.sep.join(parts[: at + 1]))[0]
        rest = os.sep.join(parts[at + 1 :])
        literal = os.path.join(within, top) if top else within
        tops = [literal]
        if glob.has_magic(top) and not is_directory(literal):
            tops = glob_paths(os.path.join(glob.escape(within), top))
        for folder in chain.from_iterable(map(_folders_below, tops)):
            if rest:
                yield from self.matching(rest, folder)
            else:
                names = self.files(folder)
                yield from (os.path.join(folder, name) for name in names if name[0] != ".")


def _list_if_any(folder: str) -> list[tuple[str, bool]] | None:
    """Return what is in a folder; None for one that there is not, as globs of files do.

    Where it cannot be listed nobody knows what there is: that is an error.
    """
    try:
        return list_directory(folder)
    except OSError as error:
        if is_url(folder) or error.errno not in _NO_FOLDER:
            raise
        return None


def _warn_of_left_out(folder: str) -> None:
    what = "it may not be listed, and what is in it is left out"
    warnings.warn(f"{printable(folder)}: {what}", stacklevel=2)


def _folders_below(top: str) -> Iterator[str]:
    """Yield a folder and those below it, each once; not those whose names say that they are not.

    Of one below that may not be listed (``lost+found``, for one) a warning tells.
    """
    seen = set()
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            inside = _list_if_any(folder)
        except PermissionError:
            if folder == top or is_url(folder):
                raise
            _warn_of_left_out(folder)
            continue
        if inside is None:
            continue
        # Links may lead back.
        place = os.path.realpath(folder) if not is_url(folder) else folder
        if place in seen:
            continue
        seen.add(place)
        yield folder
        below = [name for name, is_folder in inside if is_folder and name[0] not in "._"]
        folders += [os.path.join(folder, name) for name in reversed(below)]


class NameAtCount(NamedTuple):
    """What ``NAME@N`` or ``NAME@N.SUFFIX`` says; the suffix is None where it is left out."""

    name: str
    total: int
    suffix: str | None


def name_and_count(path: str) -> NameAtCount | None:
    """Take ``NAME@N`` or ``NAME@N.SUFFIX`` apart; None for anything else.

    >>> name_and_count("data/train@8.tfrecord.gz")
    NameAtCount(name='data/train', total=8, suffix='.tfrecord.gz')
    """
    named = _NAME_AT_COUNT.fullmatch(path)
    return NameAtCount(named[1], int(named[2]), named[3]) if named else None


@without_secrets()
def expand_path(path: str, folders: Folders) -> list[str]:
    """Return the files that one path means, a directory's and a glob's in the order of their names.

    A path that exists is taken as it is, before any other reading. A directory means the data files
    in it (not hidden, partial, index or description files), ``DIR/**`` also those in the
    directories below; a glob passes over directories. Both pass over pipes, sockets and devices, at
    which a reader may wait for ever; by its own path each is read. ``NAME@N`` means the N files
    ``NAME-00000-of-0000N``, ``NAME@N.SUFFIX`` those with a suffix; without one it is any of none,
    .tfrecord, .tfrecord.gz, .gz, .tfrecords, .tfrec and .record. All must exist. Raises
    ``FileNotFoundError`` for what matches nothing, and ``ValueError`` where shards with several
    suffixes are there.
    """
    if is_directory(path):
        if is_url(path):
            # In names of objects each slash counts.
            path = re.sub(r"(?<=[^:/])/+$", "/", path)
        files = [os.path.join(path, name) for name in folders.files(path)]
        return _data_files(
            files, f"{printable(path)}: no data files in this directory{_what_else_in(path)}"
        )
    if exists(path):
        return [path]
    named = name_and_count(path)
    matching = folders.matching(path) if glob.has_magic(path) else []
    if named and not matching:
        return _shards(named, folders)
    if glob.has_magic(path):
        return _data_files(matching, f"{printable(path)}: no file matches this pattern")
    raise FileNotFoundError(2, os.strerror(2), path)


def _what_else_in(path: str) -> str:
    name = path.rstrip(os.sep + (os.altsep or ""))
    manifest = name + MANIFEST_SUFFIX
    # What is beside a bucket is another one.
    if not is_bucket(name) and exists(manifest):
        return f", which has the name of a set: {manifest} means that"
    listing = list(list_directory(path))
    if left := next((name for name, _ in listing if is_partial(name)), None):
        return (
            f", but {left}, of a writer that was killed, or is still at work; salvage takes what "
            "is in it"
        )
    inside = sum(is_folder and name[0] not in "._" for name, is_folder in listing)
    if not inside:
        return ""
    return (
        f", but directories ({inside}): {os.path.join(path, _EVERY)} means the data files in these "
        "too"
    )


def _data_files(files: list[str], otherwise: str) -> list[str]:
    files = [file for file in files if is_data_file(file)]
    if not files:
        raise FileNotFoundError(otherwise)
    return files


def some_of(names: Iterable[str], count: int) -> str:
    """Return the first of so many names, and how many more there are."""
    more = f" and {count - 3} more" if count > 3 else ""
    return ", ".join(map(printable, islice(names, min(count, 3)))) + more


def _shards(named: NameAtCount, folders: Folders) -> list[str]:
    name, count, asked = named
    folder, base = split_name(name)
    like = re.compile(rf"{re.escape(base)}-([0-9]{{5,}})-of-{count:05d}(.*)", re.DOTALL)
    suffixes = (*SHARD_SUFFIXES, *_OTHERS_SUFFIXES) if asked is None else (asked,)
    # The numbers of those that are there, by their suffix; however large the count is that was
    # named, there are no more than the folder has.
    there: dict[str, set[int]] = {}
    others: set[str] = set()
    for match in filter(None, map(like.fullmatch, folders.files(folder))):
        index, suffix = int(match[1]), match[2]
        if index >= count or match[1] != f"{index:05d}":
            continue
        if suffix in suffixes:
            there.setdefault(suffix, set()).add(index)
        else:
            others.add(suffix)
    if not there:
        tried = "" if asked is None else asked
        more = "" if asked else " with any suffix"
        if others:
            ends = ", ".join(map(repr, sorted(others)[:3]))
            more = f"; there are some that end in {ends}: pass {name}@{count}.SUFFIX, or a glob"
        raise FileNotFoundError(
            f"{name}@{count}{tried}: no shard {name}-00000-of-{count:05d}{tried}{more}"
        )
    if len(there) > 1:
        found = [repr(suffix) for suffix in suffixes if suffix in there]
        raise ValueError(
            f"{name}@{count}: there are shards with several suffixes: {', '.join(found)}; pass "
            f"{name}@{count}.SUFFIX, or a glob"
        )
    ((suffix, numbers),) = there.items()

    def shard(index: int) -> str:
        return SHARD_NAME.format(name=name, index=index, total=count, suffix=suffix)

    if missing := count - len(numbers):
        absent = (shard(index) for index in range(count) if index not in numbers)
        raise FileNotFoundError(
            f"{name}@{count}: {missing} of {count} shards are missing: {some_of(absent, missing)}"
        )
    return [shard(index) for index in range(count)]
