"""How well a shuffle mixes: where records stood, and where they come; beside tf.data's."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from harness import RESULTS, conditions, describe, save

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH_SIZE = 256
BUFFER = 1000
FEATURES = {"id": int}


def write_shards(folder: Path, shards: int, records: int) -> list[str]:
    """Write shards whose records are numbered through."""
    paths = []
    for shard in range(shards):
        path = folder / f"{shard:05}.tfrecord"
        tfr.write_examples(path, {"id": np.arange(shard * records, (shard + 1) * records)})
        paths.append(str(path))
    return paths


def ours(paths: list[str], shuffle: bool | int, interleave: int = 16) -> list[int]:
    """Return the order in which `Dataset` gives the records of an epoch."""
    dataset = tfr.Dataset(
        paths, FEATURES, batch_size=BATCH_SIZE, shuffle=shuffle, interleave=interleave
    )
    return [number for batch in dataset for number in batch["id"].tolist()]


def theirs(paths: list[str], cycle: int) -> list[int]:
    """Return the order of tf.data: files shuffled, ``cycle`` of them in turn, and a buffer."""
    import tensorflow as tf

    files = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths), seed=0)
    records = files.interleave(tf.data.TFRecordDataset, cycle_length=cycle)
    batches = records.shuffle(BUFFER, seed=0).batch(BATCH_SIZE)
    numbers = []
    for batch in batches:
        parsed = tf.io.parse_example(batch, {"id": tf.io.FixedLenFeature([], tf.int64)})
        numbers += parsed["id"].numpy().tolist()
    return numbers


def mixing(order: list[int], records: int) -> tuple[float, float]:
    """Return how far records moved, as a share of a random order's; and the shards in a batch.

    In a random order of n records each is moved by n / 3 on average.
    """
    places = np.empty(len(order))
    places[order] = np.arange(len(order))
    moved = float(np.abs(places - np.arange(len(order))).mean()) / (len(order) / 3)
    batches = np.array_split(np.array(order) // records, len(order) // BATCH_SIZE)
    return moved, float(np.mean([len(np.unique(batch)) for batch in batches]))


def main() -> None:
    """Read a set in several ways and save how it was mixed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small set, for a test")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    shards, records = (60, 50) if given.quick else (3000, 100)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_shards(Path(folder), shards, records)
        ways: dict[str, Callable[[], list[int]]] = {
            f"`Dataset(shuffle={BUFFER:_})`": lambda: ours(paths, BUFFER),
            f"`Dataset(shuffle={BUFFER:_}, interleave=64)`": lambda: ours(paths, BUFFER, 64),
            f"`Dataset(shuffle={BUFFER:_}, interleave=1)`": lambda: ours(paths, BUFFER, 1),
            "`Dataset(shuffle=True)`": lambda: ours(paths, True),
            f"tf.data: files shuffled, 16 in turn, `shuffle({BUFFER:_})`": lambda: theirs(
                paths, 16
            ),
            f"tf.data: files shuffled, `shuffle({BUFFER:_})`": lambda: theirs(paths, 1),
        }
        found = {}
        for way, read in ways.items():
            order = read()
            if sorted(order) != list(range(shards * records)):
                raise AssertionError(f"{way}: not each record once")
            found[way] = mixing(order, records)
    where = conditions(["numpy", "tensorflow"])
    rows = [
        f"An epoch of {shards:,} shards of {records} records, in batches of {BATCH_SIZE}.",
        "",
        "| | mean displacement, of a random order's | shards in a batch |",
        "|---|---|---|",
        *(f"| {way} | {moved:.2f} | {many:.0f} |" for way, (moved, many) in found.items()),
    ]
    measured = {"conditions": where, "mixing": found}
    save("mixing", "\n".join([*rows, "", describe(where)]), measured, folder=given.results)


if __name__ == "__main__":
    main()
