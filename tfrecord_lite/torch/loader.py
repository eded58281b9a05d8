"""make_loader: batches of tensors, read and decoded by our own worker processes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch

from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.wrapped import WrappedDataset
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.torch.ranks import Auto, Ranks, find_ranks
from tfrecord_lite.torch.tensors import RaggedForm, check_ragged, pinned, to_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from tfrecord_lite import RecordSet
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.dataset.batcher import Batches
    from tfrecord_lite.dataset.order import Even

__all__ = ["Loader", "make_loader"]


def make_loader(
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
    repeat: int | None = 1,
    workers: int | None = 0,
    map: Callable[..., Any] | None = None,  # noqa: A002 - what tf.data calls it
    timeout: float | None = None,
    drop_remainder: bool = False,
    pin_memory: bool | Literal["auto"] = "auto",
    ragged: RaggedForm = "offsets",
    strict: bool = True,
    check: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Loader:
    """Return an iterable of the batches of Examples: dicts of tensors, by feature.

    It is a `Dataset`, and all options that have the name of one of its parameters mean the same:
    ``workers`` processes of ours read, decode and ``map`` (no DataLoader is needed), each
    ``iter()`` is the next epoch, and ``state_dict`` is exact. ``len``, ``set_epoch``,
    ``load_state_dict`` and ``close`` are those of `Dataset` too.

    Tensors share memory with the arrays that were decoded; columns of bytes are lists. A column of
    rows of different lengths is, with ``ragged="offsets"``, a pair ``(values, offsets)``, or with
    "nested" a nested tensor of the jagged layout (of bytes it is a pair always). What ``map``
    returns is converted likewise: dicts, lists and tuples of arrays too.

    ``rank`` and ``world_size`` are those of torch.distributed, where that is initialised, or 0 and
    1; ``even="drop"`` or ``"pad"`` gives all ranks as many batches. With ``pin_memory`` tensors are
    in pinned memory, "auto" where there is a GPU.

    Raises what `Dataset` raises, and ``RuntimeError`` at ``iter()`` where torch.distributed was
    initialised after the loader was made.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> loader = make_loader(path, batch_size=2, shuffle=True)
    >>> for epoch in range(2):
    ...     print([batch["label"].tolist() for batch in loader])
    [[1, 2], [4, 3], [0]]
    [[0, 2], [4, 3], [1]]
    """
    check_ragged(ragged)
    if pin_memory not in (True, False, "auto"):
        raise ValueError(f"pin_memory={pin_memory!r}; choose True, False or 'auto'")
    ranks = find_ranks(rank, world_size)
    dataset = Dataset(
        paths,
        features,
        batch_size=batch_size,
        shuffle=shuffle,
        interleave=interleave,
        seed=seed,
        rank=ranks.rank,
        world_size=ranks.world_size,
        even=even,
        repeat=repeat,
        workers=workers,
        map=map,
        timeout=timeout,
        drop_remainder=drop_remainder,
        strict=strict,
        check=check,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    pin = torch.cuda.is_available() if pin_memory == "auto" else pin_memory
    return Loader(dataset, ranks, ragged=ragged, pin_memory=pin)


class Loader(WrappedDataset):
    """A `Dataset` whose batches are of tensors: what `make_loader` returns.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> loader = make_loader(path, batch_size=2)
    >>> len(loader), next(iter(loader))
    (3, {'label': tensor([0, 1])})
    """

    def __init__(
        self, dataset: Dataset, ranks: Ranks, *, ragged: RaggedForm, pin_memory: bool
    ) -> None:
        super().__init__(dataset)
        self._ranks = ranks
        self._ragged = ragged
        self._pin_memory = pin_memory

    def __iter__(self) -> TensorBatches:
        self._ranks.check()
        return TensorBatches(self._dataset, self._tensors)

    def _tensors(self, batch: Any) -> Any:
        tensors = to_tensors(batch, self._ragged)
        return pinned(tensors) if self._pin_memory else tensors


class TensorBatches:
    """An iterator over batches of tensors, which begins with its first batch."""

    def __init__(self, dataset: Dataset, convert: Callable[[Any], Any]) -> None:
        self._dataset = dataset
        self._convert = convert

    @cached_property
    def _batches(self) -> Batches[Any]:
        # Trainers look whether iter() can be called: that is no epoch yet.
        return iter(self._dataset)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._convert(next(self._batches))

    def close(self) -> None:
        """End what reads; there are no more batches."""
        self._batches.close()
