"""How often files are read for many records: each once, near records together."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.files import member_frames
from tfrecord_lite.files.fingerprint import Fingerprint
from tfrecord_lite.thresholds import limits, thresholds

COUNT = 200
RECORDS = [b"%05d" % number * 8 for number in range(3 * COUNT)]
FRAME = 56
ORDERS = ("ascending", "descending", "shuffled", "in turns")


def in_some_order(numbers: list[int], order: str) -> list[int]:
    if order == "descending":
        return numbers[::-1]
    if order == "shuffled":
        return random.Random(3).sample(numbers, len(numbers))
    if order == "in turns":
        return sorted(numbers, key=lambda number: (number % COUNT, number))
    return numbers


def write(folder: Path, **options: object) -> Path:
    with tfr.ShardWriter(folder / "set", records_per_shard=COUNT, **options) as writer:
        writer.write_many(RECORDS)
    for path in tfr.expand_shards(folder / "set"):
        tfr.RecordIndex.build(path).save()
    return folder / "set"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list of the sizes and offsets that are read, but of fingerprints and indexes."""
    found: list[tuple[int, int]] = []
    pread = os.pread

    def noted(handle: int, size: int, offset: int) -> bytes:
        if size != 4096:
            found.append((size, offset))
        return pread(handle, size, offset)

    monkeypatch.setattr(os, "pread", noted)
    return found


@pytest.mark.parametrize("few", [0, 1 << 40])
@pytest.mark.parametrize("order", ORDERS)
def test_neighbours_in_plain_files_are_read_together(tmp_path, monkeypatch, reads, order, few):
    """In three files two runs of five each, far apart; the second with one left out."""
    monkeypatch.setattr(thresholds, "picked_gap_bytes", 2 * FRAME)
    monkeypatch.setattr(thresholds, "block_records", few)
    # One is opened for another, and no file twice.
    monkeypatch.setattr(limits, "open_files", 1)
    run = [*range(10, 15), *range(150, 152), *range(153, 156)]
    numbers = in_some_order([file * COUNT + row for file in range(3) for row in run], order)
    expected = [RECORDS[number] for number in numbers]
    name = write(tmp_path)
    reads.clear()
    wanted = [(5 * FRAME, 10 * FRAME), (6 * FRAME, 150 * FRAME)] * 3
    with tfr.RecordSet(name) as records:
        assert records[numbers] == expected
        assert reads == wanted
        reads.clear()
        assert records.read_block(numbers).to_list() == expected
        assert reads == wanted


@pytest.mark.parametrize("few", [0, 1 << 40])
@pytest.mark.parametrize("order", ORDERS)
def test_each_member_is_inflated_once(tmp_path, monkeypatch, order, few):
    inflated: list[int] = []
    inflate = member_frames.inflate_member

    def noted(data: bytes, *args: object) -> bytes:
        inflated.append(len(data))
        return inflate(data, *args)

    monkeypatch.setattr(member_frames, "inflate_member", noted)
    monkeypatch.setattr(thresholds, "kept_members", 1)
    monkeypatch.setattr(thresholds, "block_records", few)
    monkeypatch.setattr(limits, "open_gzip_files", 1)
    name = write(tmp_path, compression="GZIP", block_bytes=20 * FRAME)
    members = sum(
        len(tfr.RecordIndex.load(path).members.offsets) - 1 for path in tfr.expand_shards(name)
    )
    assert members >= 20
    numbers = in_some_order([*range(0, 3 * COUNT, 3)], order)
    expected = [RECORDS[number] for number in numbers]
    with tfr.RecordSet(name) as records:
        assert records[numbers] == expected
        assert len(inflated) == members
        inflated.clear()
    with tfr.RecordSet(name) as records:
        assert records.read_block(numbers).to_list() == expected
        assert len(inflated) == members


@pytest.mark.parametrize("sidecars", [True, False])
def test_a_file_is_opened_once_and_told_from_others_once(tmp_path, monkeypatch, sidecars):
    """When its first record is read, for its index and for the record."""
    name = write(tmp_path)
    files = tfr.expand_shards(name)
    if not sidecars:
        for path in files:
            os.unlink(f"{path}.index")
    opened, looks = [], []
    real_open, of = os.open, Fingerprint.of
    monkeypatch.setattr(
        os, "open", lambda path, *rest: opened.append(path) or real_open(path, *rest)
    )
    monkeypatch.setattr(Fingerprint, "of", lambda file: looks.append(file.path) or of(file))
    with tfr.RecordSet(name) as records:
        assert records[COUNT + 5] == RECORDS[COUNT + 5]
    assert opened == [files[1]]
    # Of an index that is built, once more: whether the file has changed meanwhile.
    assert looks == [files[1]] * (1 if sidecars else 2)
    opened.clear()
    with tfr.RecordFile(files[2]) as file:
        assert file[5] == RECORDS[2 * COUNT + 5]
    assert opened == [files[2]]
