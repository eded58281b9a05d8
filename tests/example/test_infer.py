"""infer_features: what records have, from looking at some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    RaggedFeature,
    SequenceFeatures,
    encode_example,
    encode_sequence_example,
    infer_features,
    parse_example,
)


def inferred(*examples: dict) -> dict:
    return infer_features(encode_example(example) for example in examples)


def test_a_count_that_is_always_the_same_is_fixed() -> None:
    assert inferred({"a": 1, "b": [0.5, 1.5], "c": b"x"}, {"a": 2, "b": [1.0, 2.0], "c": b""}) == {
        "a": FixedLenFeature([], np.int64),
        "b": FixedLenFeature([2], np.float32),
        "c": FixedLenFeature([], bytes),
    }


NONE = np.empty(0, np.int64)


@pytest.mark.parametrize(
    "examples",
    [
        ({"a": 1}, {"a": [1, 2]}),  # counts differ
        ({"a": 1}, {}),  # missing, last or first
        ({}, {"a": 1}),
        ({"a": NONE}, {"a": NONE}),  # never any
        ({"a": NONE}, {"a": 1}),
    ],
)
def test_any_other_is_ragged(examples: tuple) -> None:
    assert inferred(*examples) == {"a": RaggedFeature(np.int64)}


def test_a_feature_without_kind_counts_as_missing() -> None:
    no_kind = b"\n\x07\n\x05\n\x01a\x12\x00"
    assert infer_features([no_kind]) == {}
    records = [no_kind, encode_example({"a": 1})]
    assert infer_features(records) == {"a": RaggedFeature(np.int64)}


def test_names_are_in_the_order_in_which_they_first_appear() -> None:
    assert list(inferred({"b": 1}, {"a": 1, "c": 1}, {"0": 1})) == ["b", "a", "c", "0"]


def test_nothing() -> None:
    assert infer_features([]) == {}
    assert infer_features([b"", b""]) == {}


def test_what_is_inferred_parses() -> None:
    records = [encode_example({"a": index, "b": [b"x"] * (index + 1)}) for index in range(40)]
    columns = parse_example(records, infer_features(records))
    assert columns["a"].tolist() == list(range(40))
    assert columns["b"].to_list() == [[b"x"] * (index + 1) for index in range(40)]


def test_two_kinds() -> None:
    with pytest.raises(
        ExampleError, match="record 1: feature 'a': found float32 values, .* have int64"
    ) as caught:
        inferred({"a": 1}, {"a": 0.5})
    assert caught.value.record == 1


def test_what_is_no_example() -> None:
    with pytest.raises(ExampleError, match="record 2: byte 0: ") as caught:
        infer_features([b"", b"", b"\xff"])
    assert caught.value.record == 2


@pytest.mark.parametrize("record", ["text", None, 1 << 40, 1.5, [1], np.array([None])])
def test_what_is_no_bytes(record: Any) -> None:
    """An integer is no number of NULs, of which as many would be made."""
    with pytest.raises(TypeError, match="a record is bytes"):
        infer_features([record])


@pytest.mark.parametrize("records", [None, 3, Path("a.tfrecord")])
def test_what_is_no_list(records: Any) -> None:
    with pytest.raises(TypeError, match=r"no list of serialized Examples; read_records\(path\)"):
        infer_features(records)


def test_an_array_that_lost_nuls() -> None:
    examples = [encode_example({"a": value}) for value in (0, 1)]
    with pytest.raises(TypeError, match="record 0: an array of dtype .* dropped trailing NULs"):
        infer_features(np.array(examples))
    assert infer_features(np.array(examples, object)) == infer_features(examples)


_MIXED = [
    encode_example({"label": 1, "words": ["a", "b"]}),
    encode_example({"label": 2, "words": ["c"]}),
    encode_example({"label": [1.5, 2.5]}),
    encode_example({"other": 3}) + encode_example({"label": 4}),
    encode_sequence_example({"label": 1}, {"ids": [[1], [2, 3]]}),
    encode_sequence_example({"label": 1}, {"ids": [["a"]]}),
    encode_sequence_example({"words": ["a"]}, {}),
    b"",
    b"\n\x04\n\x02\n\x00",
    b"\n\x04\n\x02\n",
    b"\n\x02\x08\x01\x18\x01",
    b"\x12\x00",
]


@pytest.mark.parametrize("strict", [True, False])
def test_records_of_one_form_are_inferred_as_those_among_others(strict):
    """An Example is decoded once for both readings, up to the first record that differs."""

    def outcome(first: bytes, records: list[bytes]) -> object:
        try:
            return repr(infer_features([first, *records], strict=strict))  # with the order
        except ExampleError as error:
            return error.record, error.reason

    rng = np.random.default_rng(5)
    for _ in range(400):
        weights = rng.random(len(_MIXED)) ** 4
        chosen = rng.choice(len(_MIXED), rng.integers(0, 8), p=weights / weights.sum())
        records = [_MIXED[number] for number in chosen.tolist()]
        # The same Example, empty, in one field and in two.
        assert outcome(b"\n\x00", records) == outcome(b"\n\x00\n\x00", records)


def test_sequences_after_an_example_are_found_without_strict_too():
    records = [encode_example({"label": 1}), *[_MIXED[4]] * 2]
    for strict in (True, False):
        found = infer_features(records, strict=strict)
        assert found == SequenceFeatures(
            {"label": FixedLenFeature([], np.int64)}, {"ids": RaggedFeature(np.int64)}
        )


def of_steps(*records: list[Any]) -> Any:
    sequences = [encode_sequence_example({}, {"a": steps}) for steps in records]
    return infer_features(sequences).feature_lists


@pytest.mark.parametrize(
    ("records", "feature"),
    [
        ([[1, 2, 3], [4], [5, 6]], FixedLenFeature([], np.int64)),
        ([[[1, 2], [3, 4]], [], [[5, 6]]], FixedLenFeature([2], np.int64)),
        ([[[1, 2], [3]]], RaggedFeature(np.int64)),
        ([[1, 2], [[3, 4]]], RaggedFeature(np.int64)),
        ([[1, None, 2]], RaggedFeature(np.int64)),
        ([[None, None], [1, 1]], RaggedFeature(np.int64)),
        ([[NONE, NONE]], RaggedFeature(np.int64)),
        ([[b"a"] * 3, [b"b"] * 2], FixedLenFeature([], bytes)),
    ],
)
def test_steps_are_counted_each(records: list[Any], feature: Any) -> None:
    assert of_steps(*records) == {"a": feature}


def test_steps_without_kind_are_no_feature() -> None:
    assert of_steps([None, None], [None]) == {}
