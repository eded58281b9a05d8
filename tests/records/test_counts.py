"""Members of gzip files whose headers, with checksums that hold, do not state what is in them."""

from __future__ import annotations

import contextlib
import io
import os
import threading

import numpy as np
import pytest
from frames import frames, member

import tfrecord_lite as tfr
from tfrecord_lite.records import ahead
from tfrecord_lite.thresholds import thresholds

RECORDS = [tfr.encode_example({"i": i}) for i in range(12)]
SIZES = [len(record) + 16 for record in RECORDS]
FEATURES = {"i": tfr.FixedLenFeature([], np.int64)}


def content(wrong: int, at: int) -> bytes:
    """Four members of three records, of which one states more or fewer."""
    return b"".join(
        member(frames(RECORDS[k * 3 : k * 3 + 3]), records=3 + (wrong if k == at else 0))
        for k in range(4)
    )


@pytest.fixture(params=[1, 3])
def cores(request, monkeypatch):
    """Read with and without threads that inflate ahead, which take members however small."""
    monkeypatch.setattr(ahead, "usable_cores", lambda: request.param)
    monkeypatch.setattr(thresholds, "ahead_member_bytes", 1)


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("wrong", [1, -1, 1000])
@pytest.mark.parametrize("source", ["path", "bytes", "pipe"])
@pytest.mark.usefixtures("cores")
def test_gzip_member_counts(tmp_path, at, wrong, source):
    path = tmp_path / "f.gz"
    path.write_bytes(content(wrong, at))

    files = []

    def opened():
        if source == "pipe":
            reading, writing = os.pipe()

            def write():
                with open(writing, "wb", buffering=0) as file, contextlib.suppress(BrokenPipeError):
                    # No call finds a whole header.
                    data = path.read_bytes()
                    file.writelines(data[begin : begin + 30] for begin in range(0, len(data), 30))

            threading.Thread(target=write).start()
            files.append(open(reading, "rb"))  # noqa: SIM115
            return files[-1]
        return path if source == "path" else io.BytesIO(path.read_bytes())

    got = []
    with tfr.RecordReader(opened()) as reader:
        with pytest.raises(tfr.CompressionError, match="states") as caught:
            got.extend(reader)
        # What comes before is given, and to read on is to be told again.
        while len(got) < at * 3 + 3:
            got.append(next(reader))
        with pytest.raises(tfr.CompressionError):
            next(reader)
    assert caught.value.kind == "count"
    assert f"{3 + wrong} records where it has 3" in str(caught.value)
    assert (caught.value.record, caught.value.offset) == (3 * at + 3, sum(SIZES[: 3 * at + 3]))
    damage = []
    with tfr.RecordReader(opened(), on_damage=damage.append) as reader:
        assert list(reader) == RECORDS
    for file in files:
        file.close()
    (only,) = damage
    assert (only.kind, only.record, only.begin, only.end) == (
        "count",
        3 * at + 3,
        caught.value.offset,
        caught.value.offset,
    )


@pytest.mark.parametrize("byte", [16, 20, 24, 27, 28, 32, 39, 40, 43])
@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.usefixtures("cores")
def test_a_header_that_does_not_fit_its_checksum(tmp_path, at, byte):
    """Its records are right, but who goes by headers refuses it: reading tells that, too."""
    path = tmp_path / "f.gz"
    members = [member(frames(RECORDS[k * 3 : k * 3 + 3]), records=3) for k in range(4)]
    begin = sum(map(len, members[:at]))
    data = bytearray(b"".join(members))
    data[begin + byte] ^= 4
    path.write_bytes(data)
    got = []
    with tfr.RecordReader(path) as reader:
        with pytest.raises(tfr.CompressionError, match="does not fit its checksum") as caught:
            got.extend(reader)
        while len(got) < at * 3 + 3:
            got.append(next(reader))
    assert got == RECORDS[: at * 3 + 3]
    assert (caught.value.kind, f"compressed byte {begin}," in str(caught.value)) == ("count", True)
    damage = []
    assert list(tfr.read_records(path, on_damage=damage.append)) == RECORDS
    assert [(each.kind, each.record) for each in damage] == [("count", 3 * at + 3)]
    (file,) = tfr.verify(path).files
    assert (file.ok, file.records) == (False, 12)
    tfr.salvage(path, tmp_path / "g")
    assert list(tfr.read_records(tmp_path / "g")) == RECORDS


@pytest.mark.usefixtures("cores")
def test_right_counts_are_no_damage_in_blocks_of_any_size(tmp_path):
    path = tmp_path / "f.gz"
    path.write_bytes(content(0, 0))
    for block_bytes in (1, 50, 91, 1000):
        with tfr.RecordReader(path) as reader:
            reader.block_bytes = block_bytes
            assert [record for block in reader.blocks() for record in block] == RECORDS


def random_access(path):
    with tfr.RecordFile(path) as file:
        return file[3]


