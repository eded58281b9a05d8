"""Writers of one file killed at random moments (fault matrix, row 27)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfrecord_lite import RecordWriter, TruncatedRecordError, read_records
from tfrecord_lite.records.storage import is_partial

WRITE_FOREVER = """
import sys
from tfrecord_lite import RecordWriter
path, mode, compression = sys.argv[1:]
options = {} if mode == "atomic" else {"atomic": False} if mode == "in_place" else {"mode": "a"}
while True:
    compressed = {"compression": compression or None, "block_bytes": 1 << 12}
    with RecordWriter(path, **compressed, **options) as writer:
        print("go", flush=True)
        for index in range(20_000):
            writer.write(b"%d" % index)
            if index % 7 == 0:
                writer.flush()
"""


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["", "GZIP"])
@pytest.mark.parametrize("mode", ["atomic", "in_place", "append"])
def test_row_27_killed_at_random_moments(
    mode: str, compression: str, tmp_path: Path, injected
) -> None:
    rng = random.Random(27)
    path = tmp_path / "a"
    for _ in range(34):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, path, mode, compression], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for name in os.listdir(tmp_path):
            got: list[bytes] = []
            try:
                got += read_records(tmp_path / name)
            except TruncatedRecordError:
                assert mode != "atomic" or is_partial(name)
            assert got == [b"%d" % (index % 20_000) for index in range(len(got))]
            if mode == "atomic" and name == "a":
                assert len(got) == 20_000
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
    injected(34)
