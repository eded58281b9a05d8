"""Where a Dataset stands, as a dict to be saved: made of positions, and made positions of again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.batcher import Position
from tfrecord_lite.records.checksum import crc32c

if TYPE_CHECKING:
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.plan import Plan
    from tfrecord_lite.dataset.settings import Settings

__all__ = ["States", "check_version"]

_STATE_VERSION = 2
_NUMBERS = ("epoch", "position", "begin", "world_size")


class States:
    """Makes states of positions, and back, for a Dataset of these files and settings.

    A position counts the steps of a rank. With ``shuffle`` True a state counts those of all ranks
    together: records of the epoch's order, of which ``begin`` came when there were other ranks.
    """

    def __init__(self, records: EpochRecords, settings: Settings) -> None:
        self._records = records
        self._batch_size, self._world_size = settings.batch_size, settings.world_size
        self._shuffle = shuffle = settings.shuffle
        self._settings = {
            "files": _fingerprint(records),
            "batch_size": settings.batch_size,
            "shuffle": shuffle,
            # That of a buffer alone.
            "interleave": settings.interleave if shuffle and shuffle is not True else None,
            "seed": settings.seed,
            "even": settings.even,
        }

    def state(self, plan: Plan, position: Position) -> dict[str, Any]:
        """Return the state at a position."""
        epoch, step = position[:2]
        if step and self._records.counted and plan.all_done(epoch, step):
            epoch, step = epoch + 1, 0
        begin = plan.begin(epoch)
        if self._shuffle is True:
            step = begin + step * self._world_size
        return {
            "version": _STATE_VERSION,
            "epoch": epoch,
            "position": step,
            "begin": begin,
            "world_size": self._world_size,
            **self._settings,
        }

    def position(self, plan: Plan, state: Mapping[str, Any]) -> tuple[Plan, Position]:
        """Return plan and position that a state is of; ``ValueError`` where there are none."""
        check_version(state, _STATE_VERSION)
        for name, ours in self._settings.items():
            theirs = state.get(name)
            # True is no buffer of 1.
            if theirs != ours or type(theirs) is not type(ours):
                raise ValueError(f"the state is of a Dataset with {name}={theirs!r}, not {ours!r}")
        numbers = [state.get(name) for name in _NUMBERS]
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError(f"the state has {dict(zip(_NUMBERS, numbers, strict=True))}")
        epoch, position, begin, world_size = (int(number or 0) for number in numbers)
        if plan.is_of_turns and world_size != self._world_size:
            # Not even at the front: where batches are few, the others may have had them all.
            raise ValueError(
                f"the state is of world_size={world_size}, and of one of several workers, which "
                f"does not tell how far the others are; go on with world_size={world_size}, or "
                f"begin an epoch with world_size={self._world_size} by set_epoch()"
            )
        if self._shuffle is True:
            steps, rest = divmod(position - begin, max(world_size, 1))
            if world_size < 1 or rest or steps < 0:
                raise ValueError(
                    f"the state has position={position}, begin={begin} and world_size={world_size}"
                )
            if world_size == self._world_size:
                return plan.resumed(epoch, begin), Position(epoch, steps)
            if steps % self._batch_size == 0:
                return plan.resumed(epoch, position), Position(epoch, 0)
            where = "after batches from which damaged records were left out"
        elif world_size == self._world_size or position == 0:
            return plan, Position(epoch, position)
        elif world_size == 1 and position >= self._records.total():
            return plan, Position(epoch + 1, 0)
        else:
            where = "in the middle of an epoch in which each rank has consecutive records"
        raise ValueError(
            f"the state is of world_size={world_size}, {where}; go on with that to the end of the "
            f"epoch, where a state goes on with world_size={self._world_size}, too"
        )


def check_version(state: object, *supported: int) -> None:
    """Raise ``TypeError`` for what is no state, and ``ValueError`` for one of another version."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"a state is the dict that state_dict() returned, not {type(state).__name__}"
        )
    version = state.get("version")
    if version not in supported:
        raise ValueError(
            f"a state of version {version!r}; this version supports "
            f"{' and '.join(map(str, supported))}"
        )


def _fingerprint(records: EpochRecords) -> str:
    """Return what tells the files from others, wherever they lie: names and sizes, in order."""
    files = zip(map(os.path.basename, records.files), records.sizes, strict=True)
    text = "".join(f"{name}\0{size}\0" for name, size in files)
    return f"{len(records.files)} files, {crc32c(os.fsencode(text)):08x}"
