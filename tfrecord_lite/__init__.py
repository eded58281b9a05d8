"""TFRecords without TensorFlow: write them on any machine, prove every byte, read them fast.

>>> import tfrecord_lite as tfr
>>> tfr.decode_example(tfr.encode_example({"label": 3, "name": "cat"}))
{'label': array([3]), 'name': [b'cat']}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tfrecord_lite._version import __version__

if TYPE_CHECKING:
    from tfrecord_lite.dataset import Dataset, ShardWriter, read_batches, write_examples
    from tfrecord_lite.description import (
        Description,
        FeatureDescription,
        FileDescription,
        Spread,
        describe,
    )
    from tfrecord_lite.errors import (
        CompressionError,
        CorruptRecordError,
        Damage,
        ExampleError,
        RecordTooLargeError,
        TFRecordError,
        TruncatedRecordError,
    )
    from tfrecord_lite.example import (
        BytesList,
        Example,
        Feature,
        FeatureList,
        FeatureLists,
        Features,
        FixedLenFeature,
        FixedLenSequenceFeature,
        FloatList,
        Int64List,
        Ragged,
        RaggedFeature,
        RawFeature,
        SequenceExample,
        SequenceFeatures,
        Sparse,
        SparseFeature,
        VarLenFeature,
        decode_example,
        decode_sequence_example,
        encode_example,
        encode_examples,
        encode_sequence_example,
        encode_sequence_examples,
        features_from_json,
        features_to_json,
        infer_features,
        parse_example,
        parse_sequence_example,
        parse_single_example,
        parse_single_sequence_example,
        parse_tensor,
        serialize_tensor,
    )
    from tfrecord_lite.files import (
        Manifest,
        ManifestEntry,
        RecordFile,
        RecordIndex,
        RecordSet,
        Split,
        StaleIndexError,
        expand_shards,
        find_manifest,
        publish_shards,
        read_records,
    )
    from tfrecord_lite.integrity import Fault, FileReport, Report, salvage, verify
    from tfrecord_lite.records import (
        RecordBlock,
        RecordReader,
        RecordWriter,
        mask_crc,
        masked_crc32c,
        unmask_crc,
        write_records,
    )

__all__ = [
    "BytesList",
    "CompressionError",
    "CorruptRecordError",
    "Damage",
    "Dataset",
    "Description",
    "Example",
    "ExampleError",
    "Fault",
    "Feature",
    "FeatureDescription",
    "FeatureList",
    "FeatureLists",
    "Features",
    "FileDescription",
    "FileReport",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "FloatList",
    "Int64List",
    "Manifest",
    "ManifestEntry",
    "Ragged",
    "RaggedFeature",
    "RawFeature",
    "RecordBlock",
    "RecordFile",
    "RecordIndex",
    "RecordReader",
    "RecordSet",
    "RecordTooLargeError",
    "RecordWriter",
    "Report",
    "SequenceExample",
    "SequenceFeatures",
    "ShardWriter",
    "Sparse",
    "SparseFeature",
    "Split",
    "Spread",
    "StaleIndexError",
    "TFRecordError",
    "TruncatedRecordError",
    "VarLenFeature",
    "__version__",
    "decode_example",
    "decode_sequence_example",
    "describe",
    "encode_example",
    "encode_examples",
    "encode_sequence_example",
    "encode_sequence_examples",
    "expand_shards",
    "features_from_json",
    "features_to_json",
    "find_manifest",
    "infer_features",
    "mask_crc",
    "masked_crc32c",
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
    "parse_tensor",
    "publish_shards",
    "read_batches",
    "read_records",
    "salvage",
    "serialize_tensor",
    "unmask_crc",
    "verify",
    "write_examples",
    "write_records",
]


# Each name is loaded from its wing at its first use: a script that only writes pays for no decoder,
# and one that only asks for the version pays for nothing.
_WINGS = (
    "tfrecord_lite.errors",
    "tfrecord_lite.records",
    "tfrecord_lite.example",
    "tfrecord_lite.files",
    "tfrecord_lite.dataset",
    "tfrecord_lite.integrity",
    "tfrecord_lite.description",
)


# What names of TensorFlow, and of the package tfrecord, are called here.
_CALLED = {
    "MultiTFRecordDataset": "Dataset",
    "TFRecordDataset": "read_records, read_batches, or Dataset for training",
    "TFRecordOptions": "compression=",
    "TFRecordReader": "RecordReader",
    "TFRecordWriter": "RecordWriter",
    "tf_record_iterator": "read_records",
    "tfrecord_iterator": "read_records",
    "tfrecord_loader": "read_batches",
}
_NAMESPACES_OF_TENSORFLOW = ("data", "gfile", "image", "io", "python_io", "train")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for wing in _WINGS:
            module = import_module(wing)
            if name in module.__all__:
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_what_instead(name)}")


def _what_instead(name: str) -> str:
    """Say what a name is called here, or what has to be imported for it."""
    if name in _CALLED:
        return f"; here it is {_CALLED[name]}, and tfrecord_lite.compat has TensorFlow's names"
    if name in _NAMESPACES_OF_TENSORFLOW:
        return "; TensorFlow's names are in tfrecord_lite.compat: import tfrecord_lite.compat as tf"
    if name.startswith("_"):
        return ""
    from pkgutil import iter_modules

    is_module = any(module.name == name for module in iter_modules(__path__))
    return f"; it is a module by itself: import {__name__}.{name}" if is_module else ""


def __dir__() -> list[str]:
    return __all__
