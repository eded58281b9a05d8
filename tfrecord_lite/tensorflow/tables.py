"""A Dataset's batches on their way to TensorFlow: several at once, since each call costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecord_lite.dataset.loader import Dataset

if TYPE_CHECKING:
    from tfrecord_lite.dataset.batcher import Batches
    from tfrecord_lite.dataset.table import Table

__all__ = ["TableDataset"]


class TableDataset(Dataset):
    """A `Dataset` from which tables are taken: of one batch, or of several."""

    def tables(self, *, together: bool) -> Batches[Table]:
        """Go through the next epoch: batch by batch, or ``together`` all that were read at once."""
        return self._iterate(lambda table: table, together=together)
