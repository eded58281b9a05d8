"""`verify`: every damaged place of every file, and every byte accounted for."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from frames import THREE, frame, frames, header
from peak import growth
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files import manifest as manifest_module
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.integrity import check as check_module
from tfrecord_lite.integrity import schedule as schedule_module
from tfrecord_lite.integrity import verify
from tfrecord_lite.integrity.inventory import _shard_pattern
from tfrecord_lite.records import byte_source
from tfrecord_lite.records.checksum import crc32c, mask_crc
from tfrecord_lite.thresholds import limits

RECORDS = [b"foo", b"", b"barbaz" * 10]
FRAMES = 16 * len(RECORDS) + sum(map(len, RECORDS))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, RECORDS)
    return path


@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
def test_whole_files(tmp_path, compression):
    path = tmp_path / "a"
    tfr.write_records(path, RECORDS, compression=compression)
    report = verify(path)
    assert report.ok
    (file,) = report.files
    assert (file.path, file.records, file.raw_bytes, file.damage) == (str(path), 3, FRAMES, [])
    assert (file.regions, file.damaged_bytes, file.faults, file.error) == (0, 0, [], None)
    assert report.leftovers == []


def test_file_object():
    file = io.BytesIO()
    tfr.write_records(file, RECORDS)
    assert verify(io.BytesIO(file.getvalue())).files[0].records == 3
    report = verify([io.BytesIO(file.getvalue()), io.BytesIO(file.getvalue()[:-1])])
    assert [found.records for found in report.files] == [3, 2]


def test_goes_on_after_damage_and_with_the_next_file(tmp_path, path):
    damaged = bytearray(path.read_bytes())
    damaged[12] ^= 1  # in the first record's data
    damaged[-1] ^= 1  # in the last record's checksum
    (tmp_path / "b.tfrecord").write_bytes(damaged)
    (tmp_path / "c.tfrecord").write_bytes(path.read_bytes())
    report = verify(tmp_path)
    assert not report.ok
    first, second, third = report.files
    assert [file.ok for file in report.files] == [True, False, True]
    assert (first.records, second.records, third.records) == (3, 1, 3)
    places = [(place.record, place.begin, place.end, place.kind) for place in second.damage]
    assert places == [(0, 0, 19, "data"), (2, 35, FRAMES, "data")]
    assert {place.path for place in second.damage} == {str(tmp_path / "b.tfrecord")}
    assert (second.regions, second.damaged_bytes) == (2, FRAMES - 16)


def test_every_byte_is_intact_or_reported_whatever_is_flipped(tmp_path, path):
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        (file,) = verify(path).files
        assert file.damage
        assert file.records == 2
        assert file.raw_bytes + sum(place.end - place.begin for place in file.damage) == len(data)


def test_every_byte_is_intact_or_reported_wherever_it_is_cut(path):
    data = path.read_bytes()
    whole = {0, 19, 35, len(data)}
    for size in range(len(data) + 1):
        (file,) = verify(io.BytesIO(data[:size])).files
        assert file.ok == (size in whole)
        assert file.raw_bytes + file.damaged_bytes == size


def test_compressed_stream_that_is_cut(tmp_path):
    path = tmp_path / "a.gz"
    tfr.write_records(path, RECORDS, compression="GZIP")
    raw = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(raw)[:-4])
    (file,) = verify(path).files
    assert file.records == 3
    assert [place.kind for place in file.damage] == ["truncated"]


def test_progress_reaches_the_size_of_the_file(path):
    seen = []
    verify(path, progress=lambda name, done: seen.append((name, done)))
    assert seen[-1] == (str(path), path.stat().st_size)


def test_wrong_calls(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        verify([])
    with pytest.raises(ValueError, match="workers=-1"):
        verify(path, workers=-1)
    with pytest.raises(ValueError, match="features are for examples=True"):
        verify(path, features={"a": tfr.FixedLenFeature([], np.int64)})
    with pytest.raises(ValueError, match="unknown compression"):
        verify(path, compression="gzip")


def test_row_38_what_cannot_be_read_is_in_the_report(tmp_path, path):
    os.symlink("nowhere", tmp_path / "b.tfrecord")
    report = verify([path, tmp_path / "b.tfrecord", path])
    assert not report.ok
    assert [type(file.error) for file in report.files] == [
        type(None),
        FileNotFoundError,
        type(None),
    ]
    assert [file.records for file in report.files] == [3, 0, 3]


def test_row_24_a_disk_that_fails_in_the_middle(path, monkeypatch):
    def fail(source, view):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(byte_source.ByteSource, "readinto", fail)
    (file,) = verify(path).files
    assert file.error.errno == 5
    assert not file.ok


def test_row_38_a_fifo(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    thread = threading.Thread(target=lambda: fifo.write_bytes(frames(THREE)))
    thread.start()
    assert verify(fifo, workers=2).files[0].records == 3
    thread.join()


# Large files, many files: the same, whoever does it.


def large_file(path: Path) -> tuple[list[bytes], list[int]]:
    rng = random.Random(4)
    records = [rng.randbytes(rng.choice([0, 100, 3000, 40_000])) for _ in range(400)]
    path.write_bytes(frames(records))
    bounds = [0]
    for record in records:
        bounds.append(bounds[-1] + 16 + len(record))
    return records, bounds


@pytest.fixture(params=["here", "threads", "processes"])
def spread(request, cores, monkeypatch) -> dict[str, int]:
    """Have files cut into parts of some KiB, and checked here, by threads or by processes."""
    monkeypatch.setattr(limits, "checked_part_bytes", 1 << 16)
    cores(3)
    if request.param == "threads":
        monkeypatch.setattr(limits, "checked_in_threads_bytes", 0)
    return {"workers": 2} if request.param == "processes" else {}


def test_parts_make_a_whole(tmp_path, spread):
    records, bounds = large_file(tmp_path / "a")
    seen = []
    report = verify(tmp_path / "a", progress=lambda *at: seen.append(at), **spread)
    (file,) = report.files
    assert (file.ok, file.records, file.raw_bytes) == (True, len(records), bounds[-1])
    assert seen[-1] == (str(tmp_path / "a"), bounds[-1])
    assert [at for _, at in seen] == sorted(at for _, at in seen)


def test_a_record_larger_than_parts(tmp_path, spread):
    rng = random.Random(6)
    records = [b"x", rng.randbytes(300_000), b"y", bytes(200_000)]
    data = frames(records)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(data[:-1])
    whole, cut = verify([tmp_path / "a", tmp_path / "b"], **spread).files
    assert (whole.ok, whole.records, whole.raw_bytes) == (True, 4, len(data))
    assert (cut.records, cut.damaged_bytes) == (3, 200_015)


def test_a_record_larger_than_readers_take(tmp_path):
    size = (1 << 30) + 1_000_000
    crc, zeros = 0, bytes(1 << 20)
    for begin in range(0, size, len(zeros)):
        crc = crc32c(zeros[: size - begin], crc)
    with open(tmp_path / "a", "wb") as file:
        file.write(header(size))
        file.seek(size, os.SEEK_CUR)
        file.write(mask_crc(crc).to_bytes(4, "little"))
    (report,) = verify(tmp_path / "a").files
    assert (report.ok, report.records, report.raw_bytes) == (True, 1, size + 16)


def test_damage_at_the_seams_of_parts(tmp_path, spread):
    records, bounds = large_file(tmp_path / "a")
    data = (tmp_path / "a").read_bytes()
    rng = random.Random(5)
    numbers = rng.sample(range(len(records)), 25)
    for number in numbers:
        at = bounds[number] + rng.choice([0, 3, 8, 11, 15 + len(records[number])])
        damaged = bytearray(data)
        damaged[at] ^= 1
        (tmp_path / f"{number}").write_bytes(damaged)
    # All at once: processes take a second to start.
    report = verify([tmp_path / f"{number}" for number in numbers], **spread)
    for number, file in zip(numbers, report.files, strict=True):
        assert file.records == len(records) - 1
        ((begin, end, record),) = [(d.begin, d.end, d.record) for d in file.damage]
        assert (begin, end, record) == (bounds[number], bounds[number + 1], number)


def test_row_13_records_that_hold_frames_in_parts(tmp_path, spread):
    """Where a part begins inside a record, it may find a record in there."""
    inner = frames([random.Random(1).randbytes(50) for _ in range(3000)])
    records = [inner, b"x", inner * 2, b"y" * 1000, inner]
    (tmp_path / "a").write_bytes(frames(records))
    (file,) = verify(tmp_path / "a", **spread).files
    assert (file.ok, file.records, file.raw_bytes) == (True, 5, len(frames(records)))


def test_a_record_that_is_larger_than_parts(tmp_path, spread):
    records = [b"x", bytes(1 << 18), b"y", random.Random(2).randbytes(1 << 18), b"z"]
    (tmp_path / "a").write_bytes(frames(records))
    (tmp_path / "b").write_bytes(frames([*records, bytes(1 << 18)]))
    report = verify([tmp_path / "a", tmp_path / "b"], **spread)
    assert [(file.ok, file.records) for file in report.files] == [(True, 5), (True, 6)]


def test_many_files_in_order(tmp_path, spread):
    for number in range(7):
        tfr.write_records(tmp_path / f"{number}.tfrecord", [b"x" * 1000] * (number * 30))
        tfr.write_records(tmp_path / f"{number}.gz", [b"x"] * number, compression="GZIP")
    (tmp_path / "3.tfrecord").write_bytes(frames(THREE)[:-1])
    (tmp_path / "4.tfrecord").unlink()
    os.symlink("nowhere", tmp_path / "4.tfrecord")
    report = verify(tmp_path / "*", **spread)
    expected = [1, 2, 5, 6]
    assert [file.path for file in report.files] == sorted(map(str, tmp_path.iterdir()))
    assert [file.records for file in report.files[::2]] == list(range(7))
    assert [report.files[2 * number + 1].records for number in expected] == [
        30 * number for number in expected
    ]
    assert report.files[7].regions == 1
    assert isinstance(report.files[9].error, FileNotFoundError)


def test_a_file_that_grows_or_goes_meanwhile(tmp_path, monkeypatch, spread):
    records, _ = large_file(tmp_path / "a")
    original = schedule_module.Schedule.run

    def run(schedule, checker, tasks):
        with (tmp_path / "a").open("ab") as file:
            file.write(frame(b"more"))
        yield from original(schedule, checker, tasks)

    monkeypatch.setattr(schedule_module.Schedule, "run", run)
    (file,) = verify(tmp_path / "a", **spread).files
    assert file.ok
    assert file.records > len(records)

    def remove(schedule, checker, tasks):
        (tmp_path / "a").unlink(missing_ok=True)
        yield from original(schedule, checker, tasks)

    monkeypatch.setattr(schedule_module.Schedule, "run", remove)
    (file,) = verify(tmp_path / "a", **spread).files
    assert isinstance(file.error, FileNotFoundError)


def test_how_the_work_is_spread(tmp_path, cores, monkeypatch):
    large_file(tmp_path / "a")
    size = (tmp_path / "a").stat().st_size
    monkeypatch.setattr(limits, "checked_part_bytes", 1 << 20)
    cores(3)

    def plan(workers=None, decode=False, compression="auto"):
        schedule = schedule_module.Schedule(
            [str(tmp_path / "a")], compression, workers, decode=decode
        )
        return schedule.processes, schedule.threads, len(schedule.tasks_of(str(tmp_path / "a")))

    assert plan() == (1, 1, 1)
    assert plan(workers=2) == (2, 1, 6)
    assert plan(workers=1) == (1, 1, 1)
    assert plan(workers=2, decode=True) == (1, 1, 1)
    assert plan(workers=2, compression="GZIP") == (1, 1, 1)
    assert plan(workers=2, compression=None) == (2, 1, 6)
    monkeypatch.setattr(limits, "checked_in_threads_bytes", size)
    assert plan() == (1, 3, 6)
    # Small records, or records to be decoded, keep the interpreter busy.
    monkeypatch.setattr(limits, "checked_in_processes_bytes", size)
    assert plan() == (3, 1, 6)
    monkeypatch.setattr(limits, "checked_large_record_bytes", 0)
    assert plan() == (1, 3, 6)
    assert plan(decode=True) == (1, 1, 1)


def test_sizes_at_which_the_work_begins_to_be_spread(tmp_path, cores, monkeypatch):
    """From the very size on; a file that is not there has none."""
    large_file(tmp_path / "a")
    size = (tmp_path / "a").stat().st_size
    files = [str(tmp_path / "a"), str(tmp_path / "none"), str(tmp_path)]
    cores(2)
    for name in ("checked_part_bytes", "checked_in_threads_bytes"):
        monkeypatch.setattr(limits, name, size)
    for least, expected in ((size, (1, 2, 2)), (size + 1, (1, 1, 1))):
        monkeypatch.setattr(limits, "checked_in_threads_bytes", least)
        schedule = schedule_module.Schedule(files, "auto", None, decode=False)
        found = schedule.processes, schedule.threads, len(schedule.tasks_of(files[0]))
        assert found == expected
    monkeypatch.setattr(limits, "checked_part_bytes", size + 1)
    schedule = schedule_module.Schedule(files, "auto", 2, decode=False)
    assert len(schedule.tasks_of(files[0])) == 1


# Memory.


@pytest.mark.parametrize("compression", [None, "GZIP"])
@pytest.mark.parametrize("fault", [None, "data", "length", "cut"])
def test_a_record_that_is_not_held(tmp_path, compression, fault):
    """Records above 4 MiB are checked a piece at a time."""
    rng = random.Random(3)
    hold = 1 << 22
    records = [b"x", rng.randbytes(5 * hold // 4), b"y", bytes(hold + 1), bytes(hold), b"z"]
    data = bytearray(frames(records))
    if fault == "data":
        data[17 + hold] ^= 1
    elif fault == "length":
        data[17] ^= 1
    elif fault == "cut":
        del data[hold + 3000 :]
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(data, 1) if compression else data)
    (file,) = verify(path).files
    assert file.raw_bytes + file.damaged_bytes == len(data)
    if fault is None:
        assert (file.ok, file.records) == (True, 6)
    elif fault == "cut":
        assert (file.records, file.damage[0].kind) == (1, "truncated")
    else:
        assert file.records == 5
        assert [(d.begin, d.end, d.record, d.kind) for d in file.damage] == [
            (17, 33 + len(records[1]), 1, fault)
        ]


def test_lost_bytes_in_a_record_that_is_not_held(tmp_path):
    """What follows has moved up into it, and is found in there."""
    size = 5 << 20
    records = [random.Random(n).randbytes(size) for n in range(3)]
    data = frames(records)
    (tmp_path / "a").write_bytes(data[: 2 * size - 5000] + data[2 * size - 4000 :])
    (file,) = verify(tmp_path / "a").files
    assert (file.records, file.regions, file.raw_bytes) == (2, 1, 2 * (size + 16))


@pytest.mark.parametrize(
    "kind", first(5, ["record", "hole", "regions", "hostile", "threads", "gzip_record"])
)
def test_memory_is_small_whatever_is_in_a_file(tmp_path: Path, kind: str) -> None:
    """It grows by a fraction of a file of 256 MiB, and by less than 5 KiB for each region."""
    path = tmp_path / "a"
    if kind == "record":
        with tfr.RecordWriter(path) as writer:
            writer.write(bytes(256 << 20))
    elif kind == "gzip_record":
        with tfr.RecordWriter(path, compression="GZIP", level=1) as writer:
            writer.write(bytes(256 << 20))
    elif kind == "hole":
        with path.open("wb") as file:
            file.truncate(256 << 20)
    elif kind == "regions":
        bad = bytearray(frame(b""))
        bad[12] ^= 1
        path.write_bytes(bytes(bad) * 3000)
    elif kind == "hostile":
        path.write_bytes(header(1 << 20) * (1 << 17))
    else:
        with tfr.RecordWriter(path) as writer:
            for _ in range(20):
                writer.write(bytes(10 << 20))
    (tmp_path / "small").write_bytes(frames(THREE))
    before = """
