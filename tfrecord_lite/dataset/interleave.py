"""The files of an epoch read several at a time, in turn: what fills the buffer of a shuffle."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.chunk import Chunk
    from tfrecord_lite.errors import Damage

__all__ = ["Arrivals", "FileRecords", "Interleave"]

# So many records of a file come at a turn, or fewer where the buffer is small: what is in it should
# be of several turns.
_MAX_RUN = 16
_TURNS_PER_BUFFER = 4


class FileRecords(NamedTuple):
    """Records of a file by their numbers in it, from ``begin`` to before ``end`` or to the last."""

    file: int
    begin: int
    end: int | None

    @property
    def length(self) -> int | None:
        """How many records it has; None where that is not known yet."""
        return None if self.end is None else self.end - self.begin


class Arrivals(NamedTuple):
    """Records in the order in which they arrive.

    ``steps`` tells when each arrives, ``numbers`` which it is; int64 ``[records]`` both. What comes
    next arrives at step ``end``. ``damages`` were left out; an ``error`` stands after the records.
    """

    records: list[bytes]
    numbers: Int64Array
    steps: Int64Array
    end: int
    damages: list[Damage]
    error: Exception | None


class Interleave:
    """Reads some records of each of several ranges in turn; one that ends is followed by the next.

    ``ranges`` are read in this order, ``files`` of them at a time, for a buffer of so many records.
    ``read`` gives the chunks of a range, whose steps are counted from 0 in each, and returns where
    in its file the range ends.
    """

    def __init__(
        self,
        ranges: Sequence[FileRecords],
        files: int,
        buffer: int,
        read: Callable[[FileRecords], Generator[Chunk, None, int]],
    ) -> None:
        self._ranges = ranges
        self._files = files
        self._run = max(min(buffer // (_TURNS_PER_BUFFER * files), _MAX_RUN), 1)
        self._read = read

    def arrivals(self, first: int) -> Generator[Arrivals, None, None]:
        """Yield what arrives from the step ``first`` on, if the end of each range is known, or 0.

        A few records before that may come too.
        """
        turns, following, step = self._turns_before(first)
        left = iter(range(following, len(self._ranges)))
        with ExitStack() as stack:

            def reading_of(number: int, taken: int = 0) -> _Reading:
                reading = _Reading(self._ranges[number], taken, self._read)
                stack.enter_context(closing(reading))
                return reading

            readings = deque(reading_of(number, taken) for number, taken in turns)
            together = _Together(step)
            while readings:
                reading = readings.popleft()
                while reading.take(self._run, together):
                    # It had ended before.
                    number = next(left, None)
                    if number is None:
                        break
                    reading = reading_of(number)
                else:
                    readings.append(reading)
                if together.error is not None:
                    break
                if together.enough:
                    yield together.arrivals()
            yield together.arrivals()

    def _turns_before(self, first: int) -> tuple[deque[tuple[int, int]], int, int]:
        """Return whose turns come at ``first``, which range follows, and when the next turn begins.

        A turn is the number of a range, and how many records of it came before.
        """
        turns = deque((number, 0) for number in range(min(self._files, len(self._ranges))))
        following, step, run = len(turns), 0, self._run
        since = 0
        while turns and step < first:
            if since == 0:
                # Rounds in which none ends.
                rounds = min((self._length(number) - taken) // run for number, taken in turns)
                rounds = min(rounds, (first - step) // (run * len(turns)))
                turns = deque((number, taken + rounds * run) for number, taken in turns)
                step += rounds * run * len(turns)
            since = (since + 1) % max(len(turns), 1)
            number, taken = turns.popleft()
            while (left := self._length(number) - taken) == 0 and following < len(self._ranges):
                number, taken, following = following, 0, following + 1
            if left == 0:
                since = 0
                continue
            count = min(run, left)
            if step + count > first:
                turns.appendleft((number, taken))
                break
            turns.append((number, taken + count))
            step += count
        return turns, following, step

    def _length(self, number: int) -> int:
        length = self._ranges[number].length
        assert length is not None, "there is no telling where a step is"
        return length


class _Together:
    """What arrives together."""

    def __init__(self, step: int) -> None:
        self._step = step
        self.error: Exception | None = None
        self._begin()

    def _begin(self) -> None:
        self._records: list[bytes] = []
        self._runs: list[tuple[int, int, int]] = []
        self._bytes = 0
        self.damages: list[Damage] = []

    @property
    def enough(self) -> bool:
        return (
            len(self._records) >= thresholds.arriving_records
            or self._bytes >= thresholds.arriving_bytes
        )

    def add(self, records: list[bytes], number: int, steps_before: int) -> None:
        """Add consecutive records of a file, ``steps_before`` after where this turn began."""
        self._records += records
        self._bytes += sum(map(len, records))
        self._runs.append((number, self._step + steps_before, len(records)))

    def advance(self, steps: int) -> None:
        """End a turn."""
        self._step += steps

    def arrivals(self) -> Arrivals:
        runs = np.array(self._runs, np.int64).reshape(-1, 3)
        numbers, steps, counts = runs.T
        rows = np.arange(len(self._records)) - np.repeat(np.cumsum(counts) - counts, counts)
        numbers, steps = (np.repeat(first, counts) + rows for first in (numbers, steps))
        arrived = Arrivals(self._records, numbers, steps, self._step, self.damages, self.error)
        self._begin()
        return arrived


class _Reading:
    """One range, of which so many records were taken before."""

    def __init__(
        self,
        given: FileRecords,
        taken: int,
        read: Callable[[FileRecords], Generator[Chunk, None, int]],
    ) -> None:
        begin, length = given.begin + taken, given.length
        self._begin = begin
        self._left = None if length is None else length - taken
        # Of what was read to its end before there is nothing to tell.
        done = self._left == 0 and taken > 0
        self._chunks = None if done else read(given._replace(begin=begin))
        self._taken = 0
        # Records that were read, the first not yet taken, its step, and its number.
        self._records: list[bytes] = []
        self._at = self._step = self._number = 0

    def take(self, run: int, together: _Together) -> bool:
        """Take the next records of a turn, or tell that there were none: True at the end."""
        stop = self._taken + run
        if self._left is not None:
            stop = min(stop, self._left)
        before = self._taken
        while self._load(stop, together):
            count = min(stop - self._step, len(self._records) - self._at)
            records = self._records[self._at : self._at + count]
            together.add(records, self._number, self._step - before)
            self._at += count
            self._step += count
            self._number += count
        # Records that were left out as damaged have their turns all the same.
        self._taken = stop if self._left is None else min(stop, self._left)
        together.advance(self._taken - before)
        return self._taken == before and self._chunks is None

    def _load(self, stop: int, together: _Together) -> bool:
        """See that the next record is at hand; False where it does not come before ``stop``."""
        while self._at == len(self._records) and self._chunks is not None:
            if self._step >= stop > self._taken:
                # It is a matter for the next turn.
                return False
            try:
                chunk = next(self._chunks)
            except StopIteration as ended:
                self._chunks = None
                if self._left is None:
                    self._left = ended.value - self._begin
                break
            together.damages += chunk.damages
            if chunk.error is not None:
                together.error = chunk.error
            if len(chunk.steps):
                self._records, self._at = chunk.block.to_list(), 0
                self._step, self._number = int(chunk.steps[0]), int(chunk.numbers[0])
            elif chunk.error is not None:
                return False
        return self._at < len(self._records) and self._step < stop

    def close(self) -> None:
        if self._chunks is not None:
            self._chunks.close()
