"""Splits that are written as tensorflow_datasets reads them; tests/worlds/tfds has it read them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import prepared
import pytest

import tfrecord_lite as tfr
from tfrecord_lite import ShardWriter
from tfrecord_lite.tfds import ClassLabel, Image, Text, load

TINY = Path(__file__).parents[1] / "data" / "tfds" / "tiny" / "1.0.0"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pets" / "1.0.0"


def info(folder):
    return json.loads((folder / "dataset_info.json").read_text())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_what_is_read(tmp_path, folder):
    prepared.write(tmp_path, records_per_shard=3)
    prepared.write(tmp_path, "test", range(7, 9))
    for split, numbers in (("train", range(7)), ("test", range(7, 9)), ("train+test", range(9))):
        found = load(folder, split=split, decode_images=False)
        for item, number in zip(found, numbers, strict=True):
            prepared.check(item, prepared.value(number))
    assert found.class_names("label") == ["cat", "dog", "cow"]


def test_files_and_descriptions(tmp_path, folder):
    manifest = prepared.write(tmp_path, records_per_shard=3)
    prepared.write(tmp_path, "test", range(7, 9))
    assert names(folder) == [
        "dataset_info.json",
        "features.json",
        "label.labels.txt",
        "pets-test.tfrecord-00000-of-00001",
        "pets-test.tfrecord.manifest.json",
        "pets-train.tfrecord-00000-of-00003",
        "pets-train.tfrecord-00001-of-00003",
        "pets-train.tfrecord-00002-of-00003",
        "pets-train.tfrecord.manifest.json",
    ]
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    sizes = [[len(record) for record in tfr.read_records(folder / f"pets-{split}.tfrecord")]
        for split in ("train", "test")]  # fmt: skip
    assert info(folder) == {
        "name": "pets",
        "version": "1.0.0",
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": name,
                "shardLengths": lengths,
                "numBytes": str(sum(of_split)),
                "filepathTemplate": template,
            }
            for name, lengths, of_split in zip(
                ("train", "test"), (["3", "3", "1"], ["2"]), sizes, strict=True
            )
        ],
    }
    # Its own manifest says how the features lie in Examples.
    assert tfr.features_from_json(manifest.features)["label"] == tfr.FixedLenFeature([], np.int64)
    (batch,) = tfr.read_batches(folder / "pets-train.tfrecord")
    assert batch["label"].tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_kinds_as_they_are_described(tmp_path, folder):
    features = {
        "grey": Image((28, 28, 1)),
        "deep": Image(dtype=np.uint16, encoding="png"),
        "class/id": ClassLabel(("a", "b")),
        "text": Text(),
    }
    with ShardWriter(folder / "train", layout="tfds", features=features):
        pass
    modules = "tensorflow_datasets.core.features."
    assert json.loads((folder / "features.json").read_text()) == {
        "pythonClassName": f"{modules}features_dict.FeaturesDict",
        "featuresDict": {
            "features": {
                "grey": {
                    "pythonClassName": f"{modules}image_feature.Image",
                    "image": {"shape": {"dimensions": ["28", "28", "1"]}, "dtype": "uint8"},
                },
                "deep": {
                    "pythonClassName": f"{modules}image_feature.Image",
                    "image": {
                        "shape": {"dimensions": ["-1", "-1", "3"]},
                        "dtype": "uint16",
                        "encodingFormat": "png",
                    },
                },
                "class/id": {
                    "pythonClassName": f"{modules}class_label_feature.ClassLabel",
                    "classLabel": {"numClasses": "2"},
                },
                "text": {"pythonClassName": f"{modules}text_feature.Text", "text": {}},
            }
        },
    }
    assert (folder / "class.id.labels.txt").read_text() == "a\nb\n"
    assert load(folder, split="train").class_names("class/id") == ["a", "b"]


def test_a_split_is_replaced_whole(tmp_path, folder):
    prepared.write(tmp_path, records_per_shard=1)
    prepared.write(tmp_path, "test", range(2))
    before = info(folder), names(folder)
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        prepared.write(tmp_path, numbers=range(2))
    with pytest.raises(ZeroDivisionError), ShardWriter(
        folder / "train", layout="tfds", features=prepared.FEATURES, overwrite=True
    ) as writer:  # fmt: skip
        writer.write_example(prepared.row(0))
        1 / 0  # noqa: B018
    assert (info(folder), names(folder)) == before
    prepared.write(tmp_path, numbers=range(4, 6), overwrite=True)
    assert [split["name"] for split in info(folder)["splits"]] == ["test", "train"]
    found = load(folder, split="train", decode_images=False)
    assert [int(item["a/b"]) for item in found] == [4, 5]
    assert len(names(folder)) == 7


def test_a_replacement_that_fails_leaves_the_description(tmp_path, folder, monkeypatch):
    prepared.write(tmp_path)
    before = info(folder), names(folder)
    writer = ShardWriter(
        folder / "train", layout="tfds", features=prepared.FEATURES, overwrite=True
    )
    seen = []

    def fail(*arguments, **options):
        seen.append(info(folder)["splits"])
        raise OSError("no space")

    monkeypatch.setattr("tfrecord_lite.dataset.shard_writer.publish", fail)
    with pytest.raises(OSError, match="no space"):
        writer.close()
    # While shards take their names nothing tells of them.
    assert seen == [[]]
    assert (info(folder), names(folder)) == before


def test_splits_written_at_once(tmp_path, folder):
    writers = [
        ShardWriter(folder / split, layout="tfds", features={"x": int})
        for split in ("train", "test")
    ]
    for writer in writers:
        writer.write_example({"x": 3})
        writer.close()
    assert [split["name"] for split in info(folder)["splits"]] == ["train", "test"]


def test_other_features_than_those_of_other_splits(tmp_path, folder):
    write = prepared.write
    write(tmp_path)
    other = {**prepared.FEATURES, "label": ClassLabel(["cat", "dog", "emu"])}
    with pytest.raises(ValueError, match=r"label.labels.txt is that of all splits"):
        write(tmp_path, "test", features=other)
    with pytest.raises(ValueError, match=r"features.json is that of all splits"):
        write(tmp_path, "test", features={**prepared.FEATURES, "label": int})
    late = ShardWriter(folder / "test", layout="tfds", features=prepared.FEATURES)
    features = json.loads((folder / "features.json").read_text())
    features["featuresDict"]["features"].popitem()
    (folder / "features.json").write_text(json.dumps(features))
    with pytest.raises(ValueError, match=r"features.json is that of all splits"):
        late.close()
    assert [split["name"] for split in info(folder)["splits"]] == ["train"]
    assert not any("test" in name for name in names(folder))
    # The only split may be replaced by one of others.
    write(tmp_path, overwrite=True, features=other)
    assert load(folder, split="train").class_names("label") == ["cat", "dog", "emu"]


def test_a_split_beside_those_of_tensorflow_datasets(tmp_path):
    """What their description says beyond ours stays, and so does features.json."""
    folder = Path(shutil.copytree(TINY, tmp_path / "tiny" / "1.0.0"))
    before = info(folder), (folder / "features.json").read_text()
    records = list(load(folder, split="train").records)[:3]
    with ShardWriter(folder / "few", layout="tfds") as writer:
        writer.write_many(records)
    after = info(folder)
    assert after["splits"].pop()["name"] == "few"
    assert (after, (folder / "features.json").read_text()) == before
    assert [item["id"] for item in load(folder, split="few", decode_images=False)] == [
        item["id"] for item in load(folder, split="train[:3]", decode_images=False)
    ]
    with pytest.raises(FileExistsError, match="pass overwrite"):
        ShardWriter(folder / "train", layout="tfds")


def test_tables(tmp_path, folder):
    features = {"label": ClassLabel(["cat", "dog"]), "x": float}
    with ShardWriter(folder / "train", layout="tfds", features=features) as writer:
        writer.write_table({"label": [1, 0], "x": [0.5, 1.5]})
    assert [int(item["label"]) for item in load(folder, split="train")] == [1, 0]


def test_arrow_tables(folder):
    pa = pytest.importorskip("pyarrow")
    from tfrecord_lite.arrow import write_table

    table = pa.table({"label": [1, 0], "note": ["a", "b"], "ids": [[1, 2], None]})
    features = {"label": ClassLabel(["cat", "dog"]), "note": Text(), "ids": tfr.RaggedFeature(int)}
    write_table(table, folder / "train", features, layout="tfds")
    found = load(folder, split="train")
    assert [(item["label"], item["note"], item["ids"].tolist()) for item in found] == [
        (1, b"a", [1, 2]),
        (0, b"b", []),
    ]


@pytest.mark.parametrize(
    "name", ["train", "1.0.0/train", "pets/1.0/train", "pets/1.0.0/tr-ain", "pe ts/1.0.0/train"]
)
def test_names_that_are_of_no_dataset(tmp_path, name):
    with pytest.raises(ValueError, match="FOLDER/DATASET/VERSION/SPLIT, such as data/pets"):
        ShardWriter(tmp_path / "9" / name, layout="tfds", features={"x": int})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options",
    [{"layout": "TFDS"}, {"layout": "tfds", "part": 1}, {"layout": "tfds", "compression": "GZIP"}],
)
def test_options_that_do_not_go_together(folder, options):
    with pytest.raises(ValueError, match="layout="):
        ShardWriter(folder / "train", features={"x": int}, **options)


def test_urls_and_missing_features(folder):
    with pytest.raises(ValueError, match="local directories"):
        ShardWriter("memory://a/pets/1.0.0/train", layout="tfds", features={"x": int})
    with pytest.raises(ValueError, match="needs features=, of which features.json is made"):
        ShardWriter(folder / "train", layout="tfds")


@pytest.mark.parametrize(
    "feature",
    [
        tfr.FixedLenFeature([], np.int64, 3),
        tfr.FixedLenSequenceFeature([], np.int64, default_value=3),
        tfr.RaggedFeature(np.int64, "other"),
        tfr.RaggedFeature(np.int64, partitions=[tfr.RaggedFeature.UniformRowLength(2)]),
        tfr.SparseFeature("at", "values", np.int64, 5),
        tfr.RawFeature([], np.dtype([("a", "u1")])),
    ],
)
def test_features_that_it_does_not_read(folder, feature):
    with pytest.raises(ValueError, match="feature 'x': .* is none that tensorflow_datasets reads"):
        ShardWriter(folder / "train", layout="tfds", features={"x": feature})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ClassLabel([]), "names of classes"),
        (lambda: ClassLabel("cat"), "names of classes"),
        (lambda: ClassLabel([1, 2]), "names of classes"),
        (lambda: ClassLabel(["a", "a"]), "two classes of one name"),
        (lambda: ClassLabel(["a\nb"]), "no line breaks"),
        (lambda: ClassLabel([""]), "none empty"),
        (lambda: Image((3, 3)), "height, width and"),
        (lambda: Image((3, 3, 2)), "height, width and"),
        (lambda: Image(encoding="gif"), "none of 'png', 'jpeg'"),
        (lambda: Image(dtype=float), "uint8 or uint16"),
    ],
)
def test_kinds_that_are_none(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"name": "cats"}, ValueError, "its name is 'cats', not 'pets'"),
        ({"version": "1.0.1"}, ValueError, "its version is '1.0.1'"),
        ({"fileFormat": "riegeli"}, ValueError, "its fileFormat is 'riegeli'"),
        ({"splits": [3]}, tfr.TFRecordError, "not the description of a dataset"),
        ({"splits": 3}, tfr.TFRecordError, "not the description of a dataset"),
    ],
)
def test_descriptions_of_other_datasets(tmp_path, folder, change, error, said):
    prepared.write(tmp_path)
    (folder / "dataset_info.json").write_text(json.dumps({**info(folder), **change}))
    with pytest.raises(error, match=said):
        prepared.write(tmp_path, "test")
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(tfr.TFRecordError, match="dataset_info.json: not JSON"):
        prepared.write(tmp_path, "test")


def test_a_split_that_is_told_and_whose_files_are_gone(tmp_path, folder):
    prepared.write(tmp_path)
    for file in folder.glob("pets-*"):
        file.unlink()
    with pytest.raises(FileExistsError, match="there is a split 'train'"):
        prepared.write(tmp_path)
    prepared.write(tmp_path, overwrite=True)
    assert len(load(folder, split="train")) == 7
