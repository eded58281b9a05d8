"""`salvage`: every intact record into a clean file, and an account of every byte."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import random
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from frames import THREE, frame, frames

import tfrecord_lite as tfr
import tfrecord_lite.jobs
from tfrecord_lite.integrity.salvage import salvage
from tfrecord_lite.integrity.verify import verify
from tfrecord_lite.records import byte_source, storage

RECORDS = [random.Random(n).randbytes(n * 13 % 400) for n in range(60)]
BOUNDS = [0, *itertools.accumulate(16 + len(record) for record in RECORDS)]
PLAIN = frames(RECORDS)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Write a file with a damaged length, damaged data, a hole and a torn end."""
    data = bytearray(PLAIN)
    data[BOUNDS[3] + 2] ^= 1
    data[BOUNDS[10] + 20] ^= 1
    data[BOUNDS[20] : BOUNDS[25] + 3] = bytes(BOUNDS[25] + 3 - BOUNDS[20])
    del data[BOUNDS[-2] + 30 :]
    path = tmp_path / "damaged.tfrecord"
    path.write_bytes(data)
    return path


LEFT = [*range(3), *range(4, 10), *range(11, 20), *range(26, 59)]


def accounted(report, size: int) -> None:
    """Assert that what was rescued and what was left are all of the source."""
    (found,) = report.files
    assert found.raw_bytes + found.damaged_bytes == size
    assert found.damaged_bytes == sum(d.end - d.begin for d in found.damage)
    ends = [0, *(d.end for d in found.damage)]
    assert all(end <= d.begin for end, d in zip(ends, found.damage, strict=False))


def test_every_intact_record_in_order(damaged, tmp_path):
    seen = []
    report = salvage(damaged, tmp_path / "new", progress=lambda *at: seen.append(at))
    assert list(tfr.read_records(tmp_path / "new")) == [RECORDS[index] for index in LEFT]
    assert (tmp_path / "new").read_bytes() == frames([RECORDS[index] for index in LEFT])
    assert not report.ok
    (found,) = report.files
    assert (found.path, found.records, found.regions) == (str(damaged), len(LEFT), 4)
    assert [(d.begin, d.end, d.kind) for d in found.damage] == [
        (BOUNDS[3], BOUNDS[4], "length"),
        (BOUNDS[10], BOUNDS[11], "data"),
        (BOUNDS[20], BOUNDS[26], "length"),
        (BOUNDS[59], BOUNDS[59] + 30, "truncated"),
    ]
    accounted(report, damaged.stat().st_size)
    assert seen[-1] == (str(damaged), damaged.stat().st_size)
    assert verify(tmp_path / "new").ok


@pytest.mark.parametrize("bit", [0, 5])
def test_every_byte_is_rescued_or_listed_whatever_is_flipped(tmp_path, bit):
    data = frames(THREE)
    for at in range(len(data)):
        path = tmp_path / "a"
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        report = salvage(path, tmp_path / "b", overwrite=True)
        accounted(report, len(data))
        assert report.files[0].records == 2


def test_every_byte_is_rescued_or_listed_wherever_it_is_cut(tmp_path):
    data = frames(THREE)
    for end in range(len(data) + 1):
        report = salvage(io.BytesIO(data[:end]), tmp_path / "b", overwrite=True)
        accounted(report, end)
        whole = [frame(record) for record in THREE]
        while sum(map(len, whole)) > end:
            whole.pop()
        assert (tmp_path / "b").read_bytes() == b"".join(whole)


@pytest.mark.parametrize(
    ("compress", "kind"), [(None, None), (gzip.compress, "GZIP"), (zlib.compress, "ZLIB")]
)
def test_the_compression_is_that_of_the_source_unless_another_is_asked_for(
    tmp_path, compress, kind
):
    path = tmp_path / "a"
    path.write_bytes(compress(PLAIN) if compress else PLAIN)
    for wanted in ("auto", None, "GZIP", "ZLIB"):
        report = salvage(path, tmp_path / "b", write_compression=wanted, overwrite=True)
        assert report.ok
        with tfr.RecordReader(tmp_path / "b") as reader:
            assert reader.compression == (kind if wanted == "auto" else wanted)
            assert list(reader) == RECORDS
    for name, told in (("c", None), ("c.gz", "GZIP")):
        salvage(path, tmp_path / name, write_compression="infer")
        with tfr.RecordReader(tmp_path / name) as reader:
            assert reader.compression == told
            assert list(reader) == RECORDS


