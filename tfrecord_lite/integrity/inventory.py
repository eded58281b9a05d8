"""What there is to verify: files, what manifests say of them, and what writers left behind."""

from __future__ import annotations

import glob
import os
import re
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.files.manifest import MANIFEST_SUFFIX, Manifest, ManifestEntry, manifests_naming
from tfrecord_lite.files.paths import Folders, is_data_file
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import (
    NamedSet,
    each_path,
    files_of,
    set_named,
    warn_of_missing,
    warn_of_twice,
)
from tfrecord_lite.integrity.report import Fault, FileReport
from tfrecord_lite.records.compression import codec_named
from tfrecord_lite.records.file_system import is_directory, list_directory, sizes_of
from tfrecord_lite.records.storage import is_partial, is_path, name_of
from tfrecord_lite.text import printable
from tfrecord_lite.urls import split_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import Path, PathOrFile, Paths

__all__ = ["Inventory", "is_left_folder", "with_own_options"]

_NUMBERS = re.compile(r"(\d+)")


def with_own_options(paths: Paths | RecordSet, **options: Any) -> tuple[Paths, dict[str, Any]]:
    """Return the files of a `RecordSet`, and of these options its own; else all as it is given.

    ValueError where options are given beside a set. Open files stand where they stood at first.
    """
    if not isinstance(paths, RecordSet):
        if options["compression"] != "auto":
            codec_named(options["compression"])
        return paths, options
    RecordSet.of(paths, **options)
    files = [paths.front(number) for number in range(len(paths.files))]
    return files, {name: paths.options[name] for name in options}


def is_left_folder(path: str) -> bool:
    """Tell whether a path is of a folder that a writer of shards left behind."""
    return is_directory(path) and is_partial(os.path.normpath(path))


def _files_left_in(path: str) -> list[str]:
    """Return the record files in the folder that a writer of shards left behind, in their order."""
    return sorted(
        os.path.join(path, name)
        for name, is_folder in list_directory(path)
        if not is_folder and is_partial(name) and name[0] != "."
    )


