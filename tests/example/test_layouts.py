"""Layouts: what they recognise is what the walk finds, and they give up where they do not pay."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import numpy as np
import pytest
from example.odd_bytes import field
from example.odd_examples import (
    entry,
    example,
    floats,
    of_bytes,
    of_floats,
    of_ints,
    packed,
    strings,
)

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    RaggedFeature,
    decode_example,
    encode_example,
    parse_example,
)
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.records.framing import RecordBlock

NAMES = ["flag", "name", "vector", "missing"]


class NoLayouts(Layouts):
    """Leave every record to the walk."""

    def locate(self, buffer: Any, starts: Any, lengths: Any, found: Any) -> Any:
        return np.arange(len(starts))


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    random = Random(seed)
    return [
        {
            "flag": random.randrange(128),
            "name": random.choice([b"cat", b"horse", b"a\0b", b"chicken"]),
            "unasked": [random.randrange(1 << 14) for _ in range(3)],
            "vector": np.float32([random.random() for _ in range(8)]),
        }
        for _ in range(count)
    ]


FEATURES = {
    "flag": RaggedFeature(np.int64),
    "name": RaggedFeature(bytes),
    "vector": RaggedFeature(np.float32),
    "missing": RaggedFeature(bytes),
}


def outcome(records: list[bytes], layouts: Layouts) -> object:
    """Return what decoding gives, values or error."""
    try:
        columns = decode_block(RecordBlock.from_records(records), FEATURES, layouts)
    except ExampleError as error:
        return str(error)
    return {name: column.to_list() for name, column in columns.items()}


def assert_as_walked(records: list[bytes], layouts: Layouts | None = None) -> None:
    assert outcome(records, layouts or Layouts(NAMES)) == outcome(records, NoLayouts(NAMES))


def placed(records: list[bytes], layouts: Layouts) -> int:
    """Count the records that were recognised."""
    block = RecordBlock.from_records(records)
    buffer = np.concatenate([block.buffer, np.zeros(16, np.uint8)])
    found = np.zeros((len(NAMES), 3, len(block)), np.int64)
    return len(block) - len(layouts.locate(buffer, block.starts, block.lengths, found))


def test_records_of_few_layouts_are_recognised() -> None:
    records = [encode_example({**row, "unasked": 7}) for row in rows(3000)]
    layouts = Layouts(NAMES)
    assert placed(records, layouts) == 3000
    assert placed(records[:1], layouts) == 0
    assert_as_walked(records, layouts)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 300, 3000])
def test_varints_of_other_sizes_are_other_layouts(count: int) -> None:
    assert_as_walked([encode_example(row) for row in rows(count)])


@pytest.mark.parametrize("at", range(0, 1000, 7))
def test_one_other_record_among_equals(at: int) -> None:
    plain = encode_example({"flag": 1, "name": b"abcd", "vector": np.zeros(4, np.float32)})
    records = [plain] * 100
    bit = at % (8 * len(plain))
    flipped = bytearray(plain)
    flipped[bit // 8] ^= 1 << bit % 8
    records[60] = bytes(flipped)
    known = Layouts(NAMES)
    assert placed([plain] * 50, known) == 50
    assert_as_walked(records)
    assert_as_walked(records, known)


@pytest.mark.parametrize("features", [1, 3, 40, 50, 90])
def test_structure_of_any_size_is_compared_to_its_last_byte(features: int) -> None:
    """From some words to more than are compared in a row, in any number of records."""
    plain = encode_example({f"{index:020d}": b"" for index in range(features)})
    known = Layouts(NAMES)
    assert placed([plain] * 50, known) == 50
    for count in (32, 33, 100):
        assert placed([plain] * count, known) == count
        for at in (-1, -5, -24, 20):
            flipped = bytearray(plain)
            flipped[at] ^= 1
            for other in {0, count // 2, count - 1}:
                records = [plain] * count
                records[other] = bytes(flipped)
                assert placed(records, known) == count - 1


def test_a_bit_flip_beside_a_value_that_is_not_compared() -> None:
    """Structure is compared in pieces; where one ends and the next begins, each byte counts."""
    gap = bytes(200)
    plain = encode_example({"flag": 1, "gap": gap, "name": b"abcd"})
    begin = plain.index(gap)
    known = Layouts(NAMES)
    assert placed([plain] * 50, known) == 50
    for position in (*range(begin - 4, begin), *range(begin + 200, begin + 204)):
        for bit in range(8):
            flipped = bytearray(plain)
            flipped[position] ^= 1 << bit
            assert placed([plain] * 20 + [bytes(flipped)] + [plain] * 20, known) == 40
            assert_as_walked([plain] * 20 + [bytes(flipped)] + [plain] * 20, known)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        example(),
        example(entry(b"name", of_bytes(strings(b"a", b"b")))),
        example(entry(b"name", b"")),
        example(entry(b"name", of_bytes(b""))),
        example(entry(b"vector", of_floats(floats(1.0, 2.0))), entry(b"vector", of_floats(b""))),
        example(entry("é".encode(), of_ints(b"\x0a\x01\x05"))),
        example(entry(b"flag", of_ints(b"\x0a\x02\x80"))),
        example(entry(b"flag", of_ints(b"\x0a\x0b" + b"\xff" * 10 + b"\x01"))),
        example(entry(b"vector", of_floats(b"\x0a\x03abc"))),
        example(entry(b"flag", of_ints(b"\x0a\x20" + bytes(32)))),
        example(entry(b"name", b"\x22\x00")),
        example(field(2, 2, entry(b"flag", of_ints(packed(5)))[2:])),
        example(field(1, 2, field(3, 2, b"flag") + field(2, 2, of_ints(packed(5))))),
        example(field(1, 2), entry(b"flag", of_ints(packed(5)))),
        example(field(1, 2)),
        example(entry(b"unasked", of_ints(b"\x0a\x02\x05\x80"))),
        example(entry(b"unasked", of_ints(b"\x0a\x0b" + b"\xff" * 10 + b"\x01"))),
        example(entry(b"flag", of_ints(field(2, 2, b"\x05")))),
        example(field(1, 2, field(1, 2, b"flag") + field(3, 2, of_ints(packed(5))))),
        field(2, 2, entry(b"flag", of_ints(packed(5)))),
        example(field(1, 2, field(1, 2, b"flag"))),
        example(entry(b"\xff", of_ints(packed(5)))),
        example(entry(b"\xff", b"")),
        b"\x0a\x05abc",
        b"\x0a\x04\x0a\x02\x0a\x00",
    ],
    ids=lambda record: record.hex() or "empty",
)
def test_first_of_its_length_is_of_no_layout(record: bytes) -> None:
    """What cannot be learned from is left to the walk, and others of its length as well."""
    assert_as_walked([record] * 40)


@pytest.mark.parametrize("wanted", ["flag", "integers"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_varint_that_is_cut_off_among_equals(wanted: str, at: int) -> None:
    """Also where nobody asks for it: else it would take its bytes from the next record's value."""
    good = encode_example({"flag": 1, "integers": [300, 5]})
    end = good.index(b"\xac\x02\x05")
    bad = bytearray(good)
    bad[end : end + 3] = b"\xac\x02\x85" if at == 1 else b"\xac\x82\x85"
    records = [good] * 100 + [bytes(bad)] + [good] * 10
    with pytest.raises(ExampleError) as alone:
        decode_example(bytes(bad))
    with pytest.raises(ExampleError, match=f"record 100: {re.escape(alone.value.reason)}"):
        parse_example(records, {wanted: RaggedFeature(np.int64)})