def test_row_18_blocked_gzip_member_by_member(tmp_path):
    """The front too: where the first bytes are damaged, the compression is found after them."""
    path = tmp_path / "a.gz"
    tfr.write_records(path, RECORDS, compression="GZIP", block_bytes=1000)
    data = path.read_bytes()
    begins, firsts = [0], [0]
    while begins[-1] < len(data):
        at = begins[-1]
        firsts.append(firsts[-1] + int.from_bytes(data[at + 32 : at + 40], "little"))
        begins.append(at + int.from_bytes(data[at + 16 : at + 24], "little"))
    assert len(begins) > 8
    for number, begin in enumerate(begins[:-1]):
        for at in (begin + 1, begin + 60):
            path.write_bytes(data[:at] + b"????" + data[at + 4 :])
            report = salvage(path, tmp_path / "b", overwrite=True)
            rest = RECORDS[: firsts[number]] + RECORDS[firsts[number + 1] :]
            rescued = list(tfr.read_records(tmp_path / "b"))
            assert [record for record in rescued if record in rest] == rest
            assert report.files[0].regions <= 2
            with tfr.RecordReader(tmp_path / "b") as reader:
                assert reader.compression == "GZIP"


def test_row_18_which_byte_of_a_member_s_header_is_damaged(tmp_path):
    """What docs/integrity.md says of it."""
    path = tmp_path / "a.gz"
    tfr.write_records(path, RECORDS, block_bytes=2000)
    first, second = tfr.RecordIndex.build(path).members.first_records[1:3].tolist()
    begin = int(tfr.RecordIndex.build(path).members.offsets[1])
    data = path.read_bytes()
    for at in range(44):
        path.write_bytes(
            data[: begin + at] + bytes([data[begin + at] ^ 0x80]) + data[begin + at + 1 :]
        )
        found = []
        got = list(tfr.read_records(path, on_damage=found.append))
        if at < 4 or at in (10, 11):
            assert got == RECORDS[:first] + RECORDS[second:]
            assert len(found) == 1
        else:
            assert got == RECORDS
            assert [damage.kind for damage in found] == ["count"] * (at >= 16)
        with pytest.raises(tfr.CompressionError):
            tfr.RecordFile(path)


