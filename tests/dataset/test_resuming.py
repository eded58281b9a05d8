"""Dataset: it goes on where it stood."""

from __future__ import annotations

import copy
import json
import os
import pickle
from itertools import islice

import pytest
from dataset.sets import ID, INDEXED, KINDS, ids
from variants import few_or_many

from tfrecord_lite.dataset.loader import Dataset


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@pytest.mark.parametrize("shuffle", [False, 15, 1000, True])
@pytest.mark.parametrize(("repeat", "drop"), [(1, False), (3, True), (None, True)])
@few_or_many("step", 4, 1)
def test_resumed_at_any_batch(sets, kind, shuffle, repeat, drop, step):
    if shuffle is True and kind not in INDEXED:
        return
    options = {
        "batch_size": 23,
        "shuffle": shuffle,
        "rank": 1,
        "world_size": 2,
        "repeat": repeat,
        "drop_remainder": drop,
    }

    def uninterrupted(dataset):
        while True:
            for batch in dataset:
                yield batch["id"].tolist()

    dataset = Dataset(sets[kind], ID, **options)
    other = Dataset(sets[kind], ID, **options)
    expected = list(islice(uninterrupted(dataset), 20))
    dataset = Dataset(sets[kind], ID, **options)
    states = [dataset.state_dict()]
    while len(states) < 10:
        for _ in dataset:
            states.append(dataset.state_dict())
            if len(states) == 10:
                break
        else:
            # At the end of an iteration it stands where the next one begins.
            states[-1] = dataset.state_dict()
    for done, state in list(enumerate(states))[::step]:
        other.load_state_dict(json.loads(json.dumps(state)))
        assert other.state_dict() == state
        assert list(islice(uninterrupted(other), 10)) == expected[done : done + 10], done


def test_the_state_is_the_newest_iterators(sets):
    dataset = Dataset(sets["plain"], ID, batch_size=10)

    def place():
        state = dataset.state_dict()
        return state["epoch"], state["position"]

    assert place() == (0, 0)
    first = iter(dataset)
    assert place() == (0, 0)
    next(first)
    assert place() == (0, 10)
    second = iter(dataset)
    assert place() == (1, 0)
    next(first)
    assert place() == (1, 0)
    next(second)
    assert place() == (1, 10)
    list(second)
    assert place() == (2, 0)
    list(first)
    assert place() == (2, 0)
    dataset.load_state_dict({**dataset.state_dict(), "epoch": 7, "position": 90})
    assert place() == (7, 90)
    assert ids(dataset) == [list(range(90, 100))]
    assert place() == (8, 0)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("shuffle", [False, True])
def test_after_the_last_batch_of_all_ranks_the_next_epoch_begins(sets, batch_size, rank, shuffle):
    """Also before anybody asked for more; while another rank has a batch left it does not."""
    options = {"batch_size": batch_size, "shuffle": shuffle, "rank": rank, "world_size": 2}
    dataset = Dataset(sets["plain"], ID, **options)
    batches = iter(dataset)
    for _ in range(len(dataset) - 1):
        next(batches)
        assert dataset.state_dict()["epoch"] == 0
    next(batches)
    state = dataset.state_dict()
    assert (state["epoch"], state["position"]) == (1, state["begin"])


def test_resumed_by_another_number_of_workers(sets):
    options = {"batch_size": 10, "shuffle": True}
    expected = [ids(Dataset(sets["plain"], ID, repeat=2, **options))]
    with Dataset(sets["plain"], ID, workers=2, **options) as dataset:
        found = ids(islice(dataset, 3))
        state = dataset.state_dict()
    for workers in (0, 1):
        with Dataset(sets["plain"], ID, workers=workers, **options) as dataset:
            dataset.load_state_dict(state)
            assert [found + ids(dataset) + ids(dataset)] == expected


def test_the_state_is_of_these_files_and_settings(sets, tmp_path):
    options = {
        "batch_size": 10,
        "shuffle": 5,
        "seed": 1,
        "rank": 0,
        "world_size": 2,
        "even": "drop",
    }
    state = Dataset(sets["plain"], ID, **options).state_dict()
    # These make no difference, nor does the folder.
    os.rename(tmp_path / "plain", tmp_path / "elsewhere")
    moved = [path.replace("plain", "elsewhere") for path in sets["plain"]]
    for change in ({"rank": 1}, {"repeat": 3}, {"workers": 1}, {"verify": False}):
        Dataset(moved, ID, **{**options, **change}).load_state_dict(state)
    for change in (
        {"batch_size": 11},
        {"shuffle": 6},
        {"shuffle": True},
        {"shuffle": False},
        {"seed": 2},
        {"interleave": 4},
        {"even": None},
    ):
        dataset = Dataset(moved, ID, **{**options, **change})
        name = next(iter(change))
        with pytest.raises(ValueError, match=f"state is of a Dataset with {name}="):
            dataset.load_state_dict(state)
    # True is no buffer of one.
    state = Dataset(moved, ID, batch_size=1, shuffle=True).state_dict()
    with pytest.raises(ValueError, match="shuffle=True, not 1"):
        Dataset(moved, ID, batch_size=1, shuffle=1).load_state_dict(state)
    for paths in (moved[1:], [moved[1], moved[0], *moved[2:]]):
        with pytest.raises(ValueError, match="with files='6 files, "):
            Dataset(paths, ID, batch_size=1, shuffle=True).load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"version": 1}, "version 1; this version supports 2"),
        ({"version": None}, "version None"),
        ({"position": -1}, "'position': -1"),
        ({"epoch": "3"}, "'epoch': '3'"),
        ({"epoch": None}, "'epoch': None"),
    ],
)
def test_no_state(sets, change, text):
    dataset = Dataset(sets["plain"], ID, batch_size=10)
    with pytest.raises(ValueError, match=text):
        dataset.load_state_dict({**dataset.state_dict(), **change})
    assert len(list(dataset)) == 10


@pytest.mark.parametrize(
    "how", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_copy_stands_by_itself(sets, how):
    """A shallow one followed what iterators of the other returned."""
    dataset = Dataset(sets["plain"], ID, batch_size=10)
    batches = iter(dataset)
    next(batches)
    other = how(dataset)
    state = dataset.state_dict()
    assert other.state_dict() == state
    next(batches)
    assert other.state_dict() == state
    # As of the dataset itself, its next iterator is the next epoch.
    list(other)
    assert other.state_dict()["epoch"] == 2
    assert (dataset.state_dict()["epoch"], dataset.state_dict()["position"]) == (0, 20)
