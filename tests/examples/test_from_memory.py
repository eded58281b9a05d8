"""examples/from_memory: the same training from memory and from shards."""

from __future__ import annotations

import csv
import shutil

import pytest
from examples.running import assert_drawn, numbers, run

import tfrecord_lite as tfr


@pytest.fixture(autouse=True)
def packages():
    for package in ("tensorflow", "matplotlib", "sklearn", "PIL"):
        pytest.importorskip(package)


@pytest.mark.long
@pytest.mark.tensorflow
@pytest.mark.parametrize("case", ["digits", "cifar --eager"])
def test_from_memory(tmp_path, case):
    images, *how = case.split()
    options = "--output", tmp_path, "--epochs", 2, "--timed-steps", 3
    chosen = "--images", images, "--count", 401, "--validation-ratio", 0.5
    stdout, _ = run("from_memory/train.py", *options, *chosen, *how)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    shape = {"digits": "(8, 8, 1)", "cifar": "(32, 32, 3)"}[images]
    assert tfr.Manifest.load(tmp_path / "train.manifest.json").records == 201
    assert tfr.Manifest.load(tmp_path / "validation.manifest.json").records == 200
    assert len(tfr.expand_shards(tmp_path / "train")) == 3

    # The part on shapes: what is known eagerly, and in a graph.
    for step, in_a_graph in (
        ("reshape to the sizes in the Example", "(None, None, None)"),
        ("the same, after ensure_shape", shape),
    ):
        assert f"{step:38}{shape:14}{in_a_graph}\n" in stdout
    assert f"batch(32): (None, {shape[1:]}\n" in stdout
    assert f"batch(32, drop_remainder=True): (32, {shape[1:]}\n" in stdout
    assert f"image.shape is (None, None, None), but tf.shape(image) will be {shape}\n" in stdout
    assert "Dense after images of unknown sizes: ValueError: " in stdout
    assert f"from shards: (TensorSpec(shape=(None, {shape[1:]}, dtype=tf.float32" in stdout
    assert "executing eagerly: True; within a tf.function: False\n" in stdout

    for layer in ("conv_1", "pool_1", "conv_2", "dropout", "logits"):
        assert f" {layer} (" in stdout  # of the summary
    assert ("drawn by Matplotlib, as plot_model needs pydot" in stdout) <= (
        shutil.which("dot") is None or not has_pydot()
    )

    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 2 * 7 + 1))
    assert [row["memory"] for row in rows] == [row["shards"] for row in rows]
    losses = [float(row["memory"]) for row in rows]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert len(set(losses)) == 14
    validation = [
        numbers(rf"^from {origin}, epoch \d: .* validation loss ([\d.]+), accuracy", stdout)
        for origin in ("memory", "shards")
    ]
    assert validation[0] == validation[1]
    assert len(validation[0]) == 2
    assert numbers(r"^evaluation: loss ([\d.]+), accuracy", stdout) == validation[1][-1:]

    assert len(numbers(r"a step: eager ([\d.]+) ms, tf.function [\d.]+ ms", stdout)) == 1
    for picture in ("samples.png", "model.png", "losses.png", "validation.png"):
        assert_drawn(tmp_path / picture)


def has_pydot():
    try:
        import pydot  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.long
@pytest.mark.tensorflow
def test_a_ratio_that_leaves_nothing_is_refused(tmp_path):
    with pytest.raises(AssertionError, match=r"--validation-ratio 1\.0 leaves a part without"):
        run("from_memory/train.py", "--output", tmp_path, "--validation-ratio", "1.0")
    assert not list(tmp_path.iterdir())
