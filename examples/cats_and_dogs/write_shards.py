"""A directory of JPEGs to GZIP shards, with a progress bar and without TensorFlow.

    python examples/cats_and_dogs/write_shards.py [--pictures FOLDER]

Four fifths of the pictures go to the set ``train``, the others to ``validation``. Where no pictures
are, it makes some.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import make_pictures
import numpy as np
from rich.progress import track

import tfrecord_lite as tfr

SEED = 20
SHARDS = 4  # several, so that they can be read in parallel
FEATURES = {
    "id": tfr.FixedLenFeature([], bytes),
    "image": tfr.FixedLenFeature([], bytes),  # a JPEG file, as it is
    "label": tfr.FixedLenFeature([], np.int64),  # 0 is a cat, 1 a dog
}


def write(name: Path, pictures: list[Path]) -> None:
    """Write pictures to the shards of a set, NAME-00000-of-00004.tfrecord.gz and so on."""
    with tfr.ShardWriter(
        name, num_shards=SHARDS, compression="GZIP", features=FEATURES, overwrite=True
    ) as writer:
        for path in track(pictures, description=name.name):
            example = {
                "id": path.stem,
                "image": path.read_bytes(),
                "label": int(path.name.startswith("dog")),
            }
            writer.write(tfr.encode_example(example, FEATURES))


def main() -> None:
    """Split the pictures, and write both parts."""
    parser = argparse.ArgumentParser(description="Write pictures as TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("cats-and-dogs-output"))
    parser.add_argument("--pictures", type=Path, help="default: OUTPUT/pictures")
    options = parser.parse_args()
    folder: Path = options.pictures or options.output / "pictures"
    if options.pictures is None and not folder.exists():
        print(f"no pictures in {folder}: drawing some")
        make_pictures.make(folder, pictures=800)

    # Sorted first: the order of a directory differs from machine to machine.
    pictures = sorted(folder.glob("*.jpg"))
    random.Random(SEED).shuffle(pictures)
    training = len(pictures) * 4 // 5
    write(options.output / "train", pictures[:training])
    write(options.output / "validation", pictures[training:])
    print(f"{training:,} pictures to train on, {len(pictures) - training:,} to validate")


if __name__ == "__main__":
    main()
