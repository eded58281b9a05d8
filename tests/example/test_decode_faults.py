"""The fault matrix, rows 50 to 59: bytes that are no Example, or an odd one. Over every decoder.

The table in odd_examples.py has the single cases of rows 50 and 52 to 57; what is here goes through
many. What takes too long for columns one record at a time is done in blocks in test_spans.py.
"""

from __future__ import annotations

import re
import tracemalloc
from functools import partial
from random import Random

import pytest
from example.judge import IS_CURRENT, REFUSED, decoded, judge_example
from example.odd_bytes import field, group, mutate, nested_groups, odd_example, varint
from example.odd_examples import (
    A1,
    DEPTHS,
    LEVELS,
    MALFORMED,
    entry,
    example,
    floats,
    of_bytes,
    of_floats,
    of_ints,
    packed,
    strings,
    unpacked,
)
from variants import few_or_many, first

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import decode_example, encode_sequence_example

VALID = example(
    entry(b"image", of_bytes(strings(b"\x89PNG\r\n", b""))),
    entry(b"label", of_ints(packed(3, -1))),
    entry(b"long", of_ints(packed(*range(0, 3000, 50)))),
    entry("größe".encode(), of_floats(floats(0.5, float("nan"), -1e30))),
    entry(b"loose", of_ints(unpacked(1, 300))),
    entry(b"none", b""),
)

needs_current = pytest.mark.skipif(
    not IS_CURRENT, reason="protobuf before 7.34 differs in lengths of more than five bytes"
)

one_by_one = pytest.mark.parametrize(
    "decode", [partial(decode_example, strict=False)], ids=["decode_example"]
)


def refused(decode, data: bytes) -> str:
    with pytest.raises(ExampleError) as caught:
        decode(data)
    return str(caught.value)


@one_by_one
@needs_current
@pytest.mark.parametrize("seed", first(1, range(10)))
def test_row_50_odd_and_mutated_bytes(decode, seed: int, injected) -> None:
    random = Random(seed)
    found = refusals = 0
    for _ in range(4000):
        data = odd_example(random)
        for changed in (data, mutate(random, data), mutate(random, data)):
            expected = judge_example(changed)
            assert decoded(decode, changed) == expected, changed.hex()
            refusals += expected == REFUSED
            found += expected not in (REFUSED, {})
    assert found > 1000
    assert refusals > 1000
    injected(12_000)


def test_row_51_truncation_at_every_byte(decode, injected) -> None:
    for size in range(len(VALID) + 1):
        assert decoded(decode, VALID[:size]) == judge_example(VALID[:size]), size
    injected(len(VALID))


@one_by_one
@needs_current
def test_row_51_every_bit_flip(decode, injected) -> None:
    for position in range(len(VALID)):
        for bit in range(8):
            data = bytearray(VALID)
            data[position] ^= 1 << bit
            assert decoded(decode, bytes(data)) == judge_example(bytes(data)), (position, bit)
    injected(len(VALID) * 8)


def test_row_52_every_length_that_lies(decode) -> None:
    for length in (2**31 - 1, 2**31, 2**32, 2**35 - 1, 2**63, 2**64 - 1):
        for data in (
            b"\x0a" + varint(length) + A1,
            example(b"\x0a" + varint(length) + A1),
            example(entry(b"a", b"\x1a" + varint(length) + packed(1))),
            example(entry(b"a", of_ints(b"\x0a" + varint(length) + b"\x01"))),
        ):
            assert judge_example(data) == REFUSED
            assert "length" in refused(decode, data)


def test_row_53_groups_without_recursion(decode) -> None:
    depth = 1_000_000
    for level, put in LEVELS.items():
        if level in DEPTHS:
            assert "100 deep" in refused(decode, put(nested_groups(depth)))
    # Beside one another, there may be any number.
    many = example(A1) + group(7, group(8)) * 100_000
    assert decoded(decode, many) == judge_example(many) == {"a": ("int64", [1])}


@pytest.mark.parametrize("level", LEVELS)
def test_row_54_the_message_says_what_and_where(decode, level: str) -> None:
    for odd in MALFORMED.values():
        data = LEVELS[level](odd)
        message = refused(decode, data)
        named, at = re.fullmatch(r"(feature '[ab]': )?byte (\d+): .+", message).groups()
        assert data.rindex(odd) <= int(at) <= len(data)
        # Of an entry that is malformed itself, the name may not be known.
        assert bool(named) == (level not in ("Example", "Features", "entry"))


@few_or_many("cases", 100, 300)
def test_row_55_packed_and_unpacked_in_any_mix(decode, cases: int) -> None:
    random = Random(55)
    for _ in range(cases):
        integers = random.choices((0, 1, 127, 128, -1, 2**63 - 1), k=random.randrange(9))
        content = b""
        left = list(integers)
        while left:
            some = [left.pop(0) for _ in range(random.randint(1, len(left)))]
            content += packed(*some) if random.random() < 0.5 else unpacked(*some)
            content += packed() * random.randrange(2)
        data = example(entry(b"a", of_ints(content)))
        assert decoded(decode, data) == judge_example(data) == {"a": ("int64", integers)}


