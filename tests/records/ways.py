"""The ways to write a file, and what each may leave where it fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from faulty_disk import FaultyDisk
from frames import THREE

from tfrecord_lite import RecordWriter, TruncatedRecordError, read_records, write_records

MORE = [b"more %d " % index * 5 for index in range(5)]
CODECS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "GZIP", "block_bytes": 60},
    "one_stream": {"compression": "GZIP", "block_bytes": None},
    "zlib": {"compression": "ZLIB"},
}
MODES: dict[str, dict[str, Any]] = {
    "atomic": {},
    "new": {"mode": "x"},
    "in_place": {"atomic": False},
    "append": {"mode": "a"},
}
WAYS = [
    pytest.param({**CODECS[codec], **MODES[mode]}, id=f"{codec}-{mode}")
    for codec in CODECS
    for mode in MODES
    if (codec, mode) != ("zlib", "append")
]


def prepare(path: Path, options: dict[str, Any]) -> list[bytes]:
    """Set up what is there before a writer with these options, and return its records."""
    for name in os.listdir(path.parent):
        os.unlink(path.parent / name)
    if options.get("mode") == "x":
        return []
    codec = options.get("compression")
    write_records(path, THREE, compression=codec)
    return THREE


def is_in_place(options: dict[str, Any]) -> bool:
    return options.get("mode") == "a" or "atomic" in options


def write(path: Path, options: dict[str, Any], disk: FaultyDisk) -> list[int]:
    """Write MORE; return how many calls each flush took. A failure must be told again and again."""
    with disk:
        writer = RecordWriter(path, **options)
        flushed = []
        try:
            for record in MORE:
                writer.write(record)
                writer.flush()
                flushed.append(len(disk.done))
            writer.close()
        except OSError as error:
            if not writer._closed:
                for use in (lambda: writer.write(b"x"), writer.flush, writer.close):
                    with pytest.raises(OSError) as again:
                        use()
                    assert again.value is error
            writer.close()
            raise
    return flushed


def whole_records(path: Path) -> list[bytes]:
    """Read a file that may end inside a record."""
    got: list[bytes] = []
    try:
        got += read_records(path)
    except TruncatedRecordError:
        pass
    return got


def is_old_and_more(path: Path, old: list[bytes], options: dict[str, Any]) -> bool:
    """Tell whether a file is what a writer that failed may leave."""
    if not path.exists():
        return not old
    got = whole_records(path)
    if options.get("atomic") is False:
        # The old file is given up when this one is opened.
        return got in (old, MORE[: len(got)])
    if options.get("mode") == "a":
        return len(got) >= len(old) and got == (old + MORE)[: len(got)]
    return got in (old, MORE)
