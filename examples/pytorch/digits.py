"""Handwritten digits to shards, and a small network on them, fed in two ways.

    python examples/pytorch/digits.py [--output FOLDER] [--epochs 5]

First by `make_loader`, whose worker processes are this package's, then by torch's own DataLoader.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

import tfrecord_lite as tfr
from tfrecord_lite.torch import IterableDataset, make_loader

if TYPE_CHECKING:
    from collections.abc import Iterable

SEED = 1
FEATURES = {
    "image": tfr.FixedLenFeature([64], np.float32),
    "label": tfr.FixedLenFeature([], np.int64),
}


def write(output: Path) -> None:
    """Write 1,797 digits of 8 by 8 pixels: every fifth to test with, the others to train on."""
    images, labels = load_digits(return_X_y=True)
    columns = {"image": (images / 16).astype(np.float32), "label": labels.astype(np.int64)}
    test = np.arange(len(labels)) % 5 == 0
    for name, rows in (("test", test), ("train", ~test)):
        with tfr.ShardWriter(
            output / name, num_shards=3, features=FEATURES, overwrite=True
        ) as writer:
            writer.write_examples({key: column[rows] for key, column in columns.items()})


def train(name: str, batches: Iterable[Any], epochs: int, test: Path) -> None:
    """Train for some epochs, each in another order, and say how many of the others are right."""
    torch.manual_seed(SEED)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    begin = time.perf_counter()
    for _ in range(epochs):
        for batch in batches:
            loss = nn.functional.cross_entropy(model(batch["image"]), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    seconds = time.perf_counter() - begin
    right = count = 0
    with torch.no_grad():
        for batch in make_loader(test, batch_size=256):
            right += int((model(batch["image"]).argmax(1) == batch["label"]).sum())
            count += len(batch["label"])
    print(f"{name}: {right / count:.3f} of {count} right after {epochs} epochs, {seconds:.1f} s")


def main() -> None:
    """Write, then train twice."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits.")
    parser.add_argument("--output", type=Path, default=Path("pytorch-output"))
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    write(options.output)
    training, test = options.output / "train", options.output / "test"

    with make_loader(training, batch_size=32, shuffle=True, seed=SEED, workers=2) as loader:
        train("make_loader", loader, options.epochs, test)

    dataset = IterableDataset(training, batch_size=32, shuffle=True, seed=SEED)
    # The dataset makes the batches: batch_size=None. It shares them out among the workers.
    torch_loader = DataLoader(dataset, batch_size=None, num_workers=2, persistent_workers=True)
    train("DataLoader", torch_loader, options.epochs, test)


if __name__ == "__main__":
    main()
