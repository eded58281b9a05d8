"""Where shards lie until their set is complete, and how they take their names all together.

Beside the shards-to-be of a set NAME stand, while it is written::

    .NAME.<8 hex digits>.tfrecord-partial/             a writer's folder
    .NAME.<8 hex digits>.part-00003.tfrecord-partial/  that of the writer of part 3
        lock                     locked by the writer as long as it lives
        00000.tfrecord-partial   its shards
        manifest.json            written last: a part is complete where this stands
    .NAME.publishing.tfrecord-partial                  the journal, locked by whoever publishes

What stands after NAME tells these apart, whatever NAME is, so those of one set are never those of
another; and no file or set that a caller names has a name that ends so.

Publishing is a list of renames: the old manifest goes, then the old shards go, the new shards take
their names, and the new manifest takes its own. That last rename is the commit. The list stands in
the journal before the first of them. Whoever enters a journal that a killed publisher left looks
whether the last rename was made; if not, all are undone, and what was there before is there again.

Locks are the system's (``flock``): a process that is killed lets go of them, on other machines of a
shared file system too. What is locked is never touched. Where there are none (Windows, some network
file systems) a living writer's folder cannot be told from a dead one's, so they are all left alone,
and it is for the caller to publish a set from one process at a time.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.files.manifest import MANIFEST_SUFFIX, Manifest, is_plain_name
from tfrecord_lite.files.object_staging import read_journal
from tfrecord_lite.files.writer_folders import (
    MANIFEST_NAME,
    MAX_JOURNAL_BYTES,
    PUBLISHING_SUFFIX,
    WriterFolder,
    writer_folders,
)
from tfrecord_lite.records.file_system import is_file, is_url, list_directory
from tfrecord_lite.records.storage import (
    Output,
    fsync_folder,
    is_partial,
    making_in,
    naming_file,
)

fcntl: Any
try:
    import fcntl
except ImportError:
    # Windows.
    fcntl = None

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

__all__ = [
    "MOST_PARTS",
    "Journal",
    "Staging",
    "complete_parts",
    "despite_interrupts",
    "names_in_flux",
]

MOST_PARTS: Final = 100_000

_LOCK = "lock"


def _open_to_lock(path: str) -> io.FileIO:
    """Open a file, made where it is missing. Whatever is raised, one that nobody has is closed."""
    return io.FileIO(path, "a+", opener=partial(os.open, mode=0o666))


def _close(file: io.FileIO) -> None:
    """Close a file of which nothing but the lock matters."""
    with suppress(OSError):
        file.close()


def _lock(file: io.FileIO, *, wait: bool) -> bool:
    """Lock an open file until it is closed or the process ends; tell whether that succeeded."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(file: io.FileIO, path: str) -> bool:
    """Tell whether an open file still has this name: it may have lost it since it was opened."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def despite_interrupts(clear_up: Callable[[], None]) -> None:
    """Clear up, and once more where that is interrupted, before what interrupted it is raised."""
    try:
        clear_up()
    except BaseException:
        clear_up()
        raise


class Staging(WriterFolder):
    """A folder of a writer's own, beside the shards-to-be; to be made under a `Journal`.

    Names are relative to the folder of the shards, as those in the journal.
    """

    _lock_file: io.FileIO | None = None

    def __init__(self, folder: str, stem: str, part: int | None = None) -> None:
        super().__init__(folder, stem, part)
        self._target = os.path.join(folder, stem)
        self._is_ours = False

    def make(self) -> None:
        """Make the folder, and hold it; where that fails there is none."""
        try:
            self._is_ours = True
            with making_in(self._folder or ".", self._target):
                os.mkdir(self.path(""))
            self._lock_file = _open_to_lock(self.path(_LOCK))
            _lock(self._lock_file, wait=True)
        except BaseException as error:
            # One that is there already is another's.
            self._is_ours = not isinstance(error, FileExistsError)
            self.remove()
            raise

    def write_manifest(self, manifest: Manifest, *, fsync: bool) -> str:
        """Write it, all at once, and return its name."""
        with Output(self.manifest, mode="w", atomic=True, fsync=fsync) as output:
            output.write(manifest.to_json().encode())
        return f"{self.name}/{MANIFEST_NAME}"

    def release(self) -> None:
        """Leave the folder to whoever wants it."""
        self._is_ours = False
        if self._lock_file is not None:
            _close(self._lock_file)

    def remove(self) -> None:
        """Remove the folder with all that is in it, unless it was left to others."""
        if self._is_ours:
            despite_interrupts(self._remove)

    def __del__(self) -> None:
        # At the end of the interpreter, too, when modules are empty.
        if self._lock_file is not None:
            self._lock_file.close()

    def _remove(self) -> None:
        # Windows removes no folder with an open file in it.
        self.release()
        shutil.rmtree(self.path(""), ignore_errors=True)


def _folders(folder: str, stem: str) -> list[tuple[int | None, str]]:
    """Find the folders of the writers of a set: for each its part, or None, and its path."""
    found = [(part, os.path.join(folder, name)) for part, name in writer_folders(folder, stem)]
    return [(part, path) for part, path in found if not os.path.islink(path)]


def complete_parts(folder: str, stem: str) -> dict[int, list[str]]:
    """Find the manifests of all complete parts, by the numbers of the parts."""
    parts: dict[int, list[str]] = {}
    for part, path in _folders(folder, stem):
        manifest = os.path.join(path, MANIFEST_NAME)
        if part is not None and is_file(manifest):
            parts.setdefault(part, []).append(manifest)
    return parts


class Journal:
    """The right to publish a set and to clear up around it, one process at a time.

    Entering waits for it, and settles what a publisher that was killed left half done.
    """

    def __init__(self, folder: str, stem: str) -> None:
        self._folder = folder
        self._stem = stem
        self._path = os.path.join(folder, f".{stem}{PUBLISHING_SUFFIX}")
        self._file: Any = None
        self.settled = True
        """Whether all renames were made, or none."""

    def __enter__(self) -> Self:
        try:
            while True:
                with making_in(self._folder or ".", os.path.join(self._folder, self._stem)):
                    self._file = _open_to_lock(self._path)
                _lock(self._file, wait=True)
                if _is_at(self._file, self._path):
                    break
                _close(self._file)
            self._settle(_renames(self._path))
        except BaseException:
            despite_interrupts(self._leave_to_others)
            raise
        return self

    def __exit__(self, *ended: object) -> None:
        try:
            self._leave()
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        if fcntl is None:
            # An open file cannot be removed on Windows; elsewhere whoever waits for it, as nobody
            # does there, must find that it is gone.
            _close(self._file)
        elif self._file.closed:
            return
        # An empty journal that stays is of no renames, so it is no failure that it stays.
        with suppress(OSError):
            if self.settled and (fcntl is None or _is_at(self._file, self._path)):
                os.unlink(self._path)
        _close(self._file)

    def _leave_to_others(self) -> None:
        """Leave a journal that was not entered; one of no renames goes, unless another has it."""
        if self._file is not None:
            _close(self._file)
        with suppress(OSError), io.FileIO(self._path, "r+") as file:
            if (
                _lock(file, wait=False)
                and _is_at(file, self._path)
                and not os.fstat(file.fileno()).st_size
            ):
                os.unlink(self._path)

    def remove_leftovers(self, part: int | None = None) -> None:
        """Remove the folders of writers that live no more: of this part, or of no part.

        Complete parts wait to be published: they go when the same part is written again.
        """
        for found, path in _folders(self._folder, self._stem):
            if found != part:
                continue
            with suppress(OSError):
                with _open_to_lock(os.path.join(path, _LOCK)) as file:
                    is_dead = _lock(file, wait=False)
                if is_dead:
                    shutil.rmtree(path, ignore_errors=True)

    def publish(
        self,
        renames: list[tuple[str, str]],
        staging: Staging,
        check: Callable[[], None],
        *,
        fsync: bool,
    ) -> None:
        """Make all renames, or none where anything fails, ``check`` before the last one included.

        The last one is the commit; after it the folders that files came from are removed, that of
        ``staging`` among them.
        """
        data = json.dumps(renames).encode()
        with naming_file(self._path):
            while data:
                data = data[os.write(self._file.fileno(), data) :]
            if fsync:
                os.fsync(self._file.fileno())
        if fsync:
            fsync_folder(self._path)
        self.settled = False
        try:
            for source, target in renames[:-1]:
                self._rename(source, target)
            if fsync:
                fsync_folder(self._path)
            check()
            self._rename(*renames[-1])
            if fsync:
                fsync_folder(self._path)
        except BaseException:
            despite_interrupts(partial(self._undo, renames))
            raise

        def clear_up() -> None:
            # Windows removes no folder with an open file in it, such as the lock.
            staging.release()
            self._clear_up(renames)

        despite_interrupts(clear_up)

    def _rename(self, source: str, target: str) -> None:
        # A rename would replace it, and could then not be undone.
        if os.path.lexists(self._at(target)):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._at(target))
        os.rename(self._at(source), self._at(target))

    def _settle(self, renames: list[tuple[str, str]]) -> None:
        if renames and os.path.lexists(self._at(renames[-1][0])):
            self._undo(renames)
        else:
            self._clear_up(renames)

    def _undo(self, renames: list[tuple[str, str]]) -> None:
        """Take back whichever of the renames were made, the last one first."""
        for source, target in reversed(renames):
            if os.path.lexists(self._at(target)) and not os.path.lexists(self._at(source)):
                os.makedirs(os.path.dirname(self._at(source)) or ".", exist_ok=True)
                os.rename(self._at(target), self._at(source))
        self._forget()

    def _clear_up(self, renames: list[tuple[str, str]]) -> None:
        for folder in {os.path.dirname(source) for source, _ in renames} - {""}:
            shutil.rmtree(self._at(folder), ignore_errors=True)
        self._forget()

    def _forget(self) -> None:
        """Empty the journal: folders may be removed and filled again from here on."""
        os.ftruncate(self._file.fileno(), 0)
        self.settled = True

    def _at(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _renames(path: str) -> list[tuple[str, str]]:
    """Read a journal. One that is truncated, or of another's making, is of no renames at all."""
    try:
        with open(path, "rb") as file:
            listed = json.loads(file.read(MAX_JOURNAL_BYTES))
        renames = [(source, target) for source, target in listed]
    except (ValueError, TypeError, RecursionError):
        return []
    names = [name for pair in renames for name in pair]
    return renames if all(isinstance(name, str) and _is_ours(name) for name in names) else []


def _is_ours(name: str) -> bool:
    """Tell whether a name is of a file beside the shards, or in a writer's folder there."""
    folder, slash, file = name.rpartition("/")
    return is_plain_name(file) and (not slash or (is_plain_name(folder) and is_partial(folder)))


def names_in_flux(folder: str) -> set[str]:
    """Return the names of files beside which a journal stands, but no manifest yet."""
    names: set[str] = set()
    for found, _ in list_directory(folder):
        stem = found[1 : -len(PUBLISHING_SUFFIX)]
        if found != f".{stem}{PUBLISHING_SUFFIX}":
            continue
        journal = os.path.join(folder, found)
        manifest = os.path.join(folder, stem + MANIFEST_SUFFIX)
        if is_url(folder):
            shards = Manifest.load(manifest).entries if is_file(manifest) else ()
            listed = chain.from_iterable(read_journal(journal))
            names.update({*listed} - {shard.name for shard in shards})
        elif not os.path.exists(manifest):
            with suppress(FileNotFoundError, IsADirectoryError):
                renamed = chain.from_iterable(_renames(journal))
                names.update(name for name in renamed if "/" not in name)
    return names
