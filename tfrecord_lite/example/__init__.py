"""Values: tf.train.Example and SequenceExample to Python and NumPy, and back; opens no file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.example.batch import encode_examples
from tfrecord_lite.example.columns import Column, parse_example, parse_single_example
from tfrecord_lite.example.decode import Value, decode_example
from tfrecord_lite.example.encode import encode_example
from tfrecord_lite.example.feature_json import features_from_json, features_to_json
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
)
from tfrecord_lite.example.infer import infer_features
from tfrecord_lite.example.ragged import Ragged, Sparse
from tfrecord_lite.example.sequence import decode_sequence_example, encode_sequence_example
from tfrecord_lite.example.sequence_batch import encode_sequence_examples
from tfrecord_lite.example.sequence_columns import (
    parse_sequence_example,
    parse_single_sequence_example,
)
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.example.tensor import parse_tensor, serialize_tensor

if TYPE_CHECKING:
    from tfrecord_lite.example.messages import (
        BytesList,
        Example,
        Feature,
        FeatureList,
        FeatureLists,
        Features,
        FloatList,
        Int64List,
        SequenceExample,
    )

__all__ = [
    "BytesList",
    "Column",
    "Example",
    "Feature",
    "FeatureList",
    "FeatureLists",
    "FeatureSpec",
    "Features",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "FloatList",
    "Int64List",
    "Ragged",
    "RaggedFeature",
    "RawFeature",
    "SequenceExample",
    "SequenceFeatures",
    "Sparse",
    "SparseFeature",
    "Value",
    "VarLenFeature",
    "decode_example",
    "decode_sequence_example",
    "encode_example",
    "encode_examples",
    "encode_sequence_example",
    "encode_sequence_examples",
    "features_from_json",
    "features_to_json",
    "infer_features",
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
    "parse_tensor",
    "serialize_tensor",
]


def __getattr__(name: str) -> Any:
    # Making the message classes costs as much time as importing all the rest: they are made at
    # first use.
    if name in __all__:
        from tfrecord_lite.example import messages

        return getattr(messages, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
