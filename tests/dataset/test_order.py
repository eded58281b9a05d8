"""order: which record comes when, as numbers alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite.dataset.order import BufferShuffle, batch_count, permutation, share


@given(st.integers(0, 200), st.integers(1, 20))
def test_shares_are_the_whole(count, ranks):
    shares = [share(count, rank, ranks) for rank in range(ranks)]
    assert [number for part in shares for number in part] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.integers(0, 200), st.integers(1, 20), st.sampled_from(["drop", "pad"]))
def test_even_shares(count, ranks, even):
    shares = [share(count, rank, ranks, even) for rank in range(ranks)]
    assert len({len(part) for part in shares}) == 1
    every = [number for part in shares for number in part]
    assert every == list(range(len(every)))
    if even == "drop":
        assert 0 <= count - len(every) < ranks
    else:
        assert 0 <= len(every) - count < ranks


@pytest.mark.parametrize(
    ("records", "size", "drop", "batches"),
    [
        (0, 3, False, 0),
        (0, 3, True, 0),
        (2, 3, False, 1),
        (2, 3, True, 0),
        (6, 3, False, 2),
        (6, 3, True, 2),
        (7, 3, False, 3),
        (7, 3, True, 2),
    ],
)
def test_batch_count(records, size, drop, batches):
    assert batch_count(records, size, drop_remainder=drop) == batches


@given(st.integers(0, 300), st.integers(0, 2**70), st.integers(0, 2**40))
def test_a_permutation_has_every_number_once(count, seed, epoch):
    found = permutation(count, seed, epoch)
    assert found.dtype == np.int64
    assert sorted(found.tolist()) == list(range(count))
    assert found.tolist() == permutation(count, seed, epoch).tolist()


def test_seeds_and_epochs_differ():
    keys = [(seed, epoch) for seed in (0, 1, 7, 2**32, 2**64) for epoch in (0, 1, 2, 2**32)]
    assert len({tuple(permutation(50, *key)) for key in keys}) == len(keys)
    keys = [(*key, rank) for key in keys for rank in (0, 1)]
    orders = {tuple(pushed(BufferShuffle(20, *key), [50])) for key in keys}
    assert len(orders) == len(keys)


def test_the_orders_are_these():
    """A state that was saved must be understood by any later version, on any machine."""
    assert permutation(10, 42, 3).tolist() == [1, 3, 4, 9, 5, 7, 6, 0, 2, 8]
    assert pushed(BufferShuffle(4, 42, 3, 1), [10]) == [0, 3, 1, 2, 6, 5, 4, 8, 9, 7]


def pushed(shuffle: BufferShuffle, counts: list[int]) -> list[int]:
    found = [number for count in counts for number in shuffle.push(count).tolist()]
    return found + shuffle.finish().tolist()


def by_the_book(size: int, count: int, seed: int, epoch: int, rank: int) -> list[int]:
    """Shuffle by a buffer, one number after the other."""
    random = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(epoch, rank)))
    held: list[int] = []
    found = []
    for number in range(count):
        if len(held) < size:
            held.append(number)
            continue
        place = int(random.random_raw()) % size
        found.append(held[place])
        held[place] = number
    return found + [held[at] for at in finish(held, random)]


def finish(held: list[int], random: np.random.Philox) -> list[int]:
    keys = [int(random.random_raw()) for _ in held]
    bits = max(len(held) - 1, 0).bit_length()
    return sorted(range(len(held)), key=lambda at: (keys[at] << bits & 2**64 - 1, at))


@given(
    st.integers(1, 40),
    st.lists(st.integers(0, 30), max_size=8),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_a_buffer_is_that_of_the_book_however_the_numbers_arrive(size, counts, seed, epoch, rank):
    count = sum(counts)
    found = pushed(BufferShuffle(size, seed, epoch, rank), counts)
    assert sorted(found) == list(range(count))
    assert found == by_the_book(size, count, seed, epoch, rank)


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=8))
def test_what_is_held(size, counts):
    shuffle = BufferShuffle(size, 0, 0, 0)
    left: set[int] = set()
    for count in counts:
        left |= set(shuffle.push(count).tolist())
        assert set(shuffle.held.tolist()) == set(range(shuffle.arrived)) - left
        assert len(shuffle.held) == min(shuffle.arrived, size)
        # One that leaves has arrived, and room was short.
        assert len(left) == max(shuffle.arrived - size, 0)


@pytest.mark.parametrize(
    "order",
    [
        lambda seed: permutation(4, seed, 0),
        lambda seed: permutation(4, 0, seed),
        lambda seed: pushed(BufferShuffle(4, seed, 0, 0), [4]),
        lambda seed: pushed(BufferShuffle(9, 0, 0, seed), [4]),
    ],
)
def test_every_order_is_equally_likely(order):
    """24 orders, 4,800 draws: a chi-square of 23 degrees of freedom is above 70 once in 10^6."""
    counts = Counter(tuple(order(seed)) for seed in range(4800))
    assert len(counts) == 24
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 70