import sys
from tfrecord_lite.integrity import verify
path, small, records = sys.argv[1:]
assert verify(small).ok
"""
    program = "assert verify(path).files[0].records == int(records)"
    records = {"record": 1, "gzip_record": 1, "threads": 20}.get(kind, 0)
    grown = growth(before, program, path, tmp_path / "small", str(records))
    assert grown < {"regions": 16, "threads": 150}.get(kind, 50)


def test_lists_end_somewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "listed_faults", 5)
    bad = bytearray(frame(b"x"))
    bad[12] ^= 1
    (tmp_path / "a").write_bytes(bytes(bad) * 50)
    (file,) = verify(tmp_path / "a").files
    assert (len(file.damage), file.regions, file.damaged_bytes) == (5, 50, 50 * 17)


# Against a manifest.


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Write a set of three shards of ten records each."""
    name = tmp_path / "set" / "train"
    with ShardWriter(name, records_per_shard=10) as writer:
        writer.write_many([b"record %02d" % number for number in range(30)])
    return name


def faults(report) -> list[tuple[str, str]]:
    """Return which files have which kinds of faults."""
    return [
        (os.path.basename(fault.path), fault.kind) for file in report.files for fault in file.faults
    ]


def shard(name: Path, index: int, total: int = 3) -> Path:
    return name.with_name(f"{name.name}-{index:05d}-of-{total:05d}.tfrecord")


