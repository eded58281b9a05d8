"""Errors by themselves: what they say of their place, and that they cross processes whole."""

from __future__ import annotations

import gzip
import io
import pickle

import pytest

import tfrecord_lite as tfr


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({}, "no good"),
        ({"path": "a"}, "a: no good"),
        ({"path": "a", "record": 3}, "a: record 3: no good"),
        ({"path": "a", "offset": 40}, "a: byte 40: no good"),
        ({"path": "a", "record": 3, "offset": 40}, "a: record 3 at byte 40: no good"),
    ],
)
def test_what_is_known_of_the_place_is_said(place, text):
    error = tfr.CorruptRecordError("no good", **place)
    assert str(error) == text


def test_an_error_that_was_pickled_is_the_same():
    error = tfr.CorruptRecordError("no good", path="a", record=3, offset=40, expected=1, actual=2)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is tfr.CorruptRecordError
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_what_ends_too_early_is_truncated_in_every_message(tmp_path):
    with pytest.raises(tfr.ExampleError, match="truncated by the end of its message"):
        tfr.decode_example(b"\xba")
    with pytest.raises(tfr.TruncatedRecordError, match="it was truncated, or never closed"):
        list(tfr.read_records(io.BytesIO(gzip.compress(b"")[:-8])))
    (tmp_path / "a.index").write_text("0 19\n19")
    tfr.write_records(tmp_path / "a", [b"foo"])
    with pytest.raises(tfr.StaleIndexError, match="ends within a line: it was truncated"):
        tfr.RecordIndex.from_text(tmp_path / "a", tmp_path / "a.index")
