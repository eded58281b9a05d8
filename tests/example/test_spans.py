"""find_spans: the walk in step finds what decode_example finds, in blocks of every size."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from example.columnar import decode_rows
from example.judge import IS_CURRENT, REFUSED, judge_example, plain
from example.odd_bytes import field, mutate, odd_example, varint
from example.odd_examples import (
    NEW_ODD_EXAMPLES,
    ODD_EXAMPLES,
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
from tfrecord_lite.example import (
    RaggedFeature,
    VarLenFeature,
    decode_example,
    encode_example,
    parse_example,
)
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.spans import BYTES, FLOAT, INT64, MISSING, find_spans
from tfrecord_lite.records.framing import RecordBlock

# Records are walked in step from 16 on.
SIZES = (1, 15, 16, 17, 60)
KEYS = (
    *(b"", b"a", b"ab", b"label", "é".encode(), b"image/encoded", b"another_name_%d"),
    *(b"k" * size for size in (7, 8, 9, 15, 16, 17, 24, 127, 128, 130)),
    *(b"k" * 24 + last for last in (b"x", b"y", b"\xc3\xa9")),
    "a_long_name_with_é_inside_of_it".encode(),
)


def over_long(random: Random, content: bytes) -> bytes:
    return varint(len(content), padding=random.random() < 0.03) + content


def near_plain_feature(random: Random) -> bytes:
    form = random.randrange(12)
    if form == 0:
        return b""
    if form < 4:
        some = (0, 1, 5, 127, 128, 300, 2**20, 2**40, 2**64 - 1)
        values = [random.choice(some) for _ in range(random.choice((0, 1, 1, 1, 2, 5, 30)))]
        if form == 1 and random.random() < 0.2:
            return b"\x1a" + over_long(random, unpacked(*values))
        run = b"".join(map(varint, values))
        content = b"\x0a" + over_long(random, run) if run or random.random() < 0.5 else b""
        return b"\x1a" + over_long(random, content)
    if form < 7:
        run = random.randbytes(4 * random.choice((0, 1, 1, 2, 7)))
        run += b"x" if random.random() < 0.01 else b""
        content = b"\x0a" + over_long(random, run) if run or random.random() < 0.5 else b""
        return b"\x12" + over_long(random, content)
    sizes = random.choices((0, 1, 3, 8, 130, 300), k=random.choice((0, 1, 1, 1, 2, 3, 40)))
    content = b"".join(b"\x0a" + over_long(random, random.randbytes(size)) for size in sizes)
    return b"\x0a" + over_long(random, content)


def near_plain_entry(random: Random) -> bytes:
    name = b"\xff\xfe" if random.random() < 0.01 else random.choice(KEYS)
    key = b"\x0a" + over_long(random, name)
    value = b"\x12" + over_long(random, near_plain_feature(random))
    odd = random.random()
    if odd < 0.02:
        return value + key
    if odd < 0.03:
        return key
    if odd < 0.04:
        return key + value + value
    return key + value + b"\x18\x01" if odd < 0.05 else key + value


def near_plain_example(random: Random) -> bytes:
    """Make an Example almost as encoders do, with every oddity that the walk must notice."""
    entries = [near_plain_entry(random) for _ in range(random.choice((0, 1, 2, 3, 4, 6)))]
    data = b"\x0a" + over_long(random, b"".join(b"\x0a" + over_long(random, e) for e in entries))
    odd = random.random()
    if odd < 0.02:
        return b""
    if odd < 0.04:
        return data + b"\x10\x05"
    return data + data if odd < 0.06 else data


def check(random: Random, records: list[bytes]) -> tuple[int, int]:
    """Compare blocks of these records with protobuf; return how many were read and refused."""
    good = [data for data in records if judge_example(data) != REFUSED]
    bad = [data for data in records if judge_example(data) == REFUSED]
    size = random.choice(SIZES)
    for begin in range(0, len(good), size):
        part = good[begin : begin + size]
        rows = [{name: plain(value) for name, value in row.items()} for row in decode_rows(part)]
        for data, row in zip(part, rows, strict=True):
            assert row == judge_example(data), data.hex()
    for data in bad:
        # Blocks of all sizes, the large ones less often: what is refused comes one at a time.
        (size,) = random.choices(SIZES, (4, 4, 4, 4, 1))
        block = random.choices(good or [b""], k=size)
        at = random.randrange(size)
        block[at] = data
        with pytest.raises(ExampleError) as caught:
            decode_block(
                RecordBlock.from_records(block), {"nowhere": VarLenFeature(bytes)}, strict=False
            )
        assert caught.value.record == at, data.hex()
    return len(good), len(bad)


@pytest.mark.parametrize("size", SIZES)
def test_blocks_of_odd_examples(size: int) -> None:
    table = ODD_EXAMPLES if not IS_CURRENT else {**ODD_EXAMPLES, **NEW_ODD_EXAMPLES}
    good = [case for case in table.values() if case[1] != REFUSED]
    for begin in range(0, len(good), size):
        part = [good[(begin + index) % len(good)] for index in range(size)]
        rows = decode_rows([data for data, _ in part])
        for (data, expected), row in zip(part, rows, strict=True):
            assert {name: plain(value) for name, value in row.items()} == expected, data.hex()


needs_current = pytest.mark.skipif(
    not IS_CURRENT, reason="protobuf before 7.34 differs in lengths of more than five bytes"
)


@needs_current
@pytest.mark.parametrize("seed", first(1, range(6)))
def test_row_50_blocks_of_examples_that_are_almost_plain(seed: int) -> None:
    random = Random(seed)
    found = refusals = 0
    for turn in range(25):
        records = [near_plain_example(random) for _ in range(60)]
        if turn % 2:
            records = [mutate(random, data) if random.random() < 0.3 else data for data in records]
        read, refused = check(random, records)
        found += read
        refusals += refused
    assert found > 800
    assert refusals > 50


@needs_current
@pytest.mark.parametrize("seed", first(1, range(4)))
def test_row_50_blocks_of_odd_and_mutated_examples(seed: int) -> None:
    random = Random(seed)
    found = refusals = 0
    for _ in range(20):
        odd = [odd_example(random) for _ in range(60)]
        read, refused = check(random, [*odd, *[mutate(random, data) for data in odd]])
        found += read
        refusals += refused
    assert found > 500
    assert refusals > 500


VALID = example(
    entry(b"image", of_bytes(strings(b"\x89PNG\r\n", b""))),
    entry(b"label", of_ints(packed(3, -1))),
    entry("größe".encode(), of_floats(floats(0.5, -1e30))),
    entry(b"more_than_16_bytes_of_name", of_ints(packed(1))),
    entry(b"none", b""),
)


@needs_current
def test_row_51_every_bit_flip_in_blocks() -> None:
    random = Random(51)
    flipped = []
    for position in range(len(VALID)):
        for bit in range(8):
            data = bytearray(VALID)
            data[position] ^= 1 << bit
            flipped.append(bytes(data))
    random.shuffle(flipped)
    for begin in range(0, len(flipped), 120):
        check(random, flipped[begin : begin + 120])


@needs_current
def test_row_51_a_bit_flip_in_one_of_many() -> None:
    random = Random(51)
    features = {"label": VarLenFeature(np.int64), "image": VarLenFeature(bytes)}
    for position in range(len(VALID)):
        data = bytearray(VALID)
        data[position] ^= 1 << random.randrange(8)
        records = [VALID] * 40
        records[17] = bytes(data)
        expected = judge_example(bytes(data))
        fits = expected != REFUSED and (
            isinstance(expected.get("image", []), (list, type(None)))
            and (expected.get("label") or ("int64",))[0] == "int64"
        )
        try:
            columns = decode_block(RecordBlock.from_records(records), features, strict=False)
        except ExampleError as error:
            assert error.record == 17
            assert not fits
        else:
            assert fits
            labels = columns["label"].to_list()
            assert labels[17] == (expected.get("label") or ("int64", []))[1]
            assert columns["image"].to_list()[17] == (expected.get("image") or [])
            assert labels[:17] + labels[18:] == [[3, -1]] * 39


@needs_current
def test_a_bit_flip_in_a_feature_that_nobody_asked_for() -> None:
    """Among records of many lengths, with other keys at the same place."""
    first = entry(b"a", of_ints(packed(7)))
    others = [
        entry(b"other_" + b"x" * size, of_ints(packed(300)))
        + entry(b"y" * (size + 1), of_floats(floats(0.5)))
        for size in range(20)
    ]
    features = {"a": RaggedFeature(np.int64)}
    refused = 0
    for size in (0, 3, 19):
        for position in range(len(others[size])):
            for bit in range(8):
                data = bytearray(others[size])
                data[position] ^= 1 << bit
                odd = example(first, bytes(data))
                records = [example(first, others[row % 20]) for row in range(40)]
                records[17] = odd
                if judge_example(odd) == REFUSED:
                    refused += 1
                    with pytest.raises(ExampleError, match="record 17: "):
                        parse_example(records, features)
                else:
                    found = parse_example(records, features)["a"].to_list()
                    expected = judge_example(odd).get("a", ("int64", []))
                    assert expected[0] == "int64"
                    assert found == [*[[7]] * 17, expected[1], *[[7]] * 22]
    assert refused > 300


def test_what_spans_are() -> None:
    records = [
        example(entry(b"a", of_ints(packed(1, 300))), entry(b"b", of_bytes(strings(b"x", b"yz")))),
        example(entry(b"a", of_floats(floats(1)))),
        example(entry(b"a", b"")),
        b"",
    ] * 8
    block = RecordBlock.from_records(records)
    buffer, (a, b) = find_spans(block, ["a", "b"])
    assert a.kind.tolist() == [INT64, FLOAT, MISSING, MISSING] * 8
    assert b.kind.tolist() == [BYTES, MISSING, MISSING, MISSING] * 8
    payloads = [buffer[begin:end].tobytes() for begin, end in zip(a.begin, a.end, strict=True)]
    assert payloads == [b"\x01\xac\x02", floats(1)[2:], b"", b""] * 8
    assert buffer[b.begin[0] : b.end[0]].tobytes() == strings(b"x", b"yz")
    assert all(column.dtype == np.int64 for span in (a, b) for column in span)


def test_records_need_not_lie_in_order_or_fill_the_buffer() -> None:
    buffer = np.frombuffer(b"junk" + VALID + b"more junk" + VALID + b"end", np.uint8)
    starts = np.array([13 + len(VALID), 4] * 20)
    block = RecordBlock(buffer, starts, np.full(40, len(VALID)))
    column = decode_block(block, {"label": VarLenFeature(np.int64)})["label"]
    assert column.to_list() == [[3, -1]] * 40


@pytest.mark.parametrize("times", [1, 30])
def test_records_may_lie_inside_one_another(times: int) -> None:
    words = [[b"a" * 50, b"b" * 60, b"c" * 70], [b"x" * 500, b"", b"y" * 3000]]
    inner = encode_example({"w": words[0]})
    words[1][1] = inner
    outer = encode_example({"w": words[1]})
    starts = np.array([0, outer.index(inner)] * times)
    lengths = np.array([len(outer), len(inner)] * times)
    block = RecordBlock(np.frombuffer(outer, np.uint8), starts, lengths)
    column = decode_block(block, {"w": VarLenFeature(bytes)})["w"]
    assert column.to_list() == words[::-1] * times


def test_nothing_is_read_behind_a_block() -> None:
    # The last record ends with the buffer, wherever it is cut off.
    for size in range(len(VALID)):
        records = [VALID] * 20 + [VALID[:size]]
        block = RecordBlock.from_records(records)
        try:
            column = decode_block(block, {"label": VarLenFeature(np.int64)})["label"]
        except ExampleError as error:
            assert error.record == 20
            assert judge_example(VALID[:size]) == REFUSED
        else:
            assert judge_example(VALID[:size]) != REFUSED
            assert len(column) == 21


def test_an_integer_of_eleven_bytes_in_a_feature_that_nobody_asked_for() -> None:
    good = example(entry(b"a", of_ints(packed(*[2**63] * 3))), entry(b"b", of_ints(packed(5))))
    bad = example(entry(b"a", of_ints(field(1, 2, b"\xff" * 10 + b"\x01" * 20))))
    for at in (0, 7, 39):
        records = [good] * 40
        records[at] = bad
        with pytest.raises(ExampleError, match="feature 'a': .*10 bytes") as caught:
            decode_block(RecordBlock.from_records(records), {"b": VarLenFeature(np.int64)})
        assert caught.value.record == at
    column = decode_block(RecordBlock.from_records([good] * 40), {"b": VarLenFeature(np.int64)})
    assert column["b"].to_list() == [[5]] * 40


@pytest.mark.parametrize("asked", ["a", "b", "c"])
@pytest.mark.parametrize("mixed", [False, True], ids=["one order", "several orders"])
def test_an_integer_of_eleven_bytes_in_a_value_that_another_replaces(
    asked: str, mixed: bool
) -> None:
    """The last value of a key counts, and those before it are read too."""
    a, b = entry(b"a", of_ints(packed(5))), entry(b"b", of_ints(packed(*[2**63] * 3)))
    bad = entry(b"a", of_ints(field(1, 2, b"\xff" * 10 + b"\x01")))
    features = {asked: RaggedFeature(np.int64)}
    for size in (1, 40):
        good = [example(b, a, a) if mixed and row % 3 else example(a, b, a) for row in range(size)]
        assert len(parse_example(good, features)[asked]) == size
        for odd in (example(bad, b, a), example(a, bad, a), example(b, bad, a)):
            assert judge_example(odd) == REFUSED
            with pytest.raises(ExampleError, match="feature 'a': .*10 bytes") as caught:
                parse_example([*good, odd], features)
            assert caught.value.record == size


def test_many_strings_in_some_records() -> None:
    counts = [1, 0, 3, 40, 2] * 12
    records = [
        example(entry(b"a", of_bytes(strings(*[b"%d" % index for index in range(count)]))))
        for count in counts
    ]
    column = decode_block(RecordBlock.from_records(records), {"a": VarLenFeature(bytes)})["a"]
    assert column.to_list() == [[b"%d" % index for index in range(count)] for count in counts]


@few_or_many("turns", 5, 20)
@pytest.mark.parametrize("longest", [1, 9, 60, 127])
def test_many_names_and_keys_that_are_longer(longest: int, turns: int) -> None:
    """Names looked up by hash, one of which is as long as can be, among keys of all lengths."""
    random = Random(longest)
    alphabet = "abcdefghijklmnopqrstuvwxyz"

    def name(size: int) -> str:
        return "".join(random.choices(alphabet, k=size))

    for _ in range(turns):
        wanted = {name(random.randint(1, 8)) for _ in range(40)} | {name(longest)}
        others = {name(random.randint(1, 127)) for _ in range(60)} - wanted
        records = []
        for row in range(40):
            keys = [*random.sample(sorted(wanted), 20), *random.sample(sorted(others), 40)]
            random.shuffle(keys)
            entries = (entry(key.encode(), of_ints(packed(row))) for key in keys)
            records.append(example(*entries))
        features = {key: RaggedFeature(np.int64) for key in wanted}
        found = parse_example(records, features)
        decoded = [decode_example(record) for record in records]
        for key in wanted:
            expected = [row[key].tolist() if key in row else [] for row in decoded]
            assert found[key].to_list() == expected


@pytest.mark.parametrize("size", [128, 300])
def test_many_names_that_all_are_too_long_for_a_plain_key(size: int) -> None:
    names = [f"{number:0{size}}" for number in range(20)]
    records = [
        example(entry(names[row % 20].encode(), of_ints(packed(row))), entry(b"a", of_ints(b"")))
        for row in range(40)
    ]
    for some in (records, [example(entry(b"a", of_ints(packed(row)))) for row in range(40)]):
        found = parse_example(some, dict.fromkeys(names, RaggedFeature(np.int64)))
        for name in names:
            rows = [decode_example(record).get(name, ()) for record in some]
            assert found[name].to_list() == [list(values) for values in rows]


def test_a_name_whose_size_takes_two_bytes_is_no_other_key() -> None:
    """The entry of a key of 128 bytes, read as if its size were one byte, is one of this name."""
    name = "\1" + "k" * 127
    again = b"A\x0a\x02qq"  # the key that counts, since it comes last
    value = b"\x10\x0a" + field(1, 2, strings(b"wxyz"))
    key = field(1, 2, name[1:].encode() + b"\x12")
    forged = example(field(1, 2, key + field(2, 2, value) + field(1, 2, again)))
    plain_one = example(entry(name.encode(), of_bytes(strings(b"x"))))
    assert judge_example(forged) == {again.decode(): [b"wxyz"]}
    for records in ([forged] * 40, [forged, plain_one] * 40):
        found = parse_example(records, {name: RaggedFeature(bytes)})[name].to_list()
        assert found == [decode_example(record).get(name, []) for record in records]


def colliding_keys(random: Random) -> tuple[bytes, bytes]:
    """Make two keys of 14 bytes whose entries have one hash in the look-up of many names.

    A word is mixed in by ``(hash ^ word) * factor`` and a shift: where the hashes of the first
    words differ by bits that letters may have, the second words take them back.
    """

    def mixed(key: bytes) -> int:
        word = int.from_bytes(bytes([0x0A, 14]) + key, "little")
        product = word * 0x9E3779B97F4A7C15 & (1 << 64) - 1
        return product ^ product >> 29

    one = bytes(random.randrange(97, 123) for _ in range(6))
    while True:
        other = bytes(random.randrange(97, 123) for _ in range(6))
        difference = mixed(one) ^ mixed(other)
        if other != one and not difference & 0x8080808080808080:
            break
    end = bytes(random.randrange(97, 123) for _ in range(8))
    changed = int.from_bytes(end, "little") ^ difference
    return one + end, other + changed.to_bytes(8, "little")


def test_another_key_with_the_hash_of_a_name() -> None:
    random = Random(3)
    for _ in range(5):
        wanted, other = colliding_keys(random)
        names = [f"name{number}" for number in range(40)]
        keys = [name.encode() for name in names]
        records = []
        for row in range(40):
            random.shuffle(keys)
            mine = [*keys[:20], other if row % 3 else wanted]
            records.append(example(*(entry(key, of_ints(packed(row))) for key in mine)))
        feature = RaggedFeature(np.int64)
        found = parse_example(records, {**dict.fromkeys(names, feature), wanted.decode(): feature})
        rows = found[wanted.decode()].to_list()
        assert rows == [[] if row % 3 else [row] for row in range(40)]
