"""Writers of one file killed at random moments (fault matrix, row 27)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from variants import few_or_many

from tfrecord_lite import RecordWriter, TruncatedRecordError, read_records
from tfrecord_lite.records.storage import is_partial

# Python and the package are started once; each writer is a fork, and killed by its parent.
SERVER = """
import os, signal, sys, time
from tfrecord_lite import RecordWriter

def write_forever(path, mode, compression, begun):
    options = {"atomic": {}, "in_place": {"atomic": False}, "append": {"mode": "a"}}[mode]
    compressed = {"compression": compression or None, "block_bytes": 1 << 12}
    while True:
        with RecordWriter(path, **compressed, **options) as writer:
            os.write(begun, b"x")
            for index in range(2_000):
                writer.write(b"%d" % index)
                if index % 7 == 0:
                    writer.flush()

for line in sys.stdin:
    seconds, mode, compression, path = line.removesuffix("\\n").split(" ", 3)
    begun, begins = os.pipe()
    child = os.fork()
    if not child:
        try:
            write_forever(path, mode, compression, begins)
        finally:
            # Whatever it was, it was no end.
            os._exit(1)
    os.close(begins)
    os.read(begun, 1)
    time.sleep(float(seconds))
    os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os.close(begun)
"""


@pytest.fixture(scope="module")
def kill_a_writer() -> Iterator[Callable[..., int]]:
    """Start a writer and kill it so many seconds after it has opened; return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def kill(seconds: float, mode: str, compression: str, path: Path) -> int:
            print(seconds, mode, compression, path, file=server.stdin, flush=True)
            return int(server.stdout.readline())

        yield kill
        server.stdin.close()
    assert server.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("compression", ["", "GZIP"])
@pytest.mark.parametrize("mode", ["atomic", "in_place", "append"])
@few_or_many("kills", 6, 34)
def test_row_27_killed_at_random_moments(
    mode: str, compression: str, kills: int, tmp_path: Path, injected, kill_a_writer
) -> None:
    rng = random.Random(27)
    path = tmp_path / "a"
    for _ in range(kills):
        assert kill_a_writer(rng.uniform(0, 0.05), mode, compression, path) == -signal.SIGKILL
        for name in os.listdir(tmp_path):
            got: list[bytes] = []
            try:
                got += read_records(tmp_path / name)
            except TruncatedRecordError:
                assert mode != "atomic" or is_partial(name)
            assert got == [b"%d" % (index % 2_000) for index in range(len(got))]
            if mode == "atomic" and name == "a":
                assert len(got) == 2_000
            if is_partial(name):
                assert mode == "atomic"
                os.unlink(tmp_path / name)
            elif mode == "append":
                # A torn tail is refused, and trimmed when asked.
                with RecordWriter(
                    path, mode="a", on_truncated="trim", compression=compression or None
                ) as writer:
                    assert writer.records == 0
                assert list(read_records(path)) == got
                os.unlink(path)
    injected(kills)
