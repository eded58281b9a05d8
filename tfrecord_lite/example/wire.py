"""Tags and varints of the protobuf wire format, one at a time.

A message is a run of fields, each a tag (``field number << 3 | wire type``, as a varint) and a
value::

    wire type 0  varint             7 bits a byte, lowest first; the high bit says that more follow
              1  8 bytes
              2  length, content    the length is a varint
              3  fields, end tag    a group; only ever unknown here
              4  the end tag of a group
              5  4 bytes

The limits are those of upb, the C decoder under protobuf's Python package (upb/wire/decode.c), as
of protobuf 7.34; until then a length had up to ten bytes, and field number 0 was refused in groups
too. What upb refuses is an ``ExampleError``, which tells the byte at which the trouble is, counted
from the start of the message.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from tfrecord_lite.errors import ExampleError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LENGTH_DELIMITED",
    "MAX_DEPTH",
    "MAX_MESSAGE_BYTES",
    "MAX_VARINT_BYTES",
    "Span",
    "read_fields",
    "read_length",
    "read_tag",
    "read_varint",
    "skip_field",
    "varint",
]

Span: TypeAlias = tuple[int, int]

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
START_GROUP: Final = 3
END_GROUP: Final = 4
FIXED32: Final = 5

MAX_VARINT_BYTES: Final = 10  # of a value; ten bytes hold 70 bits, of which the excess is dropped
MAX_TAG_BYTES: Final = 5  # of a tag and of a length, both of at most 32 bits
MAX_TAG: Final = (1 << 32) - 1
MAX_MESSAGE_BYTES: Final = (1 << 31) - 1  # of a message, and of any length in it
MAX_DEPTH: Final = 100  # of messages and groups inside one another; upb's default

_WORD: Final = (1 << 64) - 1
_BYTES: Final = tuple(bytes([value]) for value in range(128))


def read_tag(data: bytes, pos: int, end: int, lowest: int = 1) -> tuple[int, int]:
    """Read the tag at ``pos``; return it and the position after it.

    ``lowest`` is the lowest field number allowed: 1, but upb lets 0 pass in an unknown group.

    >>> read_tag(bytes([0x92, 0x03]), 0, 2)  # field 50, length-delimited
    (402, 2)
    """
    if pos < end and 8 <= (tag := data[pos]) < 0x80 and tag & 7 <= FIXED32:
        return tag, pos + 1
    tag, after = _read_word(data, pos, end, MAX_TAG_BYTES, "a tag")
    if tag > MAX_TAG:
        raise ExampleError(f"byte {pos}: a tag of more than 32 bits ({tag:#x})")
    if tag >> 3 < lowest:
        raise ExampleError(f"byte {pos}: a tag of field number 0, which no message has")
    if tag & 7 > FIXED32:
        raise ExampleError(f"byte {pos}: a tag of wire type {tag & 7}, expected 0 to 5")
    return tag, after


def read_length(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Read the length at ``pos``; return where the content that it counts starts and stops."""
    if pos < end and (length := data[pos]) < 0x80 and length < end - pos:
        return pos + 1, pos + 1 + length
    length, start = _read_word(data, pos, end, MAX_TAG_BYTES, "a length")
    if length > MAX_MESSAGE_BYTES:
        raise ExampleError(
            f"byte {pos}: a length of {length}, above the {MAX_MESSAGE_BYTES} allowed"
        )
    if length > end - start:
        raise ExampleError(f"byte {pos}: a length of {length} where {end - start} bytes are left")
    return start, start + length


def read_varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    r"""Read the value at ``pos`` as a signed 64-bit integer; return it and the position after it.

    >>> read_varint(b"\xff" * 9 + b"\x01", 0, 10)
    (-1, 10)
    """
    word, after = _read_word(data, pos, end, MAX_VARINT_BYTES, "a varint")
    word &= _WORD
    return (word - (1 << 64) if word >> 63 else word), after


def _read_word(data: bytes, pos: int, end: int, limit: int, what: str) -> tuple[int, int]:
    word = 0
    for index in range(limit):
        if pos + index >= end:
            raise ExampleError(f"byte {pos}: {what} that is truncated by the end of its message")
        byte = data[pos + index]
        word |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return word, pos + index + 1
    raise ExampleError(f"byte {pos}: {what} of more than {limit} bytes")


def skip_field(data: bytes, tag: int, pos: int, end: int, depth: int) -> int:
    """Return the position after the value at ``pos``, whose tag was just read.

    ``depth`` is the number of messages around the value, the outermost one not counted. Groups are
    skipped without recursion, so that no depth of them exhausts Python's stack.
    """
    groups: list[int] = []
    while True:
        wire_type = tag & 7
        if wire_type == VARINT:
            pos = _read_word(data, pos, end, MAX_VARINT_BYTES, "a varint")[1]
        elif wire_type == LENGTH_DELIMITED:
            pos = read_length(data, pos, end)[1]
        elif wire_type == START_GROUP:
            groups.append(tag >> 3)
            if len(groups) + depth > MAX_DEPTH:
                raise ExampleError(f"byte {pos}: messages and groups more than {MAX_DEPTH} deep")
        elif wire_type == END_GROUP:
            if not groups or groups.pop() != tag >> 3:
                raise ExampleError(
                    f"byte {pos}: the end of group {tag >> 3}, which is not open here"
                )
        else:
            size = 4 if wire_type == FIXED32 else 8
            if size > end - pos:
                raise ExampleError(f"byte {pos}: {size} bytes wanted where {end - pos} are left")
            pos += size
        if not groups:
            return pos
        tag, pos = read_tag(data, pos, end, lowest=0)


def read_fields(data: bytes, spans: list[Span], depth: int) -> Iterator[tuple[int, int, int]]:
    """Yield each field of a message: its tag, and where its content starts and stops."""
    for first, end in spans:
        stop = first
        while stop < end:
            tag, start = read_tag(data, stop, end)
            if tag & 7 == LENGTH_DELIMITED:
                start, stop = read_length(data, start, end)
            else:
                stop = skip_field(data, tag, start, end, depth)
            yield tag, start, stop


@lru_cache(maxsize=1 << 14)
def varint(value: int) -> bytes:
    r"""Encode one integer from 0 to 2^64 - 1.

    >>> varint(300)
    b'\xac\x02'
    """
    if value < 0x80:
        return _BYTES[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
