"""Handwritten digits to shards, and a small network on them in plain JAX, fed in two ways.

    python examples/jax-digits/digits.py [--output FOLDER] [--epochs 5]

First by `make_loader`, which keeps batches on the devices, shared out among them; then by a
pipeline of grain, from which it goes on after a checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

import tfrecord_lite as tfr
from tfrecord_lite.grain import IterDataset
from tfrecord_lite.jax import make_loader

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


def make_weights() -> list[Any]:
    """Return the weights of two layers."""
    first, second = jax.random.split(jax.random.key(SEED))
    return [
        0.1 * jax.random.normal(first, (64, 64)),
        jnp.zeros(64),
        0.1 * jax.random.normal(second, (64, 10)),
        jnp.zeros(10),
    ]


def logits(weights: list[Any], images: Any) -> Any:
    """Return how likely each digit is."""
    return jax.nn.relu(images @ weights[0] + weights[1]) @ weights[2] + weights[3]


def loss(weights: list[Any], batch: dict[str, Any]) -> Any:
    """Return the mean cross entropy."""
    likely = jax.nn.log_softmax(logits(weights, batch["image"]))
    return -likely[jnp.arange(len(batch["label"])), batch["label"]].mean()


@jax.jit
def step(weights: list[Any], batch: dict[str, Any]) -> list[Any]:
    """Take a step down the gradient."""
    gradients = jax.grad(loss)(weights, batch)
    return [weight - 0.5 * gradient for weight, gradient in zip(weights, gradients, strict=True)]


def train(weights: list[Any], batches: Iterable[dict[str, Any]]) -> list[Any]:
    """Take a step with each batch."""
    for batch in batches:
        weights = step(weights, batch)
    return weights


def test(name: str, weights: list[Any], path: Path, seconds: float) -> None:
    """Say how many of the others are right."""
    right = count = 0
    for batch in make_loader(path, batch_size=256):
        right += int((logits(weights, batch["image"]).argmax(1) == batch["label"]).sum())
        count += len(batch["label"])
    print(f"{name}: {right / count:.3f} of {count} right, {seconds:.1f} s")


def main() -> None:
    """Write, then train twice."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits.")
    parser.add_argument("--output", type=Path, default=Path("jax-output"))
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    write(options.output)
    training, held_out = options.output / "train", options.output / "test"

    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    begin = time.perf_counter()
    weights = make_weights()
    with make_loader(
        training,
        batch_size=32,
        shuffle=True,
        seed=SEED,
        workers=2,
        sharding=sharding,
        drop_remainder=True,
    ) as loader:
        for _ in range(options.epochs):
            weights = train(weights, loader)
    name = f"make_loader on {len(jax.devices())} devices"
    test(name, weights, held_out, time.perf_counter() - begin)

    begin = time.perf_counter()
    data = IterDataset(
        training,
        batch_size=32,
        shuffle=True,
        seed=SEED,
        repeat=options.epochs,
        drop_remainder=True,
    )
    iterator = iter(data)
    weights = train(make_weights(), islice(iterator, 60))
    checkpoint = json.dumps(iterator.get_state())
    # Somebody else, later.
    iterator = iter(data)
    iterator.set_state(json.loads(checkpoint))
    weights = train(weights, iterator)
    test("grain, after a checkpoint", weights, held_out, time.perf_counter() - begin)


if __name__ == "__main__":
    main()
