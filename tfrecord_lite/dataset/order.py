"""Which record comes when: ranks, epochs and shuffles, a pure function of numbers.

Nothing here knows of files. The random bits are those of NumPy's `Philox` and `SeedSequence`, whose
streams NumPy promises never to change, and what is made of them is made here: the order that a seed
gives is the same on every machine, with every version of NumPy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from tfrecord_lite.thresholds import limits, thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint64Array

__all__ = [
    "BufferShuffle",
    "Dealt",
    "Permutation",
    "Stretch",
    "around",
    "batch_count",
    "batch_random",
    "file_order",
    "permutation",
    "share",
]

Even: TypeAlias = Literal["drop", "pad"] | None

# Rounds of a `Permutation`; the first four make it look random, the others are for good measure.
_ROUNDS = 8
# Numbers that go through all rounds at once: what stays in the caches.
_NUMBERS_AT_ONCE = 1 << 14
# The odd multipliers of SplitMix64, whose products have well mixed upper halves.
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)
# What random numbers are for, where it is neither a whole epoch nor a rank's buffer.
_FILES, _BATCHES = 1 << 32, (1 << 32) + 1


def share(count: int, rank: int, world_size: int, even: Even = None) -> range:
    """Return which range of ``count`` records in their order is one rank's.

    The ranges of all ranks follow one another: every record is in one, and they differ by one
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


def around(part: range, count: int) -> list[range]:
    """Return which ranges of ``count`` records a `share` means, none of them empty.

    >>> around(range(6, 9), 8), around(range(6, 7), 2)
    ([range(6, 8), range(0, 1)], [range(0, 1)])
    """
    begin = part.start % max(count, 1)
    end = begin + len(part)
    return [some for some in (range(begin, min(end, count)), range(end - count)) if some]


@dataclass(frozen=True)
class Stretch:
    """A rank's records where each rank has consecutive ones: a `share` of all, step by step.

    >>> part = Stretch(8, share(8, 2, 3, "pad"))
    >>> len(part), part[np.arange(3)]
    (3, array([6, 7, 0]))
    """

    count: int
    share: range

    def __len__(self) -> int:
        return len(self.share)

    def __getitem__(self, steps: Int64Array) -> Int64Array:
        """Return which of all records, in their order, come at these steps."""
        return (self.share.start + steps) % max(self.count, 1)


@dataclass(frozen=True)
class Dealt:
    """A rank's records where all ranks together go through one order, batch by batch.

    Each global step is ``world_size * batch_size`` consecutive records of the order, a batch for
    each rank; the last has what is left, shared out as `share` does. ``begin`` is how many records
    of the order came before, with another world size perhaps.

    >>> parts = [Dealt(10, rank, world_size=2, batch_size=2) for rank in range(2)]
    >>> [part[np.arange(len(part))].tolist() for part in parts]
    [[0, 1, 4, 5, 8], [2, 3, 6, 7, 9]]
    """

    count: int
    rank: int
    world_size: int
    batch_size: int
    even: Even = None
    begin: int = 0

    @property
    def _step_records(self) -> int:
        return self.world_size * self.batch_size

    @cached_property
    def _full_steps(self) -> int:
        return (self.count - self.begin) // self._step_records

    @cached_property
    def _last(self) -> range:
        """The places in the order of the last batch, where the last global step is no full one."""
        begin = self.begin + self._full_steps * self._step_records
        part = share(self.count - begin, self.rank, self.world_size, self.even)
        return range(begin + part.start, begin + part.stop)

    def __len__(self) -> int:
        return self._full_steps * self.batch_size + len(self._last)

    def __getitem__(self, steps: Int64Array) -> Int64Array:
        """Return the places in the order of what comes at these steps."""
        batches, rows = np.divmod(steps, self.batch_size)
        places = self.begin + batches * self._step_records + self.rank * self.batch_size + rows
        last = batches == self._full_steps
        places[last] = (self._last.start + rows[last]) % max(self.count, 1)
        return places


def batch_random(seed: int, epoch: int, key: tuple[int, ...]) -> np.random.Generator:
    """Return the random numbers for one batch of an epoch.

    >>> batch_random(0, 1, (5,)).integers(100, size=3)
    array([95, 27, 33])
    """
    return np.random.Generator(_random(seed, epoch, _BATCHES, *key))


