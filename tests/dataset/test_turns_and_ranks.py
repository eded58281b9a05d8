"""Dataset: batches shared out among processes and ranks, and states that go on with others."""

from __future__ import annotations

import json
import random
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
import pytest
from dataset.sets import ID, INDEXED, KINDS, flat, ids, joined
from dataset.test_batches import write
from dataset.test_loader_faults import damage, offset_of
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.dataset.loader import Dataset

GOLDEN = Path(__file__).with_name("golden_orders.json")


# --- Every so many-th batch.


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("turns", [1, 2, 5, 40])
@pytest.mark.parametrize("mapped", [False, True])
def test_batches_in_turns_are_those_of_one(sets, kind, shuffle, turns, mapped):
    if shuffle is True and kind not in INDEXED:
        return
    options = {"batch_size": 7, "shuffle": shuffle, "rank": 1, "world_size": 2}
    if mapped:
        options["map"] = lambda batch: batch
    whole = Dataset(sets[kind], ID, **options)
    parts = [whole.in_turns(turn, turns) for turn in range(turns)]
    for _ in range(2):
        expected = ids(whole)
        found = [ids(part) for part in parts]
        assert [len(part) for part in parts] == list(map(len, found))
        in_turn = [batch for batches in zip_longest(*found) for batch in batches if batch]
        assert in_turn == expected


@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("on_damage", ["raise", print])
def test_turns_of_turns(sets, shuffle, on_damage):
    """As of the workers of a machine, which itself is one of several."""
    options = {"batch_size": 7, "shuffle": shuffle, "on_damage": on_damage}
    machine = Dataset(sets["plain"], ID, **options).in_turns(1, 2)
    workers = [machine.in_turns(turn, 3) for turn in range(3)]
    for _ in range(2):
        expected = ids(machine)
        for turn, worker in enumerate(workers):
            assert ids(worker) == expected[turn::3]
            assert len(worker) == len(expected[turn::3])


@pytest.mark.parametrize("shuffle", [False, 15, True])
def test_one_in_turns_goes_on_with_its_own_batches(sets, shuffle):
    options = {"batch_size": 7, "shuffle": shuffle}
    for turn in range(3):
        part = Dataset(sets["plain"], ID, **options).in_turns(turn, 3)
        expected = ids(part)
        following = ids(part)
        for done in range(len(expected) + 1):
            part = Dataset(sets["plain"], ID, **options).in_turns(turn, 3)
            found = ids(islice(part, done))
            state = json.loads(json.dumps(part.state_dict()))
            part = Dataset(sets["plain"], ID, **options).in_turns(turn, 3)
            part.load_state_dict(state)
            # To its end, where there may be none left; the others are not there yet.
            assert found + ids(part) == expected
            assert ids(part) == following


@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_in_turns_each_record_that_is_left_comes_once(sets, shuffle, workers):
    whole = ids(Dataset(sets["plain"], ID, batch_size=7, shuffle=shuffle))
    # A batch is what is left of it, whoever gives it.
    left = [[number for number in batch if number != 48] for batch in whole]
    damage(sets["plain"][3], offset_of(48) - offset_of(43) + 20)
    told = []
    found = []
    for turn in range(3):
        whole = Dataset(
            sets["plain"], ID, batch_size=7, shuffle=shuffle, workers=workers, on_damage=told.append
        )
        with whole.in_turns(turn, 3) as part:
            batches = ids(part)
            assert batches == left[turn::3]
            found += joined(batches)
    assert sorted(found) == [number for number in range(100) if number != 48]
    assert {damage.record for damage in told} == {5}


