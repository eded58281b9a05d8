"""`jobs.merge`: the records of many files in one, copied as they are."""

from __future__ import annotations

import errno

import pytest
from faulty_disk import every_failure
from frames import frames
from job_sets import RECORDS, N, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import merge


def test_all_records_in_their_order(train, tmp_path):
    seen = []
    assert merge(train, tmp_path / "all.tfrecord", progress=lambda *at: seen.append(at)) == N
    assert (tmp_path / "all.tfrecord").read_bytes() == frames(RECORDS)
    sizes = {str(file): file.stat().st_size for file in train.parent.glob("*.tfrecord")}
    assert dict(seen) == sizes


def test_records_that_are_no_examples_and_compressions(tmp_path):
    tfr.write_records(tmp_path / "a.gz", [b"one", b""])
    tfr.write_records(tmp_path / "b", [b"\xff" * 100_000])
    merge([tmp_path / "a.gz", tmp_path / "b"], tmp_path / "c.tfrecord.gz")
    assert (tmp_path / "c.tfrecord.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert list(tfr.read_records(tmp_path / "c.tfrecord.gz")) == [b"one", b"", b"\xff" * 100_000]


def test_what_stands_is_not_replaced(train, tmp_path):
    (tmp_path / "all").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        merge(train, tmp_path / "all")
    assert (tmp_path / "all").read_bytes() == b"mine"
    assert merge(train, tmp_path / "all", overwrite=True) == N
    shard = min(train.parent.glob("*.tfrecord"))
    with pytest.raises(ValueError, match="this is a source"):
        merge(train, shard, overwrite=True)


def test_damage_and_what_is_left_of_it(train, tmp_path):
    shard = sorted(train.parent.glob("*.tfrecord"))[1]
    data = bytearray(shard.read_bytes())
    data[20] ^= 1
    shard.write_bytes(data)
    before = tree(tmp_path)
    with pytest.raises(tfr.CorruptRecordError, match=f"{shard}: record 0"):
        merge(train, tmp_path / "all")
    assert tree(tmp_path) == before
    damage: list[tfr.Damage] = []
    assert merge(train, tmp_path / "all", on_damage=damage.append) == N - 1
    assert [(found.path, found.record) for found in damage] == [(str(shard), 0)]


def test_a_shard_of_other_records_than_its_manifest_says(tmp_path):
    with tfr.ShardWriter(tmp_path / "a") as writer:
        writer.write_many([b"x" * 16, b""])
    (shard,) = tmp_path.glob("a-*")
    size = shard.stat().st_size
    shard.write_bytes(frames([b"x" * (size - 16)]))
    with pytest.raises(tfr.TFRecordError, match="1 records, but .* says 2"):
        merge(tmp_path / "a", tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_a_disk_that_is_full(train, tmp_path):
    (tmp_path / "out").mkdir()
    for disk in every_failure(tmp_path / "out", "open write close", error=errno.ENOSPC, least=2):
        with disk:
            if not disk.failed:
                try:
                    merge(train, tmp_path / "out" / "all", overwrite=True)
                except OSError as error:
                    assert error.errno == errno.ENOSPC
        if disk.failed:
            assert tree(tmp_path / "out") == []
