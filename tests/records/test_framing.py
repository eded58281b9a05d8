"""Frames in memory."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest
from frames import FILES, frame, frames, header

from tfrecord_lite import RecordBlock
from tfrecord_lite.records import framing
from tfrecord_lite.records.framing import (
    fill_frames,
    footer_of,
    header_of,
    length_is_intact,
    scan_frames,
)


@pytest.mark.parametrize("name", FILES)
def test_header_and_footer_make_a_frame(name: str) -> None:
    for record in FILES[name][:20]:
        if len(record) < 10_000:
            assert header_of(len(record)) + record + footer_of(record) == frame(record)


def test_length_is_intact() -> None:
    assert length_is_intact(header(7))
    assert length_is_intact(b"xy" + header(1 << 40), 2)
    assert not length_is_intact(bytes(12))


def with_room(records: list[bytes], before: int = 12, between: int = 16, behind: int = 4):
    """Make a block with so many bytes around its records."""
    gaps = [before, *[between] * (len(records) - 1)]
    parts = [b"?" * gap + record for gap, record in zip(gaps, records, strict=True)]
    buffer = np.frombuffer(bytearray(b"".join(parts) + b"?" * behind), np.uint8)
    lengths = np.array([len(record) for record in records])
    starts = np.cumsum(lengths + np.array(gaps)) - lengths
    return RecordBlock(buffer, starts, lengths)


@pytest.mark.parametrize("name", FILES)
def test_frames_are_filled_in_place(name: str) -> None:
    records = FILES[name]
    for before, behind in ((12, 4), (30, 9)):
        if records:
            block = with_room(records, before, behind=behind)
            whole = fill_frames(block)
            assert whole is not None
            assert bytes(whole) == frames(records)
            assert np.shares_memory(np.asarray(whole), block.buffer)
            assert list(block) == records
            around = block.buffer[: before - 12].tobytes() + block.buffer[-behind + 4 :].tobytes()
            assert behind == 4 or set(around) == {ord("?")}


def test_large_records_are_not_copied_for_their_frames() -> None:
    block = with_room([bytes(1_000_000)] * 5)
    tracemalloc.start()
    assert fill_frames(block) is not None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize(
    ("room", "writeable"),
    [((11, 16, 4), True), ((12, 16, 3), True), ((12, 15, 4), True), ((12, 17, 4), True),
     ((12, 16, 4), False)],
)  # fmt: skip
def test_frames_that_have_no_room_are_not_filled(room, writeable) -> None:
    block = with_room([b"foo", b"", b"barbaz"], *room)
    before = block.buffer.tobytes()
    block.buffer.flags.writeable = writeable
    assert fill_frames(block) is None
    assert block.buffer.tobytes() == before


def test_scan_finds_whole_frames_wherever_the_buffer_is_cut() -> None:
    records = [b"", b"a", b"bcd", bytes(300), b"efghijkl" * 3, b"x" * 256, b"y"]
    data = frames(records)
    ends = np.cumsum([len(record) + 16 for record in records])
    for end in range(len(data) + 1):
        count = int(np.searchsorted(ends, end, "right"))
        for short in (False, True, None):
            starts, lengths = scan_frames(np.frombuffer(data, np.uint8), 0, end, short=short)
            found = [data[s : s + n] for s, n in zip(starts, lengths, strict=True)]
            assert found == records[:count]
            assert starts.dtype == lengths.dtype == np.int64


def test_scan_survives_hostile_lengths() -> None:
    for length in (2**30, 2**62, 2**63, 2**64 - 1, 2**64 - 16):
        for short in (False, True, None):
            data = np.frombuffer(header(length) + bytes(64), np.uint8)
            starts, _ = scan_frames(data, 0, 76, short=short)
            assert len(starts) == 0


def test_record_block_is_a_sequence_of_bytes() -> None:
    block = RecordBlock.from_records([b"a", b"", b"ccc"])
    assert list(block) == [b"a", b"", b"ccc"]
    assert block[2] == block[-1] == b"ccc"
    assert b"a" in block
    assert block.index(b"") == 1
    assert repr(block) == "<RecordBlock of 3 records, 4 bytes>"
    part = block[1:]
    assert isinstance(part, RecordBlock)
    assert (part.to_list(), part.first_record) == ([b"", b"ccc"], 1)
    assert block[3:].to_list() == []
    with pytest.raises(IndexError):
        block[3]
    with pytest.raises(ValueError, match="steps of 1"):
        block[::2]
    assert list(pickle.loads(pickle.dumps(block))) == list(block)


def test_a_part_of_a_block_knows_its_place() -> None:
    whole = RecordBlock(
        np.frombuffer(frames([b"foo", b"barbaz", b""]), np.uint8),
        np.array([12, 31, 53]),
        np.array([3, 6, 0]),
        path="a",
        first_record=5,
        base=1000,
    )
    assert [whole.offset(index) for index in range(3)] == [1000, 1019, 1041]
    part = whole[1:]
    assert (part.path, part.first_record, part.base) == ("a", 6, 1000)
    assert part.to_list() == [b"barbaz", b""]
    assert part.offset(0) == 1019
    plain = RecordBlock.from_records([b"foo"])
    assert (plain.path, plain.first_record, plain.base) == (None, 0, 0)


def test_frames_of_one_length_end_where_another_begins() -> None:
    for count in (1, 3, 4, 5, 40):
        data = frames([b"same"] * count + [b"another"] + [b"same"] * count)
        buffer = np.frombuffer(data, np.uint8)
        for begin in (0, 20):
            for end in (len(data), len(data) - 1, len(data) - 21):
                starts, lengths = scan_frames(buffer, begin, end)
                found = [data[s : s + n] for s, n in zip(starts, lengths, strict=True)]
                every = [b"same"] * count + [b"another"] + [b"same"] * count
                whole = -(-(len(data) - end) // 20)
                assert found == every[begin // 20 : len(every) - whole]


@pytest.mark.parametrize("length", [0, 4, 300])
def test_a_run_of_equal_frames_is_found_at_once(length: int) -> None:
    for count in (1, 3, 4, 5, 40):
        run, size = frames([b"x" * length] * count), length + 16
        for behind in (b"", frame(b"another one"), b"?" * 5, b"?" * (size - 1)):
            data = b"?" * 7 + run + behind
            buffer = np.frombuffer(data + bytes(8), np.uint8)
            edges = framing._stride(buffer, 7, len(data)).tolist()
            found = count if 7 + 4 * size <= len(data) and count >= 4 else 0
            assert edges == [7 + size * index for index in range(found + 1)]
    assert framing._stride(buffer, 7, 7 + 4 * size).tolist() == [7 + size * n for n in range(5)]
    for end in (7 + 4 * size - 1, 7 + 16, 7 + 15, 7):
        assert framing._stride(buffer, 7, end).tolist() == [7]
    for missing in (1, 2, size):
        edges = framing._stride(buffer, 7, 7 + 6 * size - missing)
        assert edges.tolist() == [7 + size * n for n in range(6)]


def test_where_no_byte_is_left_none_is_looked_at() -> None:
    buffer = np.frombuffer(frames([b"x"] * 5), np.uint8)
    for begin in range(len(buffer) - 15, len(buffer) + 1):
        for short in (False, True, None):
            assert len(scan_frames(buffer, begin, len(buffer), short=short)[0]) == 0


def test_edges_that_are_guessed_are_counted_as_far_as_they_are_right() -> None:
    records = [b"a", b"bcd", b"", b"x" * 300]
    data = frames(records)
    buffer = np.frombuffer(data, np.uint8)
    edges = np.cumsum([0, *(len(record) + 16 for record in records)])
    assert framing._right_guesses(buffer, edges[:1]) == 0
    for count in range(1, 5):
        assert framing._right_guesses(buffer, edges[: count + 1]) == count
    for wrong in range(1, 5):
        other = edges.copy()
        other[wrong] += 1
        assert framing._right_guesses(buffer, other) == wrong - 1


@pytest.mark.parametrize(
    ("lengths", "short"),
    [
        ([0, 0, 0, 0], True),
        ([1, 2, 255, 4], True),
        ([255, 255, 255, 255, 300], True),
        ([1, 2, 256, 4], False),
        ([1, 2, 3, 300], False),
        ([1, 2, 3], False),
        ([], False),
    ],
)
def test_first_records_tell_whether_all_may_be_short(lengths, short) -> None:
    data = frames([bytes(length) for length in lengths])
    for before in (0, 5):
        view = memoryview(bytes(before) + data)
        assert framing._begin_short(view, before, len(view)) is short


@pytest.mark.parametrize("before", range(9))
def test_short_frames_are_found_without_following_them(monkeypatch, before) -> None:
    """Nor are those around some that are not short, or have in them what looks like frames."""
    monkeypatch.setattr(framing.thresholds, "short_frames_bytes", 1)
    monkeypatch.setattr(framing.thresholds, "short_frames_piece", 2000)
    monkeypatch.setattr(framing.thresholds, "frames_per_break", 1)
    follow, followed = framing._follow, []
    monkeypatch.setattr(framing, "_follow", lambda *a: followed.append(a[1:]) or follow(*a))
    short = [b"x" * size for size in (1, 255, 7, 7, 100, 8, 63, 9)]
    odd = [b"", bytes(20), b"x" * 700, frames([b"ab", b"c"]), header(3), frames([b"ab"])[4:]]
    records = short + [record for one in odd for record in (*short, one)] + short * 3
    # Each footer, as the header after it begins, is a byte and zeros.
    data = b"".join(header(len(record)) + record + b"\0\1\0\0" for record in records)
    buffer = np.frombuffer(bytes(before) + data, np.uint8)
    for count in range(len(records) + 1):
        whole = before + sum(len(record) + 16 for record in records[:count])
        for end in (whole, min(whole + 5, len(buffer))):
            starts, lengths = scan_frames(buffer, before, end, short=True)
            assert lengths.tolist() == [len(record) for record in records[:count]]
            assert starts.tolist() == [before + 12, *(starts + lengths + 16)[:-1]][:count]
            assert followed.pop() == (whole, end)


def test_places_apart_are_those_of_flatnonzero() -> None:
    rng = np.random.default_rng(0)
    for size in [*range(40), 1000]:
        for _ in range(20):
            mask = np.zeros(size, np.bool_)
            places = np.cumsum(rng.integers(8, 12, size)) - rng.integers(1, 9)
            mask[places[places < size]] = True
            assert framing._places_apart(mask).tolist() == np.flatnonzero(mask).tolist()


def test_looking_for_short_frames_ends_where_they_are_few(monkeypatch) -> None:
    monkeypatch.setattr(framing.thresholds, "short_frames_bytes", 1)
    monkeypatch.setattr(framing.thresholds, "short_frames_piece", 5000)
    sizes = []
    short = framing._short
    monkeypatch.setattr(framing, "_short", lambda *a: sizes.append(a[2] - a[1]) or short(*a))
    some = [b"x" * 30] * 20
    for records in (
        [b"x" * 30, b"", b""] * 300,
        [b"x" * 30, frames([b"ab", b"c"])] * 300,
        [b"x" * 30, b"x" * 300] * 300,
        (some + [b""] * 200) * 5,
        (some + [b"x" * 300] * 10) * 50,
    ):
        buffer = np.frombuffer(frames([b"x" * 20] * 3 + records), np.uint8)
        _, lengths = scan_frames(buffer, 0, len(buffer), short=True)
        assert lengths.tolist() == [20] * 3 + [len(record) for record in records]
        assert len(sizes) <= 1
        sizes.clear()


def test_frames_found_together_are_those_that_are_followed(monkeypatch) -> None:
    """Records that look like frames, hold some, or are of zeros; long ones, empty ones, damage."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(framing.thresholds, "short_frames_bytes", 1)
    for trial in range(300):
        monkeypatch.setattr(framing.thresholds, "short_frames_piece", 1 << int(rng.integers(5, 14)))
        monkeypatch.setattr(framing.thresholds, "frames_per_break", int(rng.integers(1, 33)))
        kinds = [
            lambda: rng.bytes(int(rng.integers(1, 256))),
            lambda: bytes(int(rng.integers(1, 256))),
            lambda: rng.choice([0, 0, 0, 0, 0, 0, 0, 5], int(rng.integers(1, 256))).astype("u1"),
            lambda: frames([rng.bytes(int(rng.integers(1, 20))) for _ in range(5)]),
            lambda: header(int(rng.integers(1, 256))) + rng.bytes(9),
            lambda: b"",
            lambda: rng.bytes(int(rng.integers(256, 600))),
        ]
        weights = rng.random(len(kinds)) ** 3
        if trial % 3:
            weights[5:] = 0
        chosen = rng.choice(len(kinds), 60, p=weights / weights.sum())
        data = bytearray(frames([bytes(kinds[kind]()) for kind in chosen]))
        if trial % 5 == 0:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        buffer = np.frombuffer(bytes(data) + bytes(16), np.uint8)
        for end in (len(data), int(rng.integers(len(data)))):
            followed = scan_frames(buffer, 0, end, short=False)
            found = scan_frames(buffer, 0, end, short=True)
            assert [part.tolist() for part in found] == [part.tolist() for part in followed]


