"""The feature classes: what they accept, how they keep it, JSON both ways."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import numpy as np
import pytest

from tfrecord_lite import compat
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    features_from_json,
    features_to_json,
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.int64, np.int64),
        ("int64", np.int64),
        (np.dtype("int64"), np.int64),
        (int, np.int64),
        (np.float32, np.float32),
        ("float32", np.float32),
        (np.dtype("<f4"), np.float32),
        (float, np.float32),
        (bytes, bytes),
        ("bytes", bytes),
        ("string", bytes),
        (str, bytes),
        (np.bytes_, bytes),
    ],
)
def test_dtypes(given: Any, kept: type) -> None:
    for feature in (
        FixedLenFeature([], given),
        VarLenFeature(given),
        FixedLenSequenceFeature([], given),
        RaggedFeature(given),
    ):
        assert feature.dtype is kept


@pytest.mark.parametrize(
    "dtype",
    [np.int32, np.float64, np.dtype("float16"), "uint8", bool, object, None, 5, complex, [1]],
)
def test_dtypes_that_no_example_has(dtype: Any) -> None:
    with pytest.raises(
        ValueError, match=r"an Example has np.int64, np.float32 and bytes.*RawFeature"
    ):
        VarLenFeature(dtype)


def test_shapes() -> None:
    assert FixedLenFeature((), int).shape == ()
    assert FixedLenFeature([2, np.int64(3)], int).shape == (2, 3)
    assert FixedLenFeature(4, int).shape == (4,)
    assert FixedLenSequenceFeature(np.array([2]), int).shape == (2,)
    assert RawFeature([], "u1").shape == ()


@pytest.mark.tensorflow
def test_shapes_and_default_values_of_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    for shape in (tf.TensorShape([2]), [tf.compat.v1.Dimension(2)]):
        feature = FixedLenFeature(shape, tf.float32, tf.constant([1.0, 2.0]))
        assert feature == FixedLenFeature([2], np.float32, [1, 2])


@pytest.mark.parametrize("shape", [[-1], [None], [2, -3], [1.5], "ab", -1])
def test_what_is_not_a_shape(shape: Any) -> None:
    with pytest.raises(ValueError, match="every size is an integer, 0 or more"):
        FixedLenFeature(shape, int)
    with pytest.raises(ValueError, match="every size is an integer, 0 or more"):
        RawFeature(shape, int)


@pytest.mark.parametrize(
    ("shape", "dtype", "given", "kept"),
    [
        ([], int, 5, 5),
        ([], int, [5], 5),
        ([], int, np.int32(5), 5),
        ([], int, True, 1),
        ([1], int, 5, (5,)),
        ([2, 2], int, [[1, 2], [3, 4]], (1, 2, 3, 4)),
        ([2, 2], int, np.arange(4), (0, 1, 2, 3)),
        ([2], float, [1, 0.5], (1.0, 0.5)),
        ([], float, float("inf"), float("inf")),
        ([], bytes, "ü", "ü".encode()),
        ([2], bytes, [b"a\0", "b"], (b"a\0", b"b")),
        ([0], bytes, [], ()),
        ([2], int, range(2), (0, 1)),
        ([2], float, compat.constant([1.0, 2.0]), (1.0, 2.0)),
        ([], bytes, compat.constant("x"), b"x"),
    ],
)
def test_default_values(shape: Any, dtype: Any, given: Any, kept: Any) -> None:
    value = FixedLenFeature(shape, dtype, given).default_value
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("shape", "dtype", "given", "message"),
    [
        ([2], int, 0, r"default_value has 1 elements, where the shape \(2,\) has 2"),
        ([], int, [], "has 0 elements"),
        ([], int, 1.0, "default_value 1.0 does not fit the dtype int64"),
        ([], int, 2**63, "does not fit"),
        ([], int, "1", "does not fit"),
        ([], float, "1", "does not fit the dtype float32"),
        ([], float, 1e39, "1e[+]39 is beyond float32"),
        ([], bytes, 1, "does not fit the dtype bytes"),
        ([], bytes, [None], "default_value None does not fit"),
        ([2, 2], int, [[1], [2, 3, 4]], "rows of different lengths"),
    ],
)
def test_default_values_that_do_not_fit(shape: Any, dtype: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FixedLenFeature(shape, dtype, given)


def test_a_sequence_is_padded_with_one_value() -> None:
    assert FixedLenSequenceFeature([2], int, True, -1).default_value == -1
    assert FixedLenSequenceFeature([2], bytes, default_value=["x"]).default_value == b"x"
    assert FixedLenSequenceFeature([2], int).allow_missing
    with pytest.raises(ValueError, match="one value to pad with, not 2"):
        FixedLenSequenceFeature([2], int, True, [1, 2])


def test_raw() -> None:
    assert RawFeature([2, 3], ">u2").dtype == np.dtype("<u2")
    assert RawFeature([2, 3], ">u2").nbytes == 12
    assert RawFeature([], "c16").nbytes == 16
    assert RawFeature([3], [("x", ">i2"), ("y", "f4")]).nbytes == 18


@pytest.mark.parametrize("dtype", [object, "S", "U", "V", [("x", object)]])
def test_raw_of_no_fixed_size(dtype: Any) -> None:
    with pytest.raises(ValueError, match="has no fixed size in memory"):
        RawFeature([], dtype)


def test_features_are_frozen_values() -> None:
    feature = FixedLenFeature([2], "int64", [1, 2])
    assert feature == FixedLenFeature((2,), np.int64, (1, 2))
    assert hash(feature) == hash(FixedLenFeature((2,), np.int64, (1, 2)))
    assert feature != FixedLenFeature((2,), np.int64)
    with pytest.raises(dataclasses.FrozenInstanceError):
        feature.shape = ()  # type: ignore[misc]


FEATURES = {
    "label": FixedLenFeature([], np.int64),
    "with default": FixedLenFeature([2], np.int64, [-1, 2**62]),
    "floats": FixedLenFeature([4], np.float32, [0.1, np.inf, -np.inf, 3]),
    "bytes": FixedLenFeature([2], bytes, [b"\xff\0", "ü"]),
    "one": FixedLenFeature([], bytes, b""),
    "words": VarLenFeature(bytes),
    "ragged": RaggedFeature(np.float32),
    "steps": FixedLenSequenceFeature([3], np.float32, allow_missing=False, default_value=-1),
    "image": RawFeature([32, 32, 3], np.uint8),
    "raw floats": RawFeature([2], ">f8"),
    "raw times": RawFeature([], "M8[s]"),
    "raw strings": RawFeature([2], "S5"),
    "raw text": RawFeature([2], "U3"),
    "raw void": RawFeature([2], "V3"),
    "raw record of titles": RawFeature([], [(("long name", "x"), "<i2"), ("y", "u1")]),
    "raw record": RawFeature([2], [("x", "<i2"), ("y", "<f4", (2, 3)), ("z", [("w", "u1")])]),
    'odd "name"\n\x1b': VarLenFeature(np.int64),
}


def test_json_round_trip() -> None:
    text = features_to_json(FEATURES)
    assert features_from_json(text) == FEATURES
    assert list(features_from_json(text)) == list(FEATURES)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert len(text.splitlines()) == len(FEATURES) + 2
    assert features_from_json(features_to_json({})) == {}


def test_json_of_a_number_that_is_none() -> None:
    feature = FixedLenFeature([], np.float32, float("nan"))
    again = features_from_json(features_to_json({"a": feature}))["a"]
    assert np.isnan(again.default_value)


def test_json_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    features = {"a": RawFeature([2], ml_dtypes.bfloat16), "b": RawFeature([], ml_dtypes.int4)}
    assert features_from_json(features_to_json(features)) == features


@pytest.mark.parametrize("there", [True, False])
def test_json_of_ml_dtypes_where_they_are_not_yet_imported(there: bool) -> None:
    pytest.importorskip("ml_dtypes")
    import subprocess
    import sys

    code = f"""
