"""Columns of Python objects: no value becomes another because of those before it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

import tfrecord_lite as tfr

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

from tfrecord_lite.arrow import write_table  # noqa: E402 - it imports pyarrow

DAY = dt.date(2020, 1, 2)
IN_UTC = dt.datetime(2020, 1, 2, 12, tzinfo=dt.timezone.utc)
NOON = IN_UTC.replace(tzinfo=None)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.tfrecord")


def objects(*values):
    column = np.empty(len(values), object)
    for row, value in enumerate(values):
        column[row] = value
    return pd.Series(column, dtype=object)


def stored(path):
    rows = map(tfr.decode_example, tfr.read_records(path))
    return [row["t"].tolist() if "t" in row else None for row in rows]


WAYS = {
    "a DataFrame": lambda column: pd.DataFrame({"t": column}),
    "beside a column of Arrow": lambda column: {"t": column, "n": pa.nulls(len(column))},
    "a list beside a column of Arrow": lambda column: {
        "t": column.tolist(),
        "n": pa.nulls(len(column)),
    },
}
SEVERAL = {
    "a datetime among dates": ([DAY, NOON], "datetimes", "dates"),
    "a date among datetimes": ([NOON, DAY], "dates", "datetimes"),
    "an integer among dates": ([DAY, 3], "integers", "dates"),
    "a date among integers": ([3, DAY], "dates", "integers"),
    "a bool among dates": ([DAY, np.True_], "bools", "dates"),
    "an integer among datetimes": ([NOON, 3], "integers", "datetimes"),
    "a float among datetimes": ([NOON, 0.5], "floats", "datetimes"),
    "an integer among durations": ([SECOND, 3], "integers", "durations"),
    "an integer among times": ([dt.time(1), 3], "integers", "times of day"),
    "one without a zone": ([IN_UTC, NOON], "datetimes", "datetimes with a time zone"),
    "one with a zone": ([NOON, IN_UTC], "datetimes with a time zone", "datetimes"),
    "two in a list": ([[DAY], [DAY, NOON]], "datetimes", "dates"),
    "two in tuples": ([(DAY,), (3,)], "integers", "dates"),
    "one of NumPy": ([SECOND, np.timedelta64(1, "s")], "timedelta64 of NumPy", "durations"),
    "a float among integers": ([1, 0.5], "floats", "integers"),
    "a float among bools": ([True, 0.5], "floats", "bools"),
    "text among integers": ([1, "a"], "bytes", "integers"),
}
TIMES = [what for what, (values, *_) in SEVERAL.items() if "dates" in what or "zone" in what]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", SEVERAL)
def test_several_kinds_in_a_column_are_an_error_with_the_row(path, what, way):
    values, kind, first = SEVERAL[what]
    message = f"'t': row 2 has {kind}, where row 0 has {first}, but a column has one kind"
    with pytest.raises(tfr.ExampleError, match=message):
        tfr.write_examples(path, WAYS[way](objects(values[0], None, values[1])))


@pytest.mark.parametrize("what", TIMES)
def test_what_is_said_of_a_column_does_not_cut_its_times(path, what):
    values, kind, first = SEVERAL[what]
    frame = pd.DataFrame({"t": objects(*values)})
    for said in ({"features": {"t": int}}, {"cast": {"t": "int64"}}):
        with pytest.raises(tfr.ExampleError, match=f"'t': row 1 has {kind}, where row 0 .*{first}"):
            tfr.write_examples(path, frame, **said)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [pd.Timestamp(1), pd.Timedelta(1), [pd.Timestamp(1)]], ids=str)
def test_nanoseconds_are_not_left_out(path, value, way):
    with pytest.raises(tfr.ExampleError, match=r"'t': row 1 has Time.*leaves out the nanoseconds"):
        tfr.write_examples(path, WAYS[way](objects(None, value)))


def test_times_of_one_kind_are_stored(path):
    east = IN_UTC.astimezone(dt.timezone(dt.timedelta(hours=5)))
    noon = int(IN_UTC.timestamp()) * 10**6
    for values, expected in (
        ([NOON, pd.Timestamp(NOON), pd.NaT], [[noon], [noon], None]),
        ([IN_UTC, east, None], [[noon], [noon], None]),
        ([[IN_UTC], None, [east, IN_UTC]], [[noon], None, [noon, noon]]),
        ([DAY, None], [[18263], None]),
        ([SECOND, pd.Timedelta(SECOND)], [[10**6], [10**6]]),
    ):
        tfr.write_examples(path, pd.DataFrame({"t": objects(*values)}))
        assert stored(path) == expected


@pytest.mark.parametrize("way", ["plain", "rows", *WAYS])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, 3], [[1], [3]]),
        ([2**60, None, np.False_], [[2**60], None, [0]]),
        ([[True, 3], [False]], [[1, 3], [0]]),
        ([np.array([True, False]), np.array([3])], [[1, 0], [3]]),
    ],
)
def test_bools_among_integers_are_integers_in_all_ways(path, values, expected, way):
    table = {
        "plain": lambda column: {"t": column.tolist()},
        "rows": lambda column: [{"t": value} for value in column],
        **WAYS,
    }[way](objects(*values))
    tfr.write_examples(path, table)
    assert stored(path) == expected


ROW_OF_ARRAYS = {"a Series": lambda column: {"t": column}, **WAYS}


@pytest.mark.parametrize("way", ROW_OF_ARRAYS.values(), ids=ROW_OF_ARRAYS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.ma.array([1, 2], mask=[False, True]), "a masked array; say with .filled()"),
        (np.array([b"ab", b"c"]), "NumPy may have dropped trailing NULs"),
        (np.array(b"a", "S2"), "NumPy may have dropped trailing NULs"),
    ],
    ids=["masked", "strings", "a string"],
)
def test_an_array_that_an_example_does_not_take_is_refused(path, value, reason, way):
    with pytest.raises(tfr.ExampleError, match=f"column 't': row 1 has .*{reason}"):
        tfr.write_examples(path, way(objects(None, value)))


@pytest.mark.parametrize("way", ROW_OF_ARRAYS.values(), ids=ROW_OF_ARRAYS)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([np.array([1, 256], ">i4"), None, np.arange(2)], [[1, 256], None, [0, 1]]),
        ([np.array(1), None, 2], [[1], None, [2]]),
        ([np.array(True), None, np.array(2)], [[1], None, [2]]),
        ([np.array(0.5, ">f4")], [[0.5]]),
        ([np.array(b"a", object), None, np.array("b")], [[b"a"], None, [b"b"]]),
        ([np.array(NOON, "M8[s]")], [[int(IN_UTC.timestamp())]]),
    ],
    ids=str,
)
def test_arrays_of_no_dimensions_and_of_another_byte_order(path, values, expected, way):
    tfr.write_examples(path, way(objects(*values)))
    rows = map(tfr.decode_example, tfr.read_records(path))
    assert [list(row["t"]) if "t" in row else None for row in rows] == expected


def test_the_type_of_a_column_is_that_of_all_its_rows(path, monkeypatch):
    monkeypatch.setattr("tfrecord_lite.arrow.writing._ROWS", 2)
    for values, expected in (
        ([None, None, DAY], [None, None, [18263]]),
        ([True, False, 3], [[1], [0], [3]]),
        ([["x"], [], [b"y"], []], None),
    ):
        tfr.write_examples(path, pd.DataFrame({"t": objects(*values)}))
        assert expected is None or stored(path) == expected
    for values in ([DAY, DAY, NOON], [NOON, NOON, 3]):
        with pytest.raises(tfr.ExampleError, match="'t': row 2 has"):
            tfr.write_examples(path, pd.DataFrame({"t": objects(*values)}))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("value", [{1, 2}, frozenset("ab"), {1: 2}.keys()])
def test_a_set_has_no_order(path, value, way):
    with pytest.raises(tfr.ExampleError, match="column 't': row 1 has a .*set|keys.*sorted"):
        tfr.write_examples(path, way(objects([3], value)))


GRID = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("way", ROW_OF_ARRAYS.values(), ids=ROW_OF_ARRAYS)
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([GRID, GRID.astype(">f4"), np.asfortranarray(GRID)], np.float32),
        ([GRID.astype(int), GRID > 2], np.int64),
        ([np.array([["a", "b"]]), np.array([["c", "d"]], object)], bytes),
        ([np.zeros((2, 0), int)], np.int64),
    ],
    ids=["floats", "integers", "text", "empty"],
)
def test_arrays_of_several_dimensions_are_their_values(tmp_path, values, kind, way):
    """A DataFrame of them was refused, with and without features, where a mapping is taken."""
    flat = [value.ravel() for value in values]
    expected = [tfr.encode_example({"t": value}) for value in flat]
    shape = values[0].shape
    features = {"t": tfr.FixedLenFeature(shape, kind)}
    table = way(objects(*values))
    for given in (None, features):
        manifest = write_table(table, tmp_path / "a", given, overwrite=True)
        assert list(tfr.read_records(manifest.path)) == expected
        assert tfr.features_from_json(manifest.features) == features
    if 0 not in shape:
        table = way(objects(None, *values))
        manifest = write_table(table, tmp_path / "a", overwrite=True)
        assert list(tfr.read_records(manifest.path)) == [tfr.encode_example({}), *expected]
        assert tfr.features_from_json(manifest.features) == {"t": tfr.RaggedFeature(kind)}


@pytest.mark.parametrize("way", ROW_OF_ARRAYS.values(), ids=ROW_OF_ARRAYS)
@pytest.mark.parametrize(
    ("other", "told"),
    [
        (GRID.T, r"an array of shape \(3, 2\)"),
        (GRID[0], "a list or a value"),
        ([1.0], "a list or a value"),
    ],
    ids=["shape", "flat", "list"],
)
def test_arrays_of_several_dimensions_are_of_one_shape(tmp_path, other, told, way):
    table = way(objects(None, GRID, other))
    with pytest.raises(tfr.ExampleError, match=rf"'t': row 2 has {told}, where row 1 .*\(2, 3\)"):
        write_table(table, tmp_path / "a")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("feature", [tfr.FixedLenFeature, tfr.RawFeature])
def test_the_shape_is_that_of_the_features(tmp_path, feature, way):
    table = way(objects(GRID))
    with pytest.raises(tfr.ExampleError, match=r"'t': row 0: .*\(2, 3\).*\(3, 2\)"):
        write_table(table, tmp_path / "a", {"t": feature((3, 2), np.float32)})
    manifest = write_table(table, tmp_path / "a", {"t": feature((2, 3), np.float32)})
    batch = next(tfr.read_batches(manifest.path, batch_size=1))
    np.testing.assert_array_equal(batch["t"], [GRID])
