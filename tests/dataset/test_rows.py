"""Rows: a dict for each record, by number or block after block."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.dataset.rows import rows_of_blocks
from tfrecord_lite.dataset.schema import Schema
from tfrecord_lite.thresholds import limits

SEQUENCES = [
    tfr.encode_sequence_example({"id": number}, {"ids": np.arange(number)}) for number in range(4)
]
FEATURES = tfr.SequenceFeatures({"id": int}, {"ids": int})


def as_lists(row):
    return {
        part: {name: np.asarray(value).tolist() for name, value in values.items()}
        for part, values in row.items()
    }


def test_rows_of_sequences_each_with_its_own_values():
    schema = Schema(FEATURES)
    block = tfr.RecordBlock.from_records(SEQUENCES)
    rows = list(rows_of_blocks([block[:3], block[3:]], schema))
    assert [as_lists(row) for row in rows] == [
        {"context": {"id": number}, "feature_lists": {"ids": list(range(number))}}
        for number in range(4)
    ]


def test_without_features_it_is_said_of_the_first_record():
    block = tfr.RecordBlock.from_records([b""] * 3)
    with pytest.raises(tfr.ExampleError, match="no feature in any of the first") as caught:
        next(rows_of_blocks([block], Schema({})))
    assert caught.value.record == 0


def test_rows_before_one_that_does_not_fit():
    records = [tfr.encode_example({"a": number}) for number in range(3)]
    block = tfr.RecordBlock.from_records([*records, tfr.encode_example({"a": "text"})])
    rows = rows_of_blocks([block], Schema({"a": tfr.FixedLenFeature([], np.int64)}))
    assert [next(rows)["a"] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(tfr.ExampleError, match="record 3"):
        next(rows)


def test_rows_of_steps_have_as_many_as_their_record():
    records = [
        tfr.encode_example({"a": np.arange(2 * count), "b": [b"x"] * count or np.array([], "S1")})
        for count in (2, 0, 3)
    ]
    features = {
        "a": tfr.FixedLenSequenceFeature([2], np.int64),
        "b": tfr.FixedLenSequenceFeature([], np.bytes_),
    }
    block = tfr.RecordBlock.from_records(records)
    rows = list(rows_of_blocks([block], Schema(features)))
    assert [row["a"].tolist() for row in rows] == [[[0, 1], [2, 3]], [], [[0, 1], [2, 3], [4, 5]]]
    assert [row["b"].tolist() for row in rows] == [[b"x"] * 2, [], [b"x"] * 3]


def test_of_files_without_a_manifest_each_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "checked_files", 2)
    for number in range(5):
        value = b"text" if number == 2 else 7
        tfr.write_records(tmp_path / f"{number}", [tfr.encode_example({"a": value})])
    with pytest.raises(tfr.ExampleError, match=str(tmp_path / "2")):
        tfr.Dataset(tmp_path, {"a": tfr.FixedLenFeature([], np.int64)}, batch_size=2)
