"""StatefulDataLoader: a state goes on at the very next batch, and epochs go on after it."""

from __future__ import annotations

import json
from itertools import islice, product

import pytest
from torchdata.stateful_dataloader import StatefulDataLoader
from worlds.files import write_ids

import tfrecord_lite as tfr
from tfrecord_lite.torch import IterableDataset

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]

COUNTS = (5, 0, 17, 1, 9)
OPTIONS = {"batch_size": 4, "shuffle": True, "seed": 1}
BATCHES = 8


@pytest.fixture
def paths(tmp_path):
    return write_ids(tmp_path, COUNTS)


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def loader_of(paths, workers, *, start="fork", **options):
    context = {"multiprocessing_context": start} if workers else {}
    data = IterableDataset(paths, **{**OPTIONS, **options})
    return StatefulDataLoader(data, batch_size=None, num_workers=workers, **context)


@pytest.mark.parametrize("at", [0, 1, 3, 7, 8])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("shuffle", [True, 10])
def test_a_state_goes_on(paths, workers, at, shuffle):
    dataset = tfr.Dataset(paths, **{**OPTIONS, "shuffle": shuffle})
    wanted = [ids(dataset) for _ in range(4)]
    loader = loader_of(paths, workers, shuffle=shuffle)
    assert ids(loader) == wanted[0]
    assert ids(islice(loader, at)) == wanted[1][:at]
    state = json.loads(json.dumps(loader.state_dict()))
    other = loader_of(paths, workers, shuffle=shuffle)
    other.load_state_dict(state)
    assert ids(other) == wanted[1][at:]
    assert [ids(other) for _ in range(2)] == wanted[2:]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_state_of_an_epoch_that_has_ended(paths, workers):
    dataset = tfr.Dataset(paths, **OPTIONS)
    wanted = [ids(dataset) for _ in range(3)]
    loader = loader_of(paths, workers)
    assert ids(loader) == wanted[0]
    state = loader.state_dict()
    other = loader_of(paths, workers)
    other.load_state_dict(state)
    assert [ids(other) for _ in range(2)] == wanted[1:]


@pytest.mark.parametrize("workers", [0, 2])
def test_back_to_an_earlier_state(paths, workers):
    dataset = tfr.Dataset(paths, **OPTIONS)
    wanted = [ids(dataset) for _ in range(4)]
    loader = loader_of(paths, workers)
    assert ids(islice(loader, 3)) == wanted[0][:3]
    state = loader.state_dict()
    assert [ids(loader) for _ in range(3)] == wanted[1:]
    loader.load_state_dict(state)
    assert ids(loader) == wanted[0][3:]
    assert ids(loader) == wanted[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_other_ranks(paths, workers):
    """Each worker knows its own last batch alone: no record is lost or doubled in silence."""
    loader = loader_of(paths, workers, rank=0, world_size=1)
    found = ids(islice(loader, 3))
    states = [loader.state_dict(), ids(loader) and loader.state_dict()]
    for rank, state in product(range(2), states):
        other = loader_of(paths, workers, rank=rank, world_size=2)
        other.load_state_dict(state)
        if workers:
            with pytest.raises(ValueError, match="of world_size=1, and of one of several workers"):
                next(iter(other))
        elif state is states[0]:
            found += ids(other)
        else:
            dataset = tfr.Dataset(paths, rank=rank, world_size=2, **OPTIONS)
            dataset.set_epoch(2)
            assert ids(other) == ids(dataset)
    if not workers:
        assert sorted(number for batch in found for number in batch) == list(range(sum(COUNTS)))


def test_spawned_workers(paths):
    dataset = tfr.Dataset(paths, **OPTIONS)
    wanted = [ids(dataset) for _ in range(2)]
    loader = loader_of(paths, 2, start="spawn")
    iterator = iter(loader)
    assert ids(islice(iterator, 3)) == wanted[0][:3]
    state = loader.state_dict()
    other = loader_of(paths, 2, start="spawn")
    other.load_state_dict(state)
    assert ids(other) == wanted[0][3:]


def test_states_of_something_else(paths):
    loader = loader_of(paths, 0)
    next(iter(loader))
    other = loader_of(paths, 0, batch_size=5)
    other.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="batch_size=4, not 5"):
        next(iter(other))
    turns = iter(IterableDataset(paths, **OPTIONS))
    # A state from the front is that of any turn.
    turns.load_state_dict({**turns.state_dict(), "turn": 1, "turns": 2})
    next(turns)
    state = turns.state_dict()
    with pytest.raises(ValueError, match="worker 1 of 2, this is worker 0 of 1"):
        turns.load_state_dict({**state, "turn": 1, "turns": 2})
    with pytest.raises(ValueError, match="a state of version 0; this version supports 1"):
        turns.load_state_dict({**state, "version": 0})
