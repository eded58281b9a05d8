"""Rows: a dict for each record, by number or block after block."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.dataset.rows import rows_of_blocks
from tfrecord_lite.dataset.schema import Schema

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
