"""Which epoch an iteration is, where each of several processes begins it by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Epochs"]

_SLOTS: Final = 1024
_KEPT: Final = 8
_MAIN: Final = 0
_EPOCH_BITS: Final = 32
_KEY_MASK: Final = (1 << 62) - 1


class _Begun(NamedTuple):
    """An iteration: a number that rises from one to the next, and its epoch."""

    serial: int
    epoch: int


_NOTHING: Final = _Begun(0, -1)


class Epochs:
    """The epochs that processes have begun, in memory that all of them share.

    Each process that begins an iteration calls `begin` with a key, the same in all processes of
    that iteration, and gets the same epoch: the one after that of the iteration before. A process
    writes to its own slot alone, of which it keeps the last few iterations; so no lock is needed,
    which a killed process would hold for ever.

    The memory is shared with processes that are forked, and with those to which it is pickled when
    they are started; other copies have their own.
    """

    def __init__(self) -> None:
        self._tensor = torch.zeros((_SLOTS, _KEPT, 2), dtype=torch.int64).share_memory_()

    def __setstate__(self, state: dict[str, torch.Tensor]) -> None:
        # Of a copy in this process it is not shared.
        self._tensor = state["_tensor"].share_memory_()

    @property
    def _array(self) -> npt.NDArray[np.int64]:
        array: npt.NDArray[np.int64] = self._tensor.numpy()
        return array

    def begin(self, worker: int | None = None, key: int | None = None) -> int:
        """Return the epoch of an iteration that a worker begins, or this process without one."""
        slot = _MAIN if worker is None else worker + 1
        if slot >= _SLOTS:
            raise ValueError(f"num_workers: there can be {_SLOTS - 1} workers at most")
        # By chance two iterations have the same key once in 2^62 times.
        key = int.from_bytes(os.urandom(8), "little") if key is None else key
        key = (key & _KEY_MASK) + 1
        begun = self._find(slot, key)
        self._write(slot, key, begun)
        return begun.epoch

    def set(self, epoch: int) -> None:
        """Have the next iteration be that of an epoch."""
        key = int.from_bytes(os.urandom(8), "little") & _KEY_MASK
        last = max((found for _, found in self._all()), default=_NOTHING)
        self._write(_MAIN, key + 1, _Begun(last.serial + 1, epoch - 1))

    def replace(self, worker: int | None, epoch: int) -> None:
        """Have the iteration that this process began last be that of another epoch."""
        slot = _MAIN if worker is None else worker + 1
        key, begun = max(self._of(slot), key=lambda found: found[1])
        self._write(slot, key, begun._replace(epoch=epoch))

    def _find(self, slot: int, key: int) -> _Begun:
        # With the same key again, as where somebody seeds torch before each epoch, it is another
        # iteration, which others may have begun before us.
        ours = max((begun.serial for found, begun in self._of(slot) if found == key), default=0)
        begun = self._all()
        same = [found for other, found in begun if other == key and found.serial > ours]
        if same:
            return max(same)
        last = max((found for _, found in begun), default=_NOTHING)
        return _Begun(last.serial + 1, last.epoch + 1)

    def _all(self) -> list[tuple[int, _Begun]]:
        used = np.flatnonzero(self._array[:, :, 0].any(axis=1)).tolist()
        return [entry for slot in used for entry in self._of(slot)]

    def _of(self, slot: int) -> list[tuple[int, _Begun]]:
        """Return what a process has begun, by key: all of it as it was at one time."""
        entries = self._array[slot]
        while True:
            keys = entries[:, 0].copy()
            values = entries[:, 1].copy()
            if (keys == entries[:, 0]).all():
                break
        return [
            (key, _Begun(value >> _EPOCH_BITS, (value & ((1 << _EPOCH_BITS) - 1)) - 1))
            for key, value in zip(keys.tolist(), values.tolist(), strict=True)
            if key
        ]

    def _write(self, slot: int, key: int, begun: _Begun) -> None:
        """Write to an entry, which is none to others until it is complete."""
        entries = self._array[slot]
        same = np.flatnonzero(entries[:, 0] == key)
        entry = int(same[-1]) if len(same) else begun.serial % _KEPT
        entries[entry, 0] = 0
        entries[entry, 1] = begun.serial << _EPOCH_BITS | (begun.epoch + 1)
        entries[entry, 0] = key
