"""`tfrecord-lite tail`: the last records, and those that come."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from frames import frame, frames

import tfrecord_lite as tfr

RECORDS = [tfr.encode_example({"a": number}) for number in range(12)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "events.tfrecord"
    tfr.write_records(path, RECORDS)
    return path


def numbers(lines: list[str]) -> list[int]:
    return [json.loads(line)["features"]["a"]["int64_list"][0] for line in lines]


def test_the_last_records(command, path):
    outcome = command("tail", path)
    assert (outcome.code, outcome.err) == (0, "")
    heads = [line for line in outcome.out.splitlines() if not line.startswith(" ")]
    assert [line.split(": ")[1] for line in heads] == [f"record {index}" for index in range(7, 12)]
    for count in (0, 1, 5, 12, 100):
        outcome = command("tail", "--json", "-n", count, path)
        assert numbers(outcome.out.splitlines()) == [*range(12)][12 - min(count, 12) :]


def test_standard_input(command, path):
    outcome = command("tail", "--json", "-n", 2, "-", stdin=path.read_bytes())
    assert numbers(outcome.out.splitlines()) == [10, 11]
    outcome = command("tail", "--follow", "-")
    assert outcome.code == 2
    assert "standard input cannot be followed" in outcome.err.replace("\n", " ")


def test_damage_is_told_and_exits_1(command, path):
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data[:-1])
    outcome = command("tail", "--json", "-n", 2, path)
    assert outcome.code == 1
    assert numbers(outcome.out.splitlines()) == [9, 10]
    assert [line.split(" left out: ")[0].split(": ")[-1] for line in outcome.err.splitlines()] == [
        "record 0, bytes 0 to 30",
        f"record 11, bytes {30 * 11} to {30 * 12 - 1}",
    ]


def test_missing_file(command, tmp_path):
    for option in ([], ["--follow"]):
        outcome = command("tail", *option, tmp_path / "none")
        assert (outcome.code, outcome.out) == (2, "")
        assert "no such file" in outcome.err.lower()


class Tail:
    """The command at work, in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "tfrecord_lite", "tail", "--follow", "--json"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self, count: int) -> list[str]:
        assert self.process.stdout is not None
        return [self.process.stdout.readline() for _ in range(count)]

    def end(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate()
        return self.process.returncode, out, err


def test_following(path):
    tail = Tail("-n", 2, path)
    assert numbers(tail.lines(2)) == [10, 11]
    more = frame(tfr.encode_example({"a": 12})) + frame(tfr.encode_example({"a": 13}))
    with path.open("ab") as file:
        file.write(more[:40])
        file.flush()
        assert numbers(tail.lines(1)) == [12]
        file.write(more[40:])
        file.flush()
        assert numbers(tail.lines(1)) == [13]
    other = path.with_suffix(".new")
    other.write_bytes(frames(RECORDS[5:6]))
    os.replace(other, path)
    assert numbers(tail.lines(1)) == [5]
    code, out, err = tail.end()
    assert (code, out) == (130, "")
    (line,) = err.splitlines()
    assert line.startswith("tfrecord-lite: ")
    assert "replaced by another one" in line


def test_following_past_damage(path):
    tail = Tail("-n", 1, path)
    assert numbers(tail.lines(1)) == [11]
    bad = bytearray(frame(b"never mind"))
    bad[2] ^= 1
    with path.open("ab") as file:
        file.write(bytes(bad) + frame(RECORDS[3]))
    assert numbers(tail.lines(1)) == [3]
    code, out, err = tail.end()
    assert (code, out) == (130, "")
    assert "record 12, bytes" in err


def test_a_reader_that_goes_away(path):
    tail = Tail("-n", 1, path)
    tail.lines(1)
    assert tail.process.stdout is not None
    tail.process.stdout.close()
    for _ in range(100):
        with path.open("ab") as file:
            file.write(frame(RECORDS[0]) * 100)
        if tail.process.poll() is not None:
            break
        time.sleep(0.1)
    assert tail.process.wait() == 141
    assert tail.process.stderr is not None
    assert tail.process.stderr.read() == ""
    tail.process.stderr.close()
