"""Tensors in plain form, to be compared bit by bit, and files to make them of."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

ENGINES = ("tf.data", "numpy")

FEATURES: dict[str, Any] = {
    "id": tfr.FixedLenFeature([], np.int64),
    "vector": tfr.FixedLenFeature([2, 3], np.float32),
    "name": tfr.FixedLenFeature([], bytes),
    "words": tfr.VarLenFeature(bytes),
    "counts": tfr.RaggedFeature(np.int64),
    "steps": tfr.FixedLenSequenceFeature([2], np.float32, default_value=-1.0),
    "weight": tfr.FixedLenFeature([], np.float32, 0.5),
    "pair": tfr.FixedLenFeature([2], bytes, [b"x", b"y\0"]),
    "image": tfr.RawFeature([2, 2], np.uint16),
}


def record(index: int) -> bytes:
    """Return a record with all of FEATURES, some of which every third lacks."""
    row: dict[str, Any] = {
        "id": index,
        "vector": np.arange(6, dtype=np.float32) + index,
        "name": f"record {index}".encode() + b"\0",
        "image": np.arange(index, index + 4, dtype="<u2").tobytes(),
    }
    if index % 3:
        row["words"] = [b"w%d" % word for word in range(index % 4)] or None
        row["counts"] = np.arange(index % 5)
        row["steps"] = np.arange(2 * (index % 3), dtype=np.float32)
        row["weight"] = index / 4
        row["pair"] = [b"", b"p" * (index % 20)]
    return tfr.encode_example(row)


def plain(value: Any) -> Any:
    """Return all there is to a tensor: kind, dtype, shape, and elements bit by bit."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tf.SparseTensor):
        return ["sparse", *map(plain, (value.indices, value.values, value.dense_shape))]
    if isinstance(value, tf.RaggedTensor):
        return ["ragged", plain(value.flat_values), *map(plain, value.nested_row_splits)]
    array = value.numpy()
    if value.dtype == tf.string:
        return ["string", tuple(value.shape), np.asarray(array, object).tolist()]
    return [value.dtype.name, tuple(value.shape), np.asarray(array).tobytes()]


def batches(data: Any) -> list[Any]:
    """Return all batches of a dataset in plain form."""
    return [plain(batch) for batch in data]


def ids(data: Any) -> list[list[int]]:
    """Return the feature "id" of all batches."""
    return [batch["id"].numpy().tolist() for batch in data]


def flat(lists: list[list[int]]) -> list[int]:
    return [item for items in lists for item in items]


def of_both(paths: Any, features: Any, **options: Any) -> tuple[Any, Any]:
    """Return the datasets of both engines."""
    theirs, ours = (make_dataset(paths, features, engine=each, **options) for each in ENGINES)
    return theirs, ours
