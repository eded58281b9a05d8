"""Frames in memory."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from frames import FILES, frame, frames, header

from tfrecord_lite import RecordBlock
from tfrecord_lite.records.framing import footer_of, header_of, length_is_intact, scan_frames


@pytest.mark.parametrize("name", FILES)
def test_header_and_footer_make_a_frame(name: str) -> None:
    for record in FILES[name][:20]:
        if len(record) < 10_000:
            assert header_of(len(record)) + record + footer_of(record) == frame(record)


def test_length_is_intact() -> None:
    assert length_is_intact(header(7))
    assert length_is_intact(b"xy" + header(1 << 40), 2)
    assert not length_is_intact(bytes(12))


def test_scan_finds_whole_frames_wherever_the_buffer_is_cut() -> None:
    records = [b"", b"a", b"bcd", bytes(300), b"efghijkl" * 3, b"x" * 256, b"y"]
    data = frames(records)
    ends = np.cumsum([len(record) + 16 for record in records])
    for end in range(len(data) + 1):
        count = int(np.searchsorted(ends, end, "right"))
        for short in (False, True):
            starts, lengths = scan_frames(np.frombuffer(data, np.uint8), 0, end, short=short)
            found = [data[s : s + n] for s, n in zip(starts, lengths, strict=True)]
            assert found == records[:count]
            assert starts.dtype == lengths.dtype == np.int64


def test_scan_survives_hostile_lengths() -> None:
    for length in (2**30, 2**62, 2**63, 2**64 - 1, 2**64 - 16):
        for short in (False, True):
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
