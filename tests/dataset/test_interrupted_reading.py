"""Interrupts, memory errors, threads and forks in the middle of reading: nothing is lost."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import random
import sys
import threading
import time
import warnings

import frames
import numpy as np
import pytest
from dataset.interrupting import (
    Interrupted,
    Line,
    Return,
    is_subsequence,
    read_on,
    read_with_signals,
)
from dataset.sets import joined
from variants import few_or_many

from tfrecord_lite import read_records
from tfrecord_lite.dataset import Dataset, read_batches, write_examples
from tfrecord_lite.errors import CompressionError
from tfrecord_lite.example import FixedLenFeature
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records import RecordReader, write_records
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.thresholds import thresholds

ID = {"id": FixedLenFeature([], np.int64)}
# Where a batch or a block, one at most, may be lost: on its way out.
_ON_ITS_WAY = {f"return self._one_thread.leave() or {name}" for name in ("result", "block")}
# Where it is not known whether damage has been reported: it may come once more or not at all.
_REPORTING = {
    "self._on_damage(damage)",
    "self._reported.add(damage)",
    "self._reported.add((epoch, damage))",
}
_ERRORS = (Interrupted, MemoryError)
# Whether each line that is run is tried, some of the times that it is: takes half an hour.
_EVERY_LINE = bool(os.environ.get("TFRECORD_LITE_TEST_EVERY_LINE"))
_SIGNALS = 2000 if _EVERY_LINE else 100


class Pipe(io.RawIOBase):
    """Gives some bytes at a time, and does not seek."""

    def __init__(self, data):
        self._bytes = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, view):
        return self._bytes.readinto(view[:3000])


def ids_of(batch):
    return batch["id"].tolist()


class Reading:
    """A way to read, to its end: `begin` returns the iterator and what closes it."""

    def __init__(self, path, way):
        self.damages = []
        self._path = path
        self._way = way
        kind, _, how = way.partition(" ")
        {"records": self._write_records, "batches": self._write_batches}[kind](how)

    def _write_records(self, how):
        size = {"ahead": 30_000, "large": 20_000, "blocks": 20_000}.get(how, 60)
        count = {"ahead": 20, "large": 8, "blocks": 60}.get(how, 200)
        rng = np.random.default_rng(0)
        records = [rng.bytes(size) for _ in range(count)]
        options = {
            "ahead": {"compression": "GZIP", "block_bytes": 1 << 17},
            "gzip": {"compression": "GZIP", "block_bytes": None},
            "zlib": {"compression": "ZLIB"},
            "by number gzip": {"compression": "GZIP", "block_bytes": 2000},
            "damaged gzip": {"compression": "GZIP", "block_bytes": 2000},
            "split gzip": {"compression": "GZIP", "block_bytes": 2000},
        }.get(how, {})
        write_records(self._path, records, **options)
        with open(self._path, "rb") as file:
            data = bytearray(file.read())
        if how.startswith("damaged"):
            for at in (3000, 7000):
                data[at] ^= 1
            with open(self._path, "wb") as file:
                file.write(data)

        if how == "miscounted gzip":
            # The headers of some members state one record too many, of one with damage in it too.
            parts = [frames.frames(records[at : at + 20]) for at in range(0, count, 20)]
            parts[7] = parts[7][:90] + b"?" + parts[7][91:]
            data = b"".join(
                frames.member(part, records=20 + (number in (2, 3, 7, 9)))
                for number, part in enumerate(parts)
            )
            with open(self._path, "wb") as file:
                file.write(data)

        def one(source):
            reader = RecordReader(source, on_damage=self.damages.append)
            reader.block_bytes = 4096
            return reader

        def begin():
            if how.startswith("by number"):
                file = RecordFile(self._path)
                return iter(file), file.close
            if "split" in how:
                records = RecordSet([self._path] * 3, on_damage=self.damages.append)
                # One file and a part of the next, or the rest of that and another.
                split = records.splits(2)[how.endswith("second")]
                return iter(split), records.close
            if how == "many":
                found = read_records([self._path] * 3)
                return found, found.close
            reader = one({"pipe": Pipe, "file": io.BytesIO}.get(how, lambda _: self._path)(data))
            if how == "blocks":
                return reader.blocks(), reader.close
            return iter(reader), reader.close

        self.begin = begin

    def _write_batches(self, how):
        paths = []
        for number in range(3):
            paths.append(f"{self._path}-{number}")
            gzip = {"compression": "GZIP", "block_bytes": 700} if "gzip" in how else {}
            rows = np.arange(100 * number, 100 * number + 100)
            write_examples(paths[-1], {"id": rows}, **gzip)
        if "damaged" in how:
            with open(paths[1], "r+b") as file:
                file.seek(1012)
                file.write(b"?")

        def begin():
            options = {"batch_size": 32, "on_damage": self.damages.append}
            if "dataset" not in how:
                found = read_batches(paths, ID, **options)
            else:
                shuffle = True if "whole" in how else 40 if "buffer" in how else False
                workers = 2 if "workers" in how else 0
                dataset = Dataset(paths, ID, shuffle=shuffle, repeat=2, workers=workers, **options)
                found = iter(dataset)
            return map(ids_of, found), found.close

        self.begin = begin

    def read(self, line):
        """Read all with the exception at that line; return what came, and the damage."""
        self.damages.clear()
        items, close = self.begin()
        try:
            with line:
                got = read_on(items, _ERRORS)
        finally:
            close()
        return [
            item.to_list() if isinstance(item, RecordBlock) else item for item in got
        ], self.damages.copy()


WAYS = [
    *(f"records {how}" for how in ("plain", "ahead", "gzip", "zlib", "large", "many", "blocks")),
    *(f"records {how}" for how in ("damaged", "damaged gzip", "pipe", "file")),
    "records miscounted gzip",
    *(f"records {how}" for how in ("split", "split second", "split gzip")),
    *(f"records {how}" for how in ("by number", "by number gzip")),
    *(f"batches {how}" for how in ("plain", "gzip", "damaged", "damaged gzip")),
    *(f"batches {how}" for how in ("ahead", "damaged ahead")),
    *(f"batches dataset {how}" for how in ("plain", "gzip", "buffer", "whole", "damaged whole")),
    "batches dataset damaged buffer",
]


def places(whole, tried, times):
    """Return at which of all lines that were run to interrupt: at a sample of so many.

    Or else at every line, some of the ``times`` that it is run, counted from 0.
    """
    if _EVERY_LINE:
        return [
            (*place, 1 + number)
            for place, count in whole.times.items()
            for number in sorted({range(count)[time] for time in times if time < count})
        ]
    lines = range(1, whole.count + 1)
    return sorted(random.Random(0).sample(lines, min(tried, whole.count)))


def check_lines(reading, tried, times=(0, 1, 2, -1)):
    whole = Line(0, None)
    wanted, damages = reading.read(whole)
    blocks = isinstance(wanted[0], list) and isinstance(wanted[0][0], bytes)
    assert len(wanted) > 1
    for number, at in enumerate(places(whole, tried, times)):
        line = Line(at, _ERRORS[number % 2]())
        got, heard = reading.read(line)
        if blocks and line.text not in _ON_ITS_WAY:
            # They may be cut in other places then.
            assert joined(got) == joined(wanted), (at, line.text)
        elif got != wanted:
            assert line.text in _ON_ITS_WAY, (at, line.text, len(got), len(wanted))
            assert len(got) == len(wanted) - 1
            assert is_subsequence(got, wanted)
        if heard != damages:
            assert line.text in _REPORTING, (at, line.text, heard)
            assert abs(len(heard) - len(damages)) == 1


@pytest.fixture
def left_open(monkeypatch):
    """Let files be closed by the garbage collector: an exception may come before any other can."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(autouse=True)
