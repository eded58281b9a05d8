"""EpochRecords and Picker: the records of many files by their numbers, and in pieces."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from dataset.sets import COUNTS, INDEXED, RECORDS
from dataset.test_batches import write

from tfrecord_lite.dataset.chunk import Request
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.dataset.picker import Picker
from tfrecord_lite.errors import CorruptRecordError, ignore_damage
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.files.record_set import RecordSet

RANDOM = np.random.default_rng(0)
ORDERS = {
    "one": [43],
    "all": range(100),
    "a piece of one file": range(10, 30),
    "a piece of several files": range(40, 70),
    "backwards": range(99, -1, -1),
    "some, twice": [5, 99, 5, 43, 60, 0, 0],
    "any": RANDOM.permutation(100),
}


def pick(records, numbers):
    source = Picker(records)
    numbers = np.asarray(numbers, np.int64)
    chunk = source.pick(Request(numbers, np.arange(len(numbers))))
    source.close()
    return chunk


@pytest.fixture(params=INDEXED)
def records(request, sets):
    found = EpochRecords(RecordSet(sets[request.param]))
    found.build_indexes(needed=True)
    return found


@pytest.mark.parametrize("numbers", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("way", ["quick", "no preadv"])
def test_records_come_as_asked(records, monkeypatch, numbers, way):
    if way == "no preadv":
        monkeypatch.delattr(os, "preadv", raising=False)
    chunk = pick(records, numbers)
    assert list(chunk.block) == [RECORDS[number] for number in numbers]
    assert (chunk.damages, chunk.error) == ([], None)
    assert chunk.numbers.tolist() == list(numbers)
    assert chunk.steps.tolist() == list(range(len(numbers)))


def test_places(records):
    assert records.total() == 100
    assert records.bases.tolist() == np.cumsum([0, *COUNTS]).tolist()
    assert [records.place(number) for number in (0, 2, 3, 42, 43, 60, 99)] == [
        (0, 0),
        (0, 2),
        (1, 0),
        (1, 39),
        (3, 0),
        (4, 0),
        (5, 38),
    ]
    for number in (0, 42, 43, 99):
        block = records.block_of(number)
        file, record = records.place(number)
        assert list(block) == [RECORDS[number]]
        assert (block.path, block.first_record) == (records.files[file], record)


@pytest.mark.parametrize("kind", ["plain", "blocked", "gzip", "zlib", "mixed"])
def test_a_stream_has_any_range(sets, kind):
    records, known = (EpochRecords(RecordSet(sets[kind])) for _ in range(2))
    assert known.total() == 100
    places = [known.place(number) for number in range(100)]
    for counted in (False, True):
        if counted:
            assert records.total() == 100
        for begin in (0, 1, 3, 42, 43, 44, 99, 100):
            for end in (*range(begin, 101, 9), None):
                chunks = list(records.stream(begin, end, 1000))
                found = [record for chunk in chunks for record in chunk.block]
                assert found == RECORDS[begin:end]
                numbers = [number for chunk in chunks for number in chunk.numbers.tolist()]
                assert [records.place(number) for number in numbers] == places[begin:end]
                if counted:
                    assert numbers == list(range(100))[begin:end]
                steps = [step for chunk in chunks for step in chunk.steps.tolist()]
                assert steps == list(range(1000, 1000 + len(numbers)))


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 1000}])
def test_a_large_record_is_a_region_of_its_own(tmp_path, options):
    records = [bytes(100 if number == 50 else 20) for number in range(100)]
    path = write(tmp_path / "a", records, **options)
    found = EpochRecords(RecordSet(path, on_damage=ignore_damage, max_record_bytes=99))
    found.build_indexes(needed=True)
    chunk = pick(found, range(100))
    assert chunk.numbers.tolist() == [number for number in range(100) if number != 50]
    (damage,) = chunk.damages
    assert damage[:5] == (str(path), 50 * 36, 50 * 36 + 116, 50, "too_large")


@pytest.mark.parametrize("tolerant", [False, True])
def test_of_several_faults_the_first_in_the_order_counts(sets, tolerant):
    paths = sets["plain"]
    for file, last in ((1, 20), (5, 70)):
        with open(paths[file], "r+b") as target:
            base = sum(COUNTS[:file])
            target.seek(sum(len(record) + 16 for record in RECORDS[base : last + 1]) - 1)
            target.write(b"\xff")
    given = ignore_damage if tolerant else "raise"
    records = EpochRecords(RecordSet(paths, on_damage=given))
    records.build_indexes(needed=True)
    numbers = [*range(80, 60, -1), *range(30, 10, -1)]
    chunk = pick(records, numbers)
    if tolerant:
        assert chunk.error is None
        assert [(found.path, found.record) for found in chunk.damages] == [
            (paths[5], 9),
            (paths[1], 17),
        ]
        kept = [row for row, number in enumerate(numbers) if number not in (20, 70)]
    else:
        assert chunk.damages == []
        assert isinstance(chunk.error, CorruptRecordError)
        assert (chunk.error.path, chunk.error.record) == (paths[5], 9)
        kept = list(range(10))
    assert chunk.steps.tolist() == kept
    assert chunk.numbers.tolist() == [numbers[row] for row in kept]
    assert list(chunk.block) == [RECORDS[numbers[row]] for row in kept]


@pytest.mark.parametrize("kind", INDEXED)
@pytest.mark.parametrize("on_damage", ["raise", ignore_damage])
@pytest.mark.parametrize("readable", [0, 13])
def test_where_nothing_can_be_read_few_reads_are_tried(
    sets, monkeypatch, kind, on_damage, readable
):
    """Each record was tried by itself: of a store that is out of reach each is a request."""
    records = EpochRecords(RecordSet(sets[kind], on_damage=on_damage))
    records.build_indexes(needed=True)
    numbers = RANDOM.permutation(100)
    still, tries = {*numbers[:readable].tolist()}, []
    for of, first in ((RecordSet, lambda _: 0), (RecordFile, first_of(records))):
        monkeypatch.setattr(of, "read_block", failing(of.read_block, first, still, tries))
    chunk = pick(records, numbers)
    assert isinstance(chunk.error, OSError)
    assert chunk.damages == []
    assert chunk.numbers.tolist() == numbers[:readable].tolist()
    assert len(tries) < (30 if readable == 0 else 100)


def first_of(records):
    return lambda file: int(records.bases[records.files.index(file.path)])


def failing(read, first, still, tries):
    """Return a reading of records that fails for all but some."""

    def read_block(self, numbers):
        tries.append(len(numbers))
        if not {*(np.asarray(numbers) + first(self)).tolist()} <= still:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, numbers)

    return read_block
