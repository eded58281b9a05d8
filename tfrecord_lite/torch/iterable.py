"""IterableDataset: batches of tensors for torch's own DataLoader, and for StatefulDataLoader."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal

from torch.utils.data import IterableDataset as TorchIterableDataset
from torch.utils.data import get_worker_info

from tfrecord_lite.dataset.damage_report import reported
from tfrecord_lite.dataset.in_turns import BatchesInTurns
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.torch.epochs import Epochs
from tfrecord_lite.torch.packed import PackedBatch
from tfrecord_lite.torch.ranks import Auto, find_ranks
from tfrecord_lite.torch.report import SharedReport
from tfrecord_lite.torch.tensors import RaggedForm, check_ragged, to_tensors

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from tfrecord_lite import RecordSet
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Paths, Verify
    from tfrecord_lite.dataset.order import Even
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.example.sequence_features import SequenceFeatures

__all__ = ["IterableDataset"]


class IterableDataset(TorchIterableDataset):  # type: ignore[misc]
    """Batches of Examples for ``torch.utils.data.DataLoader``, with ``batch_size=None`` there.

    Whatever ``num_workers``, the batches are those of ``num_workers=0``, in their order: each
    worker reads, decodes and maps every so many-th batch. Ranks and all options that have the name
    of one of its parameters are those of `make_loader`. Each iteration is the next epoch, with
    workers that stay (``persistent_workers``) and with others, however they are started;
    `set_epoch` says which is the next. ``len()`` is the number of batches of an epoch.

    torchdata's StatefulDataLoader saves and goes on at the very next batch; it wants the same
    ``num_workers`` again, and the options of the order must be the same: with workers
    ``world_size`` too, as none of them knows how far the others are.

    ``on_damage`` is "raise" or "report": then `damage` counts what was left out, and ``report`` is
    the path of a file to which each region is appended as a line of JSON, once an epoch.

    With small records `make_loader` is faster: tensors of a DataLoader's workers cost more on their
    way than arrays of ours.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> from torch.utils.data import DataLoader
    >>> data = IterableDataset(path, batch_size=2, shuffle=True)
    >>> loader = DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context="fork")
    >>> for epoch in range(2):
    ...     print([batch["label"].tolist() for batch in loader])
    [[1, 2], [4, 3], [0]]
    [[0, 2], [4, 3], [1]]
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
        rank: int | Auto = "auto",
        world_size: int | Auto = "auto",
        even: Even = None,
        map: Callable[..., Any] | None = None,  # noqa: A002 - what tf.data calls it
        drop_remainder: bool = False,
        ragged: RaggedForm = "offsets",
        strict: bool = True,
        check: bool = True,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        on_damage: Literal["raise", "report"] = "raise",
        report: str | os.PathLike[str] | None = None,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        check_ragged(ragged)
        self._ragged = ragged
        self._ranks = find_ranks(rank, world_size)
        self._report = SharedReport(report)
        records = reported(
            paths,
            on_damage,
            self._report,
            compression=compression,
            verify=verify,
            max_record_bytes=max_record_bytes,
        )
        self._dataset = Dataset(
            records,
            features,
            batch_size=batch_size,
            shuffle=shuffle,
            interleave=interleave,
            seed=seed,
            rank=self._ranks.rank,
            world_size=self._ranks.world_size,
            even=even,
            map=map,
            drop_remainder=drop_remainder,
            strict=strict,
            check=check,
        )
        self._epochs = Epochs()
        self._iterations = 0

    @property
    def features(self) -> Mapping[str, FeatureSpec] | SequenceFeatures:
        """The features, as given or as found."""
        return self._dataset.features

    @property
    def damage(self) -> tuple[int, int]:
        """How many regions were left out as damaged, and of how many bytes, in all epochs."""
        return self._report.counts

    def __len__(self) -> int:
        return len(self._dataset)

    def set_epoch(self, epoch: int) -> None:
        """Have the next iteration be that of an epoch, counted from 0, in all workers.

        It is called in the process of the DataLoader, before ``iter()``.
        """
        self._epochs.set(at_least(0, epoch=epoch))

    def __iter__(self) -> Turns:
        self._ranks.check()
        info = get_worker_info()
        which = None if info is None else (info.id, info.num_workers)
        if info is None:
            epoch = self._epochs.begin()
        else:
            # All workers of a DataLoader's iterator have this seed, but for their numbers.
            key = hash((info.seed - info.id, info.num_workers, self._iterations))
            self._iterations += 1
            epoch = self._epochs.begin(info.id, key)
        self._report.epoch = epoch
        return Turns(self._dataset, self._epochs, which, epoch, self._ragged)

    def __copy__(self) -> Self:
        # As of a dataset: what this one begins is no epoch of a copy.
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__, _epochs=deepcopy(self._epochs))
        return copied

    def __repr__(self) -> str:
        return f"<IterableDataset of {self._dataset!r}>"


class Turns(BatchesInTurns):
    """An iterator over the batches of an epoch that are a worker's, which torchdata can save."""

    def __init__(
        self,
        dataset: Dataset,
        epochs: Epochs,
        which: tuple[int, int] | None,
        epoch: int,
        ragged: RaggedForm,
    ) -> None:
        super().__init__(dataset, *(which or (0, 1)), epoch=epoch)
        self._epochs = epochs
        self._worker = None if which is None else which[0]
        self._ragged = ragged

    def __next__(self) -> Any:
        batch = to_tensors(super().__next__(), self._ragged)
        return PackedBatch(batch) if self._worker is not None and type(batch) is dict else batch

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken; the iteration after this one is the epoch after its own.

        Raises ``ValueError`` for a state of another number of workers, of other files, or of
        settings with which other records would follow; of another ``world_size``, with workers.
        """
        super().load_state_dict(state)
        self._epochs.replace(self._worker, self.epoch)
