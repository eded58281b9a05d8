"""All files as the viewer sees them: records under one numbering, found out in the background."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.text import path_text, unicode_text
from tfrecord_lite.view.viewed_file import ViewedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.view.slots import Slot

__all__ = ["Placed", "ViewedSet"]

# Files of no more bytes in all are read through without being asked: damage is then told.
_CHECKED_BYTES: Final = 1 << 30
_OPEN_FILES: Final = 16
_GIVE_WAY_SECONDS: Final = 0.2
# So many files are looked at, whether they have changed, each time that somebody asks.
_LOOKED_AT: Final = 64


class Placed(NamedTuple):
    """What stands at a number of all files, and in which file that is."""

    number: int
    file: ViewedFile
    slot: Slot


class ViewedSet:
    """The records of files, numbered from 0 in the order of the files, as far as is known.

    Damage takes a number too, as it does in each file. A thread reads files that have no index from
    their front; `close` ends it.
    """

    def __init__(self, records: RecordSet) -> None:
        self.note: str | None = None
        """What is wrong with the set as a whole."""
        self.manifest: str | None = None
        counts: list[int | None] = [None] * len(records.files)
        try:
            if records.manifest is not None:
                self.manifest = path_text(records.manifest.path)
                counts = records.counts
        except TFRecordError as error:
            self.note = unicode_text(str(error))
        except OSError:
            # Where no manifest can be looked for, there is none.
            counts = [None] * len(records.files)
        self.files = [
            ViewedFile(str(file), count) for file, count in zip(records.files, counts, strict=True)
        ]
        self._changed = threading.Condition()
        self._wanted: ViewedFile | None = None
        self._closed = False
        self._recent: list[ViewedFile] = []
        self._next_look = 0
        self._check_small = True
        self._at = 0
        self._reading = 0
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)
        if self.files:
            self.files[0].look()

    def start(self) -> None:
        """Begin to find out how many records there are."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, and close all files."""
        self._closed = True
        self._notify()
        if self._thread.is_alive():
            self._thread.join()
        for file in self.files:
            file.close()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._closed:
            file = self._next_file()
            if file is None:
                with self._changed:
                    self._changed.wait(0.5)
                continue
            file.step()
            self._notify()
            with self._changed:
                # Somebody looks at a page: that comes first.
                self._changed.wait_for(lambda: self._closed or not self._reading, _GIVE_WAY_SECONDS)

    def _next_file(self) -> ViewedFile | None:
        """Return a file to be read on: one that somebody waits for, else the first of all."""
        wanted = self._wanted
        if wanted is not None and wanted.has_work:
            return wanted
        while self._at < len(self.files):
            file = self.files[self._at]
            if not file.looked:
                file.look()
                self._notify()
            if file.has_work:
                return file
            self._at += 1
        if self._check_small:
            # Once all is known.
            self._check_small = False
            if sum(file.size or 0 for file in self.files) <= _CHECKED_BYTES:
                self.check()
                return self._next_file()
        return None

    def check(self) -> None:
        """Have all files read through, so that all damage is known."""
        for file in self.files:
            file.wanted_check = True
        self._at = 0
        self._notify()

    def refresh(self) -> None:
        """Begin again with files that have changed."""
        changed = False
        for _ in range(min(_LOOKED_AT, len(self.files))):
            self._next_look = (self._next_look + 1) % len(self.files)
            changed |= self.files[self._next_look].changed()
        if changed:
            self._check_small = True
            self._at = 0
            self._notify()

    @property
    def known(self) -> tuple[int, bool]:
        """How many numbers there are, and whether that is all."""
        if not (bases := self.bases()):
            return 0, True
        last = self.files[len(bases) - 1]
        # What is not counted may be in a moment: then there are others after it.
        return bases[-1] + last.count, last.counted and len(bases) == len(self.files)

    def bases(self) -> list[int]:
        """Return the numbers of the first records of files, as far as they are known."""
        bases: list[int] = []
        base = 0
        for file in self.files:
            bases.append(base)
            if not file.counted:
                break
            base += file.count
        return bases

    def read(self, first: int, count: int, wait: float) -> Iterator[Placed]:
        """Yield what stands at some numbers, and wait so many seconds for what is to come."""
        end = first + count
        until = time.monotonic() + wait
        base = 0
        for file in self.files:
            if not file.looked:
                file.look()
            own_end = max(end - base, 0)
            if first < base + file.count or not file.counted:
                begin = max(first - base, 0)
                self._wait_for(file, own_end, until)
                self._use(file)
                self._reading += 1
                try:
                    for slot in file.read(begin, own_end):
                        yield Placed(base + slot.number, file, slot)
                finally:
                    self._reading -= 1
                if not file.counted or file.ready < min(own_end, file.count):
                    return
            base += file.count
            if base >= end:
                return

    def _wait_for(self, file: ViewedFile, end: int, until: float) -> None:
        def there() -> bool:
            return self._closed or file.ready >= end or not file.has_work

        if not there():
            self._wanted = file
            with self._changed:
                self._changed.notify_all()
                self._changed.wait_for(there, max(until - time.monotonic(), 0))

    def _use(self, file: ViewedFile) -> None:
        """Let files that were not read for a while be closed."""
        self._recent = [file, *(other for other in self._recent if other is not file)]
        for other in self._recent[_OPEN_FILES:]:
            other.close()
        del self._recent[_OPEN_FILES:]

    def state(self) -> dict[str, Any]:
        """Say in JSON what is known by now."""
        total, complete = self.known
        sizes = [file.size or 0 for file in self.files]
        return {
            "files": len(self.files),
            "bytes": sum(sizes),
            "records": total,
            "complete": complete,
            "manifest": self.manifest,
            "note": self.note,
            "reading": any(file.has_work for file in self.files),
            "read_bytes": sum(
                size if file.read_through else file.source_bytes
                for file, size in zip(self.files, sizes, strict=True)
            ),
            "checked": all(file.read_through for file in self.files),
            "regions": sum(file.regions for file in self.files),
            "errors": sum(file.error is not None for file in self.files),
        }
