"""Messages that stand one after the other, found for many lists, held against one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tfrecord_lite.example.steps import find_steps
from tfrecord_lite.example.wire import varint
from tfrecord_lite.records.framing import SLACK_BYTES
from tfrecord_lite.thresholds import thresholds

SIZES = [0, 1, 2, 127, 128, 200, 275, 328, 20_000]


@pytest.fixture(params=[0, 600, 1 << 40], ids=["chained", "some", "one by one"], autouse=True)
def chained(request, monkeypatch):
    monkeypatch.setattr(thresholds, "chained_list_bytes", request.param)


@pytest.fixture(params=[(64, 64), (1, 1 << 40), (1 << 40, 64)], ids=["", "in step", "never"])
def in_step(request, monkeypatch):
    monkeypatch.setattr(thresholds, "walked_lists", request.param[0])
    monkeypatch.setattr(thresholds, "walked_list_bytes", request.param[1])


def messages_of(data):
    """Return where the messages of one list begin and end; None where it is something else."""
    found, at = [], 0
    while at < len(data):
        if data[at] != 0x0A:
            return None
        head = data[at + 1 : at + 6]
        width = next((n for n, byte in enumerate(head, 1) if byte < 0x80), None)
        if width is None:
            return None
        size = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(head[:width]))
        begin, at = at + 1 + width, at + 1 + width + size
        if at > len(data):
            return None
        found.append((begin, at))
    return found


def check(lists):
    """Hold all lists, with other bytes before, between and after, against one by one.

    In the order in which they stand, and in others, as those of picked records are.
    """
    gap = b"\x0a\x05"
    data = gap + gap.join(lists) + gap + bytes(SLACK_BYTES)
    lengths = np.array([len(one) for one in lists], np.int64)
    begins = np.cumsum(lengths + len(gap)) - lengths
    buffer = np.frombuffer(data, np.uint8)
    rows = [*range(len(lists))]
    for order in (rows, rows[:1] + rows[:0:-1], rows[::-1]):
        begin, end = begins[order], (begins + lengths)[order]
        for features in (False, True):
            found = find_steps(buffer, begin, end, features=features)
            check_found(found, [lists[row] for row in order], begin)


def check_found(found, lists, begins):
    wanted = [messages_of(one) for one in lists]
    assert found.good.tolist() == [one is not None for one in wanted]
    assert found.counts.tolist() == [len(one or []) for one in wanted]
    spans = [
        (int(begin) + first, int(begin) + last)
        for begin, one in zip(begins, wanted, strict=True)
        for first, last in one or []
    ]
    assert list(zip(found.begin.tolist(), found.end.tolist(), strict=True)) == spans


def list_of(draw):
    sizes = draw.choices(SIZES[:8], k=draw.randrange(6)) if draw.random() < 0.5 else None
    sizes = sizes or [draw.choice(SIZES)] * draw.randrange(5)
    return b"".join(b"\x0a" + varint(size) + draw.randbytes(size) for size in sizes)


@pytest.mark.parametrize("seed", range(20))
def test_lists_of_features(seed):
    """Of no kind, of one list, of several, large and small; the same list several times."""
    draw = random.Random(seed)
    lists = []
    for _ in range(draw.choice([1, 3, 50])):
        one = b""
        for _ in range(draw.randrange(7)):
            size = draw.choice([1, 4, 10, 10, 20, 123, 200, 20_000])
            run = b"\x0a" + varint(size) + (b"\x0a" * size if draw.random() < 0.5 else bytes(size))
            feature = draw.choice([b"\x0a", b"\x12", b"\x1a"]) + varint(len(run)) + run
            feature = draw.choice([feature, feature, feature, b"", feature * 2, b"\x1a\x00"])
            one += b"\x0a" + varint(len(feature)) + feature
        lists.append(one)
    check(lists)
    data = b"".join(lists) + bytes(SLACK_BYTES)
    ends = np.cumsum([len(one) for one in lists])
    begins = ends - [len(one) for one in lists]
    rows = [draw.randrange(len(lists)) for _ in range(20)]
    found = find_steps(np.frombuffer(data, np.uint8), begins[rows], ends[rows], features=True)
    check_found(found, [lists[row] for row in rows], begins[rows])


@pytest.mark.parametrize("seed", range(30))
def test_lists_and_what_is_none(seed, in_step):
    draw = random.Random(seed)
    lists = []
    for _ in range(draw.choice([1, 3, 50])):
        one = list_of(draw)
        if one and draw.random() < 0.3:
            one = one[: draw.randrange(len(one))]
        if one and draw.random() < 0.2:
            place = draw.randrange(min(len(one), 4))
            one = one[:place] + draw.randbytes(1) + one[place + 1 :]
        lists.append(one)
    check(lists)


@pytest.mark.parametrize("seed", range(10))
def test_many_short_lists(seed, in_step):
    """Tags of a text: a few strings of a few bytes, long ones and broken ones between them."""
    draw = random.Random(seed)
    lists = []
    for _ in range(draw.choice([80, 300])):
        sizes = draw.choices([0, 1, 4, 5, 5, 30], k=draw.randrange(5))
        one = b"".join(b"\x0a" + varint(size) + draw.randbytes(size) for size in sizes)
        lists.append(draw.choice([one] * 8 + [one * 9, one[:-1], one + b"\x0a", one + b"\x12\x00"]))
    check(lists)


def test_a_list_that_ends_before_its_last_message_does():
    check([b"\x0a\x02ab\x0a\x03ab", b"\x0a\x00", b"\x0a\x01", b"\x0a"])


def test_sizes_that_begin_alike():
    """Three messages whose bytes together are as many as three of the first one's."""
    second = bytearray(328)
    # Where the third would begin, if all were as long as the first.
    second[200:203] = b"\x0a\xc8\x01"
    parts = [bytes(200), bytes(second), bytes(73)]
    one = b"".join(b"\x0a" + varint(len(part)) + part for part in parts)
    assert len(one) == 3 * 203
    check([one, one[:203] * 3])


@pytest.mark.parametrize("many", [1, 100])
def test_lengths_of_five_bytes_and_of_six(many, in_step):
    """Of large strings, and over-long ones: protobuf reads five bytes; four are fetched."""
    five, six = b"\x0a\x82\x80\x80\x80\x00ab", b"\x0a\x82\x80\x80\x80\x80\x00ab"
    short, long = b"\x0a\x01c", b"\x0a\x80\x20" + bytes(4096)
    regular = [short * 3, short + long, b"\x0a\x82\x80\x80\x00ab" + short]
    odd = [five, five * 2, five + short, short + five, long + five + long, six, short + six]
    check([*regular * many, *odd, *regular])
