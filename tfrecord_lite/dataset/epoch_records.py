"""The records of a set as epochs read them."""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.dataset.damaged_file import DamagedFile
from tfrecord_lite.dataset.file_states import regular, states_of
from tfrecord_lite.dataset.interleave import FileRecords
from tfrecord_lite.dataset.memory import block_bytes
from tfrecord_lite.dataset.order import around
from tfrecord_lite.errors import CompressionError, Damage, TFRecordError, ignore_damage
from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.files.record_set import RecordSet, locate
from tfrecord_lite.records.file_system import size_of
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.files.index import RecordIndex
    from tfrecord_lite.records.reader import RecordReader

__all__ = ["EpochRecords"]

# A record of a set that nobody has counted is known by its file and its number there: a number with
# the file's own, and one more, from this bit on.
_FILE_BITS = 40
# How much is read of a file for its first record, which may be larger.
_ONE_BLOCK_BYTES = 1 << 14


class EpochRecords:
    """The records of a `RecordSet` as epochs read them: again and again, from any of them on.

    All its files are regular ones. Where damage is to be left out, what is left out has a number
    all the same, but for what stands at the end of a file that has no index.

    A file that is missing or not the one in the manifest raises here and now.
    """

    def __init__(self, records: RecordSet) -> None:
        # Whoever reads tells of damage; a callable need not be for other processes.
        self.set = records.replace(on_damage=ignore_damage) if records.tolerant else records
        self.files = [regular(file) for file in records.files]
        self._states = states_of(self.files)
        self.sizes = [state.size for state in self._states]
        self.tolerant = records.tolerant
        # Damaged files that can be read from the front alone.
        self._without_index: set[int] = set()
        self.indexed = False
        """Whether all files can be read by number."""
        self.compressed = False
        """Whether a file is of which the first block was read."""
        self.manifest = records.manifest
        self.counts = [*self.set.counts]
        """How many records each file has: by its manifest or index, else None until `total`."""

    def look_again(self, accept: Callable[[int], bool] | None = None) -> None:
        """See that the files are those that they were: what each epoch begins with.

        One of another size, time of modification or inode is an error, unless ``accept`` finds it
        as it was: a call with the file's number. By itself that is whether its index still fits,
        or, where there is none, whether it still has as many bytes and records.
        """
        states = states_of(self.files)
        for number, (file, known) in enumerate(zip(self.files, self._states, strict=True)):
            state = states[number]
            if state == known:
                continue
            if not (accept or self._is_as_it_was)(number):
                before, now = (
                    f"{size} bytes, modified at {time} ns, inode {inode[1]}"
                    for size, time, inode in (known, state)
                )
                raise TFRecordError(
                    f"it was replaced or written to since the dataset was made: it had {before}; "
                    f"it has {now}; make the dataset again",
                    path=file,
                )
            self._states[number] = state

    def _is_as_it_was(self, number: int) -> bool:
        file, count = self.files[number], self.counts[number]
        if self.indexed:
            with PositionedFile(file) as opened, suppress(StaleIndexError):
                self.set.index(number).check(opened)
                return True
            return False
        if size_of(file) != self.sizes[number]:
            return False
        return count == self._count(number)

    def build_indexes(self, *, needed: bool) -> None:
        """Index all files. One that has none, being a stream, is an error where that is ``needed``.

        So is damage, unless it can be left out later. Of a set with a manifest the first file alone
        is indexed now, and each other where it is first read; but where damage is to be left out,
        a file without an index has to be read from its front, so this must be known of all.
        """
        every = self.manifest is None or self.tolerant
        count = len(self.files) if every else min(len(self.files), 1)
        indexed = True
        for number in range(count):
            try:
                self.counts[number] = len(self.set.index(number))
            except TFRecordError as error:
                if not (self.tolerant or isinstance(error, CompressionError)):
                    raise
                if needed:
                    # To pass on_damage= is no advice to who has.
                    error.reason = error.reason.partition("; reading with on_damage=")[0]
                    error.reason += "; or shuffle=N, a buffer, which reads from the front"
                    raise
                indexed = False
        self.indexed = indexed

    def total(self) -> int:
        """Return how many records there are; files that nobody has counted yet are read."""
        return int(self.bases[-1])

    def _count(self, number: int) -> int:
        count = 0
        damages: list[Damage] = []
        for block in self._blocks(number, damages, 0):
            count = block.first_record + len(block)
        index = self._index_of(number) if damages else None
        return count if index is None else len(index)

    def _index_of(self, number: int) -> RecordIndex | None:
        """Return the index of a file in which something is damaged; None where it can have none."""
        if number in self._without_index:
            return None
        try:
            return self.set.index(number)
        except TFRecordError:
            self._without_index.add(number)
            return None

    @property
    def counted(self) -> bool:
        """Whether `total` costs nothing."""
        return "bases" in self.__dict__ or None not in self.counts

    @cached_property
    def bases(self) -> Int64Array:
        """The number of each file's first record, and of the first that is in none."""
        for number, known in enumerate(self.counts):
            if known is None:
                self.counts[number] = self._count(number)
        return np.array([*accumulate(map(int, self.counts), initial=0)])  # type: ignore[arg-type]

    def place(self, number: int) -> tuple[int, int]:
        """Return which file holds a record, and its number there."""
        if number >> _FILE_BITS:
            return (number >> _FILE_BITS) - 1, number & ((1 << _FILE_BITS) - 1)
        return locate(self.bases, number)

    def _base(self, number: int) -> int:
        """Return the number of a file's first record, which tells its place by itself perhaps."""
        return int(self.bases[number]) if self.counted else (number + 1) << _FILE_BITS

    def ranges(self, share: range | None = None) -> list[FileRecords]:
        """Return the parts of files that hold a `share`; without one they are all files.

        The ends of all files need not be known.
        """
        if share is None:
            return [FileRecords(number, 0, known) for number, known in enumerate(self.counts)]
        if self.total() == 0:
            # There may be damage to tell of all the same.
            return [FileRecords(number, 0, 0) for number in range(len(self.files))]
        bases = self.bases.tolist()
        return [
            FileRecords(number, max(part.start - low, 0), min(part.stop, high) - low)
            for part in around(share, self.total())
            for number, (low, high) in enumerate(pairwise(bases))
            if _is_wanted(low, high - low, part.start, part.stop)
        ]

    def read_range(self, file_range: FileRecords) -> Generator[Chunk, None, int]:
        """Read a part of a file, and return where it ends, or the file.

        Steps are counted from 0. An error is in the last chunk.
        """
        number, begin, end = file_range
        return (yield from self._stream(number, 0, begin, sys.maxsize if end is None else end, 0))

    @cached_property
    def mean_bytes(self) -> float:
        """The mean size of a frame, where there are indexes."""
        if self.manifest is not None:
            return self.manifest.raw_bytes / max(self.total(), 1)
        size = sum(self.set.index(number).raw_bytes for number in range(len(self.files)))
        return size / max(self.total(), 1)

    def first_block(self, number: int) -> RecordBlock | None:
        """Return the first records of a file; None where it has none."""
        with self._reader(number, []) as reader:
            self.compressed |= reader.compression is not None
            reader.block_bytes = _ONE_BLOCK_BYTES
            return next(reader.blocks(), None)

    def block_of(self, number: int) -> RecordBlock:
        """Return a block of one record, read by itself: slow, and with its place."""
        if not self.indexed:
            file, record = self.place(number)
            with closing(self.read_range(FileRecords(file, record, record + 1))) as chunks:
                chunk = next(chunks)
            if chunk.error is not None:
                raise chunk.error
            return chunk.block
        try:
            return self.set.read_block([number])
        except TFRecordError:
            if not self.tolerant:
                raise
        file, record = self.place(number)
        with closing(DamagedFile(self.set, file)) as damaged:
            return next(damaged.chunks(record, record + 1)).block

    def stream(
        self, begin: int, end: int | None, first_step: int = 0
    ) -> Generator[Chunk, None, None]:
        """Read from the front the records from ``begin`` to before ``end``, or to the last.

        The first of them comes at ``first_step``. An error is in the last chunk.
        """
        base = 0
        stop = sys.maxsize if end is None else end
        for number, known in enumerate(self.counts):
            if _is_wanted(base, known, begin, stop):
                base += yield from self._stream(number, base, begin, stop, first_step)
            elif known is not None:
                base += known

    def _stream(
        self, number: int, base: int, begin: int, stop: int, first_step: int
    ) -> Generator[Chunk, None, int]:
        """Read one file, whose first record comes as ``base``; return how many it has."""
        known, seen, first_number = self.counts[number], 0, self._base(number)
        # What is read to its last record is read to its last byte.
        through = known is not None and base + known <= stop
        damages: list[Damage] = []

        def chunk_of(block: RecordBlock, first: int) -> Chunk:
            at = np.arange(first, first + len(block))
            told = [
                damage
                for damage in damages
                if begin <= base + damage.record and (through or base + damage.record < stop)
            ]
            damages.clear()
            return Chunk(block, at + (first_number - base), at + (first_step - begin), told)

        nothing = RecordBlock.from_records([])
        try:
            with closing(self._blocks(number, damages, max(begin - base, 0))) as blocks:
                for block in blocks:
                    if damages and self._index_of(number) is not None:
                        break
                    first = base + block.first_record
                    seen = block.first_record + len(block)
                    if known is not None and seen > known:
                        raise self.set.wrong_count(
                            number, self.counts[number], f"{seen} records or more"
                        )
                    low, high = max(begin - first, 0), min(stop - first, len(block))
                    if low < high:
                        yield chunk_of(block[low:high], first + low)
                    if base + seen >= stop and not through:
                        self._check_end(number, block, high, stop - base)
                        break
                else:
                    if known is not None and seen < known and not self.tolerant:
                        raise self.set.wrong_count(number, known, f"{seen} records")
                if damages and (index := self._index_of(number)) is not None:
                    # By number on: there are the same records for who reads by number alone.
                    damages.clear()
                    low = max(begin - base, 0)
                    with closing(DamagedFile(self.set, number)) as file:
                        high = min(stop - base, len(file))
                        # Damage at the end of a gzip member is told with the last record in it.
                        for chunk in file.chunks(max(seen - 1, low), high, seen=seen):
                            numbers = chunk.numbers + first_number
                            steps = chunk.numbers + (base + first_step - begin)
                            yield chunk._replace(numbers=numbers, steps=steps)
                    return len(index)
        except (OSError, TFRecordError) as error:
            yield chunk_of(nothing, base + seen)._replace(error=error)
            # Nothing is wanted from after it.
            return stop + 1
        if damages:
            yield chunk_of(nothing, base + seen)
        return seen if known is None else known

    def _check_end(self, number: int, block: RecordBlock, rows: int, count: int) -> None:
        """See that reading may end after these rows, ``count`` records into a file.

        Others begin there by its index. It must be in the gzip member that the index says, which
        they compare with its header; those before it were compared here.
        """
        members = self.set.index(number).members if self.indexed else None
        if members is None or not rows:
            return
        end = block.offset(rows - 1) + int(block.lengths[rows - 1]) + FRAME_OVERHEAD
        member = int(members.with_record(count))
        begin, stop = members.raw_offsets[member : member + 2].tolist()
        if begin <= end < stop and (begin == end) == (members.first_records[member] == count):
            return
        error = CompressionError(
            f"by the headers of its gzip members this record begins in that at compressed byte "
            f"{members.offsets[member]}, but it does not: one of them states a wrong number of "
            "records; verify says which; write the file again",
            path=self.files[number],
            record=count,
            offset=end,
        )
        error.kind = "count"
        raise error

    def _reader(self, number: int, damages: list[Damage]) -> RecordReader:
        return self.set.reader(number, on_damage=damages.append if self.tolerant else "raise")

    def _blocks(
        self, number: int, damages: list[Damage], first: int
    ) -> Generator[RecordBlock, None, None]:
        """Read a file in blocks; what comes before its record ``first`` need not be read."""
        with self._reader(number, damages) as reader:
            reader.block_bytes = limits.read_block_bytes
            if first and self.indexed and reader.can_go_to:
                reader.go_to(self.set.index(number).frames.frame(first)[0], first)
            for block in reader.blocks():
                reader.block_bytes = block_bytes(int(block.lengths.mean()), 1)
                yield block


def _is_wanted(base: int, count: int | None, begin: int, stop: int) -> bool:
    """Tell whether a file, whose first record is ``base``, is to be read for some records.

    Perhaps nothing is left of one without records: whose record is the last before it is to tell.
    """
    if count == 0:
        return begin < base <= stop or begin == base == 0
    return base < stop and (count is None or begin < base + count)
