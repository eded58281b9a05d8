"""One file as the viewer sees it: how many records are known by now, what is damaged, any record.

A file that has an index beside it, or whose index is quickly made, is read by number. Any other is
read once from its front, in the background and a block at a time, which finds all damage, too; on
the way it is noted where blocks begin, and from there records are read later.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.files.index import RecordIndex, StaleIndexError
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.records.file_system import is_file, is_url, size_of
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.view.slots import FrontReader, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["MOST_RECORD_BYTES", "ViewedFile"]

# Larger records are told of, and not read.
MOST_RECORD_BYTES: Final = 1 << 25
_LISTED_REGIONS: Final = 10_000
_BLOCK_BYTES: Final = 1 << 20
# Places are noted where reading can begin: no more, no nearer, no more in a block.
_PLACES: Final = 1 << 15
_PLACE_BYTES: Final = 1 << 16
_PLACES_OF_BLOCK: Final = 16
# Readers of compressed files that stay where they are, for the next page.
_KEPT_READERS: Final = 3


class ViewedFile:
    """A file; ``stated`` is how many records its manifest says that it has.

    One thread at a time calls `step`; any may call the other methods.
    """

    def __init__(self, path: str, stated: int | None = None) -> None:
        self.path = path
        self.edition = 0
        """Another once the file was replaced: what was found in it before says nothing of it."""
        self._lock = threading.RLock()
        self._reset(stated)

    def _reset(self, stated: int | None) -> None:
        self.stated = stated
        self.size: int | None = None
        self.compression: str | None = None
        self.error: str | None = None
        self.regions = 0
        self.damage: list[Damage] = []
        self.raw_bytes = 0
        self.source_bytes = 0
        """Up to where the file was read, of the bytes as they lie."""
        self.scanned = 0
        """How many numbers were passed by reading from the front."""
        self.looked = self.read_through = False
        self.wanted_check = False
        self._index: RecordIndex | None = None
        self._index_fits = True
        # Numbers are those of reading from the front: no index is taken again.
        self._by_front = False
        self._opened: RecordFile | None = None
        self._scanner: RecordReader | None = None
        self._can_go_to = False
        self._begins: list[int] = []
        self._records: list[int] = []
        self._next_place = 0
        self._readers: list[FrontReader] = []
        self._stamp: object = None

    @property
    def ready(self) -> int:
        """How many numbers can be read now."""
        return self.scanned if self._index is None else max(len(self._index), self.scanned)

    @property
    def complete(self) -> bool:
        """Whether it is known how many numbers there are."""
        return self.read_through or self._index is not None

    @property
    def count(self) -> int:
        """How many numbers there are, as far as is known."""
        return self.ready if self.complete or self.stated is None else self.stated

    @property
    def counted(self) -> bool:
        """Whether `count` is more than what was found so far."""
        return self.complete or self.stated is not None

    @property
    def has_work(self) -> bool:
        """Whether `step` has anything to do."""
        return not (self.read_through or (self.complete and not self.wanted_check))

    def look(self) -> None:
        """Look at the file, and take the index that lies beside it, if it fits."""
        with self._lock:
            if self.looked:
                return
            try:
                self._stamp = _stamp_of(self.path)
                self.size = size_of(self.path) if is_file(self.path) else None
                with suppress(StaleIndexError, FileNotFoundError):
                    self._take(RecordIndex.load(self.path))
            except (OSError, ValueError, TFRecordError) as error:
                self._fail(error)
            self.looked = True

    def _take(self, index: RecordIndex) -> None:
        self._index = index
        self.compression = index.compression
        self.raw_bytes = index.raw_bytes

    def _fail(self, error: Exception) -> None:
        self.error = str(error) or type(error).__name__
        self.read_through = True
        self._close_scanner()

    def changed(self) -> bool:
        """Tell whether the file is not the one that was looked at; begin again if so."""
        if not self.looked:
            return False
        try:
            stamp: object = _stamp_of(self.path)
        except (OSError, ValueError, TFRecordError) as error:
            stamp = str(error)
        with self._lock:
            if stamp == self._stamp:
                return False
            check = self.wanted_check
            if not _is_longer(stamp, self._stamp):
                self.edition += 1
            self.close()
            self._reset(None)
            self.wanted_check = check
            if isinstance(stamp, str):
                self._stamp, self.looked = stamp, True
                self._fail(FileNotFoundError(f"{stamp} (it was there before)"))
            return True

    # Reading through, in the background.

    def step(self) -> None:
        """Read the next block."""
        self.look()
        with self._lock:
            if not self.has_work:
                return
            try:
                if self._scanner is None and not self._begin():
                    return
                self._scan_block()
            except (OSError, ValueError, TFRecordError) as error:
                self._fail(error)

    def _begin(self) -> bool:
        """Begin to read through; False where an index was made instead."""
        self._scanner = self._reader(self._note)
        self.compression = self._scanner.compression
        self._can_go_to = self._scanner.can_go_to
        quick = self.compression == "GZIP" or (self.compression is None and is_url(self.path))
        if self._index is None and quick and not self._by_front:
            # Only headers are read for it. Where it cannot be made, the file is read as it is.
            with suppress(TFRecordError, OSError):
                self._take(RecordIndex.build(self.path))
                if not self.wanted_check:
                    self._close_scanner()
                    return False
        return True

    def _reader(self, on_damage: Callable[[Damage], None]) -> RecordReader:
        reader = RecordReader(self.path, on_damage=on_damage, max_record_bytes=MOST_RECORD_BYTES)
        reader.block_bytes = _BLOCK_BYTES
        return reader

    def _note(self, damage: Damage) -> None:
        self._index_fits &= self.compression is None
        if damage.kind != "count":
            self.regions += 1
            if len(self.damage) < _LISTED_REGIONS:
                self.damage.append(damage)
            self.scanned = max(self.scanned, damage.record + 1)
            self.raw_bytes = max(self.raw_bytes, damage.end)
            if len(self._begins) < 2 * _PLACES:
                # Nobody has to find the way past it a second time.
                self._next_place = 0

    def _scan_block(self) -> None:
        assert self._scanner is not None
        block = self._scanner.next_block()
        if block is None:
            self.source_bytes = self.size or self._scanner.source_offset
            self._close_scanner()
            if self._index is not None and not (
                self._index_fits and self.scanned == len(self._index)
            ):
                self._leave_index()
            self.read_through = True
            return
        if self.regions and self._index_fits:
            self._index_fits = self._is_numbered_alike(block)
        step = max(len(block) // _PLACES_OF_BLOCK, 1)
        for row in range(0, len(block), step):
            begin = block.offset(row)
            if begin >= self._next_place:
                self._begins.append(begin)
                self._records.append(block.first_record + row)
                self._next_place = begin + max(_PLACE_BYTES, (self.size or 0) // _PLACES)
        self._scanner.recycle(block)
        self.scanned = block.first_record + len(block)
        self.raw_bytes = max(self.raw_bytes, self._scanner.offset)
        self.source_bytes = self._scanner.source_offset

    # Damage: an index counts the records that it took, reading counts it as it finds it.

    def _leave_index(self) -> None:
        self._index = self._opened = None
        self._by_front = True

    def _is_numbered_alike(self, block: RecordBlock) -> bool:
        """Tell whether the index, if any, has a block that was read from the front at its place."""
        index = self._index
        if index is None:
            return True
        number = block.first_record
        if index.members is not None or number >= len(index):
            return False
        try:
            return index.frames.frame(number)[0] == block.offset(0)
        except StaleIndexError:
            return False

    def compare(self, block: RecordBlock) -> None:
        """Leave the index if it numbers a block that follows damage in another way.

        Whoever reads from the front calls this before the block's numbers are told to anybody.
        """
        with self._lock:
            if not self._is_numbered_alike(block):
                self._leave_index()

    def settle(self, count: int, *, damaged: bool, edition: int) -> None:
        """Take it as known that there are so many numbers: somebody has read all of the file."""
        with self._lock:
            if edition != self.edition or self.read_through:
                return
            packed = self._index is not None and self._index.members is not None
            if self._index is not None and (count != len(self._index) or (damaged and packed)):
                self._leave_index()
            self.stated = count

    def _close_scanner(self) -> None:
        if self._scanner is not None:
            self._scanner.close()
            self._scanner = None

    # Records by number.

    def read(self, first: int, end: int) -> Iterator[Slot]:
        """Yield what stands at the numbers from ``first`` to before ``end``, as far as is ready."""
        end = min(end, self.ready)
        if first >= end:
            return
        index = self._index
        if index is not None:
            yield from self._read_indexed(index, first, end)
        elif self._can_go_to:
            yield from self._read_from_place(first, end)
        else:
            yield from self._read_on(first, end)

    def _read_indexed(self, index: RecordIndex, first: int, end: int) -> Iterator[Slot]:
        opened = self._opened
        if opened is None:
            opened = RecordFile(self.path, index=index, max_record_bytes=MOST_RECORD_BYTES)
            self._opened = opened
        for number in range(first, end):
            try:
                yield Slot(number, opened[number])
            except StaleIndexError:
                raise
            except TFRecordError as error:
                yield Slot(number, None, None, str(error))

    def _read_from_place(self, first: int, end: int) -> Iterator[Slot]:
        """Read from the last place before them at which reading can begin."""
        front = FrontReader(self._reader)
        with front.reader as reader:
            at = bisect_right(self._records, first) - 1
            if at >= 0 and self._begins[at]:
                reader.go_to(self._begins[at], self._records[at])
            yield from front.slots(first, end)

    def _read_on(self, first: int, end: int) -> Iterator[Slot]:
        """Read what can only be read from the front; a reader that is near goes on."""
        with self._lock:
            before = [kept for kept in self._readers if kept.number <= first]
            front = max(before, key=lambda kept: kept.number, default=None)
            if front is None:
                front = FrontReader(self._reader)
            else:
                self._readers.remove(front)
            found = list(front.slots(first, end))
            self._readers.append(front)
            while len(self._readers) > _KEPT_READERS:
                self._readers.pop(0).reader.close()
        yield from found

    def close(self) -> None:
        """Close all that is open."""
        with self._lock:
            self._close_scanner()
            for kept in self._readers:
                kept.reader.close()
            self._readers = []
            self._opened = None


def _stamp_of(path: str) -> tuple[int, int, int] | None:
    """Return what is another for a file that was written to, or replaced; None of a URL.

    Raises ``OSError`` where there is no such file.
    """
    if is_url(path):
        return None
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ino


def _is_longer(stamp: object, before: object) -> bool:
    """Tell whether a file was written on, so that its records have the numbers that they had."""
    if not (isinstance(stamp, tuple) and isinstance(before, tuple)):
        return False
    return bool(stamp[0] > before[0] and stamp[2] == before[2])
