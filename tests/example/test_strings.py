"""find_strings: where the byte strings of lists lie."""

from __future__ import annotations

import numpy as np
import pytest
from example.odd_bytes import varint

from tfrecord_lite.example.spans import BYTES, STRING, Spans
from tfrecord_lite.example.strings import find_strings


@pytest.mark.parametrize("last", [BYTES, STRING])
def test_lengths_of_more_bytes_than_are_fetched_at_once(last: int) -> None:
    """As those of strings of 2^28 bytes; here, small lengths are written the long way round."""
    lists = [
        b"\x0a" + varint(2, padding=4) + b"ab" + b"\x0a\x01c",
        b"\x0a\x03def" + b"\x0a" + varint(0, padding=4),
    ]
    end = np.cumsum([len(content) for content in lists])
    begin = np.array([0, end[0]])
    buffer = np.frombuffer(b"".join(lists) + bytes(16), np.uint8)
    where, sizes, counts = find_strings(buffer, Spans(np.array([BYTES, last]), begin, end))
    found = [buffer[at : at + size].tobytes() for at, size in zip(where, sizes, strict=True)]
    expected = [b"def", b""] if last == BYTES else [lists[1]]
    assert found == [b"ab", b"c", *expected]
    assert counts.tolist() == [2, len(expected)]
