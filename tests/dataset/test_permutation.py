"""Permutation: the order of an epoch, computed number by number."""

from __future__ import annotations

import numpy as np
import pytest
from dataset.sets import ID, RECORDS, flat, ids, joined, order_of
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite.dataset import order
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.order import Permutation, permutation
from tfrecord_lite.thresholds import limits

POWERS = (7, 10, 12, 16)


@pytest.fixture(autouse=True)
def computed(monkeypatch):
    """Compute the numbers of all epochs, however few there are."""
    monkeypatch.setattr(limits, "sorted_records", 0)


def order_by(count, seed=0, epoch=0, steps=None):
    return permutation(count, seed, epoch)[np.arange(count) if steps is None else steps]


@pytest.mark.parametrize(
    "count", [*range(1, 40), *((1 << power) + by for power in POWERS for by in (-1, 0, 1))]
)
def test_every_number_once(count):
    for seed in range(3):
        found = order_by(count, seed)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(np.sort(found), np.arange(count))


def test_how_many_records_are_sorted(monkeypatch):
    monkeypatch.setattr(limits, "sorted_records", 10)
    assert isinstance(permutation(9, 0, 0), np.ndarray)
    assert isinstance(permutation(10, 0, 0), Permutation)


@given(st.integers(1, 1 << 62), st.integers(0, 2**70), st.integers(0, 2**40), st.data())
def test_any_steps_are_computed_alone(count, seed, epoch, data):
    steps = np.array(data.draw(st.lists(st.integers(0, count - 1), unique=True)), np.int64)
    found = order_by(count, seed, epoch, steps)
    assert len(set(found.tolist())) == len(steps)
    assert all(0 <= number < count for number in found.tolist())
    for step, number in zip(steps[:3], found[:3], strict=False):
        assert order_by(count, seed, epoch, np.array([step])).tolist() == [number]


def test_the_orders_are_these(monkeypatch):
    """A state that was saved must be understood by any later version, on any machine."""
    steps = np.array([0, 1, 2, 10**9 - 1])
    expected = [610336538, 130503390, 280915897, 696813873]
    assert order_by(10**9, 42, 3, steps).tolist() == expected
    # However many are computed at once.
    monkeypatch.setattr(order, "_NUMBERS_AT_ONCE", 3)
    assert order_by(10**9, 42, 3, steps).tolist() == expected


def deviation(counts, expected):
    """Return by how many standard deviations chi-square is too large, of each column."""
    degrees = len(counts) - 1
    chi_square = ((counts - expected) ** 2 / expected).sum(axis=0)
    return (chi_square - degrees) / np.sqrt(2 * degrees)


@pytest.mark.parametrize("count", [97, 256, 1000])
@pytest.mark.parametrize("which", ["seed", "epoch"])
def test_every_number_is_as_likely_at_each_step(count, which):
    """Of 20 steps each, over 3000 seeds, or epochs of one seed."""
    steps = np.arange(20) * (count // 20)
    counts = np.zeros((count, 20))
    for number in range(3000):
        counts[order_by(count, **{which: number}, steps=steps), np.arange(20)] += 1
    # The largest of 20 is above 6 once in some 10^6; one that is far too small is as odd.
    assert np.abs(deviation(counts, 3000 / count)).max() < 6


@pytest.mark.parametrize("count", [10**6, 10**6 + 3, 1 << 20])
@pytest.mark.parametrize("apart", [1, 2, 1024])
def test_neighbours_have_nothing_to_do_with_each_other(count, apart):
    found = order_by(count)
    distances = (found[apart:] - found[:-apart]) % count
    counts = np.bincount(distances * 200 // count, minlength=200)[:, None]
    assert abs(deviation(counts, (count - apart) / 200)[0]) < 6
    # The coefficient has a deviation of 1 / sqrt(count).
    assert abs(np.corrcoef(found[apart:], found[:-apart])[0, 1]) < 6 / count**0.5
    assert abs(np.corrcoef(found, np.arange(count))[0, 1]) < 6 / count**0.5


def test_where_ranges_of_the_files_come():
    """Each range of numbers is spread over all steps, and each of steps over all numbers."""
    count = 10**6
    table, *_ = np.histogram2d(np.arange(count), order_by(count), 50)
    chi_square = ((table - 400) ** 2 / 400).sum()
    assert abs(chi_square - 49 * 49) < 6 * (2 * 49 * 49) ** 0.5


@pytest.mark.parametrize("other", [(1, 0), (0, 1), (2**32, 0), (0, 2**32)])
def test_seeds_and_epochs_have_nothing_to_do_with_each_other(other):
    count = 1 << 18
    first, second = order_by(count), order_by(count, *other)
    # A random permutation keeps one number on average, six hardly ever more.
    assert np.count_nonzero(first == second) < 12
    assert abs(np.corrcoef(first, second)[0, 1]) < 6 / count**0.5
    counts = np.bincount((first - second) % count * 200 // count, minlength=200)[:, None]
    assert abs(deviation(counts, count / 200)[0]) < 6


def of_ranks(sets, ranks, **options):
    for rank in range(ranks):
        with Dataset(
            sets["plain"], ID, shuffle=True, rank=rank, world_size=ranks, **options
        ) as dataset:
            yield flat(dataset)


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (3, 0), (1, 2)])
def test_ranks_share_out_the_order(sets, small, ranks, workers):
    parts = [*of_ranks(sets, ranks, batch_size=7, seed=5, workers=workers)]
    for rank, part in enumerate(parts):
        options = {"rank": rank, "world_size": ranks, "batch_size": 7}
        assert part == order_of(len(RECORDS), True, seed=5, **options)
    assert sorted(joined(parts)) == list(range(len(RECORDS)))


@pytest.mark.parametrize("done", [0, 1, 5, 14])
def test_going_on_in_an_epoch(sets, small, done):
    options = {"batch_size": 7, "shuffle": True, "seed": 5}
    with Dataset(sets["plain"], ID, **options) as dataset:
        whole = ids(dataset), ids(dataset)
    assert whole[0] != whole[1]
    with Dataset(sets["plain"], ID, **options) as dataset:
        list(dataset)
        batches = iter(dataset)
        begun = [next(batches)["id"].tolist() for _ in range(done)]
        state = dataset.state_dict()
    with Dataset(sets["plain"], ID, **options) as dataset:
        dataset.load_state_dict(state)
        assert begun + ids(dataset) == whole[1]