def read_ahead(request, monkeypatch, cores):
    """Have plain files read ahead in a thread, whatever the size of their records."""
    callspec = getattr(request.node, "callspec", None)
    way = callspec.params.get("way", "") if callspec else ""
    if way.startswith("batches") and way.endswith("ahead"):
        monkeypatch.setattr(thresholds, "ahead_record_bytes", 0)
        cores(2)


@pytest.mark.usefixtures("left_open")
@few_or_many("lines", 5, 100)
@pytest.mark.parametrize("way", WAYS)
def test_interrupted_reading_at_any_line(way, lines, tmp_path, monkeypatch):
    monkeypatch.setattr(thresholds, "planned_records", 60)
    monkeypatch.setattr(thresholds, "picked_piece_bytes", 1500)
    check_lines(Reading(str(tmp_path / "a"), way), lines)


@pytest.mark.usefixtures("left_open")
@few_or_many("lines", 3, 8)
def test_interrupted_reading_with_workers(lines, tmp_path):
    check_lines(Reading(str(tmp_path / "a"), "batches dataset workers"), lines, times=[0])


@pytest.mark.usefixtures("left_open")
@pytest.mark.parametrize(
    "way", ["records plain", "records gzip", "records ahead", "batches gzip", "batches ahead"]
)
def test_interrupted_reading_by_signals(way, tmp_path):
    reading = Reading(str(tmp_path / "a"), way)
    begun = time.perf_counter()
    wanted, _ = reading.read(contextlib.nullcontext())
    seconds = time.perf_counter() - begun
    signals, delays = 0, random.Random(0)
    while signals < _SIGNALS:
        items, close = reading.begin()
        got, rung = read_with_signals(items, _SIGNALS - signals, seconds, delays)
        close()
        signals += rung
        assert is_subsequence(got, wanted)
        assert len(got) >= len(wanted) - rung


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("left_open")
@pytest.mark.parametrize("way", ["records ahead", "batches gzip", "batches ahead"])
def test_interrupted_reading_locks_no_thread_out(way, tmp_path):
    """Of what Python's own threads are made of; then all would wait for each other forever."""
    reading, at, line = Reading(str(tmp_path / "a"), way), 0, None
    # Tests that interrupt at any line may leave a thread that waits for work.
    before = threading.enumerate()
    wanted, _ = reading.read(contextlib.nullcontext())
    while line is None or line.text:
        at += 1
        line = Return(at, Interrupted())
        got, _ = reading.read(line)
        assert got == wanted, (at, line.text)
    assert not set(threading.enumerate()) - set(before)


