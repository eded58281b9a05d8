"""Columns of our reader as tensors: the arrays that go in, and the tensor made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenSequenceFeature,
    RaggedFeature,
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
        found: list[tuple[tuple[str, ...], FeatureSpec, bool]]
        if isinstance(features, SequenceFeatures):
            found = [
                *((("context", name), item, False) for name, item in features.context.items()),
                *(
                    (("feature_lists", name), item, True)
                    for name, item in features.feature_lists.items()
                ),
            ]
        else:
            found = [((name,), item, False) for name, item in features.items()]
        self._features = [(path, item, _parts_of(item, steps)) for path, item, steps in found]
        self.nothing = [part.nothing for *_, parts in self._features for part in parts]

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
        for path, feature, own in self._features:
            found = [next(parts) for _ in own]
            for tensor, part in zip(found, own, strict=True):
                tensor.set_shape(part.shape)
            inner = batch
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = _tensor(feature, found)
        return batch


class _Part(NamedTuple):
    """An array of a column: as it is in a batch without records, and the shape that all have."""

    nothing: npt.NDArray[Any]
    shape: tuple[int | None, ...]


def _parts_of(feature: FeatureSpec, steps: bool) -> list[_Part]:
    dtype = tensor_dtype(feature).as_numpy_dtype
    if isinstance(feature, (VarLenFeature, SparseFeature)):
        dimensions = 1 + steps + len(getattr(feature, "sizes", (None,)))
        return [
            _Part(np.empty((0, dimensions), np.int64), (None, dimensions)),
            _Part(np.empty(0, dtype), (None,)),
            _Part(np.zeros(dimensions, np.int64), (dimensions,)),
        ]
    depth, lengths, inner = _levels(feature, steps)
    splits = _Part(np.zeros(1, np.int64), (None,))
    values = np.empty((*[0] * lengths, *inner), dtype)
    return [*[splits] * depth, _Part(values, (*[None] * lengths, *inner))]


def _levels(feature: Any, steps: bool) -> tuple[int, int, tuple[int, ...]]:
    """Return how many row splits lie around the values, and the shape of these.

    That is how many lengths are known with the batch alone, and the sizes that are known before.
    """
    if not isinstance(feature, RaggedFeature):
        padded = isinstance(feature, FixedLenSequenceFeature)
        return int(steps and not padded), 1 + padded, tuple(feature.shape)
    inner: tuple[int, ...] = ()
    depth = 1
    for partition in reversed(feature.partitions):
        if depth == 1 and isinstance(partition, RaggedFeature.UniformRowLength):
            inner = (partition.length, *inner)
        else:
            depth += 1
    return depth + steps, 1, inner


def _tensor(feature: FeatureSpec, parts: list[Any]) -> Any:
    if isinstance(feature, (VarLenFeature, SparseFeature)):
        indices, values, dense_shape = parts
        if isinstance(feature, SparseFeature):
            # The sizes, which so are known in the graph.
            dense_shape = tf.concat([dense_shape[:1], tf.constant(feature.sizes, tf.int64)], 0)
        return tf.SparseTensor(indices, values, dense_shape)
    *splits, values = parts
    if splits:
        return tf.RaggedTensor.from_nested_row_splits(values, splits, validate=False)
    return values
