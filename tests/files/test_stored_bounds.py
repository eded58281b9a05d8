"""StoredBounds: an index of which only those blocks are read that are needed."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.files.bounds import StoredBounds
from tfrecord_lite.files.fingerprint import Fingerprint
from tfrecord_lite.files.index import RecordIndex, StaleIndexError
from tfrecord_lite.files.sidecar import SidecarBlocks, write_sidecar
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.thresholds import limits, thresholds

COUNT, BLOCK = 103, 10
RECORDS = [random.Random(5).randbytes(number * 7 % 40) for number in range(COUNT)]
BOUNDS = [0, *np.cumsum([len(record) + 16 for record in RECORDS]).tolist()]
HEAD = 52 + 11 * 12 + 12


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "index_block_rows", BLOCK)
    monkeypatch.setattr(thresholds, "index_whole_rows", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tfr.write_records(tmp_path / "a", RECORDS)
    RecordIndex.build(tmp_path / "a").save()
    return tmp_path / "a"


@pytest.fixture
def read_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the blocks that are read."""
    found: list[int] = []
    check = SidecarBlocks._check

    def noted(self: SidecarBlocks, block: int, data: memoryview) -> None:
        found.append(block)
        check(self, block, data)

    monkeypatch.setattr(SidecarBlocks, "_check", noted)
    return found


def stored(path: Path, **options: int) -> StoredBounds:
    bounds = RecordIndex.load(path, **options).frames
    assert isinstance(bounds, StoredBounds)
    return bounds


