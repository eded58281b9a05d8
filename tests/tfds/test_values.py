"""Values of features that tensorflow_datasets describes, as it gives them; pictures of 16 bits."""

from __future__ import annotations

import io
import json
import struct
import zlib

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.tfds import load
from tfrecord_lite.tfds.described import node_of


@pytest.fixture
def described(tmp_path):
    """Return a function that writes records, and what features.json says of them."""

    def write(features, examples, **split):
        name = "n-train.tfrecord-00000-of-00001"
        tfr.write_records(tmp_path / name, [tfr.encode_example(row) for row in examples])
        splits = [{"name": "train", "shardLengths": [str(len(examples))], **split}]
        info = {"name": "n", "splits": splits}
        (tmp_path / "dataset_info.json").write_text(json.dumps(info))
        features = {"featuresDict": {"features": features}}
        (tmp_path / "features.json").write_text(json.dumps(features))
        return tmp_path

    return write


def tensor(dtype, *sizes, **more):
    return {"tensor": {"dtype": dtype, "shape": {"dimensions": list(map(str, sizes))}, **more}}


MISSING = {
    ("int64", ()): np.int64(-(2**63)),
    ("uint8", ()): np.uint8(0),
    ("float32", ()): np.finfo(np.float32).min,
    ("float64", ()): np.float64(-np.inf),
    ("bool", ()): np.False_,
    ("int32", (2,)): np.full(2, -(2**31), np.int32),
}


def test_an_optional_feature_that_is_none_is_what_stands_for_it(described):
    features = {
        f"{dtype}{len(shape)}": tensor(dtype, *shape, optional=True) for dtype, shape in MISSING
    }
    folder = described({**features, "text": tensor("string", optional=True)}, [{}, {"text": "x"}])
    split = load(folder, split="train")
    first, second = split
    assert (first["text"], second["text"]) == (b"", b"x")
    for key, expected in zip(features, MISSING.values(), strict=True):
        assert (first[key].dtype, first[key].shape) == (expected.dtype, expected.shape)
        assert np.array_equal(first[key], expected)
    (batch,) = tfr.read_batches(split.records, split.features, batch_size=2)
    for key, expected in zip(features, MISSING.values(), strict=True):
        assert np.array_equal(batch[key][0].astype(expected.dtype), expected)


def test_what_is_not_optional_has_to_be_there(described):
    folder = described({"x": tensor("int64")}, [{}])
    with pytest.raises(tfr.ExampleError, match="feature 'x': has 0 values"):
        load(folder, split="train")[0]


@pytest.mark.parametrize(
    "feature",
    [
        tensor("string"),
        tensor("string", 1),
        {"text": {}},
        tensor("int64", 1, encoding="bytes"),
        {"pythonClassName": "tensorflow_datasets.core.features.image_feature.Image", "image": {}},
    ],
)
@pytest.mark.parametrize("value", [np.int64(7), np.float32(0.5)])
def test_numbers_where_bytes_are_to_be_are_told(described, feature, value):
    split = load(described({"x": feature}, [{"x": value}]), split="train", decode_images=False)
    with pytest.raises(tfr.ExampleError, match=f"'x': is {value.dtype}, where bytes were expected"):
        split[0]


def dataset(features):
    kind = "tensorflow_datasets.core.features.dataset_feature.Dataset"
    feature = {"featuresDict": {"features": features}}
    return {"pythonClassName": kind, "sequence": {"feature": feature}}


def test_datasets_in_datasets_are_lists_of_their_steps(described):
    features = {"a": dataset({"e": tensor("int64"), "d": dataset({"x": tensor("int32")})})}
    flat, lengths = "a/d/x/ragged_flat_values", "a/d/x/ragged_row_lengths_0"
    folder = described(features, [{"a/e": [7, 8, 9], flat: [1, 2, 3], lengths: [2, 0, 1]}])
    (item,) = load(folder, split="train")
    assert item == {
        "a": [
            {"e": 7, "d": [{"x": 1}, {"x": 2}]},
            {"e": 8, "d": []},
            {"e": 9, "d": [{"x": 3}]},
        ]
    }


def test_datasets_in_sequences_of_a_step_are_lists_of_their_steps(described):
    feature = dataset({"x": tensor("int32")})
    inner = {"pythonClassName": "Sequence", "sequence": {"feature": feature}}
    flat, lengths = "d/s/x/ragged_flat_values", "d/s/x/ragged_row_lengths_"
    row = {flat: [1, 2, 3], f"{lengths}0": [2, 0], f"{lengths}1": [2, 1]}
    (item,) = load(described({"d": dataset({"s": inner})}, [row]), split="train")
    found = [[step["x"].tolist() for step in element["s"]] for element in item["d"]]
    assert found == [[[1, 2], [3]], []]


