"""``tf.io``: TFRecord files, Examples, tensors as bytes, images, and whole files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.compat import gfile
from tfrecord_lite.compat._missing import missing
from tfrecord_lite.compat._tensor import StringTensor, Tensor, as_dtype, constant, tensor_of
from tfrecord_lite.compat.errors import InvalidArgumentError
from tfrecord_lite.compat.image import (
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
)
from tfrecord_lite.compat.parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    SparseFeature,
    VarLenFeature,
    one_record,
    parse_example,
    parse_sequence_example,
    parse_single_example,
    parse_single_sequence_example,
    refused,
)
from tfrecord_lite.compat.python_io import (
    TFRecordCompressionType,
    TFRecordOptions,
    TFRecordWriter,
    tf_record_iterator,
)
from tfrecord_lite.example import tensor as tensors

if TYPE_CHECKING:
    from tfrecord_lite._types import Path

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "SparseFeature",
    "TFRecordCompressionType",
    "TFRecordOptions",
    "TFRecordWriter",
    "VarLenFeature",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "gfile",
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
    "parse_tensor",
    "read_file",
    "serialize_tensor",
    "tf_record_iterator",
    "write_file",
]

__getattr__ = missing("tf.io")


def serialize_tensor(tensor: Any, name: str | None = None) -> StringTensor:
    r"""Return a tensor, or a value that ``tf.constant`` takes, as the bytes of a TensorProto.

    >>> serialize_tensor([1, 2]).numpy()
    b'\x08\x03\x12\x04\x12\x02\x08\x02"\x08\x01\x00\x00\x00\x02\x00\x00\x00'
    """
    value = constant(tensor)
    array = np.array(value, object) if isinstance(value, bytes) else value.view(np.ndarray)
    return StringTensor(tensors.serialize_tensor(array))


def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Tensor | StringTensor:
    """Return the tensor of a TensorProto's bytes; InvalidArgumentError if it has another type.

    >>> parse_tensor(serialize_tensor([1, 2]), np.int32).numpy()
    array([1, 2], dtype=int32)
    """
    several = serialized.ndim if isinstance(serialized, np.ndarray) else False
    if several or isinstance(serialized, (list, tuple)):
        raise InvalidArgumentError(
            None, None, "serialized is the bytes of one tensor, a scalar; parse each by itself"
        )
    with refused():
        array = tensors.parse_tensor(one_record(serialized))
    if array.dtype != as_dtype(out_type):
        raise InvalidArgumentError(
            None, None, f"the tensor is of {array.dtype}, not of out_type={out_type!r}"
        )
    return tensor_of(array)


def read_file(filename: Path, name: str | None = None) -> StringTensor:
    """Return all bytes of a file."""
    with gfile.GFile(filename, "rb") as file:
        return StringTensor(file.read())


def write_file(filename: Path, contents: bytes | str, name: str | None = None) -> None:
    """Write bytes, or str as UTF-8, to a file; the directories above it are created."""
    gfile.makedirs(os.path.dirname(os.fspath(filename)) or ".")
    with gfile.GFile(filename, "wb") as file:
        file.write(contents)
