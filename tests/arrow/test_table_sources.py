"""What is taken as a table, or as a column beside those of Arrow, is stored as it is or refused."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow, write_table


@pytest.fixture
def name(tmp_path):
    return str(tmp_path / "train")


@pytest.fixture(params=["write_table", "write_examples"])
def write(request):
    if request.param == "write_table":
        return write_table
    return lambda data, name: tfr.write_examples(name, data)


def plain(name):
    """Return the records as dicts of lists."""
    return [
        {key: value if isinstance(value, list) else value.tolist() for key, value in row.items()}
        for row in map(tfr.decode_example, tfr.read_records(name))
    ]


@pytest.mark.parametrize("kind", ["Categorical", "Enum"])
def test_categories_of_polars(write, name, kind):
    polars = pytest.importorskip("polars")
    one = polars.Categorical() if kind == "Categorical" else polars.Enum(["a", "b"])
    schema = {"c": one, "l": polars.List(one), "f": polars.Array(one, 2)}
    frame = polars.DataFrame(
        {"c": ["b", None], "l": [["a"], ["b", "a"]], "f": [["a", "b"]] * 2}, schema=schema
    )
    write(frame, name)
    assert plain(name) == [
        {"c": [b"b"], "f": [b"a", b"b"], "l": [b"a"]},
        {"f": [b"a", b"b"], "l": [b"b", b"a"]},
    ]
    back = to_arrow(name, frame.to_arrow().schema).read_all()
    assert back.to_pylist() == frame.to_arrow().to_pylist()


@pytest.mark.parametrize("of_column", [False, True])
def test_python_objects_of_polars_are_not_stored_as_their_addresses(write, name, of_column):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, 2], "o": polars.Series([{1}, {2, 3}], dtype=polars.Object)})
    data = {"a": pa.array([1, 2]), "o": frame["o"]} if of_column else frame
    with pytest.raises(tfr.ExampleError, match="column 'o': Python objects, .* Object of polars"):
        write(data, name)
    write(frame.drop("o"), name)
    assert plain(name) == [{"a": [1]}, {"a": [2]}]


@pytest.mark.parametrize(
    "value",
    ["'101'::bit", "5::bignum", "1::uhugeint", "'10:00:00+02'::timetz", "['101'::bit]"],
)
def test_types_of_duckdb_that_are_others_in_arrow(write, name, value):
    duckdb = pytest.importorskip("duckdb")
    with pytest.raises(tfr.ExampleError, match="column 'x': Arrow has no type for .* of DuckDB"):
        write(duckdb.sql(f"select 1 as a, {value} as x"), name)
    write(duckdb.sql(f"select 1 as a, cast({value} as varchar) as x"), name)
    assert [row["a"] for row in plain(name)] == [[1]]


@pytest.mark.parametrize("nulls", [[{"a": 1}, None], [None]])
def test_a_struct_that_is_null_is_no_row(write, name, nulls):
    with pytest.raises(TypeError, match="is no table .*a column alone goes in"):
        write(pa.chunked_array([pa.array(nulls, pa.struct({"a": pa.int64()}))]), name)


def test_what_a_stream_says_is_wrong_with_it_is_its_own_error(write, name):
    def batches():
        yield pa.record_batch({"a": [1]})
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write(pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches()), name)


def test_rows_without_columns_are_counted(write, name):
    rows = pa.RecordBatch.from_struct_array(pa.array([{}] * 3, pa.struct([])))
    write(pa.RecordBatchReader.from_batches(rows.schema, [rows] * 5), name)
    assert plain(name) == [{}] * 15


# Columns of other kinds beside one of Arrow.


def test_other_columns_beside_one_of_arrow_are_what_they_are(write, name):
    nan = float("nan")
    columns = {
        "a": pa.array([1, 2]),
        "f": [0.5, nan],
        "g": np.array([0.5, nan]),
        "i": [2**60, None],
    }
    write(columns, name)
    first, second = plain(name)
    assert first == {"a": [1], "f": [0.5], "g": [0.5], "i": [2**60]}
    assert repr(second) == "{'a': [2], 'f': [nan], 'g': [nan]}"


@pytest.mark.parametrize(
    "column",
    [[1, 2.5], [[1], [2.5]], [[1, 2.5], []], np.array([b"a\0", b"bc"]), [2**70, 1]],
    ids=str,
)
def test_a_column_beside_one_of_arrow_is_not_changed_in_silence(write, name, column):
    with pytest.raises(tfr.ExampleError, match="'x'"):
        write({"a": pa.array([1, 2]), "x": column}, name)


@pytest.mark.parametrize("values", [[[1, 2], [3, 4]], [["a", "b"], ["c", "d"]], [[], []]])
def test_an_array_with_a_shape_beside_columns_of_arrow(tmp_path, values):
    array = np.array(values)
    for wide in (array, array[:, :, None], array.astype(array.dtype.newbyteorder())):
        manifest = write_table({"x": wide, "y": pa.array([1, 2])}, tmp_path / "t", overwrite=True)
        alone = tfr.encode_examples({"x": array, "y": [1, 2]})
        assert list(tfr.read_records(manifest.path)) == list(alone)
        found = to_arrow(manifest.path, select=["x"]).read_all()["x"].to_pylist()
        assert found == (wide.astype("S") if array.dtype.kind == "U" else wide).tolist()


@pytest.mark.parametrize("key", [1, "\ud800"])
def test_a_name_that_is_none(write, name, key):
    with pytest.raises((TypeError, tfr.ExampleError), match="column .*rename it"):
        write({key: pa.array([1])}, name)


@pytest.mark.parametrize("form", ["Series", "DataFrame", "mapping", "beside Arrow"])
def test_nan_among_objects(tmp_path, form):
    """It is a value among floats, and missing among others; None and pd.NA are missing always."""
    pd = pytest.importorskip("pandas")
    nan = float("nan")
    for given, expected in (
        ([1.5, nan, None], ["[1.5]", "[nan]", None]),
        ([1.5, nan, pd.NA], ["[1.5]", "[nan]", None]),
        ([nan, None], ["[nan]", None]),
        (["a", nan, None], ["[b'a']", None, None]),
        ([7, nan, pd.NA], ["[7]", None, None]),
    ):
        series = pd.Series(given, dtype=object, name="a")
        table = {
            "Series": series,
            "DataFrame": pd.DataFrame({"a": series}),
            "mapping": {"a": series},
            "beside Arrow": {"a": series, "b": pa.array([1] * len(given))},
        }[form]
        with tfr.ShardWriter(tmp_path / "t", overwrite=True) as writer:
            writer.write_table(table)
        rows = [tfr.decode_example(record) for record in tfr.read_records(tmp_path / "t")]
        found = [str(np.asarray(row["a"]).tolist()) if "a" in row else None for row in rows]
        assert found == expected, given


# Several tables of one writer.

TIMES = [
    pa.timestamp("s"),
    pa.timestamp("ns"),
    pa.timestamp("ns", "UTC"),
    pa.date32(),
    pa.date64(),
    pa.time64("us"),
    pa.duration("ms"),
    pa.duration("us"),
]


@pytest.mark.parametrize("one", [*TIMES, pa.bool_(), pa.int64()], ids=str)
@pytest.mark.parametrize("lists", [False, True])
def test_integers_that_mean_something_else_than_those_before_are_refused(tmp_path, one, lists):
    def table(kind):
        """Return a null, and a value or a list of one."""
        width = pa.int32() if kind == pa.date32() else pa.int64()
        values = pa.array([1], width).cast(kind)
        if lists:
            values = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), values)
        return pa.table({"n": values.take(pa.array([None, 0], pa.int64()))})

    for other in [*TIMES, pa.bool_(), pa.int64()]:
        with tfr.ShardWriter(tmp_path / "new", overwrite=True) as writer:
            writer.write_table({"n": pa.nulls(3, other)})  # which means nothing
            writer.write_table(table(one))
            if other == one:
                writer.write_table(table(other))
                continue
            with pytest.raises(tfr.ExampleError) as error:
                writer.write_table(table(other))
            assert "'n': row 1 has " in str(error.value)
            assert "where row 1 of a table before has " in str(error.value)
        advised = re.search(r"cast=\{'n': '(.*)'\}$", str(error.value))
        if advised is None:
            assert str(error.value).endswith(": convert one of them")
            continue
        with tfr.ShardWriter(tmp_path / "new", overwrite=True) as writer:
            for kind in (one, other):
                writer.write_table(table(kind), cast={"n": advised[1]})


def test_integers_of_any_width_and_zones_of_any_place_mean_the_same(name):
    with tfr.ShardWriter(name) as writer:
        for kind, zone in ((pa.int8(), "UTC"), (pa.uint32(), "Asia/Tokyo"), (pa.int64(), "+02:00")):
            times = pa.array([7], pa.timestamp("us", zone))
            writer.write_table({"n": pa.array([7], kind), "t": times})
    assert plain(name) == [{"n": [7], "t": [7]}] * 3


def test_features_say_that_bools_are_integers_but_not_which_unit_is_meant(name):
    features = {"n": tfr.FixedLenFeature((), int), "t": tfr.FixedLenFeature((), int)}
    second, day = (pa.array([1], kind) for kind in (pa.timestamp("s"), pa.timestamp("ms")))
    with tfr.ShardWriter(name, features=features) as writer:
        writer.write_table({"n": pa.array([True]), "t": second})
        writer.write_table({"n": pa.array([2]), "t": second})
        with pytest.raises(tfr.ExampleError, match=r"'t': row 0 has timestamp\[ms\], where row 0"):
            writer.write_table({"n": pa.array([3]), "t": day})
    assert plain(name) == [{"n": [1], "t": [1]}, {"n": [2], "t": [1]}]


@pytest.mark.parametrize("other", [pa.float32(), pa.bool_(), pa.timestamp("s"), pa.string()])
@pytest.mark.parametrize("part", ["context", "feature_lists"])
def test_sequences_of_several_kinds_are_refused(tmp_path, part, other):
    def table(kind, value):
        field, value = ("a", value) if part == "context" else ("a", [[value]])
        kind = kind if part == "context" else pa.list_(pa.list_(kind))
        return pa.table({part: pa.array([{field: None}, {field: value}], pa.struct({"a": kind}))})

    with tfr.ShardWriter(tmp_path / "new") as writer:
        writer.write_table(table(pa.int64(), 7))
        writer.write_table(table(pa.int8(), 7))
        value = {pa.string(): "a", pa.bool_(): True}.get(other, 1)
        with pytest.raises(tfr.ExampleError, match=f"'{part}: a': row 1 has .* row 1 of a table"):
            writer.write_table(table(other, value))


@pytest.mark.parametrize("form", [list, tuple, None, lambda values: np.array(values, object)])
def test_what_is_missing_to_pandas_is_missing_in_rows_and_columns_too(write, name, form):
    pandas = pytest.importorskip("pandas")
    values = [1, pandas.NA, None, pandas.NaT]
    write({"a": form(values)} if form else [{"a": value} for value in values], name)
    assert plain(name) == [{"a": [1]}, {}, {}, {}]
    if form:
        write({"a": form(values), "b": pa.nulls(4)}, name + "2")
        assert plain(name + "2") == plain(name)


# Tables of no rows.

TYPES = pa.schema({"label": pa.int64(), "words": pa.list_(pa.string())})


def test_a_manifest_has_the_features_of_a_table_without_rows(name, tmp_path):
    import pyarrow.dataset
    import pyarrow.parquet as pq

    table = TYPES.empty_table()
    pq.write_table(table, tmp_path / "none.parquet")
    columns = {"label": table["label"], "words": table["words"]}
    file, dataset = (
        read(tmp_path / "none.parquet") for read in (pq.ParquetFile, pyarrow.dataset.dataset)
    )
    for data in (table, table.to_reader(), columns, file, dataset):
        manifest = write_table(data, name, overwrite=True)
        assert (manifest.records, to_arrow(name).schema) == (
            0,
            pa.schema({"label": pa.int64(), "words": pa.list_(pa.binary())}),
        )


def test_a_table_without_rows_says_nothing_of_what_is_written_beside_it(name):
    rows = pa.table({"label": [1.5]})
    for tables in ([TYPES.empty_table(), rows], [rows, TYPES.empty_table()]):
        with tfr.ShardWriter(name, overwrite=True) as writer:
            for table in tables:
                writer.write_table(table)
        assert to_arrow(name).schema == pa.schema({"label": pa.float32()})


NUL_NAMES = pa.table({"n": [1, 2], "n\0": [3, 4]})


@pytest.mark.parametrize(
    "table",
    [NUL_NAMES, NUL_NAMES.to_batches()[0], NUL_NAMES.to_reader()],
    ids=["Table", "RecordBatch", "RecordBatchReader"],
)
def test_names_with_a_nul_are_kept(table, tmp_path):
    """Arrow's C interface ends them there: values came under another name."""
    path = str(tmp_path / "a")
    write_table(table, path)
    assert to_arrow(path).read_all().to_pylist() == NUL_NAMES.to_pylist()
    for read in (pa.table, lambda records: write_table(records, str(tmp_path / "b"))):
        with pytest.raises(tfr.ExampleError, match=r"feature 'n\\x00': .* the NUL"):
            read(tfr.RecordSet(path))


@pytest.mark.parametrize("leaf", [pa.int64(), pa.float32(), pa.binary(), pa.string()])
@pytest.mark.parametrize("rows", [[[], []], [[], None, []]])
def test_lists_that_all_are_of_no_values(leaf, rows, tmp_path):
    """Of byte strings they were refused, as lists that do not tell their kind."""
    table = pa.table({"a": pa.array(rows, pa.list_(leaf, 0))})
    steps = pa.table({"feature_lists": [{"a": [row for row in rows if row is not None]}]})
    kind = pa.struct([("a", pa.list_(pa.list_(leaf, 0)))])
    steps = steps.set_column(0, "feature_lists", steps[0].cast(kind))
    for which in (table, steps):
        path = str(tmp_path / which.schema.names[0])
        write_table(which, path)
        assert to_arrow(path, which.schema).read_all().equals(which)
