"""grain.IterDataset: batches as Dataset gives them, states that are exact, grain's workers."""

from __future__ import annotations

import json
from itertools import islice

import grain
import numpy as np
import pytest
from worlds.files import FEATURES, damage, write, write_ids

import tfrecord_lite as tfr
from tfrecord_lite.grain import IterDataset

COUNTS = (5, 0, 17, 1, 9)
TOTAL = sum(COUNTS)
OPTIONS = {"batch_size": 4, "shuffle": True, "seed": 1}


@pytest.fixture
def paths(tmp_path):
    return write_ids(tmp_path, COUNTS)


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def flat(parts):
    return [item for part in parts for item in part]


def epochs(paths, count, **options):
    dataset = tfr.Dataset(paths, **{**OPTIONS, **options})
    return [ids(dataset) for _ in range(count)]


@pytest.mark.parametrize("shuffle", [False, True, 10])
def test_epochs(paths, shuffle):
    wanted = epochs(paths, 3, shuffle=shuffle)
    data = IterDataset(paths, **{**OPTIONS, "shuffle": shuffle})
    assert ids(data) == ids(data) == wanted[0]
    data.set_epoch(2)
    assert ids(data) == wanted[2]
    several = IterDataset(paths, repeat=3, **{**OPTIONS, "shuffle": shuffle})
    assert ids(several) == flat(wanted)
    endless = IterDataset(paths, repeat=None, **{**OPTIONS, "shuffle": shuffle})
    assert ids(islice(endless, 24)) == flat(wanted)


def test_columns_and_grains_transformations(tmp_path):
    paths = write(tmp_path, COUNTS)
    data = IterDataset(paths, FEATURES, batch_size=4)
    for found, wanted in zip(data, tfr.Dataset(paths, FEATURES, batch_size=4), strict=True):
        assert found.keys() == wanted.keys()
        np.testing.assert_array_equal(found["pair"], wanted["pair"])
    counted = data.map(lambda batch: len(batch["id"])).filter(lambda count: count == 4)
    assert list(counted) == [4] * 8


@pytest.mark.parametrize("at", [0, 1, 7, 8, 9, 16, 24])
@pytest.mark.parametrize("workers", [(0, 0), (0, 2), (2, 1)])
def test_a_state_goes_on(paths, at, workers):
    wanted = flat(epochs(paths, 3))
    iterator = iter(IterDataset(paths, repeat=3, workers=workers[0], **OPTIONS))
    assert ids(islice(iterator, at)) == wanted[:at]
    state = json.loads(json.dumps(iterator.get_state()))
    iterator.close()
    other = iter(IterDataset(paths, repeat=3, workers=workers[1], **OPTIONS))
    other.set_state(state)
    assert ids(other) == wanted[at:]
    other.set_state(state)
    assert ids(islice(other, 2)) == wanted[at : at + 2]
    other.close()


def test_a_closed_iterator_says_so(paths):
    iterator = iter(IterDataset(paths, **OPTIONS))
    iterator.close()
    with pytest.raises(ValueError, match="closed iterator"):
        next(iterator)


@pytest.mark.parametrize("workers", [1, 2])
def test_grains_workers(paths, workers):
    """The order is that of none, over epochs too; a checkpoint goes on in the middle of one."""
    wanted = flat(epochs(paths, 2))
    data = IterDataset(paths, repeat=2, **OPTIONS).mp_prefetch(
        grain.MultiprocessingOptions(num_workers=workers)
    )
    iterator = iter(data)
    assert ids(islice(iterator, 5)) == wanted[:5]
    state = iterator.get_state()
    assert ids(iterator) == wanted[5:]
    iterator.close()
    other = iter(data)
    other.set_state(state)
    assert ids(other) == wanted[5:]
    other.close()


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
@pytest.mark.parametrize("counts", [(3,), (9, 4), (20,)])
def test_parts_are_those_of_one_order(tmp_path, counts, turns):
    paths = write_ids(tmp_path, counts)
    wanted = flat(epochs(paths, 3))
    parts = []
    for turn in range(turns):
        data = IterDataset(paths, repeat=3, **OPTIONS)
        data.set_slice(slice(turn, None, turns))
        parts.append(ids(data))
    assert [parts[n % turns][n // turns] for n in range(len(wanted))] == wanted
    assert sum(map(len, parts)) == len(wanted)


def test_no_records(tmp_path):
    paths = write_ids(tmp_path, (0, 0))
    for repeat in (1, None):
        assert ids(IterDataset(paths, {"id": int}, batch_size=2, repeat=repeat)) == []


def test_map_and_ranks(paths):
    found = []
    for rank in range(2):
        data = IterDataset(
            paths, rank=rank, world_size=2, map=lambda batch: {"id": batch["id"] * 10}, **OPTIONS
        )
        found += [number for batch in ids(data) for number in batch]
    assert sorted(found) == [10 * number for number in range(TOTAL)]


def test_damage(tmp_path):
    paths = write_ids(tmp_path, (9, 9))
    damage(paths[0], 2)
    damage(paths[1], 5)
    with pytest.raises(tfr.CorruptRecordError, match=r"0\.tfrecord: record 2"):
        ids(IterDataset(paths, {"id": int}, batch_size=2))
    report = tmp_path / "damage.jsonl"
    options = {"batch_size": 2, "on_damage": "report", "report": report}
    for turn in range(2):
        data = IterDataset(paths, {"id": int}, repeat=2, **options)
        data.set_slice(slice(turn, None, 2))
        ids(data)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["record"] for line in lines] == [2, 5]
    with pytest.raises(TypeError, match="would be called in copies"):
        IterDataset(paths, {"id": int}, batch_size=2, on_damage=print)
    with pytest.raises(ValueError, match="wants report="):
        IterDataset(paths, {"id": int}, batch_size=2, on_damage="report")


def test_states_of_something_else(paths):
    iterator = iter(IterDataset(paths, **OPTIONS))
    # A state from the front is that of any turn.
    iterator.set_state({**iterator.get_state(), "turn": 1, "turns": 2})
    next(iterator)
    state = iterator.get_state()
    with pytest.raises(ValueError, match="seed=1, not 2"):
        iter(IterDataset(paths, **{**OPTIONS, "seed": 2})).set_state(state)
    with pytest.raises(ValueError, match="worker 1 of 2, this is worker 0 of 1"):
        iterator.set_state({**state, "turn": 1, "turns": 2})
    with pytest.raises(ValueError, match="a state of version 0"):
        iterator.set_state({**state, "version": 0})
