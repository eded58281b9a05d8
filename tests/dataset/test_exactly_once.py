"""Dataset: each record once and in its place, for random files, orders, ranks, maps and turns."""

from __future__ import annotations

import json
import random
from itertools import islice, pairwise, zip_longest

import pytest
from dataset.sets import ID, INDEXED, KINDS, RECORDS, flat, ids, joined
from dataset.test_batches import write
from dataset.test_loader_faults import damage, offset_of

import tfrecord_lite as tfr
from tfrecord_lite.thresholds import limits

QUICK, ALL = 40, 500
LENGTH, DATA = 13, 20


def seeds():
    return [
        *range(QUICK),
        *(pytest.param(seed, marks=pytest.mark.long) for seed in range(QUICK, ALL)),
    ]


def write_files(draw, folder):
    """Write some first records as files of random kinds; return how many, paths, kinds, bounds."""
    count, files = draw.choice([0, 1, 5, 40, 100]), draw.choice([1, 2, 5])
    bounds = [0, *sorted(draw.randint(0, count) for _ in range(files - 1)), count]
    kinds = [draw.choice(list(KINDS)) for _ in range(files)]
    paths = [
        write(folder / f"{number}.tfrecord", RECORDS[begin:end], **KINDS[kind])
        for number, (kind, (begin, end)) in enumerate(zip(kinds, pairwise(bounds), strict=True))
    ]
    return count, paths, kinds, bounds


def damage_one(draw, paths, kinds, bounds):
    """Damage a record of a plain file, where there is one of some records; return which is lost."""
    files = [
        number
        for number, (begin, end) in enumerate(pairwise(bounds))
        if kinds[number] == "plain" and end - begin > 2
    ]
    if not files or draw.random() < 0.5:
        return set()
    number = draw.choice(files)
    lost = draw.randrange(bounds[number], bounds[number + 1])
    at = offset_of(lost) - offset_of(bounds[number]) + draw.choice([LENGTH, DATA])
    damage(paths[number], at)
    try:
        list(tfr.read_records(paths[number]))
    except tfr.TFRecordError:
        return {lost}
    return set()


def unchanged(batch):
    return {"id": batch["id"]}


@pytest.mark.parametrize("seed", seeds())
def test_each_record_once_and_in_its_place(tmp_path, monkeypatch, seed):
    draw = random.Random(seed)
    if draw.random() < 0.5:
        monkeypatch.setattr(limits, "small_block_bytes", (200, 400))
    count, paths, kinds, bounds = write_files(draw, tmp_path)
    lost = damage_one(draw, paths, kinds, bounds)
    indexed = all(kind in INDEXED for kind in kinds)
    world_size = draw.choice([1, 1, 2, 3])
    options = {
        "batch_size": draw.choice([1, 3, 8, 50]),
        "shuffle": draw.choice([False, 3, 20, 500] + [True] * 3 * indexed),
        "interleave": draw.choice([1, 2, 16]),
        "even": draw.choice([None, None, "drop", "pad"]),
        "drop_remainder": draw.random() < 0.3,
        "seed": draw.randint(0, 9),
        "check": draw.random() < 0.6,
        "on_damage": [].append if lost else "raise",
    }

    def dataset(rank, **more):
        return tfr.Dataset(paths, ID, rank=rank, world_size=world_size, **options, **more)

    def perhaps_mapped():
        return {"map": unchanged} if draw.random() < 0.5 else {}

    if options["even"] is None and not options["drop_remainder"]:
        every = sorted(number for rank in range(world_size) for number in flat(dataset(rank)))
        assert every == [number for number in range(count) if number not in lost]
    rank = draw.randrange(world_size)
    one = dataset(rank)
    epochs = [ids(one), ids(one)]
    mapped = dataset(rank, map=unchanged)
    assert [ids(mapped), ids(mapped)] == epochs

    turns = draw.choice([2, 3])
    parts = [ids(dataset(rank, **perhaps_mapped()).in_turns(turn, turns)) for turn in range(turns)]
    if not lost:
        assert [batch for some in zip_longest(*parts) for batch in some if batch] == epochs[0]
    elif not options["drop_remainder"]:
        assert sorted(joined(joined(parts))) == sorted(joined(epochs[0]))

    # Stopped after some batches, and gone on with elsewhere.
    one = dataset(rank)
    found = ids(islice(one, draw.randint(0, len(epochs[0]))))
    state = json.loads(json.dumps(one.state_dict()))
    other = dataset(rank, **perhaps_mapped())
    other.load_state_dict(state)
    while len(found) < len(joined(epochs)):
        found += ids(other)
    assert found[: len(joined(epochs))] == joined(epochs)