@pytest.mark.parametrize("wrong", [False, True])
def test_interrupted_reading_compares_counts(wrong, tmp_path):
    """Inside a gzip member that is gone back to, and raised again where it is wrong."""
    records = [b"%d" % number * 9 for number in range(200)]
    parts = [frames.frames(records[at : at + 50]) for at in range(0, 200, 50)]
    data = b"".join(
        frames.member(part, records=50 + (wrong and number == 2))
        for number, part in enumerate(parts)
    )
    (tmp_path / "a").write_bytes(data)
    for at in range(1, 2000, 37):
        got = []
        with RecordReader(tmp_path / "a") as reader:
            reader.block_bytes = 700
            with contextlib.suppress(*_ERRORS, CompressionError), Line(at, Interrupted()):
                got.extend(read_on(reader, Interrupted))
            if not wrong:
                assert got + list(reader) == records
                continue
            for _ in range(2):
                with pytest.raises(CompressionError, match="states 51 records where it has 50"):
                    got.extend(reader)
            assert reader.offset == len(b"".join(parts[:3]))


@pytest.mark.parametrize("how", [{}, {"compression": "GZIP", "block_bytes": 2000}])
@pytest.mark.parametrize("source", [str, Pipe])
def test_interrupted_reading_by_on_damage(how, source, tmp_path):
    """What it raises comes after the region, from where reading goes on, of a pipe too."""
    rng = np.random.default_rng(0)
    records = [rng.bytes(60) for _ in range(200)]
    write_records(tmp_path / "a", records, **how)
    data = bytearray((tmp_path / "a").read_bytes())
    for at in (3000, 7000):
        data[at] ^= 1
    (tmp_path / "a").write_bytes(data)

    def opened(on_damage):
        given = Pipe(data) if source is Pipe else tmp_path / "a"
        reader = RecordReader(given, on_damage=on_damage)
        reader.block_bytes = 1000
        return reader

    damages = []
    with opened(damages.append) as reader:
        wanted = list(reader)
    heard = []

    def refuse(damage):
        heard.append(damage)
        raise Interrupted

    with opened(refuse) as reader:
        assert read_on(reader, Interrupted) == wanted
    assert heard == damages
    assert len(heard) >= 2
    for at in range(1, 500, 9):
        heard.clear()
        line = Line(at, MemoryError())
        with opened(refuse) as reader, contextlib.suppress(io.UnsupportedOperation):
            with line:
                got = read_on(reader, _ERRORS)
            assert got == wanted, (at, line.text)
            assert heard == damages or line.text in _REPORTING, (at, line.text)


