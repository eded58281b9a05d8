"""Heads of values: every size around each step in the sizes of their lengths."""

from __future__ import annotations

import numpy as np
import pytest
from example.columnar import decode_rows
from example.odd_bytes import varint
from example.odd_examples import example

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import RaggedFeature, decode_example, parse_example, value_headers
from tfrecord_lite.example.kinds import BYTES_LIST, FLOAT_LIST, INT64_LIST
from tfrecord_lite.example.words import as_words

STEPS = (0, 0x80, 0x4000, 0x200000)
SIZES = sorted({size for step in STEPS for size in range(max(step - 14, 0), step + 6)})


def plain_value(kind: int, size: int) -> bytes:
    """Make the bytes after the tag of a value with one run of a size."""
    content = b"\x0a" + varint(size) + bytes(size)
    inner = bytes([kind]) + varint(len(content)) + content
    return varint(len(inner)) + inner


@pytest.mark.parametrize("kind", [BYTES_LIST, FLOAT_LIST, INT64_LIST])
def test_heads_of_every_size_are_read(kind: int) -> None:
    values = [plain_value(kind, size) for size in SIZES]
    data = b"".join(values) + bytes(value_headers.LARGEST_VALUE_SIZE + 20)
    room = np.array([len(value) for value in values])
    at = np.cumsum(room) - room
    buffer = np.frombuffer(data, np.uint8)
    words = as_words(buffer)
    small = room <= value_headers.LARGEST_VALUE_SIZE
    parts = [
        (small, value_headers.read_headers(words[at[small]], room[small])),
        (~small, value_headers.read_large_headers(buffer, words, at[~small], room[~small])),
    ]
    for rows, found in parts:
        assert len(found.kind) > 10
        assert found.plain.all()
        assert found.single.all()
        assert (found.kind == kind).all()
        assert (room[rows] - found.size).tolist() == np.array(SIZES)[rows].tolist()


@pytest.mark.parametrize("size", [100, 300, 17_000, 17_001, 3_000_000])
def test_every_bit_of_a_head_counts(size: int) -> None:
    """A wrong head is found wrong, whatever is looked at: the word, or byte by byte."""
    value = plain_value(FLOAT_LIST, size)
    head = len(value) - size
    for bit in range(8 * head):
        data = bytearray(value + bytes(20))
        data[bit // 8] ^= 1 << bit % 8
        buffer = np.frombuffer(data, np.uint8)
        words, at, room = as_words(buffer), np.array([0]), np.array([len(value)])
        if len(value) <= value_headers.LARGEST_VALUE_SIZE:
            found = value_headers.read_headers(words[at], room)
        else:
            found = value_headers.read_large_headers(buffer, words, at, room)
        if found.plain[0]:
            # Another kind, perhaps with a list of byte strings: as it says.
            assert found.kind[0] != FLOAT_LIST
            assert found.kind[0] in (BYTES_LIST, INT64_LIST)


@pytest.mark.parametrize("size", [None, 0, 1, 4, 100, 300, 17_000])
def test_no_kind_is_not_a_kind_of_0(size: int | None) -> None:
    """A tag of field number 0 stands in no message; 0 is only how `Heads` says that there is none.

    Found by the fuzzer.
    """
    value = b"\x02\x00\x00" if size is None else plain_value(0, size)
    buffer = np.frombuffer(value + bytes(20), np.uint8)
    words, at, room = as_words(buffer), np.array([0]), np.array([len(value)])
    large = len(value) > value_headers.LARGEST_VALUE_SIZE
    found = (
        value_headers.read_large_headers(buffer, words, at, room)
        if large
        else value_headers.read_headers(words[at], room)
    )
    assert not found.plain[0]


def test_no_kind_is_plain() -> None:
    found = value_headers.read_headers(np.zeros(2, np.uint64), np.array([1, 1]))
    assert found.plain.all()
    assert found.kind.tolist() == [0] * len(found.kind)
    assert found.size.tolist() == [1] * len(found.size)


@pytest.mark.parametrize("kind", [BYTES_LIST, FLOAT_LIST, INT64_LIST])
def test_a_large_value_in_which_all_lengths_are_0(kind: int) -> None:
    head = bytes([0, 0, 0, kind, 0, 0, 0, 0x0A, 0, 0, 0])
    body = b"\x0a\x01a\x12" + head + bytes(20_000)
    record = example(b"\x0a" + varint(len(body)) + body)
    for name in ("a", "b"):
        with pytest.raises(ExampleError):
            parse_example([record] * 20, {name: RaggedFeature(bytes)})


@pytest.mark.parametrize("rows", [1, 3, 20])
@pytest.mark.parametrize("size", [0, 1, 16_000, 16_380, 17_000, 70_001])
def test_large_values_among_small_ones(rows: int, size: int) -> None:
    features = [
        plain_value(BYTES_LIST, size + 1),
        plain_value(FLOAT_LIST, size & ~3),
        plain_value(INT64_LIST, size + 5),
        plain_value(BYTES_LIST, 3),
        two_strings(size),
    ]
    record = example(
        *(
            b"\x0a" + varint(len(body)) + body
            for index, value in enumerate(features)
            for body in [b"\x0a\x01" + b"%d" % index + b"\x12" + value]
        )
    )
    found = decode_rows([record] * rows)
    expected = decode_example(record)
    for row in found:
        assert set(row) == set(expected)
        for name, value in expected.items():
            assert list(row[name]) == list(value)


def two_strings(size: int) -> bytes:
    content = b"\x0a" + varint(size) + bytes(size) + b"\x0a\x01x"
    inner = b"\x0a" + varint(len(content)) + content
    return varint(len(inner)) + inner
