"""Which record comes when: ranks, epochs and shuffles, a pure function of numbers.

Nothing here knows of files. The random bits are those of NumPy's `Philox` and `SeedSequence`, whose
streams NumPy promises never to change, and what is made of them is made here: the order that a seed
gives is the same on every machine, with every version of NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from tfrecord_lite._types import Int64Array

    Even: TypeAlias = Literal["drop", "pad"] | None

__all__ = ["BufferShuffle", "batch_count", "permutation", "share"]


def share(count: int, rank: int, world_size: int, even: Even = None) -> range:
    """Return which stretch of ``count`` records in their order is one rank's.

    The stretches of all ranks follow one another: every record is in one, and they differ by one
    record at most. With "drop" all have the same number, and up to ``world_size - 1`` records at
    the end are in none; with "pad" all have the same number, and the last may go on beyond
    ``count``, which means the first records again.

    >>> [share(8, rank, 3) for rank in range(3)]
    [range(0, 2), range(2, 5), range(5, 8)]
    >>> share(8, 2, 3, "drop"), share(8, 2, 3, "pad")
    (range(4, 6), range(6, 9))
    """
    if even is None:
        return range(count * rank // world_size, count * (rank + 1) // world_size)
    each = count // world_size if even == "drop" else -(-count // world_size)
    return range(each * rank, each * (rank + 1))


def batch_count(records: int, batch_size: int, *, drop_remainder: bool) -> int:
    """Return how many batches so many records make.

    >>> batch_count(10, 4, drop_remainder=False), batch_count(10, 4, drop_remainder=True)
    (3, 2)
    """
    return records // batch_size if drop_remainder else -(-records // batch_size)


def permutation(count: int, seed: int, epoch: int) -> Int64Array:
    """Return the numbers below ``count`` in an order of this seed and epoch, int64 ``[count]``.

    >>> permutation(6, seed=0, epoch=0), permutation(6, seed=0, epoch=1)
    (array([1, 2, 4, 3, 5, 0]), array([0, 2, 4, 3, 5, 1]))
    """
    return _permutation(count, _random(seed, epoch))


def _random(*numbers: int) -> np.random.Philox:
    seed, *key = numbers
    return np.random.Philox(np.random.SeedSequence(seed, spawn_key=key))


def _permutation(count: int, random: np.random.Philox) -> Int64Array:
    # Random numbers, sorted; the number itself in the low bits makes them all different, so that no
    # sorting algorithm can matter, and is what is left.
    bits = np.uint64(max(count - 1, 0).bit_length())
    keys = random.random_raw(count) << bits
    keys |= np.arange(count, dtype=np.uint64)
    keys.sort()
    keys &= (np.uint64(1) << bits) - np.uint64(1)
    return keys.view(np.int64)


class BufferShuffle:
    """The numbers 0, 1, 2, ..., shuffled by a buffer of ``size``, as ``tf.data``'s ``shuffle``.

    The first ``size`` fill the buffer. Each later one takes the place of one chosen at random,
    which leaves. At the end what is left leaves in random order. With a buffer of all numbers,
    every order is equally likely.

    The order does not depend on how many arrive at once, so it can be found again without anything
    but numbers.

    >>> shuffle = BufferShuffle(3, seed=0, epoch=0, rank=0)
    >>> shuffle.push(5), shuffle.push(2), shuffle.finish()
    (array([2, 0]), array([1, 3]), array([4, 5, 6]))
    """

    def __init__(self, size: int, seed: int, epoch: int, rank: int) -> None:
        self._size = size
        self._random = _random(seed, epoch, rank)
        self._places: Int64Array | None = None
        self.arrived = 0

    @property
    def held(self) -> Int64Array:
        """The numbers in the buffer."""
        return np.arange(self.arrived) if self._places is None else self._places

    def push(self, count: int) -> Int64Array:
        """Let the next ``count`` numbers arrive, and return those that leave, in their order."""
        begin = max(self.arrived, min(self._size, self.arrived + count))
        self.arrived += count
        arriving = np.arange(begin, self.arrived)
        if self._places is None:
            if self.arrived < self._size:
                return arriving
            self._places = np.arange(self._size)
        place = (self._random.random_raw(len(arriving)) % np.uint64(self._size)).view(np.int64)
        # Of those that take the same place, the first drives out who was there before, and each
        # later one the one before it; the last stays.
        turn = np.argsort(place, kind="stable")
        place, arriving = place[turn], arriving[turn]
        first = np.diff(place, prepend=-1) != 0
        leaving = np.where(first, self._places[place], np.roll(arriving, 1))
        last = np.diff(place, append=-1) != 0
        self._places[place[last]] = arriving[last]
        out = np.empty_like(leaving)
        out[turn] = leaving
        return out

    def advance(self, steps: int, total: int) -> None:
        """Let so many of ``total`` numbers arrive that ``steps`` have left, or all of them."""
        end = min(total, self._size + steps)
        while self.arrived < end:
            self.push(min(end - self.arrived, thresholds.shuffled_at_once))

    def finish(self, total: int | None = None) -> Int64Array:
        """Let the rest of ``total`` numbers arrive, and empty the buffer in random order."""
        late = self.push(0 if total is None else total - self.arrived)
        held, self._places = self.held, np.empty(0, np.int64)
        return np.concatenate([late, held[_permutation(len(held), self._random)]])
