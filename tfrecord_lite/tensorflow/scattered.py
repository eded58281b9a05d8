"""Records read by us, kept and shuffled by TensorFlow, and parsed by us again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.dataset.chunk_reader import ChunkReader, Task
from tfrecord_lite.dataset.order import around
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.tensorflow.calls import ends_with_python
from tfrecord_lite.tensorflow.fed import dtypes_of, feed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import numpy.typing as npt

    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.schema import Schema
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.tensorflow.columns import ColumnTensors

__all__ = ["ScatteredRecords"]


class ScatteredRecords:
    """Records each with its number, by which an error can tell where it comes from."""

    def __init__(
        self,
        records: EpochRecords,
        schema: Schema,
        on_damage: Literal["raise"] | Callable[[Damage], Any],
    ) -> None:
        self._records = records
        self._on_damage = on_damage
        self._reader = ChunkReader(records, schema)

    def read(self, share: range | None) -> Any:
        """Return a dataset of chunks: serialized records, string ``[n]``, and numbers ``[n]``."""
        return feed(
            lambda: self._chunks(share), [np.empty(0, object), np.empty(0, np.int64)], _chunk
        )

    def _chunks(self, share: range | None) -> Generator[list[npt.NDArray[Any]], None, None]:
        self._records.look_again()
        for begin, end in self._parts(share):
            with closing(self._records.stream(begin, end)) as chunks:
                for chunk in chunks:
                    for damage in chunk.damages:
                        assert callable(self._on_damage)
                        self._on_damage(damage)
                    yield [np.array(chunk.block.to_list(), object), chunk.numbers]
                    if chunk.error is not None:
                        raise chunk.error

    def _parts(self, share: range | None) -> list[tuple[int, int | None]]:
        """Return where to begin and end; after the last record comes the first."""
        if share is None:
            return [(0, None)]
        # Of no records there may be damage to tell of all the same.
        parts = around(share, self._records.total()) or [share]
        return [(part.start, part.stop) for part in parts]

    def parse(self, serialized: Any, numbers: Any, columns: ColumnTensors) -> dict[str, Any]:
        """Parse a batch of records, in a graph."""

        @ends_with_python
        def step(serialized: npt.NDArray[Any], numbers: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
            block = RecordBlock.from_records(serialized.tolist())
            part = self._reader.decode(Task(0, Chunk(block, numbers, numbers, [])))
            if part.error is not None:
                raise part.error
            assert part.table is not None
            return columns.arrays(part.table.batch())

        parts = tf.numpy_function(step, [serialized, numbers], dtypes_of(columns.nothing))
        return columns.tensors(iter(parts))


def _chunk(parts: Iterator[Any]) -> tuple[Any, Any]:
    serialized, numbers = parts
    serialized.set_shape((None,))
    numbers.set_shape((None,))
    return serialized, numbers
