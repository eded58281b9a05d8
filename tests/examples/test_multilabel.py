"""examples/multilabel: several labels a picture, from a CSV and from shards, and VGG16 on them."""

from __future__ import annotations

import csv
import re

import pytest
from examples.running import assert_drawn, imported, numbers, run

import tfrecord_lite as tfr

pytest.importorskip("PIL")
pytest.importorskip("pandas")

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


def table(output):
    with (output / "pictures" / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_column_for_each_label(output):
    rows = table(output)
    assert len(rows) == PICTURES
    assert list(rows[0]) == ["Filenames", *LABELS]
    images = sorted(path.name for path in (output / "pictures" / "images").iterdir())
    assert [row["Filenames"] for row in rows] == images
    assert {row[label] for row in rows for label in LABELS} == {"0", "1"}
    assert all(int(row["cat"]) + int(row["dog"]) == 1 for row in rows)
    assert max(sum(int(row[label]) for label in LABELS) for row in rows) > 2


def test_shards_hold_pictures_and_labels(output):
    expected = {
        (output / "pictures" / "images" / row["Filenames"]).read_bytes(): [
            int(row[label]) for label in LABELS
        ]
        for row in table(output)
    }
    found = {}
    for name, count in (("train", 48), ("validation", 12)):
        records = list(tfr.read_records(tfr.expand_shards(output / name)))
        assert len(records) == count
        for example in map(tfr.decode_example, records):
            found[example["image"][0]] = example["labels"].tolist()
    assert found == expected


def test_a_table_of_other_pictures_is_refused(output, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.csv").write_text("Filenames,cat\na.jpg,1\n")
    with pytest.raises(AssertionError, match=r"1 of them are missing, as a\.jpg"):
        run("multilabel/write_shards.py", "--output", tmp_path, "--pictures", tmp_path)
    (tmp_path / "images" / "a.jpg").write_bytes(b"a")
    (tmp_path / "labels.csv").write_text("Filenames,cat\na.jpg,2\n")
    with pytest.raises(AssertionError, match="a label is 0 or 1"):
        run("multilabel/write_shards.py", "--output", tmp_path, "--pictures", tmp_path)
    assert not list(tmp_path.glob("*.tfrecord"))


@pytest.mark.long
@pytest.mark.tensorflow
@pytest.mark.parametrize("recipe", [("--epochs", 3, "--size", 32, "--steps", 2), ("--tutorial",)])
def test_training(output, recipe):
    pytest.importorskip("tensorflow")
    pytest.importorskip("matplotlib")
    options = "--output", output, "--batch-size", 16
    stdout, stderr = run("multilabel/train.py", *options, *recipe)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    header = stdout.splitlines()[1].split()
    assert header == ["Filenames", *LABELS]  # of the table's head
    for name, count in (("all", 60), ("training", 48), ("validation", 12)):
        assert f"cardinality of {name}: {count}\n" in stdout
    labels = {
        row["Filenames"]: " ".join(label for label in LABELS if row[label] == "1")
        for row in table(output)
    }
    looked_up = re.findall(r"^(\S+), labels by ([\w ]+): \[[01 ]+\] (.+)$", stdout, re.MULTILINE)
    assert [origin for _, origin, _ in looked_up] == ["py_function", "hash table"] * 2
    assert all(labels[name] == found for name, _, found in looked_up)
    assert "all give equal batches" in stdout
    assert "weights=None: ImageNet's cannot be fetched" in stdout
    assert "ran out of data" not in stderr
    for pipeline in ("files, py_function", "files, hash table", "shards"):
        assert len(numbers(rf"^{pipeline} +([\d.]+) +[\d.]+$", stdout)) == 1
    losses = numbers(r" loss: ([\d.e+-]+)", stdout)
    assert len(losses) == (10 if recipe == ("--tutorial",) else 3)
    assert losses[-1] < losses[0]
    for picture in ("samples.png", "epochs.png", "loss_and_accuracy.png"):
        assert_drawn(output / picture)
