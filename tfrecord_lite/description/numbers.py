"""What numbers there are: the least, the mean, the largest, and how they are spread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.description.sampling import some_rows
from tfrecord_lite.description.spread import Extent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import Int64Array

__all__ = ["Numbers", "Tally", "tally_of"]

# As many values as are kept for a histogram, twice at most; of a block so many.
_KEPT: Final = 1 << 14
_OF_A_BLOCK: Final = 256
_BINS: Final = 30
# Whole numbers up to here are those of float64 too.
_EXACT_FLOATS: Final = 1 << 53
# Whole numbers of which all lie so near each other are counted by what they are.
_TALLIED: Final = 1 << 12


class Tally(NamedTuple):
    """Different whole numbers, and how often each comes."""

    numbers: Int64Array
    times: Int64Array


def tally_of(values: Any) -> Tally | None:
    """Count numbers, int64 ``[values]``, that lie near each other: all is said by a few then.

    None where they do not, or are no whole numbers.

    >>> tally_of(np.array([7, 5, 7]))
    Tally(numbers=array([5, 7]), times=array([1, 2]))
    """
    if not len(values) or values.dtype.kind != "i":
        return None
    least = values.min()
    if int(values.max()) - int(least) >= min(_TALLIED, len(values)):
        return None
    counts = np.bincount(values - least)
    found = np.flatnonzero(counts)
    return Tally(found + least, counts[found])


class Numbers(Extent):
    """Numbers that were added, int64 or float32.

    All but the histogram is exact, and a mean but for rounding. NaN and
    infinities are counted, and are in nothing else.

    >>> numbers = Numbers()
    >>> numbers.add(np.array([1, 2, 6]))
    >>> numbers.min, numbers.mean, numbers.max
    (1, 3.0, 6)
    """

    def __init__(self) -> None:
        super().__init__()
        self.nan = self.infinite = self.zeros = 0
        self._values: Any = np.empty(0)
        self._weights: Any = np.empty(0)

    def __repr__(self) -> str:
        return f"<Numbers: {self.count:,}, {self.min} to {self.max}>"

    def add(self, values: Any, tally: Tally | None = None) -> None:
        """Add some, int64 or float32 ``[values]``; ``tally`` is what `tally_of` says of them."""
        if not len(values):
            return
        different = values if tally is None else tally.numbers
        least, largest = different.min().item(), different.max().item()
        # Of any NaN both are NaN.
        if not (math.isfinite(least) and math.isfinite(largest)):
            self.nan += int(np.isnan(values).sum())
            self.infinite += int(np.isinf(values).sum())
            self.add(values[np.isfinite(values)])
            return
        self.zeros += len(values) - int(np.count_nonzero(values))
        if values.dtype.kind == "f":
            total = float(values.sum(dtype=np.float64))
        elif max(-least, largest) < (1 << 62) // len(values):
            total = int(values.sum() if tally is None else tally.numbers @ tally.times)
        else:
            total = sum(values.tolist())
        self._extend(len(values), least, largest, total)
        some = values[some_rows(len(values), _OF_A_BLOCK)].astype(np.float64)
        self._keep(some, np.full(len(some), len(values) / len(some)))

    def merge(self, other: Numbers) -> None:
        """Add all that were added to another one."""
        self.nan += other.nan
        self.infinite += other.infinite
        if other.min is not None and other.max is not None:
            self._extend(other.count, other.min, other.max, other.total)
            self.zeros += other.zeros
            self._keep(other._values, other._weights)

    def _keep(self, values: Any, weights: Any) -> None:
        self._values = np.concatenate([self._values, values])
        self._weights = np.concatenate([self._weights, weights])
        if len(self._values) > 2 * _KEPT:
            # Every second one for both; which of two near ones it is does not matter.
            order = np.argsort(self._values, kind="stable")[::2]
            self._values, self._weights = self._values[order], 2 * self._weights[order]

    def histogram(
        self, known: Sequence[tuple[float, int]] = ()
    ) -> tuple[list[float], list[float]] | None:
        """Return the edges of bins and about how many numbers are in each; None of no numbers.

        Where there are few whole numbers each has a bin of its own, from -1/2 to 1/2 around it.
        ``known`` are all numbers that there are, and how often each comes: then it is exact.
        """
        if self.min is None or self.max is None:
            return None
        width = self.max - self.min
        whole = isinstance(self.min, int) and abs(self.min) + abs(self.max) < _EXACT_FLOATS
        if whole and width < 2 * _BINS:
            edges = np.arange(self.min - 0.5, self.max + 1)
        elif width == 0 or not math.isfinite(width):
            edges = np.array([self.min, np.nextafter(float(self.max), math.inf)])
        else:
            edges = np.linspace(self.min, self.max, _BINS + 1)
        values, weights = self._values, self._weights
        if known:
            values, weights = (np.array(each, np.float64) for each in zip(*known, strict=True))
        counts = np.histogram(values, edges, weights=weights)[0]
        total = counts.sum()
        return edges.tolist(), (counts * (self.count / total if total else 0)).tolist()

    def to_json(self, known: Sequence[tuple[float, int]] = ()) -> dict[str, Any]:
        """Return it as what JSON can hold; ``known`` is that of `histogram`."""
        edges, counts = self.histogram(known) or ([], [])
        return {
            "count": self.count,
            "min": self.min,
            "mean": self.mean,
            "max": self.max,
            "zeros": self.zeros,
            "nan": self.nan,
            "infinite": self.infinite,
            "histogram": {"edges": edges, "counts": [round(count, 3) for count in counts]},
        }
