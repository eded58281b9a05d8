"""Batches for PyTorch, and by grain, beside what else there is: ratios of one run each.

Workloads A and B, one plain file each, in the page cache; batches of 256; 2 worker processes, which
stay from one epoch to the next. We check all checksums. The peers are the package ``tfrecord``,
which checks none, in a DataLoader; tf.data, its batches taken by ``torch.from_numpy``; grain's own
``TFRecordIterDataset``, which checks none and gives records as bytes, not decoded; and grain asking
for records one by one. Then 2,000 JPEGs of some 70 KB, decoded at half the size where that is
enough (simplejpeg) and resized to 224 by 224 (Pillow).

It needs an environment of its own: ``make bench-training``.
"""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import torch
from harness import compare, compare_prepared, parse_options, publish, timed
from torch.utils.data import DataLoader
from workloads import CACHE, WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite.grain import DataSource, IterDataset
from tfrecord_lite.torch import IterableDataset, make_loader

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable

    from harness import Comparison, Prepare

BATCH, WORKERS, SIZE = 256, 2, 224
LOADER_TARGETS = {
    "A": {"tfrecord in DataLoader, 2 workers": 50, "tf.data to torch": 2},
    "B": {"tfrecord in DataLoader, 2 workers": 3, "tf.data to torch": 1},
}
ITERABLE_TARGETS = {"A": 5, "B": 1.2}
GETITEMS_TARGETS = {"A": 10, "B": 5}
GRAIN_TARGET = 1.5
# TensorFlow and the package tfrecord cannot be in one process: both define tf.train.Example.
APART = ("tf.data to torch", "tf.data, AUTOTUNE")
# So many records are asked for one by one.
ONE_BY_ONE = 8 * BATCH
_KINDS = {bytes: "byte", np.int64: "int", np.float32: "float"}


def through(batches: Iterable[Any]) -> Callable[[], None]:
    """Return a function that goes through an epoch."""

    def drain() -> None:
        for _ in batches:
            pass

    return drain


def ready(batches: Iterable[Any]) -> Prepare:
    """Return an epoch as a contender that needs no preparation."""
    return partial(through, batches)


def peer_rows(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Make a batch of what the package tfrecord gives, faster than torch's own collate does."""
    return {
        name: [row[name] for row in rows]
        if isinstance(rows[0][name], bytes)
        else torch.from_numpy(np.concatenate([row[name] for row in rows]))
        for name in rows[0]
    }


def peer(path: str, features: Any, **options: Any) -> Any:
    """Return the loader of those who use the package tfrecord, each worker with its part."""
    from tfrecord.tools.tfrecord2idx import create_index
    from tfrecord.torch.dataset import TFRecordDataset

    index = f"{path}.tfrecord-idx"
    if not os.path.exists(index):
        create_index(path, index)
    kinds = {name: _KINDS[feature.dtype] for name, feature in features.items()}
    return DataLoader(
        TFRecordDataset(path, index, kinds, **options),
        batch_size=BATCH,
        num_workers=WORKERS,
        persistent_workers=True,
        collate_fn=peer_rows if not options else None,
    )


def from_tensorflow(path: str, features: Any) -> Callable[[], None]:
    """Return an epoch of tf.data's batches as tensors of torch."""
    import tensorflow as tf

    from tfrecord_lite.tensorflow import to_tf_features

    specs = to_tf_features(features)
    data = (
        tf.data.TFRecordDataset(path, buffer_size=1 << 20)
        .batch(BATCH, num_parallel_calls=tf.data.AUTOTUNE)
        .map(lambda records: tf.io.parse_example(records, specs), tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )

    def run() -> None:
        for batch in data:
            for tensor in batch.values():
                array = tensor.numpy()
                array.tolist() if array.dtype == object else torch.from_numpy(array)

    return run


def loaders(name: str, options: Namespace) -> list[Comparison]:
    """Compare make_loader and IterableDataset with the peers."""
    workload = WORKLOADS[name]
    path = workload.file(quick=options.quick)
    features = workload.features
    units = workload.size(quick=options.quick)
    theirs = peer(path, features)
    data = IterableDataset(path, features, batch_size=BATCH)
    ours = DataLoader(data, batch_size=None, num_workers=WORKERS, persistent_workers=True)
    with make_loader(path, features, batch_size=BATCH, workers=WORKERS) as loader:
        return [
            compare_prepared(
                f"{name}: an epoch of tensors",
                {
                    "make_loader, 2 workers": ready(loader),
                    "make_loader, 0 workers": ready(make_loader(path, features, batch_size=BATCH)),
                    "tf.data to torch": partial(from_tensorflow, path, features),
                    "tfrecord in DataLoader, 2 workers": ready(theirs),
                },
                apart=APART,
                unit="record",
                units=units,
                repeats=options.repeats,
                targets=LOADER_TARGETS[name],
            ),
            compare(
                f"{name}: a DataLoader with 2 workers",
                {"IterableDataset": timed(through(ours)), "tfrecord": timed(through(theirs))},
                unit="record",
                units=units,
                repeats=options.repeats,
                targets={"tfrecord": ITERABLE_TARGETS[name]},
            ),
        ]


def by_grain(name: str, options: Namespace) -> list[Comparison]:
    """Compare our sources of grain with what it does without them."""
    import grain
    from grain.experimental import TFRecordIterDataset

    workload = WORKLOADS[name]
    path = workload.file(quick=options.quick)
    features = workload.features
    units = workload.size(quick=options.quick)
    source = DataSource(path, features)
    shuffled = grain.MapDataset.source(source).shuffle(seed=1)
    numbers = grain.MapDataset.range(len(source)).shuffle(seed=1).batch(BATCH).map(source.read)
    count = min(ONE_BY_ONE, units)

    def together() -> None:
        for begin in range(0, count, BATCH):
            shuffled._getitems(range(begin, min(begin + BATCH, count)))

    def one_by_one() -> None:
        for number in range(count):
            shuffled[number]

    def columns() -> None:
        for number in range(-(-count // BATCH)):
            numbers[number]

    return [
        compare(
            f"{name}: grain.DataSource, shuffled",
            {
                "_getitems of 256": timed(together),
                "one by one": timed(one_by_one),
                "numbers in batches, and read": timed(columns),
            },
            unit="record",
            units=count,
            repeats=options.repeats,
            targets={"one by one": GETITEMS_TARGETS[name]},
        ),
        compare(
            f"{name}: an epoch of grain",
            {
                "our IterDataset, batches of columns": timed(
                    through(IterDataset(path, features, batch_size=BATCH))
                ),
                "TFRecordIterDataset, bytes not decoded": timed(through(TFRecordIterDataset(path))),
            },
            unit="record",
            units=units,
            repeats=options.repeats,
            targets={"TFRecordIterDataset, bytes not decoded": GRAIN_TARGET},
        ),
    ]


JPEG_FEATURES = {
    "image": tfr.FixedLenFeature([], bytes),
    "label": tfr.FixedLenFeature([], np.int64),
}


def photographs(count: int) -> str:
    """Return the path of a file of JPEGs, 500 by 375, of some 70 KB each."""
    from PIL import Image

    path = CACHE / f"jpeg-{count}.tfrecord"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        rng = np.random.default_rng(6)
        with tfr.RecordWriter(path) as writer:
            for number in range(count):
                coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
                smooth = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), np.int16)
                noise = rng.normal(0, 14, smooth.shape).astype(np.int16)
                image = Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))
                file = io.BytesIO()
                image.save(file, "JPEG", quality=85)
                writer.write_example({"image": file.getvalue(), "label": number % 1000})
    return os.fspath(path)


