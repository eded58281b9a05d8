"""Dataset: any shards, ranks, workers, batches, shuffles, epochs and points to resume at."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice, pairwise

import pytest
from dataset.sets import ID, INDEXED, KINDS, RECORDS, ids, joined, order_of
from dataset.test_batches import write
from variants import few_or_many

from tfrecord_lite.dataset.loader import Dataset

EPOCHS = 3


def write_set(folder, draw):
    """Write some first records as some shards of some kinds; return how many, and the shards."""
    count = draw.choice([0, 1, 2, 7, 20, 60, 100])
    shards = draw.choice([1, 2, 3, 8])
    kind = draw.choice([*KINDS, "mixed"])
    cuts = sorted(draw.randint(0, count) for _ in range(shards - 1))
    paths = []
    for number, (begin, end) in enumerate(pairwise([0, *cuts, count])):
        options = KINDS[draw.choice(list(KINDS)) if kind == "mixed" else kind]
        paths.append(write(folder / f"{number}.tfrecord", RECORDS[begin:end], **options))
    counts = [end - begin for begin, end in pairwise([0, *cuts, count])]
    return counts, paths, kind


def epochs_of(dataset, count=EPOCHS):
    return [ids(dataset) for _ in range(count)]


@few_or_many("combinations", 40, 320)
@pytest.mark.usefixtures("small")
def test_combinations(combinations, tmp_path):
    draw = random.Random(4)
    started = Counter()
    reshuffled = 0
    for combination in range(combinations):
        folder = tmp_path / str(combination)
        folder.mkdir()
        counts, paths, kind = write_set(folder, draw)
        count = sum(counts)
        ranks = draw.choice([1, 1, 2, 3, 8])
        shuffle = draw.choice([False, 1, 5, 40, 1000] + [True] * 3 * (kind in INDEXED))
        even = draw.choice([None, None, "drop", "pad"])
        options = {
            "batch_size": draw.choice([1, 3, 8, 32, 500]),
            "shuffle": shuffle,
            "interleave": draw.choice([1, 2, 3, 16]),
            "seed": draw.randint(0, 3),
            "even": even,
            "drop_remainder": draw.random() < 0.3,
            "repeat": draw.choice([1, 1, 2]),
            "check": draw.random() < 0.7,
        }
        case = (combination, count, len(paths), kind, ranks, options)

        def dataset(rank, paths=paths, ranks=ranks, options=options, **more):
            return Dataset(paths, ID, rank=rank, world_size=ranks, **options, **more)

        # By rank and epoch, and then by iteration.
        datasets = [dataset(rank) for rank in range(ranks)]
        found = list(map(epochs_of, datasets))
        repeat, size = options["repeat"], options["batch_size"]
        for iteration in range(EPOCHS):
            expected = [
                [
                    order_of(
                        count,
                        shuffle,
                        seed=options["seed"],
                        epoch=iteration * repeat + epoch,
                        rank=rank,
                        world_size=ranks,
                        even=even,
                        batch_size=options["batch_size"],
                        interleave=options["interleave"],
                        counts=counts,
                    )
                    for epoch in range(repeat)
                ]
                for rank in range(ranks)
            ]
            for rank in range(ranks):
                batches = [
                    order[begin : begin + size]
                    for order in expected[rank]
                    for begin in range(0, len(order), size)
                ]
                if options["drop_remainder"]:
                    batches = [batch for batch in batches if len(batch) == size]
                assert found[rank][iteration] == batches, case
                assert len(batches) == len(datasets[rank]), case
            seen = Counter(joined(joined(rank[iteration]) for rank in found))
            if even is None and not options["drop_remainder"]:
                assert seen == dict.fromkeys(range(count), repeat), case
            elif even is not None:
                shapes = {tuple(map(len, rank[iteration])) for rank in found}
                assert len(shapes) == 1, case
        for rank in found:
            orders = [joined(iteration) for iteration in rank]
            if shuffle not in (False, 1) and len(orders[0]) > 15:
                assert len({*map(tuple, orders)}) == EPOCHS, case
                reshuffled += 1
            elif not shuffle:
                assert orders == orders[:1] * EPOCHS, case

        # One rank again, interrupted and with workers.
        rank, workers = draw.randrange(ranks), draw.choice([*[0] * 15, 1, 2, 3])
        started[workers] += 1
        every = joined(found[rank])
        done = draw.randint(0, len(every))
        with dataset(rank, workers=workers) as again:
            if draw.random() < 0.5:
                assert epochs_of(again) == found[rank], case
            stopped = dataset(rank)
            state = stopped.state_dict()
            batches = []
            while len(batches) < done:
                for batch in islice(stopped, done - len(batches)):
                    batches.append(batch["id"].tolist())
                    state = stopped.state_dict()
            assert batches == every[:done], case
            again.load_state_dict(json.loads(json.dumps(state)))
            while len(batches) < len(every):
                batches += ids(again)
            assert batches[: len(every)] == every, case
    assert min(started[workers] for workers in range(4)) >= combinations // 32
    assert reshuffled > combinations // 8
