"""Append under faults: whatever happens, what was there before is still there afterwards."""

from __future__ import annotations

import errno
import gzip
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from frames import THREE, frame, frames, header
from peak import growth

from tfrecord_lite import (
    CorruptRecordError,
    RecordReader,
    RecordWriter,
    TFRecordError,
    TruncatedRecordError,
    read_records,
    write_records,
)
from tfrecord_lite.records import storage

CODECS = [None, "GZIP"]
MORE = [b"more %d " % index * 50 for index in range(40)]


def rescued(path: Path, codec: str | None) -> list[bytes]:
    """Read all intact records of a file."""
    with RecordReader(path, compression=codec, on_damage=lambda damage: None) as reader:
        return list(reader)


@pytest.fixture(params=CODECS)
def codec(request) -> str | None:
    return request.param


@pytest.fixture
def path(tmp_path: Path, codec: str | None) -> Path:
    path = tmp_path / "a"
    write_records(path, THREE, compression=codec)
    return path


@pytest.mark.parametrize("on_truncated", ["raise", "trim"])
@pytest.mark.parametrize("bit", [0, 7])
def test_rows_01_to_04_no_flipped_bit_costs_a_record(
    path: Path, codec, on_truncated, bit, injected
) -> None:
    """A damaged file is refused as it is, or what is intact in it stays."""
    data = path.read_bytes()
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        path.write_bytes(damaged)
        before = rescued(path, codec)
        try:
            write_records(path, [b"more"], mode="a", compression=codec, on_truncated=on_truncated)
        except (TFRecordError, ValueError):
            assert path.read_bytes() == damaged
        else:
            assert rescued(path, codec) == [*before, b"more"]
        assert os.listdir(path.parent) == ["a"]
    injected(len(data))


@pytest.mark.parametrize("on_truncated", ["raise", "trim"])
def test_row_06_wherever_the_file_is_cut(path: Path, codec, on_truncated, injected) -> None:
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        before = rescued(path, codec)
        try:
            write_records(path, [b"more"], mode="a", compression=codec, on_truncated=on_truncated)
        except TruncatedRecordError:
            assert on_truncated == "raise"
            assert path.read_bytes() == data[:end]
        else:
            assert list(read_records(path)) == [*before, b"more"]
    injected(len(data))


def test_row_08_zeros_behind_the_records_are_not_cut_off(path: Path, codec) -> None:
    with path.open("ab") as file:
        file.write(bytes(4096))
    data = path.read_bytes()
    for on_truncated in ("raise", "trim"):
        with pytest.raises(TFRecordError):
            write_records(path, [b"more"], mode="a", compression=codec, on_truncated=on_truncated)
        assert path.read_bytes() == data


@pytest.mark.parametrize("torn", [13, 30, 70])
@pytest.mark.parametrize("length", [60, 200, 100_000])
def test_row_11_records_behind_a_torn_one_are_not_cut_off(
    tmp_path: Path, torn: int, length: int
) -> None:
    """Somebody has appended to a torn file, without a look at its end."""
    path = tmp_path / "a"
    data = frames(THREE) + frame(b"x" * length)[:torn] + frames(MORE)
    path.write_bytes(data)
    with pytest.raises(TFRecordError) as caught:
        write_records(path, [b"more"], mode="a", on_truncated="trim")
    assert path.read_bytes() == data
    if length == 100_000:
        assert isinstance(caught.value, CorruptRecordError)
        assert f"another record begins at byte {78 + torn}" in str(caught.value)
        assert (caught.value.record, caught.value.offset) == (3, 78)
    assert rescued(path, None) == THREE + MORE


@pytest.mark.parametrize("lost", [45, 49, 55])
def test_row_11_a_record_that_moved_into_a_damaged_one_is_not_cut_off(
    tmp_path: Path, lost: int
) -> None:
    """By the lengths alone, the record that lost bytes has those of the next, but for a rest."""
    path = tmp_path / "a"
    large, last = frame(b"large" * 60), frame(b"b" * 40)
    data = frames(THREE) + large[:100] + large[100 + lost :] + last
    path.write_bytes(data)
    with pytest.raises(TFRecordError, match=f"record begins at byte {len(data) - len(last)}"):
        write_records(path, [b"more"], mode="a", on_truncated="trim")
    assert path.read_bytes() == data
    assert rescued(path, None) == [*THREE, b"b" * 40]


