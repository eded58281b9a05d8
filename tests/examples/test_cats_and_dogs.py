"""examples/cats_and_dogs: a directory of JPEGs to GZIP shards, and MobileNet on them."""

from __future__ import annotations

import math

import pytest
from examples.running import assert_drawn, imported, numbers, run

import tfrecord_lite as tfr

pytest.importorskip("PIL")

PICTURES = 60


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cats_and_dogs")
    run("cats_and_dogs/make_pictures.py", folder / "pictures", "--pictures", PICTURES)
    return folder


@pytest.fixture(scope="module")
def said(output):
    return run("cats_and_dogs/write_shards.py", "--output", output, python=("-X", "importtime"))


def read(output, name):
    return list(map(tfr.decode_example, tfr.read_records(tfr.expand_shards(output / name))))


def test_writing_shows_progress_and_no_tensorflow(said):
    stdout, stderr = said
    assert stdout.count("100%") == 2
    assert "48 pictures to train on, 12 to validate" in stdout
    assert "rich" in imported(stderr)
    assert "tensorflow" not in imported(stderr)


def test_shards_hold_the_pictures(output, said):
    assert len(list(output.glob("train-0000?-of-00004.tfrecord.gz"))) == 4
    training, validation = read(output, "train"), read(output, "validation")
    assert (len(training), len(validation)) == (48, 12)
    found = {}
    for example in training + validation:
        ((name,), (image,)) = example["id"], example["image"]
        found[name.decode()] = image
        assert example["label"].tolist() == [name.startswith(b"dog")]
    pictures = {path.stem: path.read_bytes() for path in (output / "pictures").glob("*.jpg")}
    assert len(pictures) == PICTURES
    assert found == pictures
    for part in (training, validation):
        assert {int(example["label"][0]) for example in part} == {0, 1}


def test_the_split_is_the_same_each_time(output, said, tmp_path):
    run("cats_and_dogs/write_shards.py", "--output", tmp_path, "--pictures", output / "pictures")
    for name in ("train", "validation"):
        assert [example["id"] for example in read(tmp_path, name)] == [
            example["id"] for example in read(output, name)
        ]


@pytest.mark.long
@pytest.mark.tensorflow
def test_training(output, said):
    pytest.importorskip("tensorflow")
    pytest.importorskip("matplotlib")
    options = "--output", output, "--epochs", 3, "--steps", 6, "--batch-size", 8
    stdout, stderr = run("cats_and_dogs/train.py", *options)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    assert "weights=None: ImageNet's cannot be fetched" in stdout
    assert "ran out of data" not in stderr
    # Each epoch sees all 48 pictures, in an order that is another each time. In the end the loss is
    # below that of one who knows nothing, and on the same 12 pictures below that of the beginning.
    training = numbers(r" loss: ([\d.e+-]+)", stdout)
    validation = numbers(r" val_loss: ([\d.e+-]+)", stdout)
    assert len(training) == len(validation) == 3
    assert max(training[-1], validation[-1]) < math.log(2)
    assert validation[-1] < validation[0]
    assert_drawn(output / "samples.png")
    assert_drawn(output / "loss_and_accuracy.png")
