"""Bytes from many places, put one after the other."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tfrecord_lite.example.gather import gathered
from tfrecord_lite.thresholds import thresholds

SIZES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 127, 128, 255, 256, 257, 1000, 2047, 2048, 5000]


@pytest.fixture(params=[0, 1, 2, 300, 2048, 1 << 40])
def _ways(request, monkeypatch):
    monkeypatch.setattr(thresholds, "gathered_strings", 0)
    monkeypatch.setattr(thresholds, "gathered_string_bytes", request.param)


def check(buffer, begin, size) -> None:
    buffer, begin, size = (np.asarray(part) for part in (buffer, begin, size))
    expected = [bytes(buffer[at : at + count]) for at, count in zip(begin, size, strict=True)]
    found = gathered(buffer, begin.astype(np.int64), size.astype(np.int64))
    assert found.tobytes() == b"".join(expected)
    assert found.dtype == np.uint8
    assert found.flags.writeable


@pytest.mark.usefixtures("_ways")
def test_runs_come_in_the_order_in_which_they_are_asked_for():
    rng = np.random.default_rng(0)
    buffer = np.frombuffer(rng.bytes(6000), np.uint8)  # read-only
    for trial in range(40):
        size = rng.choice(SIZES[: 5 + trial % 15], 60)
        # Anywhere, overlapping and repeated, and to the last byte of the buffer.
        begin = rng.integers(0, len(buffer) - size + 1)
        begin[::7] = len(buffer) - size[::7]
        check(buffer, begin, size)


@pytest.mark.usefixtures("_ways")
@pytest.mark.parametrize("size", SIZES)
def test_runs_may_be_the_whole_buffer_which_may_be_small(size):
    buffer = np.frombuffer(np.random.default_rng(size).bytes(size + 3), np.uint8)[3:]
    check(buffer, [0] * 9, [size] * 9)
    check(buffer, [0, size, 0, size // 2], [size, 0, size // 3, size - size // 2])
    check(buffer, [], [])


@pytest.mark.usefixtures("_ways")
def test_nothing_is_written_where_the_buffer_was():
    buffer = np.arange(64, dtype=np.uint8)
    found = gathered(buffer, np.arange(60), np.full(60, 4))
    found[:] = 99
    assert buffer.tolist() == list(range(64))


def test_many_short_runs_take_no_more_than_some_words_each():
    """And one among them that is large takes its own size."""
    size = np.ones(100_000, np.int64)
    size[5] = 20_000_000
    buffer = np.zeros(size[5], np.uint8)
    tracemalloc.start()
    try:
        result = gathered(buffer, np.zeros(len(size), np.int64), size)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(result) == size.sum()
    assert peak < len(result) + 100 * len(size)
