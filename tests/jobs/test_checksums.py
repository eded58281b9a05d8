"""What jobs write has right checksums: those that were verified, or new ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from frames import frame, frames

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert, merge, shard

# Short and long ones, and of one length, many.
RECORDS = [bytes([n % 251]) * (n % 7 * n % 300) for n in range(500)] + [b"x" * 70_000, b"y" * 3000]
RECORDS += [tfr.encode_example({"label": n}) for n in range(800)]

JOBS = {
    "merge": lambda src, dst, **options: merge(src, dst, **options),
    "convert": lambda src, dst, **options: convert(src, dst, **options),
    "salvage": lambda src, dst, **options: tfr.salvage(src, dst, **options),
    "shard": lambda src, dst, **options: shard(src, dst, **options),
    "in turns": lambda src, dst, **options: shard(src, dst, num_shards=3, **options),
    "shuffle": lambda src, dst, **options: shard(src, dst, shuffle=1, **options),
    "sample": lambda src, dst, **options: shard(src, dst, sample=len(RECORDS) - 1, **options),
}
FILES = ("merge", "convert", "salvage")


def written(folder):
    return b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in sorted(folder.iterdir())
        if "manifest" not in path.name
    )


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("verify", [True, False, "none"])
def test_every_frame_that_a_job_writes_is_right(tmp_path, job, suffix, verify):
    """Also where those that are read are not, and may be."""
    source = tmp_path / f"source.tfrecord{suffix}"
    data = frames(RECORDS)
    if verify is not True:
        bad = [bytearray(frame(record)) for record in RECORDS]
        for each in bad:
            each[-4:] = bytes(4)
            if verify == "none":
                each[8:12] = bytes(4)
        data = b"".join(bad)
    source.write_bytes(gzip.compress(data, mtime=0) if suffix else data)
    target = tmp_path / "new"
    target.mkdir()
    name = f"a.tfrecord{suffix}" if job in FILES else "a"
    JOBS[job](source, target / name, verify=verify)
    found = written(target)
    records, at = [], 0
    while at < len(found):
        size = int.from_bytes(found[at : at + 8], "little")
        records.append(found[at + 12 : at + 12 + size])
        assert found[at : at + size + 16] == frame(records[-1])
        at += size + 16
    if job in FILES or job == "shard":
        assert records == RECORDS
    else:
        assert len(records) == len(RECORDS) - (job == "sample")
        assert not set(records) - set(RECORDS)


def test_a_reader_s_block_that_was_changed_is_written_as_it_is_now(tmp_path):
    """Only jobs, which change nothing, write the checksums that were read."""
    tfr.write_records(tmp_path / "a", [b"one", b"two"])
    with tfr.RecordReader(tmp_path / "a") as reader, tfr.RecordWriter(tmp_path / "b") as writer:
        for block in reader.blocks():
            block.buffer[block.starts] = np.frombuffer(b"XY", np.uint8)
            writer.write_many(block)
    assert list(tfr.read_records(tmp_path / "b")) == [b"Xne", b"Ywo"]