def test_row_15_a_single_stream_up_to_where_it_is_cut(tmp_path):
    path = tmp_path / "a.gz"
    data = gzip.compress(PLAIN)
    path.write_bytes(data[: len(data) // 2])
    report = salvage(path, tmp_path / "b")
    rescued = list(tfr.read_records(tmp_path / "b"))
    assert 10 < len(rescued) < 50
    assert rescued == RECORDS[: len(rescued)]
    assert report.files[0].damage[-1].kind == "truncated"


def test_row_09_nothing_to_rescue(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n" + random.Random(9).randbytes(5000))
    report = salvage(path, tmp_path / "b")
    assert (report.files[0].records, report.files[0].regions) == (0, 1)
    assert "a PNG image" in report.files[0].damage[0].reason
    assert (tmp_path / "b").read_bytes() == b""


def test_a_named_compression_is_taken_at_its_word(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(PLAIN))
    report = salvage(path, tmp_path / "b", compression=None)
    assert report.files[0].records == 0
    for option in ("compression", "write_compression"):
        with pytest.raises(ValueError, match="unknown compression"):
            salvage(path, tmp_path / "c", **{option: "gzip"})
    assert not (tmp_path / "c").exists()


def test_nothing_is_replaced_unasked(damaged, tmp_path):
    new = tmp_path / "new"
    new.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        salvage(damaged, new)
    assert new.read_bytes() == b"precious"
    salvage(damaged, new, overwrite=True)
    assert verify(new).ok
    link = tmp_path / "link"
    link.symlink_to(damaged)
    data = damaged.read_bytes()
    for target in (damaged, link, os.path.relpath(damaged), f"file://{damaged}"):
        for overwrite in (False, True):
            with pytest.raises(ValueError, match="never replaces its source"):
                salvage(damaged, target, overwrite=overwrite)
    assert damaged.read_bytes() == data
    assert sorted(os.listdir(tmp_path)) == ["damaged.tfrecord", "link", "new"]


def test_an_open_file_and_a_file_url_are_the_source_too(damaged):
    """The source was replaced, or written over while it was read."""
    data, url = damaged.read_bytes(), damaged.as_uri()
    with damaged.open("r+b") as file:
        for source, target in (
            (file, damaged),
            (damaged, file),
            (damaged, url),
            (url, damaged),
        ):
            with pytest.raises(ValueError, match="never replaces its source"):
                salvage(source, target, overwrite=target is not file)
        with pytest.raises(ValueError, match="this is a source"):
            tfr.jobs.merge(file, damaged, overwrite=True)
    assert damaged.read_bytes() == data


def test_a_url_of_this_machine_is_the_file(damaged, tmp_path):
    report = salvage(f"file://{damaged}", f"file://{tmp_path}/new.tfrecord")
    assert report.files[0].path == str(damaged)
    assert list(tfr.read_records(tmp_path / "new.tfrecord")) == list(
        tfr.read_records(damaged, on_damage=lambda _: None)
    )


def test_a_link_to_what_is_not_there_is_written_as_writers_do(damaged, tmp_path):
    link, gone = tmp_path / "link", tmp_path / "gone"
    link.symlink_to(gone)
    with pytest.raises(FileExistsError, match="link"):
        salvage(damaged, link)
    assert not gone.exists()
    report = salvage(damaged, link, overwrite=True)
    assert link.is_symlink()
    assert len(list(tfr.read_records(gone))) == report.files[0].records > 0


def test_a_device_is_no_source_that_would_be_replaced():
    with open(os.devnull, "rb") as source, open(os.devnull, "wb") as target:
        assert salvage(source, target).files[0].records == 0


def test_file_objects(damaged):
    target = io.BytesIO()
    with damaged.open("rb") as file:
        report = salvage(file, target)
    assert target.getvalue() == frames([RECORDS[index] for index in LEFT])
    accounted(report, damaged.stat().st_size)


@pytest.mark.parametrize("call", ["readinto", "write", "close"])
def test_rows_24_and_25_a_disk_that_fails_publishes_nothing(damaged, tmp_path, monkeypatch, call):
    room = byte_source.ByteSource if call == "readinto" else storage.Output
    original = getattr(room, call)
    for nth in range(1, 4):
        calls = []

        def failing(device, *args):
            calls.append(call)
            if len(calls) >= nth:
                raise OSError(5, "Input/output error")
            return original(device, *args)

        with monkeypatch.context() as patch:
            patch.setattr(room, call, failing)
            try:
                salvage(damaged, tmp_path / "new")
            except OSError as error:
                assert error.errno == 5
                assert os.listdir(tmp_path) == ["damaged.tfrecord"]
            else:
                (tmp_path / "new").unlink()


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        salvage(tmp_path / "none", tmp_path / "new")
    with pytest.raises(FileNotFoundError, match="no data files"):
        salvage(tmp_path, tmp_path / "new")
    left = tmp_path / ".train.0123abcd.tfrecord-partial"
    left.mkdir()
    with pytest.raises(FileNotFoundError, match="no records were left"):
        salvage(left, tmp_path / "new")
    assert os.listdir(tmp_path) == [left.name]


def test_row_27_what_a_killed_writer_left(tmp_path):
    program = """
import os, sys, signal
from tfrecord_lite import RecordWriter
from tfrecord_lite.dataset.shard_writer import ShardWriter
record = RecordWriter(sys.argv[1] + "/a.tfrecord", compression="GZIP")
shards = ShardWriter(sys.argv[1] + "/train", records_per_shard=20)
for number in range(50):
    record.write(b"%d" % number)
    shards.write(b"%d" % number * 10_000)
record.flush()
record.write(b"in memory yet")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    (tmp_path / "b.tfrecord").write_bytes(frames(THREE))
    file, folder = verify(tmp_path).leftovers
    report = salvage(file, tmp_path / "a.tfrecord")
    assert report.ok
    assert list(tfr.read_records(tmp_path / "a.tfrecord")) == [b"%d" % n for n in range(50)]
    report = salvage(folder, tmp_path / "train.tfrecord")
    rescued = list(tfr.read_records(tmp_path / "train.tfrecord"))
    assert rescued == [b"%d" % n * 10_000 for n in range(len(rescued))]
    assert len(rescued) >= 40
    assert [found.records for found in report.files[:2]] == [20, 20]
    assert sum(found.records for found in report.files) == len(rescued)


@pytest.mark.tensorflow
def test_what_is_rescued_is_read_by_tensorflow(damaged, tmp_path):
    tf = pytest.importorskip("tensorflow")
    salvage(damaged, tmp_path / "new")
    got = [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / "new"))]
    assert got == [RECORDS[index] for index in LEFT]


@pytest.fixture
def damaged_set(tmp_path):
    """Write four shards of 15 records: one is gone, two are damaged."""
    features = {"a": tfr.FixedLenFeature([], int)}
    with tfr.ShardWriter(tmp_path / "train", records_per_shard=15, features=features) as writer:
        writer.write_many(RECORDS)
    shards = sorted(tmp_path.glob("*.tfrecord"))
    shards[0].write_bytes(shards[0].read_bytes()[:-1])
    data = bytearray(shards[2].read_bytes())
    data[2] ^= 1
    shards[2].write_bytes(data)
    shards[3].unlink()
    return tmp_path / "train"


def test_a_whole_set(damaged_set, tmp_path):
    rescued = [*RECORDS[:14], *RECORDS[15:30], *RECORDS[31:45]]
    for number, src in enumerate((damaged_set, f"{damaged_set}.manifest.json")):
        report = salvage(src, tmp_path / f"new{number}")
        assert not report.ok
        assert [file.expected for file in report.files] == [15] * 4
        assert [file.records for file in report.files] == [14, 15, 14, 0]
        assert (report.lost, report.expected) == (17, 60)
        manifest = tfr.Manifest.load(tmp_path / f"new{number}.manifest.json")
        assert [entry.records for entry in manifest.entries] == [14, 15, 14]
        assert manifest.features is not None
        assert list(tfr.features_from_json(manifest.features)) == ["a"]
        assert verify(tmp_path / f"new{number}").ok
        assert list(tfr.RecordSet(tmp_path / f"new{number}")) == rescued
    shard = f"{damaged_set}-00002-of-00004.tfrecord"
    assert salvage(shard, tmp_path / "file").lost == 1
    assert list(tfr.read_records(tmp_path / "file")) == RECORDS[31:45]


def test_records_that_only_the_manifest_misses(tmp_path):
    """A shard that was cut where a record ends has no damage, and one with more hides no loss."""
    with tfr.ShardWriter(tmp_path / "train", records_per_shard=20) as writer:
        writer.write_many(RECORDS)
    shards = sorted(tmp_path.glob("*.tfrecord"))
    assert salvage(tmp_path / "train", tmp_path / "whole").ok
    shards[1].write_bytes(frames(RECORDS[20:23]))
    tfr.write_records(shards[2], RECORDS[:5], mode="a")
    report = salvage(tmp_path / "train", tmp_path / "new")
    assert not report.ok
    assert (report.lost, report.expected) == (17, 60)
    assert [file.ok for file in report.files] == [True, False, False]
    assert [fault.kind for file in report.files for fault in file.faults] == ["records"] * 2
    text = str(report)
    assert f"WRONG   {shards[1]}: 3 records" in text
    assert "17 of 60 records lost" in text
    assert "manifest or index says 20" in text
    assert "manifest or index says 20" in report._repr_html_()
    assert list(tfr.RecordSet(tmp_path / "new")) == [*RECORDS[:23], *RECORDS[40:], *RECORDS[:5]]


def test_a_record_set_is_salvaged_with_its_own_options(tmp_path):
    for name, records in {"a": RECORDS[:3], "b": RECORDS[3:5]}.items():
        tfr.write_records(tmp_path / name, records, compression="ZLIB")
    files = [tmp_path / "a", tmp_path / "b"]
    records = tfr.RecordSet(files, compression="ZLIB", max_record_bytes=len(RECORDS[1]) - 1)
    report = salvage(records, tmp_path / "new")
    expected = [record for record in RECORDS[:5] if len(record) < len(RECORDS[1])]
    assert list(tfr.RecordSet(tmp_path / "new")) == expected != RECORDS[:5]
    assert {damage.kind for file in report.files for damage in file.damage} == {"too_large"}
    with pytest.raises(ValueError, match="a RecordSet is read with its own"):
        salvage(records, tmp_path / "other", compression="ZLIB")
    assert not list(tmp_path.glob("other*"))


def test_an_open_file_of_a_record_set_is_read_from_where_it_stood(tmp_path):
    data = b"".join(map(frame, RECORDS[:3]))
    records = tfr.RecordSet(io.BytesIO(data))
    for _ in range(2):
        assert list(records) == RECORDS[:3]
        assert verify(records).files[0].records == 3
        assert salvage(records, tmp_path / "new", overwrite=True).files[0].records == 3


def test_a_record_set_in_a_list_is_refused_by_what_to_do(tmp_path):
    tfr.write_records(tmp_path / "a", RECORDS[:3])
    records = tfr.RecordSet(tmp_path / "a")
    for take in (
        lambda: salvage([records], tmp_path / "new"),
        lambda: verify([records]),
        lambda: tfr.read_records([records]),
    ):
        with pytest.raises(TypeError, match=r"pass RecordSet\(\[\*a.files"):
            take()
    with pytest.raises(TypeError, match="a RecordSet has `manifest`"):
        tfr.find_manifest(records)


def test_a_directory_of_files_that_nobody_counted(tmp_path):
    (tmp_path / "in").mkdir()
    tfr.write_records(tmp_path / "in" / "a", RECORDS[:5])
    tfr.write_records(tmp_path / "in" / "b", RECORDS[5:])
    report = salvage(tmp_path / "in", tmp_path / "new")
    assert report.ok
    assert report.lost is report.expected is None
    assert list(tfr.RecordSet(tmp_path / "new")) == RECORDS
    for name in "ab":
        tfr.RecordIndex.build(tmp_path / "in" / name).save()
    report = salvage([tmp_path / "in" / "a", tmp_path / "in" / "b"], tmp_path / "other")
    assert (report.lost, report.expected) == (0, 60)


def test_a_suffix_that_the_shards_do_not_have(tmp_path):
    with tfr.ShardWriter(tmp_path / "train", num_shards=2) as writer:
        writer.write_many(RECORDS)
    for read in (lambda name: salvage(name, tmp_path / "new"), tfr.expand_shards):
        with pytest.raises(FileNotFoundError, match=r"do not end in '\.gz'"):
            read(tmp_path / "train@2.gz")
    salvage(tmp_path / "train@2.tfrecord", tmp_path / "new")


def test_a_set_is_never_its_own_copy(damaged_set, tmp_path):
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match="never replaces its source"):
        salvage(damaged_set, damaged_set, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == before
    salvage(damaged_set, tmp_path / "new")
    with pytest.raises(FileExistsError):
        salvage(damaged_set, tmp_path / "new")


def test_nothing_is_left_of_a_set(tmp_path):
    with tfr.ShardWriter(tmp_path / "a") as writer:
        writer.write(b"x")
    (tmp_path / "a-00000-of-00001.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match="missing"):
        salvage(tmp_path / "a", tmp_path / "b")


UNCHECKED = b"".join(frame(one)[:8] + bytes(4) + one + bytes(4) for one in RECORDS[1:])


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_file_without_checksums_is_written_again_with_true_ones(tmp_path, compress):
    """As the error about such a file advises."""
    (tmp_path / "a").write_bytes(compress(UNCHECKED))
    with pytest.raises(tfr.CorruptRecordError, match="verify='none'.*write them again"):
        list(tfr.read_records(tmp_path / "a"))
    assert tfr.salvage(tmp_path / "a", tmp_path / "b").files[0].records == 0
    report = tfr.salvage(tmp_path / "a", tmp_path / "b", verify="none", overwrite=True)
    assert (report.ok, report.files[0].records) == (True, len(RECORDS) - 1)
    assert list(tfr.read_records(tmp_path / "b")) == RECORDS[1:]
    assert tfr.verify(tmp_path / "b")


def test_lengths_alone_are_verified_where_that_is_asked(tmp_path):
    data = bytearray(frames(RECORDS))
    data[len(frame(RECORDS[0])) - 1] ^= 1
    (tmp_path / "a").write_bytes(data)
    for checked, count in ((True, len(RECORDS) - 1), (False, len(RECORDS))):
        report = tfr.salvage(tmp_path / "a", tmp_path / "b", verify=checked, overwrite=True)
        assert report.files[0].records == count
    with pytest.raises(ValueError, match="verify='some'; pass True, False, or 'none'"):
        tfr.salvage(tmp_path / "a", tmp_path / "c", verify="some")
    assert not (tmp_path / "c").exists()


def test_larger_records_are_left_where_that_is_asked(tmp_path):
    records = [b"a" * 10, b"b" * 1000, b"c" * 999]
    tfr.write_records(tmp_path / "a", records)
    report = tfr.salvage(tmp_path / "a", tmp_path / "b", max_record_bytes=999)
    (damage,) = report.files[0].damage
    assert (damage.begin, damage.end, damage.kind) == (26, 1042, "too_large")
    assert list(tfr.read_records(tmp_path / "b")) == [records[0], records[2]]
