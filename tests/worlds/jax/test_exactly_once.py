"""Random combinations of loaders, files, workers, ranks, epochs and resumption points."""

from __future__ import annotations

import json
from itertools import accumulate, pairwise

import grain
import pytest
from worlds.combinations import combination, first, ids, seeds, through_loaders

from tfrecord_lite.grain import IterDataset
from tfrecord_lite.jax import make_loader


def with_grain(made, rank, grains):
    def make(workers):
        data = IterDataset(
            made.paths,
            {"id": int},
            rank=rank,
            world_size=made.world_size,
            repeat=made.epochs,
            workers=0 if grains else workers,
            **made.options,
        )
        if grains:
            data = data.mp_prefetch(grain.MultiprocessingOptions(num_workers=grains))
        return iter(data)

    before = [len(epoch) for epoch in made.wanted(rank)]
    iterator = make(made.workers)
    found = first(iterator, sum(before[: made.epoch]) + made.at)
    state = json.loads(json.dumps(iterator.get_state()))
    iterator.close()
    other = make(made.other_workers)
    other.set_state(state)
    found += ids(other)
    other.close()
    ends = [*accumulate(before, initial=0)]
    assert len(found) == ends[-1]
    return [found[begin:end] for begin, end in pairwise(ends)]


@pytest.mark.parametrize("seed", seeds())
def test_each_record_comes_once_in_its_place(tmp_path, seed):
    made = combination(seed, tmp_path)
    # Grain's workers are spawned, and take seconds.
    grains = 2 if seed >= 100 and seed % 20 == 0 else 0
    if grains or made.rng.random() < 0.5:
        found = [with_grain(made, rank, grains) for rank in range(made.world_size)]
    else:
        found = [
            through_loaders(make_loader, made, rank, prefetch=made.rng.randrange(4))
            for rank in range(made.world_size)
        ]
    made.check(found)
