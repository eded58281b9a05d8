"""tensorflow_datasets reads what `ShardWriter` lays out for it, value by value what ours reads."""

from __future__ import annotations

import io

import numpy as np
import prepared
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import tfrecord_lite as tfr
from tfrecord_lite.tfds import ClassLabel, load
from tfrecord_lite.tfds import Image as Picture


@pytest.fixture
def folder(tmp_path):
    prepared.write(tmp_path, records_per_shard=3)
    prepared.write(tmp_path, "test", range(7, 9))
    return tmp_path / "pets" / "1.0.0"


def of_tfds(folder, split):
    builder = tfds.builder_from_directory(folder)
    return list(tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)))


@pytest.mark.parametrize("split", ["train", "test", "train[2:5]+test[:1]", "train[50%:]"])
def test_values(folder, split):
    expected = of_tfds(folder, split)
    for item, wanted in zip(load(folder, split=split), expected, strict=True):
        prepared.check(item, wanted)
    assert expected


def test_what_is_known_of_it(folder):
    found = tfds.builder_from_directory(folder).info
    assert (found.name, str(found.version)) == ("pets", "1.0.0")
    assert found.features["label"].names == ["cat", "dog", "cow"]
    assert {name: split.num_examples for name, split in found.splits.items()} == {
        "train": 7,
        "test": 2,
    }
    records = tfr.read_records(folder / "pets-train.tfrecord")
    assert found.splits["train"].num_bytes == sum(map(len, records))
    assert found.splits["train"].shard_lengths == [3, 3, 1]


def test_pictures(tmp_path):
    rng = np.random.default_rng(3)
    features = {
        "rgb": Picture((None, None, 3)),
        "grey": Picture((4, 5, 1), "png"),
        "alpha": Picture((None, None, 4), "png"),
        "deep": Picture((None, None, 1), "png", np.uint16),
    }
    arrays = {
        "rgb": rng.integers(0, 256, (4, 5, 3), np.uint8),
        "grey": rng.integers(0, 256, (4, 5), np.uint8),
        "alpha": rng.integers(0, 256, (4, 5, 4), np.uint8),
        "deep": rng.integers(0, 1 << 16, (4, 5), np.uint16),
    }
    folder = tmp_path / "pictures" / "2.1.0"
    with tfr.ShardWriter(folder / "train", layout="tfds", features=features) as writer:
        writer.write_example({name: png(array) for name, array in arrays.items()})
    (found,) = of_tfds(folder, "train")
    prepared.check(load(folder, split="train")[0], found)
    for name, array in arrays.items():
        assert (np.squeeze(found[name]) == array).all()


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_a_split_of_no_records_beside_another(tmp_path):
    prepared.write(tmp_path, "none", [])
    prepared.write(tmp_path, numbers=range(2))
    assert len(of_tfds(tmp_path / "pets" / "1.0.0", "train")) == 2


def test_names_of_classes_of_a_feature_with_slashes(tmp_path):
    """tensorflow_datasets took numbers for names: it looks for another file."""
    folder = tmp_path / "pets" / "1.0.0"
    features = {"image/class/label": ClassLabel(["cat", "dog"])}
    with tfr.ShardWriter(folder / "train", layout="tfds", features=features) as writer:
        writer.write_example({"image/class/label": 1})
    found = tfds.builder_from_directory(folder).info.features["image/class/label"]
    names = load(folder, split="train").class_names("image/class/label")
    assert found.names == names == ["cat", "dog"]
