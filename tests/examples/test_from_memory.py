"""examples/from_memory: the same training from memory and from shards."""

from __future__ import annotations

import csv

import pytest
from examples.running import assert_drawn, numbers, run

import tfrecord_lite as tfr


@pytest.mark.long
@pytest.mark.tensorflow
def test_from_memory(tmp_path):
    for package in ("tensorflow", "matplotlib", "sklearn", "PIL"):
        pytest.importorskip(package)
    options = "--output", tmp_path, "--epochs", 1, "--timed-steps", 3
    stdout, _ = run("from_memory/train.py", *options)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    assert "Total params: 9,930" in stdout
    assert tfr.Manifest.load(tmp_path / "train.manifest.json").records == 1437
    assert tfr.Manifest.load(tmp_path / "validation.manifest.json").records == 360
    assert len(tfr.expand_shards(tmp_path / "train")) == 3

    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 46))
    assert [row["memory"] for row in rows] == [row["shards"] for row in rows]
    losses = [float(row["memory"]) for row in rows]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert len(set(losses)) > 40

    assert len(numbers(r"a step: eager ([\d.]+) ms, tf.function [\d.]+ ms", stdout)) == 1
    assert_drawn(tmp_path / "model.png")
    assert_drawn(tmp_path / "losses.png")
