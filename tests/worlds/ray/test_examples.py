"""The steps of examples/cluster that need Ray, or nothing."""

from __future__ import annotations

from examples.running import run

import tfrecord_lite as tfr


def test_pictures_are_written_and_verified(tmp_path):
    steps = ["--steps", "write", "verify", "count"]
    stdout, _ = run("cluster/cluster.py", tmp_path, "--pictures", 300, *steps)
    assert "write: 300 pictures in 4 shards" in stdout
    assert "verify: 300 records, nothing wrong" in stdout
    assert "count: skipped, pyspark not installed" in stdout
    (batch,) = tfr.read_batches(tmp_path / "pictures", batch_size=300)
    assert batch["image"].shape == (300, 32, 32, 3)
