"""CIFAR-10's pickles to TFRecord shards, without TensorFlow, timed.

    python examples/cifar10/write_shards.py [--encoding raw|png] [--pickles FOLDER]

Writes cifar10_train/shard_000.tfrecord, ... and cifar10_test/shard_000.tfrecord, ... of 10,000
Examples each, with a manifest beside them. Where no pickles are, it makes a small set.
"""

from __future__ import annotations

import argparse
import io
import pickle
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import make_pickles
import numpy as np
from PIL import Image

import tfrecord_lite as tfr

LABEL = tfr.FixedLenFeature([], np.int64)
FEATURES = {
    # The bytes of the pixels as they are ...
    "raw": {"image": tfr.RawFeature([32, 32, 3], np.uint8), "label": LABEL},
    # ... or those of a PNG file.
    "png": {"image": tfr.FixedLenFeature([], bytes), "label": LABEL},
}


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 ``[n, 32, 32, 3]``, and labels, int64 ``[n]``."""
    with path.open("rb") as file:
        # A pickle can run any code: load only those whose origin you trust.
        batch = pickle.load(file, encoding="bytes")
    # The pickle has each color by itself; TensorFlow wants the colors of each pixel together.
    images = batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(batch[b"labels"])


def encode_png(image: np.ndarray) -> bytes:
    """Return the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write(batches: list[Path], folder: Path, encoding: str, pool: Executor) -> None:
    """Write the images of some pickles to the shards of a set, and say how long it took."""
    began = time.perf_counter()
    features = FEATURES[encoding]
    pattern = folder / "shard_{index:03d}.tfrecord"
    # The features go into the manifest, so whoever reads need not repeat them.
    with tfr.ShardWriter(
        pattern, records_per_shard=10_000, features=features, overwrite=True
    ) as writer:
        for path in batches:
            images, labels = read_batch(path)
            if encoding == "png":
                images = list(pool.map(encode_png, images, chunksize=250))
            writer.write_many(tfr.encode_examples({"image": images, "label": labels}, features))
    seconds = time.perf_counter() - began
    print(
        f"{folder}: {writer.records:,} images as {encoding}, {writer.raw_bytes / 1e6:.1f} MB, "
        f"in {seconds:.2f} s"
    )


def main() -> None:
    """Write the training set and the test set."""
    parser = argparse.ArgumentParser(description="Write CIFAR-10 as TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("cifar10-output"))
    parser.add_argument("--pickles", type=Path, help="default: OUTPUT/cifar-10-batches-py")
    parser.add_argument("--encoding", choices=["raw", "png"], default="raw")
    options = parser.parse_args()
    pickles: Path = options.pickles or options.output / "cifar-10-batches-py"
    if options.pickles is None and not pickles.exists():
        print(f"no CIFAR-10 in {pickles}: making a small set of generated images")
        make_pickles.make(pickles, images=10_000)

    with ProcessPoolExecutor() as pool:  # PNGs are made by all cores
        train = [pickles / f"data_batch_{i}" for i in range(1, 6)]
        write(train, options.output / "cifar10_train", options.encoding, pool)
        test = [pickles / "test_batch"]
        write(test, options.output / "cifar10_test", options.encoding, pool)

    with (pickles / "batches.meta").open("rb") as file:
        names = pickle.load(file, encoding="bytes")[b"label_names"]
    (options.output / "label_names.txt").write_bytes(b"\n".join(names) + b"\n")


if __name__ == "__main__":
    main()
