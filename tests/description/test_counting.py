"""Values counted by their hashes, and numbers by their sizes, held against one by one."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest

from tfrecord_lite.description.distinct import EXACT_BELOW, Distinct, hashes_of
from tfrecord_lite.description.spread import Spread


def add(distinct, values):
    distinct.add(hashes_of(values.astype(np.uint64)), lambda rows: values[rows].tolist())


def blocks_of(values, size):
    return [values[begin : begin + size] for begin in range(0, len(values), size)]


# More than there are slots, fewer than are counted one by one.
@pytest.mark.parametrize("different", [1, 100, 5000, EXACT_BELOW])
@pytest.mark.parametrize("parts", [1, 3])
def test_how_often_each_value_comes(different, parts):
    rng = np.random.default_rng(different)
    values = np.concatenate([np.arange(different), rng.zipf(1.2, 60_000) % different])
    rng.shuffle(values)
    counted = [Distinct() for _ in range(parts)]
    for number, block in enumerate(blocks_of(values, 700)):
        add(counted[number % parts], block)
    whole = counted[0]
    for other in counted[1:]:
        whole.merge(pickle.loads(pickle.dumps(other)))
    assert (whole.estimate, whole.exact) == (different, True)
    expected = Counter(values.tolist())
    assert dict(whole.top(different)) == expected


@pytest.mark.parametrize("different", [EXACT_BELOW + 1, 16_000, 16_400, 100_000, 500_000])
@pytest.mark.parametrize("parts", [1, 3])
def test_about_how_many_there_are(different, parts):
    rng = np.random.default_rng(different)
    values = rng.permutation(
        np.concatenate([np.arange(different), rng.integers(different, size=50_000)])
    )
    counted = [Distinct() for _ in range(parts)]
    for number, block in enumerate(blocks_of(values, 3000)):
        add(counted[number % parts], block)
    whole = counted[0]
    for other in counted[1:]:
        whole.merge(pickle.loads(pickle.dumps(other)))
    assert whole.exact == (different < 1 << 14)
    if whole.exact:
        assert whole.estimate == different
    assert abs(whole.estimate / different - 1) < 0.03
    assert whole.top(3) == []


def test_few_and_many_put_together():
    few, many = Distinct(), Distinct()
    add(few, np.arange(100))
    add(many, np.arange(50, 50_000))
    for first, second in ((few, many), (many, few)):
        one = pickle.loads(pickle.dumps(first))
        one.merge(pickle.loads(pickle.dumps(second)))
        assert abs(one.estimate / 50_000 - 1) < 0.03


@pytest.mark.parametrize("most", [1, 2, 100, 1 << 40])
def test_how_numbers_are_spread(most):
    rng = np.random.default_rng(most)
    numbers = np.concatenate([rng.integers(most, size=500), [0, most - 1, most // 2]])
    one, two = Spread(), Spread()
    one.add(numbers[:200])
    two.add(numbers[200:])
    two.add(np.full(3, numbers[0]))
    one.merge(two)
    every = [*numbers.tolist(), *[int(numbers[0])] * 3]
    assert (one.count, one.total) == (len(every), sum(every))
    assert (one.min, one.max, one.mean) == (min(every), max(every), sum(every) / len(every))
    for low, high, count in one.buckets:
        assert count == sum(low <= number <= high for number in every)
    assert sum(count for *_, count in one.buckets) == len(every)
