"""write_dataset: any dataset of dicts of tensors as a set of shards."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tensorflow as tf

from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.batch import encode_rows
from tfrecord_lite.example.column_values import row_count
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
)
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.tensorflow.features import RAW_DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite._types import Compression, Path

__all__ = ["write_dataset"]

# About so many bytes of elements, and not more elements, are encoded together.
_BATCH_BYTES = 1 << 21
_MOST_ROWS = 1024
# What a string, or a dimension that is not known, is taken to have.
_TYPICAL_SIZE = 256

_OWN: Final = {tf.int64: np.int64, tf.float32: np.float32, tf.string: bytes}
# Every value of these is an int64.
_INTEGERS: Final = (tf.bool, tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32)


def write_dataset(
    dataset: Any,
    name: Path,
    *,
    features: Mapping[str, Any] | None = None,
    batched: bool = False,
    records_per_shard: int | None = None,
    bytes_per_shard: int | None = None,
    num_shards: int | None = None,
    part: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], Any] | None = None,
    compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
) -> int:
    """Write a ``tf.data.Dataset`` to shards, an Example for each element; return how many.

    An element is a dict of tensors, or an Example that is serialized already: a scalar string. With
    ``batched`` it is a batch of such, as in `make_dataset`. All other parameters are those of
    `ShardWriter`.

    The features are in the manifest, so that the same tensors can be read again without naming
    them. They follow from the dataset's ``element_spec``, but for those that ``features`` names:

    - int64, float32 and string: `FixedLenFeature` of the tensor's shape;
    - scalars of other integers and of bool, as labels are: `FixedLenFeature` of int64;
    - all else that has a shape, an image of uint8 or a float64: `RawFeature`, its bytes as they
      are;
    - a vector of unknown length, also ragged: `RaggedFeature`; with further dimensions that are
      known: `FixedLenSequenceFeature`. A sparse vector without gaps: `VarLenFeature`.

    Raises ``ValueError`` for a tensor of which none of these can be made, `ExampleError` for a
    value that does not fit its feature, and what `ShardWriter` and the dataset raise; then nothing
    is published.

    >>> import tempfile
    >>> from tfrecord_lite.tensorflow import make_dataset
    >>> name = tempfile.mkdtemp() + "/train"
    >>> pairs = {"image": np.zeros((4, 2, 2), np.uint8), "label": [0, 1, 1, 0]}
    >>> write_dataset(tf.data.Dataset.from_tensor_slices(pairs), name)
    4
    >>> batch = next(iter(make_dataset(name, None, batch_size=4)))
    >>> batch["image"].shape, batch["image"].dtype, batch["label"].numpy()
    (TensorShape([4, 2, 2]), tf.uint8, array([0, 1, 1, 0]))
    """
    spec = getattr(dataset, "element_spec", None)
    if spec is None:
        raise TypeError(f"{quote(dataset)} is no tf.data.Dataset")
    given = normalize_features(features) if features else {}
    writer_of = partial(
        ShardWriter,
        name,
        records_per_shard=records_per_shard,
        bytes_per_shard=bytes_per_shard,
        num_shards=num_shards,
        part=part,
        overwrite=overwrite,
        progress=progress,
        compression=compression,
        level=level,
        block_bytes=block_bytes,
        fsync=fsync,
    )
    is_tensor = isinstance(spec, tf.TensorSpec)
    if is_tensor and spec.dtype == tf.string and spec.shape.rank == int(batched):
        records = dataset if batched else dataset.batch(_MOST_ROWS)
        with writer_of(features=given or None) as writer:
            for batch in records:
                writer.write_many(batch.numpy().tolist())
        return writer.records
    if not isinstance(spec, dict) or not spec or not all(isinstance(key, str) for key in spec):
        raise ValueError(
            f"the dataset has {spec}; map it to dicts of tensors, by the names of the features"
        )
    if unknown := given.keys() - spec.keys():
        raise ValueError(f"features {sorted(unknown)} are not in the dataset: {sorted(spec)}")
    found = {key: given.get(key) or _feature_of(key, item, batched) for key, item in spec.items()}
    if not batched:
        dataset = dataset.map(lambda row: _shaped(row, found)).ragged_batch(_rows_at_once(found))
    rows = 0
    with writer_of(features=found) as writer:
        for batch in dataset:
            columns = {key: _column(key, batch[key], rows) for key in found}
            block = encode_rows(columns, _needed(found, columns), first_row=rows)
            writer.write_many(block)
            rows += row_count(columns)
    return writer.records


# Which feature a tensor becomes.


def _feature_of(name: str, spec: Any, batched: bool) -> FeatureSpec:
    """Return the feature for what one row of a component has."""
    if isinstance(spec, (tf.TensorSpec, tf.RaggedTensorSpec, tf.SparseTensorSpec)):
        shape = spec.shape[1:] if batched else spec.shape
        own = _OWN.get(spec.dtype)
        if isinstance(spec, tf.SparseTensorSpec):
            if own is not None and shape.rank == 1:
                return VarLenFeature(own)
        elif shape.is_fully_defined():
            sizes = tuple(shape.as_list())
            if own is not None:
                return FixedLenFeature(sizes, own)
            if spec.dtype in _INTEGERS and not sizes:
                return FixedLenFeature((), np.int64)
            if spec.dtype in RAW_DTYPES:
                return RawFeature(sizes, spec.dtype.as_numpy_dtype)
        elif shape.rank is not None and shape[1:].is_fully_defined():
            own = np.int64 if spec.dtype in _INTEGERS else own
            if own is not None and shape.rank == 1:
                return RaggedFeature(own)
            if own is not None:
                return FixedLenSequenceFeature(shape[1:].as_list(), own)
    raise ValueError(
        f"component {quote(name)} is {spec}, of which no feature can be made; map it to a tensor "
        "of a known shape, to int64, float32 or string, or serialize it (tf.io.serialize_tensor, "
        "tf.io.encode_png)"
    )


def _shaped(row: dict[str, Any], features: Mapping[str, FeatureSpec]) -> dict[str, Any]:
    """Tell TensorFlow the shapes that only the caller's features know."""
    for name, feature in features.items():
        if isinstance(feature, (FixedLenFeature, RawFeature)):
            row[name] = tf.ensure_shape(row[name], feature.shape)
    return row