def test_turns_that_there_are_not(sets):
    dataset = Dataset(sets["plain"], ID, batch_size=7)
    for turn, turns in ((2, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"turn={turn} must be from 0 to turns - 1"):
            dataset.in_turns(turn, turns)
    with pytest.raises(ValueError, match="turns=0 must be at least 1"):
        dataset.in_turns(0, 0)


# --- Epochs.


def test_set_epoch(sets):
    options = {"batch_size": 7, "shuffle": True}
    epochs = [ids(epoch) for epoch in [Dataset(sets["plain"], ID, **options)] * 4]
    dataset = Dataset(sets["plain"], ID, **options)
    for epoch in (2, 2, 0, 3, 1):
        dataset.set_epoch(epoch)
        assert ids(dataset) == epochs[epoch]
    # As training loops have it, after a state of the middle of an epoch.
    dataset.set_epoch(2)
    list(islice(dataset, 3))
    state = dataset.state_dict()
    dataset = Dataset(sets["plain"], ID, **options)
    dataset.load_state_dict(state)
    for epoch in (2, 3):
        dataset.set_epoch(epoch)
        assert ids(dataset) == epochs[epoch][3 if epoch == 2 else 0 :]
    # One that has begun begins again.
    list(islice(dataset, 3))
    dataset.set_epoch(0)
    assert ids(dataset) == epochs[0]
    with pytest.raises(ValueError, match="epoch=-1 must be at least 0"):
        dataset.set_epoch(-1)


# --- Other numbers of ranks.


def steps_of(sets, world_size, options, state=None):
    """Yield global steps: what all ranks return, and the state of each after it."""
    datasets = [
        Dataset(sets, ID, rank=rank, world_size=world_size, **options) for rank in range(world_size)
    ]
    if state is not None:
        for dataset in datasets:
            dataset.load_state_dict(state)
    iterators = [iter(dataset) for dataset in datasets]
    while True:
        batches = [next(iterator, None) for iterator in iterators]
        if not any(batches):
            return
        states = [dataset.state_dict() for dataset in datasets]
        yield joined(batch["id"].tolist() for batch in batches if batch), states


@pytest.mark.parametrize("seed", first(12, range(30)))
def test_a_shuffled_epoch_goes_on_with_any_number_of_ranks(sets, seed):
    draw = random.Random(seed)
    options = {"batch_size": draw.choice([1, 3, 8, 30]), "shuffle": True}
    expected = flat(Dataset(sets["plain"], ID, **options))
    found, state = [], None
    while len(found) < len(expected):
        # Of one epoch, with one number of ranks after another.
        steps = steps_of(sets["plain"], draw.choice([1, 2, 3, 4, 7]), options, state)
        for numbers, states in islice(steps, draw.randint(1, 6)):
            # In a full step it is the order itself.
            assert sorted(numbers) == sorted(expected[len(found) : len(found) + len(numbers)])
            found += numbers
            assert all(other == states[0] for other in states)
            state = json.loads(json.dumps(states[0]))
    assert state["epoch"] == 1
    assert state["position"] == 0
    dataset = Dataset(sets["plain"], ID, **options)
    dataset.load_state_dict(state)
    assert sorted(flat(dataset)) == list(range(100))


def test_one_of_four_ranks_goes_on_on_two(sets):
    options = {"batch_size": 5, "shuffle": True}
    expected = flat(Dataset(sets["plain"], ID, **options))
    steps = steps_of(sets["plain"], 4, options)
    found = joined(numbers for numbers, _ in islice(steps, 2))
    assert found == expected[:40]
    _, states = next(steps)
    rest = [numbers for numbers, _ in steps_of(sets["plain"], 2, options, states[3])]
    assert joined(rest) == expected[60:]
    # And back again, in the middle.
    (_, states), *_ = steps_of(sets["plain"], 2, options, states[3])
    assert states[0]["begin"] == 60
    rest = [numbers for numbers, _ in steps_of(sets["plain"], 4, options, states[0])]
    assert joined(rest)[:20] == expected[70:90]
    assert sorted(joined(rest)) == sorted(expected[70:])


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("turns", [1, 2])
def test_len_is_that_of_a_whole_epoch_on_other_ranks_too(sets, epoch, turns):
    options = {"batch_size": 5, "shuffle": True}
    before = Dataset(sets["plain"], ID, rank=0, world_size=2, **options)
    before.set_epoch(epoch)
    (*_,) = islice(before, 4)
    dataset = Dataset(sets["plain"], ID, **options)
    dataset.load_state_dict(before.state_dict())
    assert len(dataset.in_turns(0, turns)) == 20 // turns
    assert [len(ids(dataset)) for _ in range(3)] == [12, 20, 20]
    assert len(dataset) == 20


@pytest.mark.parametrize("shuffle", [False, 15])
def test_consecutive_shares_change_hands_at_the_end_of_an_epoch(sets, shuffle):
    options = {"batch_size": 10, "shuffle": shuffle}
    *_, (_, before), (_, last) = steps_of(sets["plain"], 2, options)
    for states, ends in ((before, False), (last, True)):
        for state in states:
            dataset = Dataset(sets["plain"], ID, rank=0, world_size=3, **options)
            if ends:
                dataset.load_state_dict(state)
                assert dataset.state_dict()["epoch"] == 1
            else:
                with pytest.raises(
                    ValueError, match="is of world_size=2, in the middle of an epoch.*to the end"
                ):
                    dataset.load_state_dict(state)
    # The state of a dataset whose files nobody had counted.
    dataset = Dataset(sets["zlib"], ID, check=False, **options)
    (*_,) = iter(dataset)
    state = {**dataset.state_dict(), "epoch": 0, "position": 100}
    dataset = Dataset(sets["zlib"], ID, rank=1, world_size=2, **options)
    dataset.load_state_dict(state)
    assert dataset.state_dict()["epoch"] == 1


def test_a_step_from_which_damage_was_left_out_keeps_its_ranks(sets):
    damage(sets["plain"][3], offset_of(48) - offset_of(43) + 20)
    options = {"batch_size": 7, "shuffle": True, "seed": 5, "on_damage": [].append}
    for rank in range(2):
        dataset = Dataset(sets["plain"], ID, rank=rank, world_size=2, **options)
        states = [dataset.state_dict() for _ in dataset][:-1]
        other = Dataset(sets["plain"], ID, world_size=3, **options)
        refused = 0
        for state in states:
            if (state["position"] - state["begin"]) % 14:
                refused += 1
                with pytest.raises(ValueError, match="from which damaged records were left out"):
                    other.load_state_dict(state)
            else:
                other.load_state_dict(state)
        if rank == 0:
            first = refused
    assert first + refused > 0


@pytest.mark.parametrize(
    "change", [{"position": -1}, {"begin": "0"}, {"world_size": 0}, {"position": 5, "begin": 7}]
)
def test_states_that_are_none(sets, change):
    dataset = Dataset(sets["plain"], ID, batch_size=5, shuffle=True)
    with pytest.raises(ValueError, match="the state has"):
        dataset.load_state_dict({**dataset.state_dict(), **change})


# --- Mixing.


def displacement(order, count):
    """Return how far records are from where they were, as a share of what random order gives."""
    places = np.empty(count)
    places[order] = np.arange(count)
    return float(np.abs(places - np.arange(count)).mean()) / (count / 3)


def test_a_small_buffer_mixes_all_files(tmp_path):
    for number in range(40):
        first = number * 50
        write(tmp_path / f"{number:02}", numbered(first, first + 50))
    options = {"batch_size": 100, "shuffle": 100}
    mixed = flat(Dataset(tmp_path, ID, **options))
    assert sorted(mixed) == list(range(2000))
    assert displacement(mixed, 2000) > 0.8
    # A batch has records of many files.
    assert len({number // 50 for number in mixed[:100]}) > 10
    alone = flat(Dataset(tmp_path, ID, interleave=1, **options))
    assert len({number // 50 for number in alone[:100]}) < 7


def numbered(begin, end):
    return [tfr.encode_example({"id": number}) for number in range(begin, end)]


@pytest.mark.parametrize("interleave", [1, 2, 5])
@pytest.mark.parametrize("check", [False, True])
def test_each_record_once_whatever_is_known_of_the_files(sets, interleave, check):
    """Files that are read for the first time, and by their indexes: the same order."""
    orders = set()
    for kind in (*KINDS, "mixed"):
        options = {"batch_size": 9, "shuffle": 20, "interleave": interleave, "check": check}
        dataset = Dataset(sets[kind], ID, **options)
        for _ in range(2):
            orders.add(tuple(flat(dataset)))
    assert len(orders) == 2
    assert all(sorted(order) == list(range(100)) for order in orders)


# --- The order is a pure function of what is given.


def orders():
    for shuffle in (False, 7, 40, True):
        for seed, epoch in ((0, 0), (5, 2)):
            for rank, world_size in ((0, 1), (1, 3)):
                for interleave in (16, 2) if shuffle in (7, 40) else (16,):
                    yield {
                        "shuffle": shuffle,
                        "seed": seed,
                        "epoch": epoch,
                        "rank": rank,
                        "world_size": world_size,
                        "interleave": interleave,
                    }


def test_the_order_is_that_of_the_golden_file(sets):
    """A new version reads in the order of the old: a state is worth as much as that."""
    golden = json.loads(GOLDEN.read_text())
    found = []
    for given in orders():
        options = dict(given)
        epoch = options.pop("epoch")
        dataset = Dataset(sets["plain"], ID, batch_size=4, **options)
        dataset.set_epoch(epoch)
        found.append({**given, "ids": flat(dataset)})
    assert found == golden
