"""Columns of our reader as tensors: the arrays that go in, and the tensor made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
)
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.tensorflow.features import tensor_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt


__all__ = ["ColumnTensors"]


class ColumnTensors:
    """The tensors of ``features``, which are those that parsing in TensorFlow would have given.

    What travels are arrays: one for most features; indices, values and shape for a sparse tensor;
    values and row splits for a ragged one. ``nothing`` are those of a batch without records.
    """

    def __init__(self, features: Mapping[str, FeatureSpec] | SequenceFeatures) -> None:
        self._sequences = isinstance(features, SequenceFeatures)
        # By the path to it in a batch, and whether it is of each step.
        self._features: list[tuple[tuple[str, ...], FeatureSpec, bool]]
        if isinstance(features, SequenceFeatures):
            self._features = [
                *((("context", name), item, False) for name, item in features.context.items()),
                *(
                    (("feature_lists", name), item, True)
                    for name, item in features.feature_lists.items()
                ),
            ]
        else:
            self._features = [((name,), item, False) for name, item in features.items()]
        self.nothing = [
            array for _, feature, steps in self._features for array in _nothing(feature, steps)
        ]

    def arrays(self, batch: Mapping[str, Any]) -> list[npt.NDArray[Any]]:
        """Return the arrays of a batch."""
        arrays = []
        for path, feature, _ in self._features:
            column: Any = batch
            for name in path:
                column = column[name]
            if isinstance(feature, VarLenFeature):
                arrays += column.to_sparse()
            elif isinstance(feature, SparseFeature):
                arrays += column
            else:
                while isinstance(column, Ragged):
                    begin, end = column.row_splits[[0, -1]]
                    arrays.append(column.row_splits - begin)
                    column = column.values[begin:end]
                arrays.append(column)
        return arrays

    def tensors(self, parts: Iterator[Any]) -> dict[str, Any]:
        """Make a batch of tensors, in a graph, of what `arrays` gave."""
        batch: dict[str, Any] = {"context": {}, "feature_lists": {}} if self._sequences else {}
        for path, feature, steps in self._features:
            inner = batch
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = _tensor(feature, steps, parts)
        return batch


def _nothing(feature: FeatureSpec, steps: bool) -> list[npt.NDArray[Any]]:
    dtype = tensor_dtype(feature).as_numpy_dtype
    if isinstance(feature, VarLenFeature):
        dimensions = 2 + steps
        shape = np.zeros(dimensions, np.int64)
        return [np.empty((0, dimensions), np.int64), np.empty(0, dtype), shape]
    if isinstance(feature, SparseFeature):
        return [
            np.empty((0, 1 + len(feature.sizes)), np.int64),
            np.empty(0, dtype),
            _shape(feature),
        ]
    if isinstance(feature, RaggedFeature) or _is_of_frames(feature, steps):
        depth, inner = _levels(feature, steps)
        return [*[np.zeros(1, np.int64)] * depth, np.empty((0, *inner), dtype)]
    lengths = (0, 0) if isinstance(feature, FixedLenSequenceFeature) else (0,)
    return [np.empty((*lengths, *feature.shape), dtype)]


def _is_of_frames(feature: FeatureSpec, steps: bool) -> bool:
    """Tell whether each step of a feature list has values of one shape."""
    return steps and isinstance(feature, (FixedLenFeature, RawFeature))


def _levels(feature: Any, steps: bool) -> tuple[int, tuple[int, ...]]:
    """Return how many row splits lie around the values, and the shape of one of these."""
    if not isinstance(feature, RaggedFeature):
        return 1, tuple(feature.shape)
    inner: tuple[int, ...] = ()
    depth = 1 + steps
    for partition in reversed(feature.partitions):
        if depth == 1 and isinstance(partition, RaggedFeature.UniformRowLength):
            inner = (partition.length, *inner)
        else:
            depth += 1
    return depth, inner


def _shape(feature: SparseFeature) -> npt.NDArray[np.int64]:
    return np.array([0, *feature.sizes], np.int64)


def _tensor(feature: Any, steps: bool, parts: Iterator[Any]) -> Any:
    if isinstance(feature, (VarLenFeature, SparseFeature)):
        indices, values, dense_shape = (next(parts) for _ in range(3))
        dimensions = 1 + steps + len(getattr(feature, "sizes", (None,)))
        indices.set_shape((None, dimensions))
        values.set_shape((None,))
        dense_shape.set_shape((dimensions,))
        if isinstance(feature, SparseFeature):
            # The sizes, which so are known in the graph.
            dense_shape = tf.concat([dense_shape[:1], tf.constant(feature.sizes, tf.int64)], 0)
        return tf.SparseTensor(indices, values, dense_shape)
    if isinstance(feature, RaggedFeature) or _is_of_frames(feature, steps):
        depth, inner = _levels(feature, steps)
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
