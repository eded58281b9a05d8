"""Files as batches of tensors, epoch by epoch: read by TensorFlow's reader, or by ours."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.order import around
from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.example.features import FixedLenFeature, RawFeature
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.tensorflow.checks import before_each_epoch
from tfrecord_lite.tensorflow.columns import ColumnTensors
from tfrecord_lite.tensorflow.fed import feed
from tfrecord_lite.tensorflow.native import RecordRange, read_chunks, shuffled, within
from tfrecord_lite.tensorflow.parsing import parse_tensors
from tfrecord_lite.tensorflow.ranges import Landmarks, Ranges, cut
from tfrecord_lite.tensorflow.scattered import ScatteredRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tfrecord_lite._types import AnyArray, FeaturesLike
    from tfrecord_lite.dataset.batcher import Batches
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.schema import Schema
    from tfrecord_lite.dataset.settings import Settings
    from tfrecord_lite.dataset.table import Table
    from tfrecord_lite.records.compression import Codec

__all__ = ["TensorSource"]

_FIXED = (FixedLenFeature, RawFeature)
# So many records of a file come one after the other into a shuffle.
_SHUFFLED_CHUNK = 64


@dataclass
class TensorSource:
    """What is to be read; the parameters are those of `make_dataset`.

    ``cache`` is the name of the file, "" for memory, or None. ``look`` sees that the files are
    still those that were checked: each epoch that TensorFlow reads begins with it.
    """

    records: EpochRecords
    codecs: list[Codec]
    landmarks: list[Landmarks]
    schema: Schema
    features_given: FeaturesLike | None
    settings: Settings
    workers: int | None
    cache: str | None
    deterministic: bool
    on_damage: Literal["raise"] | Callable[[Damage], Any]
    look: Callable[[], None] | None = None

    @property
    def share(self) -> range | None:
        """The numbers of the records of this rank; None for all of them, as many as there are.

        From the number of all records on they stand for the first ones again.
        """
        if self.settings.world_size == 1 and not self.records.counted:
            return None
        return self.settings.share(self.records.total())

    @property
    def _in_order(self) -> range | None:
        """Those of `share` that are in a batch where none is shuffled."""
        found = self.share
        if found is None or not self.settings.drop_remainder:
            return found
        return found[: len(found) - len(found) % self.settings.batch_size]

    @property
    def batches(self) -> int | None:
        """How many batches there will be; None where that is not known, or may change."""
        return self._batches(self.settings.repeat)

    def _batches(self, repeat: int | None) -> int | None:
        if self.share is None or self.records.tolerant:
            return None
        each = self.settings.batches(len(self.share))
        if repeat is None:
            return int(tf.data.INFINITE_CARDINALITY) if each else 0
        return repeat * each

    @cached_property
    def _ranges(self) -> Ranges | None:
        """What TensorFlow reads, where it is known where the records are; of files of one codec."""
        wanted = self._in_order
        if self.settings.shuffle or wanted is None or len(set(self.codecs)) != 1:
            return None
        if wanted.stop > self.records.total():
            return None
        return cut(self.landmarks, self.records.bases, wanted, self.settings.batch_size)

    @property
    def divisible(self) -> bool:
        """Whether TensorFlow reads more than one part, so that it can share them out."""
        return self._ranges is None or len(self._ranges.rows) > 1

    def from_tensorflow(self) -> Any:
        """Read with ``TFRecordDataset``, parse with ``tf.io.parse_example`` or its like."""
        parse = partial(parse_tensors, features=self.schema.features)
        if self.settings.shuffle:
            chunks = self._chunks(_SHUFFLED_CHUNK, in_order=False)
            return self._parsed(self._shuffled(chunks.unbatch()), parse)
        repeat = self.settings.repeat if self.cache is None else 1
        if self._ranges is not None:
            data = self._ranges.read(
                self.records.files,
                self.records.sizes,
                self.codecs[0],
                self.settings.batch_size,
                parse,
                begin=partial(before_each_epoch, self.look),
                repeat=repeat,
                deterministic=self.deterministic,
            )
        else:
            chunks = self._chunks(self.settings.batch_size, in_order=self.deterministic)
            data = self._parsed(chunks.repeat(repeat), parse)
        return data if self.cache is None else data.cache(self.cache).repeat(self.settings.repeat)

    def _chunks(self, size: int, *, in_order: bool) -> Any:
        sources = [*map(RecordRange, self.records.files, self.codecs)]
        wanted = self.share if self.settings.shuffle else self._in_order
        if wanted is not None and len(wanted) != self.records.total():
            bases, parts = self.records.bases.tolist(), around(wanted, self.records.total())
            sources = [some for part in parts for some in within(sources, bases, part)]
        chunks = read_chunks(
            sources,
            size,
            in_order=in_order,
            deterministic=self.deterministic,
            order_files=self._order_files,
            files_at_once=self.settings.interleave if self.settings.shuffle else None,
            begin=partial(before_each_epoch, self.look),
        )
        if self.settings.drop_remainder and wanted is None and not self.settings.shuffle:
            chunks = chunks.rebatch(size, drop_remainder=True)
        return chunks

    def _order_files(self, files: Any) -> Any:
        """Shuffle the files, where records are shuffled by a buffer that does not hold all.

        Once all records of an epoch are in a buffer, a checkpoint holds nothing of the stages
        before it: what goes on may begin with the first order of files again. Where that need not
        be it is the same in each epoch: where the buffer holds all, or a cache is to be filled.
        """
        if self.settings.shuffle is False or self.settings.shuffle is True:
            return files
        return shuffled(
            files,
            max(len(self.records.files), 1),
            self.settings.seed,
            each_epoch=self.cache is None,
        )

    def _parsed(self, data: Any, parse: Callable[[Any], Any]) -> Any:
        return data.map(parse, tf.data.AUTOTUNE, self.deterministic)

    def _shuffled(self, records: Any) -> Any:
        """Make batches of single records, in another order each epoch."""
        if self.cache is not None:
            records = records.cache(self.cache)
        buffer = self.settings.shuffle
        if buffer is True:
            # All, as many as there are.
            buffer = tf.data.UNKNOWN_CARDINALITY if self.share is None else len(self.share) or 1
        records = shuffled(records, buffer, self.settings.seed)
        # In a thread of its own: TensorFlow's other one forgets the shuffle after a last, smaller
        # batch, and a checkpoint taken there would go on in another order.
        batches = records.batch(
            self.settings.batch_size,
            self.settings.drop_remainder,
            num_parallel_calls=1,
            deterministic=True,
        )
        return batches.repeat(self.settings.repeat)

    def from_numpy(self) -> Any:
        """Read with our own reader."""
        if self.settings.shuffle and self.cache is not None:
            scattered = ScatteredRecords(self.records, self.schema, self.on_damage)
            data = self._shuffled(scattered.read(self.share).unbatch())
            columns = ColumnTensors(self.schema.features)
            return data.map(partial(scattered.parse, columns=columns))
        repeat = self.settings.repeat if self.cache is None else 1
        loader = _TableDataset(
            self.records.set.replace(on_damage=self.on_damage),
            self.features_given,
            **{**vars(self.settings), "repeat": repeat},
            workers=self.workers,
            strict=self.schema.strict,
            # The files have been checked. But where a share begins, an index tells soonest.
            check=self.settings.world_size > 1,
        )
        columns = ColumnTensors(self.schema.features)
        # Of these TensorFlow makes batches itself.
        features = self.schema.features
        together = not isinstance(features, SequenceFeatures) and all(
            isinstance(item, _FIXED) for item in features.values()
        )
        expected = self._batches(repeat)

        def arrays() -> Generator[list[AnyArray], None, None]:
            batches = 0
            with closing(loader.tables(together=together)) as tables:
                for table in tables:
                    yield columns.arrays(table.batch())
                    batches += -(-table.rows // self.settings.batch_size)
            if expected is not None and 0 <= batches < expected:
                raise TFRecordError(
                    f"fewer than the {expected} batches that there were when the files were looked "
                    "at: they have been written to since; make the dataset again"
                )

        data = feed(arrays, columns.nothing, columns.tensors)
        if together:
            # Each has whole batches, but for the last.
            size = self.settings.batch_size
            data = data.flat_map(lambda rows: tf.data.Dataset.from_tensors(rows).rebatch(size))
        return data if self.cache is None else data.cache(self.cache).repeat(self.settings.repeat)


class _TableDataset(Dataset):
    """A `Dataset` from which tables are taken: of one batch, or of several, as each call costs."""

    def tables(self, *, together: bool) -> Batches[Table]:
        """Go through the next epoch: batch by batch, or ``together`` all that were read at once."""
        return self._iterate(lambda table: table, together=together)
