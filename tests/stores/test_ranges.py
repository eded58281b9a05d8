"""What comes of an object in parts, late, or not at all, and is put together all the same."""

from __future__ import annotations

import gc
import io
import os
import threading
import time
import weakref
from contextlib import ExitStack

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.parallel.threads import Threads
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.stores.fsspec_store import FsspecStore
from tfrecord_lite.stores.object_file import ObjectFile
from tfrecord_lite.stores.range_ahead import RangeAhead
from tfrecord_lite.thresholds import limits, thresholds

RECORDS = [b"%d" % number * (number % 50) for number in range(2000)]


@pytest.fixture
def url(folder, monkeypatch):
    monkeypatch.setattr(thresholds, "remote_first_bytes", 1 << 10)
    monkeypatch.setattr(thresholds, "remote_range_bytes", 1 << 12)
    url = folder + "/a.tfrecord"
    tfr.write_records(url, RECORDS)
    return url


@pytest.fixture
def reads(monkeypatch):
    """Have another thing done for each read, and return a list of the spans that were asked for."""
    asked = []
    read = FsspecStore.read

    def watch(instead):
        def watched(self, url, begin, end, state):
            def part(first, last):
                return b"".join(read(self, url, first, last, state))

            asked.append((begin, end))
            yield instead(part, begin, end)

        monkeypatch.setattr(FsspecStore, "read", watched)
        return asked

    return watch


