"""accelerate trains from our loaders as they are."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader
from worlds.files import write_ids

import tfrecord_lite as tfr
from tfrecord_lite.torch import IterableDataset, make_loader

accelerate = pytest.importorskip("accelerate")

COUNTS = (5, 0, 17, 1, 9)
OPTIONS = {"batch_size": 4, "shuffle": True, "seed": 1}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.mark.parametrize("kind", ["make_loader", "DataLoader"])
def test_training(tmp_path, kind):
    paths = write_ids(tmp_path, COUNTS)
    loader = make_loader(paths, **OPTIONS)
    if kind == "DataLoader":
        loader = DataLoader(
            IterableDataset(paths, **OPTIONS), None, num_workers=1, multiprocessing_context="fork"
        )
    layer = torch.nn.Linear(1, 1)
    accelerator = accelerate.Accelerator(cpu=True)
    model, optimizer, prepared = accelerator.prepare(
        layer, torch.optim.SGD(layer.parameters(), lr=1e-6), loader
    )
    seen = []
    for _ in range(2):
        for batch in prepared:
            seen.append(batch["id"].tolist())
            loss = model(batch["id"].float()[:, None]).square().mean()
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
    dataset = tfr.Dataset(paths, **OPTIONS)
    assert seen == [batch["id"].tolist() for _ in range(2) for batch in dataset]
    if kind == "make_loader":
        # What is no DataLoader is shared out by nobody but us.
        assert prepared is loader