@pytest.mark.parametrize("dtype", ["int64", "float32", "string"])
def test_sequences_in_sequences_of_known_lengths_have_features_that_read_them(described, dtype):
    """As they are written: without an error, `read_batches` found no values."""
    values = {"int64": [1, 2, 3, 4], "float32": [0.5, 1.5, 2.5, 3.5], "string": [*"abcd"]}[dtype]
    inner = {"sequence": {"feature": tensor(dtype), "length": "2"}}
    for length in ("-1", "2"):
        feature = {"sequence": {"feature": inner, "length": length}}
        row = {"f/ragged_flat_values": values, "f/ragged_row_lengths_0": [2, 2]}
        split = load(described({"f": feature}, [row]), split="train")
        assert [part.tolist() for part in split[0]["f"]] == [
            [value.encode() if dtype == "string" else value for value in values[begin : begin + 2]]
            for begin in (0, 2)
        ]
        (batch,) = tfr.read_batches(split.records, split.features, batch_size=2)
        assert set(batch) == set(row)
        assert all(len(batch[key][0]) == len(row[key]) for key in row)


def test_dicts_without_features(described):
    folder = described({"a": {"featuresDict": {}}, "b": tensor("int64")}, [{"b": 3}])
    split = load(folder, split="train")
    assert split[0] == {"a": {}, "b": 3}
    assert [*split.features] == ["b"]


TRANSLATION = "tensorflow_datasets.core.features.translation_feature."


def test_translations_are_dicts_of_texts(described):
    """They were a kind that is not known, and so were most datasets for translating."""
    fixed = {"pythonClassName": f"{TRANSLATION}Translation", "translation": {"languages": [*"ab"]}}
    various = {
        "pythonClassName": f"{TRANSLATION}TranslationVariableLanguages",
        "translation": {"languages": ["a", "b", "c"], "variableLanguagesPerExample": True},
    }
    sequence = {"sequence": {"feature": fixed}}
    rows = [
        {"f/a": "one", "f/b": "eins", "s/a": ["x", "y"], "s/b": ["v", "w"]},
        {"f/a": "two", "f/b": "", "v/language": ["a", "c"], "v/translation": ["two", "deux"]},
    ]
    split = load(described({"f": fixed, "v": various, "s": sequence}, rows), split="train")
    first, second = split
    assert (first["f"], second["f"]) == ({"a": b"one", "b": b"eins"}, {"a": b"two", "b": b""})
    assert {key: first["s"][key].tolist() for key in "ab"} == {"a": [b"x", b"y"], "b": [b"v", b"w"]}
    assert first["v"]["language"].tolist() == []
    assert second["v"]["translation"].tolist() == [b"two", b"deux"]
    (batch,) = tfr.read_batches(split.records, split.features, batch_size=2)
    assert batch["f/b"].tolist() == [b"eins", b""]


def test_a_translation_may_be_all_there_is(described):
    folder = described({}, [{"cs": "ano", "en": "yes"}])
    feature = {"translation": {"languages": ["cs", "en"]}}
    (folder / "features.json").write_text(json.dumps(feature))
    split = load(folder, split="train")
    assert [*split] == [{"cs": b"ano", "en": b"yes"}]
    assert [*split.features] == ["cs", "en"]


def old(kind, content, message=""):
    """Return a feature as tensorflow_datasets before 4.5 said it."""
    return {
        "type": f"tensorflow_datasets.core.features.a_module.{kind}",
        "content": content,
        **({"proto_cls": f"tensorflow_datasets.{message}"} if message else {}),
    }


