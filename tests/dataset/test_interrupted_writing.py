"""Interrupts after each call to the system that a writer makes.

Nothing half done stays: no file but whole ones, no open file, no lock and no thread. So the same
can be done again at once.
"""

from __future__ import annotations

import gc
import os
import shutil
import threading

import numpy as np
import pytest
from dataset.interrupting import Interrupted, SystemCall
from variants import few_or_many

import tfrecord_lite as tfr
from tfrecord_lite import jobs
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.files.publishing import publish_shards

ROWS = {"id": np.arange(20), "name": [b"%d" % number for number in range(20)]}
RECORDS = [bytes([number]) * 100_000 for number in range(8)]


def write_file(folder, **options):
    with tfr.RecordWriter(folder / "a.tfrecord", **options) as writer:
        for record in RECORDS:
            writer.write(record)


def write_shards(folder, **options):
    with tfr.ShardWriter(folder / "a", **options) as writer:
        for record in RECORDS:
            writer.write(record)


def write_split(folder):
    with tfr.ShardWriter(folder / "a", layout="tfds", features={"id": np.int64}) as writer:
        writer.write_examples({"id": ROWS["id"]})


def write_parts(folder):
    for part in range(2):
        with tfr.ShardWriter(folder / "a", part=part) as writer:
            writer.write_many(RECORDS[:2])
    publish_shards(folder / "a", 2)


def write_job(folder):
    job = WriteJob(folder / "a")
    job.start()
    try:
        with job.open(0) as writer:
            writer.write(b"one")
        job.commit([writer.manifest])
    except BaseException:
        job.abort()
        raise


WAYS = {
    "file": write_file,
    "new file": lambda folder: write_file(folder, mode="x"),
    "gzip": lambda folder: write_file(folder, compression="GZIP", block_bytes=150_000),
    "shards": lambda folder: write_shards(folder, records_per_shard=3),
    "turns": lambda folder: write_shards(folder, num_shards=2),
    "overwrite": lambda folder: write_shards(folder, num_shards=3, overwrite=True),
    "tfds": lambda folder: write_split(folder / "data" / "1.0.0"),
    "parts": write_parts,
    "job": write_job,
    "index": lambda folder: tfr.RecordIndex.build(folder / "a.tfrecord").save(),
    "manifest": lambda folder: jobs.make_manifest(folder / "a"),
    "salvage": lambda folder: tfr.salvage(folder.parent / "damaged", folder / "a.tfrecord"),
    "merge": lambda folder: jobs.merge(folder.parent / "set", folder / "a.tfrecord"),
    "shuffle": lambda folder: jobs.shard(
        folder.parent / "set", folder / "a", shuffle=1, split={"x": 0.5, "y": 0.5}
    ),
    **{
        suffix: lambda folder, suffix=suffix: jobs.convert(
            folder.parent / "set", folder / f"a.{suffix}"
        )
        for suffix in ("parquet", "arrow", "csv", "jsonl")
    },
}


def prepare(way, folder):
    """Return what is there before: files by their names."""
    folder.mkdir()
    if way in ("index", "manifest"):
        name = {"index": "a.tfrecord", "manifest": "a-00000-of-00001.tfrecord"}[way]
        shutil.copy(folder.parent / "set-00000-of-00001.tfrecord", folder / name)
    if way == "overwrite":
        write_shards(folder, num_shards=2)
    return found_in(folder)


def found_in(folder):
    return {
        # An index is of the file that it lies beside.
        path.relative_to(folder).as_posix(): path.suffix == ".index" or path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def open_files(folder):
    links = [f"/proc/self/fd/{handle}" for handle in os.listdir("/proc/self/fd")]
    return [os.readlink(link) for link in links if str(folder) in os.path.realpath(link)]


@pytest.fixture
def sources(tmp_path):
    with tfr.ShardWriter(tmp_path / "set") as writer:
        writer.write_examples(ROWS)
    data = bytearray((tmp_path / "set-00000-of-00001.tfrecord").read_bytes())
    data[200] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    return tmp_path


# A file that is open when it is forgotten is closed by that.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks at open files")
@few_or_many("step", 3, 1)
@pytest.mark.parametrize("way", WAYS)
def test_interrupted_writing_leaves_nothing_half_done(way, step, sources):
    if way in ("parquet", "arrow", "csv"):
        pytest.importorskip("pyarrow")
    prepare(way, sources / "whole")
    WAYS[way](sources / "whole")
    whole = found_in(sources / "whole")
    threads = threading.enumerate()
    at, call = 1, None
    while call is None or call.text:
        folder = sources / f"{at}"
        before = prepare(way, folder)
        call = SystemCall(at, Interrupted)
        try:
            with call:
                WAYS[way](folder)
        except Interrupted:
            assert call.text
        after = found_in(folder)
        assert after in (before, whole) or way == "parts", (at, call.text, sorted(after))
        if open_files(folder):
            gc.collect()
        assert not open_files(folder), (at, call.text)
        assert set(threading.enumerate()) <= set(threads), (at, call.text)
        if after != whole:
            WAYS[way](folder)
            assert found_in(folder) == whole, (at, call.text)
        shutil.rmtree(folder)
        at += step
    assert at > 3 * step
