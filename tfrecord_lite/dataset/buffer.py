"""The records in the buffer of a shuffle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.order import BufferShuffle

__all__ = ["RecordBuffer"]


class RecordBuffer:
    """Gives chunks for chunks: what arrives drives others out, as a `BufferShuffle` says.

    The numbers that are shuffled are the steps of the chunks that arrive; ``numbers`` tells which
    records these are. Where the shuffle was advanced before, by numbers alone, the chunks come from
    the step ``begin`` on: there is the first record that has not left yet.
    """

    def __init__(self, shuffle: BufferShuffle, numbers: Callable[[Int64Array], Int64Array]) -> None:
        self._shuffle = shuffle
        self._numbers = numbers
        self._records: dict[int, bytes] = {}
        self._awaited = set(shuffle.held.tolist())
        self._step = shuffle.arrived - len(self._awaited)
        self._rows = 1
        self.begin = min(self._awaited, default=shuffle.arrived)

    def exchange(self, chunk: Chunk) -> Chunk:
        """Take in the records of a chunk, and return those that leave for them."""
        arrived = self._shuffle.arrived
        arriving = zip(chunk.steps.tolist(), chunk.block.to_list(), strict=True)
        end = int(chunk.steps[-1]) + 1 if len(chunk.steps) else 0
        if end and chunk.steps[0] < arrived:
            self._records.update(
                (step, record)
                for step, record in arriving
                if step >= arrived or step in self._awaited
            )
        else:
            self._records.update(arriving)
        self._rows = max(self._rows, len(chunk.steps))
        leaving = self._leave(self._shuffle.push(max(end - arrived, 0)))
        return leaving._replace(damages=chunk.damages, error=chunk.error)

    def rest(self, first: int, total: int | None) -> Iterator[Chunk]:
        """Return what is left, from the step ``first`` on, once all have arrived.

        Where their ``total`` is known, those that did not come at the end were left out too.
        """
        leaving = self._shuffle.finish(total)
        late = max(first - self._step, 0)
        self._step += late
        for begin in range(late, len(leaving), self._rows):
            yield self._leave(leaving[begin : begin + self._rows])

    def _leave(self, leaving: Int64Array) -> Chunk:
        records = [self._records.pop(number, None) for number in leaving.tolist()]
        steps = np.arange(self._step, self._step + len(leaving))
        self._step += len(leaving)
        there = [record for record in records if record is not None]
        if len(there) < len(records):
            # Records that were left out as damaged have their turns all the same.
            kept = [row for row, record in enumerate(records) if record is not None]
            leaving, steps = leaving[kept], steps[kept]
        return Chunk(RecordBlock.from_records(there), self._numbers(leaving), steps, [])