@pytest.mark.parametrize("size", range(1, 10))
def test_row_55_packed_floats_of_every_size(decode, size: int) -> None:
    data = example(entry(b"a", of_floats(field(1, 2, b"\x00\x00\x80?12345"[:size]))))
    assert decoded(decode, data) == judge_example(data)
    if size % 4:
        assert "feature 'a': byte" in refused(decode, data)
        assert f"{size} bytes, not a multiple of 4" in refused(decode, data)


@needs_current
@few_or_many("cases", 60, 300)
def test_row_56_examples_one_behind_the_other_are_merged(decode, cases: int) -> None:
    random = Random(56)
    for _ in range(cases):
        parts = [odd_example(random) for _ in range(3)]
        parts = [part for part in parts if judge_example(part) != REFUSED]
        data = b"".join(parts)
        assert decoded(decode, data) == judge_example(data)


def test_row_57_a_name_that_is_not_utf8(decode) -> None:
    data = example(A1, entry(b"caf\xe9", of_ints(packed(1))))
    assert judge_example(data) == REFUSED
    assert r"not UTF-8: b'caf\xe9'" in refused(decode, data)


EVENT = field(1, 1, b"\x00\x00\x00\x00\x00\x00\xf8?") + field(3, 2, b"brain.Event:2")
OTHERS = {
    "SequenceExample": (encode_sequence_example({"a": 1}, {"b": [[1]]}), {"a": ("int64", [1])}),
    "TensorBoard event": (EVENT, {}),
    # ExampleListWithContext: serialized Examples in field 1, the context in field 2.
    "field 3": (example(A1) + field(3, 2, b"x"), {"a": ("int64", [1])}),
    "field 2": (field(1, 2, example(A1)) + field(2, 2, example(A1)), None),
}


@one_by_one
@pytest.mark.parametrize("name", OTHERS)
def test_row_58_other_messages(decode, name: str) -> None:
    data, expected = OTHERS[name]
    assert decoded(decode, data) == judge_example(data)
    if expected is not None:
        assert decoded(decode, data) == expected
    with pytest.raises(ExampleError, match=f"unknown field .* at top level .*{name}|{name} at top"):
        decode_example(data)
    assert decode_example(example(A1))["a"].tolist() == [1]


def measured(decode, data: bytes) -> tuple[dict, int]:
    """Decode, and return also the peak of the memory that this took."""
    tracemalloc.start()
    try:
        features = decode(data)
        return features, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@one_by_one
@few_or_many("count", 100_000, 1_000_000)
def test_row_59_many_features(decode, count: int) -> None:
    one = entry(b"000000", of_bytes(strings(b"x"))).replace(b"000000", b"%06d")
    data = example(*[one % index for index in range(count)])
    features = decode(data)
    assert len(features) == count
    assert features["000000"] == features[f"{count - 1:06d}"] == [b"x"]


@one_by_one
@pytest.mark.parametrize(("value", "size"), [(1, 1), (300, 2), (-1, 10)])
def test_row_59_ten_million_integers(decode, value: int, size: int) -> None:
    count = 10_000_000 // size
    data = example(entry(b"a", of_ints(field(1, 2, packed(value)[2:] * count))))
    features, peak = measured(decode, data)
    assert features["a"].size == count
    assert (features["a"] == value).all()
    assert peak < 2 * len(data) + 20 * count


@one_by_one
def test_row_59_a_million_unpacked_values(decode) -> None:
    count = 1_000_000
    data = example(entry(b"a", of_ints(unpacked(7) * count)))
    assert decode(data)["a"].size == count
    data = example(entry(b"a", of_floats(field(1, 5, b"1234") * count)))
    assert decode(data)["a"].size == count


@one_by_one
def test_row_59_one_large_value_is_copied_once(decode) -> None:
    size = 32 << 20
    for content in (of_bytes(strings(bytes(size))), of_floats(field(1, 2, bytes(size)))):
        data = example(entry(b"a", content))
        features, peak = measured(decode, data)
        value = features["a"]
        assert (len(value[0]) if isinstance(value, list) else value.nbytes) == size
        assert peak < 1.01 * size


@one_by_one
def test_row_59_a_large_value_is_refused_without_being_read(decode) -> None:
    _, peak = measured(lambda data: refused(decode, data), b"\x0a" + varint(2**31 - 1) + A1)
    assert peak < 1 << 20


def test_a_length_that_goes_on_is_not_one_of_a_byte() -> None:
    """0x80 is the first of several bytes of a length, and no length of 128."""
    value = b"\x12\x80\x1a\x7e\x0a\x7c" + bytes(124)
    entry = b"\x0a\x01a" + value
    entries = b"\x0a" + bytes([len(entry) & 0x7F | 0x80, len(entry) >> 7]) + entry
    record = b"\x0a" + bytes([len(entries) & 0x7F | 0x80, len(entries) >> 7]) + entries
    with pytest.raises(ExampleError):
        decode_example(record)
