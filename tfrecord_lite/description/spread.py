"""How whole numbers are spread: sizes of records, numbers of values, lengths of byte strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.text import plural

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array

__all__ = ["Extent", "Spread"]

# 0, 1, 2 to 3, 4 to 7, and so on: as many buckets as an int64 has powers of two, and 0.
_BUCKETS = 64


class Extent:
    """How many numbers were added, the least and the largest of them, and their mean."""

    def __init__(self) -> None:
        self.count = 0
        """How many there are."""
        self.total: float = 0
        """Their sum."""
        self.min: float | None = None
        """The least of them; None where there are none."""
        self.max: float | None = None
        """The largest of them; None where there are none."""

    @property
    def mean(self) -> float | None:
        """Their mean; None where there are none."""
        return self.total / self.count if self.count else None

    def _extend(self, count: int, least: float, largest: float, total: float) -> None:
        """Add so many numbers, one at least."""
        self.min = least if self.min is None else min(self.min, least)
        self.max = largest if self.max is None else max(self.max, largest)
        self.count += count
        self.total += total


class Spread(Extent):
    """Whole numbers, none below 0, that were added: how many, and how they are spread.

    ``buckets`` has ``(low, high, count)`` for 0, 1, 2 to 3, 4 to 7, ..., from the first to the last
    that has any. All of it is exact.

    >>> spread = Spread()
    >>> spread.add(np.array([3, 5, 6]))
    >>> spread.count, spread.min, spread.mean, spread.max, spread.buckets
    (3, 3, 4.666666666666667, 6, [(2, 3, 1), (4, 7, 2)])
    """

    total: int
    min: int | None
    max: int | None

    def __init__(self) -> None:
        super().__init__()
        self._counts = np.zeros(_BUCKETS, np.int64)

    def __repr__(self) -> str:
        return f"<Spread of {plural(self.count, 'number')}: {self.min} to {self.max}>"

    @property
    def buckets(self) -> list[tuple[int, int, int]]:
        """Low, high and count of each bucket between the least and the largest."""
        used = np.flatnonzero(self._counts)
        if not len(used):
            return []
        return [
            (1 << at - 1 if at else 0, (1 << at) - 1, int(self._counts[at]))
            for at in range(int(used[0]), int(used[-1]) + 1)
        ]

    def add(self, numbers: Int64Array) -> None:
        """Add some, int64 ``[numbers]``."""
        if not len(numbers):
            return
        least, largest = int(numbers.min()), int(numbers.max())
        self._extend(len(numbers), least, largest, int(numbers.sum()))
        if least.bit_length() == largest.bit_length():
            self._counts[least.bit_length()] += len(numbers)
        else:
            # What frexp calls the exponent is the number of bits, for 0 as well.
            bits = np.frexp(numbers.astype(np.float64))[1]
            found = np.bincount(bits, minlength=_BUCKETS)
            self._counts += found[:_BUCKETS]

    def merge(self, other: Spread) -> None:
        """Add all that were added to another one."""
        if other.min is not None and other.max is not None:
            self._extend(other.count, other.min, other.max, other.total)
            self._counts += other._counts

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "count": self.count,
            "min": self.min,
            "mean": self.mean,
            "max": self.max,
            "total": self.total,
            "buckets": [list(bucket) for bucket in self.buckets],
        }