def _rows_at_once(features: Mapping[str, FeatureSpec]) -> int:
    size = 0
    for feature in features.values():
        count = math.prod(getattr(feature, "shape", (_TYPICAL_SIZE,)))
        item = _TYPICAL_SIZE if feature.dtype is bytes else np.dtype(feature.dtype).itemsize
        size += count * item
    return min(max(_BATCH_BYTES // max(size, 1), 1), _MOST_ROWS)


# Tensors as columns.


def _column(name: str, value: Any, first_row: int) -> Any:
    if isinstance(value, tf.RaggedTensor):
        values, splits = value.flat_values.numpy(), value.nested_row_splits
        if len(splits) > 1:
            raise ValueError(
                f"component {quote(name)} has rows of several unknown dimensions; an Example has "
                "one list a feature"
            )
        if values.dtype.kind in "biu" and values.dtype != np.uint64:
            values = values.astype(np.int64, copy=False)
        width = math.prod(values.shape[1:])
        return Ragged(values.reshape(-1), splits[0].numpy().astype(np.int64) * width)
    if isinstance(value, tf.SparseTensor):
        return _rows_of_sparse(name, value, first_row)
    return value.numpy()


def _rows_of_sparse(name: str, value: Any, first_row: int) -> Ragged:
    indices, rows = value.indices.numpy(), int(value.dense_shape[0])
    counts = np.bincount(indices[:, 0], minlength=rows)
    splits = np.concatenate([[0], np.cumsum(counts)])
    gaps = indices[:, 1] != np.arange(len(indices)) - splits[indices[:, 0]]
    if gaps.any():
        row = first_row + int(indices[np.argmax(gaps), 0])
        raise ExampleError(
            f"row {row}: feature {quote(name)} is a sparse vector with gaps, which a list of "
            "values cannot keep; write its indices and values as features of their own"
        )
    return Ragged(value.values.numpy(), splits)


def _needed(
    features: Mapping[str, FeatureSpec], columns: Mapping[str, Any]
) -> dict[str, FeatureSpec]:
    """Leave out the features of which the column's own type says as much: they cost time."""
    return {
        name: feature
        for name, feature in features.items()
        if not isinstance(columns[name], Ragged) or _kind(columns[name]) is not feature.dtype
    }


def _kind(column: Ragged) -> Any:
    return bytes if column.values.dtype == object else column.values.dtype.type
