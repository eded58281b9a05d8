"""RecordFile: the same records as a list has, or an error; never another record."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frames import FILES, THREE, frame, frames, masked, member
from hypothesis import given, settings
from hypothesis import strategies as st

import tfrecord_lite as tfr
from tfrecord_lite.errors import (
    CompressionError,
    CorruptRecordError,
    RecordTooLargeError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.files import member_frames, plain_frames, record_file
from tfrecord_lite.files.index import RecordIndex, StaleIndexError
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.records import RecordReader, members, write_records
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.text import plural
from tfrecord_lite.thresholds import thresholds

FORMS = {
    "plain": {},
    "members of one": {"compression": "GZIP", "block_bytes": 1},
    "members of some": {"compression": "GZIP", "block_bytes": 300},
    "one member": {"compression": "GZIP"},
}
MIXED = [random.Random(3).randbytes(n) for n in [*range(0, 3000, 131), 20_000, 0, 17_000, 5]]
REAL = Path(__file__).parents[1] / "data" / "real"


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return FORMS[request.param]


@pytest.fixture(params=["preadv", "pread", "seek"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system has for reading at an offset."""
    if request.param != "preadv":
        monkeypatch.delattr(os, "preadv")
    if request.param == "seek":
        monkeypatch.delattr(os, "pread")


def write(path: Path, records: Any, form: dict[str, Any] | None = None) -> str:
    write_records(path, records, **(form or {}))
    return os.fspath(path)


