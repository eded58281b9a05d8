"""Shards in a store of objects, until their set is published: there are no renames, and no locks.

The names are those of `staging`: a writer's objects lie in ``.NAME.<8 hex digits>...`` until they
are copied, within the store, to their own names. The journal is an object, too; it tells which
names are new and which are to go. The one step that publishes is that the manifest is written: its
names are new ones, so the set that was there before is whole until then. Whoever finds a journal
looks whether the manifest is the one that it announces: if so the old names go, else the new ones.

Nobody can tell a living writer from a dead one. So a set has one writer at a time (and each part
one): the next one removes what it finds, and the one before, if it lives, fails when it publishes.
"""

from __future__ import annotations

import json
import os
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.manifest import Manifest, is_plain_name
from tfrecord_lite.files.writer_folders import (
    MANIFEST_NAME,
    MAX_JOURNAL_BYTES,
    PUBLISHING_SUFFIX,
    WriterFolder,
    writer_folders,
)
from tfrecord_lite.parallel.threads import Threads
from tfrecord_lite.records.file_system import is_file, list_directory, open_file
from tfrecord_lite.stores.store import store_of
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

__all__ = ["ObjectJournal", "ObjectStaging", "read_journal", "remove_folder"]

# The names of those of this process that are at work, which no journal of it removes.
_living: set[str] = set()


def remove_folder(folder: str) -> None:
    """Remove all objects in a folder, and in those in it."""
    for name, is_folder in list_directory(folder):
        if is_folder:
            remove_folder(f"{folder}/{name}")
        else:
            store_of(folder).delete([f"{folder}/{name}"])
    store_of(folder).remove_unfinished(folder + "/")


class ObjectStaging(WriterFolder):
    """A folder of a writer's own, as `Staging`."""

    def __init__(self, folder: str, stem: str, part: int | None = None) -> None:
        super().__init__(folder, stem, part)
        self._process = os.getpid()

    def make(self) -> None:
        """Hold the folder; there is one as soon as an object lies in it."""
        _living.add(self.name)

    def path(self, file: str) -> str:
        """Return the URL of an object in this folder."""
        return f"{self._folder}/{self.name}/{file}"

    def write_manifest(self, manifest: Manifest, *, fsync: bool) -> str:  # noqa: ARG002 - as others
        """Write it, all at once, and return its name."""
        store_of(self._folder).put(self.manifest, manifest.to_json().encode())
        return f"{self.name}/{MANIFEST_NAME}"

    def release(self) -> None:
        """Leave the folder to whoever wants it."""
        if self._process == os.getpid():
            _living.discard(self.name)

    def remove(self) -> None:
        """Remove the folder with all that is in it, unless it was left to others."""
        if self.name in _living and self._process == os.getpid():
            self.release()
            with suppress(OSError):
                remove_folder(f"{self._folder}/{self.name}")


class ObjectJournal:
    """The right to publish a set and to clear up around it, as `Journal`; for one at a time."""

    def __init__(self, folder: str, stem: str, manifest: str) -> None:
        self._folder = folder
        self._stem = stem
        self._manifest = manifest
        self._url = f"{folder}/.{stem}{PUBLISHING_SUFFIX}"

    def __enter__(self) -> Self:
        if is_file(self._url):
            self._settle()
        return self

    def __exit__(self, *ended: object) -> None:
        """Nothing is held."""

    def remove_leftovers(self, part: int | None = None) -> None:
        """Remove the folders of other writers: of this part, or of no part."""
        for found, name in writer_folders(self._folder, self._stem):
            if found == part and name not in _living:
                remove_folder(f"{self._folder}/{name}")
        # Of those that wrote no object yet there is no folder.
        store_of(self._folder).remove_unfinished(f"{self._folder}/.{self._stem}.")

    def publish(
        self, copies: list[tuple[str, str]], manifest: Manifest, old: list[str], *, is_new: bool
    ) -> None:
        """Copy objects to their names in the folder, and publish them, or nothing.

        ``copies`` are URLs and names that nothing has; ``old`` are the names that go.
        """
        store = store_of(self._folder)
        names = [name for _, name in copies]
        journal = json.dumps({"new": names, "old": old}).encode()
        store.put(self._url, journal, new=True)
        try:
            self._each(store.copy, [(url, self._at(name)) for url, name in copies])
            manifest.check()
            store.put(manifest.path, manifest.to_json().encode(), new=is_new)
        except BaseException:
            # Whether the manifest was written is what is looked at.
            self._settle()
            if not self._is_published(names):
                raise
        else:
            # It is published; whatever stays is for the next.
            with suppress(OSError):
                self._settle()
        folders = dict.fromkeys(os.path.dirname(url) for url, _ in copies)
        for folder in folders:
            with suppress(OSError):
                remove_folder(folder)

    def _settle(self) -> None:
        """Remove what is not of the set, as it is or as it is now."""
        new, old = read_journal(self._url)
        gone = old if self._is_published(new) else new
        kept = set(new) if gone is old else set()
        store = store_of(self._folder)
        self._each(store.delete, [([self._at(name)],) for name in gone if name not in kept])
        store.delete([self._url])

    def _is_published(self, names: list[str]) -> bool:
        try:
            entries = Manifest.load(self._manifest).entries
        except (FileNotFoundError, TFRecordError):
            return False
        return [entry.name for entry in entries] == names

    def _each(self, call: Any, arguments: Iterable[tuple[Any, ...]]) -> None:
        with closing(Threads(limits.remote_connections, "tfrecord_lite-objects")) as threads:
            for made in [threads.submit(call, *each) for each in arguments]:
                made.result()

    def _at(self, name: str) -> str:
        return f"{self._folder}/{name}"


def read_journal(url: str) -> tuple[list[str], list[str]]:
    """Return the names that a journal says are new, and old; of another's making it has none."""
    try:
        with open_file(url) as file:
            listed = json.loads(file.read(MAX_JOURNAL_BYTES))
        new, old = listed["new"], listed["old"]
    except (ValueError, TypeError, KeyError, RecursionError, FileNotFoundError):
        return [], []
    both = new, old
    if all(isinstance(names, list) for names in both) and all(
        isinstance(name, str) and is_plain_name(name) for names in both for name in names
    ):
        return both
    return [], []
