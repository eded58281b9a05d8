"""A Dataset's batches on their way to TensorFlow: several at once, since each call costs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tfrecord_lite.dataset.epochs.batcher import Place, tables_of
from tfrecord_lite.dataset.epochs.loader import Dataset

if TYPE_CHECKING:
    from collections.abc import Generator

    from tfrecord_lite.dataset.table import Table

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
            yield from tables_of(
                parts,
                self._batch_size,
                Place(epoch, 0),
                drop_remainder=False,
                on_damage=self._on_damage,
                together=together,
            )
