"""What ``features`` may be: classes, plain types, those of tf.io, names; and what is refused.

The cases tensorflow_feature_specs and huge_shapes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.errors import ExampleError

ROW = {"label": 3, "weight": 0.5, "name": b"x", "many": [1, 2]}
RECORDS = [tfr.encode_example(ROW)] * 3
SCALAR = {
    "label": tfr.FixedLenFeature([], np.int64),
    "weight": tfr.FixedLenFeature([], np.float32),
    "name": tfr.FixedLenFeature([], bytes),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, RECORDS)
    return path


def from_dataset(path: Path, features: Any) -> Any:
    return next(iter(tfr.Dataset(path, features, batch_size=3)))


def from_verify(path: Path, features: Any) -> Any:
    return tfr.verify(path, examples=True, features=features)


def from_writer(path: Path, features: Any) -> Any:
    with tfr.ShardWriter(path.parent / "set", features=features) as writer:
        writer.write_many(RECORDS)
    return tfr.features_from_json(
        tfr.find_manifest(tfr.expand_shards(path.parent / "set")).features
    )


READING: dict[str, Callable[[Path, Any], Any]] = {
    "parse_example": lambda path, features: tfr.parse_example(RECORDS, features),
    "parse_single_example": lambda path, features: tfr.parse_single_example(RECORDS[0], features),
    "read_batches": lambda path, features: next(tfr.read_batches(path, features)),
    "Dataset": from_dataset,
    "verify": from_verify,
}
SEQUENCES: dict[str, Callable[[Path, Any], Any]] = {
    "the context": lambda path, features: tfr.parse_sequence_example(
        [tfr.encode_sequence_example(ROW, {})], features
    ),
    "a single context": lambda path, features: tfr.parse_single_sequence_example(
        tfr.encode_sequence_example(ROW, {}), features
    ),
    "feature lists": lambda path, features: tfr.parse_sequence_example(
        [tfr.encode_sequence_example({}, {})], None, features
    ),
}
WRITING: dict[str, Callable[[Path, Any], Any]] = {
    "encode_example": lambda path, features: tfr.encode_example(ROW, features),
    "encode_examples": lambda path, features: tfr.encode_examples({"label": [1]}, features),
    "write_examples": lambda path, features: tfr.write_examples(
        path.parent / "w", {"label": [1]}, features
    ),
    "ShardWriter": from_writer,
    "features_to_json": lambda path, features: tfr.features_to_json(features),
}

# Forms that are taken.


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (np.int64, np.int64),
        (int, np.int64),
        (np.float32, np.float32),
        (float, np.float32),
        (bytes, bytes),
        (str, bytes),
    ],
)
@pytest.mark.parametrize("way", READING)
def test_plain_types(path: Path, way: str, given: Any, meant: Any) -> None:
    name = {np.int64: "label", np.float32: "weight", bytes: "name"}[meant]
    found = READING[way](path, {name: given})
    expected = READING[way](path, {name: tfr.FixedLenFeature([], meant)})
    if way == "verify":
        assert found.ok
        assert expected.ok
    else:
        assert found.keys() == {name}
        assert np.asarray(found[name]).tolist() == np.asarray(expected[name]).tolist()
        assert np.asarray(found[name]).dtype == np.asarray(expected[name]).dtype


def test_plain_types_where_something_is_written(path: Path) -> None:
    plain = {"label": int, "weight": float, "name": str}
    assert tfr.encode_example(ROW, plain) == RECORDS[0]
    assert tfr.features_to_json(plain) == tfr.features_to_json(SCALAR)
    assert from_writer(path, plain) == SCALAR
    columns = {"label": [3], "weight": [1]}
    taken = {"label": int, "weight": float}
    assert tfr.encode_examples(columns, taken)[0] == tfr.encode_example(
        {"label": 3, "weight": 1.0}, None
    )


@pytest.mark.parametrize("way", [way for way in READING if way != "verify"])
def test_a_plain_type_is_one_value_a_record(path: Path, way: str) -> None:
    with pytest.raises(ExampleError, match="'many': found 2 values, .*RaggedFeature and VarLen"):
        READING[way](path, {"many": int})


@pytest.mark.parametrize("way", READING)
def test_names(path: Path, way: str) -> None:
    for names in (
        ["weight", "label"],
        ("weight", "label"),
        dict.fromkeys(["weight", "label"]).keys(),
    ):
        found = READING[way](path, names)
        if way == "verify":
            assert found.ok
            continue
        assert list(found) == ["weight", "label"]
        assert np.asarray(found["label"]).reshape(-1)[0] == 3


@pytest.mark.parametrize("way", READING)
def test_mappings_of_any_kind(path: Path, way: str) -> None:
    for mapping in (OrderedDict(SCALAR), MappingProxyType(SCALAR)):
        found = READING[way](path, mapping)
        assert found.ok if way == "verify" else list(found) == list(SCALAR)


@pytest.mark.tensorflow
@pytest.mark.parametrize("way", [*READING, "the context"])
def test_features_of_tensorflow(path: Path, way: str) -> None:
    """The case tensorflow_feature_specs."""
    tf = pytest.importorskip("tensorflow")
    theirs = {
        "label": tf.io.FixedLenFeature([], tf.int64),
        "other": tf.io.FixedLenFeature([], tf.string, default_value="none"),
        "weight": tf.io.VarLenFeature(tf.float32),
        "many": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
        "name": tf.io.RaggedFeature(tf.string),
        "two": tf.io.FixedLenFeature([2], tf.int64, default_value=tf.constant([8, 9], tf.int64)),
    }
    ours = {
        "label": tfr.FixedLenFeature([], np.int64),
        "other": tfr.FixedLenFeature([], bytes, b"none"),
        "weight": tfr.VarLenFeature(np.float32),
        "many": tfr.FixedLenSequenceFeature([], np.int64, allow_missing=True),
        "name": tfr.RaggedFeature(bytes),
        "two": tfr.FixedLenFeature([2], np.int64, [8, 9]),
    }
    if way == "the context":
        del theirs["many"], ours["many"]
    call = {**READING, **SEQUENCES}[way]
    assert str(call(path, theirs)) == str(call(path, ours))
    assert tfr.features_to_json(theirs) == tfr.features_to_json(ours)


# What is refused, everywhere alike.

REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "a name": ("label", TypeError, "features='label' is no mapping"),
    "bytes": (b"label", TypeError, "is no mapping"),
    "a number": (3, TypeError, "is no mapping"),
    "a class": (tfr.FixedLenFeature([], np.int64), TypeError, "is no mapping"),
    "a set of names": ({"label"}, TypeError, "is no mapping"),
    "another type": ({"label": np.int16}, TypeError, "feature 'label': .*int16.*FixedLenFeature"),
    "a type's name": ({"label": "int64"}, TypeError, "feature 'label': 'int64' is not"),
    "a dtype": ({"label": np.dtype(np.int64)}, TypeError, "feature 'label': "),
    "nothing": ({"label": None}, TypeError, "feature 'label': None is not"),
    "a list": ({"label": [1]}, TypeError, "feature 'label': "),
    "a class and no feature": ({"label": tfr.FixedLenFeature}, TypeError, "feature 'label': "),
    "a mapping of mappings": ({"context": {"label": int}}, TypeError, "parse_sequence_example"),
    "a name that is no str": ({3: int}, TypeError, "3 is no name"),
    "a name that is not UTF-8": ({"\ud800": int}, ValueError, "a name is UTF-8"),
}


# Of a mapping `encode_example` looks at what it needs: the features of the names that there are.
UNSEEN = {"a name that is no str", "a mapping of mappings", "a name that is not UTF-8"}


@pytest.mark.parametrize(
    ("way", "what"),
    [
        (way, what)
        for way in [*READING, *WRITING, *SEQUENCES]
        for what in REFUSED
        if way != "encode_example" or what not in UNSEEN
    ],
)
def test_what_is_refused(path: Path, way: str, what: str) -> None:
    features, error, text = REFUSED[what]
    call = {**READING, **WRITING, **SEQUENCES}[way]
    if way in SEQUENCES:
        text = text.replace("features=", "_features=")
    with pytest.raises(error, match=text):
        call(path, features)


@pytest.mark.parametrize("way", READING)
def test_no_features(path: Path, way: str) -> None:
    for features in ({}, []):
        with pytest.raises(ValueError, match="no features; name at least one"):
            READING[way](path, features)


@pytest.mark.parametrize("way", READING)
def test_a_name_that_is_not_there(path: Path, way: str) -> None:
    with pytest.raises(ValueError, match=r"'lable' is not among .*: 'label', 'many', 'name', 'wei"):
        READING[way](path, ["lable"])


@pytest.mark.parametrize("way", [*WRITING, *SEQUENCES])
def test_names_where_nothing_says_what_they_are(path: Path, way: str) -> None:
    with pytest.raises(TypeError, match="a list of names, which says nothing of their kinds"):
        {**WRITING, **SEQUENCES}[way](path, ["label"])


@pytest.mark.tensorflow
def test_features_of_tensorflow_that_cannot_be_read(path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    for feature, text in (
        (tf.io.SparseFeature("i", "v", tf.int64, -9), "tf.io.SparseFeature: size=-9"),
        (tf.io.FixedLenFeature([], tf.int32), "tf.io.FixedLenFeature: "),
        (tf.io.FixedLenFeature([None], tf.int64), "tf.io.FixedLenFeature: "),
    ):
        for call in READING.values():
            with pytest.raises((TypeError, ValueError), match=text):
                call(path, {"label": feature})


@pytest.mark.parametrize("single", [b"x", bytearray(b"x"), memoryview(b"x"), "x"])
def test_one_record_is_no_batch(single: Any) -> None:
    for call in (
        lambda: tfr.parse_example(single, {"label": int}),
        lambda: tfr.parse_sequence_example(single, {"label": int}),
    ):
        with pytest.raises(
            TypeError, match="is one record; pass a list of them, or use parse_single"
        ):
            call()


@pytest.mark.parametrize("batch", [3, None, [3], ["text"], [None]])
def test_what_is_no_batch(batch: Any) -> None:
    with pytest.raises(TypeError, match="a RecordBlock or a list of bytes"):
        tfr.parse_example(batch, {"label": int})


# The case huge_shapes: of manifests and of callers.


@pytest.mark.parametrize("shape", ["[9223372036854775808]", "[4294967296, 4294967296]", "[-1]"])
def test_shapes_beyond_int64(shape: str) -> None:
    text = (
        '{"a": {"class": "FixedLenFeature", "shape": %s, "dtype": "int64", "default_value": null}}'
    )
    with pytest.raises(ValueError, match="not the JSON of features"):
        tfr.features_from_json(text % shape)


@pytest.mark.parametrize("dtype", ['"(2,)int64"', '"V0"', '"S0"', '"O"', "3"])
def test_dtypes_that_are_none(dtype: str) -> None:
    text = '{"a": {"class": "RawFeature", "shape": [2], "dtype": %s}}'
    with pytest.raises(ValueError, match="not the JSON of features"):
        tfr.features_from_json(text % dtype)
