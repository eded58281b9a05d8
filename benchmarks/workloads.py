"""The workloads: what people keep in TFRecord files, made from a seed into a cache folder.

=== ======= ======================================================================================
A   200,000 four scalars: a bool, a small int, a short string, a float
B   50,000  CIFAR-like: 3,072 raw bytes, an int, a name
C   20,000  embeddings: 768 floats, 128 int64 below 50,000, a label
D   2,000   JPEG-like: 20 to 120 KB of bytes, a label, a name
E   50,000  ragged text: 5 to 199 token ids, two features missing in some records, key order mixed
=== ======= ======================================================================================

protobuf serializes the Examples, in the order of its choice; those of E entry by entry, in an order
drawn for each record.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tfrecord_lite as tfr
from tfrecord_lite.example.wire import varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CACHE = Path(tempfile.gettempdir()) / "tfrecord_lite-bench"
# Part of every file's name; to be raised when what is written changes.
_EDITION = 1
_FRESH_SECONDS = 1800
_WORDS = [b"cat", b"dog", b"chicken", b"horse", b"goat"]


@dataclass(frozen=True)
class Workload:
    """A kind of file: how many records, what is in them, and what a reader expects of it."""

    name: str
    title: str
    count: int
    rows: Callable[[], Iterator[dict[str, Any]]]
    features: Mapping[str, Any]
    mixed_keys: bool = False

    def size(self, compression: str | None = None, *, quick: bool = False) -> int:
        """Return how many records the file has: a compressed one a fifth, since it is slow."""
        return self.count // (100 if quick else 5 if compression else 1)

    def serialized(self, count: int) -> Iterator[bytes]:
        """Yield the first ``count`` records."""
        order = random.Random(0) if self.mixed_keys else None
        for row in islice(self.rows(), count):
            yield _serialize({key: _feature(value) for key, value in row.items()}, order)

    def file(self, compression: Any = None, *, quick: bool = False) -> str:
        """Return the path of the file, which is written if it is not there yet.

        A GZIP file is one stream, as TensorFlow writes it.
        """
        count = self.size(compression, quick=quick)
        suffix = ".gz" if compression else ""
        path = CACHE / f"{self.name}-{count}-{_EDITION}.tfrecord{suffix}"
        if not path.exists():
            CACHE.mkdir(exist_ok=True)
            records = self.serialized(count)
            tfr.write_records(path, records, compression=compression, block_bytes=None)
        elif time.time() - path.stat().st_mtime > _FRESH_SECONDS:
            # What has lain in the page cache for long may lie there in small pieces, and is then
            # read at less than half the speed.
            fresh = path.with_suffix(".fresh")
            shutil.copyfile(path, fresh)
            fresh.replace(path)
        return os.fspath(path)


def _feature(value: Any) -> Any:
    if isinstance(value, bytes):
        return tfr.Feature(bytes_list=tfr.BytesList(value=[value]))
    if isinstance(value, list):
        return tfr.Feature(bytes_list=tfr.BytesList(value=value))
    array = np.atleast_1d(value)
    if array.dtype.kind == "f":
        return tfr.Feature(float_list=tfr.FloatList(value=array.tolist()))
    return tfr.Feature(int64_list=tfr.Int64List(value=array.astype(np.int64).tolist()))


def _serialize(features: dict[str, Any], order: random.Random | None) -> bytes:
    if order is None:
        return bytes(tfr.Example(features=tfr.Features(feature=features)).SerializeToString())
    # One entry after another, serialized, is what all of them are together.
    entries = [tfr.Features(feature={key: value}) for key, value in features.items()]
    order.shuffle(entries)
    body = b"".join(entry.SerializeToString() for entry in entries)
    return b"\x0a" + varint(len(body)) + body


def _scalars() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(1)
    while True:
        flag, number, word = rng.integers([2, 5, 5]).tolist()
        yield {
            "feature0": bool(flag),
            "feature1": number,
            "feature2": _WORDS[word],
            "feature3": rng.standard_normal(),
        }


def _images() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(2)
    for index in range(1 << 62):
        label = int(rng.integers(10))
        yield {"image": rng.bytes(3072), "label": label, "name": b"img_%05d.png" % index}


def _embeddings() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(3)
    while True:
        yield {
            "embedding": rng.standard_normal(768, np.float32),
            "tokens": rng.integers(0, 50_000, 128),
            "label": int(rng.integers(1000)),
        }


def _photographs() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(4)
    for index in range(1 << 62):
        image = rng.bytes(int(rng.integers(20_000, 120_000)))
        yield {"image": image, "label": int(rng.integers(1000)), "name": b"n%08d.JPEG" % index}


def _texts() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(5)
    for index in range(1 << 62):
        row: dict[str, Any] = {
            "tokens": rng.integers(0, 30_000, int(rng.integers(5, 200))),
            "label": int(rng.integers(2)),
            "id": b"doc-%d" % index,
        }
        if rng.random() < 0.7:
            row["weight"] = float(rng.random())
        if rng.random() < 0.5:
            row["tags"] = [b"tag%d" % tag for tag in rng.integers(0, 100, int(rng.integers(1, 4)))]
        yield row


_IMAGE = {
    "image": tfr.FixedLenFeature([], bytes),
    "label": tfr.FixedLenFeature([], np.int64),
    "name": tfr.FixedLenFeature([], bytes),
}
WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "A",
            "4 scalars",
            200_000,
            _scalars,
            {
                "feature0": tfr.FixedLenFeature([], np.int64),
                "feature1": tfr.FixedLenFeature([], np.int64),
                "feature2": tfr.FixedLenFeature([], bytes),
                "feature3": tfr.FixedLenFeature([], np.float32),
            },
        ),
        Workload("B", "3 KB raw images", 50_000, _images, _IMAGE),
        Workload(
            "C",
            "embeddings",
            20_000,
            _embeddings,
            {
                "embedding": tfr.FixedLenFeature([768], np.float32),
                "tokens": tfr.FixedLenFeature([128], np.int64),
                "label": tfr.FixedLenFeature([], np.int64),
            },
        ),
        Workload("D", "70 KB photographs", 2_000, _photographs, _IMAGE),
        Workload(
            "E",
            "ragged text",
            50_000,
            _texts,
            {
                "tokens": tfr.VarLenFeature(np.int64),
                "label": tfr.FixedLenFeature([], np.int64),
                "id": tfr.FixedLenFeature([], bytes),
                "weight": tfr.FixedLenFeature([], np.float32, 0.0),
                "tags": tfr.VarLenFeature(bytes),
            },
            mixed_keys=True,
        ),
    )
}
# B's images as arrays: for TensorFlow, parse_example and then decode_raw.
RAW_IMAGE = {**_IMAGE, "image": tfr.RawFeature([32, 32, 3], np.uint8)}


if __name__ == "__main__":
    for each in WORKLOADS.values():
        for codec in (None, "GZIP"):
            print(each.file(codec))
