"""examples/multilabel: several labels a picture, from a CSV and from shards, and VGG16 on them."""

from __future__ import annotations

import csv

import pytest
from examples.running import assert_drawn, imported, numbers, run

import tfrecord_lite as tfr

pytest.importorskip("PIL")

PICTURES = 60
LABELS = ["cat", "collar", "dog", "glasses", "hat", "night"]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multilabel")
    run("multilabel/make_pictures.py", folder / "pictures", "--pictures", PICTURES)
    options = "--output", folder
    _, stderr = run("multilabel/write_shards.py", *options, python=("-X", "importtime"))
    assert "tensorflow" not in imported(stderr)
    return folder


def test_shards_hold_pictures_and_labels(output):
    with (output / "pictures" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == PICTURES
    assert max(len(row["tags"].split()) for row in rows) > 2
    expected = {
        (output / "pictures" / row["image_name"]).read_bytes(): set(row["tags"].split())
        for row in rows
    }
    found = {}
    for name, count in (("train", 48), ("validation", 12)):
        records = list(tfr.read_records(tfr.expand_shards(output / name)))
        assert len(records) == count
        for example in map(tfr.decode_example, records):
            (image,) = example["image"]
            pairs = zip(LABELS, example["labels"], strict=True)
            found[image] = {label for label, has in pairs if has}
    assert found == expected


@pytest.mark.long
@pytest.mark.tensorflow
def test_training(output):
    pytest.importorskip("tensorflow")
    pytest.importorskip("matplotlib")
    options = "--output", output, "--epochs", 3, "--size", 32, "--batch-size", 16
    stdout, stderr = run("multilabel/train.py", *options)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    assert "both give equal batches" in stdout
    assert "weights=None: ImageNet's cannot be fetched" in stdout
    assert "ran out of data" not in stderr
    for pipeline in ("files and py_function", "shards"):
        assert len(numbers(rf"^{pipeline} +([\d.]+) +[\d.]+$", stdout)) == 1
    losses = numbers(r" loss: ([\d.e+-]+)", stdout)
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    for picture in ("samples.png", "epochs.png", "loss_and_accuracy.png"):
        assert_drawn(output / picture)
