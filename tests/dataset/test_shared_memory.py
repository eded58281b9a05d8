"""SharedMemory: memory that two processes share."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tfrecord_lite.parallel.shared_memory import SharedMemory
from tfrecord_lite.thresholds import thresholds

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="Linux alone has it")

VALUES = {
    "nothing": None,
    "empty": {},
    "numbers": {"a": np.arange(5), "b": np.linspace(0, 1, 7, dtype=np.float32).reshape(7, 1)},
    "no_elements": {"a": np.empty((0, 3), np.int64), "b": np.empty((3, 0), np.float32)},
    "a_scalar": np.array(3),
    "bytes": np.array([b"x", b"yy\0", b""], object),
    "lists": [1, "two", (b"three", None)],
    "columns_first": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "every_other": np.arange(10)[::2],
    "structured": np.zeros(2, [("a", "<i2"), ("b", "<f4")]),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "big_endian": np.arange(3, dtype=">i4"),
    "large": np.arange(1 << 20),
}


@pytest.fixture
def pair():
    ours = SharedMemory.create()
    theirs = SharedMemory(os.dup(ours.handle))
    yield ours, theirs
    ours.close()
    theirs.close()


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("copy", [True, False])
def test_a_value_comes_across(pair, name, copy):
    ours, theirs = pair
    found = theirs.read(ours.write(VALUES[name]), copy=copy)
    assert plain(found) == plain(VALUES[name])


@pytest.mark.parametrize("joined_string_bytes", [0, 1 << 40])
def test_byte_strings_come_across_one_by_one_and_joined(pair, monkeypatch, joined_string_bytes):
    monkeypatch.setattr(thresholds, "joined_string_bytes", joined_string_bytes)
    ours, theirs = pair
    value = np.array([b"x", b"yy\0", b"", bytes(20_000), b"z"], object)
    for copy in (True, False):
        assert plain(theirs.read(ours.write(value), copy=copy)) == plain(value)


@pytest.mark.parametrize("by_size", [None, (0, 1), (1 << 40, 1)], ids=["", "never", "always"])
@pytest.mark.parametrize(
    "strings",
    [
        [b"cat", b"\0dog\0", b""] * 100,
        [b""] * 5,
        [bytes([n]) * (n % 90) for n in range(256)],
        [b"one\0"],
    ],
    ids=["few sizes", "empty", "many sizes", "one"],
)
def test_byte_strings_by_their_sizes(pair, monkeypatch, strings, by_size):
    if by_size:
        monkeypatch.setattr(thresholds, "grouped_string_bytes", by_size[0])
        monkeypatch.setattr(thresholds, "strings_per_size", by_size[1])
    for shape in ((-1,), (1, -1)):
        value = np.array(strings, object).reshape(shape)
        found = pair[1].read(pair[0].write(value))
        assert found.dtype == object
        assert found.shape == value.shape
        assert found.tolist() == value.tolist()


def test_one_value_after_another_in_both_directions(pair):
    for _ in range(2):
        for name, value in VALUES.items():
            for writer, reader in (pair, pair[::-1]):
                assert plain(reader.read(writer.write(value))) == plain(value), name


def test_a_copy_stays_and_may_be_changed(pair):
    ours, theirs = pair
    first = theirs.read(ours.write(np.arange(100)))
    ours.write(np.zeros(100, np.int64))
    assert first.tolist() == list(range(100))
    first[:] = 7
    assert theirs.read(ours.write(np.arange(3))).tolist() == [0, 1, 2]


def test_without_a_copy_it_is_the_memory_itself(pair):
    ours, theirs = pair
    stored = ours.write(np.arange(100))
    first = theirs.read(stored, copy=False)
    ours.write(np.zeros(100, np.int64))
    assert not first.any()


def test_arrays_are_aligned(pair):
    ours, theirs = pair
    found = theirs.read(ours.write([np.arange(n, dtype=np.uint8) for n in range(20)]), copy=False)
    assert all(array.ctypes.data % 64 == 0 for array in found if len(array))


def test_arrays_keep_the_memory_when_it_is_closed():
    ours = SharedMemory.create()
    found = ours.read(ours.write(np.arange(1000)), copy=False)
    ours.close()
    assert found.sum() == 999 * 500


def test_a_child_inherits_the_handle(pair):
    ours, _ = pair
    stored = ours.write({"a": np.arange(5)})
    program = f"""
from tfrecord_lite.parallel.shared_memory import StoredValue, SharedMemory
memory = SharedMemory({ours.handle})
value = memory.read(StoredValue{tuple(stored)})
value["a"] *= 2
print(*memory.write(value))
"""
    found = subprocess.check_output([sys.executable, "-c", program], pass_fds=[ours.handle])
    answer = type(stored)(*map(int, found.split()))
    assert ours.read(answer)["a"].tolist() == [0, 2, 4, 6, 8]


def test_a_larger_value_than_the_ones_before_comes_across(pair):
    """What the other side has in its memory must grow with what is laid down."""
    ours, theirs = pair
    for size in (3, 10_000, 5, 2_000_000):
        value = {"a": np.arange(size), "b": np.array([b"x" * size], object)}
        assert plain(theirs.read(ours.write(value))) == plain(value)
