"""RecordSet: many files under one numbering, read by number, from the front, and by splits."""

from __future__ import annotations

import gc
import io
import mmap
import os
import pickle
import re
import socket
import tarfile
import threading

import numpy as np
import pytest
from dataset.sets import COUNTS, INDEXED, RECORDS
from frames import frame, frames
from hypothesis import given, settings
from hypothesis import strategies as st

import tfrecord_lite as tfr
from tfrecord_lite import RecordFile, RecordIndex, RecordSet, ShardWriter, jobs, write_records
from tfrecord_lite.errors import CorruptRecordError, TFRecordError, TruncatedRecordError

RANDOM = np.random.default_rng(0)


@pytest.fixture(params=INDEXED)
def records(request, sets):
    with RecordSet(sets[request.param]) as found:
        yield found


def test_by_number(records):
    assert len(records) == len(RECORDS) == sum(COUNTS)
    assert [records[number] for number in range(100)] == RECORDS
    assert [records[-1], records[-100], records[np.int64(43)]] == [
        RECORDS[-1],
        RECORDS[0],
        RECORDS[43],
    ]
    for which in (slice(None), slice(10, 70, 7), slice(None, None, -1), slice(5, 5)):
        assert records[which] == RECORDS[which]
    for numbers in ([], [99, 0, 43, 43, -1], RANDOM.permutation(100)):
        assert records[numbers] == [RECORDS[number] for number in numbers]
        block = records.read_block(numbers)
        assert list(block) == [RECORDS[number] for number in numbers]


@pytest.mark.parametrize("number", [100, -101])
def test_a_number_of_no_record(records, number):
    for ask in (records.__getitem__, lambda n: records[[0, n]], lambda n: records.read_block([n])):
        with pytest.raises(IndexError, match=f"no record {number}, there are 100"):
            ask(number)
    with pytest.raises(TypeError, match="integers, not float64"):
        records[[1.5]]


def test_a_block_knows_the_place_of_each(records):
    numbers = RANDOM.permutation(100)
    block = records.read_block(numbers)
    bases = np.cumsum([0, *COUNTS])
    for part in (block, block[30:60]):
        first = 0 if part is block else 30
        for row in range(len(part)):
            number = int(numbers[first + row])
            file = int(np.searchsorted(bases, number, "right")) - 1
            assert part.path_of(row) == records.files[file]
            assert part.number(row) == number - bases[file]
            with RecordFile(records.files[file]) as alone:
                assert part.offset(row) == alone.read_block([part.number(row)]).offset(0)


def test_errors_name_file_and_record(tmp_path):
    for name in "ab":
        write_records(tmp_path / name, [tfr.encode_example({"i": 1})] * 3)
    write_records(tmp_path / "c", [b"no example"])
    with RecordSet([tmp_path / name for name in "abc"]) as records:
        block = records.read_block([1, 6, 0])
    with pytest.raises(tfr.ExampleError) as caught:
        tfr.parse_example(block, {"i": tfr.FixedLenFeature([], np.int64)})
    assert (caught.value.path, caught.value.record) == (str(tmp_path / "c"), 0)


def test_from_the_front(sets):
    for paths in sets.values():
        records = RecordSet(paths)
        assert list(records) == RECORDS
        assert [record for block in records.blocks() for record in block] == RECORDS
        assert len(records) == 100


def test_the_manifest_tells_counts(tmp_path, monkeypatch):
    """No shard is read when a set is opened, and one alone for one record."""
    name = tmp_path / "train"
    with ShardWriter(name, records_per_shard=10) as writer:
        writer.write_many(RECORDS)
    opened = []
    load = RecordIndex.load
    monkeypatch.setattr(
        RecordIndex, "load", lambda file, **_: opened.append(file.path) or load(file)
    )
    records = RecordSet(name)
    assert (len(records), opened) == (100, [])
    assert records.manifest.records == 100
    assert records[55] == RECORDS[55]
    assert opened == [records.files[5]]
    assert records[51] == RECORDS[51]
    assert len(opened) == 1
    records.close()