def test_interrupted_reading_a_loop_is_taken_up_again(tmp_path):
    """A loop that an exception ends, and another one."""
    records = [b"%d" % number for number in range(1000)]
    write_records(tmp_path / "a", records)
    with RecordReader(tmp_path / "a") as reader:
        reader.block_bytes = 1000
        got = []
        for at in range(1, 400, 7):
            with Line(at, Interrupted()), pytest.raises(Interrupted):
                for record in reader:
                    got.append(record)
            if len(got) == len(records):
                break
        assert got + list(reader) == records


def test_an_error_is_raised_again(tmp_path):
    """What is damaged is no end: not for the iterator that met it either."""
    rows = np.arange(100)
    write_examples(tmp_path / "a", {"id": rows})
    data = bytearray((tmp_path / "a").read_bytes())
    data[-8] ^= 1
    (tmp_path / "a").write_bytes(data)
    found = read_batches(tmp_path / "a", ID, batch_size=10)
    assert len([next(found) for _ in range(9)]) == 9
    dataset = iter(Dataset(tmp_path / "a", ID, batch_size=10))
    assert len([next(dataset) for _ in range(9)]) == 9
    records = read_records(tmp_path / "a")
    assert len([next(records) for _ in range(99)]) == 99
    for items in (found, dataset, records):
        for _ in range(3):
            with pytest.raises(ValueError, match="record 99 .*checksum of the data"):
                next(items)


@pytest.mark.parametrize("make", [RecordReader, read_records, read_batches, Dataset])
def test_two_threads(make, tmp_path):
    """Whoever comes while another thread is in a read is told so; nothing is lost by it."""
    write_examples(tmp_path / "a", {"id": np.arange(100)})
    inside, leave = threading.Event(), threading.Event()

    def on_damage(_):
        inside.set()
        assert leave.wait(10)

    data = bytearray((tmp_path / "a").read_bytes())
    data[13] ^= 1
    (tmp_path / "a").write_bytes(data)
    options = {} if make in (RecordReader, read_records) else {"features": ID, "batch_size": 10}
    reader = make(tmp_path / "a", on_damage=on_damage, **options)
    items = iter(reader)
    got = []
    thread = threading.Thread(target=lambda: got.append(next(items)))
    thread.start()
    assert inside.wait(10)
    try:
        with pytest.raises(RuntimeError, match="in use by another thread"):
            next(items)
    finally:
        leave.set()
        thread.join()
    got += items
    if make is RecordReader:
        reader.close()
    assert sum(len(item["id"]) if isinstance(item, dict) else 1 for item in got) == 99


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("make", [read_batches, Dataset])
@pytest.mark.parametrize("how", [{}, {"compression": "GZIP", "block_bytes": 1000}])
def test_forked_epochs(make, how, tmp_path):
    write_examples(tmp_path / "a", {"id": np.arange(2000)}, **how)
    items = iter(make(tmp_path / "a", ID, batch_size=100))
    got = next(items)["id"].tolist()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            next(items)
        except RuntimeError as error:
            code = 0 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    for batch in items:
        got += batch["id"].tolist()
    assert got == list(range(2000))


@pytest.mark.parametrize("how", [{}, {"compression": "GZIP", "block_bytes": 1000}])
def test_random_access_by_threads(how, tmp_path):
    records = [b"%d" % number * 20 for number in range(500)]
    write_records(tmp_path / "a", records, **how)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(100):
            first, second = sorted(rng.integers(0, 500, 2).tolist())
            numbers = rng.integers(0, 500, 20)
            wrong.extend(
                [
                    file[first] != records[first],
                    file[first:second] != records[first:second],
                    list(file.read_block(numbers)) != [records[number] for number in numbers],
                ]
            )

    with RecordFile(tmp_path / "a") as file:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(wrong) == 6 * 100 * 3
    assert not any(wrong)