import sys
if not {there}:
    sys.modules["ml_dtypes"] = None
from tfrecord_lite.example import features_from_json
text = '{{"a": {{"class": "RawFeature", "shape": [2], "dtype": "bfloat16"}}}}'
try:
    print(features_from_json(text)["a"].nbytes)
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    absent = "NumPy does not know bfloat16; it may be of ml_dtypes: pip install ml_dtypes\n"
    assert done.stdout.endswith("4\n" if there else absent)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "5",
        '{"a": 5}',
        '{"a": {}}',
        '{"a": {"class": "SparseFeature", "dtype": "int64"}}',
        '{"a": {"class": "VarLenFeature"}}',
        '{"a": {"class": "VarLenFeature", "dtype": "int32"}}',
        '{"a": {"class": "VarLenFeature", "dtype": "int64", "shape": []}}',
        '{"a": {"class": "FixedLenFeature", "shape": [-1], "dtype": "int64"}}',
        '{"a": {"class": "FixedLenFeature", "shape": [], "dtype": "int64", "default_value": 1.5}}',
        '{"a": {"class": "FixedLenFeature", "shape": [], "dtype": "bytes", "default_value": "?"}}',
        '{"a": {"class": "RawFeature", "shape": [], "dtype": "no such"}}',
        '{"a": {"class": "RawFeature", "shape": [], "dtype": "object"}}',
        '{"a": {"class": "RawFeature", "shape": [], "dtype": [["x"]]}}',
        '{"a": {"class": "RawFeature", "shape": [], "dtype": 5}}',
        '{"a": {"class": "RawFeature", "shape": [], "dtype": null}}',
        '{"\\ud800": {"class": "VarLenFeature", "dtype": "int64"}}',
    ],
)
def test_what_is_not_the_json_of_features(text: str) -> None:
    with pytest.raises(ValueError, match="not the JSON of features"):
        features_from_json(text)


