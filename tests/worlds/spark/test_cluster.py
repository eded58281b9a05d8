"""The data source on executors that are processes of their own."""

from __future__ import annotations

import os

from worlds.files import write_ids

import tfrecord_lite as tfr

MASTER = "local-cluster[2,1,512]"


def test_there_and_back(spark, tmp_path):
    write_ids(tmp_path / "in", [1000, 2000])
    frame = spark.read.format("tfrecord_lite").option("splits", 4).load(str(tmp_path / "in"))
    assert frame.rdd.getNumPartitions() == 4
    frame.write.format("tfrecord_lite").mode("append").save(str(tmp_path / "out" / "train"))
    manifest = tfr.Manifest.load(tmp_path / "out" / "train.manifest.json")
    names = {entry.name for entry in manifest.entries}
    assert set(os.listdir(tmp_path / "out")) == {"train.manifest.json", *names}
    assert len(names) == 4
    found = [int(n) for batch in tfr.read_batches(manifest.path, ["id"]) for n in batch["id"]]
    assert sorted(found) == [*range(3000)]
