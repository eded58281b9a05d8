"""Our features in TensorFlow's terms.

A `VarLenFeature` gives a ``tf.SparseTensor``, a `RaggedFeature` a ``tf.RaggedTensor`` with int64
row splits, everything else a ``tf.Tensor``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RAW_DTYPES",
    "repeats_nothing",
    "require_parsable",
    "tensor_dtype",
    "to_tf_features",
    "to_tf_list_features",
]

_DTYPES: Final = {
    np.int64: tf.int64,
    np.float32: tf.float32,
    bytes: tf.string,
    np.uint8: tf.uint8,
}
RAW_DTYPES: Final = (
    *(tf.uint8, tf.int8, tf.uint16, tf.int16, tf.int32, tf.int64, tf.bool, tf.uint32, tf.uint64),
    *(tf.bfloat16, tf.float16, tf.float32, tf.float64, tf.complex64, tf.complex128),
)
"""The dtypes of the tensors that a `RawFeature` can give."""


def tensor_dtype(feature: FeatureSpec) -> tf.DType:
    """Return the dtype of the tensors that a feature gives."""
    if not isinstance(feature, RawFeature):
        return _DTYPES[feature.dtype]
    try:
        dtype = tf.as_dtype(feature.dtype)
    except TypeError:
        dtype = None
    if dtype in RAW_DTYPES:
        return dtype
    raise ValueError(
        f"tf.io.decode_raw cannot make a tensor of {feature.dtype}; use a RawFeature of uint8 and "
        "convert it"
    )


def require_parsable(features: Mapping[str, FeatureSpec], *, steps: bool = False) -> None:
    """Refuse what TensorFlow cannot parse, of Examples or of ``steps``; ValueError naming it."""
    for name, feature in features.items():
        if isinstance(feature, FixedLenSequenceFeature) and not feature.allow_missing and not steps:
            raise ValueError(
                f"feature {quote(name)}: allow_missing=False is for the feature lists of a "
                "SequenceExample; TensorFlow parses no Example with it"
            )
        try:
            tensor_dtype(feature)
        except ValueError as error:
            raise ValueError(f"feature {quote(name)}: {error}") from None


def repeats_nothing(feature: FeatureSpec, *, steps: bool = False) -> bool:
    """Tell whether a feature has any number of elements, or steps, of no values each.

    TensorFlow divides by the size of one, of which the process ends.
    """
    if isinstance(feature, FixedLenFeature):
        return steps and 0 in feature.shape
    return isinstance(feature, FixedLenSequenceFeature) and 0 in feature.shape


def to_tf_features(features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same features as ``tf.io.parse_example`` takes them.

    A `RawFeature` becomes a scalar string, for ``tf.io.decode_raw`` and ``tf.reshape``; a
    `RaggedFeature` has int64 row splits, as `Ragged` has. Raises ValueError for what TensorFlow
    cannot parse.

    >>> import tfrecord_lite as tfr
    >>> to_tf_features({"label": tfr.FixedLenFeature([], "int64")})
    {'label': FixedLenFeature(shape=(), dtype=tf.int64, default_value=None)}
    """
    named = normalize_features(features)
    require_parsable(named)
    for name, feature in named.items():
        if repeats_nothing(feature):
            raise ValueError(
                f"feature {quote(name)}: {feature}: its elements have no values, at which "
                "TensorFlow ends the process"
            )
    return {name: _to_tf(feature) for name, feature in named.items()}


def _to_tf(feature: FeatureSpec) -> Any:
    if isinstance(feature, RawFeature):
        return tf.io.FixedLenFeature((), tf.string)
    dtype = tensor_dtype(feature)
    if isinstance(feature, FixedLenFeature):
        value = feature.default_value
        if value is not None and feature.shape:
            value = np.array(value, object).reshape(feature.shape).tolist()
        return tf.io.FixedLenFeature(feature.shape, dtype, value)
    if isinstance(feature, FixedLenSequenceFeature):
        return tf.io.FixedLenSequenceFeature(
            feature.shape, dtype, allow_missing=True, default_value=feature.default_value
        )
    if isinstance(feature, RaggedFeature):
        if feature.dtype is np.uint8:
            # An empty string stands for a missing one.
            return tf.io.FixedLenFeature((), tf.string, "")
        theirs = tf.io.RaggedFeature
        partitions = [getattr(theirs, type(each).__name__)(*each) for each in feature.partitions]
        return theirs(
            dtype,
            feature.value_key,
            partitions,
            row_splits_dtype=tf.int64,
            validate=bool(partitions),
        )
    if isinstance(feature, SparseFeature):
        one = isinstance(feature.index_key, str)
        return tf.io.SparseFeature(
            feature.index_keys[0] if one else list(feature.index_keys),
            feature.value_key,
            dtype,
            feature.sizes[0] if one else list(feature.sizes),
            feature.already_sorted,
        )
    assert isinstance(feature, VarLenFeature)
    return tf.io.VarLenFeature(dtype)


def to_tf_list_features(features: Mapping[str, FeatureSpec]) -> dict[str, Any]:
    """Return features of feature lists as ``tf.io.parse_sequence_example`` takes them.

    Frames become a ``FixedLenSequenceFeature``, which is padded; byte strings of which a step has
    one, or none, a ``RaggedFeature``.
    """
    return {name: _to_tf_list(feature) for name, feature in features.items()}


def _to_tf_list(feature: FeatureSpec) -> Any:
    if isinstance(feature, RawFeature):
        return tf.io.FixedLenSequenceFeature((), tf.string, allow_missing=True)
    if isinstance(feature, (FixedLenFeature, FixedLenSequenceFeature)):
        return tf.io.FixedLenSequenceFeature(
            feature.shape,
            tensor_dtype(feature),
            allow_missing=getattr(feature, "allow_missing", True),
        )
    if feature.dtype is np.uint8:
        return tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
    return _to_tf(feature)