@pytest.mark.parametrize("kept", [0, 1 << 20])
@pytest.mark.parametrize("at_once", [1, 1 << 20])
def test_all_is_as_in_memory(path, kept, at_once, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.files.bounds._BYTES_AT_ONCE", at_once)
    rng = random.Random(7)
    bounds = stored(path, max_kept_bytes=kept)
    assert (len(bounds), bounds.end) == (COUNT, BOUNDS[-1])
    for _ in range(3):
        for number in rng.sample(range(COUNT), COUNT):
            assert bounds.frame(number) == (BOUNDS[number], BOUNDS[number + 1])
            numbers = sorted(rng.choices(range(COUNT), k=rng.randrange(40)))
            begins, ends = bounds.frames(np.array(numbers, np.int64))
            assert begins.tolist() == [BOUNDS[n] for n in numbers]
            assert ends.tolist() == [BOUNDS[n + 1] for n in numbers]
            first, end = sorted(rng.choices(range(COUNT + 1), k=2))
            assert bounds.between(first, end).tolist() == BOUNDS[first : end + 1]
        for offset in range(BOUNDS[-1] + 3):
            before = sum(begin < offset for begin in BOUNDS[:-1])
            assert bounds.count_before(offset) == before
    assert bounds.whole().tolist() == BOUNDS


@pytest.mark.parametrize("rows", [1, 9, 10, 11, 20])
def test_any_number_of_records(tmp_path, rows):
    path = tmp_path / "a"
    tfr.write_records(path, RECORDS[:rows])
    RecordIndex.build(path).save()
    with tfr.RecordFile(path) as file:
        assert [file[number] for number in range(rows)] == file[:] == RECORDS[:rows]
    assert stored(path).between(0, rows).tolist() == BOUNDS[: rows + 1]


def test_the_index_is_what_it_was(path, tmp_path):
    index, built = RecordIndex.load(path), RecordIndex.build(path)
    assert (len(index), index.raw_bytes, repr(index)) == (COUNT, BOUNDS[-1], repr(built))
    again = pickle.loads(pickle.dumps(index))
    os.remove(index.save(tmp_path / "again"))
    assert again.bounds.tolist() == index.bounds.tolist() == BOUNDS
    assert index.offsets.tolist() == built.offsets.tolist()
    assert index.lengths.tolist() == built.lengths.tolist()
    index.to_text(tmp_path / "a.idx")
    assert RecordIndex.from_text(path, tmp_path / "a.idx").bounds.tolist() == BOUNDS


def test_what_is_needed_is_read(path, read_blocks):
    with tfr.RecordFile(path) as file:
        assert read_blocks == []
        assert file[25] == RECORDS[25]
        assert read_blocks == [2]
        assert file[[51, 21, 50, 59]] == [RECORDS[n] for n in (51, 21, 50, 59)]
        assert read_blocks == [2, 2, 5]
        assert list(file.read_block(range(68, 72))) == RECORDS[68:72]
        assert read_blocks == [2, 2, 5, 6, 7]


def test_an_index_of_which_much_is_needed_is_kept(path, read_blocks):
    everything = [*range(11)]
    bounds = stored(path)
    for _ in range(5):
        for number in range(0, COUNT, 5):
            bounds.frames(np.array([number, number]))
    # Once or twice each, until it pays.
    assert len(read_blocks) < 3 * 11
    read_blocks.clear()
    for numbers in ([5, 55], [5, 55, 99]):
        stored(path).frames(np.array(numbers))
    assert read_blocks == [0, 5, *everything]
    read_blocks.clear()
    bounds = stored(path)
    for number in [*range(COUNT)] * 5:
        bounds.frame(number)
    assert read_blocks == [0, 1, 2, 3, 4, 5, *everything]
    read_blocks.clear()
    tight = stored(path, max_kept_bytes=3 * (8 * BLOCK + 8))
    for _ in range(5):
        for number in range(COUNT):
            tight.frame(number)
    # Ascending, so each is gone before it is needed again.
    assert read_blocks == [*range(11)] * 5
    assert tight.max_nbytes < stored(path).max_nbytes
    read_blocks.clear()
    for _ in range(5):
        for number in (5, 55, 99):
            tight.frame(number)
    assert read_blocks == [0, 5, 9]


def outcome(path: Path, number: int) -> bytes | str:
    try:
        with tfr.RecordFile(path, index=RecordIndex.load(path)) as file:
            return file[number]
    except StaleIndexError as error:
        assert error.path == f"{path}.index"
        return "stale"


def test_damage_is_found_where_it_is_used_and_nowhere_else(path):
    sidecar = Path(f"{path}.index")
    whole = sidecar.read_bytes()
    assert len(whole) == HEAD + COUNT
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        sidecar.write_bytes(damaged)
        for number in (0, 9, 55, 102):
            used = at < HEAD or (at - HEAD) // BLOCK == number // BLOCK
            assert outcome(path, number) == ("stale" if used else RECORDS[number])
        with pytest.raises(StaleIndexError, match="damaged|another state"):
            RecordIndex.load(path).bounds  # noqa: B018 - reads it
    for size in range(len(whole)):
        sidecar.write_bytes(whole[:size])
        assert outcome(path, 0) == "stale"
    sidecar.write_bytes(whole + b"\0")
    assert outcome(path, 0) == "stale"


def test_a_sidecar_that_is_another_meanwhile(path):
    bounds = stored(path)
    sidecar = Path(f"{path}.index")
    # The same again is as good.
    sidecar.write_bytes(sidecar.read_bytes())
    assert bounds.frame(5) == (BOUNDS[5], BOUNDS[6])
    with PositionedFile(path) as file:
        other = np.full(COUNT, 5, np.uint8)
        write_sidecar(str(sidecar), Fingerprint.of(file), [other])
    with pytest.raises(StaleIndexError, match="block 2 fails"):
        bounds.frame(25)
    sidecar.unlink()
    with pytest.raises(StaleIndexError, match="gone"):
        bounds.frame(25)


def forge(path: Path, changes: dict[int, int], width: type) -> None:
    """Write a sidecar with other lengths, and all checksums right."""
    lengths = [
        (len(record) + changes.get(number, 0)) % (1 << 64) for number, record in enumerate(RECORDS)
    ]
    with PositionedFile(path) as file:
        write_sidecar(f"{path}.index", Fingerprint.of(file), [np.array(lengths, width)])


@pytest.mark.parametrize("width", [np.uint16, np.uint64])
@pytest.mark.parametrize(
    ("row", "change"), [(0, 1), (3, -1), (50, 1), (COUNT - 1, 1), (COUNT - 1, -1)]
)
def test_a_forged_sidecar(path, width, row, change):
    """The file is not as large as its records would be."""
    forge(path, {row: change}, width)
    with pytest.raises(StaleIndexError, match="do not fit the file's size"):
        RecordIndex.load(path)


@pytest.mark.parametrize("size", [1 << 62, (1 << 63) - 1, 1 << 63])
def test_forged_lengths_that_go_around(path, size):
    """Of two in one block, so that the sums before and after it are right."""
    forge(path, {23: size, 25: -size}, np.uint64)
    assert outcome(path, 5) == RECORDS[5]
    with pytest.raises(StaleIndexError, match="do not fit"):
        stored(path).frames(np.array([5, 24]))


def test_forged_lengths_that_go_around_in_other_blocks(path):
    """The sums of the blocks in between are too large, and after them there are smaller ones."""
    forge(path, {23: 1 << 62, 55: -(1 << 62)}, np.uint64)
    with pytest.raises(StaleIndexError, match="do not fit the file's size"):
        RecordIndex.load(path)


@pytest.mark.parametrize("change", [1, -1])
def test_forged_lengths_of_a_block_that_are_not_those_of_its_table(path, change):
    forge(path, {}, np.uint16)
    sidecar = Path(f"{path}.index")
    data = bytearray(sidecar.read_bytes())
    begin, end = HEAD + 2 * 2 * BLOCK, HEAD + 3 * 2 * BLOCK
    data[begin + 2 * 3] += change
    # The checksum of block 2 in the table, and that of all before the blocks.
    data[52 + 2 * 12 + 8 : 52 + 3 * 12] = crc32c(data[begin:end]).to_bytes(4, "little")
    data[HEAD - 4 : HEAD] = crc32c(data[: HEAD - 4]).to_bytes(4, "little")
    sidecar.write_bytes(data)
    assert outcome(path, 5) == RECORDS[5]
    for numbers in ([25], [22, 48], [*range(COUNT)]):
        with pytest.raises(StaleIndexError, match="in a block do not fit its table"):
            stored(path).frames(np.array(numbers))


def test_indexes_of_a_set_are_kept_within_a_bound(tmp_path, monkeypatch):
    for name in "abcdef":
        tfr.write_records(tmp_path / name, [name.encode() + record for record in RECORDS])
        RecordIndex.build(tmp_path / name).save()
    numbers = [random.Random(1).randrange(6 * COUNT) for _ in range(300)]
    expected = ["abcdef"[n // COUNT].encode() + RECORDS[n % COUNT] for n in numbers]
    for bound in (1 << 20, 8000, 10):
        monkeypatch.setattr(limits, "index_bytes", bound)
        with tfr.RecordSet(tmp_path) as records:
            assert records[numbers] == [records[n] for n in numbers] == expected
