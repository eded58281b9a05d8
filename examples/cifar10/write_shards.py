"""CIFAR-10's pickles to TFRecord shards, without TensorFlow, timed.

    python examples/cifar10/write_shards.py [--encoding raw|png] [--pickles FOLDER]

Shows what becomes of one image on its way to an Example and back, and then writes
cifar10_train/shard_000.tfrecord, ... and cifar10_test/shard_000.tfrecord, ... of 10,000 Examples
each, with a manifest beside them. Where no pickles are, it makes a small set.
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

LABEL = {
    "label_index": tfr.FixedLenFeature([], np.int64),
    "label_name": tfr.FixedLenFeature([], bytes),
}
FEATURES = {
    # The bytes of the pixels as they are ...
    "raw": {"image": tfr.RawFeature([32, 32, 3], np.uint8), **LABEL},
    # ... or those of a PNG file.
    "png": {"image": tfr.FixedLenFeature([], bytes), **LABEL},
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


def follow_one(path: Path, names: list[bytes], encoding: str) -> None:
    """Test the serializer: the first image of a pickle, printed in four stages."""
    images, labels = read_batch(path)
    label = int(labels[0])
    print(f"1. as it is: image {images[0].dtype} {images[0].shape}, label {label}")

    image = encode_png(images[0]) if encoding == "png" else images[0]
    example = {"image": image, "label_index": label, "label_name": names[label]}
    print("2. the values of an Example:")
    for name, value in example.items():
        print(f"   {name}: {shorten(value)}")

    record = tfr.encode_example(example, FEATURES[encoding])
    print(f"3. serialized: {len(record):,} bytes, {shorten(record)}")

    parsed = tfr.parse_example([record], FEATURES[encoding])
    print("4. parsed again:")
    for name, column in parsed.items():
        print(f"   {name}: {shorten(column[0])}")
        if not np.array_equal(column[0], example[name]):
            raise SystemExit(f"{name} has changed on its way")


def shorten(value: object) -> str:
    """Return what a value is, in one line."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}, first pixel {value[0, 0].tolist()}"
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def write(
    batches: list[Path], folder: Path, names: list[bytes], encoding: str, pool: Executor
) -> None:
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
            columns = {
                "image": images,
                "label_index": labels,
                "label_name": [names[label] for label in labels],
            }
            writer.write_many(tfr.encode_examples(columns, features))
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

    with (pickles / "batches.meta").open("rb") as file:
        names = pickle.load(file, encoding="bytes")[b"label_names"]
    train = [pickles / f"data_batch_{i}" for i in range(1, 6)]
    follow_one(train[0], names, options.encoding)
    with ProcessPoolExecutor() as pool:  # PNGs are made by all cores
        write(train, options.output / "cifar10_train", names, options.encoding, pool)
        test = [pickles / "test_batch"]
        write(test, options.output / "cifar10_test", names, options.encoding, pool)
    (options.output / "label_names.txt").write_bytes(b"\n".join(names) + b"\n")


if __name__ == "__main__":
    main()