_RAGGED = '"class": "RaggedFeature", "dtype": "int64", "partitions": '
_NO_PARTITIONS = ("7", "[7]", '[["X", 1]]', "[[[], 1]]")
_FIXED = '"class": "FixedLenFeature", "shape": [], "default_value": "?", "dtype": '
_KINDS = ("int64", "float32", "bytes")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "Expecting value"),
        ("3", "3 is no object of features by name"),
        ("null", "None is no object of features"),
        ('["a"]', "['a'] is no object of features"),
        ('{"version": 2}', "None is no object of features"),
        ('{"version": 2, "context": [], "feature_lists": {}}', "[] is no object of features"),
        ('{"b": 3}', "feature 'b': 3 is no object with class and dtype"),
        ('{"b": {}}', "feature 'b': class None; there are FixedLenFeature, "),
        ('{"b": {"class": ["x"]}}', "feature 'b': class ['x']; there are"),
        ('{"b": {"class": "FixedLenFeature", "shape": []}}', "'b': FixedLenFeature without dtype"),
        ('{"b": {"class": "VarLenFeature", "dtype": "int", "z": 1}}', "VarLenFeature has no 'z'"),
        ('{"b": {"class": "VarLenFeature", "dtype": 7}}', "feature 'b': dtype 7 is no name"),
        *((f'{{"b": {{{_RAGGED}{bad}}}}}', "'b': partitions ") for bad in _NO_PARTITIONS),
        *((f'{{"b": {{{_FIXED}"{kind}"}}}}', f"default_value '?' is no {kind}") for kind in _KINDS),
    ],
)
def test_what_is_told_of_json_that_is_not_of_features(text: str, told: str) -> None:
    """In words of the JSON, not in those of Python's errors."""
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        features_from_json(text)
    assert not re.search(
        r"object has no|object is not|Error|unhashable|__init__", str(caught.value)
    )


def test_a_shape_of_2_gib_is_the_largest() -> None:
    assert RawFeature([1 << 31], np.uint8).shape == (1 << 31,)
    for shape, dtype in (([(1 << 31) + 1], np.uint8), ([3 << 20, 1 << 8], np.float32)):
        with pytest.raises(ValueError, match="more than the 2 GiB that a record can have"):
            RawFeature(shape, dtype)
