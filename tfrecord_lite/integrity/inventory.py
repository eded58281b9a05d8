"""What there is to verify: files, what manifests say of them, and what writers left behind."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.dataset.shards.manifest import MANIFEST_SUFFIX, Manifest, manifests_naming
from tfrecord_lite.dataset.shards.names import manifest_of
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.integrity.report import Fault
from tfrecord_lite.records.paths import expand_paths, is_data_file, name_and_count
from tfrecord_lite.records.storage import is_partial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite._types import Path, PathOrFile
    from tfrecord_lite.dataset.shards.manifest import ManifestEntry

__all__ = ["Inventory", "leftover_files"]

_NUMBERS = re.compile(r"(\d+)")


def leftover_files(path: str) -> list[str]:
    """Return the record files in the folder that a writer of shards left behind, in their order."""
    return sorted(
        os.path.join(path, name) for name in os.listdir(path) if is_partial(name) and name[0] != "."
    )


@dataclass
class Inventory:
    """The files that are meant, in the order in which they were named.

    ``entries`` are what manifests say of them; ``faults`` is what is known without looking into any
    file: shards that are missing, or are no part of their set, and manifests that are none.
    ``leftovers`` are the temporary files and folders of writers beside them.
    """

    files: list[PathOrFile] = field(default_factory=list)
    entries: dict[str, list[tuple[Manifest, ManifestEntry]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    @classmethod
    def take(
        cls,
        paths: PathOrFile | Iterable[PathOrFile],
        manifest: Manifest | Path | Literal["auto"] | None,
    ) -> Inventory:
        """Find what is meant by paths, and by the manifests beside them, or by one that is given.

        Raises ``FileNotFoundError`` for a path that means nothing, and `TFRecordError` for a given
        manifest that is none.
        """
        inventory = cls()
        given = None
        if manifest is not None and manifest != "auto":
            given = manifest if isinstance(manifest, Manifest) else Manifest.load(manifest)
        single = isinstance(paths, (str, bytes, os.PathLike)) or hasattr(paths, "read")
        each: Any = [paths] if single else paths
        for path in each:
            if hasattr(path, "read"):
                inventory.files.append(path)
            else:
                inventory._add(os.fsdecode(path), automatic=manifest == "auto")
        if given is not None:
            inventory._compare(given, whole=True)
        if not inventory.files and not inventory.faults:
            raise FileNotFoundError("an empty list of paths")
        return inventory

    def _add(self, path: str, *, automatic: bool) -> None:
        if automatic and (found := _set_named(path)):
            self._add_set(*found)
            return
        if os.path.isdir(path) and is_partial(os.path.normpath(path)):
            self.files += leftover_files(path)
            return
        files = expand_paths(path)
        self.files += files
        whole = files != [path]
        if automatic:
            for manifest in self._manifests_beside(files):
                self._compare(manifest, whole=whole)
        if os.path.isdir(path):
            self._find_leftovers(path, "")
        elif whole:
            for folder in dict.fromkeys(map(os.path.dirname, files)):
                self._find_leftovers(folder, "")
        elif not is_partial(path):
            self._find_leftovers(*os.path.split(path))

    def _add_set(self, path: str, total: int | None) -> None:
        """Add the shards of the set that has its manifest at ``path``."""
        stem = path[: -len(MANIFEST_SUFFIX)]
        try:
            manifest = Manifest.load(path)
        except TFRecordError as error:
            self.faults.append(Fault(path, "manifest", error.reason))
            self.files += expand_paths(glob.escape(stem) + "*")
        else:
            if total not in (None, len(manifest.entries)):
                raise FileNotFoundError(
                    f"{path}: this set has {len(manifest.entries)} shards, not {total}"
                )
            self.files += [file for file in manifest.files if os.path.lexists(file)]
            self._compare(manifest, whole=True)
        self._find_leftovers(*os.path.split(stem))

    def _manifests_beside(self, files: list[str]) -> Iterable[Manifest]:
        for folder in dict.fromkeys(map(os.path.dirname, files)):
            inside = [file for file in files if os.path.dirname(file) == folder]
            try:
                yield from manifests_naming(inside)
            except TFRecordError as error:
                self.faults.append(Fault(str(error.path), "manifest", error.reason))

    def _compare(self, manifest: Manifest, *, whole: bool) -> None:
        """Note what a manifest says of each file; of a ``whole`` set, what is missing or extra."""
        shards = {os.path.normpath(file): file for file in manifest.files}
        by_file = dict(zip(shards, manifest.entries, strict=True))
        for file in self.files:
            if isinstance(file, str) and (entry := by_file.get(os.path.normpath(file))):
                known = self.entries.setdefault(file, [])
                if (manifest, entry) not in known:
                    known.append((manifest, entry))
        if not whole:
            return
        for file in shards.values():
            if not os.path.lexists(file):
                reason = f"missing, though {manifest.path} has it"
                self.add_fault(Fault(file, "missing", reason))
        for file in _extra_shards(manifest):
            reason = f"not in {manifest.path}, though its name says that it belongs to that set"
            self.add_fault(Fault(file, "extra", reason))

    def add_fault(self, fault: Fault) -> None:
        """Note what is wrong, once."""
        if fault not in self.faults:
            self.faults.append(fault)

    def _find_leftovers(self, folder: str, base: str) -> None:
        """Find what writers left in a folder: all, or what was to be called ``base``."""
        start = f".{base}." if base else ""
        for name in sorted(os.listdir(folder or ".")):
            path = os.path.join(folder, name)
            if is_partial(name) and name.startswith(start) and path not in self.leftovers:
                self.leftovers.append(path)


def _set_named(path: str) -> tuple[str, int | None] | None:
    """Return the manifest of the set that a path names, and how many shards the path asks for."""
    if path.endswith(MANIFEST_SUFFIX):
        return path, None
    if os.path.lexists(path):
        return None
    name, total = name_and_count(path) or (path, None)
    manifest = manifest_of(name)
    return (manifest, total) if os.path.lexists(manifest) else None


def _extra_shards(manifest: Manifest) -> list[str]:
    """Return the files beside a manifest that are called like its shards, and are none of them."""
    names = {entry.name for entry in manifest.entries}
    folder, own = os.path.split(manifest.path)
    like = _shard_pattern(own[: -len(MANIFEST_SUFFIX)], sorted(names))
    if like is None:
        return []
    files = [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder or "."))
        if name not in names and is_data_file(name) and like.fullmatch(name)
    ]
    # Another set may have names that are alike.
    other = {
        os.path.normpath(file)
        for found in manifests_naming(files)
        if found.path != manifest.path
        for file in found.files
    }
    return [file for file in files if os.path.normpath(file) not in other]


def _shard_pattern(stem: str, names: list[str]) -> re.Pattern[str] | None:
    """Return what the names of a set's shards are like; None where that cannot be told."""
    standard = re.compile(rf"{re.escape(stem)}-\d{{5,}}-of-\d{{5,}}(\.tfrecord(\.gz)?)?")
    if names and standard.fullmatch(names[0]):
        return standard
    # Other patterns: where the names differ in one number alone, that is the index.
    pieces = list(zip(*map(_NUMBERS.split, names), strict=False))
    differing = [at for at, piece in enumerate(pieces) if len(set(piece)) > 1]
    if len(differing) != 1 or differing[0] % 2 == 0:
        return None
    like = [re.escape(piece[0]) for piece in pieces]
    like[differing[0]] = r"\d+"
    return re.compile("".join(like))