def test_another_file_than_the_manifest_says(tmp_path):
    name = tmp_path / "train"
    with ShardWriter(name, num_shards=2) as writer:
        writer.write_many([b"abcd" * 5] * 4)
    records = RecordSet(name)
    size = os.path.getsize(records.files[1])
    write_records(records.files[1], [b"x" * (size - 16)])
    for ask in (lambda: records[3], lambda: RecordSet(name)[2]):
        with pytest.raises(TFRecordError, match="1 records, but .*manifest.json says 2"):
            ask()
    records.close()


def test_damage_raises_by_number_and_is_told_from_the_front(tmp_path):
    path = tmp_path / "a"
    write_records(path, RECORDS)
    with open(path, "r+b") as file:
        file.seek(20)
        file.write(b"\xff")
    found = []
    with RecordSet(path, on_damage=found.append) as records:
        assert list(records) == RECORDS[1:]
        assert [damage.record for damage in found] == [0]
        assert records[1] == RECORDS[1]
        with pytest.raises(CorruptRecordError, match="record 0"):
            records[0]
    with RecordSet(path, verify=False) as records:
        assert len(records[0]) == len(RECORDS[0])


def test_options_of_the_set(tmp_path):
    write_records(tmp_path / "a", [b"x" * 100, b"y"])
    with RecordSet(tmp_path / "a", max_record_bytes=50) as records:
        for read in (lambda: records[0], lambda: list(records), lambda: list(records.splits()[0])):
            with pytest.raises(tfr.RecordTooLargeError):
                read()
        assert records[1] == b"y"
        with pytest.raises(ValueError, match="verify: a RecordSet is read with its own options"):
            tfr.read_records(records, verify=False)
        assert tfr.read_records(records) is not None
    with pytest.raises(ValueError, match="on_damage=3"):
        RecordSet(tmp_path / "a", on_damage=3)
    with pytest.raises(ValueError, match="LZ4"):
        RecordSet(tmp_path / "a", compression="LZ4")


@pytest.mark.parametrize("most", [None, "1", 1.5, -1, True])
def test_what_is_no_max_record_bytes(tmp_path, most):
    write_records(tmp_path / "a", [b"x"])
    error, told = (ValueError, "at least 0") if most == -1 else (TypeError, "must be an integer")
    for read in (tfr.RecordReader, RecordFile, RecordSet, tfr.read_records, tfr.read_batches):
        with pytest.raises(error, match=rf"^max_record_bytes={most!r}.*{told}"):
            read(tmp_path / "a", max_record_bytes=most)
    for size in (np.int64(1), 2**70):
        assert list(tfr.read_records(tmp_path / "a", max_record_bytes=size)) == [b"x"]


