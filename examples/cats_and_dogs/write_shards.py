"""A directory of pictures to GZIP files, with a progress bar and without TensorFlow.

    python examples/cats_and_dogs/write_shards.py [--pictures FOLDER] [--shards 1]

The pictures are listed in a DataFrame. Four fifths go to the set ``train``, the others to
``validation``, one file each, or as many as ``--shards`` says. Where no folder of pictures is, it
makes one.
"""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

import make_pictures
import numpy as np
import pandas as pd
from PIL import Image
from rich.progress import track

import tfrecord_lite as tfr

SEED = 42
# What TensorFlow decodes is written as it is, ...
DECODED = {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png"}
# ... and these as the PNG that they can become.
CONVERTED = {".avif", ".pbm", ".pgm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
KINDS = ["cat", "dog"]
FEATURES = {
    "id": tfr.FixedLenFeature([], bytes),  # the full path
    "image": tfr.FixedLenFeature([], bytes),  # a file, mostly a JPEG, as it is
    "label": tfr.FixedLenFeature([], np.int64),  # 0 is a cat, 1 a dog
}


def kind_of(path: Path) -> str | None:
    """Return what is on a picture: its name begins with that, or that of its folder does."""
    for name in (path.name, path.parent.name):
        for kind in KINDS:
            if name.lower().startswith(kind):
                return kind
    return None


def list_pictures(folder: Path) -> pd.DataFrame:
    """Return a row for each picture in a folder and those below: its id and its kind.

    Leaves the program, before anything is written, where there is none.
    """
    # Sorted: the order of a directory differs from machine to machine.
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    pictures = [path for path in files if path.suffix.lower() in DECODED | CONVERTED]
    kinds = {os.path.abspath(path): kind_of(path) for path in pictures}
    unknown = [path for path, kind in kinds.items() if kind is None]
    if unknown:
        print(f"left out {len(unknown):,} that begin with neither cat nor dog, as {unknown[0]}")
    rows = [(path, kind) for path, kind in kinds.items() if kind is not None]
    if len(rows) < 2:
        suffixes = " ".join(sorted(DECODED | CONVERTED))
        raise SystemExit(
            f"{len(rows)} pictures of cats and dogs in {folder}, too few to split: nothing is "
            f"written.\nThey are called cat.0.jpg, dog.0.jpg and so on, or lie in folders Cat and "
            f"Dog; the suffixes are {suffixes}, in any case of letters"
        )
    return pd.DataFrame(rows, columns=["id", "kind"])


def read_picture(path: Path) -> bytes:
    """Return the bytes of a file that TensorFlow can decode."""
    if path.suffix.lower() in DECODED:
        return path.read_bytes()
    file = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(file, "PNG")
    return file.getvalue()


def write(name: Path, pictures: pd.DataFrame, shards: int) -> None:
    """Write pictures to the files of a set, NAME-00000-of-00001.tfrecord.gz and so on."""
    with tfr.ShardWriter(
        name, num_shards=shards, compression="GZIP", features=FEATURES, overwrite=True
    ) as writer:
        rows = list(pictures.itertuples())
        for row in track(rows, description=name.name):
            example = {
                "id": row.id,
                "image": read_picture(Path(row.id)),
                "label": KINDS.index(row.kind),
            }
            writer.write(tfr.encode_example(example, FEATURES))


def main() -> None:
    """List the pictures, split them, and write both parts."""
    parser = argparse.ArgumentParser(description="Write pictures as TFRecord files.")
    parser.add_argument("--output", type=Path, default=Path("cats-and-dogs-output"))
    parser.add_argument("--pictures", type=Path, help="default: OUTPUT/pictures")
    parser.add_argument("--shards", type=int, default=1, help="files for each part")
    options = parser.parse_args()
    folder: Path = options.pictures or options.output / "pictures"
    if options.pictures is None and not folder.exists():
        print(f"no pictures in {folder}: drawing some")
        make_pictures.make(folder, pictures=800)

    pictures = list_pictures(folder)
    from sklearn.model_selection import train_test_split  # takes long to import

    with pd.option_context("display.max_rows", 10, "display.max_colwidth", 80):
        print(pictures)
    print(pictures["kind"].value_counts().to_string())
    training, validation = train_test_split(pictures, test_size=0.2, random_state=SEED)
    write(options.output / "train", training, options.shards)
    write(options.output / "validation", validation, options.shards)
    print(f"{len(training):,} pictures to train on, {len(validation):,} to validate")


if __name__ == "__main__":
    main()
