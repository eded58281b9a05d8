"""Grain: Examples by number as a data source, and batches of columns as a grain dataset.

It needs the extra: ``pip install 'tfrecord-lite-np[grain]'``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

if find_spec("grain") is None:
    raise ImportError("tfrecord_lite.grain needs grain: pip install 'tfrecord-lite-np[grain]'")

import grain

from tfrecord_lite.dataset.damage_report import DamageReport, reported
from tfrecord_lite.dataset.in_turns import BatchesInTurns
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.rows import ExampleRows, as_index
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from tfrecord_lite import RecordSet
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Paths, Verify
    from tfrecord_lite.dataset.order import Even
    from tfrecord_lite.example.columns import Column
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.example.sequence_features import SequenceFeatures

__all__ = ["DataSource", "IterDataset"]


class DataSource(ExampleRows):
    """The Examples of files by number, for ``grain.MapDataset.source`` and ``grain.DataLoader``.

    ``source[i]`` is what `parse_single_example` gives for a record: a dict of arrays and scalars of
    NumPy, bytes as they are. ``_getitems`` is grain's way to ask for many at once: they are read
    and decoded together. Grain's ``batch`` asks one by one all the same, so a pipeline is many
    times as fast that shuffles and batches numbers, and reads each batch of them as columns::

        numbers = grain.MapDataset.range(len(source)).shuffle(seed=0).batch(256)
        for batch in numbers.map(source.read): ...

    ``paths`` and the options are those of `RecordSet`, ``features`` and ``strict`` those of
    `Dataset`. For plain files and blocked gzip. It is safe from several threads, and can be
    pickled. Damage raises, naming file, record and offset. For records as bytes a `RecordSet` is
    a source as it stands.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> source = DataSource(path)
    >>> sorted(int(row["label"]) for row in grain.MapDataset.source(source).shuffle(seed=1))
    [0, 1, 2, 3, 4]
    >>> source.read([4, 2])
    {'label': array([4, 2])}
    """

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self._getitems([as_index(number, self)])[0]

    def _getitems(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        return self._rows(numbers)

    def read(self, numbers: Sequence[int]) -> dict[str, Column]:
        """Return what `parse_example` gives for these records, in the order asked."""
        return self._columns(numbers)


class IterDataset(grain.IterDataset):  # type: ignore[misc]
    """Batches of Examples as a ``grain.IterDataset``, with `Dataset`'s speed, order and states.

    Elements are what `Dataset` gives: dicts of columns, or what ``map`` makes of them. All options
    that have the name of one of its parameters mean the same. An iterator goes through ``repeat``
    epochs, None for no end, each in another order, and as every iterator of grain it begins again:
    with epoch 0, or that of `set_epoch`.

    ``get_state`` and ``set_state`` are exact. A state goes on with other ``workers``, which are
    processes of ours, and by the rules of `Dataset` with another ``world_size``. ``mp_prefetch`` of
    grain works too: each of its workers reads, decodes and maps every so many-th batch, and the
    order is that of none; grain's checkpoints want as many of them, and of ranks, again.

    ``on_damage`` is "raise", or "report" with ``report``, the path of a file to which each region
    that is left out is appended as a line of JSON.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> data = IterDataset(path, batch_size=2, shuffle=True, repeat=None)
    >>> batches = iter(data.map(lambda batch: batch["label"].tolist()))
    >>> [next(batches) for _ in range(6)]
    [[1, 2], [4, 3], [0], [0, 2], [4, 3], [1]]
    """

    def __init__(
        self,
        paths: Paths | RecordSet,
        features: FeaturesLike | None = None,
        *,
        batch_size: int,
        shuffle: bool | int = False,
        interleave: int = 16,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        even: Even = None,
        repeat: int | None = 1,
        workers: int | None = 0,
        map: Callable[..., Any] | None = None,  # noqa: A002 - what tf.data calls it
        timeout: float | None = None,
        drop_remainder: bool = False,
        strict: bool = True,
        check: bool = True,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        on_damage: Literal["raise", "report"] = "raise",
        report: str | os.PathLike[str] | None = None,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        records = reported(
            paths,
            on_damage,
            DamageReport(report),
            wants_path=True,
            compression=compression,
            verify=verify,
            max_record_bytes=max_record_bytes,
        )
        self._repeat = repeat if repeat is None else at_least(1, repeat=repeat)
        self._epoch = 0
        self._turn, self._turns = 0, 1
        self._batches_of = Dataset(
            records,
            features,
            batch_size=batch_size,
            shuffle=shuffle,
            interleave=interleave,
            seed=seed,
            rank=rank,
            world_size=world_size,
            even=even,
            workers=workers,
            map=map,
            timeout=timeout,
            drop_remainder=drop_remainder,
            strict=strict,
            check=check,
        )

    @property
    def features(self) -> Mapping[str, FeatureSpec] | SequenceFeatures:
        """The features, as given or as found."""
        return self._batches_of.features

    def set_epoch(self, epoch: int) -> None:
        """Have iterators that are made from now on begin with an epoch, counted from 0."""
        self._epoch = at_least(0, epoch=epoch)

    def set_slice(self, sl: slice, sequential_slice: bool = False) -> None:
        """Give a part of the batches alone: what grain calls in each of its workers."""
        if sequential_slice:
            raise ValueError("sequential_slice=True is for grain.MapDataset; leave it out")
        self._turn, self._turns = sl.start, sl.step

    def __iter__(self) -> _Iterator:
        batches = BatchesInTurns(
            self._batches_of, self._turn, self._turns, epoch=self._epoch, repeat=self._repeat
        )
        return _Iterator(batches)

    def __str__(self) -> str:
        return f"IterDataset({self._batches_of!r})"


class _Iterator(grain.DatasetIterator):  # type: ignore[misc]
    """Grain's kind of iterator over batches."""

    def __init__(self, batches: BatchesInTurns) -> None:
        super().__init__()
        self._batches = batches

    def __next__(self) -> Any:
        self._assert_not_closed()
        return next(self._batches)

    def get_state(self) -> dict[str, Any]:
        """Return where this iterator stands, as a small dict that JSON can hold."""
        return self._batches.state_dict()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken, as `Dataset.load_state_dict`."""
        self._batches.load_state_dict(state)

    def close(self) -> None:
        """End what reads; there are no more batches."""
        super().close()
        self._batches.close()
