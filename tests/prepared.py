"""A dataset in the layout of tensorflow_datasets: its features, and its records."""

from __future__ import annotations

import base64

import numpy as np

import tfrecord_lite as tfr
from tfrecord_lite.tfds import ClassLabel, Image, Text

# One pixel, as PNG.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
FEATURES = {
    "image": Image(encoding="png"),
    "label": ClassLabel(["cat", "dog", "cow"]),
    "text": Text(),
    "scalar": float,
    "count": int,
    "name": bytes,
    "grid": tfr.FixedLenFeature([2, 2], np.float32),
    "ids": tfr.RaggedFeature(np.int64),
    "words": tfr.VarLenFeature(bytes),
    "points": tfr.FixedLenSequenceFeature([2], np.float32),
    "raw": tfr.RawFeature([3], np.float64),
    "blob": tfr.RaggedFeature(np.uint8),
    "a/b": int,
}


def row(number: int) -> dict[str, object]:
    """Return what is given for a record."""
    return {
        "image": PNG,
        "label": number % 3,
        "text": f"row {number} é",
        "scalar": number / 2,
        "count": -number,
        "name": b"\xff" * number,
        "grid": np.full((2, 2), number, np.float32),
        "ids": list(range(number)),
        "words": [b"w"] * (number % 3),
        "points": np.full((number % 4, 2), number, np.float32),
        "raw": np.array([number, 0.1, np.nan]),
        "blob": b"x" * number,
        "a/b": number,
    }


def value(number: int) -> dict[str, object]:
    """Return what a reader has of a record, images as they are stored."""
    given = row(number)
    int64 = np.int64
    return {
        **given,
        "label": int64(number % 3),
        "text": f"row {number} é".encode(),
        "scalar": np.float32(number / 2),
        "count": int64(-number),
        "ids": np.arange(number, dtype=int64),
        "words": np.array([b"w"] * (number % 3), object),
        "a/b": int64(number),
    }


def check(found, expected) -> None:
    """Compare two records, value by value."""
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        if isinstance(wanted, bytes):
            assert found[name] == wanted, name
        else:
            np.testing.assert_array_equal(found[name], wanted, name)
            assert np.asarray(found[name]).dtype == wanted.dtype, name


def write(folder, split="train", numbers=range(7), features=FEATURES, **options):
    """Write a split of such records."""
    with tfr.ShardWriter(
        folder / "pets" / "1.0.0" / split, layout="tfds", features=features, **options
    ) as writer:
        for number in numbers:
            writer.write_example(row(number))
    return writer.manifest
