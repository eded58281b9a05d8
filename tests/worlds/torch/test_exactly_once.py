"""Random combinations of loaders, files, workers, ranks, epochs and resumption points."""

from __future__ import annotations

import json

import pytest
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader
from worlds.combinations import combination, first, ids, seeds, through_loaders

from tfrecord_lite.torch import IterableDataset, make_loader

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]


def with_dataloader(made, rank, start):
    data = IterableDataset(
        made.paths, {"id": int}, rank=rank, world_size=made.world_size, **made.options
    )
    persistent = made.workers > 0 and made.rng.random() < 0.5
    loader = DataLoader(
        data,
        batch_size=None,
        num_workers=made.workers,
        persistent_workers=persistent,
        multiprocessing_context=start if made.workers else None,
    )
    return [ids(loader) for _ in range(made.epochs)]


def with_stateful_dataloader(made, rank, start):
    def make():
        data = IterableDataset(
            made.paths, {"id": int}, rank=rank, world_size=made.world_size, **made.options
        )
        context = start if made.workers else None
        return StatefulDataLoader(
            data, batch_size=None, num_workers=made.workers, multiprocessing_context=context
        )

    loader = make()
    found = [ids(loader) for _ in range(made.epoch)]
    begun = first(loader, made.at)
    state = json.loads(json.dumps(loader.state_dict()))
    other = make()
    other.load_state_dict(state)
    # After the end of an epoch, and not just before it, the next one begins.
    found.append(begun + ids(other) if made.at <= len(loader) else begun)
    return found + [ids(other) for _ in range(made.epochs - made.epoch - 1)]


@pytest.mark.parametrize("seed", seeds())
def test_each_record_comes_once_in_its_place(tmp_path, seed):
    made = combination(seed, tmp_path)
    start = "spawn" if seed >= 100 and seed % 20 == 0 else "fork"
    which = made.rng.choice(["make_loader", "DataLoader", "StatefulDataLoader"])
    found = []
    for rank in range(made.world_size):
        if which == "make_loader":
            found.append(through_loaders(make_loader, made, rank))
        elif which == "DataLoader":
            found.append(with_dataloader(made, rank, start))
        else:
            found.append(with_stateful_dataloader(made, rank, start))
    made.check(found)