def every_way(name: Path) -> list[object]:
    """Name a set in every way that means all of it."""
    return [name, f"{name}@3", f"{name}.manifest.json", name.parent, f"{name}-*"]


def test_a_whole_set(shards):
    for paths in [*every_way(shards), [shard(shards, 0), shard(shards, 2)]]:
        report = verify(paths)
        assert report.ok, paths
        assert {file.records for file in report.files} == {10}
    assert [file.path for file in verify(shards).files] == [
        str(shard(shards, index)) for index in range(3)
    ]


def test_row_42_a_missing_shard(shards):
    shard(shards, 1).unlink()
    for paths in every_way(shards):
        report = verify(paths)
        assert not report.ok
        assert faults(report) == [("train-00001-of-00003.tfrecord", "missing")], paths
        assert [file.records for file in report.files] == [10, 10, 0]
        assert "train.manifest.json has it" in report.files[2].faults[0].reason
    # What is there is all that was asked for.
    assert verify(shard(shards, 0)).ok
    assert verify(shards.parent, manifest=None).ok


@pytest.mark.parametrize("harm", ["emptied", "cut", "garbage", "no shards", "no list of shards"])
@pytest.mark.parametrize("missing", [False, True])
def test_row_42_a_manifest_that_is_none_any_more(shards, harm, missing):
    """What is left of it names no shard, but its own name is that of the set."""
    path = shards.parent / "train.manifest.json"
    data = path.read_bytes()
    content = json.loads(data)
    none = {**content, "shards": [], "records": 0, "raw_bytes": 0}
    harms = {
        "emptied": b"",
        "cut": data[: len(data) // 2],
        "garbage": b"\xff" * 40,
        "no shards": json.dumps(none).encode(),
        "no list of shards": json.dumps({**content, "shards": None}).encode(),
    }
    path.write_bytes(harms[harm])
    if missing:
        shard(shards, 1).unlink()
    for paths in every_way(shards):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what names tell
            report = verify(paths)
        assert not report.ok
        assert ("train.manifest.json", "manifest") in faults(report), paths


@pytest.mark.parametrize("manifest", ["auto", None])
def test_a_manifest_that_is_none_and_has_no_shards(shards, manifest):
    Path(f"{shards}.manifest.json").write_bytes(b"{")
    for index in range(3):
        shard(shards, index).unlink()
    for paths in (shards, f"{shards}.manifest.json", f"{shards}@3"):
        report = verify(paths, manifest=manifest)
        assert not report.ok
        assert faults(report) == [("train.manifest.json", "manifest")], paths


def test_row_42_shards_that_only_names_tell_of(shards):
    (shards.parent / "train.manifest.json").write_text('{"of": "somebody else"}')
    assert verify(shards.parent).ok
    shard(shards, 1).unlink()
    with pytest.warns(UserWarning, match="1 of 3 shards are missing.*-00001-of-00003"):
        assert verify(shards.parent).ok


def test_an_extra_shard(shards):
    shutil.copy(shard(shards, 0), shard(shards, 7, 9))
    for paths in every_way(shards):
        report = verify(paths)
        assert faults(report) == [("train-00007-of-00009.tfrecord", "extra")], paths
    # In the folder it was looked into as well.
    assert verify(shards.parent).files[-1].records == 10
    other = shards.parent / "train2"
    with ShardWriter(other, records_per_shard=10) as writer:
        writer.write_many([b"x"] * 30)
    shard(shards, 7, 9).unlink()
    assert verify(shards.parent).ok


def test_an_extra_shard_of_a_pattern(tmp_path):
    for pattern in ("part_{index:03d}.tfrecord", "x{index}.of.{total}.tfr"):
        folder = tmp_path / pattern[:4]
        with ShardWriter(folder / pattern, records_per_shard=1) as writer:
            writer.write_many([b"x"] * 3)
        (folder / "unlike.tfrecord").write_bytes(b"")
        assert verify(folder).ok
        (folder / pattern.format(index=7, total=3)).write_bytes(b"")
        assert [kind for _, kind in faults(verify(folder))] == ["extra"]


@pytest.mark.parametrize("names", [[], ["a"], ["a1b1", "a2b2"], ["a", "b"], ["a1", "b"]])
def test_names_that_tell_nothing_of_others(tmp_path, names):
    assert _shard_pattern("set", names) is None


def test_a_shard_of_another_size(shards):
    with shard(shards, 1).open("ab") as file:
        file.write(frame(b"one more"))
    report = verify(shards)
    assert faults(report) == [
        ("train-00001-of-00003.tfrecord", "size"),
        ("train-00001-of-00003.tfrecord", "records"),
    ]
    reasons = [fault.reason for fault in report.files[1].faults]
    assert reasons[0].startswith("it has 274 bytes, ")
    assert reasons[0].endswith("says 250")
    assert "11 records" in reasons[1]


@pytest.mark.parametrize("workers", [None, 2])
def test_row_12_whole_records_moved_are_seen_by_the_checksum(shards, workers):
    for index in (0, 2):
        path = shard(shards, index)
        data = path.read_bytes()
        path.write_bytes(data[25:50] + data[:25] + data[50:])
    report = verify(shards, workers=workers)
    assert faults(report) == [
        ("train-00000-of-00003.tfrecord", "checksum"),
        ("train-00002-of-00003.tfrecord", "checksum"),
    ]
    assert [file.records for file in report.files] == [10, 10, 10]


def test_damage_and_manifest_together(shards):
    path = shard(shards, 1)
    data = bytearray(path.read_bytes())
    data[27] ^= 1
    path.write_bytes(data)
    report = verify(shards)
    assert (report.files[1].regions, report.files[1].records) == (1, 9)
    assert faults(report) == [("train-00001-of-00003.tfrecord", "records")]


def test_a_manifest_that_is_none(shards):
    manifest = Path(f"{shards}.manifest.json")
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": []'))
    for paths in every_way(shards):
        report = verify(paths)
        assert faults(report) == [("train.manifest.json", "manifest")], paths
        assert [file.records for file in report.files] == [10, 10, 10, 0]
    # Of others' manifests nothing is said.
    manifest.write_text('{"name": "some web application"}')
    assert verify(shards.parent).ok


def test_a_damaged_manifest_beside_another_set(shards):
    """What other manifests there say is compared all the same."""
    shard(shards, 1).unlink()
    other = shards.with_name("a")
    with ShardWriter(other, num_shards=1) as writer:
        writer.write_many(THREE)
    manifest = Path(f"{other}.manifest.json")
    good = manifest.read_text()
    missing = (shard(shards, 1).name, "missing")
    for harm in (good.replace('"records": 3', '"records": 4', 1), good[:40]):
        manifest.write_text(harm)
        assert set(faults(verify(shards.parent))) == {missing, ("a.manifest.json", "manifest")}
    # So where it names what has the name of a shard of the set.
    extra = shard(shards, 7, 9)
    manifest.write_text(good.replace(shard(other, 0, 1).name, extra.name).replace("3", "4", 1))
    tfr.write_records(extra, THREE)
    found = faults(verify(shards))
    assert {missing, ("a.manifest.json", "manifest"), (extra.name, "extra")} == set(found)


def test_a_manifest_that_cannot_be_read(shards, monkeypatch):
    path = f"{shards}.manifest.json"
    original = manifest_module.open_file

    def refusing(name):
        if os.path.basename(name) == os.path.basename(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return original(name)

    monkeypatch.setattr(manifest_module, "open_file", refusing)
    for paths in every_way(shards):
        report = verify(paths)
        assert not report.ok
        assert [file.records for file in report.files] == [10, 10, 10, 0], paths
        assert isinstance(report.files[3].error, PermissionError)
        assert os.path.samefile(report.files[3].path, path)
        # What it says of features and numbers would be lost.
        with pytest.raises(PermissionError):
            tfr.salvage(paths, shards.with_name("new"))
    # One file is rescued, whatever may be said of it.
    with pytest.warns(UserWarning, match=r"Permission denied.*how many records"):
        report = tfr.salvage(shard(shards, 0), shards.with_name("one"))
    assert (report.ok, report.files[0].records, report.expected) == (True, 10, None)


def test_a_manifest_that_is_given(shards, tmp_path):
    moved = tmp_path / "elsewhere.manifest.json"
    manifest = Manifest.load(f"{shards}.manifest.json")
    shard(shards, 2).unlink()
    for given in (manifest, manifest.path, Path(manifest.path)):
        report = verify(shard(shards, 0), manifest=given)
        assert faults(report) == [("train-00002-of-00003.tfrecord", "missing")]
    with pytest.raises(FileNotFoundError):
        verify(shards.parent, manifest=moved)
    moved.write_text("{}")
    with pytest.raises(TFRecordError):
        verify(shards.parent, manifest=moved)


def test_a_copy_of_the_manifest_is_kept_elsewhere(shards, tmp_path):
    """As docs/verify-and-rescue.md says to."""
    copy = tmp_path / "elsewhere" / "train.manifest.json"
    copy.parent.mkdir()
    copy.write_bytes(Path(f"{shards}.manifest.json").read_bytes())
    every = [shards, shards.parent, shard(shards, 1), f"{shards}-*.tfrecord"]
    for paths in every:
        assert verify(paths, manifest=copy).ok, paths
    # All is written again, the manifest beside the shards too.
    with tfr.ShardWriter(shards, num_shards=3, overwrite=True) as writer:
        writer.write_many([b"another"] * 30)
    for paths in every:
        report = verify(paths, manifest=copy)
        assert "train-00001-of-00003.tfrecord" in dict(faults(report)), paths
    shard(shards, 2).unlink()
    report = verify(f"{shards}-*.tfrecord", manifest=copy)
    assert ("train-00002-of-00003.tfrecord", "missing") in faults(report)


def test_a_manifest_of_other_files(shards, tmp_path):
    tfr.write_records(tmp_path / "other", [b"one"])
    report = verify(tmp_path / "other", manifest=f"{shards}.manifest.json")
    assert faults(report) == [("train.manifest.json", "manifest")]
    assert "none of the files" in report.files[-1].faults[0].reason


@pytest.mark.parametrize("given", ["none", "its own", "a copy"])
def test_a_set_is_named_in_every_way_beside_a_manifest(shards, tmp_path, given):
    """Which files are meant does not depend on what they are compared with."""
    manifest = None
    if given != "none":
        manifest = Path(f"{shards}.manifest.json")
    if given == "a copy":
        manifest = Manifest.load(manifest)
    for paths in [*every_way(shards), [shards]]:
        report = verify(paths, manifest=manifest)
        assert report.ok, paths
        assert [file.records for file in report.files] == [10, 10, 10], paths
    with pytest.raises(FileNotFoundError, match="3 shards, not 4"):
        verify(f"{shards}@4", manifest=manifest)
    shard(shards, 1).unlink()
    for paths in (shards, f"{shards}@3", f"{shards}.manifest.json"):
        report = verify(paths, manifest=manifest)
        assert faults(report) == [("train-00001-of-00003.tfrecord", "missing")], paths
        assert [file.records for file in report.files] == [10, 10, 0]


def test_a_suffix_that_the_shards_do_not_have(shards):
    for manifest in ("auto", None):
        with pytest.raises(FileNotFoundError, match=r"do not end in '\.gz'"):
            verify(f"{shards}@3.gz", manifest=manifest)
        assert verify(f"{shards}@3.tfrecord", manifest=manifest).ok


def test_a_set_of_another_count(shards):
    with pytest.raises(FileNotFoundError, match="this set has 3 shards, not 4"):
        verify(f"{shards}@4")


def test_a_set_whose_shards_are_all_gone(shards):
    for index in range(3):
        shard(shards, index).unlink()
    report = verify(shards)
    assert [kind for _, kind in faults(report)] == ["missing"] * 3
    assert not report.ok


def test_a_shard_that_cannot_be_read(shards, monkeypatch):
    shard(shards, 0).unlink()
    os.symlink("nowhere", shard(shards, 0))
    report = verify(shards)
    assert isinstance(report.files[0].error, FileNotFoundError)
    assert faults(report) == []


def test_a_shard_that_goes_before_its_checksum(shards, monkeypatch):
    original = check_module.checksum_of

    def gone(path):
        os.unlink(path)
        return original(path)

    monkeypatch.setattr(check_module, "checksum_of", gone)
    report = verify(shards)
    assert [type(file.error) for file in report.files] == [FileNotFoundError] * 3


# What writers left behind.


def test_row_27_leftovers_are_named(shards, tmp_path):
    folder = shards.parent
    names = [
        ".train.0123abcd.tfrecord-partial",
        ".other.tfrecord.0123abcd.tfrecord-partial",
        ".train.0123abcd.part-00003.tfrecord-partial",
    ]
    for name in names:
        (folder / name).mkdir()
    file = folder / ".train-00000-of-00003.tfrecord.89abcdef.tfrecord-partial"
    file.write_bytes(frames(THREE)[:-1])
    everything = sorted([*(str(folder / name) for name in names), str(file)])

    for paths in (folder, folder / "*.tfrecord", f"{shards}@3"):
        report = verify(paths)
        assert report.ok
        expected = everything
        if paths == f"{shards}@3":
            expected = sorted([str(folder / names[0]), str(folder / names[2])])
        assert report.leftovers == expected
    assert verify(shard(shards, 0)).leftovers == [str(file)]
    assert verify(shard(shards, 1)).leftovers == []
    # By its name, it is a file as any other.
    report = verify(file)
    assert (report.files[0].records, report.leftovers) == (2, [])
    left = folder / names[0]
    (left / "lock").touch()
    with pytest.raises(FileNotFoundError, match="no records were left in this folder"):
        verify(left)
    odd = tmp_path / ".a\x1b[31m.0123abcd.tfrecord-partial"
    odd.mkdir()
    with pytest.raises(FileNotFoundError, match="no records were left in this folder") as caught:
        verify(odd)
    assert str(caught.value).isprintable()
    (left / "00000.tfrecord-partial").write_bytes(frames(THREE))
    (left / "00001.tfrecord-partial").write_bytes(frames(THREE)[:-1])
    assert [file.records for file in verify(left).files] == [3, 2]


def test_row_27_a_killed_writer_is_named(tmp_path):
    program = """
import os, sys, signal
from tfrecord_lite import RecordWriter
from tfrecord_lite.dataset.shard_writer import ShardWriter
record = RecordWriter(sys.argv[1] + "/a.tfrecord")
record.write(b"x" * 10)
record.flush()
shards = ShardWriter(sys.argv[1] + "/train", records_per_shard=2)
shards.write_many([b"x"] * 5)
os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "whole.tfrecord").write_bytes(frames(THREE))
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    report = verify(tmp_path)
    assert report.ok
    assert [Path(path).name.split(".")[1] for path in report.leftovers] == ["a", "train"]


@pytest.mark.parametrize("name", ["s", "part-{index:03d}.tfrecord"])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_list_of_shards_costs_each_folder_and_manifest_once(tmp_path, monkeypatch, name, shards):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        with tfr.ShardWriter(tmp_path / folder / name, num_shards=shards) as writer:
            writer.write_many([b"one", b"two", b"three"])
    files = sorted(map(str, tmp_path.glob("*/*")))
    files = [file for file in files if not file.endswith(".json")]
    calls = []

    def counting(function):
        return lambda path, *rest: calls.append(str(path)) or function(path, *rest)

    for call in ("listdir", "scandir"):
        monkeypatch.setattr(os, call, counting(getattr(os, call)))
    monkeypatch.setattr(tfr.Manifest, "load", counting(tfr.Manifest.load))
    report = tfr.verify(files)
    assert report.ok
    assert [file.records for file in report.files] == [3 if shards == 1 else 1] * 2 * shards
    # To find manifests, and leftovers.
    assert len(calls) == 2 * 3
    calls.clear()
    assert tfr.expand_shards([file[:-1] + "*" for file in files]) == files
    # To find journals and manifests, and shards that are missing.
    assert len(calls) <= 2 * 4


def test_a_shard_more_than_the_only_one(tmp_path):
    with tfr.ShardWriter(tmp_path / "s", num_shards=1) as writer:
        writer.write(b"one")
    tfr.write_records(tmp_path / "s-00001-of-00002.tfrecord", [b"two"])
    faults = [fault for file in tfr.verify(tmp_path / "s").files for fault in file.faults]
    assert [(os.path.basename(fault.path), fault.kind) for fault in faults] == [
        ("s-00001-of-00002.tfrecord", "extra")
    ]


def test_a_long_damaged_length_is_told_as_by_readers(tmp_path):
    """Its checksum is zero; it was advised to read the file without checksums."""
    data = frames([b"a" * 50, b"b", b"c"])
    damaged = data[:66] + b"\x01\x02\x03\x04\x05\x06" + bytes(6) + data[78:]
    (tmp_path / "a").write_bytes(damaged)
    told = []
    list(tfr.read_records(tmp_path / "a", on_damage=told.append))
    assert verify(tmp_path / "a").files[0].damage == told
    assert "verify='none'" not in told[0].reason


@pytest.mark.parametrize("examples", [False, True])
def test_what_a_manifest_says_of_compression_and_features_is_compared_too(tmp_path, examples):
    with ShardWriter(tmp_path / "t", num_shards=3, features={"a": int}) as writer:
        writer.write_examples({"a": [1, 2]})
    path = tmp_path / "t.manifest.json"
    said = json.loads(path.read_text())
    wrong = {
        "compression": ("GZIP", [("compression", "is none, .*t.manifest.json says GZIP")] * 2),
        "features": ({"a": 1}, [("manifest", "its features: .*'a'")]),
    }
    for key, (value, faults) in wrong.items():
        path.write_text(json.dumps({**said, key: value}))
        for paths in (tmp_path / "t", tmp_path, str(tmp_path / "t-*")):
            report = verify(paths, examples=examples)
            assert not report.ok
            found = [fault for file in report.files for fault in file.faults]
            assert [fault.kind for fault in found] == [kind for kind, _ in faults]
            for fault, (_, reason) in zip(found, faults, strict=True):
                assert re.search(reason, fault.reason)
    path.write_text(json.dumps(said))
    assert verify(tmp_path / "t", examples=examples).ok