@dataclass
class Inventory:
    """The files that are meant, in the order in which they were named.

    ``entries`` are what manifests say of them; ``faults`` is what is known without looking into any
    file: shards that are missing, or are no part of their set, and manifests that are none.
    ``leftovers`` are the temporary files and folders of writers beside them, ``unreadable`` the
    manifests that could not be read, each with its error.
    """

    files: list[PathOrFile] = field(default_factory=list)
    entries: dict[str, list[tuple[Manifest, ManifestEntry]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    unreadable: list[FileReport] = field(default_factory=list)

    @classmethod
    def take(
        cls,
        paths: Paths,
        manifest: Manifest | Path | Literal["auto"] | None,
        *,
        on_error: Callable[[str, OSError], object] | None = None,
    ) -> Inventory:
        """Find what is meant by paths, and by the manifests beside them, or by one that is given.

        Raises ``FileNotFoundError`` for a path that means nothing, unless ``on_error`` takes it,
        and `TFRecordError` for a given manifest that is none.
        """
        inventory = cls()
        survey = _Survey(inventory)
        given = None
        if manifest is not None and manifest != "auto":
            given = manifest if isinstance(manifest, Manifest) else Manifest.load(manifest)
        for path in each_path(paths):
            if not is_path(path):
                inventory.files.append(path)
                continue
            try:
                survey.add(name_of(path), automatic=manifest == "auto")
            except OSError as error:
                if on_error is None:
                    raise
                on_error(name_of(path), error)
        survey.finish(given, automatic=manifest == "auto")
        found = inventory.files or inventory.faults or inventory.unreadable
        if not found and on_error is None:
            raise FileNotFoundError("an empty list of paths")
        return inventory


class _Survey:
    """Takes an inventory: first all paths, then once each folder and each manifest in it."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self.sets: list[Manifest] = []
        """Of sets that were named as a whole."""
        self._of_sets: list[str] = []
        # Files that were named, by folder; whether by a directory or a glob, which means all.
        self._beside: dict[str, dict[str, bool]] = {}
        # Where writers may have left something: all of it, or what was to get one of these names.
        self._folders: dict[str, set[str]] = {}
        self._whole_folders: set[str] = set()
        self._names_in = cache(_names_in)

    def add(self, path: str, *, automatic: bool) -> None:
        """Add the files that a path means."""
        files = self._inventory.files
        if found := set_named(path):
            self._add_set(found, compared=automatic)
            return
        if is_left_folder(path):
            if not (left := _files_left_in(path)):
                raise FileNotFoundError(f"{printable(path)}: no records were left in this folder")
            files += left
            return
        expanded = files_of(path, Folders())
        files += expanded
        whole = expanded != [path]
        for file in expanded:
            inside = self._beside.setdefault(split_name(file)[0], {})
            inside[file] = whole or inside.get(file, False)
        if is_directory(path):
            self._whole_folders.add(path)
        elif whole:
            self._whole_folders.update(split_name(file)[0] for file in expanded)
        elif not is_partial(path):
            self._add_leftovers_of(path)

    def _add_leftovers_of(self, path: str) -> None:
        folder, name = split_name(path)
        self._folders.setdefault(folder, set()).add(name)

    def _add_set(self, named: NamedSet, *, compared: bool) -> None:
        """Add the shards of a set; where it is not ``compared``, its manifest says which they are.

        They are named one by one then, and one that is missing is missing all the same.
        """
        path = named.manifest
        stem = path[: -len(MANIFEST_SUFFIX)]
        files = self._inventory.files
        try:
            manifest = Manifest.load(path)
        except (OSError, TFRecordError) as error:
            self._note_manifest(path, error)
            # The manifest is wrong, whether there is anything else of that name or not.
            with suppress(FileNotFoundError):
                files += files_of(glob.escape(stem) + "*", Folders())
        else:
            named.check(manifest)
            self._of_sets += manifest.files
            present = dict.fromkeys(_present(manifest.files))
            files += present
            if compared:
                self.sets.append(manifest)
            for shard in () if compared else manifest.files:
                if shard not in present:
                    self._inventory.faults.append(_missing(shard, manifest))
        self._add_leftovers_of(stem)

    def _note_manifest(self, path: str, error: OSError | TFRecordError) -> None:
        """Note a manifest that cannot be loaded."""
        if isinstance(error, TFRecordError):
            self._inventory.faults.append(Fault(path, "manifest", error.reason))
        elif all(known.path != path for known in self._inventory.unreadable):
            self._inventory.unreadable.append(FileReport(path, error=error))

    def finish(self, given: Manifest | None, *, automatic: bool) -> None:
        """Compare with manifests, and look for what writers left."""
        warn_of_twice(self._inventory.files, self._of_sets)
        by_path: dict[str, list[str]] = {}
        for file in self._inventory.files:
            if isinstance(file, str):
                by_path.setdefault(os.path.normpath(file), []).append(file)
        for manifest in self.sets:
            self._compare(manifest, by_path, whole=True)
        if given is not None:
            self._compare_with_given(given, by_path)
        for inside in self._beside.values() if automatic else ():
            for manifest in manifests_naming(inside, on_error=self._note_manifest):
                names = {entry.name for entry in manifest.entries}
                whole = any(
                    named and os.path.basename(file) in names for file, named in inside.items()
                )
                self._compare(manifest, by_path, whole=whole)
        # Where no manifest tells, names do.
        known = {*self._inventory.entries, *(fault.path for fault in self._inventory.faults)}
        warn_of_missing(
            [
                file
                for inside in (self._beside.values() if automatic else ())
                for file, whole in inside.items()
                if whole and file not in known
            ]
        )
        self._inventory.faults[:] = dict.fromkeys(self._inventory.faults)
        found = [
            os.path.join(folder, name)
            for folder in dict.fromkeys((*self._whole_folders, *self._folders))
            for name in self._names_in(folder)
            if is_partial(name) and self._is_meant(folder, name)
        ]
        self._inventory.leftovers += dict.fromkeys(found)

    def _is_meant(self, folder: str, partial: str) -> bool:
        """Tell whether a temporary file in a folder was to get a name that was asked for."""
        if folder in self._whole_folders:
            return True
        names = self._folders[folder]
        dots = (at for at, character in enumerate(partial) if character == "." and at)
        return partial[0] == "." and any(partial[1:at] in names for at in dots)

    def _compare_with_given(self, manifest: Manifest, by_path: dict[str, list[str]]) -> None:
        """Compare with a manifest that may be a copy, which lies elsewhere."""
        own = split_name(manifest.path)[0]
        names = {entry.name for entry in manifest.entries}
        places = [split_name(file) for files in by_path.values() for file in files]
        folders = {folder for folder, name in places if name in names}
        if own not in folders and len(folders) == 1:
            (own,) = folders
        known = len(self._inventory.faults)
        self._compare(manifest, by_path, whole=True, folder=own)
        if not folders and len(self._inventory.faults) == known:
            reason = "it names none of the files that were to be compared with it"
            self._inventory.faults.append(Fault(manifest.path, "manifest", reason))

    def _compare(
        self,
        manifest: Manifest,
        by_path: dict[str, list[str]],
        *,
        whole: bool,
        folder: str | None = None,
    ) -> None:
        """Note what a manifest says of each file; of a ``whole`` set, what is missing or extra.

        ``folder`` is where its shards are; left out, beside it.
        """
        if folder is None:
            folder = split_name(manifest.path)[0]
        try:
            features_from_json(manifest.features or "{}")
        except ValueError as error:
            fault = Fault(manifest.path, "manifest", f"its features: {error}")
            self._inventory.faults.append(fault)
        files = [os.path.join(folder, entry.name) for entry in manifest.entries]
        present = set(_present(files)) if whole else set()
        for shard, entry in zip(files, manifest.entries, strict=True):
            for file in by_path.get(os.path.normpath(shard), []):
                known = self._inventory.entries.setdefault(file, [])
                if (manifest, entry) not in known:
                    known.append((manifest, entry))
            if whole and shard not in present:
                self._inventory.faults.append(_missing(shard, manifest))
        for file in self._extra_shards(manifest, folder) if whole else ():
            reason = f"not in {manifest.path}, though its name says that it belongs to that set"
            self._inventory.faults.append(Fault(file, "extra", reason))

    def _extra_shards(self, manifest: Manifest, folder: str) -> list[str]:
        """Return the files in a folder that are called like a manifest's shards, but are not."""
        names = {entry.name for entry in manifest.entries}
        own = os.path.basename(manifest.path)
        found = _shard_pattern(own[: -len(MANIFEST_SUFFIX)], sorted(names))
        if found is None:
            return []
        begin, like = found
        listing = self._names_in(folder)
        first = bisect_left(listing, begin)
        alike = takewhile(lambda name: name.startswith(begin), islice(listing, first, None))
        files = [
            os.path.join(folder, name)
            for name in alike
            if name not in names and is_data_file(name) and like.fullmatch(name)
        ]
        # Another set may have names that are alike.
        other = {
            os.path.normpath(file)
            for found in manifests_naming(files, on_error=self._note_manifest)
            if os.path.basename(found.path) != own
            for file in found.files
        }
        return [file for file in files if os.path.normpath(file) not in other]


def _names_in(folder: str) -> list[str]:
    """Return the names in a folder, in their order."""
    try:
        return [name for name, _ in list_directory(folder)]
    except PermissionError:
        # What is in it may well be read by its name.
        return []


def _missing(shard: str, manifest: Manifest) -> Fault:
    return Fault(shard, "missing", f"missing, though {manifest.path} has it")


def _present(files: list[str]) -> list[str]:
    sizes = zip(files, sizes_of(files), strict=True)
    return [file for file, size in sizes if size is not None or os.path.lexists(file)]


def _shard_pattern(stem: str, names: list[str]) -> tuple[str, re.Pattern[str]] | None:
    """Return how the names of a set's shards begin, and what they are like.

    None where that cannot be told.
    """
    standard = re.compile(rf"{re.escape(stem)}-\d{{5,}}-of-\d{{5,}}(\.tfrecord(\.gz)?)?")
    if names and standard.fullmatch(names[0]):
        return f"{stem}-", standard
    # Other patterns: where the names differ in one number alone, that is the index.
    pieces = list(zip(*map(_NUMBERS.split, names), strict=False))
    differing = [at for at, piece in enumerate(pieces) if len(set(piece)) > 1]
    if len(differing) != 1 or differing[0] % 2 == 0:
        return None
    like = [re.escape(piece[0]) for piece in pieces]
    like[differing[0]] = r"\d+"
    begin = "".join(piece[0] for piece in pieces[: differing[0]])
    return begin, re.compile("".join(like))
