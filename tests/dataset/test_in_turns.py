"""BatchesInTurns: the states that loader processes of other libraries save and load."""

from __future__ import annotations

import json

import pytest
from dataset.sets import ID, ids

import tfrecord_lite as tfr
from tfrecord_lite.dataset.in_turns import BatchesInTurns


def iterator(paths, turn, turns, **options):
    epoch = options.pop("epoch", 0)
    dataset = tfr.Dataset(paths, ID, **{"batch_size": 7, **options})
    return BatchesInTurns(dataset, turn, turns, epoch=epoch, repeat=2)


@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_state_from_before_the_first_batch_is_that_of_any_turn(sets, shuffle, epoch):
    """Grain saves that of the whole for a worker that has not given a batch."""
    options = {"shuffle": shuffle, "epoch": epoch}
    state = json.loads(json.dumps(iterator(sets["plain"], 0, 1, **options).state_dict()))
    for turns in (1, 2, 3):
        for turn in range(turns):
            expected = ids(iterator(sets["plain"], turn, turns, **options))
            resumed = iterator(sets["plain"], turn, turns, **options)
            next(resumed)
            resumed.load_state_dict(state)
            assert ids(resumed) == expected


@pytest.mark.parametrize("done", [1, 14, 15, 29, 30])
def test_any_other_state_is_that_of_its_turn_alone(sets, done):
    whole = iterator(sets["plain"], 0, 1)
    for _ in range(done):
        next(whole)
    with pytest.raises(ValueError, match="worker 0 of 1, this is worker 1 of 2"):
        iterator(sets["plain"], 1, 2).load_state_dict(whole.state_dict())


def test_a_state_from_before_the_first_batch_is_one_of_its_files(sets):
    state = iterator(sets["plain"][:3], 0, 1).state_dict()
    with pytest.raises(ValueError, match="files"):
        iterator(sets["plain"], 1, 2).load_state_dict(state)


@pytest.mark.parametrize("turns", [1, 2])
def test_states_of_another_kind(sets, turns):
    resumed = iterator(sets["plain"], 0, turns)
    dataset = tfr.Dataset(sets["plain"], ID, batch_size=7)
    next(resumed)
    state = resumed.state_dict()
    with pytest.raises(ValueError, match=r"no 'first'.*perhaps of a\s+Dataset or its loader"):
        resumed.load_state_dict(dataset.state_dict())
    with pytest.raises(ValueError, match="is of a Dataset with files=None"):
        dataset.load_state_dict(state)
    for name in state:
        with pytest.raises(ValueError, match=name):
            resumed.load_state_dict({key: state[key] for key in state if key != name})
    for either in (resumed, dataset):
        for none in (None, [state], "state"):
            with pytest.raises(TypeError, match=r"state is the dict that state_dict\(\) returned"):
                either.load_state_dict(none)
    assert resumed.state_dict() == state


@pytest.mark.parametrize("turns", [1, 2])
def test_a_state_from_the_end_is_one_of_its_files_and_settings(sets, turns):
    """There was nothing in it to compare: it was taken by any files and settings."""
    ended = iterator(sets["plain"], 0, turns)
    list(ended)
    state = json.loads(json.dumps(ended.state_dict()))
    for change, text in (
        ({"paths": sets["plain"][:3]}, "files"),
        ({"batch_size": 8}, "batch_size=7, not 8"),
        ({"seed": 9}, "seed=0, not 9"),
    ):
        given = {"paths": sets["plain"], **change}
        with pytest.raises(ValueError, match=text):
            iterator(given.pop("paths"), 0, turns, **given).load_state_dict(state)
    with pytest.raises(ValueError, match=f"worker 0 of {turns}, this is worker 1 of 3"):
        iterator(sets["plain"], 1, 3).load_state_dict(state)
    # Where it is one of them, more epochs come, or none; of an older version's, too.
    dataset = tfr.Dataset(sets["plain"], ID, batch_size=7)
    expected = [batch["id"].tolist() for batch in BatchesInTurns(dataset, 0, turns, repeat=3)]
    for given in (state, {**state, "version": 1, "dataset": None}):
        for repeat in (2, 3):
            other = BatchesInTurns(dataset, 0, turns, repeat=repeat)
            other.load_state_dict(given)
            assert other.state_dict() == state
            assert ids(other) == (expected[30 // turns :] if repeat == 3 else [])


def same(batch):
    return batch


@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("how", [{}, {"map": same}])
def test_more_turns_than_a_batch_has_records(sets, shuffle, how):
    options = {"batch_size": 2, "shuffle": shuffle, **how}
    whole = [batch["id"].tolist() for batch in iterator(sets["plain"], 0, 1, **options)]
    parts = [
        [batch["id"].tolist() for batch in iterator(sets["plain"], turn, 5, **options)]
        for turn in range(5)
    ]
    count = len(whole) // 2
    assert len(whole) == 2 * count
    # Each epoch's first batch is that of the first turn.
    for epoch in (whole[:count], whole[count:]):
        for turn, part in enumerate(parts):
            wanted = epoch[turn::5]
            assert part[: len(wanted)] == wanted
            del part[: len(wanted)]
    assert not any(parts)


# --- Other numbers of ranks.


@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("done", [0, 3])
def test_a_state_of_one_of_several_turns_keeps_its_ranks(sets, shuffle, done):
    """Records were lost and doubled: each turn went on from its own last batch, for all ranks."""
    ranks = {"rank": 0, "world_size": 2}
    for turn in range(2):
        part = iterator(sets["plain"], turn, 2, shuffle=shuffle)
        for _ in range((done + 1 - turn) // 2):
            next(part)
        other = iterator(sets["plain"], turn, 2, shuffle=shuffle, **ranks)
        expected = ids(iterator(sets["plain"], turn, 2, shuffle=shuffle, **ranks))
        assert next(other)["id"].tolist() == expected[0]
        with pytest.raises(ValueError, match="of world_size=1, and of one of several workers"):
            other.load_state_dict(part.state_dict())
        # What is refused changes nothing.
        assert ids(other) == expected[1:]
        # Nor does a dataset in turns take it.
        dataset = tfr.Dataset(sets["plain"], ID, batch_size=7, shuffle=shuffle, **ranks)
        with pytest.raises(ValueError, match="begin an epoch with world_size=2 by set_epoch"):
            dataset.in_turns(turn, 2).load_state_dict(part.state_dict()["dataset"])


def test_a_state_of_one_turn_alone_goes_on_with_other_ranks(sets):
    whole = iterator(sets["plain"], 0, 1, shuffle=True)
    found = [next(whole)["id"].tolist() for _ in range(3)]
    for rank in range(2):
        dataset = tfr.Dataset(
            sets["plain"], ID, batch_size=7, shuffle=True, rank=rank, world_size=2
        )
        part = BatchesInTurns(dataset, 0, 1)
        part.load_state_dict(whole.state_dict())
        found += ids(part)
    assert sorted(number for batch in found for number in batch) == list(range(100))
