"""Members inflated ahead: the same records, places and errors as without."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
import warnings
from pathlib import Path

import pytest
from frames import frames, member

from tfrecord_lite import CompressionError, Damage, RecordReader, write_records
from tfrecord_lite.records import ahead, inflate
from tfrecord_lite.thresholds import thresholds

RECORDS = [random.Random(n).randbytes(n) for n in range(400)]


@pytest.fixture(autouse=True)
def eager(cores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "ahead_member_bytes", 1)
    cores(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_records(tmp_path / "a", RECORDS, compression="GZIP", block_bytes=5_000)
    return tmp_path / "a"


def threads() -> list[str]:
    return [item.name for item in threading.enumerate() if "tfrecord_lite-inflate" in item.name]


def places(path: Path) -> list[tuple[int, int, int]]:
    """Return what a reader says of its place after each block."""
    found = []
    with RecordReader(path) as reader:
        reader.block_bytes = 3000
        for block in reader.blocks():
            found.append((block.first_record, reader.offset, len(block)))
    return found


def test_records_and_places_are_the_same(path: Path, cores) -> None:
    eager = places(path)
    with RecordReader(path) as reader:
        assert list(reader) == RECORDS
        assert threads()
        assert reader.source_offset == path.stat().st_size
    cores(1)
    assert sum(count for *_, count in places(path)) == len(RECORDS)
    assert {end for _, end, _ in places(path)} >= {eager[-1][1]}


def test_threads_end_with_the_reader(path: Path) -> None:
    with RecordReader(path) as reader:
        next(reader)
        assert threads()
    assert not threads()
    reader = RecordReader(path)
    next(reader)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        del reader
        gc.collect()
    deadline = time.monotonic() + 30
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not threads()


def test_all_is_inflated_ahead(path: Path, monkeypatch) -> None:
    inflated = []
    original = inflate.InflatedSource._inflate
    monkeypatch.setattr(
        inflate.InflatedSource,
        "_inflate",
        lambda self, limit: inflated.append(original(self, limit)) or inflated[-1],
    )
    with RecordReader(path) as reader:
        assert list(reader) == RECORDS
    assert inflated == []


def test_a_forked_child_reads_on_by_itself(path: Path) -> None:
    reader = RecordReader(path)
    assert next(reader) == RECORDS[0]
    child = os.fork()
    if not child:  # pragma: no cover - a child that ends without a trace
        os._exit(0 if list(reader) == RECORDS[1:] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(reader) == RECORDS[1:]
    reader.close()


@pytest.mark.parametrize("at", [0, 1, 2, 3])
@pytest.mark.parametrize("stated", [{"raw": 5}, {"size": 60}, {"isize": 5}, {"checksum": 0}])
def test_a_member_that_is_not_what_it_states_is_met_in_its_place(tmp_path, stated, at) -> None:
    parts = [member(frames([b"x" * number] * 3)) for number in range(4)]
    parts[at] = member(frames([b"x" * at] * 3), **stated)
    path = tmp_path / "a"
    path.write_bytes(b"".join(parts))
    got = []
    with RecordReader(path) as reader:
        try:
            for record in reader:
                got.append(record)
        except CompressionError as error:
            assert error.record in (at * 3, at * 3 + 3)
            assert error.path == str(path)
        else:
            assert len(got) == 12
            assert parts[at] == member(frames([b"x" * at] * 3))
    assert got == [b"x" * (number // 3) for number in range(len(got))]


@pytest.mark.parametrize("seed", range(60))
def test_behind_damage_all_places_are_the_same(seed: int, tmp_path, cores) -> None:
    """However the calls were cut that inflated what came before it."""
    rng = random.Random(seed)
    path = tmp_path / "a"
    records = [rng.randbytes(rng.randrange(200)) for _ in range(40)]
    write_records(path, records, compression="GZIP", block_bytes=rng.choice([300, 1000]))
    data = bytearray(path.read_bytes())
    for _ in range(rng.randrange(1, 3)):
        at = rng.randrange(len(data))
        data[at : at + 4] = rng.randbytes(4)
    path.write_bytes(data)
    found = []
    for count in (1, 3):
        cores(count)
        damage: list[Damage] = []
        with RecordReader(path, on_damage=damage.append) as reader:
            reader.block_bytes = 1 << 10
            places = [
                (block.first_record + index, block.offset(index), block[index])
                for block in reader.blocks()
                for index in range(len(block))
            ]
        found.append((places, [(place.begin, place.end, place.record) for place in damage]))
    assert found[0] == found[1]


def test_a_file_that_fails_to_be_read_says_so(path: Path, monkeypatch) -> None:
    with RecordReader(path) as reader:
        next(reader)
        monkeypatch.setattr(os, "pread", lambda *_: (_ for _ in ()).throw(OSError(5, "broken")))
        monkeypatch.setattr(
            "tfrecord_lite.records.byte_source.ByteSource.readinto",
            lambda *_: (_ for _ in ()).throw(OSError(5, "broken")),
        )
        with pytest.raises(OSError, match="broken"):
            list(reader)


def test_without_threads_it_is_read_all_the_same(path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ahead.Threads, "submit", refuse)
    with RecordReader(path) as reader:
        assert list(reader) == RECORDS


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1, 1 << 40])
def test_row_20_no_size_that_is_stated_decides_what_is_read(tmp_path, size) -> None:
    whole = member(frames([b"x" * 1000] * 3))
    path = tmp_path / "a"
    path.write_bytes(whole + member(frames([b"y" * 1000] * 3), size=size) + whole)
    damage: list[Damage] = []
    with RecordReader(path, on_damage=damage.append) as reader:
        assert list(reader) == [b"x" * 1000] * 3 + [b"y" * 1000] * 3 + [b"x" * 1000] * 3
    assert [(one.kind, one.record) for one in damage] == [("count", 6)]


def test_small_and_large_members_are_left_to_the_reader(path: Path, monkeypatch) -> None:
    for name, value in (("ahead_member_bytes", 1 << 20), ("ahead_bytes", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(thresholds, name, value)
            with RecordReader(path) as reader:
                assert list(reader) == RECORDS
                assert not threads()