def decode_one(data: bytes) -> Any:
    """Return a picture, uint8 ``[224, 224, 3]``."""
    import simplejpeg
    from PIL import Image

    pixels = simplejpeg.decode_jpeg(
        data, min_height=SIZE, min_width=SIZE, fastdct=True, fastupsample=True
    )
    return np.array(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def decode_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """Decode a batch of ours."""
    return {"image": np.stack(list(map(decode_one, batch["image"]))), "label": batch["label"]}


def decode_row(row: dict[str, Any]) -> dict[str, Any]:
    """Decode a record of the package tfrecord."""
    return {"image": torch.from_numpy(decode_one(row["image"])), "label": row["label"]}


def jpeg_by_tensorflow(path: str) -> Any:
    """Return tf.data's pipeline: decode and resize, in parallel."""
    import tensorflow as tf

    def decode(record: Any) -> Any:
        found = tf.io.parse_single_example(
            record,
            {
                "image": tf.io.FixedLenFeature([], tf.string),
                "label": tf.io.FixedLenFeature([], tf.int64),
            },
        )
        image = tf.io.decode_jpeg(found["image"], channels=3)
        # With antialias, as Pillow does it.
        small = tf.image.resize(image, [SIZE, SIZE], antialias=True)
        return tf.cast(small, tf.uint8), found["label"]

    data = tf.data.TFRecordDataset(path).map(decode, tf.data.AUTOTUNE).batch(64)
    return through(data.prefetch(tf.data.AUTOTUNE))


def jpegs(options: Namespace) -> Comparison:
    """Compare decoding in our workers with one process, and with the peers."""
    count = 40 if options.quick else 2000
    path = photographs(count)
    make = partial(make_loader, path, JPEG_FEATURES, batch_size=64, map=decode_batch)
    theirs = peer(path, JPEG_FEATURES, transform=decode_row)
    with make(workers=WORKERS) as loader:
        return compare_prepared(
            "JPEGs of 70 KB to 224 by 224",
            {
                "make_loader, 2 workers": ready(loader),
                "make_loader, 0 workers": ready(make()),
                "tfrecord in DataLoader, 2 workers": ready(theirs),
                "tf.data, AUTOTUNE": partial(jpeg_by_tensorflow, path),
            },
            apart=APART,
            unit="picture",
            units=count,
            repeats=options.repeats,
            targets={
                "make_loader, 0 workers": 1.7,
                "tfrecord in DataLoader, 2 workers": 1,
                "tf.data, AUTOTUNE": 1,
            },
        )


PARTS = ["A", "B", "jpeg"]


def main() -> None:
    """Measure all parts, or one."""
    from absl import flags

    flags.FLAGS.mark_as_parsed()
    options = parse_options(__doc__, repeats=7, only=PARTS)
    packages = ["numpy", "torch", "tfrecord", "tensorflow_cpu", "grain", "simplejpeg", "pillow"]
    for name in [options.only] if options.only else PARTS:
        print(name, file=sys.stderr, flush=True)
        if name == "jpeg":
            comparisons = [jpegs(options)]
        else:
            comparisons = [*loaders(name, options), *by_grain(name, options)]
        publish(f"training_{name}", comparisons, packages, options.results)


if __name__ == "__main__":
    main()
