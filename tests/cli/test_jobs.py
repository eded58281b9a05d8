"""`tfrecord-lite merge` and `manifest`."""

from __future__ import annotations

import pytest
from job_sets import RECORDS, N, of_set

import tfrecord_lite as tfr


@pytest.fixture
def train(tmp_path):
    with tfr.ShardWriter(tmp_path / "train", records_per_shard=20) as writer:
        writer.write_many(RECORDS)
    return tmp_path / "train"


def test_merge(command, train, tmp_path):
    done = command("merge", train, tmp_path / "all.tfrecord")
    size = (tmp_path / "all.tfrecord").stat().st_size
    assert done == (0, f"ok      {tmp_path}/all.tfrecord: 50 records, {size / 1024:.1f} KiB\n", "")
    assert of_set(tmp_path / "all.tfrecord") == RECORDS
    done = command("merge", train, tmp_path / "all.tfrecord")
    assert done.code == 2
    assert "File exists" in done.err
    done = command(
        "merge", train, tmp_path / "all.tfrecord", "--overwrite", "--compression", "GZIP"
    )
    assert done.code == 0
    assert (tmp_path / "all.tfrecord").read_bytes()[:2] == b"\x1f\x8b"
    done = command("merge", train, tmp_path / "b", "--compression", "LZ4")
    assert done.code == 2
    assert "unknown compression" in done.err


def test_manifest(command, train):
    path = train.with_name("train.manifest.json")
    path.unlink()
    done = command("manifest", train)
    assert done.code == 0
    assert done.out.startswith(f"ok      {path}: 3 shards, {N} records, ")
    assert command("manifest", train).code == 2
    shards = sorted(train.parent.glob("*.tfrecord"))
    assert command("manifest", train, *shards[:2], "--overwrite").code == 0
    assert len(tfr.RecordSet(train)) == 40
    done = command("manifest", train, shards[0], shards[0], "--overwrite")
    assert done.code == 2
    assert "each once" in done.err
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    done = command("manifest", train, "--overwrite")
    assert done.code == 1
    assert f"{shards[1]}: record 19" in done.err
