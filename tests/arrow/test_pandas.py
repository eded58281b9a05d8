"""DataFrames and Series, with what pandas has for a missing value."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

import tfrecord_lite as tfr

pd = pytest.importorskip("pandas")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.tfrecord")


@pytest.fixture(params=[True, False], ids=["with pyarrow", "without"])
def arrow(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr("tfrecord_lite.dataset.tables.find_spec", lambda _: None)
    return request.param


def plain(path):
    return [
        {key: value if isinstance(value, list) else value.tolist() for key, value in row.items()}
        for row in map(tfr.decode_example, tfr.read_records(path))
    ]


@pytest.mark.usefixtures("arrow")
def test_columns_of_all_types(path):
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [0.5, math.nan],
            "s": ["a", "b"],
            "o": [b"x", None],
            "n": pd.array([7, pd.NA], "Int64"),
            "t": pd.array(["x", pd.NA], "string"),
            "c": pd.Categorical(["red", None]),
            "l": [np.array([1, 2]), np.array([3])],
            "b": [True, False],
        },
        index=[5, 5],
    )
    assert tfr.write_examples(path, frame) == 2
    first, second = plain(path)
    assert first == {
        "b": [1],
        "c": [b"red"],
        "f": [0.5],
        "i": [1],
        "l": [1, 2],
        "n": [7],
        "o": [b"x"],
        "s": [b"a"],
        "t": [b"x"],
    }
    assert math.isnan(second.pop("f")[0])
    assert second == {"b": [0], "i": [2], "l": [3], "s": [b"b"]}


def test_times_are_integers(path):
    times = pd.Series(pd.to_datetime(["1970-01-02", None])).astype("datetime64[us]")
    tfr.write_examples(path, pd.DataFrame({"t": times}))
    assert plain(path) == [{"t": [86_400_000_000]}, {}]


@pytest.mark.usefixtures("arrow")
def test_a_series_is_a_column(path):
    tfr.write_examples(path, pd.Series([1, 2], name="a", index=[9, 8]))
    assert plain(path) == [{"a": [1]}, {"a": [2]}]
    with pytest.raises(TypeError, match="name it"):
        tfr.write_examples(path, pd.Series([1, 2]))


@pytest.mark.usefixtures("arrow")
def test_names_that_are_none(path):
    with pytest.raises((TypeError, tfr.ExampleError), match="name"):
        tfr.write_examples(path, pd.DataFrame({0: [1, 2]}))


@pytest.mark.usefixtures("arrow")
def test_a_column_of_several_kinds(path):
    with pytest.raises(tfr.ExampleError, match="'a'"):
        tfr.write_examples(path, pd.DataFrame({"a": [1, "x"]}))


def test_a_mapping_of_series_needs_no_pyarrow(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tfrecord_lite.arrow.writing", None)
    tfr.write_examples(path, dict(pd.DataFrame({"n": pd.array([7, pd.NA], "Int64")})))
    assert plain(path) == [{"n": [7]}, {}]
