"""JPEGs and a CSV of their labels to shards that hold both, without TensorFlow.

    python examples/multilabel/write_shards.py [--pictures FOLDER]

Four fifths of the pictures go to the set ``train``, the others to ``validation``. Where no folder
of pictures is, it makes one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import make_pictures
import numpy as np
from labels import read_labels, training_count

import tfrecord_lite as tfr

if TYPE_CHECKING:
    import pandas as pd


def write(name: Path, images: Path, labels: pd.DataFrame) -> None:
    """Write pictures with their labels to a set of shards."""
    features = {
        "image": tfr.FixedLenFeature([], bytes),  # a JPEG file, as it is
        # 1 for each label that it has
        "labels": tfr.FixedLenFeature([len(labels.columns)], np.int64),
    }
    with tfr.ShardWriter(name, records_per_shard=200, features=features, overwrite=True) as writer:
        for picture, mine in zip(labels.index, labels.to_numpy(), strict=True):
            example = {"image": (images / picture).read_bytes(), "labels": mine}
            writer.write(tfr.encode_example(example, features))
    print(f"{name}: {writer.records:,} pictures")


def main() -> None:
    """Split the pictures, and write both parts."""
    parser = argparse.ArgumentParser(description="Write labelled pictures as TFRecord shards.")
    parser.add_argument("--output", type=Path, default=Path("multilabel-output"))
    parser.add_argument(
        "--pictures", type=Path, help="with labels.csv and images/; default: OUTPUT/pictures"
    )
    options = parser.parse_args()
    folder: Path = options.pictures or options.output / "pictures"
    if options.pictures is None and not folder.exists():
        print(f"no pictures in {folder}: drawing some")
        make_pictures.make(folder, pictures=1000)

    labels = read_labels(folder)
    count = training_count(labels)
    write(options.output / "train", folder / "images", labels[:count])
    write(options.output / "validation", folder / "images", labels[count:])


if __name__ == "__main__":
    main()
