"""JAX: batches of Examples on devices, placed by a sharding, some of them ahead of their use.

It needs the extra: ``pip install 'tfrecord-lite-np[jax]'``.
"""

from __future__ import annotations

from collections import deque
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if find_spec("jax") is None:
    raise ImportError("tfrecord_lite.jax needs JAX: pip install 'tfrecord-lite-np[jax]'")

import jax
import numpy as np

from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.wrapped import WrappedDataset, each_item
from tfrecord_lite.example.ragged import Ragged, Sparse
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from tfrecord_lite import RecordSet
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.dataset.batcher import Batches
    from tfrecord_lite.dataset.order import Even

__all__ = ["Loader", "Offsets", "make_loader"]

Auto: TypeAlias = Literal["auto"]


class Offsets(NamedTuple):
    """Rows of different lengths; row i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: Any
    offsets: Any


def make_loader(
    paths: Paths | RecordSet,
    features: FeaturesLike | None = None,
    *,
    batch_size: int,
    sharding: jax.sharding.Sharding | None = None,
    prefetch: int = 2,
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
    strict: bool = True,
    check: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Loader:
    """Return an iterable of the batches of Examples: dicts of JAX's arrays, by feature.

    It is a `Dataset`, and all options that have the name of one of its parameters mean the same;
    so do ``len``, ``set_epoch``, ``state_dict``, ``load_state_dict`` and ``close``. Each ``iter()``
    is the next epoch. ``prefetch`` batches are on their way to the devices while one is used;
    ``state_dict`` tells of those returned alone.

    Arrays are placed by ``sharding``, or on the default device. With several processes
    (``jax.distributed``) ``rank`` and ``world_size`` are those of JAX, and the batches of all are
    the parts of one global array, along the first dimension: there ``batch_size`` is that of a
    process, and ``drop_remainder`` and ``even`` keep all parts of one size. Columns of bytes stay
    arrays of NumPy. Rows of different lengths are a pair ``(values, offsets)`` on the default
    device, where the arrays of a `SparseFeature` are, too. What ``map`` returns is placed likewise:
    dicts, lists and tuples of arrays and NumPy's scalars too.

    JAX has no 64 bits unless ``jax_enable_x64`` is set: integers beyond 32 are an
    ``OverflowError`` rather than other numbers. Else it raises what `Dataset` raises, and
    ``ValueError`` for a batch whose rows cannot be shared out by ``sharding``.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> loader = make_loader(path, batch_size=2, shuffle=True)
    >>> for epoch in range(2):
    ...     print([batch["label"].tolist() for batch in loader])
    [[1, 2], [4, 3], [0]]
    [[0, 2], [4, 3], [1]]
    """
    prefetch = at_least(0, prefetch=prefetch)
    if sharding is not None and not isinstance(sharding, jax.sharding.Sharding):
        raise TypeError(
            f"sharding={sharding!r} must be a jax.sharding.Sharding, as NamedSharding(mesh, "
            "PartitionSpec(...)) and SingleDeviceSharding(device) make it, or None"
        )
    if (rank == "auto") != (world_size == "auto"):
        raise ValueError(
            f"rank={rank!r} and world_size={world_size!r}: pass both, or neither for those of JAX"
        )
    dataset = Dataset(
        paths,
        features,
        batch_size=batch_size,
        shuffle=shuffle,
        interleave=interleave,
        seed=seed,
        rank=jax.process_index() if rank == "auto" else rank,
        world_size=jax.process_count() if world_size == "auto" else world_size,
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
    return Loader(dataset, sharding, prefetch, endless=repeat is None)


class Loader(WrappedDataset):
    """A `Dataset` whose batches are on devices: what `make_loader` returns.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> loader = make_loader(path, batch_size=2)
    >>> len(loader), next(iter(loader))["label"]
    (3, Array([0, 1], dtype=int32))
    """

    def __init__(
        self,
        dataset: Dataset,
        sharding: jax.sharding.Sharding | None,
        prefetch: int,
        *,
        endless: bool = False,
    ) -> None:
        super().__init__(dataset)
        self._sharding = sharding
        self._prefetch = prefetch
        self._endless = endless
        self._newest = _Newest()

    def __iter__(self) -> DeviceBatches:
        return DeviceBatches(
            self._dataset, self._sharding, self._prefetch, self._newest, endless=self._endless
        )

    def set_epoch(self, epoch: int) -> None:
        """Have the next ``iter()`` be that of an epoch, as `Dataset.set_epoch`."""
        super().set_epoch(epoch)
        self._newest.is_of(None)

    def state_dict(self) -> dict[str, Any]:
        """Return where the newest iterator stands, as `Dataset.state_dict`.

        It is the newest of those that have been asked for a batch.
        """
        state = self._newest.state
        return super().state_dict() if state is None else state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next ``iter()`` go on where a state was taken, as `Dataset.load_state_dict`."""
        super().load_state_dict(state)
        self._newest.is_of(None)

    def __getstate__(self) -> dict[str, Any]:
        newest = _Newest()
        newest.is_of(None, self._newest.state)
        return {**super().__getstate__(), "_newest": newest}