@pytest.mark.parametrize("wrong", [1, -1])
def test_whoever_inflates_compares(tmp_path, wrong):
    path = tmp_path / "f.gz"
    path.write_bytes(content(wrong, 1))
    report = tfr.verify(path)
    assert not report.ok
    assert (report.files[0].records, report.files[0].damaged_bytes) == (12, 0)
    assert [damage.kind for damage in report.files[0].damage] == ["count"]
    for read in (
        lambda: list(tfr.read_records(path)),
        lambda: list(tfr.read_batches(path, FEATURES, batch_size=5)),
        lambda: list(tfr.Dataset(path, FEATURES, batch_size=5)),
        lambda: list(tfr.Dataset(path, FEATURES, batch_size=5, shuffle=True)),
        lambda: list(tfr.Dataset(path, FEATURES, batch_size=5, shuffle=4)),
        lambda: list(tfr.Dataset(path, FEATURES, batch_size=5, workers=1)),
        lambda: tfr.RecordIndex.build(path, verify=True),
        lambda: random_access(path),
    ):
        with pytest.raises(tfr.CompressionError, match="states"):
            read()
    # All records are intact, and stay so.
    tfr.salvage(path, tmp_path / "g")
    assert list(tfr.read_records(tmp_path / "g")) == RECORDS


@pytest.mark.parametrize("shuffle", [False, 4, True])
@pytest.mark.parametrize("wrong", [1, -1])
@pytest.mark.parametrize("at", range(4))
def test_ranks_never_share_by_a_wrong_count(tmp_path, wrong, at, shuffle):
    path = tmp_path / "f.gz"
    path.write_bytes(content(wrong, at))
    refused = 0
    for rank in range(2):
        try:
            list(
                tfr.Dataset(path, FEATURES, batch_size=2, shuffle=shuffle, rank=rank, world_size=2)
            )
        except tfr.TFRecordError:
            refused += 1
    assert refused


@pytest.mark.parametrize("shuffle", [False, 4, True])
@pytest.mark.parametrize("ranks", [2, 3, 4, 5, 12])
def test_ranks_share_by_right_counts(tmp_path, ranks, shuffle):
    """Where the share of one ends with a gzip member, too."""
    path = tmp_path / "f.gz"
    path.write_bytes(content(0, 0))
    got = [
        number
        for rank in range(ranks)
        for batch in tfr.Dataset(
            path, FEATURES, batch_size=1, shuffle=shuffle, rank=rank, world_size=ranks
        )
        for number in batch["i"].tolist()
    ]
    assert set(got) == set(range(12))


def test_a_record_that_is_damaged_is_not_a_wrong_count(tmp_path):
    raw = bytearray(frames(RECORDS[:3]))
    raw[14] ^= 1
    (tmp_path / "f.gz").write_bytes(member(bytes(raw)) + content(0, 0))
    damage = []
    with tfr.RecordReader(tmp_path / "f.gz", on_damage=damage.append) as reader:
        assert list(reader) == [*RECORDS[1:3], *RECORDS]
    assert [one.kind for one in damage] == ["data"]


@pytest.mark.parametrize("size", [5, 30, 44])
def test_a_pipe_that_gives_no_header_at_once(size):
    class Pipe:
        def __init__(self, data):
            self.file = io.BytesIO(data)

        def read(self, most):
            return self.file.read(min(most, size))

    # What is looked at to tell the compression is held whole; this is after it.
    data = content(0, 0) * 5 + content(1, 1)
    damage = []
    with tfr.RecordReader(Pipe(data), on_damage=damage.append) as reader:
        assert list(reader) == RECORDS * 6
    assert [(one.kind, one.record) for one in damage] == [("count", 66)]


@pytest.mark.parametrize("row", [0, 2])
def test_members_beside_one_with_damage_are_compared(tmp_path, row):
    """Also the one that ends where the damage begins, and the one that begins where it ends."""
    raw = bytearray(frames(RECORDS[:3]))
    raw[sum(SIZES[:row]) + 13] ^= 1
    parts = [content(1, 3), member(bytes(raw))] if row == 0 else [member(bytes(raw)), content(1, 0)]
    (tmp_path / "f.gz").write_bytes(b"".join(parts))
    damage = []
    with tfr.RecordReader(tmp_path / "f.gz", on_damage=damage.append) as reader:
        assert len(list(reader)) == 14
    assert [one.kind for one in damage] == (["count", "data"] if row == 0 else ["data", "count"])


@pytest.mark.parametrize("at", range(4))
def test_records_lost_in_one_region_are_not_a_wrong_count(tmp_path, at):
    """Two of the three that the header states are counted as one, being damaged; others count."""
    raw = bytearray(frames(RECORDS[:3]))
    raw[SIZES[0]] ^= 1
    raw[SIZES[0] + SIZES[1]] ^= 1
    (tmp_path / "f.gz").write_bytes(member(bytes(raw)) + content(1, at))
    damage = []
    with tfr.RecordReader(tmp_path / "f.gz", on_damage=damage.append) as reader:
        assert list(reader) == [RECORDS[0], *RECORDS]
    assert [(one.kind, one.record) for one in damage] == [("length", 1), ("count", 5 + 3 * at)]


def test_large_records_count_too(tmp_path):
    """`verify` holds no large record; it counts them one by one."""
    large = [bytes(5 << 20), b"small", bytes(5 << 20)]
    for stated in (3, 4):
        parts = [member(frames(large), records=stated), member(frames(RECORDS[:3]))]
        (tmp_path / "f.gz").write_bytes(b"".join(parts))
        assert tfr.verify(tmp_path / "f.gz").ok == (stated == 3)
