"""Serialized records parsed in a graph, and what TensorFlow gives made the tensors of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tensorflow as tf

from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    RawFeature,
    SparseFeature,
)
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.tensorflow.features import (
    tensor_dtype,
    to_tf_features,
    to_tf_list_features,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parse_tensors"]

# These decode_raw does not know; they are made of bytes.
_CAST: Final = (tf.uint32, tf.uint64)


def parse_tensors(
    serialized: Any, features: Mapping[str, FeatureSpec] | SequenceFeatures
) -> dict[str, Any]:
    """Parse a batch of serialized records in a graph: a string tensor ``[n]`` to tensors.

    The dict has the order of ``features``; a `RawFeature` gives ``[n, *shape]`` of its dtype.
    """
    if isinstance(features, SequenceFeatures):
        return _parse_sequences(serialized, features)
    columns = tf.io.parse_example(serialized, to_tf_features(features))
    return {name: _finished(columns[name], feature) for name, feature in features.items()}


def _parse_sequences(serialized: Any, features: SequenceFeatures) -> dict[str, Any]:
    # What parse_sequence_example does not take: a context lies where the features of an Example do.
    apart = {
        name: feature
        for name, feature in features.context.items()
        if isinstance(feature, SparseFeature) or feature.dtype is np.uint8
    }
    rest = {name: item for name, item in features.context.items() if name not in apart}
    found: dict[str, Any] = {}
    if apart:
        found |= tf.io.parse_example(serialized, to_tf_features(apart))
    lists, lengths = {}, {}
    if rest or features.feature_lists:
        context, lists, lengths = tf.io.parse_sequence_example(
            serialized,
            to_tf_features(rest) if rest else {},
            to_tf_list_features(features.feature_lists),
        )
        found |= context
    return {
        "context": {
            name: _finished(found[name], feature) for name, feature in features.context.items()
        },
        "feature_lists": {
            name: _finished_list(lists[name], lengths.get(name), feature)
            for name, feature in features.feature_lists.items()
        },
    }


def _finished_list(column: Any, lengths: Any, feature: FeatureSpec) -> Any:
    if isinstance(feature, (FixedLenFeature, RawFeature)):
        # TensorFlow gives frames padded.
        frames = tf.RaggedTensor.from_tensor(column, lengths, row_splits_dtype=tf.int64)
        if isinstance(feature, RawFeature):
            return frames.with_values(_decode_raw(frames.values, feature))
        return frames
    if feature.dtype is np.uint8:
        several = tf.debugging.assert_less_equal(
            column.values.row_lengths(), tf.constant(1, tf.int64), "a step has several byte strings"
        )
        with tf.control_dependencies([several]):
            strings = tf.strings.reduce_join(column.values, axis=1)
        return column.with_values(_finished(strings, feature))
    return column


def _finished(column: Any, feature: FeatureSpec) -> Any:
    if isinstance(feature, RawFeature):
        return _decode_raw(column, feature)
    if feature.dtype is np.uint8:
        joined = tf.io.decode_raw(tf.strings.reduce_join(column), tf.uint8)
        lengths = tf.cast(tf.strings.length(column), tf.int64)
        return tf.RaggedTensor.from_row_lengths(joined, lengths, validate=False)
    return column


def _decode_raw(column: Any, feature: RawFeature) -> Any:
    """Decode byte strings, all of which must have the right length, and have one; of none, none."""
    dtype = tensor_dtype(feature)
    shape = (tf.shape(column, tf.int64)[0], *feature.shape)
    if dtype in _CAST:
        data = tf.bitcast(
            tf.reshape(tf.io.decode_raw(column, tf.uint8), (*shape, dtype.size)), dtype
        )
    else:
        data = tf.reshape(tf.io.decode_raw(column, dtype), shape)
    return tf.ensure_shape(data, (None, *feature.shape))
