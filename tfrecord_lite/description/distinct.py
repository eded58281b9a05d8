"""How many different values there are, and the most frequent ones, from 64-bit hashes of all.

Up to 10,000 different values are counted, each by itself. Beyond, of all hashes the 16,384 smallest
are kept: where the largest of these lies among all that a hash can be tells how many there are
(Bar-Yossef et al., "Counting distinct elements in a data stream", 2002), with a standard error of
about 0.8 %: of 100 such numbers about 80 are within 1 %, and nearly all within 2.5 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tfrecord_lite._types import Int64Array

__all__ = ["EXACT_BELOW", "Distinct", "hashes_of"]

EXACT_BELOW: Final = 10_000
_KEPT: Final = 1 << 14
_SLOTS: Final = 1 << 12
_SLOT: Final = np.uint64(_SLOTS - 1)
# Those of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
_FACTORS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))


def hashes_of(words: Any) -> Any:
    """Return hashes of 64-bit words, uint64 ``[words]``: other words have other hashes.

    >>> len(np.unique(hashes_of(np.arange(1000, dtype=np.uint64))))
    1000
    """
    mixed = words ^ (words >> _SHIFTS[0])
    mixed *= _FACTORS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


class Distinct:
    """Counts different values by their hashes.

    >>> distinct = Distinct()
    >>> distinct.add(hashes_of(np.array([7, 8, 7], np.uint64)), lambda rows: rows.tolist())
    >>> distinct.estimate, distinct.exact, distinct.top(1)
    (2, True, [(0, 2)])
    """

    def __init__(self) -> None:
        # By hash: how often, and one such value. None beyond what is counted one by one.
        self._known: dict[int, list[Any]] | None = {}
        self._smallest: Any = np.empty(0, np.uint64)
        self._waiting: list[Any] = []
        self._waiting_hashes = 0
        # Hashes met before, each at the place that its low bits say, and how often since. What
        # stands at first in the slots are no hashes of theirs: 0 has the place 0, and 1 has not.
        self._slots = np.zeros(_SLOTS, np.uint64)
        self._slots[0] = 1
        self._counts = np.zeros(_SLOTS, np.int64)

    @property
    def listed(self) -> bool:
        """Whether all different values are known, and how often each came."""
        return self._known is not None

    @property
    def exact(self) -> bool:
        """Whether `estimate` is the very number."""
        if self._known is not None:
            return True
        self._sort_out()
        return len(self._smallest) < _KEPT

    @property
    def estimate(self) -> int:
        """How many different values there are, or about as many where it is not `exact`."""
        if self._known is not None:
            return len(self._known)
        if self.exact:
            return len(self._smallest)
        return round((_KEPT - 1) / (int(self._smallest[-1]) + 1) * 2.0**64)

    def top(self, count: int) -> list[tuple[Any, int]]:
        """Return the most frequent values and how often each came; none where that is not known."""
        if self._known is None:
            return []
        self._settle()
        found = sorted(self._known.values(), key=lambda one: -one[0])
        return [(value, times) for times, value in found[:count]]

    def add(
        self,
        hashes: Any,
        values_at: Callable[[Int64Array], Iterable[Any]],
        times: Int64Array | None = None,
    ) -> None:
        """Add values by their hashes; ``values_at`` returns those at some places.

        With ``times``, how often each comes, no hash is there twice.
        """
        if self._known is None:
            self._keep_smallest(hashes)
            return
        slots = (hashes & _SLOT).view(np.int64)
        known = self._slots[slots] == hashes
        if known.all():
            self._count(slots, times)
            return
        self._count(slots[known], None if times is None else times[known])
        new = np.flatnonzero(~known)
        if times is None:
            unique, first, counts = np.unique(hashes[new], return_index=True, return_counts=True)
        else:
            unique, first, counts = hashes[new], np.arange(len(new)), times[new]
        at = new[first]
        unknown = [row for row, one in enumerate(unique.tolist()) if one not in self._known]
        if len(self._known) + len(unknown) > EXACT_BELOW:
            self._give_up()
            self._keep_smallest(unique)
            return
        values = iter(values_at(at[unknown]))
        for one, count in zip(unique.tolist(), counts.tolist(), strict=True):
            entry = self._known.get(one)
            if entry is None:
                self._known[one] = [count, next(values)]
            else:
                entry[0] += count
        # The slots of these are theirs from now on.
        self._settle()
        places = slots[at]
        self._slots[places] = unique

    def _count(self, slots: Int64Array, times: Int64Array | None) -> None:
        """Note that the hashes of these slots came, each as often as said, or once."""
        if times is None:
            self._counts += np.bincount(slots, minlength=_SLOTS)
        else:
            self._counts[slots] += times

    def _settle(self) -> None:
        """Add what the slots counted to what is known."""
        assert self._known is not None
        used = np.flatnonzero(self._counts)
        for one, times in zip(self._slots[used].tolist(), self._counts[used].tolist(), strict=True):
            self._known[one][0] += times
        self._counts[used] = 0

    def _give_up(self) -> None:
        """Count one by one no more."""
        assert self._known is not None
        known = np.fromiter(self._known, np.uint64, len(self._known))
        self._known = None
        self._keep_smallest(known)

    def _keep_smallest(self, hashes: Any) -> None:
        """Keep those of these hashes that are among the smallest of all, sorted out later."""
        if len(self._smallest) == _KEPT:
            hashes = hashes[hashes < self._smallest[-1]]
        self._waiting.append(hashes)
        self._waiting_hashes += len(hashes)
        if self._waiting_hashes > _KEPT:
            self._sort_out()

    def _sort_out(self) -> None:
        ordered = np.sort(np.concatenate([self._smallest, *self._waiting]))
        new = np.ones(len(ordered), np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        self._smallest = ordered[new][:_KEPT]
        self._waiting, self._waiting_hashes = [], 0

    def merge(self, other: Distinct) -> None:
        """Add all that were added to another one."""
        if self._known is not None and other._known is not None:
            self._settle()
            other._settle()
            for one, (times, value) in other._known.items():
                entry = self._known.setdefault(one, [0, value])
                entry[0] += times
            if len(self._known) > EXACT_BELOW:
                self._give_up()
            return
        if self._known is not None:
            self._give_up()
        if other._known is not None:
            self._keep_smallest(np.fromiter(other._known, np.uint64, len(other._known)))
        else:
            other._sort_out()
            self._keep_smallest(other._smallest)

    def __getstate__(self) -> dict[str, Any]:
        # On its way from a worker: the slots stay behind.
        if self._known is not None:
            self._settle()
        self._sort_out()
        return {"_known": self._known, "_smallest": self._smallest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self.__dict__.update(state)
