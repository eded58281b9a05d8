"""RecordFile: many records at once, read in several pieces of several runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.thresholds import thresholds

RECORDS = [random.Random(5).randbytes(40 + n % 7) for n in range(300)]


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read runs of two or three records, and two or three runs at once."""
    monkeypatch.setattr(thresholds, "picked_piece_bytes", 300)
    monkeypatch.setattr(thresholds, "picked_run_bytes", 150)
    monkeypatch.setattr(thresholds, "picked_gap_bytes", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tfr.write_records(tmp_path / "a", RECORDS)
    return tmp_path / "a"


def numbers_of(seed: int) -> list[int]:
    rng = random.Random(seed)
    runs = [range(at, at + rng.choice([1, 2, 5])) for at in rng.sample(range(290), 60)]
    return [number for run in runs for number in run]


@pytest.mark.parametrize("seed", range(5))
def test_any_records_at_once(path: Path, pieces: None, seed: int) -> None:
    numbers = numbers_of(seed)
    with tfr.RecordFile(path) as file:
        assert file[numbers] == [RECORDS[number] for number in numbers]
        assert list(file.read_block(numbers)) == [RECORDS[number] for number in numbers]


def test_the_damaged_one_is_named_in_whichever_piece_it_is(path: Path, pieces: None) -> None:
    numbers = sorted(set(numbers_of(9)))
    index = tfr.RecordIndex.build(path)
    data = path.read_bytes()
    for number in numbers[3::11]:
        offset = int(index.bounds[number])
        damaged = bytearray(data)
        damaged[offset + 14] ^= 1
        path.write_bytes(damaged)
        # Records are checked unless nobody wants it.
        with tfr.RecordFile(path) as file:
            for what in (numbers, number):
                with pytest.raises(tfr.CorruptRecordError) as caught:
                    file[what]
                assert (caught.value.record, caught.value.offset) == (number, offset)
