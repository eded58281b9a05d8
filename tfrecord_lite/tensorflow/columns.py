"""Columns of our reader as tensors: the arrays that go in, and the tensor made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfrecord_lite.example.features import (
    FixedLenSequenceFeature,
    RaggedFeature,
    SparseFeature,
    VarLenFeature,
)
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.tensorflow.features import tensor_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from tfrecord_lite.example.columns import Column
    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["ColumnTensors"]


class ColumnTensors:
    """The tensors of ``features``, which are those that parsing in TensorFlow would have given.

    What travels are arrays: one for most features; indices, values and shape for a sparse tensor;
    values and row splits for a ragged one. ``nothing`` are those of a batch without records.
    """

    def __init__(self, features: Mapping[str, FeatureSpec]) -> None:
        self._features = dict(features)
        self.nothing = [array for feature in features.values() for array in _nothing(feature)]

    def arrays(self, batch: Mapping[str, Column]) -> list[npt.NDArray[Any]]:
        """Return the arrays of a batch."""
        arrays = []
        for name, feature in self._features.items():
            column: Any = batch[name]
            if isinstance(feature, VarLenFeature):
                arrays += column.to_sparse()
            elif isinstance(feature, SparseFeature):
                arrays += column
            elif isinstance(feature, RaggedFeature):
                while isinstance(column, Ragged):
                    begin, end = column.row_splits[[0, -1]]
                    arrays.append(column.row_splits - begin)
                    column = column.values[begin:end]
                arrays.append(column)
            else:
                arrays.append(column)
        return arrays

    def tensors(self, parts: Iterator[Any]) -> dict[str, Any]:
        """Make a batch of tensors, in a graph, of what `arrays` gave."""
        return {name: _tensor(feature, parts) for name, feature in self._features.items()}


def _nothing(feature: FeatureSpec) -> list[npt.NDArray[Any]]:
    dtype = tensor_dtype(feature).as_numpy_dtype
    if isinstance(feature, VarLenFeature):
        return [np.empty((0, 2), np.int64), np.empty(0, dtype), np.zeros(2, np.int64)]
    if isinstance(feature, SparseFeature):
        return [
            np.empty((0, 1 + len(feature.sizes)), np.int64),
            np.empty(0, dtype),
            _shape(feature),
        ]
    if isinstance(feature, RaggedFeature):
        depth, inner = _levels(feature)
        return [*[np.zeros(1, np.int64)] * depth, np.empty((0, *inner), dtype)]
    lengths = (0, 0) if isinstance(feature, FixedLenSequenceFeature) else (0,)
    return [np.empty((*lengths, *feature.shape), dtype)]


def _levels(feature: RaggedFeature) -> tuple[int, tuple[int, ...]]:
    """Return how many row splits lie around the values, and the shape of one of these."""
    inner: tuple[int, ...] = ()
    depth = 1
    for partition in reversed(feature.partitions):
        if depth == 1 and isinstance(partition, RaggedFeature.UniformRowLength):
            inner = (partition.length, *inner)
        else:
            depth += 1
    return depth, inner


def _shape(feature: SparseFeature) -> npt.NDArray[np.int64]:
    return np.array([0, *feature.sizes], np.int64)


def _tensor(feature: FeatureSpec, parts: Iterator[Any]) -> Any:
    if isinstance(feature, (VarLenFeature, SparseFeature)):
        indices, values, dense_shape = (next(parts) for _ in range(3))
        dimensions = 1 + len(getattr(feature, "sizes", (None,)))
        indices.set_shape((None, dimensions))
        values.set_shape((None,))
        dense_shape.set_shape((dimensions,))
        return tf.SparseTensor(indices, values, dense_shape)
    if isinstance(feature, RaggedFeature):
        depth, inner = _levels(feature)
        splits = [next(parts) for _ in range(depth)]
        values = next(parts)
        values.set_shape((None, *inner))
        for each in splits:
            each.set_shape((None,))
        return tf.RaggedTensor.from_nested_row_splits(values, splits, validate=False)
    tensor = next(parts)
    lengths = (None, None) if isinstance(feature, FixedLenSequenceFeature) else (None,)
    tensor.set_shape((*lengths, *feature.shape))
    return tensor