def keep_time(path: Any, data: bytes) -> None:
    """Write other content into the same file and set its time back to what it was."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def refreshed(index: RecordIndex, path: str) -> RecordIndex:
    """Return an index that takes the file as it is now for the one that it was made of."""
    return RecordIndex(path, Anything(), index.members or index.bounds)


class Anything:
    """A fingerprint of whatever."""

    def require(self, file: Any, index: str) -> None: ...


# --- Equal to a list ---


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("name", FILES)
def test_every_record_by_its_number(tmp_path, name, form):
    records = FILES[name]
    path = write(tmp_path / "a", records, form)
    for verify in (True, False):
        with RecordFile(path, verify=verify) as file:
            assert len(file) == len(records)
            assert file[:] == list(file) == records
            assert file[::-1] == records[::-1]
            for number in range(-len(records), len(records)):
                assert file[number] == records[number]
                assert file[np.int32(number)] == records[number]
            shuffled = random.Random(0).choices(range(len(records)), k=len(records))
            assert file[shuffled] == [records[number] for number in shuffled]
            whole = file.read_block(range(len(records)))
            assert whole.to_list() == records
            assert whole.offsets.tolist() == np.cumsum([0, *(whole.lengths + 16)])[:-1].tolist()
            assert file.path == path
            assert repr(file) == f"<RecordFile of {path}: {plural(len(records), 'record')}>"


@settings(deadline=None)
@given(data=st.data())
def test_as_a_list(tmp_path_factory, data):
    sizes = st.integers(0, 40) | st.integers(0, 6000) | st.integers(16_300, 16_500)
    lengths = data.draw(st.lists(sizes, max_size=40))
    rng = random.Random(len(lengths))
    records = [rng.randbytes(length) for length in lengths]
    form = data.draw(st.sampled_from(sorted(FORMS)))
    path = write(tmp_path_factory.mktemp("list") / "a", records, FORMS[form])
    number = st.integers(-len(records), max(len(records) - 1, 0))
    numbers = st.lists(number, max_size=60 if records else 0)
    with RecordFile(path, verify=data.draw(st.booleans())) as file:
        for asked in data.draw(st.lists(numbers, max_size=4)):
            expected = [records[which] for which in asked]
            assert file[asked] == expected
            assert file[np.array(asked, np.int64)] == expected
            assert file.read_block(asked).to_list() == expected
        some = data.draw(st.slices(len(records)))
        assert file[some] == records[some]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_what_records_may_be_asked_for_by(tmp_path, dtype):
    with RecordFile(write(tmp_path / "a", THREE)) as file:
        assert file[np.array([2, 0], dtype)] == [THREE[2], THREE[0]]
        assert file[np.array(1, dtype)] == THREE[1]
        assert file[(0, -1)] == file[range(0, 3, 2)] == [THREE[0], THREE[2]]
        assert file[[]] == file[np.array([])] == file[()] == file[5:] == []
        assert THREE[1] in file
        assert [*reversed(file)] == THREE[::-1]


@pytest.mark.parametrize(
    "which",
    [
        *("0", 1.0, None, [1.0], ["0"], [[0]], [None], {0}),
        *(True, [True], np.True_, [True, 1, 0], (0, np.True_)),  # a mask, surely
    ],
    ids=repr,
)
def test_what_they_may_not_be_asked_for_by(tmp_path, which, form):
    with RecordFile(write(tmp_path / "a", THREE, form)) as file:
        with pytest.raises(TypeError, match="by an integer, a slice, or a list or array of int"):
            file[which]
        with pytest.raises(TypeError, match="by a list or a one-dimensional array of integers"):
            file.read_block(which)


@pytest.mark.parametrize("which", [1, np.int64(1), slice(2)])
def test_a_block_is_asked_for_by_several_numbers(tmp_path, which, form):
    path = write(tmp_path / "a", THREE, form)
    with RecordFile(path) as file, tfr.RecordSet(path) as records:
        for read_block in (file.read_block, records.read_block):
            with pytest.raises(TypeError) as info:
                read_block(which)
            assert str(info.value).endswith(f"array of integers, not {type(which).__name__}")
            assert "an integer" not in str(info.value)


@pytest.mark.parametrize("number", [3, -4, 1 << 40, -(1 << 40), 1 << 70])
def test_numbers_that_no_record_has(tmp_path, number, form):
    path = write(tmp_path / "a", THREE, form)
    with RecordFile(path) as file:
        with pytest.raises(IndexError, match=f"a: no record {number}, there are 3"):
            file[number]
        for ask in (lambda: file[[0, number]], lambda: file.read_block([0, number])):
            with pytest.raises((IndexError, TypeError)):
                ask()


def test_block_is_one_as_read_from_a_file(tmp_path, form):
    path = write(tmp_path / "a", MIXED, form)
    offsets = np.cumsum([0, *(len(record) + 16 for record in MIXED)])
    asked = [5, 6, 7, 0, 26, 5, 20]
    with RecordFile(path) as file:
        block = file.read_block(np.array(asked))
        whole = file.read_block(range(len(MIXED)))
        none = file.read_block([])
    assert block.to_list() == [MIXED[number] for number in asked]
    assert block.path == path
    assert block.buffer.tobytes().startswith(frames([MIXED[number] for number in asked]))
    assert block.buffer.flags.writeable
    # Decoders fetch some bytes beyond the last record.
    assert len(block.buffer) == sum(len(MIXED[number]) + 16 for number in asked) + 16
    for part, numbers in ((block, asked), (block[2:5], asked[2:5]), (whole, range(len(MIXED)))):
        assert [part.number(index) for index in range(len(part))] == list(numbers)
        assert [part.offset(index) for index in range(len(part))] == [
            offsets[number] for number in numbers
        ]
        assert (part.first_record, part[0]) == (numbers[0], MIXED[numbers[0]])
    # One in the order of the file is what a reader would give.
    assert [whole.base + start - 12 for start in whole.starts] == offsets[:-1].tolist()
    assert len(none) == len(block[3:3]) == 0
    assert pickle.loads(pickle.dumps(block)).to_list() == block.to_list()


@pytest.mark.parametrize("file", sorted(path.name for path in REAL.iterdir()))
def test_real_files(file):
    with RecordReader(REAL / file) as reader:
        records = list(reader)
        compressed = reader.compression
    if compressed and records:
        with pytest.raises(CompressionError, match="again"):
            RecordFile(REAL / file)
        return
    with RecordFile(REAL / file) as opened:
        order = random.Random(0).sample(range(len(records)), len(records))
        assert opened[order] == [records[number] for number in order]


# --- How it reads ---


class Calls:
    """Counts reads of a file, and inflations of a member."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        self.read_bytes = 0
        self.inflated: list[bytes] = []
        read_at, read_spans = PositionedFile.read_at, PositionedFile.read_spans
        read_into = PositionedFile.read_into
        inflate = members.inflate_member

        def counted_read(file: PositionedFile, size: int, offset: int) -> bytes:
            self.reads += 1
            self.read_bytes += size
            return read_at(file, size, offset)

        def counted_spans(file: PositionedFile, begins: list[int], ends: list[int]) -> list[bytes]:
            self.reads += len(begins)
            self.read_bytes += sum(ends) - sum(begins)
            return read_spans(file, begins, ends)

        def counted_into(file: PositionedFile, view: memoryview, offset: int) -> int:
            self.reads += 1
            self.read_bytes += len(view)
            return read_into(file, view, offset)

        def counted_inflate(data: bytes, member: Any) -> bytes:
            self.inflated.append(data)
            return inflate(data, member)

        monkeypatch.setattr(PositionedFile, "read_at", counted_read)
        monkeypatch.setattr(PositionedFile, "read_spans", counted_spans)
        monkeypatch.setattr(PositionedFile, "read_into", counted_into)
        monkeypatch.setattr(member_frames, "inflate_member", counted_inflate)


