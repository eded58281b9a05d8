"""The buffers that blocks of records lie in: whose they are, and what is after the records."""

from __future__ import annotations

import io
import random
from array import array

import numpy as np
import pytest
from frames import frames
from integrity.corrupting import Pipe

from tfrecord_lite.records import RecordReader
from tfrecord_lite.records.framing import FRAME_OVERHEAD, SLACK_BYTES, RecordBlock
from tfrecord_lite.thresholds import thresholds


def test_records_of_any_bytes_like_form() -> None:
    """A record has as many bytes as its memory, not as many as it has elements."""
    records = [b"zz", np.arange(3, dtype="<i4"), b"yy", array("h", [1, 2]), bytearray(b"x")]
    block = RecordBlock.from_records(records)
    assert list(block) == [b"zz", np.arange(3, dtype="<i4").tobytes(), b"yy", b"\1\0\2\0", b"x"]
    assert list(RecordBlock.from_records(np.array([b"abc", b"def"]))) == [b"abc", b"def"]


def test_a_buffer_that_is_given_back_holds_no_other_block() -> None:
    """Of a pipe as well, which has but a few records at a time and fills no buffer."""
    rng = random.Random(0)
    records = [rng.randbytes(4000) for _ in range(900)]
    with RecordReader(Pipe(frames(records), 30_000)) as reader:
        kept, number = [], 0
        for turn, block in enumerate(reader.blocks()):
            number += len(block)
            if turn % 2:
                kept.append((number, block))
            else:
                reader.recycle(block)
        assert turn > 100
    for number, block in kept:
        assert list(block) == records[number - len(block) : number]


@pytest.mark.parametrize("more", range(-1, SLACK_BYTES + 2))
def test_there_is_slack_behind_the_last_record(more: int) -> None:
    """So that no decoder has to copy the buffer, however well the records fill it."""
    first = 3 * thresholds.first_scan_bytes
    size = (1 << 20) + more
    records = [bytes(first), *[bytes(100)] * ((size - first) // 116 - 9)]
    records.append(bytes(size - len(frames(records)) - FRAME_OVERHEAD))
    data = bytearray(frames(records))
    # After damage blocks are small at first; the last is the one that ends where the buffer does.
    data[100] ^= 1
    found = 0
    with RecordReader(io.BytesIO(data), on_damage=lambda _: None) as reader:
        for block in reader.blocks():
            found += len(block)
            end = int(block.starts[-1] + block.lengths[-1])
            assert len(block.buffer) - end >= SLACK_BYTES
    assert found == len(records) - 1
