"""What ``paths`` means: files, directories, globs, the shards of a set, open files."""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from tfrecord_lite.files.manifest import MANIFEST_SUFFIX, Manifest, by_folder, manifests_naming
from tfrecord_lite.files.names import ShardNames, manifest_of
from tfrecord_lite.files.paths import Folders, expand_path, name_and_count, some_of
from tfrecord_lite.files.staging import names_in_flux
from tfrecord_lite.records.file_system import exists, is_url, list_directory
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.stores.store import is_bucket
from tfrecord_lite.text import printable
from tfrecord_lite.urls import split_name, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite._types import NameOrFile, Path, PathOrFile, Paths

__all__ = [
    "Meaning",
    "NamedSet",
    "each_path",
    "expand_shards",
    "files_of",
    "resolve",
    "set_named",
    "warn_of_missing",
    "warn_of_twice",
]

_OF = re.compile(r"(.*)-(\d{5,})-of-(\d{5,})(.*)", re.DOTALL)


class Meaning(NamedTuple):
    """What paths mean: files, in order, open ones among them.

    ``manifest`` is that of exactly these files, where it was met on the way; they have been
    compared with it.
    """

    files: list[NameOrFile]
    manifest: Manifest | None = None


@without_secrets()
def resolve(paths: Paths) -> Meaning:
    """Return what is meant by a path or an open binary file, or by a list of these.

    Raises as `expand_shards` does, but takes open files too.
    """
    folders, found = Folders(), _Found({}, [])
    files: list[NameOrFile] = []
    for path in each_path(paths):
        if is_path(path):
            files += _expand(name_of(path), folders, found)
        else:
            files.append(path)
    if not files:
        raise FileNotFoundError("an empty list of paths")
    warn_of_twice(files, [file for manifest in found.manifests for file in manifest.files])
    if found.files:
        _check_published(found.files)
        beside = list(manifests_naming(found.files))
        for manifest in beside:
            manifest.check()
        covered = {os.path.normpath(file) for manifest in beside for file in manifest.files}
        warn_of_missing([file for file in found.files if os.path.normpath(file) not in covered])
        found.manifests.extend(beside)
    names = sorted(map(name_of, files))
    return Meaning(files, next((m for m in found.manifests if sorted(m.files) == names), None))


def each_path(paths: Paths) -> list[PathOrFile]:
    """Return each path and open file of what a caller passes; TypeError for anything else."""
    # An open file can be iterated over, too: its lines are no paths.
    single = is_path(paths) or hasattr(paths, "read")
    # What can be iterated over for its records has no paths in it.
    has_records = hasattr(paths, "blocks") or hasattr(paths, "read_block")
    if not single and (has_records or not hasattr(paths, "__iter__")):
        _refuse(paths)
    try:
        found = iter([paths] if single else cast("Iterable[Any]", paths))
    except TypeError:  # it says that it can be iterated over, and cannot: a tensor of no dimensions
        _refuse(paths)
    each = cast("list[PathOrFile]", [*found])
    for path in each:
        if not (is_path(path) or hasattr(path, "read")):
            _refuse(path)
    return [name_of(path) if is_path(path) else path for path in each]


def _refuse(given: object) -> NoReturn:
    if hasattr(given, "splits"):
        # Beside others, or where its options would not be used.
        raise TypeError(
            "a RecordSet is no path, and has its own options; its `files` are: for the records of "
            "several pass RecordSet([*a.files, *b.files])"
        )
    what = "an open file" if hasattr(given, "read") else f"an object of type {type(given).__name__}"
    raise TypeError(
        f"{what} is no path: pass a path (str, bytes, os.PathLike) of a file or directory, a glob, "
        "NAME@N, the NAME of a set of shards, the path of its manifest, or a list of these"
    )


def expand_shards(pattern: Path | Iterable[Path]) -> list[str]:
    """Return the files that are meant, and make sure that no shard is missing.

    The NAME of a set, the pattern it was written with, or the path of its manifest means the shards
    that the manifest has, in its order: all must exist, with the sizes that it says. So it is for
    ``NAME@N`` where NAME has a manifest. A path that exists is taken as it is, before any other
    reading. A directory means the data files in it (not hidden, partial, index or description
    files), ``DIR/**`` also those in the directories below, in the order of their names; so does a
    glob, which passes over directories. Both pass over pipes, sockets and devices. ``NAME@N`` means
    the N files ``NAME-00000-of-0000N``, ``NAME@N.SUFFIX`` those with a suffix. A list is taken one
    by one. Files that a directory or a glob finds are checked against each manifest beside them
    that names them, and must not belong to a set that is not published yet. Where no manifest has
    them and some of ``-00000-of-0000N`` do not exist, that is a ``UserWarning``. So is a directory
    below that may not be listed, and a list in which files stand beside the manifest of their set,
    which means them once more.

    Raises ``FileNotFoundError`` for what matches nothing or is missing, ``ValueError`` where shards
    of ``NAME@N`` have several suffixes, `TFRecordError` for a shard that does not fit its manifest,
    or a manifest that is none, and TypeError for what is no path, such as an open file.

    >>> import os, tempfile
    >>> from tfrecord_lite import ShardWriter, read_records
    >>> name = tempfile.mkdtemp() + "/train"
    >>> with ShardWriter(name, records_per_shard=2) as writer:
    ...     writer.write_many([b"one", b"two", b"three"])
    >>> [os.path.basename(file) for file in expand_shards(name)]
    ['train-00000-of-00002.tfrecord', 'train-00001-of-00002.tfrecord']
    >>> list(read_records(name + "@2"))
    [b'one', b'two', b'three']
    """
    files: list[str] = []
    for file in resolve(pattern).files:
        if not isinstance(file, str):
            _refuse(file)
        files.append(file)
    return files