def test_near_records_are_read_together_and_far_ones_are_not(tmp_path, monkeypatch):
    records = [bytes([n % 256]) * 1000 for n in range(1000)]
    with RecordFile(write(tmp_path / "a", records)) as file:
        calls = Calls(monkeypatch)
        for asked, reads in (
            (range(100, 200), 1),
            (range(199, 99, -1), 1),
            ([100, 102, 104, 106], 1),
            ([106, 100, 104, 102, 104], 1),
            (range(0, 1000, 10), 100),
            ([0, 1, 999, 998], 2),
        ):
            calls.reads = calls.read_bytes = 0
            assert file.read_block(asked).to_list() == [records[number] for number in asked]
            assert calls.reads == reads, asked
            assert file[asked] == [records[number] for number in asked]
            assert calls.reads == 2 * reads, asked
            assert calls.read_bytes < 2 * 1016 * (len(asked) + 5)


def test_long_lists_are_read_a_piece_at_a_time(tmp_path, monkeypatch, form):
    """And so the memory taken beside the result is bounded."""
    records = [bytes([n % 256]) * 100 for n in range(3000)]
    monkeypatch.setattr(thresholds, "picked_piece_bytes", 10_000)
    monkeypatch.setattr(thresholds, "picked_piece_bytes", 10_000)
    monkeypatch.setattr(thresholds, "picked_run_bytes", 4096)
    monkeypatch.setattr(thresholds, "planned_records", 1000)
    most = 3000 if form == {"compression": "GZIP"} else 1 + (10_000 + 4096) // 116
    with RecordFile(write(tmp_path / "a", records, form)) as file:
        pieces = []
        joined = record_file.join_frames
        monkeypatch.setattr(
            record_file, "join_frames", lambda *args: pieces.append(len(args[0])) or joined(*args)
        )
        order = random.Random(0).sample(range(3000), 3000)
        assert file[order] == [records[number] for number in order]
        assert file[::2] == records[::2]
        assert list(file) == records
    assert max(pieces) <= most
    assert len(pieces) > 3


def test_large_records_are_read_straight_into_their_bytes(tmp_path, monkeypatch):
    records = [bytes([n]) * 100_000 for n in range(30)]
    with RecordFile(write(tmp_path / "a", records)) as file:
        monkeypatch.setattr(plain_frames.PlainFrames, "pieces", None)
        assert file[::3] == records[::3]
        assert file[7] == records[7]


def test_each_member_is_inflated_once_whatever_the_order(tmp_path, monkeypatch):
    records = [bytes([n]) * 100 for n in range(200)]
    path = write(tmp_path / "a", records, {"compression": "GZIP", "block_bytes": 1000})
    monkeypatch.setattr(thresholds, "kept_member_bytes", 0)
    monkeypatch.setattr(thresholds, "picked_piece_bytes", 3000)
    count = len(RecordIndex.build(path).members.offsets) - 1
    assert count == 23
    calls = Calls(monkeypatch)
    order = random.Random(0).choices(range(200), k=2000)
    for ask in (
        lambda file: file[order],
        lambda file: file.read_block(order).to_list(),
        lambda file: list(map(list(file).__getitem__, order)),
    ):
        with RecordFile(path) as file:
            calls.inflated.clear()
            calls.reads = 0
            assert ask(file) == [records[number] for number in order]
            assert len(calls.inflated) == calls.reads == len(set(calls.inflated)) == count


def test_one_record_costs_one_member_and_its_neighbours_none(tmp_path, monkeypatch):
    records = [bytes([n]) * 100 for n in range(200)]
    path = write(tmp_path / "a", records, {"compression": "GZIP", "block_bytes": 1000})
    with RecordFile(path) as file:
        calls = Calls(monkeypatch)
        for number in (100, 101, 99, 100, -100):
            assert file[number] == records[number]
        assert len(calls.inflated) == calls.reads == 1


