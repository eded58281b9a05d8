"""What comes of an object in parts, late, or not at all, and is put together all the same."""

from __future__ import annotations

import time

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.stores.fsspec_store import FsspecStore
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
            asked.append((begin, end))
            return instead(lambda first, last: read(self, url, first, last, state), begin, end)

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
