"""Serialized records parsed in a graph, and what TensorFlow gives made the tensors of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tensorflow as tf

from tfrecord_lite.dataset.table import Table, decode_columns
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.columns import as_block
from tfrecord_lite.example.composites import is_composite
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    RawFeature,
)
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.tensorflow.calls import ends_with_python
from tfrecord_lite.tensorflow.columns import ColumnTensors
from tfrecord_lite.tensorflow.features import (
    repeats_nothing,
    tensor_dtype,
    to_tf_features,
    to_tf_list_features,
)
from tfrecord_lite.tensorflow.fed import dtypes_of

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
    ours = {name: feature for name, feature in features.items() if _is_ours(feature)}
    theirs = {name: feature for name, feature in features.items() if name not in ours}
    found = _parse_here(serialized, ours) if ours else {}
    if theirs:
        columns = tf.io.parse_example(serialized, to_tf_features(theirs))
        found |= {name: _finished(columns[name], feature) for name, feature in theirs.items()}
    return {name: found[name] for name in features}


def _is_ours(feature: FeatureSpec, *, steps: bool = False) -> bool:
    """Tell whether TensorFlow's parser would read a feature wrongly, or the process die of it.

    Of features of several keys it fits the values of a whole batch together, not those of each
    record, and takes no key for two of them that are not of one class.
    """
    return is_composite(feature) or repeats_nothing(feature, steps=steps)


def _parse_here(
    serialized: Any, features: Mapping[str, FeatureSpec] | SequenceFeatures
) -> dict[str, Any]:
    """Parse a batch in Python, to what parsing in TensorFlow would give."""
    tensors = ColumnTensors(features)

    @ends_with_python
    def parse(records: Any) -> Any:
        try:
            columns = decode_columns(as_block(records.tolist()), features, strict=False)
        except ExampleError as error:
            raise ExampleError(f"of this batch, {error}") from None
        return tensors.arrays(Table(columns, len(records)).batch())

    # A stateful one would keep iterators from being saved in checkpoints.
    parts = tf.numpy_function(parse, [serialized], dtypes_of(tensors.nothing), stateful=False)
    return tensors.tensors(iter(parts if isinstance(parts, (list, tuple)) else [parts]))


def _parse_sequences(serialized: Any, features: SequenceFeatures) -> dict[str, Any]:
    context, lists = features.context, features.feature_lists
    ours = {name: item for name, item in context.items() if _is_ours(item)}
    our_lists = {name: item for name, item in lists.items() if _is_ours(item, steps=True)}
    # What parse_sequence_example does not take: a context lies where the features of an Example do.
    apart = {name: item for name, item in context.items() if item.dtype is np.uint8}
    rest = {name: item for name, item in context.items() if name not in ours | apart}
    their_lists = {name: item for name, item in lists.items() if name not in our_lists}
    found: dict[str, Any] = {}
    found_lists: dict[str, Any] = {}
    if ours or our_lists:
        batch = _parse_here(serialized, SequenceFeatures(ours, our_lists))
        found, found_lists = batch["context"], batch["feature_lists"]
    columns: dict[str, Any] = {}
    if apart:
        columns |= tf.io.parse_example(serialized, to_tf_features(apart))
    if rest or their_lists:
        of_context, of_lists, lengths = tf.io.parse_sequence_example(
            serialized,
            to_tf_features(rest) if rest else {},
            to_tf_list_features(their_lists),
        )
        columns |= of_context
        found_lists |= {
            name: _finished_list(of_lists[name], lengths.get(name), item)
            for name, item in their_lists.items()
        }
    found |= {name: _finished(columns[name], item) for name, item in (rest | apart).items()}
    return {
        "context": {name: found[name] for name in context},
        "feature_lists": {name: found_lists[name] for name in lists},
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
