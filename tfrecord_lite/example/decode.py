"""Bytes to values: one Example, one Feature, one list.

The bytes are read as protobuf's Python package reads them, refusals included, whatever they are:

- fields come in any order and any number of times; of a map's entries with one key the last counts,
  and a message that comes twice is read as if its two contents were one;
- a Feature has the kind that came last, and the values that came since the kind last changed;
- packed and unpacked values mix; unknown fields are skipped, groups too, and so is a known field
  with a wire type that is not its own; but a map entry with an unknown field in it is dropped
  whole;
- a name is UTF-8, or the message is refused.

TensorFlow's own parser departs from this in many odd cases. In what ordinary writers write there is
no difference, and for small features in the one form that encoders give them there is a short way;
everything else takes the long way, which holds for all bytes.

Each level of an Example has a function of its own, so nothing recurses. A message that may come in
pieces is handed on as a list of *spans*, ``(start, stop)`` in the bytes, to be read one after the
other. ``depth`` is how many messages lie around it, the outermost not counted, because unknown
groups in it may go down only so far.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from tfrecord_lite.byte_strings import as_bytes
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.kinds import BYTES_LIST, FLOAT_LIST, INT64_LIST
from tfrecord_lite.example.other_messages import description_of, is_list_of_examples
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.varints import decode_varints
from tfrecord_lite.example.wire import (
    Span,
    read_fields,
    read_length,
    read_varint,
)
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

__all__ = [
    "ENTRY",
    "Value",
    "decode_entry",
    "decode_example",
    "decode_feature",
    "decode_features",
    "decode_small_feature",
]

Int64Values: TypeAlias = npt.NDArray[np.int64]
Float32Values: TypeAlias = npt.NDArray[np.float32]
Value: TypeAlias = Int64Values | Float32Values | list[bytes] | None

_T = TypeVar("_T")

# Tags: field number << 3 | wire type.
_FEATURES: Final = 0x0A
ENTRY: Final = 0x0A  # of a map
_KEY: Final = 0x0A
_VALUE: Final = 0x12
_RUN: Final = 0x0A  # in a list: a packed run of numbers, or one byte string
_ONE_VARINT: Final = 0x08
_ONE_FLOAT: Final = 0x0D


_FLOAT32: Final = np.dtype("<f4")
_INT64: Final = np.dtype(np.int64)


def decode_example(data: Buffer, *, strict: bool = True) -> dict[str, Value]:
    r"""Decode one serialized tf.train.Example into its features, by name.

    An int64_list is a one-dimensional int64 array, a float_list a one-dimensional float32 array, a
    bytes_list a list of bytes, and a feature of no kind None: the type tells what is in the bytes,
    never how many values there are. Arrays are new, writable, and share nothing with ``data``.
    Names are in the order in which they first appear.

    >>> decode_example(b"\n\x12\n\x10\n\x05label\x12\x07\x1a\x05\n\x03\x03\xac\x02")
    {'label': array([  3, 300])}

    Raises ExampleError where protobuf raises DecodeError; and for a field at top level that an
    Example does not have, since a SequenceExample, a TensorBoard event or an ExampleListWithContext
    otherwise passes for an Example, without its contents. ``strict=False`` skips such fields, as
    protobuf does.
    """
    data = as_bytes(data)
    features: dict[str, Value] = {}
    unknown = None
    at = 0
    try:
        for tag, start, stop in read_fields(data, [(0, len(data))], 0):
            if tag == _FEATURES:
                decode_features(data, start, stop, features)
            elif unknown is None:
                unknown = (
                    f"byte {at}: unknown field {tag >> 3} at top level (wire type {tag & 7}), not "
                    "an Example's"
                )
            at = stop
    except ExampleError as error:
        error.reason += _resemblance(data)
        raise
    if strict and unknown is not None:
        raise ExampleError(unknown + _resemblance(data))
    if strict and features and is_list_of_examples(data, features):
        raise ExampleError("not an Example" + _resemblance(data))
    return features


def _resemblance(data: bytes) -> str:
    kind = description_of(data)
    return "" if kind is None else f"; it looks like {kind}"


def decode_features(data: bytes, pos: int, end: int, found: dict[str, Value]) -> None:
    """Decode a Features message into ``found``."""
    for tag, start, stop in read_fields(data, [(pos, end)], 1):
        if tag == ENTRY and not _decode_small_entry(data, start, stop, found):
            decode_entry(data, start, stop, found, decode_feature)


def _decode_small_entry(data: bytes, pos: int, end: int, found: dict[str, Value]) -> bool:
    """Decode an entry whose value is a small feature, if it is ``0a <n> key  12 <n> feature``."""
    key_size = data[pos + 1] if end - pos >= 8 else 0x80
    at = pos + 4 + key_size
    if (
        key_size >= 0x80
        or not 0 <= end - at <= 0x7F
        or data[pos] != _KEY
        or data[at - 2] != _VALUE
        or data[at - 1] != end - at
    ):
        return False
    value = decode_small_feature(data, at, end)
    if value is None:
        return False
    try:
        found[_decode_key(data, pos + 2, at - 2)] = value
    except ExampleError:  # the long way says where
        return False
    return True


def decode_small_feature(data: bytes, pos: int, end: int) -> Value:
    """Decode a Feature of one list of one run, if that is all and each length takes one byte.

    That is ``kind <n> 0a <n> run``, in which every byte but those of the run is known beforehand.
    None for all else, and for what is malformed: the long way says where.
    """
    size = end - pos - 4
    if (
        not 0 <= size <= 0x7F - 4
        or data[pos] not in _RUN_DECODERS
        or data[pos + 1] != size + 2
        or data[pos + 2] != _RUN
        or data[pos + 3] != size
    ):
        return None
    try:
        return _RUN_DECODERS[data[pos]](data, pos + 4, end)
    except ExampleError:
        return None


def decode_entry(
    data: bytes,
    pos: int,
    end: int,
    found: dict[str, _T],
    decode_value: Callable[[bytes, list[Span], int], _T],
) -> None:
    """Decode an entry of a map into ``found``; its value is a message for ``decode_value``."""
    key = ""
    values: list[Span] = []
    whole = True
    for tag, start, stop in read_fields(data, [(pos, end)], 2):
        if tag == _KEY:
            key = _decode_key(data, start, stop)
        elif tag == _VALUE:
            values.append((start, stop))
        else:
            whole = False
    try:
        value = decode_value(data, values, 3)
    except ExampleError as error:
        raise ExampleError(f"feature {quote(key)}: {error.reason}") from None
    if whole:
        found[key] = value


def _decode_key(data: bytes, start: int, stop: int) -> str:
    try:
        return data[start:stop].decode()
    except UnicodeDecodeError:
        raise ExampleError(
            f"byte {start}: a feature name that is not UTF-8: {quote(data[start:stop])}"
        ) from None


def decode_feature(data: bytes, spans: list[Span], depth: int) -> Value:
    """Decode a Feature message."""
    kind = 0
    lists: list[Span] = []
    for tag, start, stop in read_fields(data, spans, depth):
        if tag in _LIST_DECODERS:
            if tag != kind and lists:
                # The values of the kind before are dropped, but not unread: they may be malformed.
                _LIST_DECODERS[kind](data, lists, depth + 1)
                lists = []
            kind = tag
            lists.append((start, stop))
    return _LIST_DECODERS[kind](data, lists, depth + 1) if lists else None


def _single_run(data: bytes, spans: list[Span]) -> Span | None:
    """Return the span of the one field 1 that is all of a list, or None for any other list."""
    if len(spans) == 1:
        pos, end = spans[0]
        if pos < end and data[pos] == _RUN:
            span = read_length(data, pos + 1, end)
            if span[1] == end:
                return span
    return None


def _decode_bytes_list(data: bytes, spans: list[Span], depth: int) -> list[bytes]:
    fields = read_fields(data, spans, depth)
    return [data[start:stop] for tag, start, stop in fields if tag == _RUN]


def _decode_float_list(data: bytes, spans: list[Span], depth: int) -> Float32Values:
    if run := _single_run(data, spans):
        return _decode_floats(data, *run)
    joined = bytearray()
    for tag, start, stop in read_fields(data, spans, depth):
        if tag == _RUN:
            joined += _floats(data, start, stop).data
        elif tag == _ONE_FLOAT:
            joined += data[start:stop]
    return _floats(joined, 0, len(joined)).astype(np.float32)


def _floats(data: bytes | bytearray, start: int, stop: int) -> Float32Values:
    """View a run of floats, in the byte order that it has."""
    if (stop - start) % 4:
        raise ExampleError(
            f"byte {start}: packed floats in {stop - start} bytes, not a multiple of 4"
        )
    return np.frombuffer(data, _FLOAT32, (stop - start) // 4, start)


def _decode_floats(data: bytes, start: int, stop: int) -> Float32Values:
    return _floats(data, start, stop).astype(np.float32)


def _decode_int64_list(data: bytes, spans: list[Span], depth: int) -> Int64Values:
    if run := _single_run(data, spans):
        return _decode_integers(data, *run)
    joined = array("q")
    for tag, start, stop in read_fields(data, spans, depth):
        if tag == _RUN:
            joined.frombytes(_decode_integers(data, start, stop).tobytes())
        elif tag == _ONE_VARINT:
            joined.append(read_varint(data, start, stop)[0])
    return np.array(joined, _INT64)


def _decode_integers(data: bytes, start: int, stop: int) -> Int64Values:
    if stop - start > thresholds.looped_run_bytes:
        return decode_varints(np.frombuffer(data, np.uint8, stop - start, start), start)
    run = data[start:stop]
    if run.isascii():  # each byte is a value
        return np.array(list(run), _INT64)
    values = []
    while start < stop:
        value, start = read_varint(data, start, stop)
        values.append(value)
    return np.array(values, _INT64)


_LIST_DECODERS: Final[dict[int, Callable[[bytes, list[Span], int], Value]]] = {
    BYTES_LIST: _decode_bytes_list,
    FLOAT_LIST: _decode_float_list,
    INT64_LIST: _decode_int64_list,
}
_RUN_DECODERS: Final[dict[int, Callable[[bytes, int, int], Value]]] = {
    BYTES_LIST: lambda data, start, stop: [data[start:stop]],
    FLOAT_LIST: _decode_floats,
    INT64_LIST: _decode_integers,
}
