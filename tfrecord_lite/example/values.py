"""One Python or NumPy value to the bytes of one Feature.

A value has the kind of its type and no other: bytes and str are a bytes_list, bool and integers an
int64_list, floats a float_list, and a list, a tuple or an array has the kind that its elements
share. What a Feature cannot hold as it is, is refused: no value is changed silently.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tfrecord_lite.byte_strings import lost_nuls
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.floats import LARGEST_WHOLE, SMALLEST, narrow
from tfrecord_lite.example.kinds import (
    BYTES_LIST,
    FLOAT_LIST,
    INT64_LIST,
    KIND_NAMES,
    kind_of,
    kind_of_dtype,
)
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.varints import encode_varints
from tfrecord_lite.example.wire import MAX_MESSAGE_BYTES, varint
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = [
    "BYTES_LIST",
    "ENCODERS",
    "FLOAT_LIST",
    "INT64_LIST",
    "FeatureBytes",
    "as_text_bytes",
    "check_size",
    "encode_feature",
    "encoder_of",
    "refuse_masked",
    "string_values",
]

# A serialized Feature in two parts: the head has the tags and lengths of Feature and list, and all
# of a small value; the run, a bytes-like object of so many bytes, follows it. Thus a large array is
# copied once, at the very end, when all of an Example is joined.
FeatureBytes: TypeAlias = tuple[bytes, Any, int]

_SHORT: Final = 124  # bytes of a run beside which every length still takes one byte
_WORD: Final = (1 << 64) - 1
_MIN_INT64: Final = -(1 << 63)
_MAX_INT64: Final = (1 << 63) - 1
_SHORT_HEADS: Final = {
    kind: tuple(bytes((kind, size + 2, 0x0A, size)) for size in range(_SHORT + 1))
    for kind in (BYTES_LIST, FLOAT_LIST, INT64_LIST)
}
_SMALL_INTS: Final = tuple(bytes((INT64_LIST, 3, 0x0A, 1, value)) for value in range(128))
_FLOAT32: Final = np.dtype("<f4")
_WAY_OUT: Final = "an Example holds bytes, text, integers and floats, and lists of one of them"
_pack_float: Final = struct.Struct("<f").pack


def encode_feature(value: object) -> FeatureBytes:
    r"""Encode a value as the Feature of its kind.

    >>> encode_feature([1, 300])
    (b'\x1a\x05\n\x03\x01\xac\x02', b'', 0)

    Raises ExampleError, which names the value and the way out, but not the feature.
    """
    encode = ENCODERS.get(type(value)) or encoder_of(value)
    return encode(value)


def check_size(size: int) -> None:
    """Raise ExampleError for more bytes than a protobuf message can have."""
    if size > MAX_MESSAGE_BYTES:
        raise ExampleError(
            f"{size} bytes, where a serialized message has at most {MAX_MESSAGE_BYTES} (2 GiB - 1);"
            " spread them over several Examples"
        )


def refuse_masked(array: object) -> None:
    """Raise ExampleError for a masked array, which would be stored with what the mask hides."""
    if hasattr(array, "filled"):
        raise ExampleError("a masked array; say with .filled() what its masked values are")


def string_values(array: npt.NDArray[Any]) -> list[Any]:
    """Return the elements of an array of dtype S or U, flattened; ExampleError as `lost_nuls`."""
    if lost := lost_nuls(array):
        raise ExampleError(lost[1])
    values: list[Any] = np.asarray(array).reshape(-1).tolist()
    return values


def _feature(kind: int, run: Any, size: int) -> FeatureBytes:
    """Make a Feature of one run: one byte string, or packed numbers."""
    if size <= _SHORT:
        return _SHORT_HEADS[kind][size] + run, b"", 0
    return _long_head(kind, size), run, size


def _array_feature(kind: int, run: npt.NDArray[Any]) -> FeatureBytes:
    """Make a Feature of packed numbers, which are not copied here if they are many."""
    size = run.nbytes
    return _feature(kind, run.tobytes() if size <= _SHORT else run, size)


@lru_cache(maxsize=1 << 12)
def _long_head(kind: int, size: int) -> bytes:
    head = b"\x0a" + varint(size)
    return bytes((kind,)) + varint(len(head) + size) + head


# One value.


def _encode_bytes(value: bytes) -> FeatureBytes:
    return _feature(BYTES_LIST, value, len(value))


def _encode_string(value: Any) -> FeatureBytes:
    return _encode_bytes(as_text_bytes(value))


def as_text_bytes(value: Any) -> bytes:
    """Return the bytes of a bytes-like object, or of text in UTF-8."""
    if isinstance(value, memoryview) and "O" in value.format:
        raise ExampleError("a view of an array of objects has no bytes of theirs; pass a list")
    if not isinstance(value, str):
        return bytes(value)
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ExampleError(
            f"{quote(value)} is not Unicode text ({error.reason}); make bytes of it yourself"
        ) from None


def _encode_int(value: int) -> FeatureBytes:
    if 0 <= value < 128:
        return _SMALL_INTS[value], b"", 0
    return _encode_ints((value,))


def _encode_integer(value: Any) -> FeatureBytes:
    return _encode_int(int(value))


def _encode_float(value: float) -> FeatureBytes:
    if (
        SMALLEST < value < LARGEST_WHOLE
        or -LARGEST_WHOLE < value < -SMALLEST
        or value == 0
        or value != value
    ):
        return b"\x12\x06\x0a\x04" + _pack_float(value), b"", 0
    return _encode_array(np.array(value))


def _encode_scalar(value: Any) -> FeatureBytes:
    return _encode_array(np.asarray(value))


# Several values.


def _encode_list(values: Sequence[Any]) -> FeatureBytes:
    if len(values) == 1 and (encode := _SCALARS.get(type(values[0]))):
        return encode(values[0])
    if not values:
        raise ExampleError(
            "an empty list does not tell its kind; pass an empty array that does, such as "
            "np.array([], np.int64), or features=, or None to leave the feature out"
        )
    types = set(map(type, values))
    kinds = {kind_of(cls) for cls in types}
    kind = kinds.pop()
    if kinds or kind is None:
        raise ExampleError(_why_no_list(values))
    if kind == BYTES_LIST:
        return _encode_strings(values)
    if kind == INT64_LIST:
        return _encode_ints(values if types <= _PLAIN_INTS else list(map(int, values)))
    if types <= _PLAIN_FLOATS:
        return _encode_floats(values)
    # One by one, each is narrowed from its own type and once.
    runs = [narrow(np.asarray(value)).tobytes() for value in values]
    return _feature(FLOAT_LIST, b"".join(runs), 4 * len(runs))


def _why_no_list(values: Sequence[Any]) -> str:
    """Say which element keeps values from being a list of one kind."""
    kinds = [kind_of(type(value)) for value in values]
    index = next(index for index, kind in enumerate(kinds) if kind is None or kind != kinds[0])
    value, kind, first = values[index], kinds[index], kinds[0]
    refuse_masked(value)
    found = f"element {index} is {quote(value)}"
    if isinstance(value, (list, tuple, np.ndarray)):
        return (
            f"{found}, but a Feature is flat: flatten the whole, or make it one array and pass "
            "features= with its shape"
        )
    if kind is None or first is None:
        return f"{found}, of type {type(value).__name__}; {_way_out(value)}"
    return (
        f"{found} in a list that begins with {KIND_NAMES[first]}, but a Feature has one kind: make "
        "all elements of one type"
    )


def _encode_strings(values: Sequence[Any]) -> FeatureBytes:
    pieces: list[bytes] = []
    size = 0
    for value in values:
        content = as_text_bytes(value)
        head = b"\x0a" + varint(len(content))
        pieces += (head, content)
        size += len(head) + len(content)
    check_size(size)
    return b"\x0a" + varint(size), b"".join(pieces), size


def _encode_ints(values: Sequence[int]) -> FeatureBytes:
    try:
        run = bytes(values)
    except ValueError:  # one of them is not a byte
        run = b"\xff"
    if not run.isascii():  # one of them is not a varint of one byte
        _check_int64(min(values))
        _check_int64(max(values))
        if len(values) <= thresholds.looped_integers:
            run = b"".join([varint(value & _WORD) for value in values])
        else:
            run = encode_varints(np.array(values, np.int64)).tobytes()
    return _feature(INT64_LIST, run, len(run))


def _check_int64(value: int) -> None:
    if not _MIN_INT64 <= value <= _MAX_INT64:
        raise ExampleError(f"{quote(value)} is beyond int64; store it as bytes or as text")


def _encode_floats(values: Sequence[float]) -> FeatureBytes:
    if len(values) > thresholds.looped_integers:
        return _encode_array(np.array(values, np.float64))
    for value in values:
        if not (
            SMALLEST < value < LARGEST_WHOLE or -LARGEST_WHOLE < value < -SMALLEST or value == 0
        ):
            return _encode_array(np.array(values, np.float64))
    return _feature(FLOAT_LIST, struct.pack(f"<{len(values)}f", *values), 4 * len(values))


# Arrays.


def _encode_array(array: npt.NDArray[Any]) -> FeatureBytes:
    if array.dtype == _FLOAT32 and array.ndim == 1 and array.size:
        # The commonest large value, and nothing of it to look at.
        check_size(array.nbytes)
        return _array_feature(FLOAT_LIST, np.ascontiguousarray(array))
    if array.ndim > 1:
        raise ExampleError(
            f"an array of shape {array.shape}, where a Feature is flat: pass features= with a "
            "FixedLenFeature or RawFeature of that shape, or .ravel() it and store the shape too"
        )
    kind = kind_of_dtype(array.dtype)
    if array.dtype.kind == "O" or (array.dtype.kind == "T" and array.size):
        return _encode_list(array.reshape(-1).tolist())
    if kind is None:
        raise ExampleError(
            f"an array of dtype {array.dtype}; {_WAY_OUT}, or of bytes by .tobytes()"
        )
    if array.size == 0:
        return bytes((kind, 0)), b"", 0
    if kind == BYTES_LIST:
        return _encode_strings(string_values(array))
    if kind == FLOAT_LIST:
        check_size(4 * array.size)
        return _array_feature(FLOAT_LIST, narrow(array))
    check_size(array.size)
    if array.size <= thresholds.looped_integers:
        return _encode_ints(list(map(int, array.reshape(-1).tolist())))
    _check_int64(int(array.max()))
    return _array_feature(INT64_LIST, encode_varints(np.ascontiguousarray(array, np.int64)))


_PLAIN_INTS: Final = {int, bool}
_PLAIN_FLOATS: Final = {float, np.float64}

# The encoders of types as they are; subclasses and rarer types are looked up by encoder_of.
_SCALARS: Final[dict[type, Callable[[Any], FeatureBytes]]] = {
    bytes: _encode_bytes,
    **dict.fromkeys((str, bytearray, memoryview, np.bytes_, np.str_), _encode_string),
    **dict.fromkeys((int, bool), _encode_int),
    **dict.fromkeys((np.dtype(code).type for code in "?bhilqBHILQ"), _encode_integer),
    **dict.fromkeys((float, np.float64), _encode_float),
    **dict.fromkeys((np.float16, np.float32, np.longdouble), _encode_scalar),
}
ENCODERS: Final[dict[type, Callable[[Any], FeatureBytes]]] = {
    **_SCALARS,
    **dict.fromkeys((list, tuple), _encode_list),
    np.ndarray: _encode_array,
}


def encoder_of(value: object) -> Callable[[Any], FeatureBytes]:
    """Find the encoder of a value whose type is not in ``ENCODERS``; ExampleError without one."""
    if isinstance(value, (list, tuple)):
        return _encode_list
    if isinstance(value, np.ndarray):
        refuse_masked(value)
        return _encode_array
    kind = kind_of(type(value))
    if kind == BYTES_LIST:
        return _encode_string
    if kind == INT64_LIST:
        return _encode_integer
    if kind == FLOAT_LIST:
        return _encode_scalar
    raise ExampleError(f"{quote(value)}, of type {type(value).__name__}; {_way_out(value)}")


def _way_out(value: object) -> str:
    """Say what an Example holds, and how a tensor of TensorFlow's or PyTorch's becomes that."""
    return f"{_WAY_OUT}; pass its .numpy()" if hasattr(value, "numpy") else _WAY_OUT
