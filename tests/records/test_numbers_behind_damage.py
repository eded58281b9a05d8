"""Blocked gzip: after a damaged member, records have the numbers and places that headers state."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import pytest
from frames import frame, member

import tfrecord_lite as tfr

RNG = random.Random(12)
# Three records a member, of numbers, which compress.
RECORDS = [b" ".join(b"%d" % RNG.randrange(10**6) for _ in range(80)) for _ in range(18)]
RAWS = [b"".join(map(frame, RECORDS[begin : begin + 3])) for begin in range(0, 18, 3)]


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("how", ["path", "file", "pipe"])
@pytest.mark.parametrize("damaged", [(1,), (1, 3), (0, 4), (2, 3)])
def test_numbers_and_places_behind_damaged_members(
    tmp_path: Path, how: str, damaged: tuple[int, ...]
) -> None:
    members = [bytearray(member(raw)) for raw in RAWS]
    for number in damaged:
        # In the middle of what is compressed, far from header and trailer.
        middle = len(members[number]) // 2
        members[number][middle : middle + 40] = bytes(40)
    data = b"".join(members)
    (tmp_path / "a").write_bytes(data)
    source = {"path": tmp_path / "a", "file": io.BytesIO(data), "pipe": Pipe(data)}[how]
    told: list[tfr.Damage] = []
    found: dict[int, tuple[bytes, int]] = {}
    with tfr.RecordReader(source, compression="GZIP", on_damage=told.append) as reader:
        for block in reader.blocks():
            for row, record in enumerate(block):
                found[block.number(row)] = record, block.offset(row)
    offsets = [sum(len(record) + 16 for record in RECORDS[:number]) for number in range(19)]
    for number, (record, offset) in found.items():
        assert (record, offset) == (RECORDS[number], offsets[number])
    assert set(range(18)) - set(found) <= {3 * at + row for at in damaged for row in range(3)}
    assert told


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_file_to_follow_that_cannot_be_looked_at_leaves_no_handle(tmp_path, monkeypatch) -> None:
    (tmp_path / "a").write_bytes(frame(b"x"))
    before = len(os.listdir("/proc/self/fd"))

    def fail(handle: int) -> os.stat_result:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", fail)
        with pytest.raises(OSError, match="Input/output"):
            tfr.RecordReader(tmp_path / "a", follow=True, timeout=0)
    assert len(os.listdir("/proc/self/fd")) == before
