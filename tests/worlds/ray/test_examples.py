"""The steps of examples/cluster that need Ray, or nothing."""

from __future__ import annotations

from examples.running import run

import tfrecord_lite as tfr


def test_pictures_are_written_and_verified(tmp_path):
    steps = ["--steps", "write", "verify", "count"]
    stdout, _ = run("cluster/cluster.py", tmp_path, "--pictures", 1200, *steps)
    assert "write: 1,200 pictures in 4 shards" in stdout
    assert "verify: 1,200 records, nothing wrong" in stdout
    assert "count: skipped, pyspark not installed" in stdout
    (batch,) = tfr.read_batches(tmp_path / "pictures", batch_size=1200)
    assert batch["image"].shape == (1200, 32, 32, 3)
