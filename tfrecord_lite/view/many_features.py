"""Records of very many features, cut to the first of them before anything is decoded."""

from __future__ import annotations

from typing import Final

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.wire import (
    LENGTH_DELIMITED,
    read_length,
    read_tag,
    skip_field,
    varint,
)

__all__ = ["SMALL_BYTES", "first_features"]

# Smaller records are decoded in no time, whatever they hold.
SMALL_BYTES: Final = 1 << 16
_MOST: Final = 2000


def first_features(data: bytes, most: int = _MOST) -> bytes | None:
    """Return a record with the first features, or steps, of each of its parts; None if it has few.

    >>> from tfrecord_lite import decode_example, encode_example
    >>> data = encode_example({f"f{number:05}": number for number in range(9000)})
    >>> len(decode_example(first_features(data, 3)))
    3
    """
    if len(data) < SMALL_BYTES:
        return None
    parts: list[bytes] = []
    cut = False
    position = 0
    try:
        while position < len(data) and len(parts) < most:
            begin = position
            tag, position = read_tag(data, position, len(data))
            if tag & 7 != LENGTH_DELIMITED:
                position = skip_field(data, tag, position, len(data), 0)
                parts.append(data[begin:position])
                continue
            inside, position = read_length(data, position, len(data))
            end = _end_of_entries(data, inside, position, most)
            cut |= end < position
            parts.append(varint(tag) + varint(end - inside) + data[inside:end])
    except ExampleError:
        # What it is, whoever decodes it says.
        return None
    return b"".join(parts) if cut or position < len(data) else None


def _end_of_entries(data: bytes, begin: int, end: int, most: int) -> int:
    """Return where the first entries of a message end, or its end."""
    position = begin
    for _ in range(most):
        if position == end:
            break
        tag, position = read_tag(data, position, end)
        position = skip_field(data, tag, position, end, 0)
    return position