def test_nothing_is_guessed_unless_asked_for(monkeypatch) -> None:
    monkeypatch.setattr(framing, "_short", None)
    monkeypatch.setattr(framing.thresholds, "short_frames_bytes", 1)
    _, lengths = scan_frames(np.frombuffer(frames([b"a", b"bc"]), np.uint8), 0, 35)
    assert lengths.tolist() == [1, 2]


def test_slack_is_enough_for_a_word_that_begins_eight_bytes_behind_the_end() -> None:
    assert framing.SLACK_BYTES >= 16


def test_record_block_gives_large_records_one_by_one() -> None:
    records = [bytes([n]) * 5000 for n in range(4)]
    assert RecordBlock.from_records(records).to_list() == records


@pytest.mark.parametrize("sizes", [(300, 320, 310), (300,), (0, 0), (5, 900), (2047, 2040), (0, 7)])
def test_records_far_apart(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(7)
    lengths = np.array(sizes * 5)
    starts = np.arange(len(lengths)) * 5000 + 12
    buffer = rng.integers(0, 256, int(starts[-1] + lengths[-1]), np.uint8)
    block = RecordBlock(buffer, starts, lengths)
    data = buffer.tobytes()
    pairs = zip(starts.tolist(), lengths.tolist(), strict=True)
    assert block.to_list() == [data[start : start + length] for start, length in pairs]


@pytest.mark.parametrize(
    "sizes", [[10] * 50, [3000] * 50, [1] * 1000 + [2000], [0] * 50], ids=["10", "3000", "1", "0"]
)
@pytest.mark.parametrize("apart", [0, 100_000])
def test_nothing_but_the_records_is_copied(sizes: list[int], apart: int) -> None:
    lengths = np.array(sizes)
    starts = np.cumsum(lengths + apart) - lengths
    block = RecordBlock(np.zeros(int(starts[-1]) + 5_000_000, np.uint8), starts, lengths)
    tracemalloc.start()
    records = block.to_list()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert records == [bytes(size) for size in sizes]
    assert peak < 1_000_000


def test_records_of_different_sizes_are_not_filled_up_to_the_largest() -> None:
    lengths = np.array([800] * 999 + [2000])
    starts = np.arange(1000) * 5000
    block = RecordBlock(np.zeros(5_000_000, np.uint8), starts, lengths)
    tracemalloc.start()
    records = block.to_list()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, records)) == int(lengths.sum())
    assert peak < 1_500_000


def test_a_header_is_looked_for_at_the_front_unless_a_place_is_named() -> None:
    header = framing.header_of(3)
    assert framing.length_is_intact(header)
    assert framing.length_is_intact(b"??" + header, 2)
    assert not framing.length_is_intact(b"??" + header)
