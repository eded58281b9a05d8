"""A Dataset's batches on their way to TensorFlow: several at once, since each call costs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.epochs.batcher import Place
from tfrecord_lite.dataset.epochs.loader import Dataset
from tfrecord_lite.dataset.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tfrecord_lite.dataset.epochs.part import Part
    from tfrecord_lite.errors import Damage

__all__ = ["TableDataset"]


class TableDataset(Dataset):
    """A `Dataset` from which tables are taken: of one batch, or of several."""

    def tables(self, *, together: bool) -> Generator[Table, None, None]:
        """Go through the next epoch: batch by batch, or ``together`` all that were read at once."""
        # Where an epoch was left before its end is nobody's concern here.
        begin = self._next_epoch(self._place) if self._place.begun else 0
        self._place = Place(begin, 0, begun=True)
        return self._tables(begin, together=together)

    def _tables(self, epoch: int, *, together: bool) -> Generator[Table, None, None]:
        end = (self._repeat or 1) + epoch
        with closing(self._parts(epoch, 0, end)) as parts:
            yield from _whole_batches(parts, self._batch_size, self._on_damage, together=together)


def _whole_batches(
    parts: Iterable[Part], size: int, on_damage: Callable[[Damage], Any], *, together: bool
) -> Iterator[Table]:
    """Make tables of the rows of parts: as `batches_of`, or of several batches each."""
    waiting: list[Table] = []
    rows, epoch, empty = 0, -1, False
    told: set[Damage] = set()
    for part in parts:
        if part.epoch != epoch:
            if waiting:
                yield Table.joined(waiting)
            elif empty:
                return
            waiting, rows, epoch, empty = [], 0, part.epoch, True
            told.clear()
        for damage in part.damages:
            if damage not in told:
                told.add(damage)
                on_damage(damage)
        if part.table is not None:
            begin, empty = 0, False
            while (there := part.table.rows - begin) >= size - rows:
                taken = size - rows if rows or not together else there // size * size
                waiting.append(part.table.part(begin, begin + taken))
                yield Table.joined(waiting)
                waiting, rows, begin = [], 0, begin + taken
            if there:
                waiting.append(part.table.part(begin, part.table.rows))
                rows += there
        if part.error is not None:
            raise part.error
    if waiting:
        yield Table.joined(waiting)