def test_members_kept_are_bounded_in_bytes_and_number(tmp_path, monkeypatch):
    records = [bytes([n]) * 100 for n in range(200)]
    path = write(tmp_path / "a", records, {"compression": "GZIP", "block_bytes": 1000})
    size = 9 * 116
    for most_bytes, most_members, kept in ((3 * size, 16, 3), (3 * size - 1, 16, 2), (1, 16, 1),
                                           (1 << 20, 5, 5)):  # fmt: skip
        monkeypatch.setattr(thresholds, "kept_member_bytes", most_bytes)
        monkeypatch.setattr(thresholds, "kept_members", most_members)
        with RecordFile(path) as file:
            calls = Calls(monkeypatch)
            for _ in range(2):
                for number in range(0, 9 * kept, 9):
                    assert file[number] == records[number]
            assert len(calls.inflated) == kept
            file[9 * kept]
            for number in range(0, 9 * kept, 9):
                file[number]
            assert len(calls.inflated) > kept + 1


def test_row_22_short_reads(tmp_path, monkeypatch, form):
    """A system call may give less than was asked for."""
    path = write(tmp_path / "a", MIXED, form)
    for most in (1, 7, 1000):
        pread, preadv = os.pread, os.preadv
        with monkeypatch.context() as patch:
            patch.setattr(os, "pread", lambda fd, n, at: pread(fd, min(n, most), at))
            patch.setattr(os, "preadv", lambda fd, to, at: preadv(fd, [to[0][:most]], at))
            with RecordFile(path) as file:
                assert file[3] == MIXED[3]
                assert file[::-2] == MIXED[::-2]
                assert file.read_block(range(9)).to_list() == MIXED[:9]


def test_row_24_system_errors_pass_through(tmp_path, monkeypatch, form):
    with RecordFile(write(tmp_path / "a", MIXED, form)) as file:

        def fail(*args: object) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "pread", fail)
            patch.setattr(os, "preadv", fail)
            for ask in (3, [3, 9, 1]):
                with pytest.raises(OSError, match="Input/output"):
                    file[ask]
            with pytest.raises(OSError, match="Input/output"):
                file.read_block([3, 4])
        assert file[3] == MIXED[3]


# --- Sharing ---


