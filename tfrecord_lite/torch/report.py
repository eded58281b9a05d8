"""What worker processes leave out as damaged, counted once in memory that all of them share."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.context import get_spawning_popen
from typing import TYPE_CHECKING, Any, Final

import torch

from tfrecord_lite.dataset.damage_report import DamageReport
from tfrecord_lite.records.checksum import crc32c

if TYPE_CHECKING:
    from tfrecord_lite.errors import Damage

__all__ = ["SharedReport"]

# So many regions are remembered, to tell those that several workers come to.
_REMEMBERED: Final = 4096


class SharedReport(DamageReport):
    """A report that counts, too, what several workers tell it: each region once an epoch.

    Copies that are pickled, but to a process that is being started, have counts of their own.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        super().__init__(path)
        self.epoch = 0
        """The epoch that this process reads."""
        self._counts = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._reported = torch.zeros(_REMEMBERED, dtype=torch.int64).share_memory_()
        # Of this context it goes to workers however they are started.
        self._lock = get_context("spawn").Lock()

    @property
    def counts(self) -> tuple[int, int]:
        """How many regions were left out, and how many bytes these have."""
        regions, size = self._counts.tolist()
        return regions, size

    def __call__(self, damage: Damage) -> None:
        """Count a region and append its line, if no other worker has."""
        # The hash of a text is another in each process.
        file = crc32c(os.fsencode(damage.path or ""))
        which = hash((self.epoch, file, *damage[1:4]))
        with self._lock:
            if bool((self._reported == which).any()):
                return
            self._reported[int(self._counts[0]) % _REMEMBERED] = which
            self._counts += torch.tensor([1, damage.end - damage.begin])
            super().__call__(damage)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path} if get_spawning_popen() is None else self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_lock" not in state:
            SharedReport.__init__(self, state["path"])
        self.__dict__.update(state)
