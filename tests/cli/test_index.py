"""`tfrecord-lite index`: what is written, what is printed, and the exit code."""

from __future__ import annotations

import gzip
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.thresholds import thresholds

RECORDS = [b"foo", b"barbaz", b"x" * 300]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, RECORDS)
    return path


def test_writes_a_sidecar(command, path):
    outcome = command("index", path)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        f"ok      {path}.index: 3 records, 82 B",
        "1 file, 0 failed",
    ]
    assert outcome.err == ""
    assert RecordIndex.load(path).lengths.tolist() == [3, 6, 300]


def test_sidecar_that_is_damaged_anywhere_is_replaced(command, path, monkeypatch):
    monkeypatch.setattr(thresholds, "index_block_rows", 1)
    monkeypatch.setattr(thresholds, "index_whole_rows", 0)
    command("index", path)
    sidecar = Path(f"{path}.index")
    whole = sidecar.read_bytes()
    sidecar.write_bytes(whole[:-1] + b"x")
    assert command("index", path).out.startswith("ok ")
    assert sidecar.read_bytes() == whole


def test_sidecar_that_fits_is_left_alone(command, path):
    command("index", path)
    before = os.stat(f"{path}.index")
    assert command("index", path).out.startswith(f"fresh   {path}.index: 3 records, 82 B\n")
    after = os.stat(f"{path}.index")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    tfr.write_records(path, RECORDS[:2])
    assert command("index", path).out.startswith(f"ok      {path}.index: 2 records, 78 B\n")
    assert len(RecordIndex.load(path)) == 2


def test_text_form(command, path):
    for _ in range(2):
        assert command("index", "--text", path).out.startswith(f"ok      {path}.idx: 3 records, ")
        assert Path(f"{path}.idx").read_text() == "0 19\n19 22\n41 316\n"
        # With a sidecar, too, which it takes.
        RecordIndex.build(path).save()


def test_verify_reads_everything(command, path):
    data = bytearray(path.read_bytes())
    data[19 + 12] ^= 1  # in "barbaz"
    path.write_bytes(data)
    assert command("index", path).code == 0
    outcome = command("index", "--verify", path)
    assert outcome.code == 1
    assert f"FAILED  {path}: record 1 at byte 19: checksum of the data" in outcome.out


def test_directory_whose_indexes_are_no_data(command, tmp_path):
    for number in range(3):
        options = {"compression": "GZIP"} if number else {}
        tfr.write_records(tmp_path / f"x-0000{number}-of-00003", RECORDS[:number], **options)
    for files in (tmp_path, tmp_path / "x@3", tmp_path / "x-*"):
        assert command("index", files).out.splitlines()[-1] == "3 files, 0 failed"
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize(
    ("name", "data", "code", "reason"),
    [
        ("cut", b"\0" * 5, 1, "5 bytes into a record"),
        ("stream.gz", gzip.compress(bytes(16), mtime=0), 1, "can only be read from its"),
        ("dangling", None, 2, "No such file"),
    ],
)
def test_one_that_fails_keeps_no_other_from_its_index(
    command, tmp_path, path, name, data, code, reason
):
    if data is None:
        os.symlink("nowhere", tmp_path / name)
    else:
        (tmp_path / name).write_bytes(data)
    outcome = command("index", tmp_path / name, path)
    assert outcome.code == code
    first, second, last = outcome.out.splitlines()
    assert first.startswith("FAILED  ")
    assert name in first
    assert reason in first
    assert second.startswith("ok ")
    assert last == "2 files, 1 failed"


@pytest.mark.parametrize("order", [1, -1])
def test_damage_and_worse_exit_2(command, tmp_path, path, order):
    """1 says that all that was wrong is damage."""
    (tmp_path / "cut").write_bytes(b"\0" * 5)
    os.symlink("nowhere", tmp_path / "dangling")
    outcome = command("index", *[tmp_path / "cut", tmp_path / "dangling", path][::order])
    assert outcome.code == 2
    assert outcome.out.splitlines()[-1] == "3 files, 2 failed"


def test_text_of_gzip_cannot_be(command, tmp_path):
    path = tmp_path / "a.gz"
    tfr.write_records(path, RECORDS, compression="GZIP")
    outcome = command("index", "--text", path)
    assert outcome.code == 2
    assert "the records of a GZIP file" in outcome.out
    assert os.listdir(tmp_path) == ["a.gz"]


@pytest.mark.parametrize("arguments", [["index"], ["index", "none"], ["index", "-"]])
def test_nothing_to_index_exits_2(command, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(*arguments).code == 2


def test_row_41_no_name_reaches_the_terminal_unescaped(command, tmp_path):
    path = tmp_path / "a\x1b[31m\n[red]b.tfrecord"
    tfr.write_records(path, RECORDS)
    for data in (path.read_bytes(), path.read_bytes()[:-1]):
        path.write_bytes(data)
        outcome = command("index", path)
        assert "\x1b" not in outcome.out + outcome.err
        assert "[red]" in outcome.out


def test_progress_bar_on_a_terminal_only(path):
    terminal, child = pty.openpty()
    arguments = [sys.executable, "-m", "tfrecord_lite", "index", str(path)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(arguments, stdout=-1, stderr=child, env=environment, check=False)
    os.close(child)
    shown = os.read(terminal, 1 << 16)
    os.close(terminal)
    assert done.returncode == 0
    assert b"\x1b[" in shown
    assert b"\x1b" not in done.stdout
    assert b"1 file, 0 failed" in done.stdout


def test_no_line_begins_beside_the_progress_bar(path):
    """Where both go to one terminal."""
    terminal, child = pty.openpty()
    arguments = [sys.executable, "-m", "tfrecord_lite", "index", str(path)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(arguments, stdout=child, stderr=child, env=environment, check=False)
    os.close(child)
    shown = os.read(terminal, 1 << 16)
    os.close(terminal)
    assert done.returncode == 0
    bar, _, line = shown.rpartition(b"\x1b")
    assert b"ok      " not in bar
    assert b"ok      " in line