def test_rows_03_and_06_damaged_data_is_no_reason_not_to_cut(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = bytearray(frames(THREE))
    data[-5] ^= 1
    path.write_bytes(data + frame(b"x" * 50)[:20])
    write_records(path, [b"more"], mode="a", on_truncated="trim")
    assert path.read_bytes() == data + frame(b"more")


def test_row_13_a_torn_record_that_holds_frames_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a"
    outer = frames(THREE)
    for before in ([], [b"x"], [outer], [b"prefix" + outer]):
        for record in (outer, b"prefix" + outer):
            if record != outer and before != [b"prefix" + outer]:
                continue
            path.write_bytes(frames([*before, record])[:-1])
            write_records(path, [b"more"], mode="a", on_truncated="trim")
            assert list(read_records(path)) == [*before, b"more"]


def test_row_16_a_torn_member_with_others_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    one = gzip.compress(frames(THREE))
    path.write_bytes(one + one[:-20] + one)
    data = path.read_bytes()
    before = rescued(path, "GZIP")
    assert before[:3] == before[-3:] == THREE
    for on_truncated in ("raise", "trim"):
        with pytest.raises(TFRecordError):
            write_records(path, [b"more"], mode="a", compression="GZIP", on_truncated=on_truncated)
        assert path.read_bytes() == data


def test_row_19_zlib_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(zlib.compress(frames(THREE)))
    data = path.read_bytes()
    for codec in (None, "GZIP", "ZLIB"):
        with pytest.raises(ValueError, match="ZLIB"):
            write_records(path, [b"more"], mode="a", compression=codec, on_truncated="trim")
        assert path.read_bytes() == data


def test_row_21_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for data in (b"\x89PNG\r\n\x1a\n" + bytes(50), b'{"some": "json", "and": "more of it"}'):
        path.write_bytes(data)
        for codec in (None, "GZIP"):
            with pytest.raises(ValueError):
                write_records(path, [b"more"], mode="a", compression=codec, on_truncated="trim")
            assert path.read_bytes() == data
    with pytest.raises(OSError):
        write_records(tmp_path, [b"more"], mode="a")


@pytest.mark.parametrize("call", ["write", "flush", "close"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_row_25_the_nth_call_fails(
    path: Path, codec, call: str, number: int, monkeypatch: pytest.MonkeyPatch, injected
) -> None:
    original = getattr(storage.Output, call)
    nth = 0
    while True:
        nth += 1
        write_records(path, THREE, compression=codec)
        calls = []

        def failing(output, *args):
            calls.append(call)
            if len(calls) == nth:
                raise OSError(number, os.strerror(number))
            return original(output, *args)

        with monkeypatch.context() as patch:
            patch.setattr(storage.Output, call, failing)
            try:
                with RecordWriter(path, mode="a", compression=codec) as writer:
                    for record in MORE:
                        writer.write(record)
                        writer.flush()
            except OSError as error:
                assert error.errno == number
            else:
                break
        got = rescued(path, codec)
        assert got == (THREE + MORE)[: len(got)]
        assert len(got) >= len(THREE)
    assert list(read_records(path)) == THREE + MORE
    assert nth > (1 if call == "close" else len(MORE))
    injected(nth - 1)


@pytest.mark.parametrize("room", [0, 1, 15, 100, 3000])
def test_row_25_a_full_disk(path: Path, codec, room: int) -> None:
    """A limit on the size of files, as the system enforces it: a write is cut short, then fails."""
    program = """
import resource, signal, sys
from tfrecord_lite import RecordWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
with RecordWriter(sys.argv[1], mode="a", compression=sys.argv[3] or None) as writer:
    for index in range(1000):
        writer.write(bytes(str(index), "ascii") * 20)
        writer.flush()
"""
    limit = path.stat().st_size + room
    command = [sys.executable, "-c", program, path, str(limit), codec or ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert path.stat().st_size <= limit
    got = rescued(path, codec)
    assert got[:3] == THREE
    assert got[3:] == [b"%d" % index * 20 for index in range(len(got) - 3)]
    # What is torn is refused; once it is trimmed, all goes on.
    write_records(path, [b"more"], mode="a", compression=codec, on_truncated="trim")
    assert list(read_records(path)) == [*got, b"more"]


@pytest.mark.parametrize("call", ["write", "close"])
def test_row_25_a_torn_gzip_file_that_cannot_be_written_anew(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_records(path, THREE * 10, compression="GZIP")
    torn = path.read_bytes()[:-3]
    path.write_bytes(torn)

    def fail(output, *args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.Output, call, fail)
    with pytest.raises(OSError, match="No space left"):
        RecordWriter(path, mode="a", compression="GZIP", on_truncated="trim")
    assert path.read_bytes() == torn
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("torn", [False, True])
def test_row_27_killed_while_appending(tmp_path: Path, codec, torn: bool, injected) -> None:
    """Killed at any moment, while looking at the file or while writing: no record is lost."""
    rng = random.Random(27)
    path = tmp_path / "a"
    before = [rng.randbytes(rng.randrange(3000)) for _ in range(300)]
    write_records(path, before, compression=codec)
    whole = path.read_bytes()
    if torn:
        whole = whole[:-2]
        path.write_bytes(whole)
    kept = rescued(path, codec)
    assert len(kept) >= len(before) - (1 if codec is None else 300)
    program = """
    injected(6)


import sys
from tfrecord_lite import RecordWriter
print("go", flush=True)
codec = sys.argv[2] or None
with RecordWriter(sys.argv[1], mode="a", on_truncated="trim", compression=codec) as writer:
    for index in range(1000000):
        writer.write(b"%d" % index * 100)
        if index % 7 == 0:
            writer.flush()
"""
    for _ in range(6):
        path.write_bytes(whole)
        process = subprocess.Popen(
            [sys.executable, "-c", program, path, codec or ""], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        got = rescued(path, codec)
        assert got[: len(kept)] == kept
        more = got[len(kept) :]
        assert more == [b"%d" % index * 100 for index in range(len(more))]


def test_row_33_a_symbolic_link_is_followed(path: Path, codec, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    write_records(link, [b"more"], mode="a", compression=codec)
    assert link.is_symlink()
    assert list(read_records(path)) == [*THREE, b"more"]


def test_row_10_a_hostile_length_at_the_end_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = frames(THREE) + header(2**40) + bytes(10)
    path.write_bytes(data)
    for on_truncated in ("raise", "trim"):
        with pytest.raises(TFRecordError):
            write_records(path, [b"more"], mode="a", on_truncated=on_truncated)
        assert path.read_bytes() == data


def test_memory_of_the_look_at_a_large_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_records(path, [bytes(1000)] * 100_000)
    before = "import sys\nfrom tfrecord_lite import write_records"
    assert growth(before, 'write_records(sys.argv[1], [b"more"], mode="a")', path) < 50
