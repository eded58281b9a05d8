"""examples/cifar10: pickles to shards without TensorFlow, and a classifier trained on them."""

from __future__ import annotations

import io
import pickle
import re
import struct

import numpy as np
import pytest
from examples.running import assert_drawn, imported, numbers, run
from variants import first

import tfrecord_lite as tfr

pytest.importorskip("PIL")

IMAGES = 1000


@pytest.fixture(scope="module")
def pickles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar10") / "cifar-10-batches-py"
    run("cifar10/make_pickles.py", folder, "--images", IMAGES)
    return folder


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file, encoding="bytes")


def images_of(batch):
    """Pixel by pixel, so that it cannot share a mistake with what it tests."""
    red, green, blue = (batch[b"data"][:, i * 1024 : (i + 1) * 1024] for i in range(3))
    return np.stack([red, green, blue], -1).reshape(-1, 32, 32, 3)


def test_pickles_have_the_format_of_the_real_ones(pickles):
    names = sorted(path.name for path in pickles.iterdir())
    assert names == ["batches.meta", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batch = load(pickles / "data_batch_2")
    assert set(batch) == {b"batch_label", b"labels", b"data", b"filenames"}
    assert batch[b"batch_label"] == b"training batch 2 of 5"
    assert batch[b"data"].shape == (IMAGES // 5, 3072)
    assert batch[b"data"].dtype == np.uint8
    assert all(type(label) is int for label in batch[b"labels"])
    assert set(batch[b"labels"]) == set(range(10))
    assert all(type(name) is bytes for name in batch[b"filenames"])
    assert len(load(pickles / "batches.meta")[b"label_names"]) == 10


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_shards_hold_what_the_pickles_do(pickles, tmp_path, encoding):
    from PIL import Image

    options = "--pickles", pickles, "--output", tmp_path, "--encoding", encoding
    stdout, stderr = run("cifar10/write_shards.py", *options, python=("-X", "importtime"))
    assert "numpy" in imported(stderr)
    assert "tensorflow" not in imported(stderr)
    assert len(numbers(rf"{IMAGES:,} images as {encoding}, .* MB, in ([\d.]+) s", stdout)) == 1
    names = (tmp_path / "label_names.txt").read_bytes().split()
    assert len(names) == 10

    batches = [load(pickles / f"data_batch_{i}") for i in range(1, 6)]
    (found,) = tfr.read_batches(tmp_path / "cifar10_train" / "shard_000.tfrecord")
    labels = [label for batch in batches for label in batch[b"labels"]]
    assert found["label_index"].tolist() == labels
    assert list(found["label_name"]) == [names[label] for label in labels]
    expected = np.concatenate([images_of(batch) for batch in batches])
    if encoding == "raw":
        images = [np.frombuffer(image, np.uint8).reshape(32, 32, 3) for image in found["image"]]
    else:
        images = [np.asarray(Image.open(io.BytesIO(image))) for image in found["image"]]
    assert np.array_equal(images, expected)


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_the_serializer_is_tested_in_four_stages(pickles, tmp_path, encoding):
    options = "--pickles", pickles, "--output", tmp_path, "--encoding", encoding
    stdout, _ = run("cifar10/write_shards.py", *options)
    label = load(pickles / "data_batch_1")[b"labels"][0]
    name = load(pickles / "batches.meta")[b"label_names"][label]
    stages = re.split(r"^[1-4]\. ", stdout[: stdout.index("cifar10_train")], flags=re.MULTILINE)
    assert len(stages) == 5
    assert f"uint8 (32, 32, 3), label {label}\n" in stages[1]
    assert f"label_name: {name!r}\n" in stages[2]
    record = next(tfr.read_records(tmp_path / "cifar10_train" / "shard_000.tfrecord"))
    assert stages[3].startswith(f"serialized: {len(record):,} bytes, {record!r:.30}")
    assert f"label_name: {name!r}\n" in stages[4]


def test_a_shard_has_10000_examples(tmp_path):
    run("cifar10/make_pickles.py", tmp_path / "cifar-10-batches-py", "--images", 20_005)
    run("cifar10/write_shards.py", "--output", tmp_path)
    names = sorted(path.name for path in (tmp_path / "cifar10_train").iterdir())
    assert names == ["shard.manifest.json", *(f"shard_00{i}.tfrecord" for i in range(3))]
    manifest = tfr.Manifest.load(tmp_path / "cifar10_train" / "shard.manifest.json")
    assert [entry.records for entry in manifest.entries] == [10_000, 10_000, 5]


def python2_pickle(value) -> bytes:
    """Pickle as Python 2 and the NumPy of its time did; their files say numpy.core."""
    if isinstance(value, dict):
        items = b"".join(python2_pickle(each) for pair in value.items() for each in pair)
        return b"}(" + items + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python2_pickle, value)) + b"e"
    if isinstance(value, int):
        return b"K" + bytes([value])
    if isinstance(value, bytes) and len(value) < 256:
        return b"U" + bytes([len(value)]) + value
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    rows, columns = value.shape
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    minus_1 = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + 2 * minus_1 + b"K\x00tb"
    shape = struct.pack("<cici", b"J", rows, b"J", columns) + b"\x86"
    return made + b"(K\x01" + shape + dtype + b"\x89" + python2_pickle(value.tobytes()) + b"tb"


