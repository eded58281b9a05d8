"""docs/conformance.md has no row of what is not there, and leaves out none of the odd Examples."""

from __future__ import annotations

import pytest
from conformance.document import CONFORMANCE, ODD, TABLES
from conformance.files import CASES, GROUPS
from conformance.parsing import PARSING
from conformance.writing import WRITING

# What the implementations in test_ours.py and test_tensorflow.py are called.
NAMES = {
    "Files": {"RecordFile", "TensorFlow"},
    "Writers": {"TFRecordWriter", "TensorFlow", "RecordWriter(atomic=False)"},
    "Examples": {"TensorFlow", "tf.io.parse_example", "tf.io.parse_single_example"},
}
# Its process dies, so it is tested by itself.
APART = {"a length of 2^40"}


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_of_something(table: str) -> None:
    known = {
        "Files": {*CASES, *(f"*{group}*" for group in GROUPS), *APART},
        "Writers": {*WRITING},
        "Examples": {*PARSING, *ODD["Examples"]},
    }[table]
    for case, name in TABLES[table]:
        assert case in known
        assert name in NAMES[table]
    for row in CONFORMANCE[table]:
        assert len(row) == 5
        assert row[4], row


@pytest.mark.parametrize("table", ODD)
def test_every_odd_difference_is_explained(table: str) -> None:
    explained = {row[0]: row[1] for row in CONFORMANCE[f"Odd bytes: {table}"]}
    differing = {
        name for name, row in ODD[table].items() if row["TensorFlow"] != row["tfrecord_lite"]
    }
    assert explained.keys() == differing
    assert all(explained.values())


def test_each_case_is_in_one_group() -> None:
    assert len(CASES) == sum(map(len, GROUPS.values()))
