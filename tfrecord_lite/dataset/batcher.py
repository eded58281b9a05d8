"""Chunks of epochs in, batches out; and where the last batch ended."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from tfrecord_lite.dataset.table import Table
from tfrecord_lite.records.iterating import OneThread
from tfrecord_lite.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from typing_extensions import Self

    from tfrecord_lite.dataset.chunk_reader import DecodedChunk
    from tfrecord_lite.errors import Damage

__all__ = ["Batches", "Cursor", "Position", "Tables"]

T = TypeVar("T")


class Position(NamedTuple):
    """So many steps of an epoch have been returned.

    Where it has not ``begun``, it is where the next iterator will begin. A ``fresh`` one is where
    an iterator began that has returned nothing yet.
    """

    epoch: int
    step: int
    begun: bool = False
    fresh: bool = False


class Cursor:
    """Where an iterator stands: a `Position`, replaced as a whole."""

    def __init__(self, position: Position) -> None:
        self._position = position

    @property
    def position(self) -> Position:
        """Up to where batches have been returned."""
        return self._position

    def move_to(self, position: Position) -> None:
        """Go on from another position."""
        self._position = position


class Tables:
    """Makes a table for each batch, from any position on.

    ``chunks`` reads epochs: from a step of an epoch on, to before the first step of another.
    ``end`` tells from an epoch which that is. Damage is told once an epoch, before what lies after
    it. No table has rows of two epochs. With ``together`` one may have the rows of several batches,
    those that one chunk is enough for. Where it ``goes_on``, the next epoch begins if there is no
    batch left of the one to go on with.
    """

    def __init__(
        self,
        cursor: Cursor,
        chunks: Callable[[int, int, int], Generator[DecodedChunk, None, None]],
        end: Callable[[int], int],
        size: int,
        *,
        drop_remainder: bool,
        on_damage: Callable[[Damage], Any],
        together: bool = False,
        goes_on: bool = True,
    ) -> None:
        self._goes_on = goes_on
        self.cursor = cursor
        self.finished = False
        """Whether there will be no more tables."""
        self._chunks = chunks
        self._end = end
        self.size = size
        self._drop_remainder = drop_remainder
        self._on_damage = on_damage
        self._together = together
        self._reported: set[tuple[int, Damage]] = set()

    def tables(self, position: Position) -> _Tables:
        """Yield tables from a position on, each with the position after it."""
        while not self.finished:
            yield from self._epochs(position.epoch, position.step)
            # If it was resumed with no batch left, the next epoch begins.
            resumed = (
                self._goes_on
                and position.step > 0
                and self.cursor.position is position
                and position.fresh
            )
            position = Position(self._end(position.epoch), 0, begun=resumed)
            self.finished = not resumed
            self.cursor.move_to(position)

    def _epochs(self, epoch: int, step: int) -> _Tables:
        """Yield tables up to the epoch where the iterator ends.

        An epoch that has no batch from its beginning on is the last: there will never be one.
        """
        waiting: list[Table] = []
        rows = 0
        empty = step == 0
        size = self.size
        with closing(self._chunks(epoch, step, self._end(epoch))) as chunks:
            for chunk in chunks:
                if chunk.epoch != epoch:
                    if waiting and not self._drop_remainder:
                        yield Table.joined(waiting), Position(epoch, step, begun=True)
                        empty = False
                    if empty:
                        return
                    waiting, rows, empty = [], 0, True
                    self._reported = {one for one in self._reported if one[0] >= epoch}
                    epoch = chunk.epoch
                for damage in chunk.damages:
                    self._tell(epoch, damage)
                if chunk.whole and chunk.table is not None and chunk.table.rows:
                    step = int(chunk.steps[-1]) + 1
                    yield chunk.table, Position(epoch, step, begun=True)
                    empty = False
                elif chunk.table is not None:
                    begin = 0
                    while (there := chunk.table.rows - begin) >= size - rows:
                        several = self._together and not rows
                        end = begin + (there // size * size if several else size - rows)
                        waiting.append(chunk.table.part(begin, end))
                        step = int(chunk.steps[end - 1]) + 1
                        yield Table.joined(waiting), Position(epoch, step, begun=True)
                        waiting, rows, begin, empty = [], 0, end, False
                    if there:
                        waiting.append(chunk.table.part(begin, chunk.table.rows))
                        rows += there
                        step = int(chunk.steps[-1]) + 1
                if chunk.error is not None:
                    try:
                        raise chunk.error
                    finally:
                        # Its traceback has this frame: neither is to keep the other.
                        del chunk
        if waiting and not self._drop_remainder:
            yield Table.joined(waiting), Position(epoch, step, begun=True)

    def _tell(self, epoch: int, damage: Damage) -> None:
        if (epoch, damage) not in self._reported:
            try:
                self._on_damage(damage)
            finally:
                self._reported.add((epoch, damage))


class Batches(Generic[T]):
    """An iterator over what ``finish`` makes of tables.

    The cursor alone says how far the iterator is: after an exception, whatever it is and wherever
    it comes from, all that reads is made again, and begins there.

    Not for two threads at once, nor for a forked child: both raise ``RuntimeError``.
    """

    def __init__(self, tables: Tables, finish: Callable[[Table], T]) -> None:
        self._tables = tables
        self._cursor = tables.cursor
        self._finish = finish
        self._process = os.getpid()
        self._one_thread = OneThread("this iterator over batches")
        # What reads, and the position for which it has the next table; of no use at another.
        # It knows nothing of this iterator: whoever forgets that ends it, here and now.
        self._reading: tuple[_Tables, Position] | None = None

    def __iter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<iterator over batches of {plural(self._tables.size, 'record')}>"

    def __next__(self) -> T:
        if os.getpid() != self._process:
            raise RuntimeError(
                f"this iterator over batches is that of process {self._process}, from which this "
                "one was forked; make one here, with iter()"
            )
        self._one_thread.enter()
        try:
            reading, before = self._reading, self._cursor.position
            # Until the next table is at hand nothing is certain.
            self._reading = None
            if reading is None or reading[1] is not before:
                reading = self._tables.tables(before), before
            result, position = self._take(reading[0])
            self._reading = reading[0], position
        except BaseException:
            self._one_thread.leave()
            raise
        # What comes before this is done again after an exception.
        self._cursor.move_to(position)
        return self._one_thread.leave() or result

    def _take(self, tables: _Tables) -> tuple[T, Position]:
        """Return the next batch, and the position after it."""
        try:
            table, position = next(tables)
            return self._finish(table), position
        except BaseException:
            tables.close()
            raise

    def close(self) -> None:
        """End what reads; there are no more batches."""
        self._tables.finished = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading[0].close()


if TYPE_CHECKING:
    _Tables = Generator[tuple[Table, Position], None, None]