IMAGE = {"shape": [None, None, 3], "dtype": "uint8", "encoding_format": "png"}
INTEGER = old("Tensor", {"shape": [], "dtype": "int64"})
OLD = {
    "image": old("Image", IMAGE),
    "map": old("LabeledImage", {**IMAGE, "labels": 3}),
    "label": old("ClassLabel", {"num_classes": 10}),
    "text": old("Text", {}),
    "box": old("BBoxFeature", {}),
    "rows": old("Tensor", {"shape": [None, 2], "dtype": "float32", "encoding": "none"}),
    "zlib": old("Tensor", {"shape": [3], "dtype": "uint8", "encoding": "zlib"}),
    "sound": old("Audio", {"shape": [None], "dtype": "int64", "file_format": "wav"}),
    "pair": old("Translation", {"languages": ["a", "b"]}),
    "pairs": old("TranslationVariableLanguages", {"languages": ["a", "b"]}),
    "list": old("Sequence", {"feature": old("FeaturesDict", {"n": INTEGER}), "length": None}),
    "three": old("Sequence", {"feature": old("Text", {}), "length": 3}),
    "steps": old("Dataset", {"feature": old("FeaturesDict", {"n": INTEGER}), "length": None}),
}
NEW = {
    "image": {"image": {"shape": {"dimensions": ["-1", "-1", "3"]}, "dtype": "uint8"}},
    "map": {"image": {"shape": {"dimensions": ["-1", "-1", "3"]}, "dtype": "uint8"}},
    "label": {"classLabel": {"numClasses": "10"}},
    "text": {"text": {}},
    "box": {"boundingBox": {}},
    "rows": tensor("float32", -1, 2),
    "zlib": tensor("uint8", 3, encoding="zlib"),
    "sound": {"audio": {"shape": {"dimensions": ["-1"]}, "dtype": "int64"}},
    "pair": {"translation": {"languages": ["a", "b"]}},
    "pairs": {"translation": {"languages": ["a", "b"], "variableLanguagesPerExample": True}},
    "list": {"sequence": {"feature": {"featuresDict": {"features": {"n": tensor("int64")}}}}},
    "three": {"sequence": {"feature": {"text": {}}, "length": "3"}},
    "steps": {
        "pythonClassName": "tensorflow_datasets.core.features.dataset_feature.Dataset",
        "sequence": {"feature": {"featuresDict": {"features": {"n": tensor("int64")}}}},
    },
}
WHOLE = {"featuresDict": {"features": NEW}}


@pytest.mark.parametrize(
    "said",
    [
        old("FeaturesDict", OLD),
        old("FeaturesDict", {"features": NEW}, "FeaturesDict"),
        old("FeaturesDict", json.dumps({"features": NEW}), "FeaturesDict"),
    ],
    ids=["content", "message", "text"],
)
def test_features_as_they_were_said_before(said):
    """Data sets prepared years ago still have them; all were a feature that is not known."""
    assert node_of(said, "") == node_of(WHOLE, "")


def test_a_set_prepared_years_ago_is_read(described):
    folder = described({}, [{"n": 5, "pair/a": "x", "pair/b": "y"}])
    features = old("FeaturesDict", {"n": INTEGER, "pair": OLD["pair"]})
    (folder / "features.json").write_text(json.dumps(features))
    assert [*load(folder, split="train")] == [{"n": 5, "pair": {"a": b"x", "b": b"y"}}]


@pytest.mark.parametrize(
    ("feature", "found"),
    [
        (old("Text", {"use_encoder": True}), "'f' is a Text, which"),  # numbers of words
        (old("Mine", {"shape": []}), "'f' is a Mine, which"),
        (old("Mine", {}, "VideoFeature"), "'f' is a Mine, which"),
        (old("Text", None), "not the description of a dataset"),
        (old("Text", "{"), "not JSON"),
    ],
)
def test_what_was_said_before_and_is_not_known_is_told(described, feature, found):
    folder = described({"f": feature}, [{}])
    with pytest.raises(tfr.TFRecordError, match=found):
        load(folder, split="train")


LABEL = {
    "pythonClassName": "tensorflow_datasets.core.features.class_label_feature.ClassLabel",
    "classLabel": {"numClasses": "2"},
}


@pytest.mark.parametrize(
    ("feature", "stem"),
    [("a/b/c", "a-b.c"), ("x/y", "x.y"), ("s", "s"), ("o/l", "o-l"), ("x.y", None)],
)
def test_names_of_classes_are_in_the_files_of_tensorflow_datasets(described, feature, stem):
    sequence = {"pythonClassName": "Sequence", "sequence": {"feature": LABEL}}
    steps = dataset({"l": LABEL})
    nested = {"featuresDict": {"features": {"b/c": LABEL}}}
    folder = described({"a": nested, "x/y": LABEL, "s": sequence, "o": steps}, [{}])
    for other in ("a-b.c", "x.y", "s", "o-l"):
        (folder / f"{other}.labels.txt").write_text(f"{other}\n two\u2028words \n\n")
    found = load(folder, split="train").class_names(feature)
    assert found == (None if stem is None else [stem, "two\u2028words"])


