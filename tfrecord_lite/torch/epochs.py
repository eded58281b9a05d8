"""Which epoch an iteration is, where each of several processes begins it by itself."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Epochs"]

_SLOTS: Final = 1024
_KEPT: Final = 8
_PID_BITS: Final = 32
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
    they are started; other copies have their own. Among these processes may be some that iterate,
    with workers or without, for themselves: each is told from the others by its number, as is the
    process that made this, and begins with the epoch after the last that was begun there.
    """

    def __init__(self) -> None:
        # The first slots are those of the process that makes this, and of its workers. The others
        # are taken by who needs one; the last entry says by whom.
        shape = (2 * _SLOTS, _KEPT + 1, 2)
        self._tensor = torch.zeros(shape, dtype=torch.int64).share_memory_()
        self._maker = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Of a copy in this process it is not shared.
        self.__dict__.update(state, _tensor=state["_tensor"].share_memory_())

    @property
    def _array(self) -> npt.NDArray[np.int64]:
        array: npt.NDArray[np.int64] = self._tensor.numpy()
        return array

    def _slot(self, worker: int | None) -> int:
        """Return the slot of a worker of the process that iterates, or of that process."""
        number = _MAIN if worker is None else worker + 1
        if number >= _SLOTS:
            raise ValueError(f"num_workers: there can be {_SLOTS - 1} workers at most")
        parent = None if worker is None else parent_process()
        iterating = os.getpid() if parent is None else parent.pid
        assert iterating is not None
        if iterating == self._maker:
            return number
        owner = number << _PID_BITS | iterating
        owners = self._array[_SLOTS:, _KEPT, 0]
        # Workers come at the same time: each begins to look elsewhere.
        order = (np.arange(_SLOTS) + hash((iterating, number))) % _SLOTS
        for at in order.tolist():
            if owners[at] in (0, owner):
                owners[at] = owner
                return _SLOTS + at
        raise ValueError("this dataset is iterated over in too many processes; make one in each")

    def _slots_of(self, slot: int) -> list[int]:
        """Return the slots that tell which epoch is next: those of the same iterating process."""
        first = range(_SLOTS)
        if slot < _SLOTS:
            return list(first)
        owners = self._array[_SLOTS:, _KEPT, 0] & ((1 << _PID_BITS) - 1)
        same = np.flatnonzero(owners == owners[slot - _SLOTS]) + _SLOTS
        begun = self._array[same, :_KEPT, 0].any()
        return same.tolist() if begun else list(first)

    def begin(self, worker: int | None = None, key: int | None = None) -> int:
        """Return the epoch of an iteration that a worker begins, or this process without one."""
        slot = self._slot(worker)
        # By chance two iterations have the same key once in 2^62 times.
        key = int.from_bytes(os.urandom(8), "little") if key is None else key
        key = (key & _KEY_MASK) + 1
        begun = self._find(slot, key)
        self._write(slot, key, begun)
        return begun.epoch

    def set(self, epoch: int) -> None:
        """Have the next iteration be that of an epoch."""
        key = int.from_bytes(os.urandom(8), "little") & _KEY_MASK
        slot = self._slot(None)
        last = max((found for _, found in self._all(slot)), default=_NOTHING)
        self._write(slot, key + 1, _Begun(last.serial + 1, epoch - 1))

    def replace(self, worker: int | None, epoch: int) -> None:
        """Have the iteration that this process began last be that of another epoch."""
        slot = self._slot(worker)
        key, begun = max(self._of(slot), key=lambda found: found[1])
        self._write(slot, key, begun._replace(epoch=epoch))

    def _find(self, slot: int, key: int) -> _Begun:
        # With the same key again, as where somebody seeds torch before each epoch, it is another
        # iteration, which others may have begun before us.
        ours = max((begun.serial for found, begun in self._of(slot) if found == key), default=0)
        begun = self._all(slot)
        same = [found for other, found in begun if other == key and found.serial > ours]
        if same:
            return max(same)
        last = max((found for _, found in begun), default=_NOTHING)
        return _Begun(last.serial + 1, last.epoch + 1)

    def _all(self, slot: int) -> list[tuple[int, _Begun]]:
        slots = np.array(self._slots_of(slot))
        used = slots[self._array[slots, :_KEPT, 0].any(axis=1)].tolist()
        return [entry for each in used for entry in self._of(each)]

    def _of(self, slot: int) -> list[tuple[int, _Begun]]:
        """Return what a process has begun, by key: all of it as it was at one time."""
        entries = self._array[slot, :_KEPT]
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
        entries = self._array[slot, :_KEPT]
        same = np.flatnonzero(entries[:, 0] == key)
        entry = int(same[-1]) if len(same) else begun.serial % _KEPT
        entries[entry, 0] = 0
        entries[entry, 1] = begun.serial << _EPOCH_BITS | (begun.epoch + 1)
        entries[entry, 0] = key