def test_parts_of_ranges_and_connections_that_are_lost(url, reads, monkeypatch):
    def some(read, begin, end):
        # At each byte once, and what comes is half of what was asked for.
        if begin not in lost:
            lost.add(begin)
            raise ConnectionError("lost")
        return read(begin, begin + max((end - begin) // 2, min(end - begin, 300)))

    lost = set()
    monkeypatch.setattr(limits, "lost_connections", 20)
    reads(some)
    assert list(tfr.read_records(url)) == RECORDS
    numbers = np.random.default_rng(0).integers(len(RECORDS), size=300).tolist()
    with tfr.RecordSet(url) as records:
        assert records[numbers] == [RECORDS[number] for number in numbers]


def test_a_connection_that_stays_lost(url, reads):
    def none(read, begin, end):
        raise ConnectionError("lost")

    reads(none)
    with pytest.raises(ConnectionError, match="lost"):
        list(tfr.read_records(url))


def test_a_record_by_its_number_is_one_request(url, reads):
    with tfr.RecordFile(url) as records:
        asked = reads(lambda read, begin, end: read(begin, end))
        for number in (7, 1234, 1999):
            asked.clear()
            assert records[number] == RECORDS[number]
            assert len(asked) == 1


def test_an_object_that_is_replaced_by_one_of_its_size(url, folder, reads, monkeypatch):
    monkeypatch.setattr(limits, "unchecked_ranges", 3)
    with tfr.RecordReader(url) as reader:
        assert next(reader) == RECORDS[0]
        tfr.write_records(url, RECORDS)
        with pytest.raises(OSError, match=rf"{url}: .*replaced"):
            list(reader)
    assert list(tfr.read_records(url)) == RECORDS


def test_several_ranges_are_on_their_way_at_once(url, reads):
    running, most = [], []

    def slow(read, begin, end):
        running.append(begin)
        most.append(len(running))
        time.sleep(0.01)
        running.remove(begin)
        return read(begin, end)

    reads(slow)
    assert list(tfr.read_records(url)) == RECORDS
    assert max(most) > 1


def test_small_members_are_looked_at_many_at_once(folder, reads):
    """Whether an index fits its blocked gzip file is told by the headers of all members."""
    url = folder + "/a.tfrecord.gz"
    tfr.write_records(url, RECORDS, compression="GZIP", block_bytes=500)
    tfr.RecordIndex.build(url).save(url + ".index")
    asked = reads(lambda read, begin, end: read(begin, end))
    members = len(tfr.RecordIndex.load(url).members.offsets)
    assert members > 50
    assert len(asked) < members / 4


@pytest.fixture
def pieces(monkeypatch):
    """Have each read come in pieces of 700 bytes, and return a list of what came of each."""
    came = []
    read = FsspecStore.read

    def in_pieces(self, url, begin, end, state):
        whole = b"".join(read(self, url, begin, end, state))
        number = len(came)
        came.append(0)
        for at in range(0, len(whole), 700):
            yield whole[at : at + 700]
            came[number] += len(whole[at : at + 700])
        yield b""

    monkeypatch.setattr(FsspecStore, "read", in_pieces)
    monkeypatch.setattr(FsspecStore, "streams", True)
    return came


def test_pieces_of_ranges_are_used_as_they_come(url, pieces):
    assert list(tfr.read_records(url)) == RECORDS
    numbers = np.random.default_rng(0).integers(len(RECORDS), size=300).tolist()
    with tfr.RecordSet(url) as records:
        assert records[numbers] == [RECORDS[number] for number in numbers]


def test_seeking_among_pieces(url, pieces):
    with open_file(url) as file:
        data = file.read()
        rng = np.random.default_rng(1)
        at = 0
        for step in rng.integers(-3000, 6000, size=400).tolist():
            # To and fro, within what is ahead and beyond it; a few bytes, or many.
            at = min(max(at + step, 0), len(data))
            size = int(rng.choice([1, 100, 1000, 20_000]))
            file.seek(at)
            assert file.read(size) == data[at : at + size]
            at = file.tell()


def test_a_reader_that_ends_early_leaves_nothing_on_its_way(url, reads):
    def slowly(read, begin, end):
        if begin >= thresholds.remote_first_bytes:
            time.sleep(0.05)
        return read(begin, min(begin + 64, end))

    asked = reads(slowly)
    with open_file(url) as file:
        file.read(thresholds.remote_first_bytes + 1)
    time.sleep(0.1)
    before = len(asked)
    time.sleep(0.2)
    assert len(asked) == before


def test_more_than_was_asked_for(url, reads):
    reads(lambda read, begin, end: read(begin, end) + b"x")
    with pytest.raises(OSError, match=rf"^{url}: at byte 0: .* it does not know ranges$"):
        list(tfr.read_records(url))


def test_one_of_many_objects_is_used_as_it_comes(folder, pieces, monkeypatch):
    """Each by one request, of which no more has come than was asked for."""
    monkeypatch.setattr(thresholds, "remote_first_bytes", 1 << 10)
    monkeypatch.setattr(thresholds, "remote_stream_bytes", 1 << 20)
    urls = [f"{folder}/{number}.tfrecord" for number in range(5)]
    for number, url in enumerate(urls):
        tfr.write_records(url, [b"%d" % number + record for record in RECORDS])
    with ExitStack() as stack:
        files = [stack.enter_context(open_file(url)) for url in urls]
        expected = [open_file(url).read() for url in urls]
        for file in files:
            file.read(1)
        found = [file.read((1 << 10) - 1) for file in files]
        before = len(pieces)
        found = [data + file.read(3000) for data, file in zip(found, files, strict=True)]
        assert len(pieces) == before + len(urls)
        assert max(pieces[before:]) < 5000
        found = [data + file.read() for data, file in zip(found, files, strict=True)]
        assert len(pieces) == before + len(urls)
        assert [data[:1] + rest for data, rest in zip(expected, found, strict=True)] == expected


def test_one_of_many_objects_is_not_read_through_to_what_is_far(folder, pieces, monkeypatch):
    monkeypatch.setattr(thresholds, "remote_first_bytes", 1 << 10)
    monkeypatch.setattr(thresholds, "remote_range_bytes", 1 << 12)
    monkeypatch.setattr(thresholds, "remote_stream_bytes", 1 << 20)
    url = folder + "/a.tfrecord"
    tfr.write_records(url, [b"".join(RECORDS)] * 5)
    with ExitStack() as stack:
        files = [stack.enter_context(open_file(url)) for _ in range(5)]
        for file in files:
            file.read(2000)
        expected = open_file(url).read()
        before = len(pieces)
        files[-1].seek(800_000)
        assert files[-1].read(100) == expected[800_000:800_100]
        assert len(pieces) == before + 1


@pytest.mark.parametrize("unchecked", [1, 2, 3, 30])
def test_an_object_is_looked_at_before_its_ranges_are_used(url, unchecked, monkeypatch):
    """What was found when a range that came ahead was all there already was heard by nobody."""
    monkeypatch.setattr(limits, "unchecked_ranges", unchecked)
    # Frames end where ranges do, so that all of either object have good checksums.
    old, new = ([letter * 112] * 2000 for letter in (b"a", b"b"))
    tfr.write_records(url, old)
    found = []
    with tfr.RecordReader(url) as reader:
        found.append(next(reader))
        tfr.write_records(url, new)
        with pytest.raises(OSError, match=rf"{url}: .*replaced"):
            found += reader
    # The first range has a KiB, those after it no more than four.
    assert found.count(new[0]) <= unchecked * (4 << 10) // 128


def test_a_look_at_an_object_that_fails_is_made_again(url, monkeypatch):
    monkeypatch.setattr(limits, "unchecked_ranges", 2)
    state = FsspecStore.state

    def lost(self, url):
        monkeypatch.setattr(FsspecStore, "state", state)
        raise ConnectionError("lost")

    with open_file(url) as file:
        file.read(1 << 10)
        tfr.write_records(url, RECORDS)
        monkeypatch.setattr(FsspecStore, "state", lost)
        with pytest.raises(ConnectionError, match="lost"):
            file.read(1 << 10)
        file.seek(0, os.SEEK_END)
        with pytest.raises(OSError, match="replaced"):
            file.read(1)


def test_where_there_is_no_object_nothing_is_left_to_be_closed(folder):
    file = io.RawIOBase.__new__(ObjectFile)
    with pytest.raises(FileNotFoundError):
        file.__init__(folder + "/none")
    # As the garbage collector does, whose errors are printed.
    file.close()


def test_a_file_that_another_thread_closes_lets_go_of_who_reads_it(url, pieces, monkeypatch):
    first = 1 << 12
    monkeypatch.setattr(thresholds, "remote_first_bytes", first)
    waiting, closed = threading.Event(), threading.Event()
    read = FsspecStore.read

    def slowly(self, url, begin, end, state):
        for piece in read(self, url, begin, end, state):
            yield piece
            if begin == first:
                waiting.set()
                assert closed.wait(30)

    monkeypatch.setattr(FsspecStore, "read", slowly)
    file = open_file(url)
    file.read(first)
    raised = []

    def read_far():
        # In a range that comes ahead, some pieces after the one that is there.
        file.read(1)
        file.seek(2500, os.SEEK_CUR)
        try:
            file.readinto(bytearray(1))
        except ValueError as error:
            raised.append(str(error))

    reader = threading.Thread(target=read_far, daemon=True)
    reader.start()
    assert waiting.wait(30)
    # Until it most probably waits, too.
    time.sleep(0.05)
    file.close()
    closed.set()
    reader.join(10)
    assert not reader.is_alive()
    assert raised in (["the file was closed while it was read"], [])


def test_a_range_that_never_begins_is_not_waited_for():
    """Threads that read were waited for at the end of the interpreter, after such were closed."""
    threads, waiting, go_on = Threads(1, "test-threads"), threading.Event(), threading.Event()
    threads.submit(go_on.wait, 30)
    ahead = RangeAhead(0, 10, lambda begin, end: iter([memoryview(bytes(end - begin))]))
    ahead.begin_in(threads)
    raised = []

    def read():
        waiting.set()
        try:
            ahead.from_byte(0)
        except RuntimeError as error:
            raised.append(str(error))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert waiting.wait(30)
    closing = threading.Thread(target=threads.close)
    closing.start()
    reader.join(10)
    go_on.set()
    closing.join(30)
    assert raised == ["no more of an object comes: its threads are to end"]


def test_a_connection_that_gave_something_counts_as_none_that_failed(url, monkeypatch):
    """A response that is used slowly ends by its time limit, however often."""
    read = FsspecStore.read

    def in_part(self, url, begin, end, state):
        yield from read(self, url, begin, min(begin + 700, end), state)
        if begin + 700 < end:
            raise ConnectionError("lost")

    monkeypatch.setattr(FsspecStore, "read", in_part)
    assert list(tfr.read_records(url)) == RECORDS


@pytest.mark.parametrize("streams", [False, True])
def test_what_nobody_has_any_more_is_gone_with_its_ranges(url, pieces, streams, monkeypatch):
    monkeypatch.setattr(FsspecStore, "streams", streams)
    gc.disable()
    try:
        for size in (1, 1 << 10, 10_000):
            file = open_file(url)
            file.read(size)
            gone = weakref.ref(file)
            del file
            assert gone() is None
    finally:
        gc.enable()