@pytest.mark.parametrize("split", ["train[:4]", "train[-4:]", "train[:101%]", "train[-101%:]"])
def test_parts_beyond_a_split_are_refused(described, split):
    """They are by tensorflow_datasets, too; they were cut to what there is."""
    folder = described({"x": tensor("int64")}, [{"x": 1}] * 3)
    with pytest.raises(ValueError, match="is more than the 3 records of train"):
        load(folder, split=split)
    assert len(load(folder, split="train[-3:3]+train[-100%:100%]")) == 6


@pytest.mark.parametrize("split", ["train[10%:2]", "train[1:50%]"])
def test_a_part_is_in_numbers_or_in_percents(described, split):
    """One of each is another part for tensorflow_datasets, which takes both for percents."""
    folder = described({"x": tensor("int64")}, [{"x": 1}] * 3)
    with pytest.raises(ValueError, match="numbers or percents, not one of each"):
        load(folder, split=split)


def test_names_of_many_shards_have_the_digits_that_these_need(described):
    folder = described({"x": tensor("int64")}, [{"x": 5}], shardLengths=["1"] * 123_456)
    with pytest.raises(FileNotFoundError, match=r"n-train\.tfrecord-000000-of-123456"):
        load(folder, split="train")


def png(mode, array):
    """Return a PNG of 16 bits; Pillow writes none with colours."""

    def chunk(name, content):
        sums = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + sums

    height, width = array.shape[:2]
    kind = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[mode]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def picture(described, content, dtype, channels):
    shape = {"dimensions": ["-1", "-1", str(channels)]}
    folder = described({"a": {"image": {"dtype": dtype, "shape": shape}}}, [{"a": content}])
    return load(folder, split="train")[0]["a"]


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 1 << 16, (3, 4, 1), np.uint16)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_pictures_of_16_bits(described, values, channels):
    """Of 8 bits they are the upper ones; the values were those modulo 256, and without colours."""
    pytest.importorskip("PIL")
    opaque = np.full((3, 4, 1), 0xFFFF, np.uint16)
    expected = np.concatenate([values] * min(channels, 3) + [opaque] * (channels == 4), axis=2)
    content = png("L", values)
    assert np.array_equal(picture(described, content, "uint16", channels), expected)
    found = picture(described, content, "uint8", channels)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected >> 8)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4), ("LA", 1), ("RGB", 1)])
def test_coloured_pictures_of_16_bits_are_not_those_of_8(described, values, mode, channels):
    """Pillow reads the upper 8 bits; they were returned as uint16."""
    pytest.importorskip("PIL")
    content = png(mode, np.concatenate([values] * len(mode), axis=2))
    with pytest.raises(tfr.ExampleError, match="feature 'a': has 16 bits and several channels"):
        picture(described, content, "uint16", channels)
    if channels == 3:
        found = picture(described, content, "uint8", 3)
        assert np.array_equal(found, np.concatenate([values >> 8] * 3, axis=2))


@pytest.mark.parametrize(("form", "factor"), [("PNG", 257), ("BMP", 256)])
def test_pictures_of_8_bits_as_uint16(described, form, factor):
    """TensorFlow widens them; they were 0 to 255."""
    images = pytest.importorskip("PIL.Image")
    values = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    file = io.BytesIO()
    images.fromarray(values).save(file, form)
    found = picture(described, file.getvalue(), "uint16", 3)
    assert np.array_equal(found, values.astype(np.uint16) * factor)


@pytest.mark.parametrize(
    ("mode", "options", "shape"),
    [
        ("P", {}, (4, 5, 3)),
        ("P", {"transparency": 3}, (4, 5, 4)),
        ("1", {}, (4, 5, 1)),
        ("LA", {}, (4, 5, 2)),
    ],
)
def test_pictures_of_any_channels_are_no_numbers_of_colours(described, mode, options, shape):
    """The numbers that stand for the colours of a palette were taken for the picture."""
    images = pytest.importorskip("PIL.Image")
    values = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    image = images.fromarray(values).convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    found = picture(described, file.getvalue(), "uint8", -1)
    assert (found.shape, found.dtype) == (shape, np.uint8)
    colours = "L" if mode == "1" else "LA" if mode == "LA" else "RGB"
    expected = np.asarray(image.convert(colours)).reshape(4, 5, -1)
    assert np.array_equal(found[..., : expected.shape[2]], expected)
