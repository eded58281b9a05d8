"""Chunks cut where batches end: for work on whole batches, and for some batches alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from tfrecord_lite._types import Int64Array

__all__ = ["Turns", "whole_batches"]


class Turns:
    """Every so many-th batch: those with numbers ``turn``, ``turn + turns`` and so on.

    Where records are left out as damaged, a batch is what is left of its records.
    """

    def __init__(self, turn: int, turns: int, batch_size: int) -> None:
        self.turn = turn
        self.turns = turns
        self._batch_size = batch_size

    def within(self, turn: int, turns: int) -> Turns:
        """Return every so many-th of these batches."""
        return Turns(self.turn + turn * self.turns, self.turns * turns, self._batch_size)

    def of_steps(self, steps: Int64Array) -> Int64Array:
        """Return those of the steps that are in one of these batches."""
        ours = steps // self._batch_size % self.turns == self.turn
        return cast("Int64Array", steps[ours])

    def of(self, chunks: Iterable[Chunk]) -> Generator[Chunk, None, None]:
        """Yield what is in these batches; damage is that of all."""
        for chunk in chunks:
            if chunk.damages:
                yield _nothing(chunk._replace(error=None))
            batches = chunk.steps // self._batch_size
            cuts = [0, *(np.flatnonzero(np.diff(batches)) + 1).tolist(), len(batches)]
            for begin, end in pairwise(cuts):
                if begin < end and batches[begin] % self.turns == self.turn:
                    yield _rows(chunk, begin, end)
            if chunk.error is not None:
                yield _nothing(chunk._replace(damages=[]))


def whole_batches(
    chunks: Iterable[Chunk], batch_size: int, *, aligned: bool, drop_remainder: bool
) -> Generator[Chunk, None, None]:
    """Yield a chunk for each batch; those without rows tell of damage, or of an error.

    A batch is the next ``batch_size`` records; or, where ``aligned``, what there is of those whose
    steps are from one multiple of it to before the next.
    """
    waiting: list[Chunk] = []
    rows = 0
    for chunk in chunks:
        if chunk.damages:
            yield _nothing(chunk._replace(error=None))
        begin, count = 0, len(chunk.steps)
        while begin < count:
            if aligned:
                if (
                    waiting
                    and chunk.steps[begin] // batch_size != waiting[0].steps[0] // batch_size
                ):
                    yield _joined(waiting)
                    waiting, rows = [], 0
                stop = (int(chunk.steps[begin]) // batch_size + 1) * batch_size
                end = int(np.searchsorted(chunk.steps, stop))
                full = chunk.steps[end - 1] == stop - 1
            else:
                end = min(begin + batch_size - rows, count)
                full = rows + end - begin == batch_size
            waiting.append(_rows(chunk, begin, end))
            rows += end - begin
            begin = end
            if full:
                yield _joined(waiting)
                waiting, rows = [], 0
        if chunk.error is not None:
            yield _nothing(chunk._replace(damages=[]))
            return
    if waiting and not (drop_remainder and rows < batch_size):
        yield _joined(waiting)


def _rows(chunk: Chunk, begin: int, end: int) -> Chunk:
    if begin == 0 and end == len(chunk.steps):
        return chunk._replace(damages=[], error=None)
    return Chunk(chunk.block[begin:end], chunk.numbers[begin:end], chunk.steps[begin:end], [])


def _nothing(chunk: Chunk) -> Chunk:
    return Chunk(chunk.block[:0], chunk.numbers[:0], chunk.steps[:0], chunk.damages, chunk.error)


def _joined(chunks: list[Chunk]) -> Chunk:
    if len(chunks) == 1:
        return chunks[0]
    records = [record for chunk in chunks for record in chunk.block.to_list()]
    numbers, steps = (np.concatenate([part[which] for part in chunks]) for which in (1, 2))
    return Chunk(RecordBlock.from_records(records), numbers, steps, [])
