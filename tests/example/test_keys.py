"""are_plain_keys: which keys need not be read one by one."""

from __future__ import annotations

import numpy as np
import pytest
from example.odd_bytes import varint

from tfrecord_lite.example.keys import are_plain_keys
from tfrecord_lite.example.words import as_words


def told(entries: list[bytes]) -> list[bool]:
    """Ask of entries that lie apart, in a buffer of bytes that no key has."""
    gap = b"\xff" * 20
    at = np.cumsum([len(entry + gap) for entry in entries]) - [len(e + gap) for e in entries]
    buffer = np.frombuffer(gap + gap.join(entries) + gap * 8, np.uint8)
    found: list[bool] = are_plain_keys(as_words(buffer), at + len(gap)).tolist()
    return found


def entry(key: bytes, tag: int = 0x0A, value: int = 0x12) -> bytes:
    return bytes([tag]) + varint(len(key)) + key + bytes([value])


SIZES = [*range(20), *range(60, 66), *range(118, 128)]


@pytest.mark.parametrize("size", SIZES)
def test_keys_of_ascii_are_plain(size: int) -> None:
    keys = [b"\x00" * size, b"\x7f" * size, b"a" * size]
    assert told([entry(key) for key in keys]) == [True] * 3
    assert told([entry(keys[2])] * 3) == [True] * 3
    assert told([entry(keys[2])]) == [True]


def test_keys_of_any_sizes_together() -> None:
    assert told([entry(b"k" * size) for size in SIZES]) == [True] * len(SIZES)


@pytest.mark.parametrize("others", [[], [entry(b"another"), entry(b"k" * 127)]], ids=len)
@pytest.mark.parametrize("size", [1, 4, 5, 6, 7, 8, 9, 16, 17, 63, 127])
def test_a_character_that_is_not_ascii(size: int, others: list[bytes]) -> None:
    for position in range(size):
        for character in (0x80, 0xFF):
            key = bytearray(b"k" * size)
            key[position] = character
            assert told([entry(bytes(key)), *others]) == [False] + [True] * len(others)
            assert told([*others, entry(bytes(key))]) == [True] * len(others) + [False]


@pytest.mark.parametrize("size", [0, 1, 5, 6, 8, 30, 127])
def test_other_tags(size: int) -> None:
    good = entry(b"k" * size)
    for bit in range(8):
        for odd in (entry(b"k" * size, tag=0x0A ^ 1 << bit), good[:-1] + bytes([0x12 ^ 1 << bit])):
            assert told([odd]) == [False]
            assert told([good, odd, entry(b"another")]) == [True, False, True]


def test_a_length_of_more_than_a_byte() -> None:
    for size in (128, 133, 200, 300):
        # Whatever is found where a key of one byte of length would end.
        for key in (b"k" * size, b"\x12" * size):
            assert told([entry(key), entry(b"a")]) == [False, True]