class _Found(NamedTuple):
    """What paths meant: files found in folders, which are yet to be checked, and whole sets."""

    files: dict[str, None]
    manifests: list[Manifest]


def _expand(path: str, folders: Folders, found: _Found) -> list[str]:
    """Return the files that a path means."""
    if named := set_named(path):
        manifest = Manifest.load(named.manifest)
        named.check(manifest)
        manifest.check()
        found.manifests.append(manifest)
        return manifest.files
    files = files_of(path, folders)
    if files != [path]:
        found.files.update(dict.fromkeys(files))
    return files


def files_of(path: str, folders: Folders) -> list[str]:
    """Return the files that a path means that names no set, as `expand_path`."""
    if not (exists(path) or glob.has_magic(path) or name_and_count(path)):
        raise FileNotFoundError(_what_is_missing(path))
    return expand_path(path, folders)


class NamedSet(NamedTuple):
    """The manifest of a set, and what a path says of it beside: how many shards, which suffix."""

    manifest: str
    total: int | None = None
    suffix: str | None = None

    def check(self, manifest: Manifest) -> None:
        """Raise ``FileNotFoundError`` where the set is not what the path says of it."""
        path, total, suffix = self
        if suffix is not None and not all(file.endswith(suffix) for file in manifest.files):
            raise FileNotFoundError(
                f"{printable(path)}: the shards of this set do not end in {suffix!r}"
            )
        if total not in (None, count := len(manifest.entries)):
            raise FileNotFoundError(f"{printable(path)}: this set has {count} shards, not {total}")


def set_named(path: str) -> NamedSet | None:
    """Return the set that a path names, by its manifest, ``NAME`` or ``NAME@N``; or None."""
    if _is_seen(path):
        return NamedSet(path) if path.endswith(MANIFEST_SUFFIX) else None
    name, total, suffix = name_and_count(path) or (path, None, None)
    if is_bucket(name):
        # What is beside that is another one, of which nothing was said.
        return None
    manifest = manifest_of(name)
    return NamedSet(manifest, total, suffix) if _is_seen(manifest) else None


def _is_seen(path: str) -> bool:
    """Tell whether a name is taken; some servers forbid, too, what is missing."""
    try:
        return exists(path)
    except PermissionError:
        return False


def _what_is_missing(path: str) -> str:
    text = f"{printable(path)}: no such file or directory"
    if is_bucket(path):
        return text
    text += f", and no manifest {printable(manifest_of(path))} of a set of shards"
    if not is_url(path) and _has_shards(path):
        text += (
            "; there are shards of that name, which another program wrote, or ours has not "
            "published: pass a glob to read them as they are"
        )
    return text


def _has_shards(path: str) -> bool:
    """Tell whether there are shards of this name or pattern, with whatever suffix."""
    folder, name = split_name(path)
    with suppress(OSError):
        names = [name for name, _ in list_directory(folder)]
        if any(prefix == name for prefix, _, _ in _numbered(names)):
            return True
    with suppress(ValueError):
        return bool(ShardNames(path).present())
    return False


def warn_of_twice(files: Iterable[object], of_sets: Iterable[str]) -> None:
    """Warn of files that are named by themselves, and by their sets too, as all in a folder are."""
    in_sets = Counter(map(os.path.normpath, of_sets))
    if not in_sets:
        return
    named = Counter(os.path.normpath(file) for file in files if isinstance(file, str))
    if twice := [file for file, count in in_sets.items() if named[file] > count]:
        more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
        warnings.warn(
            f"{printable(twice[0])}{more}: named by itself and by the manifest of its set, so its "
            "records are there twice; leave the manifest out, or pass it alone",
            stacklevel=2,
        )


def _check_published(files: Iterable[str]) -> None:
    for folder, names in by_folder(files).items():
        if in_flux := names_in_flux(folder).intersection(names):
            raise FileNotFoundError(
                f"{printable(os.path.join(folder, min(in_flux)))}: its set is being published, or "
                "the writer was killed at that; run the writer again, or name the files one by one"
            )


def warn_of_missing(files: list[str]) -> None:
    """Warn of shards that are not there, as the names of others beside them tell."""
    for folder, names in by_folder(files).items():
        there = _numbered([name for name, _ in list_directory(folder)])
        for key in _numbered(names):
            prefix, total, suffix = key
            numbers = set(map(int, there[key]))
            # Some writers count from 1.
            begin = int(int(total) in numbers and 0 not in numbers)
            wanted = range(begin, begin + int(total))
            missing = int(total) - sum(number in wanted for number in numbers)
            if missing > 0:
                width = min(map(len, there[key]))
                absent = (
                    f"{prefix}-{n:0{width}d}-of-{total}{suffix}" for n in wanted if n not in numbers
                )
                warnings.warn(
                    f"{printable(os.path.join(folder, prefix))}: {missing} of {int(total)} shards "
                    f"are missing, as the names of the others tell: {some_of(absent, missing)}",
                    stacklevel=2,
                )


def _numbered(names: list[str]) -> dict[tuple[str, str, str], set[str]]:
    """Return which n of ``-n-of-N`` there are of each (text before, N, text after), as written."""
    numbers: dict[tuple[str, str, str], set[str]] = {}
    for name in names:
        if (match := _OF.fullmatch(name)) and int(match[2]) <= int(match[3]):
            numbers.setdefault((match[1], match[3], match[4]), set()).add(match[2])
    return numbers
