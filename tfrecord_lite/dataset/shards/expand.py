"""Which files a name means: the shards of a set, all of them."""

from __future__ import annotations

import glob
import os
import re
import warnings
from contextlib import suppress
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING

from tfrecord_lite.dataset.shards.manifest import MANIFEST_SUFFIX, Manifest, manifests_naming
from tfrecord_lite.dataset.shards.names import ShardNames, manifest_of
from tfrecord_lite.dataset.shards.staging import names_in_flux
from tfrecord_lite.records.paths import expand_each, expand_path, name_and_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite._types import Path
    from tfrecord_lite.records.paths import Folders

__all__ = ["expand_shards"]

_OF = re.compile(r"(.*)-(\d{5,})-of-(\d{5,})(.*)", re.DOTALL)


def expand_shards(pattern: Path | Iterable[Path]) -> list[str]:
    """Return the shards that are meant, and make sure that none is missing.

    The NAME of a set, the pattern it was written with, or the path of its manifest means the shards
    that the manifest has, in its order: all must exist, with the sizes that it says. So it is for
    ``NAME@N`` where NAME has a manifest. All else is what `expand_paths` takes: a path that exists
    is taken as it is; a directory and a glob mean their data files in the order of their names; a
    list is taken one by one. Files that a directory or a glob finds are checked against each
    manifest beside them that names them, and must not belong to a set that is not published yet.
    Where no manifest has them and some of ``-00000-of-0000N`` do not exist, that is a
    ``UserWarning``.

    Raises ``FileNotFoundError`` for what matches nothing or is missing, and `TFRecordError` for a
    shard that does not fit its manifest, or a manifest that is none.

    >>> import os, tempfile
    >>> from tfrecord_lite import read_records
    >>> from tfrecord_lite.dataset.shards.shard_writer import ShardWriter
    >>> name = tempfile.mkdtemp() + "/train"
    >>> with ShardWriter(name, records_per_shard=2) as writer:
    ...     writer.write_many([b"one", b"two", b"three"])
    >>> [os.path.basename(file) for file in expand_shards(name)]
    ['train-00000-of-00002.tfrecord', 'train-00001-of-00002.tfrecord']
    >>> list(read_records(expand_shards(name + "@2")))
    [b'one', b'two', b'three']
    """
    found: dict[str, None] = {}
    files = expand_each(pattern, partial(_expand, found=found))
    if found:
        _check_published(found)
        covered = _check_manifests(found)
        _warn_of_missing([file for file in found if os.path.normpath(file) not in covered])
    return files


def _expand(path: str, folders: Folders, found: dict[str, None]) -> list[str]:
    """Return the files that a path means; those ``found`` in a folder are yet to be checked."""
    if not os.path.lexists(path):
        name, total, suffix = name_and_count(path) or (path, None, None)
        if os.path.lexists(manifest := manifest_of(name)):
            return _expand_manifest(manifest, total, suffix)
        if not glob.has_magic(path) and total is None:
            raise FileNotFoundError(_what_is_missing(path, manifest))
    elif path.endswith(MANIFEST_SUFFIX):
        return _expand_manifest(path)
    files = expand_path(path, folders)
    if files != [path]:
        found.update(dict.fromkeys(files))
    return files


def _expand_manifest(path: str, total: int | None = None, suffix: str | None = None) -> list[str]:
    manifest = Manifest.load(path)
    if suffix is not None and not all(file.endswith(suffix) for file in manifest.files):
        raise FileNotFoundError(f"{path}: the shards of this set do not end in {suffix!r}")
    if total not in (None, len(manifest.entries)):
        raise FileNotFoundError(f"{path}: this set has {len(manifest.entries)} shards, not {total}")
    manifest.check()
    return manifest.files


def _what_is_missing(path: str, manifest: str) -> str:
    text = f"{path}: no such file or directory, and no manifest {manifest} of a set of shards"
    with suppress(ValueError):
        if ShardNames(path).present():
            text += (
                "; there are shards of that name, which another program wrote, or ours has not "
                "published: pass a glob to read them as they are"
            )
    return text


def _by_folder(files: Iterable[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for file in files:
        folder, name = os.path.split(file)
        folders.setdefault(folder, []).append(name)
    return folders


def _check_published(files: Iterable[str]) -> None:
    for folder, names in _by_folder(files).items():
        if in_flux := names_in_flux(folder).intersection(names):
            raise FileNotFoundError(
                f"{os.path.join(folder, min(in_flux))}: its set is being published, or the writer "
                "was killed at that; run the writer again, or name the files one by one"
            )


def _check_manifests(files: Iterable[str]) -> set[str]:
    """Check the manifests beside files, and return all files that these have."""
    covered: set[str] = set()
    for manifest in manifests_naming(files):
        manifest.check()
        covered.update(map(os.path.normpath, manifest.files))
    return covered


def _warn_of_missing(files: list[str]) -> None:
    for folder, names in _by_folder(files).items():
        there = _numbered(os.listdir(folder or "."))
        for key in _numbered(names):
            prefix, total, suffix = key
            missing = int(total) - len(there[key])
            if missing > 0:
                first = islice((n for n in count() if n not in there[key]), min(missing, 3))
                width = len(total)
                examples = [f"{prefix}-{n:0{width}d}-of-{total}{suffix}" for n in first]
                more = f" and {missing - 3} more" if missing > 3 else ""
                warnings.warn(
                    f"{os.path.join(folder, prefix)}: {missing} of {int(total)} shards are "
                    f"missing, as the names of the others tell: {', '.join(examples)}{more}",
                    stacklevel=3,
                )


def _numbered(names: list[str]) -> dict[tuple[str, str, str], set[int]]:
    """Return the numbers n of ``-n-of-N`` there are of each (text before, N, text behind)."""
    numbers: dict[tuple[str, str, str], set[int]] = {}
    for name in names:
        if (match := _OF.fullmatch(name)) and int(match[2]) < int(match[3]):
            numbers.setdefault((match[1], match[3], match[4]), set()).add(int(match[2]))
    return numbers
