"""examples/pytorch/, and the step of examples/cluster that needs PyTorch."""

from __future__ import annotations

from examples.running import numbers, run
from worlds.pictures import write_pictures


def test_digits(tmp_path):
    stdout, _ = run("pytorch/digits.py", "--output", tmp_path, "--epochs", 3)
    right = numbers(r"^(?:make_loader|DataLoader): ([\d.]+) of 360 right", stdout)
    # The same batches in the same order: the same weights.
    assert len(right) == 2
    assert right[0] == right[1] > 0.8


def test_cats_and_dogs_on_two_ranks_and_then_on_one(tmp_path):
    options = ["--output", tmp_path, "--pictures", 40, "--batch-size", 4, "--workers", 1]
    stdout, _ = run("pytorch/cats_and_dogs.py", *options, "--ranks", 2, "--stop-after", 3)
    assert "saved in epoch 0, after 24 pictures\n" in stdout
    stdout, _ = run("pytorch/cats_and_dogs.py", *options, "--epochs", 2)
    assert "going on in epoch 0, after 24 pictures, with 1 ranks\n" in stdout
    assert numbers(r"^epoch \d: (\d+) pictures", stdout) == [40, 40]
    assert "saved in epoch 2, after 0 pictures\n" in stdout


def test_pictures_of_a_cluster_are_trained_on(tmp_path):
    write_pictures(tmp_path, 600)
    stdout, _ = run("cluster/cluster.py", tmp_path, "--steps", "train")
    (right,) = numbers(r"^train: ([\d.]+) of 600 right", stdout)
    assert right > 0.6