@pytest.mark.parametrize("wanted", ["flag", "vector"])
def test_a_truncated_record_among_equals(wanted: str) -> None:
    """What is missing is of a value, so all of the structure is there."""
    good = encode_example({"flag": 1, "vector": np.ones(8, np.float32)})
    for missing in (1, 4, 20):
        records = [good] * 100 + [good[:-missing]] + [good] * 10
        with pytest.raises(ExampleError, match=f"record 100: .* a length of {len(good) - 2} "):
            parse_example(records, {wanted: FEATURES[wanted]})


def test_gives_up_where_no_two_are_alike() -> None:
    keys = [f"{index:04d}" for index in range(1000)]
    records = [encode_example({key: 1}) for key in keys]
    layouts = Layouts(NAMES)
    # The first is learned from; then it is known that the others have little of it.
    assert placed(records, layouts) == 1
    assert placed(records, layouts) == 0


def test_goes_on_where_a_few_orders_are_mixed() -> None:
    first, second = ({"a": 1, "b": 2}, {"b": 1, "c": 2})
    records = [encode_example(first if index % 3 else second) for index in range(300)]
    layouts = Layouts(NAMES)
    for _ in range(2):
        assert placed(records, layouts) == 300


@pytest.mark.parametrize("size", [16_000, 16_384, 20_000, 70_000])
@pytest.mark.parametrize("others", [[], [b"another length"]], ids=["one length", "two lengths"])
def test_large_records(size: int, others: list[bytes]) -> None:
    """Records of one length are recognised whatever that is, and others are walked."""
    random = Random(size)
    records = [
        encode_example({**row, "name": name, "unasked": 300, "image": random.randbytes(size)})
        for row in rows(60, size)
        for name in [b"horse", *others]
    ]
    assert_as_walked(records)
    if not others:
        assert placed(records, Layouts(NAMES)) == 60
    expected = [
        [decode_example(record)[name] for name in ("flag", "name", "vector")] for record in records
    ]
    found = parse_example(records, {name: FEATURES[name] for name in ("flag", "name", "vector")})
    assert [row[0].tolist() for row in expected] == found["flag"].to_list()
    assert [row[1] for row in expected] == found["name"].to_list()
    assert [row[2].tolist() for row in expected] == found["vector"].to_list()
