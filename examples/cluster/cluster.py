"""Pictures in a bucket: written by Ray, verified, counted by Spark, trained on by PyTorch.

    python examples/cluster/cluster.py [FOLDER] [--pictures 3000] [--steps write verify count train]

FOLDER is a directory or a URL. Without it a server of S3 is started, for as long as this runs, or
where there is none it is a directory. A step whose packages are missing says so and is skipped.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import tfrecord_lite as tfr

sys.path.insert(0, str(Path(__file__).parent))

SIZE = 32
KINDS = ["across", "down", "slanted"]
# Stored as bytes; a batch has them as uint8 [pictures, 32, 32, 3].
FEATURES = {"image": tfr.RawFeature([SIZE, SIZE, 3], np.uint8), "label": int}
# The packages of each step.
STEPS = {"write": ["ray"], "verify": [], "count": ["pyspark"], "train": ["torch"]}


def draw(batch: dict[str, Any]) -> dict[str, Any]:
    """Draw a picture for each number: stripes of two colours, across, down or slanted."""
    y, x = np.mgrid[:SIZE, :SIZE]
    images = []
    for number in batch["id"]:
        rng = np.random.default_rng(number)
        along = [y, x, x + y][number % len(KINDS)] + rng.integers(8)
        colours = rng.integers(0, 256, (2, 3))
        image = colours[along // rng.integers(3, 6) % 2] + rng.normal(0, 40, (SIZE, SIZE, 3))
        images.append(image.clip(0, 255).astype(np.uint8))
    return {"image": np.stack(images), "label": batch["id"] % len(KINDS)}


def write(name: str, pictures: int) -> str:
    """Draw and write by Ray's tasks, each a shard or more; all are there at once, or none."""
    import ray

    from tfrecord_lite.ray import write_tfrecords

    # Two processes of this machine; ray.init("auto") is the cluster that one is in.
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    drawn = ray.data.range(pictures, override_num_blocks=4).map_batches(draw, batch_size=256)
    manifest = write_tfrecords(drawn, name, features=FEATURES, overwrite=True)
    ray.shutdown()
    return f"{manifest.records:,} pictures in {len(manifest.entries)} shards"


def verify(name: str) -> str:
    """Check every checksum, every Example and the manifest."""
    report = tfr.verify(name, examples=True)
    if not report.ok:
        raise SystemExit(str(report))
    records = sum(file.records for file in report.files)
    return f"{records:,} records, nothing wrong"


def count(name: str) -> str:
    """Count the pictures of each kind by Spark, which decodes the labels alone."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    from tfrecord_lite.spark import register

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    register(spark)
    frame = spark.read.format("tfrecord_lite").schema("label long").load(name)
    counts = {row["label"]: row["count"] for row in frame.groupBy("label").count().collect()}
    spark.stop()
    return ", ".join(f"{counts[label]:,} {kind}" for label, kind in enumerate(KINDS))


def train(name: str) -> str:
    """Train a small network, fed in another order each epoch."""
    import torch
    from torch import nn

    from tfrecord_lite.torch import make_loader

    torch.manual_seed(1)
    model = nn.Sequential(
        *(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=2), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, len(KINDS))),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    # Without features they are those of the manifest.
    with make_loader(name, batch_size=64, shuffle=512, seed=1) as loader:
        for _ in range(4):
            right = seen = 0
            for batch in loader:
                scores = model(batch["image"].permute(0, 3, 1, 2) / 255 - 0.5)
                loss = nn.functional.cross_entropy(scores, batch["label"])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                right += int((scores.argmax(1) == batch["label"]).sum())
                seen += len(scores)
    return f"{right / seen:.2f} of {seen:,} right in the last epoch"


def main() -> None:
    """Run the steps whose packages are there."""
    parser = argparse.ArgumentParser(description="Ray, Spark and PyTorch on a set in a bucket.")
    parser.add_argument("folder", nargs="?", help="a directory or a URL")
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    runs = {
        "write": partial(write, pictures=options.pictures),
        "verify": verify,
        "count": count,
        "train": train,
    }
    with ExitStack() as stack:
        folder = options.folder
        if folder is None:
            from store import started

            folder = stack.enter_context(started())
        name = f"{folder}/pictures"
        print(f"the set: {name}")
        for step in options.steps:
            missing = [package for package in STEPS[step] if find_spec(package) is None]
            if missing:
                print(f"{step}: skipped, {' and '.join(missing)} not installed")
                continue
            begin = time.perf_counter()
            said = runs[step](name)
            print(f"{step}: {said} ({time.perf_counter() - begin:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
