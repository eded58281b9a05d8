"""JPEGs and a CSV of their labels to shards that hold both, without TensorFlow.

    python examples/multilabel/write_shards.py [--pictures FOLDER]

Four fifths of the pictures go to the set ``train``, the others to ``validation``. Where no pictures
are, it makes some.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import make_pictures
import numpy as np
from labels import read_labels, split

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from collections.abc import Mapping


def write(
    name: Path, folder: Path, pictures: list[str], labels: Mapping[str, np.ndarray], count: int
) -> None:
    """Write pictures with their labels, of which there are ``count`` each, to a set of shards."""
    features = {
        "image": tfr.FixedLenFeature([], bytes),  # a JPEG file, as it is
        "labels": tfr.FixedLenFeature([count], np.int64),  # 1 for each label that it has
    }
    with tfr.ShardWriter(name, records_per_shard=100, features=features, overwrite=True) as writer:
        for picture in pictures:
            example = {"image": (folder / picture).read_bytes(), "labels": labels[picture]}
            writer.write(tfr.encode_example(example, features))
    print(f"{name}: {writer.records:,} pictures")


def main() -> None:
    """Split the pictures, and write both parts."""
    parser = argparse.ArgumentParser(description="Write labelled pictures as TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("multilabel-output"))
    parser.add_argument("--pictures", type=Path, help="with labels.csv; default: OUTPUT/pictures")
    options = parser.parse_args()
    folder: Path = options.pictures or options.output / "pictures"
    if options.pictures is None and not folder.exists():
        print(f"no pictures in {folder}: drawing some")
        make_pictures.make(folder, pictures=400)

    names, labels = read_labels(folder / "labels.csv")
    training, validation = split(list(labels))
    write(options.output / "train", folder, training, labels, len(names))
    write(options.output / "validation", folder, validation, labels, len(names))


if __name__ == "__main__":
    main()
