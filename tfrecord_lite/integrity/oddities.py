"""Examples that TensorFlow reads otherwise than protobuf does, of which they were made.

TensorFlow's own parser (``tensorflow/core/util/example_proto_fast_parsing.cc``) takes an Example in
the form that encoders give it. Of what else the wire format allows it refuses some, and misreads
some without a word. Here it is imitated, to tell such records.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tfrecord_lite.example.decode import ENTRY, Value, decode_example, decode_feature
from tfrecord_lite.example.kinds import BYTES_LIST, FLOAT_LIST, INT64_LIST
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.wire import (
    Span,
    read_length,
    read_tag,
    skip_field,
    varint,
)

__all__ = ["tensorflow_difference"]

_KEY: Final = 0x0A
_VALUE: Final = 0x12
_LISTS: Final = (BYTES_LIST, FLOAT_LIST, INT64_LIST)
_RUN: Final = 0x0A
# What a number outside a packed run begins with.
_LOOSE: Final = {INT64_LIST: 0x08, FLOAT_LIST: 0x0D}
_GROUPS: Final = (3, 4)


class _RefusedError(Exception):
    """TensorFlow refuses the record."""


def tensorflow_difference(data: bytes) -> str | None:
    r"""Tell how TensorFlow would read an Example otherwise than protobuf; None where it would not.

    Raises `ExampleError` for what is no Example.

    >>> tensorflow_difference(b"\n\x0e\n\x0c\n\x01a\x12\x07\x1a\x05\n\x03\x01\x02\x03")
    >>> tensorflow_difference(b"\n\x0e\n\x0c\n\x01a\x12\x07\x1a\x05\n\x01\x01\x08\x02")
    "feature 'a': TensorFlow reads 1 value, and not the 2 that are there"
    """
    values = decode_example(data, strict=False)
    try:
        features = _read_features(data)
        for name, value in values.items():
            theirs = _read_feature(data, features.get(name))
            if not _same(theirs, value):
                return f"feature {quote(name)}: {_difference(theirs, value)}"
    except _RefusedError as refused:
        return f"TensorFlow refuses it: {refused}"
    return None


def _read_features(data: bytes) -> dict[str, Span]:
    """Return where the Feature of each name lies, as TensorFlow finds it: the last with a kind."""
    found: dict[str, Span] = {}
    pos = 0
    while pos < len(data):
        start = pos
        tag, pos = read_tag(data, pos, len(data))
        if tag & 7 in _GROUPS:
            raise _RefusedError("an unknown group at top level")
        if tag != ENTRY or pos > start + 1:
            # A tag that is longer than it must be is an unknown one.
            pos = skip_field(data, tag, pos, len(data), 0)
            continue
        entry, pos = read_length(data, pos, len(data))
        while entry < pos:
            if data[entry] != ENTRY:
                raise _RefusedError(f"byte {entry}: a field that Features does not have")
            begin, entry = read_length(data, entry + 1, pos)
            name, feature = _read_entry(data, begin, entry)
            if feature[0] < feature[1]:
                if data[feature[0]] not in _LISTS:
                    raise _RefusedError(f"byte {feature[0]}: a Feature that begins with no list")
                found[name] = feature
    return found


def _read_entry(data: bytes, pos: int, end: int) -> tuple[str, Span]:
    """Return the name and the Feature in an entry: two fields, each of which may be either."""
    begin = pos
    fields = {_KEY: (pos, pos), _VALUE: (pos, pos)}
    for _ in range(2):
        tag = 0
        if pos < end:
            tag, pos = read_tag(data, pos, end)
        if tag not in fields:
            break
        start, pos = read_length(data, pos, end)
        fields[tag] = start, pos
    else:
        if pos == end:
            start, stop = fields[_KEY]
            return data[start:stop].decode(), fields[_VALUE]
    raise _RefusedError(f"byte {begin}: an entry of Features that is not a key and a value")


def _read_feature(data: bytes, span: Span | None) -> Value:
    """Read what TensorFlow reads: the first list, and of a list of numbers one packed run."""
    if span is None:
        return None
    pos, end = span
    kind = data[pos]
    begin, stop = read_length(data, pos + 1, end)
    at = begin
    if begin < stop and kind != BYTES_LIST and data[begin] == _RUN:
        # What comes after the run goes unread.
        stop = read_length(data, begin + 1, stop)[1]
    else:
        expected = _LOOSE.get(kind, _RUN)
        while at < stop:
            if data[at] != expected:
                raise _RefusedError(f"byte {at}: a field that such a list does not have")
            at = skip_field(data, expected, at + 1, stop, 0)
    content = bytes([kind]) + varint(stop - begin) + data[begin:stop]
    return decode_feature(content, [(0, len(content))], 0)


def _same(theirs: Value, ours: Value) -> bool:
    if isinstance(theirs, np.ndarray) and isinstance(ours, np.ndarray):
        return theirs.dtype == ours.dtype and theirs.tobytes() == ours.tobytes()
    return type(theirs) is type(ours) and theirs == ours


def _difference(theirs: Value, ours: Value) -> str:
    if theirs is None:
        return "TensorFlow does not find it"
    found = f"{len(theirs)} value{'' if len(theirs) == 1 else 's'}"
    if ours is None:
        return f"TensorFlow reads {found}, where it has no kind"
    if type(theirs) is type(ours) and len(theirs) != len(ours):
        return f"TensorFlow reads {found}, and not the {len(ours)} that are there"
    return f"TensorFlow reads {found}, which are others than those that are there"