class _Newest:
    """Where the iterator stands that began last; it alone says so, whichever are used besides."""

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None
        self._owner: object = None

    def is_of(self, owner: object, state: dict[str, Any] | None = None) -> None:
        """Have another iterator be the newest."""
        self._owner, self.state = owner, state

    def tell(self, owner: object, state: dict[str, Any]) -> None:
        """Take where an iterator stands, if it is the newest."""
        if owner is self._owner:
            self.state = state


class DeviceBatches:
    """An iterator over batches on devices, some ahead of the one that is returned."""

    def __init__(
        self,
        dataset: Dataset,
        sharding: jax.sharding.Sharding | None,
        prefetch: int,
        newest: _Newest,
        *,
        endless: bool,
    ) -> None:
        self._dataset = dataset
        self._newest = newest
        self._endless = endless
        self._sharding = sharding
        self._prefetch = prefetch
        # Batches, or errors, and the state after each.
        self._ahead: deque[tuple[Any, Exception | None, dict[str, Any]]] = deque()

    @cached_property
    def _batches(self) -> Batches[Any]:
        # An iterator that nobody uses is no epoch, nor is one that another has only prefetched.
        newest = self._newest.state
        if self._endless and newest is not None:
            begun = newest["position"] > newest["begin"]
            self._dataset.set_epoch(newest["epoch"] + begun)
        batches = iter(self._dataset)
        self._newest.is_of(self._ahead, self._dataset.state_dict())
        return batches

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while len(self._ahead) <= self._prefetch and self._goes_on():
            batch = error = None
            try:
                batch = _place(next(self._batches), self._sharding)
            except Exception as found:  # noqa: BLE001 - raised in its turn
                error = found
            self._ahead.append((batch, error, self._dataset.state_dict()))
        batch, error, state = self._ahead.popleft()
        # What the dataset says by now is ahead of the batch, or that of another iterator.
        self._newest.tell(self._ahead, state)
        if error is not None:
            raise error
        return batch

    def _goes_on(self) -> bool:
        """Tell whether there may be more after what is read: not after the end, or an error."""
        return not self._ahead or self._ahead[-1][1] is None

    def close(self) -> None:
        """End what reads; there are no more batches."""
        self._ahead.clear()
        self._batches.close()


def _place(value: Any, sharding: jax.sharding.Sharding | None, name: str = "the batch") -> Any:
    """Return a batch, or what a function made of one, with its arrays on devices."""
    if isinstance(value, dict):
        return {key: _place(item, sharding, repr(key)) for key, item in value.items()}
    if isinstance(value, Ragged):
        first, last = int(value.row_splits[0]), int(value.row_splits[-1])
        values = _place(value.values[first:last], None, name)
        return Offsets(values, _place(value.row_splits - first, None, name))
    if isinstance(value, Sparse):
        return Sparse(*(_place(item, None, name) for item in value))
    if not isinstance(value, (np.ndarray, np.generic)):
        return each_item(value, lambda item: _place(item, sharding, name))
    if value.dtype.kind in "OSUMm":
        return value
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    _check_range(np.asarray(value), name)
    if value.ndim == 0 or sharding is None:
        return jax.device_put(value)
    try:
        if sharding.is_fully_addressable:
            return jax.device_put(value, sharding)
        return jax.make_array_from_process_local_data(sharding, value)
    except ValueError as error:
        raise ValueError(
            f"{name}: a batch of shape {list(value.shape)} cannot be placed by {sharding}: "
            f"{error}; choose a batch_size that can be shared out, and pass drop_remainder=True"
        ) from error


def _check_range(array: np.ndarray[Any, Any], name: str) -> None:
    """Raise ``OverflowError`` for numbers that JAX would make others of, but for rounding."""
    kind = array.dtype.kind
    if kind not in "iufc" or (wanted := jax.dtypes.canonicalize_dtype(array.dtype)) == array.dtype:
        return
    lost: Any
    if kind in "iu":
        how = "does not fit"
        limits, ends = np.iinfo(wanted), (array.min(initial=0), array.max(initial=0))
        lost = [end for end in ends if not limits.min <= end <= limits.max]
    else:
        how = "would become infinite as"
        with np.errstate(over="ignore"):
            lost = array[np.isinf(array.astype(wanted)) & ~np.isinf(array)]
    if len(lost):
        raise OverflowError(
            f"{name}: {lost[0]} {how} {wanted}, which JAX makes of {array.dtype}; set "
            "jax_enable_x64, or leave the feature out"
        )
