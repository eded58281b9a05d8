"""Commands whose standard streams are closed, as under cron or in a daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from variants import few_or_many

import tfrecord_lite as tfr

CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"]


def run(folder, arguments, closed):
    """Run a command in a folder; return its exit code and what it wrote to standard error."""
    command = f'exec "$0" -m tfrecord_lite {arguments} {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@few_or_many("step", 2, 1)
@pytest.mark.parametrize("closed", CLOSED)
def test_what_cannot_be_read_or_printed_is_no_damage(tmp_path, closed, step):
    tfr.write_examples(tmp_path / "a", {"x": range(5)})
    # Without output; with output; from standard input; outside any command.
    commands = (
        ("head -n 0 a", ""),
        ("verify a", ">"),
        ("salvage --overwrite - b", "<>"),
        ("verify -", "<>"),
        ("info --json a", ">"),
        ("--version", ">"),
    )
    # Those of every second; with another stream the others.
    for arguments, used in commands[CLOSED.index(closed) % step :: step]:
        code, errors = run(tmp_path, arguments, closed)
        broken = any(f"{stream}&-" in closed.replace("2>&-", "") for stream in used)
        assert code == (2 if broken else 0), (arguments, errors)
        assert "Traceback" not in errors


def test_closed_output_hides_no_message(tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": range(5)})
    code, errors = run(tmp_path, "info a", ">&-")
    assert (code, errors) == (2, "tfrecord-lite: standard input or standard output is closed\n")


@pytest.mark.parametrize("command", ["head", "info"])
def test_closed_input_is_said(tmp_path, command):
    code, errors = run(tmp_path, f"{command} -", "<&-")
    assert (code, errors) == (2, "tfrecord-lite: standard input is closed\n")


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": range(5)})
    for name in ("b", "c"):
        assert run(tmp_path, f"salvage a {name}", "<&- >&- 2>&-")[0] == 2
        assert (tmp_path / name).read_bytes() == (tmp_path / "a").read_bytes()


def test_what_was_printed_before_an_error_must_be_written_too(tmp_path):
    (tmp_path / "a").write_bytes(b"no record here, whatever else it is")
    code, errors = run(tmp_path, "verify a", ">/dev/full")
    assert code == 2
    assert "standard output: No space left" in errors


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_named(tmp_path, monkeypatch, unbuffered):
    """Also where it is help, or more than is buffered."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    tfr.write_examples(tmp_path / "a", {"x": range(3000)})
    for command in ("info a", "cat a", "--help", "head a --json"):
        code, errors = run(tmp_path, command, ">/dev/full")
        assert code == 2
        assert errors.startswith("tfrecord-lite: standard output: No space left on device")


@pytest.mark.skipif(os.name != "posix", reason="no pipe can be waited for beside a signal")
def test_a_query_of_a_pipe_in_which_nothing_comes_hears_an_interrupt(tmp_path):
    """What reads it is a thread of DuckDB's, for which the one that hears signals waits."""
    pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    with subprocess.Popen(
        [sys.executable, "-m", "tfrecord_lite", "sql", "select count(*) from '-'"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            # More than a pipe holds: when all is written, it is being read.
            with tfr.RecordWriter(process.stdin) as writer:
                writer.write_many([b""] * 100_000)
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stdout.read() + process.stderr.read() == b""
        finally:
            process.kill()
