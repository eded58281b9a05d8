"""grain.DataSource: rows by number, for grain's datasets and its DataLoader."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import grain
import numpy as np
import pytest
from worlds.files import FEATURES, damage, row, write, write_ids

import tfrecord_lite as tfr
from tfrecord_lite.grain import DataSource

COUNTS = (5, 0, 17, 1)
TOTAL = sum(COUNTS)


@pytest.fixture(params=[{}, {"compression": "GZIP", "block_bytes": 500}], ids=["plain", "blocked"])
def source(request, tmp_path):
    return DataSource(write(tmp_path, COUNTS, **request.param), FEATURES)


def values(found):
    return {
        name: value if isinstance(value, bytes) else np.asarray(value).tolist()
        for name, value in found.items()
    }


def expected(number):
    wanted = row(number)
    steps = wanted["steps"]
    return {**wanted, "steps": [steps[i : i + 2] for i in range(0, len(steps), 2)]}


def test_rows(source):
    assert len(source) == TOTAL
    for number in (0, 4, 5, 22):
        assert values(source[number]) == expected(number)
    numbers = [22, 0, 5, 5]
    assert list(map(values, source._getitems(numbers))) == list(map(expected, numbers))
    assert source._getitems([]) == []
    assert source.read(numbers)["id"].tolist() == numbers
    with pytest.raises(TypeError, match=r"DataSource\(.*: an item is asked for by an integer"):
        source[[0, 1]]


def test_grain_asks_for_many_at_once(source, monkeypatch):
    asked = []
    getitems = DataSource._getitems
    monkeypatch.setattr(
        DataSource, "_getitems", lambda self, n: asked.append(list(n)) or getitems(self, n)
    )
    data = grain.MapDataset.source(source).shuffle(seed=1)
    found = [int(item["id"]) for item in data._getitems(range(TOTAL))]
    assert sorted(found) == list(range(TOTAL))
    assert asked == [found]


def test_numbers_are_shuffled_and_batched_before_they_are_read(source):
    numbers = grain.MapDataset.range(len(source)).shuffle(seed=0).batch(4)
    batches = list(numbers.map(source.read).to_iter_dataset())
    assert [len(batch["id"]) for batch in batches] == [4] * 5 + [3]
    assert sorted(np.concatenate([batch["id"] for batch in batches])) == list(range(TOTAL))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_checkpoint_goes_on(tmp_path, workers):
    source = DataSource(write_ids(tmp_path, COUNTS))
    data = grain.MapDataset.source(source).shuffle(seed=3).to_iter_dataset().batch(3)
    if workers:
        options = grain.MultiprocessingOptions(num_workers=workers)
        data = data.mp_prefetch(options)
    iterator = iter(data)
    begun = [next(iterator)["id"].tolist() for _ in range(3)]
    state = iterator.get_state()
    rest = [batch["id"].tolist() for batch in iterator]
    assert sorted(number for batch in begun + rest for number in batch) == list(range(TOTAL))
    other = iter(data)
    other.set_state(state)
    assert [batch["id"].tolist() for batch in other] == rest


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader(source, workers):
    sampler = grain.samplers.IndexSampler(TOTAL, shuffle=True, seed=5, num_epochs=1)
    loader = grain.DataLoader(data_source=source, sampler=sampler, worker_count=workers)
    iterator = iter(loader)
    begun = [int(next(iterator)["id"]) for _ in range(7)]
    state = iterator.get_state()
    other = iter(loader)
    other.set_state(state)
    rest = [int(item["id"]) for item in other]
    assert sorted(begun + rest) == list(range(TOTAL))


def test_a_copy_is_the_same_to_grain(source):
    copy = pickle.loads(pickle.dumps(source))
    assert values(copy[9]) == expected(9)
    assert repr(copy) == repr(source)


def test_threads(source):
    wanted = np.random.default_rng(0).integers(0, TOTAL, (200, 3)).tolist()
    with ThreadPoolExecutor(8) as pool:
        for numbers, found in zip(wanted, pool.map(source._getitems, wanted), strict=True):
            assert list(map(values, found)) == list(map(expected, numbers))


def test_damage_raises_with_its_place(tmp_path):
    paths = write_ids(tmp_path, (5, 5))
    damage(paths[1], 2)
    source = DataSource(paths, {"id": int})
    assert source[6]["id"] == 6
    with pytest.raises(tfr.CorruptRecordError, match=r"1\.tfrecord: record 2"):
        source[7]
