"""What tensorflow_datasets wrote, read without it: equal to what it reads, value by value.

``data/tfds/tiny`` has a feature of each kind; ``data/tfds/expected.json`` is what `tfds.load` gave.
"""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import struct
import tracemalloc
import zlib
from importlib.util import find_spec
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.tfds import load

DATA = Path(__file__).parents[1] / "data" / "tfds"
TINY = DATA / "tiny" / "1.0.0"
EXPECTED = json.loads((DATA / "expected.json").read_text())
needs_pillow = pytest.mark.skipif(find_spec("PIL") is None, reason="not installed: Pillow")


def plain(value):
    """Return a value in the form of expected.json."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value.dtype == object:
        values = [base64.b64encode(item).decode() for item in value.reshape(-1)]
        return {"dtype": "bytes", "shape": list(value.shape), "values": values}
    values = value.reshape(-1).tolist()
    return {"dtype": value.dtype.name, "shape": list(value.shape), "values": values}


def nested(value):
    return [nested(row) for row in value] if isinstance(value, list) else value.tolist()


def check(found, expected) -> None:
    if set(expected) == {"nested"}:
        assert nested(found) == expected["nested"]
    elif set(expected) == {"steps"}:
        assert len(found) == len(expected["steps"])
        for step, of_tfds in zip(found, expected["steps"], strict=True):
            check(step, of_tfds)
    elif isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key, value in found.items():
            check(value, expected[key])
    else:
        assert plain(found) == expected


@needs_pillow
@pytest.mark.parametrize("record", range(8))
def test_values_are_those_of_tfds(record):
    check(load(TINY, split="train+test")[record], EXPECTED[record])


@needs_pillow
def test_a_split_is_a_sequence():
    train = load(TINY, split="train")
    assert len(train) == 6
    assert [item["id"] for item in train] == [item["id"] for item in train[:]]
    assert train[-1]["id"] == train[5]["id"]
    assert [item["id"] for item in train[4:1:-2]] == [train[4]["id"], train[2]["id"]]
    with pytest.raises(IndexError):
        train[6]
    assert repr(train) == f"<Split of 6 records: {TINY}>"
    assert train.class_names("label") == ["cat", "dog", "cow"]
    assert train.class_names("objects/label") is None


@pytest.mark.parametrize(
    ("split", "numbers"),
    [
        ("train[:2]", [0, 1]),
        ("train[-2:]", [4, 5]),
        ("train[50%:]", [3, 4, 5]),
        ("train[:25%]", [0, 1]),
        ("train[4:2]", []),
        ("train[-0_2:0_6]", [4, 5]),
        ("test + train[1:2]", [6, 7, 1]),
        ("train[5:]+test[:50%]", [5, 6]),
        ("all", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("all+train[:1]", [0, 1, 2, 3, 4, 5, 6, 7, 0]),
    ],
)
def test_parts_of_splits(split, numbers):
    found = load(TINY, split=split, decode_images=False)
    expected = [EXPECTED[number]["id"]["values"] for number in numbers]
    assert [[item["id"]] for item in found] == expected


@pytest.mark.parametrize("asked", ["id", [[1, 2]], [True], True, 1.0, None], ids=repr)
def test_items_are_asked_for_by_integers(asked):
    with pytest.raises(TypeError, match="by an integer or a slice, not "):
        load(TINY, split="train")[asked]


def test_images_as_they_are_stored():
    item = load(TINY, split="train[3:]", decode_images=False)[0]
    assert item["image"].startswith(b"\x89PNG")
    assert [step["observation"]["image"][:4] for step in item["steps"]] == [b"\x89PNG"] * len(
        item["steps"]
    )


def test_features_are_those_of_the_examples():
    train = load(TINY, split="train")
    (batch,) = tfr.read_batches(train.records, train.features, batch_size=10)
    assert batch["nested/a"].tolist() == [item["nested"]["a"]["values"][0] for item in EXPECTED[:6]]
    assert set(train.features) == {
        name for record in train.records for name in tfr.decode_example(record)
    }


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(TINY, tmp_path / "tiny"))


def test_what_is_missing_or_broken(copied):
    with pytest.raises(ValueError, match="split='validation': there is none, but train, test"):
        load(copied, split="validation")
    with pytest.raises(ValueError, match="write train, train"):
        load(copied, split="train[1]")
    with pytest.raises(ValueError, match="percents are whole"):
        load(copied, split="train[:33.5%]")
    for beyond in ("train[7:]", "train[:7]", "train[-7:]", "train[:101%]", "test+train[:-200%]"):
        with pytest.raises(ValueError, match="is more than the 6 records"):
            load(copied, split=beyond)
    for mixed in ("train[10%:3]", "train[1:50%]"):
        with pytest.raises(ValueError, match="not one of each"):
            load(copied, split=mixed)
    with pytest.raises(FileNotFoundError, match="dataset_info.json"):
        load(copied.parent, split="train")
    described = json.loads((copied / "features.json").read_text())
    features = described["featuresDict"]["features"]
    features["clip"] = {
        "pythonClassName": "tensorflow_datasets.core.features.video_feature.Video",
        "video": {},
    }
    (copied / "features.json").write_text(json.dumps(described))
    with pytest.raises(tfr.TFRecordError, match="'clip' is a Video"):
        load(copied, split="train")
    del features["clip"]
    features["id"]["tensor"]["shape"] = {"dimensions": ["2"]}
    (copied / "features.json").write_text(json.dumps(described))
    with pytest.raises(
        tfr.ExampleError, match=r"tiny-train.*: record 2: feature 'id': has 1 values"
    ):
        load(copied, split="train", decode_images=False)[2]
    for text in ("{", "[" * 100_000):
        (copied / "features.json").write_text(text)
        with pytest.raises(tfr.TFRecordError, match="features.json: not JSON"):
            load(copied, split="train")


def chunk(name, content):
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


PNG = b"\x89PNG\r\n\x1a\n"
HEADER = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
DATA_CHUNK = chunk(b"IDAT", zlib.compress(bytes(14)))
BAD_PICTURES = {
    "none": b"no picture",
    "empty": b"",
    "cut": PNG + chunk(b"IHDR", HEADER) + chunk(b"IDAT", zlib.compress(bytes(14))[:4]),
    "short header": PNG + chunk(b"IHDR", HEADER[:5]),
    "broken chunk": PNG + chunk(b"IHDR", HEADER) + b"\0\0\0\x05\xff\xff\xff\xff" + bytes(99),
    "billions of pixels": PNG
    + chunk(b"IHDR", struct.pack(">II", 1 << 20, 1 << 20) + HEADER[8:])
    + DATA_CHUNK,
    "no number": b"P6 2 x 255 ",
}


@needs_pillow
@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_damaged_picture_is_an_error_that_names_its_record(copied, name):
    path = copied / "tiny-train.tfrecord-00000-of-00001"
    records = list(tfr.read_records(path))
    example = tfr.Example.FromString(records[1])
    example.features.feature["image"].bytes_list.value[:] = [BAD_PICTURES[name]]
    records[1] = example.SerializeToString()
    tfr.write_records(path, records)
    train = load(copied, split="train")
    for read in (lambda: train[1], lambda: train[:2], lambda: [*train]):
        with pytest.raises(tfr.ExampleError, match="feature 'image': is no image") as raised:
            read()
        assert (raised.value.path, raised.value.record) == (str(path), 1)
    assert load(copied, split="train", decode_images=False)[1]["image"] == BAD_PICTURES[name]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda _: zlib.compress(bytes(1 << 26)), r"it inflates to more than \d+ bytes"),
        (lambda content: content[:-5], "its zlib stream is cut short after"),
    ],
    ids=["more than its shape has", "cut"],
)
def test_a_tensor_is_inflated_no_further_than_its_shape_goes(copied, changed, message):
    path = copied / "tiny-train.tfrecord-00000-of-00001"
    records = list(tfr.read_records(path))
    example = tfr.Example.FromString(records[1])
    tensor = example.features.feature["any2/value"].bytes_list.value
    tensor[:] = [changed(tensor[0])]
    records[1] = example.SerializeToString()
    tfr.write_records(path, records)
    with pytest.raises(tfr.ExampleError, match=f"feature 'any2': {message}"):
        load(copied, split="train", decode_images=False)[1]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("features.json", []),
        ("features.json", "x"),
        ("features.json", {"pythonClassName": None}),
        ("features.json", {"featuresDict": {"features": {"x": 3}}}),
        ("features.json", {"featuresDict": {"features": [1]}}),
        ("features.json", {"tensor": {"shape": None}}),
        ("features.json", {"tensor": {"dtype": "int64", "shape": {"dimensions": ["x"]}}}),
        ("features.json", {"tensor": {"dtype": "colour"}}),
        ("dataset_info.json", [1]),
        ("dataset_info.json", {"name": "n"}),
        ("dataset_info.json", {"name": "n", "splits": {"train": {"num_examples": 3}}}),
        ("dataset_info.json", {"name": 3, "splits": []}),
        ("dataset_info.json", {"name": "n", "splits": [{"name": None}]}),
        ("dataset_info.json", {"name": "n", "splits": [{"name": "train", "shardLengths": 3}]}),
        ("dataset_info.json", {"name": "n", "splits": [{"name": "train", "shardLengths": ["x"]}]}),
        ("dataset_info.json", {"name": "n", "splits": [{"name": "train", "shardLengths": [-1]}]}),
        (
            "dataset_info.json",
            {"name": "n", "splits": [{"name": "train", "shardLengths": [1e999]}]},
        ),
        (
            "dataset_info.json",
            {"name": "n", "splits": [{"name": "train", "shardLengths": ["9" * 20]}]},
        ),
        ("dataset_info.json", {"name": "n", "splits": [{"name": "t", "filepathTemplate": 3}]}),
    ],
)
def test_json_that_describes_no_dataset_is_an_error_about_its_file(copied, file, content):
    (copied / file).write_text(json.dumps(content))
    with pytest.raises(tfr.TFRecordError, match="not the description of a dataset") as raised:
        load(copied, split="train")
    assert raised.value.path == str(copied / file)


def test_a_file_with_other_records_than_are_told(copied):
    path = copied / "tiny-train.tfrecord-00000-of-00001"
    tfr.write_records(path, list(tfr.read_records(path))[:5])
    with pytest.raises(tfr.TFRecordError, match="5 records"):
        load(copied, split="train")[0]


@pytest.fixture
def described(tmp_path):
    """Return a function that writes files of some records, and says that they have others."""

    def write(said, real):
        numbers = iter(range(sum(real)))
        for shard, count in enumerate(real):
            path = tmp_path / f"n-train.tfrecord-{shard:05}-of-{len(real):05}"
            tfr.write_examples(path, {"x": [next(numbers) for _ in range(count)]})
        splits = [{"name": "train", "shardLengths": list(map(str, said))}]
        (tmp_path / "dataset_info.json").write_text(json.dumps({"name": "n", "splits": splits}))
        x = {"tensor": {"dtype": "int64", "shape": {}}}
        features = {"featuresDict": {"features": {"x": x}}}
        (tmp_path / "features.json").write_text(json.dumps(features))
        return tmp_path

    return write


WRONG = [([2, 2], [3, 2]), ([3, 2], [2, 2]), ([2, 2], [2, 3]), ([2, 3], [3, 2])]


@pytest.mark.parametrize(("said", "real"), WRONG)
def test_wrong_shard_lengths_are_no_records_under_wrong_numbers(described, said, real):
    folder = described(said, real)
    read = [
        lambda: [*load(folder, split="train")],
        # Of the last file, whichever is the wrong one.
        lambda: load(folder, split="train")[sum(said) - 1],
        lambda: load(folder, split="train")[-1:],
        lambda: load(folder, split="train")[::-2],
        lambda: [*load(folder, split=f"train[{said[0]}:]")],
    ]
    for each in read:
        with pytest.raises(tfr.TFRecordError, match=r"records, but dataset_info.json says \d"):
            each()


def test_records_of_which_none_was_asked_for_take_no_memory(described):
    many = 3 * 10**6
    folder = described([2, many], [2, 1])
    tracemalloc.start()
    split = load(folder, split=f"train[1:]+train[:1]+train[{many}:]")
    assert len(split) == 1 + many + 1 + 2
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert split[0]["x"] == 1
    for beyond in (len(split), -len(split) - 1):
        with pytest.raises(IndexError, match=f"there is no item {beyond}"):
            split[beyond]


def test_slices_over_several_parts_are_those_of_a_list(described):
    folder = described([3, 4], [3, 4])
    split = load(folder, split="train[2:5]+train[:0]+train[:2]+train[-1:]")
    expected = [2, 3, 4, 0, 1, 6]
    assert [item["x"] for item in split] == expected
    for asked in (slice(None, None, -1), slice(-4, None, 2), slice(4, 1), slice(1, 99), slice(3)):
        assert [item["x"] for item in split[asked]] == expected[asked]
    assert [split[at]["x"] for at in range(-6, 6)] == expected * 2


def test_many_bytes_before_a_record_are_not_counted_for_it(described, monkeypatch):
    folder = described([2, 2, 2], [2, 3, 2])
    size = (folder / "n-train.tfrecord-00000-of-00003").stat().st_size
    monkeypatch.setattr("tfrecord_lite.tfds.loading._COUNTED_BYTES", size)
    train = load(folder, split="train")
    assert train[5]["x"] == 6
    assert len(pickle.loads(pickle.dumps(train))) == 6
    # Going through all of it meets the file.
    with pytest.raises(tfr.TFRecordError, match=r"00001-of-00003: 3 records, .* says 2"):
        list(train)


@needs_pillow
def test_a_directory_is_a_path_of_any_type():
    for directory in (str(TINY), bytes(TINY)):
        found = load(directory, split="train")
        assert [*map(plain, found)] == [*map(plain, load(TINY, split="train"))]
