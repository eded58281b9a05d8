"""The viewer on large files: how soon the first page comes, and any record, and how much memory.

``tfrecord-lite view`` is started in a process of its own and asked over HTTP, as a browser asks. A
file of 10 GB (100,000 records of 100 KB, of zeros, which take little room on a disk) is viewed with
an index beside it and without; so is one of 100,000,000 records, by its index. Times are those of
whole requests, connection included; the first page has 24 records, and its time is told from the
request on and from the start of the process on.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness import conditions, describe, parse_options, save

import tfrecord_lite as tfr
from tfrecord_lite.records.framing import FOOTER_SIZE, HEADER_SIZE

# What is meant to be reached: seconds, seconds, bytes.
FIRST_PAGE, ANY_RECORD, MEMORY = 1.0, 0.2, 300e6
_RECORD_BYTES = 100_000
_ASKED = 200


@dataclass
class Viewed:
    """What was measured of one file: seconds, and bytes."""

    file: str
    size: int
    started_to_page: float
    first_page: float
    record_median: float
    record_most: float
    peak_bytes: int

    def row(self) -> list[str]:
        """Return a row of the table."""
        return [
            self.file,
            f"{self.size / 1e9:.2f} GB",
            f"{self.started_to_page:.2f} s",
            f"{1e3 * self.first_page:.0f} ms",
            f"{1e3 * self.record_median:.1f} ms (at most {1e3 * self.record_most:.0f})",
            f"{self.peak_bytes / 1e6:.0f} MB",
        ]


def write_large(path: Path, count: int) -> None:
    """Write records of zeros, which a file system need not store."""
    data = tfr.encode_example({"image": bytes(_RECORD_BYTES)})
    small = path.with_suffix(".one")
    tfr.write_records(small, [data])
    frame = small.read_bytes()
    small.unlink()
    zeros = frame.index(bytes(_RECORD_BYTES))
    front, back = frame[:zeros], frame[zeros + _RECORD_BYTES :]
    assert len(frame) == HEADER_SIZE + len(data) + FOOTER_SIZE
    with open(path, "wb") as file:
        for _ in range(count):
            file.write(front)
            file.seek(_RECORD_BYTES, os.SEEK_CUR)
            file.write(back)


def write_many(path: Path, count: int) -> None:
    """Write very many small records."""
    tfr.write_records(path, [tfr.encode_example({"x": 1})])
    frames = path.read_bytes() * 1000
    with open(path, "wb") as file:
        file.writelines(frames for _ in range(count // 1000))


def view(title: str, path: Path, count: int) -> Viewed:
    """View a file in a process of its own, and ask for its first page and for records all over."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "tfrecord_lite", "view", "--no-browser", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            _ask(address)
            asked = time.perf_counter()
            page = json.loads(_ask(address + "records?first=0&count=24"))
            shown = time.perf_counter()
            assert len(page["entries"]) == min(24, count), page
            known = page["records"] if not page["complete"] else count
            seconds = []
            rng = random.Random(0)
            for _ in range(_ASKED):
                at = time.perf_counter()
                _ask(f"{address}record?number={rng.randrange(known)}")
                seconds.append(time.perf_counter() - at)
            peak = _peak_of(process.pid)
        finally:
            process.terminate()
    return Viewed(
        title,
        path.stat().st_size,
        shown - began,
        shown - asked,
        median(seconds),
        max(seconds),
        peak,
    )


def _ask(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        found: bytes = answer.read()
        return found


def _peak_of(process: int) -> int:
    """Return the most memory that a process has held; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    """View each file."""
    options = parse_options(__doc__, repeats=1)
    large, many = (200, 10_000) if options.quick else (100_000, 100_000_000)
    viewed: list[Viewed] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        path = Path(folder, "large.tfrecord")
        write_large(path, large)
        title = f"{large:,} records of 100 KB"
        viewed.append(view(f"{title}, no index", path, large))
        tfr.RecordIndex.build(path).save()
        viewed.append(view(f"{title}, with an index", path, large))
        path.unlink()
        path = Path(folder, "many.tfrecord")
        write_many(path, many)
        tfr.RecordIndex.build(path).save()
        viewed.append(view(f"{many:,} records, with an index", path, many))
    head = ["file", "size", "start to first page", "first page", "any record", "peak memory"]
    rows = [head, ["---"] * len(head), *(one.row() for one in viewed)]
    where: dict[str, Any] = conditions(["numpy", "crc32c"])
    wanted = (
        f"Wanted: a first page within {FIRST_PAGE:.0f} s, any record within {1e3 * ANY_RECORD:.0f} "
        f"ms, less than {MEMORY / 1e6:.0f} MB. Without an index records are gone to as far as the "
        "file was read by then."
    )
    lines = [f"| {' | '.join(row)} |" for row in rows]
    measured = {"conditions": where, "viewed": [asdict(one) for one in viewed]}
    save("viewing", "\n".join([*lines, "", wanted, describe(where)]), measured, options.results)


if __name__ == "__main__":
    main()