@pytest.mark.usefixtures("system")
def test_row_35_threads_share_one(tmp_path, form):
    records = [random.Random(n).randbytes(n) for n in range(300)]
    with RecordFile(write(tmp_path / "a", records, form)) as file:
        wrong = []

        def read(seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(100):
                one, many = rng.randrange(300), rng.choices(range(300), k=5)
                if file[one] != records[one] or file[many] != [records[n] for n in many]:
                    wrong.append((one, many))

        threads = [threading.Thread(target=read, args=[seed]) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_row_36_forked_processes_share_one(tmp_path, form):
    path = write(tmp_path / "a", MIXED, form)
    # In a process of its own, which has no threads.
    program = f"""
import os
from tfrecord_lite.files.record_file import RecordFile
with RecordFile({path!r}) as file:
    expected = file[:]
    children = []
    for child in range(4):
        pid = os.fork()
        if not pid:
            right = all(file[n] == expected[n] for _ in range(20) for n in range(len(file)))
            os._exit(0 if right else 1)
        children.append(pid)
    right = all(file[n] == expected[n] for _ in range(20) for n in range(len(file)))
    print(right, [os.waitpid(pid, 0)[1] for pid in children])
"""
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output == "True [0, 0, 0, 0]\n"


def test_row_37_pickled_by_path_with_its_index(tmp_path, form, monkeypatch):
    path = write(tmp_path / "a", MIXED, form)
    with RecordFile(path, verify=False, max_record_bytes=18_000) as file:
        data = pickle.dumps(file)
        monkeypatch.setattr(RecordIndex, "build", None)
        with pickle.loads(data) as again:
            assert again[3:9] == file[3:9]
            with pytest.raises(RecordTooLargeError):
                again[MIXED.index(max(MIXED, key=len))]
    write_records(path, THREE)
    with pytest.raises(StaleIndexError):
        pickle.loads(data)


def test_closed(tmp_path, form):
    file = RecordFile(write(tmp_path / "a", MIXED, form))
    file.close()
    file.close()
    for ask in (lambda: file[0], lambda: file[:], lambda: file.read_block([0]), lambda: list(file)):
        with pytest.raises(ValueError, match="closed"):
            ask()


# --- Damage ---


def outcome(ask: Any) -> Any:
    try:
        return ask()
    except TFRecordError as error:
        assert isinstance(error, (CorruptRecordError, StaleIndexError, CompressionError))
        assert error.path is not None
        assert error.record is not None
        return None


def test_rows_3_and_4_damaged_data_is_named_and_costs_its_record_alone(tmp_path):
    path = write(tmp_path / "a", MIXED)
    index = RecordIndex.build(path)
    data = Path(path).read_bytes()
    for number in (3, 5, len(MIXED) - 4):
        begin, end = index.bounds[number : number + 2].tolist()
        for at in (begin + 12, end - 5, end - 4, end - 1):
            damaged = bytearray(data)
            damaged[at] ^= 0x40
            Path(path).write_bytes(damaged)
            with RecordFile(path, index=refreshed(index, path)) as file:
                good = [n for n in range(len(MIXED)) if n != number]
                assert file[good] == [MIXED[n] for n in good]
                for ask in (number, [1, number], slice(None)):
                    with pytest.raises(CorruptRecordError) as raised:
                        file[ask]
                    error = raised.value
                    place = (error.path, error.record, error.offset, error.kind)
                    assert place == (path, number, begin, "data")
                    assert error.actual == masked(bytes(damaged[begin + 12 : end - 4]))
                    stated = int.from_bytes(damaged[end - 4 : end], "little")
                    assert error.expected == stated
                    assert f"0x{error.actual:08x}, expected 0x{stated:08x}" in str(error)
            with RecordFile(path, index=refreshed(index, path), verify=False) as file:
                assert file[number] == damaged[begin + 12 : end - 4]


@pytest.mark.parametrize("verify", [True, False])
def test_rows_1_and_2_damaged_length_costs_its_record_alone(tmp_path, verify):
    path = write(tmp_path / "a", MIXED)
    index = RecordIndex.build(path)
    data = Path(path).read_bytes()
    for number in (3, len(MIXED) - 4):
        begin = int(index.offsets[number])
        for at in range(begin, begin + 12):
            damaged = bytearray(data)
            damaged[at] ^= 0x40
            Path(path).write_bytes(damaged)
            with RecordFile(path, index=refreshed(index, path), verify=verify) as file:
                good = [n for n in range(len(MIXED)) if n != number]
                assert file[good] == [MIXED[n] for n in good]
                for ask in (number, [1, number]):
                    with pytest.raises(CorruptRecordError, match="checksum of the length") as found:
                        file[ask]
                    error = found.value
                    place = (error.path, error.record, error.offset, error.kind)
                    assert place == (path, number, begin, "length")


@pytest.mark.parametrize("name", FORMS)
def test_row_5_any_bit_flipped_under_an_open_file(tmp_path, name):
    """The right record or an error, one by one and in a list; never another record."""
    records = [b"foo", b"", b"barbaz" * 3]
    path = write(tmp_path / "a", records, FORMS[name])
    data = Path(path).read_bytes()
    with RecordFile(path) as file:
        for at in range(8 * len(data)):
            damaged = bytearray(data)
            damaged[at // 8] ^= 1 << at % 8
            with open(path, "r+b") as raw:
                raw.write(damaged)
            wrong = 0
            with RecordFile(path, index=refreshed(file.index, path)) as now:
                for number, record in enumerate(records):
                    got = outcome(lambda: now[number])
                    assert got in (record, None)
                    wrong += got is None
                assert outcome(lambda: now[[2, 0, 1]]) == (
                    None if wrong else [records[2], records[0], records[1]]
                )
            if name == "plain":
                assert wrong == 1


def test_row_33_file_that_shrinks_under_an_open_one(tmp_path, form):
    records = [b"foo" * 50, b"", b"barbaz" * 30, bytes(17_000)]
    path = write(tmp_path / "a", records, form)
    data = Path(path).read_bytes()
    with RecordFile(path) as file:
        ends = file.index.bounds if file.index.members is None else None
        for size in [*range(0, min(len(data), 500), 7), len(data) - 9, len(data) - 1]:
            os.truncate(path, size)
            # No member from before.
            with RecordFile(path, index=refreshed(file.index, path)) as now:
                for number, record in enumerate(records):
                    try:
                        assert now[number] == record
                    except TruncatedRecordError as error:
                        assert "ends" in str(error)
                        assert error.path == path
                        if ends is not None:
                            assert ends[error.record] <= size < ends[error.record + 1]
                            assert error.offset == ends[error.record]
                    else:
                        assert ends is None or size >= ends[number + 1]
                with pytest.raises(TruncatedRecordError):
                    now[[3, 2, 1, 0]]
                for asked in ([0, 3, 2], [0, 1, 2, 3]):
                    with pytest.raises(TruncatedRecordError):
                        now.read_block(asked)
            Path(path).write_bytes(data)


def test_row_33_file_that_is_replaced_under_an_open_one(tmp_path, form):
    path = write(tmp_path / "a", MIXED, form)
    with RecordFile(path) as file:
        write_records(path, THREE, **form)
        assert file[:] == MIXED
        with pytest.raises(StaleIndexError), RecordFile(path, index=file.index):
            pass


def test_row_32_file_that_grows_under_an_open_one(tmp_path, form):
    path = write(tmp_path / "a", THREE, form)
    with RecordFile(path) as file:
        write_records(path, [b"more"], mode="a", compression=form.get("compression"))
        assert (len(file), file[:]) == (3, THREE)
    with RecordFile(path) as file:
        assert file[:] == [*THREE, b"more"]


def test_index_of_another_file(tmp_path):
    first, second = write(tmp_path / "a", THREE), write(tmp_path / "b", MIXED)
    with pytest.raises(
        StaleIndexError, match=r"another state of .*/b, which has \d+ bytes, not 78"
    ):
        RecordFile(second, index=RecordIndex.build(first))


def test_stale_index_that_went_unnoticed_gives_no_wrong_record(tmp_path):
    """Same size, time, head and tail; other records in between."""
    ends = [b"a" * 5000, b"z" * 5000]
    before = [ends[0], b"b" * 300, b"c" * 300, b"d" * 300, ends[1]]
    after = [ends[0], b"b" * 300, b"C" * 200, b"D" * 400, ends[1]]
    path = write(tmp_path / "a", before)
    RecordIndex.build(path).save()
    keep_time(path, frames(after))
    with RecordFile(path) as file:
        assert file[[0, 1, 4]] == [before[0], before[1], before[4]]
        for ask in (2, [0, 2]):
            with pytest.raises(
                StaleIndexError, match="has 200 bytes, in the index it has 300"
            ) as e:
                file[ask]
            assert (e.value.path, e.value.record, e.value.offset) == (path, 2, 5016 + 316)
        with pytest.raises(CorruptRecordError):
            file[3]


def test_text_index_that_lies_gives_no_wrong_record(tmp_path):
    path, text = write(tmp_path / "a", THREE), tmp_path / "a.idx"
    text.write_text("0 20\n20 21\n41 37\n")
    with RecordFile(path, index=RecordIndex.from_text(path, text)) as file:
        for number in (0, 1):
            with pytest.raises((CorruptRecordError, StaleIndexError)):
                file[number]
        assert file[2] == THREE[2]


def test_missing_and_impossible_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        RecordFile(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        RecordFile(tmp_path)
    damaged = tmp_path / "a"
    damaged.write_bytes(frames(THREE)[:-1])
    with pytest.raises(TruncatedRecordError, match="record 2 at byte 41"):
        RecordFile(damaged)


# --- Limits ---


def test_row_10_record_above_the_limit(tmp_path, form):
    path = write(tmp_path / "a", MIXED, form)
    large = MIXED.index(max(MIXED, key=len))
    offset = sum(len(record) + 16 for record in MIXED[:large])
    with RecordFile(path, max_record_bytes=19_999) as file:
        assert file[:large] == MIXED[:large]
        for ask in (large, [1, large], slice(None)):
            with pytest.raises(
                RecordTooLargeError, match="20000 bytes, more than .*=19999"
            ) as found:
                file[ask]
            error = found.value
            assert (error.path, error.record, error.offset) == (path, large, offset)
            assert (error.expected, error.actual) == (19_999, 20_000)
    with RecordFile(path, max_record_bytes=20_000) as file:
        assert file[:] == MIXED


@pytest.mark.parametrize("isal", [True, False])
@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (member(frame(b"foo"), raw=18, records=1), CompressionError, "ncorrect|does not inflate"),
        (member(frame(b"foo"), raw=20, records=1), CompressionError, "ncorrect|does not inflate"),
        (member(frame(bytes(9)), records=0, raw=0), CompressionError, None),
        (
            member(frames([b"foo", b""]), records=1),
            CompressionError,
            "states 1 records, there are 2",
        ),
        (
            member(frames([b"a", b"bc"]) + bytes(3), records=2),
            CorruptRecordError,
            "no whole record",
        ),
        (member(frame(b"foo") + bytes(16), records=2), CorruptRecordError, "no whole record"),
        (member(bytes(19), records=1), CorruptRecordError, "no whole record"),
        (member(frame(b"foo"), b"\xff" * 30, records=1), CompressionError, "invalid|Error|error"),
        (
            member(bytes(1 << 20), raw=20, records=1),
            CompressionError,
            "does not inflate to the 20 bytes",
        ),
    ],
    ids=range(9),
)
def test_rows_18_and_20_members_that_are_not_what_they_state(
    tmp_path, request, data, kind, reason, isal
):
    if isal:
        pytest.importorskip("isal")
    else:
        request.getfixturevalue("without_isal")
    path = tmp_path / "a"
    path.write_bytes(
        member(frame(b"before"), records=1) + data + member(frame(b"after"), records=1)
    )
    if reason is None:
        with pytest.raises(kind):
            RecordFile(path)
        return
    with RecordFile(path) as file:
        assert file[[0, -1]] == [b"before", b"after"]
        for ask in (1, [1, 0]):
            with pytest.raises(kind, match=reason) as raised:
                file[ask]
            assert raised.value.record >= 1
            assert raised.value.offset >= 22
            assert raised.value.path == str(path)
            assert "gzip member at compressed byte" in str(raised.value)


@pytest.mark.usefixtures("without_isal")
def test_row_20_no_more_is_inflated_than_is_stated(monkeypatch):
    made, decompressobj = [], zlib.decompressobj

    class Decoder:
        eof, unused_data = False, b""

        def __init__(self) -> None:
            self._real = decompressobj(wbits=31)

        def decompress(self, data: bytes, most: int) -> bytes:
            made.append(self._real.decompress(data, most))
            return made[-1]

    monkeypatch.setattr(zlib, "decompressobj", lambda wbits: Decoder())
    bomb = zlib.compressobj(wbits=31)
    data = bomb.compress(bytes(1 << 24)) + bomb.flush()
    with pytest.raises(CompressionError):
        members.inflate_member(data, members.Member(len(data), 1000, 1))
    assert [len(output) for output in made] == [1001]


def test_row_20_member_too_large_to_be_inflated_at_once(tmp_path, monkeypatch):
    path = write(tmp_path / "a", [b"x" * 1000] * 10, {"compression": "GZIP"})
    monkeypatch.setattr(member_frames, "DEFAULT_MAX_RECORD_BYTES", 5000)
    with (
        RecordFile(path, max_record_bytes=2000) as file,
        pytest.raises(CompressionError, match=r"10160 bytes .* smaller block_bytes"),
    ):
        file[0]
    with RecordFile(path, max_record_bytes=20_000) as file:
        assert file[0] == b"x" * 1000


@pytest.mark.parametrize("form", ["plain", "GZIP"])
@pytest.mark.parametrize("asked", [[5, 3, 1], [9, 8, 3, 3], [2, 3, 4], [3]])
def test_errors_about_picked_records_name_them(tmp_path, form, asked):
    path = tmp_path / "a"
    records = [tfr.encode_example({"x" if i != 3 else "y": i}) for i in range(10)]
    tfr.write_records(path, records, compression=None if form == "plain" else form)
    features = {"x": tfr.FixedLenFeature([], np.int64)}
    parse = (
        lambda block: tfr.parse_example(block, features),
        lambda block: tfr.parse_sequence_example(block, features, {}),
    )
    with tfr.RecordFile(path) as file:
        block = file.read_block(asked)
        for part in (block, block[asked.index(3) :]):
            for ask in parse:
                with pytest.raises(tfr.ExampleError) as caught:
                    ask(part)
                place = caught.value.path, caught.value.record, caught.value.offset
                assert place == (str(path), 3, sum(len(record) + 16 for record in records[:3]))