def file_order(count: int, seed: int, epoch: int, rank: int) -> list[int]:
    """Return the numbers below ``count`` in the order in which an epoch comes to a rank's files.

    >>> file_order(5, seed=0, epoch=0, rank=0), file_order(5, seed=0, epoch=1, rank=0)
    ([1, 2, 4, 0, 3], [4, 2, 0, 1, 3])
    """
    order: list[int] = _permutation(count, _random(seed, epoch, _FILES, rank)).tolist()
    return order


def batch_count(records: int, batch_size: int, *, drop_remainder: bool) -> int:
    """Return how many batches so many records make.

    >>> batch_count(10, 4, drop_remainder=False), batch_count(10, 4, drop_remainder=True)
    (3, 2)
    """
    return records // batch_size if drop_remainder else -(-records // batch_size)


def permutation(count: int, seed: int, epoch: int) -> Int64Array | Permutation:
    """Return the numbers below ``count`` in an order of this seed and epoch, to be indexed.

    Few are an array, int64 ``[count]``. From `limits.sorted_records` on, where that would take too
    much time and memory, they are a `Permutation`, indexed by arrays of int64.

    >>> permutation(6, seed=0, epoch=0), permutation(6, seed=0, epoch=1)
    (array([1, 2, 4, 3, 5, 0]), array([0, 2, 4, 3, 5, 1]))
    """
    random = _random(seed, epoch)
    if count < limits.sorted_records:
        return _permutation(count, random)
    return Permutation(count, random.random_raw(_ROUNDS))


class Permutation:
    """The numbers below ``count`` in an order of these ``keys``, each computed when it is asked.

    It is a Feistel network: a number is a pair (left, right) of one below ``a`` and one below
    ``b``; in turn a hash of one, with a key, is added to the other, modulo ``a`` or ``b``. That can
    be undone, so it is a permutation of the numbers below ``a * b``, of which there are at least
    ``count`` and less than twice as many. Where one of ``count`` or more comes out it is put in
    again until it is less ("cycle walking").

    Arithmetic is that of uint64, which wraps, and is the same everywhere.

    >>> order = Permutation(5, np.arange(8, dtype=np.uint64))
    >>> sorted(order[np.arange(5)].tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(self, count: int, keys: Uint64Array) -> None:
        self._count = np.uint64(count)
        a = max(math.isqrt(max(count - 1, 0)) + 1, 1)
        self._a, self._b = np.uint64(a), np.uint64(max(-(-count // a), 1))
        self._keys = keys

    def __getitem__(self, steps: Int64Array) -> Int64Array:
        """Return which numbers come at these steps, each at least 0 and below ``count``."""
        found = np.array(steps, np.uint64)
        for begin in range(0, len(found), _NUMBERS_AT_ONCE):
            piece = found[begin : begin + _NUMBERS_AT_ONCE]
            self._move(piece)
            while len(beyond := np.flatnonzero(piece >= self._count)):
                again = piece[beyond]
                self._move(again)
                piece[beyond] = again
        return found.view(np.int64)

    def _move(self, numbers: Uint64Array) -> None:
        """Replace numbers by those that the network makes of them, all below ``a * b``."""
        left = numbers // self._b
        right = numbers - left * self._b
        size, other = self._a, self._b
        mixed, shifted = np.empty_like(left), np.empty_like(left)
        first, second = _MULTIPLIERS
        for key in self._keys:
            np.add(right, key, out=mixed)
            mixed *= first
            np.right_shift(mixed, _HALF, out=shifted)
            mixed ^= shifted
            mixed *= second
            # The upper half, as a fraction, of the size.
            mixed >>= _HALF
            mixed *= size
            mixed >>= _HALF
            left += mixed
            # Modulo the size: where nothing is to be subtracted the difference wraps.
            np.subtract(left, size, out=shifted)
            np.minimum(left, shifted, out=left)
            left, right, size, other = right, left, other, size
        # The rounds are even, so left is left again.
        np.multiply(left, self._b, out=numbers)
        numbers += right


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

    def finish(self) -> Int64Array:
        """Empty the buffer in random order."""
        held, self._places = self.held, np.empty(0, np.int64)
        return held[_permutation(len(held), self._random)]
