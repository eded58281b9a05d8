"""Random settings of loaders, and what they must give: each record once, in its place."""

from __future__ import annotations

import json
import random
from itertools import islice
from typing import Any, NamedTuple

import pytest
from worlds.files import write_ids

import tfrecord_lite as tfr

# So many of each world are run by its tests, and all of them by `make soak`.
QUICK, ALL = 20, 250
KINDS = {
    "plain": {},
    "blocked": {"compression": "GZIP", "block_bytes": 300},
    "gzip": {"compression": "GZIP", "block_bytes": None},
    "zlib": {"compression": "ZLIB"},
}


def seeds() -> list[Any]:
    long = [pytest.param(seed, marks=pytest.mark.long) for seed in range(QUICK, ALL)]
    return [*range(QUICK), *long]


class Combination(NamedTuple):
    total: int
    paths: list[str]
    options: dict[str, Any]
    world_size: int
    workers: int
    other_workers: int
    epochs: int
    # In this epoch, after so many batches, a state is saved and somebody else goes on.
    epoch: int
    at: int
    rng: random.Random

    def wanted(self, rank: int) -> list[list[list[int]]]:
        """Return the batches of a rank, epoch by epoch."""
        dataset = tfr.Dataset(
            self.paths, {"id": int}, rank=rank, world_size=self.world_size, **self.options
        )
        return [ids(dataset) for _ in range(self.epochs)]

    def check(self, found: list[list[list[list[int]]]]) -> None:
        """Look whether each record came once, and in its place."""
        assert found == [self.wanted(rank) for rank in range(self.world_size)]
        if self.options["even"] or self.options["drop_remainder"]:
            return
        for epoch in range(self.epochs):
            numbers = [n for of_rank in found for batch in of_rank[epoch] for n in batch]
            assert sorted(numbers) == list(range(self.total))


def combination(seed: int, folder) -> Combination:
    rng = random.Random(seed)
    counts = [rng.choice([0, 1, rng.randrange(40)]) for _ in range(rng.randint(1, 6))]
    shuffle = rng.choice([False, True, 1, 5, 100])
    kind = rng.choice(["plain", "blocked"] if shuffle is True else list(KINDS))
    epochs = rng.randint(1, 3)
    return Combination(
        total=sum(counts),
        paths=write_ids(folder, counts, **KINDS[kind]),
        options={
            "batch_size": rng.randint(1, 12),
            "shuffle": shuffle,
            "interleave": rng.choice([1, 2, 16]),
            "seed": rng.randrange(1000),
            "even": rng.choice([None, None, "drop", "pad"]),
            "drop_remainder": rng.random() < 0.3,
        },
        world_size=rng.choice([1, 1, 2, 3, 7]),
        workers=rng.choice([0, 1, 2, 3]),
        other_workers=rng.choice([0, 1, 2]),
        epochs=epochs,
        epoch=rng.randrange(epochs),
        at=rng.choice([0, 1, rng.randrange(12)]),
        rng=rng,
    )


def through_loaders(make_loader, made: Combination, rank: int, **first_options):
    """Return the batches of a rank by `make_loader`, where another goes on from a state."""
    options = {"rank": rank, "world_size": made.world_size, **made.options}
    found = []
    with make_loader(
        made.paths, {"id": int}, workers=made.workers, **first_options, **options
    ) as loader:
        found += [ids(loader) for _ in range(made.epoch)]
        size = len(loader)
        batches = iter(loader)
        begun = first(batches, made.at)
        state = json.loads(json.dumps(loader.state_dict()))
        batches.close()
    with make_loader(made.paths, {"id": int}, workers=made.other_workers, **options) as loader:
        loader.load_state_dict(state)
        if made.at < size or size == 0:
            begun += ids(loader)
        # At an epoch's end a state is that of the next one's beginning.
        found.append(begun)
        found += [ids(loader) for _ in range(made.epochs - made.epoch - 1)]
    return found


def ids(batches) -> list[list[int]]:
    return [batch["id"].tolist() for batch in batches]


def first(batches, count: int) -> list[list[int]]:
    return ids(islice(batches, count))