def write_python2(path, value) -> None:
    path.write_bytes(b"\x80\x02" + python2_pickle(value) + b".")


def test_pickles_of_python_2(tmp_path):
    rng = np.random.default_rng(1)
    pickles = tmp_path / "cifar-10-batches-py"
    pickles.mkdir()
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = {}
    for name in names:
        batches[name] = {
            b"batch_label": name.encode(),
            b"labels": [6, 9, 4],
            b"data": rng.integers(0, 256, (3, 3072), np.uint8),
            b"filenames": [b"leptodactylus_pentadactylus_s_000004.png"] * 3,
        }
        write_python2(pickles / name, batches[name])
    label_names = [b"class_%d" % i for i in range(10)]
    write_python2(pickles / "batches.meta", {b"label_names": label_names})

    run("cifar10/write_shards.py", "--output", tmp_path, python=("-W", "error"))
    (found,) = tfr.read_batches(tmp_path / "cifar10_test" / "shard_000.tfrecord")
    assert found["label_index"].tolist() == [6, 9, 4]
    assert list(found["label_name"]) == [b"class_6", b"class_9", b"class_4"]
    expected = images_of(batches["test_batch"])
    assert [image.tobytes() for image in found["image"]] == [image.tobytes() for image in expected]
    assert (tmp_path / "label_names.txt").read_bytes().split() == label_names


def test_missing_pickles_are_an_error_where_they_are_named(tmp_path):
    with pytest.raises(AssertionError, match="batches.meta"):
        run("cifar10/write_shards.py", "--output", tmp_path, "--pickles", tmp_path / "none")


@pytest.mark.tensorflow
@pytest.mark.parametrize("case", first(1, ["raw", "png", "raw --tutorial"]))
def test_training(pickles, tmp_path, case):
    encoding, *recipe = case.split()
    pytest.importorskip("tensorflow")
    pytest.importorskip("matplotlib")
    options = "--output", tmp_path
    run("cifar10/write_shards.py", *options, "--pickles", pickles, "--encoding", encoding)
    batch_size = () if recipe else ("--batch-size", 32)
    epochs = 5 if recipe else 3  # the tutorial's model learns more slowly
    stdout, _ = run("cifar10/train.py", *options, "--epochs", epochs, *batch_size, *recipe)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    labels = load(pickles / "data_batch_1")[b"labels"]
    samples = numbers(r"^sample \d: image uint8 \(32, 32, 3\), label (\d) \(\w+\)$", stdout)
    assert samples == labels[:7]
    buffer = "100" if recipe else "10,000"
    assert f"32 steps an epoch: batches of 32, shuffled in a buffer of {buffer}\n" in stdout
    assert "Total params: 545,098" in stdout  # of the model's summary
    assert stdout.count("(Dropout)") == (2 if recipe else 0)
    losses = numbers(r"training loss ([\d.]+), accuracy [\d.]+; validation", stdout)
    assert len(losses) == epochs
    assert losses[0] > losses[-1]
    validation = numbers(r"validation loss ([\d.]+), accuracy", stdout)
    assert validation[0] > validation[-1]
    accuracies = numbers(r"validation loss [\d.]+, accuracy ([\d.]+)", stdout)
    assert accuracies[-1] > 0.2  # twice what guessing gives
    assert len(numbers(r"^training took ([\d.]+) s", stdout)) == 1
    (waiting,) = numbers(r"waiting for input: ([\d.]+)% of the [\d.]+ s of all steps", stdout)
    assert 0 <= waiting < 100

    evaluated = numbers(r"^evaluation on 200 test images: loss ([\d.]+), accuracy", stdout)
    assert evaluated == validation[-1:]
    # Each prediction is of the image whose label it names, and a share, not a logit.
    found = re.findall(r"^ +(\w+) taken for (\w+) +([\d.]+)%  (right|WRONG)$", stdout, re.MULTILINE)
    names = (tmp_path / "label_names.txt").read_text().split()
    expected = [names[label] for label in load(pickles / "test_batch")[b"labels"][:20]]
    assert [label for label, *_ in found] == expected
    for label, guess, percent, judged in found:
        assert judged == ("right" if guess == label else "WRONG")
        assert 10 <= float(percent) <= 100
    for picture in ("samples.png", "loss_and_accuracy.png", "predictions.png"):
        assert_drawn(tmp_path / picture)
