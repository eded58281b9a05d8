"""Arrays to TensorProto bytes, and back, as ``tf.io`` does it.

A serialized TensorProto, with its tags in hexadecimal::

    TensorProto  08 <type>, 12 <length> shape, 22 <length> content    numbers, as they lie in memory
                 08 <type>, 12 <length> shape, 42 <length> string, 42 <length> string, ...
    shape        12 <length> dimension, ...
    dimension    08 <size>, or nothing for the size 0

``tf.make_tensor_proto`` may instead write numbers one by one, in a field for their type. Such a
message is read by protobuf.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.byte_strings import as_bytes
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.kinds import dtype_named
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.values import as_text_bytes, check_size, refuse_masked, string_values
from tfrecord_lite.example.wire import varint

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

__all__ = ["array_of", "parse_tensor", "serialize_tensor"]

_STRING: Final = 7

# NumPy's name, TensorFlow's number, and the field of the values where they are not content. The
# names that NumPy does not know by itself are those of the package ml_dtypes.
_TYPES: Final = (
    ("float32", 1, "float_val"),
    ("float64", 2, "double_val"),
    ("int32", 3, "int_val"),
    ("uint8", 4, "int_val"),
    ("int16", 5, "int_val"),
    ("int8", 6, "int_val"),
    ("complex64", 8, "scomplex_val"),
    ("int64", 9, "int64_val"),
    ("bool", 10, "bool_val"),
    ("bfloat16", 14, "half_val"),
    ("uint16", 17, "int_val"),
    ("complex128", 18, "dcomplex_val"),
    ("float16", 19, "half_val"),
    ("uint32", 22, "uint32_val"),
    ("uint64", 23, "uint64_val"),
    ("float8_e5m2", 24, "float8_val"),
    ("float8_e4m3fn", 25, "float8_val"),
    ("float8_e4m3fnuz", 26, "float8_val"),
    ("float8_e4m3b11fnuz", 27, "float8_val"),
    ("float8_e5m2fnuz", 28, "float8_val"),
    ("int4", 29, "int_val"),
    ("uint4", 30, "int_val"),
    ("int2", 31, "int_val"),
    ("uint2", 32, "int_val"),
    ("float4_e2m1fn", 33, "float8_val"),
)
_NUMBERS: Final = {name: number for name, number, _ in _TYPES}
_FIELDS: Final = {number: (name, field) for name, number, field in _TYPES}


def serialize_tensor(array: npt.NDArray[Any] | np.generic | bytes | str) -> bytes:
    r"""Serialize an array of any shape as a TensorProto, byte for byte as tf.io.serialize_tensor.

    Numbers are of any dtype that TensorFlow has, bfloat16 and its like from ml_dtypes among them;
    strings come in arrays of bytes or str, of any of NumPy's dtypes for these. A bytes or a str by
    itself is a tensor of shape ``()``.

    >>> serialize_tensor(np.array([1, 2], np.uint8))
    b'\x08\x04\x12\x04\x12\x02\x08\x02"\x02\x01\x02'

    Raises ExampleError for a dtype that TensorFlow does not have, and TypeError for what is not an
    array: a list does not tell its dtype, for which NumPy and TensorFlow have different rules.
    """
    if isinstance(array, (bytes, str)):
        return _serialize_strings((), [array])
    if not hasattr(array, "__array__"):
        raise TypeError(
            f"serialize_tensor takes an array, not a {type(array).__name__}; "
            "np.asarray(..., dtype) makes one"
        )
    refuse_masked(array)
    array = np.asarray(array)
    if array.dtype.kind in "SU":
        return _serialize_strings(array.shape, string_values(array))
    if array.dtype.kind in "OT":
        return _serialize_strings(array.shape, array.reshape(-1).tolist())
    number = _NUMBERS.get(array.dtype.name)
    if number is None:
        raise ExampleError(
            f"an array of dtype {array.dtype}, which no tensor has; .astype() another"
        )
    header = _header(number, array.shape)
    if array.size == 0:
        return header
    header += b"\x22" + varint(array.nbytes)
    check_size(len(header) + array.nbytes)
    content = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    parts: list[Any] = [header, content.reshape(-1).view(np.uint8)]
    return b"".join(parts)


def _header(number: int, shape: tuple[int, ...]) -> bytes:
    dimensions = [b"\x08" + varint(size) if size else b"" for size in shape]
    encoded = b"".join([b"\x12" + varint(len(size)) + size for size in dimensions])
    return b"\x08" + varint(number) + b"\x12" + varint(len(encoded)) + encoded


def _serialize_strings(shape: tuple[int, ...], values: list[Any]) -> bytes:
    pieces = [_header(_STRING, shape)]
    for value in values:
        if not isinstance(value, (bytes, str)):
            raise ExampleError(
                f"{quote(value)} in an array of objects, of which a tensor has only bytes and str"
            )
        content = as_text_bytes(value)
        pieces += (b"\x42" + varint(len(content)), content)
    check_size(sum(map(len, pieces)))
    return b"".join(pieces)


def parse_tensor(data: Buffer, *, max_bytes: int = 1 << 30) -> npt.NDArray[Any]:
    """Parse a serialized TensorProto into a new array, of its dtype and shape.

    Strings are an array of objects, which are bytes. What ``tf.io.serialize_tensor`` and
    ``tf.make_tensor_proto`` write is read by TensorFlow's rules: without content, the values are in
    the field for their type; values beyond the shape are ignored; after too few the last one is
    repeated; and where there is none, all are zero. A few bytes may thus stand for any number of
    elements: an array so filled has at most ``max_bytes``.

    >>> parse_tensor(serialize_tensor(np.eye(2, dtype=np.int8)))
    array([[1, 0],
           [0, 1]], dtype=int8)

    Raises ExampleError for bytes that are not a TensorProto whose parts fit together, and for types
    that NumPy has not: resources, variants, quantized numbers; bfloat16 and its like without
    ml_dtypes.
    """
    from google.protobuf.message import DecodeError

    from tfrecord_lite.example.messages import TensorProto

    try:
        tensor = TensorProto.FromString(as_bytes(data))
    except DecodeError as error:
        raise ExampleError(f"not a TensorProto: {error}") from error
    return array_of(tensor, max_bytes)


def array_of(tensor: Any, max_bytes: int) -> npt.NDArray[Any]:
    """Return what a TensorProto message holds, as `parse_tensor` does."""
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if min(shape, default=0) < 0:
        raise ExampleError(f"a tensor of shape {quote(shape)}, which is no shape")
    count = math.prod(shape)
    values = _strings(tensor) if tensor.dtype == _STRING else _numbers(tensor, count)
    if len(values) < count:
        values = _filled(values, count, max_bytes)
    try:
        return values[:count].reshape(shape)
    except ValueError as error:
        raise ExampleError(f"a tensor of shape {quote(shape)}: {error}") from error


def _strings(tensor: Any) -> npt.NDArray[Any]:
    if tensor.tensor_content:
        raise ExampleError("a tensor of strings in tensor_content, where string_val was expected")
    values: npt.NDArray[Any] = np.empty(len(tensor.string_val), object)
    values[:] = tensor.string_val
    return values


def _numbers(tensor: Any, count: int) -> npt.NDArray[Any]:
    """Return the elements that are there, at least: of content, exactly ``count``."""
    if tensor.dtype not in _FIELDS:
        raise ExampleError(f"a tensor of data type {tensor.dtype}, for which NumPy has none")
    name, field = _FIELDS[tensor.dtype]
    try:
        dtype = dtype_named(name)
    except (ImportError, TypeError):
        raise ExampleError(
            f"a tensor of {name}, which NumPy has only with a recent package ml_dtypes: "
            "pip install --upgrade ml_dtypes"
        ) from None
    narrow = name in ("int4", "uint4", "int2", "uint2")
    stored = np.dtype(np.int8) if narrow else dtype.newbyteorder("<")
    content = tensor.tensor_content
    if content:
        if len(content) != count * stored.itemsize:
            raise ExampleError(
                f"{len(content)} bytes of tensor_content, where {count} elements of {name} take "
                f"{count * stored.itemsize}"
            )
        if name == "bool" and max(content) > 1:
            raise ExampleError("a tensor of bool with a byte that is neither 0 nor 1")
        return np.frombuffer(content, stored).astype(dtype)
    values = getattr(tensor, field)
    if field == "half_val":  # the bits of each, in an int32
        return np.array(values, np.int32).astype(np.uint16).view(dtype)
    if field == "float8_val":  # the bits of each, in a byte
        return np.frombuffer(values, np.uint8).copy().view(dtype)
    if field in ("scomplex_val", "dcomplex_val"):  # real and imaginary parts in turn
        half = np.float32 if name == "complex64" else np.float64
        return np.array(values[: len(values) // 2 * 2], half).view(dtype)
    return np.array(values, np.int32 if field == "int_val" else dtype).astype(dtype, copy=False)


def _filled(values: npt.NDArray[Any], count: int, max_bytes: int) -> npt.NDArray[Any]:
    if count * values.itemsize > max_bytes:
        raise ExampleError(
            f"a tensor of {count} elements of which {len(values)} are given; to fill it would take "
            f"{count * values.itemsize} bytes, more than max_bytes={max_bytes}"
        )
    filled = np.empty(count, values.dtype)
    filled[: len(values)] = values
    filled[len(values) :] = values[-1] if len(values) else (b"" if values.dtype == object else 0)
    return filled
