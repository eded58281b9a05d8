"""The ways of reading a file that are compared.

Each function prepares a reading and returns it: a function that reads the file once, to its end,
and returns how many records it saw. Everything that TensorFlow does once for many passes (building
and tracing its pipeline) is preparation.
"""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import usable_cores

import tfrecord_lite as tfr
from tfrecord_lite.dataset.batches import read_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Features = Mapping[str, Any]
    Reading = Callable[[], int]

# What TensorFlow's best batch size is looked for among, and how often each is tried.
BATCH_SIZES = (64, 256, 1024, 4096)
_TRIAL_PASSES = 2
_VERIFY_BYTES = 1 << 22
_FIXED = (tfr.FixedLenFeature, tfr.RawFeature)


def import_tensorflow() -> Any:
    """Return tensorflow, quiet, with as many threads as there are cores for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    if usable_cores() == 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def ours(path: str, features: Features, batch_size: int) -> Reading:
    """Read columns with `read_batches`."""
    first = next(iter(features))

    def read() -> int:
        return sum(
            len(batch[first]) for batch in read_batches(path, features, batch_size=batch_size)
        )

    return read


def ours_verified(path: str) -> Reading:
    """Read nothing but records, and check them."""

    def read() -> int:
        count = 0
        with tfr.RecordReader(path) as reader:
            reader.block_bytes = _VERIFY_BYTES
            for block in reader.blocks():
                count += len(block)
                reader.recycle(block)
        return count

    return read


def tensorflow_dataset(
    path: str,
    features: Features,
    batch_size: int,
    *,
    compression: str | None = None,
    ragged: bool = False,
) -> Any:
    """Return TensorFlow's pipeline from a file to columns.

    ``ragged`` reads features of any length as ragged tensors, otherwise as sparse ones. Both are
    taken apart into their tensors: as_numpy_iterator makes an object of each row of the one, a
    dense array of the other, and fails for sparse strings.
    """
    tf = import_tensorflow()
    dtypes = {bytes: tf.string, np.float32: tf.float32, np.int64: tf.int64}
    raw = {name: item for name, item in features.items() if isinstance(item, tfr.RawFeature)}
    spec: dict[str, Any] = {}
    for name, feature in features.items():
        if name in raw:
            spec[name] = tf.io.FixedLenFeature([], tf.string)
            continue
        dtype = dtypes[feature.dtype]
        if isinstance(feature, tfr.FixedLenFeature):
            spec[name] = tf.io.FixedLenFeature(feature.shape, dtype, feature.default_value)
        elif ragged:
            spec[name] = tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
        else:
            spec[name] = tf.io.VarLenFeature(dtype)

    def parse(serialized: Any) -> Any:
        columns = tf.io.parse_example(serialized, spec)
        for name, feature in raw.items():
            flat = tf.io.decode_raw(columns[name], tf.dtypes.as_dtype(feature.dtype))
            columns[name] = tf.reshape(flat, [-1, *feature.shape])
        for name, column in columns.items():
            if isinstance(column, tf.RaggedTensor):
                columns[name] = column.values, column.row_splits
            elif isinstance(column, tf.SparseTensor):
                columns[name] = column.values, column.indices, column.dense_shape
        return columns

    batches = tf.data.TFRecordDataset(path, compression or "").batch(batch_size)
    return batches.map(parse, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def tensorflow(path: str, features: Features, batch_size: int, **options: Any) -> Reading:
    """Read columns with `tensorflow_dataset`."""
    dataset = tensorflow_dataset(path, features, batch_size, **options)
    first = next(name for name, item in features.items() if isinstance(item, _FIXED))
    return lambda: sum(len(batch[first]) for batch in dataset.as_numpy_iterator())


def best_tensorflow(
    path: str, features: Features, sizes: Sequence[int], compression: str | None
) -> dict[str, Any]:
    """Try TensorFlow's batch sizes, ragged and sparse, and return the options of the fastest."""
    forms = (False, True) if any(not isinstance(f, _FIXED) for f in features.values()) else (False,)
    seconds = {}
    for size in sizes:
        for ragged in forms:
            options = {"batch_size": size, "ragged": ragged, "compression": compression}
            read = tensorflow(path, features, **options)
            seconds[min(_seconds(read) for _ in range(_TRIAL_PASSES))] = options
    return seconds[min(seconds)]


def _seconds(read: Reading) -> float:
    began = time.perf_counter()
    read()
    return time.perf_counter() - began


def tensorflow_iterator(path: str) -> Reading:
    """Read nothing but records, one by one, with the fastest that TensorFlow has for that."""
    tf = import_tensorflow()
    return lambda: sum(1 for _ in tf.compat.v1.io.tf_record_iterator(path))


def tensorflow_records(path: str, batch_size: int) -> Reading:
    """Read nothing but records, in batches; they stay tensors."""
    tf = import_tensorflow()
    dataset = tf.data.TFRecordDataset(path).batch(batch_size).prefetch(tf.data.AUTOTUNE)
    return lambda: sum(len(batch) for batch in dataset)


def tfrecord_package(path: str, count: int, batch_size: int) -> Reading:
    """Read columns of the first ``count`` records with the package tfrecord, which checks no CRC.

    It gives one Example at a time; fixed-length features are stacked here, others listed.
    """
    from tfrecord import tfrecord_loader

    def read() -> int:
        rows = islice(tfrecord_loader(path, None), count)
        seen = 0
        while batch := list(islice(rows, batch_size)):
            columns = {name: [row.get(name) for row in batch] for name in batch[0]}
            for name, values in columns.items():
                if len({np.shape(value) for value in values}) == 1:
                    columns[name] = np.array(values)
            seen += len(batch)
        return seen

    return read


def assert_same(path: str, features: Features, compression: str | None) -> None:
    """Compare the first batch as we read it with TensorFlow's."""
    own = next(iter(read_batches(path, features, batch_size=100)))
    dataset = tensorflow_dataset(path, features, 100, compression=compression, ragged=True)
    for name, theirs in next(dataset.as_numpy_iterator()).items():
        column = own[name]
        if isinstance(column, tfr.Ragged):
            np.testing.assert_array_equal(column.values, theirs[0])
            np.testing.assert_array_equal(column.row_splits, theirs[1])
        else:
            np.testing.assert_array_equal(column, theirs)
