"""DataFrames and Series, with what pandas has for a missing value."""

from __future__ import annotations

import datetime as dt
import math
import sys

import numpy as np
import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import write_table

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


TIMES = {
    "times": (pd.Series(pd.to_datetime(["1970-01-02", None]).as_unit("ms")), [[86_400_000], None]),
    "times of a zone": (
        pd.Series(pd.to_datetime(["1970-01-02", None]).as_unit("s").tz_localize("Europe/Berlin")),
        [[82_800], None],
    ),
    "durations": (pd.Series(pd.to_timedelta(["2s", None]).as_unit("s")), [[2], None]),
    "periods": (pd.Series(pd.period_range("1970-02", periods=2, freq="M")), [[1], [2]]),
    "categories": (
        pd.Series(pd.to_datetime(["1970-01-02", None]).as_unit("s")).astype("category"),
        [[86_400], None],
    ),
    "dates": (pd.Series([dt.date(1970, 1, 3), None], dtype=object), [[2], None]),
    "of Arrow": (pd.Series([dt.date(1970, 1, 3), None], dtype="date32[day][pyarrow]"), [[2], None]),
    "lists": (pd.Series([[1, 2], []]), [[1, 2], []]),
    "views": (pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string_view())), [[b"a"], None]),
}


@pytest.mark.parametrize(("series", "expected"), TIMES.values(), ids=TIMES)
def test_a_series_is_written_as_in_a_dataframe(tmp_path, series, expected):
    series = series.rename("a")
    for number, table in enumerate((pd.DataFrame({"a": series}), series, {"a": series})):
        manifest = write_table(table, tmp_path / str(number))
        assert [row.get("a") for row in plain(manifest.path)] == expected
        assert '"a"' in manifest.features


def test_arrays_with_a_shape_among_objects_of_a_series(path):
    series = pd.Series([np.zeros((2, 2)), None], name="a")
    for table in (series, {"a": series}):
        tfr.write_examples(path, table, {"a": tfr.FixedLenFeature([2, 2], np.float32)})
        assert plain(path) == [{"a": [0.0] * 4}, {}]


def test_a_dataframe_is_no_column(path):
    frame = pd.DataFrame({"b": [1]})
    for table in ({"a": frame}, {"a": frame, "c": frame["b"]}, {"a": frame, "c": pa.array([1])}):
        with pytest.raises((TypeError, tfr.ExampleError), match="'a'"):
            tfr.write_examples(path, table)


def test_cast_of_a_series(path):
    for table in (pd.Series(["1", None], name="a"), {"a": pd.Series(["1", None])}):
        tfr.write_examples(path, table, cast={"a": "int64"})
        assert plain(path) == [{"a": [1]}, {}]


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
    monkeypatch.setattr("tfrecord_lite.dataset.tables.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "tfrecord_lite.arrow.writing", None)
    tfr.write_examples(path, dict(pd.DataFrame({"n": pd.array([7, pd.NA], "Int64")})))
    assert plain(path) == [{"n": [7]}, {}]


def objects(*values):
    return pd.Series(list(values), dtype=object)


BIG = 2**53 + 1
COLUMNS = {
    "integer categories": (pd.Series(pd.Categorical([BIG, None])), [[BIG], None]),
    "text categories": (pd.Series(pd.Categorical(["a", None])), [[b"a"], None]),
    "no category": (pd.Series(pd.Categorical([None, None])), [None, None]),
    "sparse floats": (pd.Series(pd.arrays.SparseArray([0.5, math.nan])), [[0.5], [math.nan]]),
    "sparse integers": (pd.Series(pd.arrays.SparseArray([BIG, 0])), [[BIG], [0]]),
    "sparse text": (
        pd.Series(pd.arrays.SparseArray(np.array(["a", None], object))),
        [[b"a"], None],
    ),
    "floats and NaN": (objects(0.5, math.nan), [[0.5], [math.nan]]),
    "floats and None": (objects(0.5, None), [[0.5], None]),
    "floats and NA": (objects(0.5, pd.NA), [[0.5], None]),
    "NaN alone": (objects(math.nan, None), [[math.nan], None]),
    "text and NaN": (objects("a", math.nan), [[b"a"], None]),
    "integers and NaN": (objects(BIG, math.nan), [[BIG], None]),
    "NaN in an array": (
        objects(np.array([1.0, math.nan], np.float32), None),
        [[1.0, math.nan], None],
    ),
    "integers of another byte order": (pd.Series(np.array([1, 256], ">i4")), [[1], [256]]),
    "floats of another byte order": (
        pd.Series(np.array([0.5, math.nan], np.dtype("f4").newbyteorder())),
        [[0.5], [math.nan]],
    ),
    "NaN in a list": (objects([1.0, math.nan], [0.5]), [[1.0, math.nan], [0.5]]),
}
REFUSED = {
    "integers and floats": objects(1, 2.5),
    "lists of integers and of floats": objects([1], [2.5]),
    "integers and floats in a list": objects([1, 2.5], [0.5]),
    "None in a list": objects([1.0, None], [0.5]),
    "NA in a list": objects([1.0, pd.NA], [0.5]),
    "too large": objects(2**70, 1),
    "too large in a list": objects([2**70], [1]),
    "no Unicode": objects("\ud800", "a"),
    "no Unicode in a list": objects(["\ud800"], ["a"]),
    "categories of two kinds": pd.Series(
        pd.Categorical([1, 2.5], categories=pd.Index([1, 2.5], dtype=object))
    ),
}
WAYS = {
    "a DataFrame": lambda column: pd.DataFrame({"x": column}),
    "a mapping": lambda column: {"x": column},
    "a mapping with a column of Arrow": lambda column: {
        "x": column,
        "other": pytest.importorskip("pyarrow").nulls(2),
    },
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", COLUMNS)
def test_a_column_is_stored_alike_in_all_ways(path, what, way):
    column, expected = COLUMNS[what]
    column.index = [0.5, 7]
    tfr.write_examples(path, WAYS[way](column))
    assert repr([row.get("x") for row in plain(path)]) == repr(expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", REFUSED)
def test_a_column_is_refused_alike_in_all_ways(path, what, way):
    with pytest.raises(tfr.ExampleError, match="'x'"):
        tfr.write_examples(path, WAYS[way](REFUSED[what]))


def test_what_is_said_of_a_column_of_two_kinds_goes(path):
    frame = pd.DataFrame({"x": objects(1, 2.5)})
    tfr.write_examples(path, frame, {"x": tfr.FixedLenFeature((), float)})
    assert plain(path) == [{"x": [1.0]}, {"x": [2.5]}]
    tfr.write_examples(path, frame, cast={"x": "float32"})
    assert plain(path) == [{"x": [1.0]}, {"x": [2.5]}]


def test_what_nan_is_depends_on_all_rows(path, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.arrow.writing._ROWS", 2)
    tfr.write_examples(path, pd.DataFrame({"x": objects(math.nan, None, "a")}))
    assert plain(path) == [{}, {}, {"x": [b"a"]}]
    with pytest.raises(tfr.ExampleError, match="'x': row 3 has floats, where row 0 has integers"):
        tfr.write_examples(path, pd.DataFrame({"x": objects(1, 2, 3, 4.5)}))


def test_rows_without_columns_are_counted(path):
    assert tfr.write_examples(path, pd.DataFrame(index=[0, 1, 2])) == 3
    assert plain(path) == [{}, {}, {}]