def test_few_files_stay_open(sets, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.thresholds.limits.open_files", 2)
    # What other tests left open would be closed at any moment.
    gc.collect()
    with RecordSet(sets["plain"]) as records:
        before = len(os.listdir("/proc/self/fd"))
        for number in (0, 3, 43, 99, 1, 60):
            assert records[number] == RECORDS[number]
            assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert len(os.listdir("/proc/self/fd")) == before


def test_pickled(records):
    numbers = [99, 1, 45]
    assert records[numbers] == [RECORDS[number] for number in numbers]
    again = pickle.loads(pickle.dumps(records))
    assert again[numbers] == records[numbers]
    again.close()
    with pytest.raises(TypeError, match="open files cannot be pickled; give it paths"):
        pickle.dumps(RecordSet(io.BytesIO()))
    with open(__file__, "rb") as file, pytest.raises(TypeError, match="of open files cannot be"):
        pickle.dumps(RecordSet(file))


def test_threads_share_one(sets, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.thresholds.limits.open_files", 1)
    records = RecordSet(sets["plain"])
    wrong = []

    def read(seed):
        for number in np.random.default_rng(seed).integers(0, 100, 300).tolist():
            if records[number] != RECORDS[number]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    records.close()


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="there is one position for all")
@pytest.mark.parametrize("compression", [None, "GZIP"])
@pytest.mark.parametrize("one_file", [False, True])
def test_closed_by_another_thread_while_it_is_read(tmp_path, monkeypatch, compression, one_file):
    """The system gives a descriptor that is closed to the next file that is opened."""
    path, other = tmp_path / "a", tmp_path / "b"
    mine = [b"mine %d" % number for number in range(30)]
    write_records(path, mine, compression=compression)
    write_records(other, [b"your %d" % number for number in range(30)], compression=compression)
    made = RecordFile(path, verify="none") if one_file else RecordSet(path, verify="none")
    opened = []

    def while_another_closes(read):
        def replacement(*args):
            made.close()
            opened.append(open(other, "rb"))  # noqa: SIM115 - closed below
            return read(*args)

        return replacement

    asked = [3, 29, 0]
    assert len(made) == 30
    for ask in (made.__getitem__, lambda number: made[[number, 0]][0], lambda n: made[n:][0]):
        for name in ("pread", "preadv"):
            with monkeypatch.context() as patched:
                patched.setattr(os, name, while_another_closes(getattr(os, name)))
                for number in asked:
                    try:
                        assert ask(number) == mine[number]
                    except ValueError as error:
                        assert one_file
                        assert "closed file" in str(error)
    assert opened or compression
    for file in opened:
        file.close()


@pytest.mark.timeout(60)
def test_files_that_are_let_go_while_others_are_opened(sets, monkeypatch):
    """As it is where two threads have epochs of one dataset: reading on went into an endless loop.

    What another thread does while a file is closed is done here in the middle of closing it.
    """
    meanwhile = []

    class File(io.FileIO):
        def close(self):
            super().close()
            if meanwhile:
                number = meanwhile.pop()
                assert records[number] == RECORDS[number]

    monkeypatch.setattr(io, "FileIO", File)
    monkeypatch.setattr("tfrecord_lite.thresholds.limits.open_files", 2)
    records = RecordSet(sets["plain"])
    assert [records[number] for number in (0, 5)] == [RECORDS[number] for number in (0, 5)]
    meanwhile += [50, 60]
    records.close()
    assert not meanwhile
    for number in (0, 50, 5, 99):
        assert records[number] == RECORDS[number]


@pytest.mark.parametrize("compression", [None, "GZIP"])
@pytest.mark.parametrize("form", ["memory", "buffered", "unbuffered"])
@pytest.mark.parametrize("width", [1008, 1001])
@pytest.mark.parametrize(
    "use",
    [list, len, lambda records: records[10], lambda records: records.splits(), lambda records: 0],
    ids=["another pass", "len", "by number", "splits", "its owner moves it"],
)
def test_an_open_file_is_used_while_it_is_read(tmp_path, compression, form, width, use):
    """Each use has a place of its own in the file, and all records come once."""
    written = [b"%04d" % number * (width // 4) for number in range(2500)]
    write_records(tmp_path / "a", written, compression=compression)
    with open(tmp_path / "a", "rb", buffering=0 if form == "unbuffered" else -1) as file:
        opened = io.BytesIO(file.read()) if form == "memory" else file
        opened.seek(0)
        records = RecordSet(opened, verify="none" if use is len else True)
        reading = iter(records)
        found = [next(reading)]
        use(records)
        opened.seek(3)
        assert found + list(reading) == written


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_open_files(tmp_path, compression):
    write_records(tmp_path / "a", RECORDS, compression=compression)
    data = (tmp_path / "a").read_bytes()
    with open(tmp_path / "a", "rb") as file:
        for given in (io.BytesIO(data), file, [file, io.BytesIO(data)]):
            file.seek(0)
            records = RecordSet(given)
            count = 2 if isinstance(given, list) else 1
            assert list(records) == list(records) == RECORDS * count
            assert (len(records), records[43], records[-1]) == (
                100 * count,
                RECORDS[43],
                RECORDS[-1],
            )
            assert [record for split in records.splits() for record in split] == RECORDS * count
            records.close()
    with open(tmp_path / "a", "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        assert list(RecordSet(mapped)) == RECORDS
        mapped.close()
    beyond = io.BytesIO(b"junk" + data)
    beyond.seek(4)
    assert RecordSet(beyond)[43] == RECORDS[43]
    assert RecordFile(io.BytesIO(data))[[99, 0]] == [RECORDS[99], RECORDS[0]]


class Pipe(io.RawIOBase):
    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


def test_what_does_not_seek_has_a_front_alone(tmp_path):
    write_records(tmp_path / "a", RECORDS)
    data = (tmp_path / "a").read_bytes()
    records = RecordSet(Pipe(data))
    assert list(records) == RECORDS
    with pytest.raises(io.UnsupportedOperation, match="read once, and it was read before"):
        list(records)
    with pytest.raises(TypeError, match="pass the path of a file"):
        RecordSet(Pipe(data))[0]
    with pytest.raises(TypeError, match="pass the path of a file"):
        RecordFile(Pipe(data))


def test_a_member_of_a_tar_stream_has_a_front_alone(tmp_path):
    """Such a file has a `seekable`, which fails."""
    write_records(tmp_path / "a", RECORDS)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(tmp_path / "a", "a")

    def member():
        front = io.BytesIO(packed.getvalue())
        archive = tarfile.open(fileobj=front, mode="r|")  # noqa: SIM115 - as long as its member
        return archive.extractfile(archive.next())

    assert list(RecordSet(member())) == RECORDS
    for ask in (lambda: RecordSet(member())[0], lambda: RecordFile(member())):
        with pytest.raises(TypeError, match="pass the path of a file"):
            ask()


# Splits.


def read_splits(records, *args, **options):
    splits = pickle.loads(pickle.dumps(records.splits(*args, **options)))
    found = [record for split in splits for record in split]
    assert found == [record for split in splits for block in split.blocks() for record in block]
    assert sum(split.size_bytes for split in splits) == sum(map(os.path.getsize, records.files))
    return found, splits


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50, 1000])
def test_splits_hold_each_record_once(sets, count):
    for paths in sets.values():
        found, splits = read_splits(RecordSet(paths), count)
        assert found == RECORDS
        assert 1 <= len(splits) <= count


def test_splits_cut_inside_files(tmp_path):
    for kind, options in {"plain": {}, "gz": {"compression": "GZIP", "block_bytes": 500}}.items():
        write_records(tmp_path / kind, RECORDS, **options)
        for indexed in (False, True):
            if indexed:
                RecordIndex.build(tmp_path / kind).save()
            records = RecordSet(tmp_path / kind)
            found, splits = read_splits(records, 5)
            assert (found, len(splits)) == (RECORDS, 5)
            found, splits = read_splits(records, bytes_per_split=1000)
            assert found == RECORDS
            assert len(splits) > 5
    assert len(RecordSet(tmp_path / "plain").splits()) == 1
    for wrong in ({"count": 0}, {"bytes_per_split": 0}, {"count": 1, "bytes_per_split": 1}):
        with pytest.raises(ValueError, match="count|bytes_per_split"):
            records.splits(**wrong)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("kind", ["plain", "gz"])
def test_a_file_that_was_cut_between_records_since_its_splits_were_made(tmp_path, kind, indexed):
    """No record tells of it; what was there when the splits were made is not left out."""
    path = tmp_path / kind
    options = {"compression": "GZIP", "block_bytes": 500} if kind == "gz" else {}
    write_records(path, RECORDS, **options)
    index = RecordIndex.build(path)
    if indexed:
        index.save()
    splits, found = RecordSet(path).splits(4), []
    tolerant = RecordSet(path, on_damage=found.append).splits(4)
    data = path.read_bytes()
    bounds = index.bounds if index.members is None else index.members.offsets
    for end in [0, *bounds[1:-1:7], bounds[-2]]:
        path.write_bytes(data[:end])
        errors = 0
        for split in splits:
            try:
                list(split)
            except (CorruptRecordError, TruncatedRecordError) as error:
                assert error.path == str(path)
                errors += 1
        assert errors
    # The last but one record, or member, ends the file.
    with pytest.raises(TruncatedRecordError, match=f"ends at byte {end}, and .* at {len(data)}:"):
        list(splits[-1])
    got = [record for split in tolerant for record in split]
    assert got == RECORDS[: len(got)]
    ((begin, stop, record, damage),) = [damage[1:5] for damage in found]
    assert (begin, stop, record, damage) == (len(frames(got)), begin, len(got), "truncated") or (
        # In a plain file that has no index nobody knows the number.
        (kind, indexed) == ("plain", False)
    )


@pytest.mark.parametrize("kind", ["plain", "gz"])
def test_a_file_that_was_cut_inside_a_record_since_is_told_of_once_a_split(tmp_path, kind):
    path, found = tmp_path / kind, []
    options = {"compression": "GZIP", "block_bytes": 500} if kind == "gz" else {}
    write_records(path, RECORDS, **options)
    index = RecordIndex.build(path)
    index.save()
    first, last = RecordSet(path, on_damage=found.append).splits(2)
    bounds = index.bounds if index.members is None else index.members.offsets
    os.truncate(path, int(bounds[-2]) + 5)
    got = [*first, *last]
    assert got == RECORDS[: len(got)]
    (damage,) = found
    assert (damage.kind, damage.record) == ("truncated", len(got))
    assert "since" not in damage.reason


def test_a_file_that_ends_before_its_last_split_begins(tmp_path):
    """The error says where the file ends, and not where the split would begin."""
    path = tmp_path / "a"
    write_records(path, RECORDS)
    end = int(RecordIndex.build(path).bounds[1])
    reports = []

    def refuse(damage):
        reports.append(damage)
        raise KeyError(damage.reason)

    splits = RecordSet(path).splits(2)[1], RecordSet(path, on_damage=refuse).splits(2)[1]
    os.truncate(path, end)
    with pytest.raises(TruncatedRecordError, match=f"the file ends at byte {end}, and this split"):
        list(splits[0])
    records = iter(splits[1])
    with pytest.raises(KeyError, match=f"the file ends at byte {end}, and this split"):
        next(records)
    # It was reported.
    assert list(records) == []
    assert len(reports) == 1


class _Readable:
    """All that reading asks of a file object."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def read(self, size=-1):
        return self._file.read(size)


@pytest.mark.parametrize("args", [(), (3,)])
def test_an_open_file_that_can_be_read_and_nothing_else_is_one_split(args):
    data = frames(RECORDS)
    assert list(RecordSet(_Readable(data))) == RECORDS
    (split,) = RecordSet(_Readable(data)).splits(*args)
    assert list(split) == RECORDS


@pytest.mark.parametrize("name", ["count", "bytes_per_split"])
def test_what_is_no_number_of_splits(tmp_path, name):
    write_records(tmp_path / "a", [b"x"])
    for number in ("2", 1.5, True):
        with pytest.raises(TypeError, match=f"^{name}={number!r} must be an integer"):
            RecordSet(tmp_path / "a").splits(**{name: number})


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 500}])
def test_places_in_a_split(tmp_path, options):
    """Offsets are those in the file; so are numbers, where they are known."""
    write_records(tmp_path / "a", RECORDS, **options)
    index = RecordIndex.build(tmp_path / "a")
    index.save()
    ends = np.cumsum([0, *(len(record) + 16 for record in RECORDS)])
    number = 0
    for split in RecordSet(tmp_path / "a").splits(5):
        for block in split.blocks():
            assert block.path == str(tmp_path / "a")
            for row in range(len(block)):
                assert (block.number(row), block.offset(row)) == (number, ends[number])
                number += 1
    assert number == 100


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 500}])
def test_damage_is_in_one_split(tmp_path, options):
    write_records(tmp_path / "a", RECORDS, **options)
    index = RecordIndex.build(tmp_path / "a")
    index.save()
    size = os.path.getsize(tmp_path / "a")
    expected, found = [], []
    for at in range(0, size, 61):
        data = (tmp_path / "a").read_bytes()
        (tmp_path / "b").write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        expected.clear()
        found.clear()
        whole = list(RecordSet(tmp_path / "b", on_damage=expected.append))
        records = RecordSet(tmp_path / "b", on_damage=found.append)
        assert [record for split in records.splits(4) for record in split] == whole
        if options:  # whose members have numbers, and their places in the file are told
            assert found == expected
        else:
            assert [(d.begin, d.end, d.kind) for d in found] == [
                (d.begin, d.end, d.kind) for d in expected
            ]


@pytest.mark.parametrize("damaged", [[100], [99, 100], [99, 100, 101], [59, 60, 61, 62]])
@pytest.mark.parametrize("at", [3, 50])
def test_no_byte_is_reported_by_two_splits(tmp_path, damaged, at):
    """An index tells of the cuts, so these may be in a region that is damaged."""
    # The index notes the file's first and last 4 KiB.
    path, size = tmp_path / "a", 116
    write_records(path, [b"%03d." % number * 25 for number in range(160)])
    RecordIndex.build(path).save()
    status = os.stat(path)
    data = bytearray(path.read_bytes())
    for number in damaged:
        data[size * number + (at if number == damaged[0] else 50)] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    expected = list(tfr.read_records(path, on_damage=lambda damage: None))
    for count in (2, 8, 80, 160):
        found = []
        splits = RecordSet(path, on_damage=found.append).splits(count)
        assert [record for split in splits for record in split] == expected
        begins = [begin for region in found for begin in range(region.begin, region.end, size)]
        assert begins == [size * number for number in damaged]
        assert {(region.end - region.begin) % size for region in found} == {0}


@pytest.mark.parametrize("front", [b"\x1e", b"abcdefg\x1f", bytes(20)])
def test_blocked_gzip_whose_front_is_damaged_is_no_plain_file(tmp_path, front):
    """The reader finds that it is gzip, and so it is not cut, as plain frames in it could be."""
    rng = np.random.default_rng(1)
    records = [rng.bytes(3000) for _ in range(40)]
    write_records(tmp_path / "a.gz", records, block_bytes=10_000)
    data = (tmp_path / "a.gz").read_bytes()
    (tmp_path / "a.gz").write_bytes(front + data[20 if front == bytes(20) else 1 :])
    expected, found = [], []
    whole = list(RecordSet(tmp_path / "a.gz", on_damage=expected.append))
    assert len(whole) >= 36
    for count in (2, 7):
        found.clear()
        splits = RecordSet(tmp_path / "a.gz", on_damage=found.append).splits(count)
        assert [record for split in splits for record in split] == whole
        assert [region[1:3] for region in found] == [region[1:3] for region in expected]
    with pytest.raises(TFRecordError):
        [list(split) for split in RecordSet(tmp_path / "a.gz").splits(2)]


def test_a_record_that_holds_records(tmp_path):
    """A cut at a false header is an error, or none: never other records."""
    inner = tmp_path / "inner"
    write_records(inner, [b"inside" * 20] * 3000)
    write_records(tmp_path / "a", [b"first", inner.read_bytes(), b"last"])
    expected = [b"first", inner.read_bytes(), b"last"]
    for count in (2, 3, 10):
        splits = RecordSet(tmp_path / "a").splits(count)
        if len(splits) > 1:
            with pytest.raises(CorruptRecordError, match=r"save its index .*tfrecord-lite index"):
                [record for split in splits for record in split]
    RecordIndex.build(tmp_path / "a").save()
    for count in (2, 3, 10):
        assert read_splits(RecordSet(tmp_path / "a"), count)[0] == expected


@pytest.mark.parametrize("damaged", [2, None])
def test_no_damage_hides_a_cut_inside_a_record(tmp_path, damaged):
    """A cut at a false header is an error for those who leave out damage as well."""
    inner = [
        frames([b"%d %d " % (outer, number) + b"x" * 200 for number in range(40)])
        for outer in range(6)
    ]
    data = bytearray(frames(inner))
    if damaged is not None:
        data[len(frame(inner[0])) * damaged + 5000] ^= 1
    else:
        del data[-1000:]
    (tmp_path / "a").write_bytes(data)
    expected = list(tfr.read_records(tmp_path / "a", on_damage=lambda damage: None))
    assert expected == [record for number, record in enumerate(inner) if number != (damaged or 5)]
    refused = 0
    for count in range(2, 14):
        splits = RecordSet(tmp_path / "a", on_damage=lambda damage: None).splits(count)
        try:
            assert [record for split in splits for record in split] == expected
        except CorruptRecordError as error:
            assert "save its index" in str(error)
            refused += 1
    assert refused


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 300), max_size=60),
    count=st.integers(1, 12),
    compression=st.sampled_from([None, "GZIP", "ZLIB"]),
)
def test_any_lengths(tmp_path_factory, lengths, count, compression):
    folder = tmp_path_factory.mktemp("any")
    records = [bytes([index % 251]) * length for index, length in enumerate(lengths)]
    paths = []
    for part in range(3):
        paths.append(folder / str(part))
        write_records(paths[-1], records[part::3], compression=compression, block_bytes=200)
    expected = [record for part in range(3) for record in records[part::3]]
    assert read_splits(RecordSet(paths), count)[0] == expected


def test_some_files_of_a_set_are_not_the_set(tmp_path):
    """The manifest beside them has more: their records are counted, not taken from it."""
    name = tmp_path / "train"
    with ShardWriter(name, records_per_shard=10) as writer:
        writer.write_many(RECORDS)
    files = writer.manifest.files
    for paths, numbers in {
        f"{name}-0000[0-4]-*": range(50),
        f"{name}-*": range(100),
        tuple(files[::-1]): [n for first in range(90, -1, -10) for n in range(first, first + 10)],
        (files[3], files[3]): [*range(30, 40)] * 2,
    }.items():
        with RecordSet(paths) as records:
            assert records[:] == [RECORDS[number] for number in numbers]
            assert (records.manifest is None) == (len(set(records.files)) < 10)


def test_a_text_file_is_refused_in_the_same_words_everywhere(tmp_path):
    write_records(tmp_path / "a", RECORDS)
    calls = {
        "RecordSet": RecordSet,
        "in a list": lambda file: RecordSet([tmp_path / "a", file]),
        "RecordFile": RecordFile,
        "RecordIndex": RecordIndex.build,
        "RecordReader": tfr.RecordReader,
        "Dataset": lambda file: tfr.Dataset(file, batch_size=2),
        "splits": lambda file: RecordSet(file).splits(),
    }
    for name, call in calls.items():
        with open(tmp_path / "a", encoding="utf-8") as file:
            for text, kind in ((file, "TextIOWrapper"), (io.StringIO("a"), "StringIO")):
                message = f"a binary file object, not {kind}; open text files with mode 'rb'"
                with pytest.raises(TypeError, match=message):
                    call(text)
                    pytest.fail(name)


# Of fsspec's own class for FTP.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("url", ["ftp:///a", "ftp:///a-*", "github://a"])
def test_a_url_that_does_not_say_enough_for_its_file_system(url):
    """Some of fsspec's want a host, say: what they raise is a TypeError of their own."""
    pytest.importorskip("fsspec")
    with pytest.raises(ValueError, match=rf"^{re.escape(url)}.* cannot use this URL"):
        RecordSet(url).files  # noqa: B018 - what it raises


@pytest.mark.parametrize(
    "url",
    ["zip://a::b.zip", "zip://*::file:///b.zip", "dir://a::memory://b", "reference://a::file:///b"],
)
def test_a_file_inside_another_is_passed_open(url):
    pytest.importorskip("fsspec")
    with pytest.raises(ValueError, match=rf"^{re.escape(url)}: .*pass it open"):
        RecordSet(url).files  # noqa: B018 - what it raises


def test_a_file_system_whose_configuration_tells_where_its_files_lie(monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    write_records("memory://configured/a", [b"x"])
    options = {"target_protocol": "memory", "path": "/configured"}
    monkeypatch.setitem(fsspec.config.conf, "dir", options)
    assert list(RecordSet("dir://a")) == [b"x"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_file_system_that_cannot_connect_names_the_url():
    pytest.importorskip("fsspec")
    with pytest.raises(OSError, match="ftp://127.0.0.1:1/a"):
        RecordSet("ftp://127.0.0.1:1/a").files  # noqa: B018 - what it raises


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFOs")
@pytest.mark.timeout(60)
def test_pipes_and_sockets_are_passed_over_in_directories_and_by_globs(tmp_path, monkeypatch):
    """A reader would wait for a writer. What does not exist is no such file, and is an error."""
    below = tmp_path / "below"
    below.mkdir()
    for folder in (tmp_path, below):
        write_records(folder / "b", [b"x"])
        os.mkfifo(folder / "a")
        (folder / "c").symlink_to("a")
        (folder / "d").symlink_to(os.devnull)
        (folder / "e").symlink_to("b")
    # The paths of sockets are short.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("f")
    for paths, folders in {
        tmp_path: [tmp_path],
        tmp_path / "**": [tmp_path, below],
        tmp_path / "*": [tmp_path],
        tmp_path / "bel*" / "*": [below],
    }.items():
        meant = sorted(str(folder / name) for folder in folders for name in ("b", "e"))
        assert RecordSet(paths).files == meant
        assert [file.path for file in tfr.verify(paths, workers=0).files] == meant
        assert tfr.salvage(paths, tmp_path.parent / f"{tmp_path.name}-out" / "s", overwrite=True).ok
    assert RecordSet(tmp_path / "a").files == [str(tmp_path / "a")]
    with pytest.raises(FileNotFoundError, match="no data files"):
        (tmp_path / "g").mkdir()
        os.mkfifo(tmp_path / "g" / "a")
        RecordSet(tmp_path / "g")
    (below / "f").symlink_to("none")
    with pytest.raises(FileNotFoundError, match="below/f"):
        list(RecordSet(below))


@pytest.mark.parametrize("kind", ["a.tfrecord", "missing", "folder", "set", "broken", "*.none"])
def test_row_39_what_is_said_about_a_name_prints(tmp_path, kind):
    """A name may have escape sequences, line breaks and bytes that are no UTF-8."""
    odd = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"\xff\x1b[31m\n"))
    os.makedirs(f"{odd}folder/inner")
    write_records(f"{odd}a.tfrecord", [b"one"])
    with open(f"{odd}broken.manifest.json", "w") as file:
        file.write("{}")
    with ShardWriter(f"{odd}set", num_shards=3) as writer:
        writer.write(b"one")
    os.unlink(writer.manifest.files[1])
    path = odd + kind
    if kind == "a.tfrecord":
        with RecordSet(path) as records, RecordFile(path) as file, tfr.RecordReader(path) as reader:
            (split,) = records.splits()
            texts = list(map(repr, [records, file, file.index, split, reader]))
        assert all(map(str.isprintable, texts)), texts

    def beyond(made):
        with made as records:
            return records[9]

    calls = [
        lambda: list(tfr.read_records(path)) and beyond(RecordSet(path)),
        lambda: beyond(RecordFile(path)),
        lambda: list(tfr.read_batches(path)),
        lambda: tfr.Dataset(path, batch_size=1),
        lambda: tfr.expand_shards(path) and beyond(RecordFile(path)),
        lambda: tfr.salvage(path, path),
        lambda: tfr.RecordWriter(f"{path}/in/no/folder"),
        lambda: tfr.publish_shards(path, 2),
        lambda: tfr.RecordWriter(f"{odd}a.tfrecord", mode="x"),
        lambda: ShardWriter(f"{odd}set").close(),
        lambda: jobs.make_manifest(path) and jobs.make_manifest(path),
        lambda: jobs.merge([path, f"{odd}a.tfrecord"], f"{odd}a.tfrecord"),
    ]
    for call in calls:
        with pytest.raises((OSError, ValueError, IndexError, TFRecordError)) as caught:
            call()
        assert str(caught.value).isprintable()
