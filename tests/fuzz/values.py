"""Fuzzed: tensors, and features as JSON."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    features_from_json,
    features_to_json,
    parse_tensor,
    serialize_tensor,
)
from tfrecord_lite.example.messages import TensorProto

MOST = 1 << 16  # bytes of a tensor that is filled up

# TensorFlow's number of a type: NumPy's type, the field of its values, values in that field for one
# element.
TYPES: dict[int, tuple[str, str, int]] = {
    1: ("<f4", "float_val", 1),
    2: ("<f8", "double_val", 1),
    3: ("<i4", "int_val", 1),
    4: ("<u1", "int_val", 1),
    5: ("<i2", "int_val", 1),
    6: ("<i1", "int_val", 1),
    8: ("<c8", "scomplex_val", 2),
    9: ("<i8", "int64_val", 1),
    10: ("?", "bool_val", 1),
    17: ("<u2", "int_val", 1),
    18: ("<c16", "dcomplex_val", 2),
    19: ("<f2", "half_val", 1),
    22: ("<u4", "uint32_val", 1),
    23: ("<u8", "uint64_val", 1),
}
REFUSED = "refused"


def element(kind: str, field: str, parts: list[Any]) -> bytes:
    """Return one element's bytes, of its value or values in a field."""
    if field == "half_val":
        return (parts[0] & 0xFFFF).to_bytes(2, "little")
    if field == "int_val":
        size = int(kind[2])
        return (parts[0] & (1 << 8 * size) - 1).to_bytes(size, "little")
    if len(parts) == 2:
        return b"".join(np.array(part, f"<f{int(kind[2:]) // 2}").tobytes() for part in parts)
    return np.array(parts[0], kind).tobytes()


def judge_tensor(data: bytes) -> Any:
    """Return dtype, shape and elements by TensorFlow's rules, None for a type not known here."""
    try:
        tensor = TensorProto.FromString(data)
    except DecodeError:
        return REFUSED
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if any(size < 0 for size in shape) or len(shape) > 64:
        return REFUSED
    count = math.prod(shape)
    if tensor.dtype == 7:
        if tensor.tensor_content:
            return REFUSED
        kind, values = "object", list(tensor.string_val[:count])
        itemsize, zero = 8, b""
    elif tensor.dtype in TYPES:
        kind, field, width = TYPES[tensor.dtype]
        itemsize = np.dtype(kind).itemsize
        zero = bytes(itemsize)
        content = tensor.tensor_content
        if content:
            if len(content) != count * itemsize or (kind == "?" and max(content) > 1):
                return REFUSED
            return kind, shape, content
        given = list(getattr(tensor, field))
        values = [
            element(kind, field, given[at : at + width])
            for at in range(0, len(given) // width * width, width)
        ][:count]
    else:
        return None
    if len(values) < count:
        if count * itemsize > MOST:
            return REFUSED
        values += [values[-1] if values else zero] * (count - len(values))
    return kind, shape, values if kind == "object" else b"".join(values)


def tensor(data: bytes) -> str:
    """A tensor is what TensorFlow's rules make of what protobuf finds in the bytes."""
    expected = judge_tensor(data)
    try:
        found = parse_tensor(data, max_bytes=MOST)
    except ExampleError as error:
        assert expected in (REFUSED, None), expected
        return error.reason
    if expected is None:
        return f"{found.dtype}"
    assert expected != REFUSED
    kind, shape, content = expected
    assert (found.dtype, found.shape) == (np.dtype(kind), shape)
    assert (found.reshape(-1).tolist() if kind == "object" else found.tobytes()) == content
    assert found.flags.writeable
    again = parse_tensor(serialize_tensor(found))
    assert (again.dtype, again.shape) == (found.dtype, found.shape)
    assert again.tobytes() == found.tobytes() or again.tolist() == found.tolist()
    return kind


def features_json(data: bytes) -> str:
    """Any text is the JSON of features, or a ValueError."""
    text = data.decode(errors="replace")
    with warnings.catch_warnings():
        # NumPy has names for dtypes that it would rather be without.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = features_from_json(text)
        except ValueError as error:
            return str(error)
    again = features_from_json(features_to_json(found))
    assert repr(again) == repr(found)  # NaN is not equal to itself
    return "features"
