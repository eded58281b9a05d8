"""Tables become records, and records tables, value for value."""

from __future__ import annotations

import datetime as dt
import decimal
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow, write_table


@pytest.fixture
def name(tmp_path):
    return str(tmp_path / "train")


def records(name):
    return [tfr.decode_example(record) for record in tfr.read_records(name)]


def plain(name):
    """Return the records as dicts of lists."""
    return [
        {key: value if isinstance(value, list) else value.tolist() for key, value in row.items()}
        for row in records(name)
    ]


INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()]
TIMES = [
    pa.timestamp("us"),
    pa.timestamp("s", "UTC"),
    pa.date32(),
    pa.time64("us"),
    pa.duration("ms"),
]
TEXTS = [pa.string(), pa.large_string(), pa.string_view()]
BYTES = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)]


def value_of(random, leaf):
    if leaf in INTEGERS or leaf == pa.uint64():
        return random.choice((0, 1, 100, random.randrange(128)))
    if leaf == pa.bool_():
        return random.random() < 0.5
    if leaf in TEXTS:
        return random.choice(("", "a", "größe" * 5, "x" * 200))
    if leaf == pa.binary(3):
        return random.randbytes(3)
    if leaf in BYTES:
        return random.randbytes(random.choice((0, 1, 12, 13, 400)))
    return random.randrange(1000) / 4


def random_array(random, kind, count):
    """Make an array with some nulls, but none inside of lists, and perhaps a slice of it."""
    nulls = random.choice((0, 0, 0.3, 1))

    def value(kind):
        if pa.types.is_fixed_size_list(kind):
            return [value(kind.value_type) for _ in range(kind.list_size)]
        if hasattr(kind, "value_type") and not pa.types.is_dictionary(kind):
            return [value(kind.value_type) for _ in range(random.choice((0, 1, 1, 3)))]
        return value_of(random, kind)

    def nullable():
        return None if random.random() < nulls else value(kind)

    if kind in TIMES:
        integers = [
            None if random.random() < nulls else random.randrange(10**6) for _ in range(count)
        ]
        width = pa.int32() if kind == pa.date32() else pa.int64()
        return pa.array(integers, width).cast(kind)
    if pa.types.is_dictionary(kind):
        return pa.array(
            [None if random.random() < nulls else random.choice("abc") for _ in range(count)]
        ).dictionary_encode()
    array = pa.array([nullable() for _ in range(count + 3)], kind)
    return array.slice(random.randrange(4), count)


def random_type(random):
    leaf = random.choice(
        [*INTEGERS, pa.bool_(), pa.float32(), pa.float64(), pa.float16(), *TEXTS, *BYTES]
    )
    form = random.randrange(7)
    if form == 0:
        return pa.list_(leaf)
    if form == 1:
        return pa.large_list(leaf)
    if form == 2:
        return pa.list_(leaf, random.choice((1, 3)))
    if form == 3:
        return pa.list_(pa.list_(leaf, 2), 3)
    if form == 4 and leaf not in BYTES:
        return random.choice([*TIMES, pa.dictionary(pa.int32(), pa.string())])
    return leaf


@pytest.mark.parametrize("seed", range(80))
def test_random_tables_come_back_as_they_were(name, seed):
    random = Random(seed)
    count = random.choice((0, 1, 17, 200))
    columns = {f"c{i}": random_array(random, random_type(random), count) for i in range(4)}
    table = pa.table(columns)
    chunks = pa.concat_tables([table.slice(0, count // 3), table.slice(count // 3)])
    manifest = write_table(chunks, name, num_shards=1)
    assert manifest.records == count
    back = to_arrow(name, table.schema, binary=random.choice(("binary", "view"))).read_all()
    back.validate(full=True)
    assert back.schema == table.schema
    for key in columns:
        assert back[key].to_pylist() == table[key].to_pylist(), (key, table.schema.field(key))


def test_a_table_without_nulls_comes_back_without_its_schema(name):
    table = pa.table(
        {
            "i": [1, 2, 3],
            "f": pa.array([0.5, 1.5, 2.5], pa.float32()),
            "b": [b"x", b"", b"zz"],
            "l": [[1], [], [2, 3]],
            "s": pa.array([[1, 2]] * 3, pa.list_(pa.int64(), 2)),
            "w": [[b"a"], [b"b", b""], []],
        }
    )
    write_table(table, name)
    assert to_arrow(name).read_all().equals(table)
    assert set(tfr.Dataset(name, batch_size=3).features) == set(table.column_names)


def test_null_is_missing_and_empty_is_kept(name):
    table = pa.table({"l": [[1], [], None], "i": pa.array([None, 5, None], pa.int64())})
    write_table(table, name)
    assert plain(name) == [{"l": [1]}, {"i": [5], "l": []}, {}]
    assert to_arrow(name, table.schema).read_all().equals(table)
    # Without its schema, a column with nulls is lists: a feature of which some records have none.
    assert to_arrow(name).read_all()["i"].to_pylist() == [None, [5], None]


def test_a_column_without_any_value_is_no_feature(name):
    write_table(pa.table({"a": [1, 2], "n": pa.nulls(2)}), name)
    assert plain(name) == [{"a": [1]}, {"a": [2]}]
    assert to_arrow(name).read_all().column_names == ["a"]


WRITERS = {
    "write_table": lambda data, name, **options: write_table(data, name, **options),
    "write_examples": lambda data, name, **options: tfr.write_examples(name, data, **options),
}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


ROWS = [{"a": 1, "w": ["x", "y"]}, {"a": 2}, {"w": ["z"], "f": 0.5}]
EXPECTED = [{"a": [1], "w": [b"x", b"y"]}, {"a": [2]}, {"f": [0.5], "w": [b"z"]}]


def test_rows_of_dicts(write, name):
    write(ROWS, name)
    assert plain(name) == EXPECTED


def test_an_iterator_of_dicts(write, name):
    write(({"a": i} for i in range(3000)), name)
    assert [row["a"] for row in plain(name)] == [[i] for i in range(3000)]


@pytest.mark.parametrize(
    "make",
    [
        pa.Table.from_pylist,
        lambda rows: pa.Table.from_pylist(rows).to_reader(),
        lambda rows: pa.Table.from_pylist(rows).to_batches()[0],
        lambda rows: {name: pa.Table.from_pylist(rows)[name] for name in "awf"},
        lambda rows: pyarrow.dataset.dataset(pa.Table.from_pylist(rows)),
    ],
)
def test_what_arrow_has(write, name, make):
    rows = [{"a": None, "w": None, "f": None, **row} for row in ROWS]
    write(make(rows), name)
    assert plain(name) == EXPECTED


def test_polars(write, name):
    polars = pytest.importorskip("polars")
    write(polars.DataFrame(ROWS), name)
    assert plain(name) == EXPECTED


@pytest.mark.parametrize("kind", ["Int128", "UInt128"])
def test_types_of_polars_that_arrow_does_not_have(write, name, kind):
    polars = pytest.importorskip("polars")
    if not hasattr(polars, kind):
        pytest.skip(f"no {kind}")
    column = polars.Series("x", [[1]], dtype=polars.List(getattr(polars, kind)))
    for table in (polars.DataFrame([column]), {"x": column}):
        with pytest.raises(tfr.ExampleError, match=f"column 'x': Arrow has no .*{kind}.* cast it"):
            write(table, name)


def test_names_of_types_of_polars_in_a_table_are_no_types(write, name):
    polars = pytest.importorskip("polars")
    kind = polars.Enum(["Int128"])
    write(polars.DataFrame({"x": polars.Series(["Int128"], dtype=kind)}), name)
    assert plain(name) == [{"x": [b"Int128"]}]


def test_duckdb(write, name):
    duckdb = pytest.importorskip("duckdb")
    write(duckdb.sql("select 1 as a, 'x' as w union all select 2, null"), name)
    assert sorted(plain(name), key=str) == [{"a": [1], "w": [b"x"]}, {"a": [2]}]


@pytest.mark.parametrize("streaming", [False, True])
def test_hugging_face(write, name, streaming):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"a": [1, 2, 3], "w": [["x"], [], None]})
    data = data.to_iterable_dataset() if streaming else data.select([2, 1, 0])
    write(data, name)
    expected = [{"a": [3]}, {"a": [2], "w": []}, {"a": [1], "w": [b"x"]}]
    assert plain(name) == (expected[::-1] if streaming else expected)


def test_streams_of_hugging_face_that_functions_make(write, name):
    datasets = pytest.importorskip("datasets")
    rows = {"a": [1, 2, 3], "w": [["x"], [], None], "m": [[[1, 2]], None, [[3, 4]]]}
    types = datasets.Features(
        {
            "a": datasets.Value("int64"),
            "w": datasets.List(datasets.Value("string")),
            "m": datasets.Array2D((1, 2), "int8"),
        }
    )
    stream = datasets.Dataset.from_dict(rows, features=types).to_iterable_dataset()
    expected = [{"a": [1], "m": [1, 2], "w": [b"x"]}, {"a": [2], "w": []}, {"a": [3], "m": [3, 4]}]
    chosen = stream.filter(lambda row: row["a"] > 1)
    for number, form in enumerate((None, "numpy", "arrow")):
        write(chosen.with_format(form), f"{name}-{number}")
        assert plain(f"{name}-{number}") == expected[1:]
    write(datasets.interleave_datasets([chosen, stream.filter(lambda row: False)]), name + "2")
    assert plain(name + "2") == expected[1:2]
    # Of these the types are not known.
    write(stream.select_columns(["a"]).map(lambda row: {"b": row["a"] * 0.5}), name + "3")
    assert plain(name + "3") == [{"a": [n], "b": [n / 2]} for n in (1, 2, 3)]


def test_streams_of_hugging_face_whose_types_are_not_known(name):
    datasets = pytest.importorskip("datasets")

    def rows():
        for day in (1, 2):
            yield {
                "n": day,
                "day": dt.datetime.fromisoformat(f"1970-01-0{day + 1}"),
                "grid": np.full((2, 2), day),
            }

    stream = datasets.IterableDataset.from_generator(rows)
    assert stream.features is None
    flat = stream.remove_columns("grid").map(lambda row: row)
    for form in (None, "arrow", "numpy"):
        manifest = write_table(flat.with_format(form), name, overwrite=True, cast={"n": "float32"})
        assert [*tfr.features_from_json(manifest.features)] == ["n", "day"]
        assert plain(name) == [{"day": [86_400_000_000 * n], "n": [n]} for n in (1, 2)]
    grid = {"n": np.int64, "grid": tfr.FixedLenFeature([2, 2], np.int64)}
    write_table(stream.remove_columns("day"), name + "2", grid)
    assert plain(name + "2") == [{"grid": [day] * 4, "n": [day]} for day in (1, 2)]
    mixed = datasets.IterableDataset.from_generator(
        lambda: ({"n": "text" if row == 5000 else row} for row in range(6000))
    )
    with pytest.raises(tfr.ExampleError, match="'n': row 5000 has bytes"):
        write_table(mixed, name + "3")


def test_arrays_of_hugging_face(write, name):
    datasets = pytest.importorskip("datasets")
    types = datasets.Features(
        {"m": datasets.Array2D((2, 2), "int32"), "v": datasets.Array2D((None, 2), "float32")}
    )
    rows = {"m": [[[1, 2], [3, 4]], None, [[5, 6], [7, 8]]], "v": [[[1, 2]], [], [[1, 2], [3, 4]]]}
    data = datasets.Dataset.from_dict(rows, features=types)
    expected = [
        {"m": [1, 2, 3, 4], "v": [1, 2]},
        {"v": []},
        {"m": [5, 6, 7, 8], "v": [1, 2, 3, 4]},
    ]
    write(data, name)
    assert plain(name) == expected
    back = to_arrow(name, types.arrow_schema).read_all()
    assert back.schema == types.arrow_schema
    assert {column: back[column].to_pylist() for column in rows} == rows
    write(data.select([2, 0]), name + "2")
    assert plain(name + "2") == [expected[2], expected[0]]
    other = pa.array([[[1, 2]]], pa.list_(pa.list_(pa.int32())))
    wrong = pa.ExtensionArray.from_storage(types.arrow_schema.field("m").type, other)
    with pytest.raises(tfr.ExampleError, match="column 'm'"):
        write(pa.table({"m": wrong}), name + "3")


def test_formats_of_hugging_face(write, name):
    """All columns were written, and what a transform makes of them was not."""
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_dict({"a": [1, 2], "b": ["x", "y"]})
    write(dataset.with_format("numpy", columns=["a"]), name)
    assert plain(name) == [{"a": [1]}, {"a": [2]}]
    write(dataset.with_format("numpy", columns=["a"], output_all_columns=True), name + "2")
    assert plain(name + "2") == [{"a": [1], "b": [b"x"]}, {"a": [2], "b": [b"y"]}]
    doubled = dataset.with_transform(lambda rows: {"a": [2 * value for value in rows["a"]]})
    write(doubled, name + "3")
    assert plain(name + "3") == [{"a": [2]}, {"a": [4]}]
    with pytest.raises(TypeError, match="cast is for tables whose columns have types"):
        write(doubled, name + "4", cast={"a": "float32"})


def test_many_small_batches(write, name):
    table = pa.table({"a": range(3000), "w": [["x"] * (i % 3) for i in range(3000)]})
    batches = [table.slice(i, i % 7) for i in range(0, 3000, 5)]
    write(pa.concat_tables(batches), name)
    assert plain(name) == [
        {key: [v.encode() for v in value] if key == "w" else [value] for key, value in row.items()}
        for batch in batches
        for row in batch.to_pylist()
    ]


def test_a_record_set_is_a_table_too(write, name, tmp_path):
    tfr.write_examples(tmp_path / "a", {"a": range(5)})
    write(tfr.RecordSet(tmp_path / "a"), name)
    assert plain(name) == [{"a": [i]} for i in range(5)]


def test_files_of_parquet(write, name, tmp_path):
    table = pa.table({"a": range(1000), "s": [str(i) for i in range(1000)]})
    for part in range(2):
        pa.parquet.write_table(table.slice(part * 500, 500), tmp_path / f"{part}.parquet")
    write(pa.dataset.dataset(sorted(tmp_path.glob("*.parquet"))), name)
    found = to_arrow(name, table.schema).read_all()
    assert found.combine_chunks().equals(table)
    write_table(pa.parquet.ParquetFile(tmp_path / "0.parquet"), name + "-2")
    assert len(tfr.RecordSet(name + "-2")) == 500


# Types.


def test_nothing_is_narrowed_in_silence(write, name):
    with pytest.raises(tfr.ExampleError, match="'a'.*row 1.*16777217"):
        write(pa.table({"a": [0.1, 16777217.0]}), name)
    write(pa.table({"a": [0.1, 16777217.0]}), name, cast={"a": "float32"})
    assert plain(name) == [{"a": [np.float32(0.1)]}, {"a": [16777216.0]}]
    with pytest.raises(tfr.ExampleError, match="'b'.*row 0.*beyond int64"):
        write(pa.table({"b": pa.array([2**63], pa.uint64())}), name + "2")


MONEY = pa.array([decimal.Decimal("1.25"), None], pa.decimal128(5, 2))


CAST = r"convert it, as with cast=\{'x': 'float32'\}"
FLAT = "make its lists flat"


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        (MONEY, CAST),
        (pa.array([[[1]], [[2]]]), FLAT),
        (pa.array([[[1]], [[2]]], pa.list_(pa.list_(pa.decimal128(5, 2)), 1)), FLAT),
        (pa.array([{"x": 1}, {"x": 2}]), "make its fields columns"),
        (pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), "make it numbers or text"),
        (pa.array([[decimal.Decimal("1.25")], None], pa.list_(pa.decimal128(5, 2))), CAST),
        (pa.array([[[], []], []], pa.list_(pa.list_(pa.int8(), 0))), "make their number"),
        (pa.array([[], []], pa.list_(pa.list_(pa.list_(pa.string(), 2), 0))), "make their number"),
    ],
    ids=lambda column: str(getattr(column, "type", "")),
)
def test_what_no_feature_holds_is_an_error_that_says_what_to_do(write, name, column, advice):
    with pytest.raises(tfr.ExampleError, match=f"column 'x' is of type .*: {advice}"):
        write(pa.table({"a": [1, 2], "x": column}), name)
    with pytest.raises(FileNotFoundError):
        tfr.RecordSet(name)
    if advice == CAST:
        assert write_table(pa.table({"x": column}), name, cast={"x": "float32"}).records == 2


@pytest.mark.parametrize("cast", ["float32", float, np.float32, pa.float32()])
def test_cast(write, name, cast):
    write(pa.table({"x": MONEY, "y": [[1, 2], []]}), name, cast={"x": cast, "y": cast})
    assert plain(name) == [{"x": [1.25], "y": [1.0, 2.0]}, {"y": []}]
    assert records(name)[0]["y"].dtype == np.float32


def test_cast_to_text(name):
    write_table(pa.table({"x": MONEY}), name, cast={"x": str})
    assert plain(name) == [{"x": [b"1.25"]}, {}]


def test_a_cast_that_is_none(name):
    table = pa.table({"x": ["a", "b"]})
    with pytest.raises(ValueError, match="'z' is no column"):
        write_table(table, name, cast={"z": "float32"})
    for cast in ("colour", object, 3, None, "datetime64[ns]"):
        with pytest.raises(ValueError, match="cast: column 'x': .* is no type of Arrow's, such as"):
            write_table(table, name, cast={"x": cast})
    with pytest.raises(ValueError, match="cast: column 'none': 'colour' is no type"):
        write_table(pa.table({"none": pa.nulls(2)}), name, cast={"none": "colour"})
    with pytest.raises(tfr.ExampleError, match="column 'x', as int64: row 0: .*'a'"):
        write_table(table, name, cast={"x": "int64"})
    with pytest.raises(TypeError, match="features="):
        write_table([{"x": 1}], name, cast={"x": "int64"})


@pytest.mark.parametrize("cast", [["x"], "float32", [("x", "float32")]])
def test_a_cast_that_is_no_mapping(write, name, cast):
    with pytest.raises(TypeError, match="cast=.* must be a mapping of columns to types"):
        write_table(pa.table({"x": [1]}), name, cast=cast)


@pytest.mark.parametrize(
    ("column", "cast"),
    [
        (["1", "2", None, "x", "y"], "float32"),
        ([1, 2, None, 300, 400], "int8"),
        ([1.0, 2.0, None, 1.5, 2.5], "int64"),
        ([b"a", b"b", None, b"\xff", b"\xff"], "string"),
        (
            [
                decimal.Decimal(1),
                decimal.Decimal(2),
                None,
                decimal.Decimal("1.5"),
                decimal.Decimal("1.5"),
            ],
            "int64",
        ),
        ([["1"], [], None, ["2", "x"], ["y"]], "int64"),
    ],
)
def test_what_arrow_does_not_cast_is_told_with_its_row(name, column, cast):
    table = pa.table({"x": column[:1] * 2000 + column})
    with pytest.raises(tfr.ExampleError, match="column 'x', as .*: row 2003: "):
        write_table(table, name, cast={"x": cast})


def test_a_type_that_arrow_does_not_cast_is_not_the_fault_of_a_row(name):
    table = pa.table({"x": pa.array([1, 2], pa.date32())})
    with pytest.raises(tfr.ExampleError, match=r"column 'x', as float: (?!row)"):
        write_table(table, name, cast={"x": "float32"})


@pytest.mark.parametrize("earlier", [["1"] * 5, ["1"] * 40])
def test_a_lost_number_before_what_arrow_does_not_cast_is_told_first(name, earlier):
    table = pa.table({"x": [*earlier, "1e400", "2", "x"]})
    with pytest.raises(tfr.ExampleError, match=f"column 'x': row {len(earlier)} has .*1e400"):
        write_table(table, name, cast={"x": "float32"})


def test_times_are_integers_in_their_own_unit(name):
    table = pa.table(
        {
            "day": [dt.date(1970, 1, 3)],
            "at": pa.array([1000]).cast(pa.timestamp("ms")),
        }
    )
    write_table(table, name)
    assert plain(name) == [{"at": [1000], "day": [2]}]


@pytest.mark.parametrize(
    "column",
    [[[1, 2], None, [3, None]], pa.array([[1, 2], None, [3, None]], pa.list_(pa.int64(), 2))],
)
def test_a_null_in_a_list_is_an_error_that_names_the_row(name, column):
    with pytest.raises(tfr.ExampleError, match="column 'x': row 2 has a null in its list"):
        write_table(pa.table({"x": column}), name)


def test_rows_are_counted_through_all_batches(name):
    lists = pa.table({"x": [[1]] * 2000})
    with pytest.raises(tfr.ExampleError, match="column 'x': row 2001 has a null in its list"):
        write_table(pa.concat_tables([lists, pa.table({"x": [[1], [None]]})]), name)


def test_a_name_that_is_there_twice(name):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])
    with pytest.raises(tfr.ExampleError, match="'x' is there twice"):
        write_table(table, name)


def test_features_say_how_columns_are_stored(name):
    features = {"f": tfr.FixedLenFeature((), float), "r": tfr.RawFeature([2, 2], np.uint8)}
    pixels = pa.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], pa.list_(pa.list_(pa.uint8(), 2), 2))
    write_table(pa.table({"f": [1, 2], "r": pixels}), name, features)
    assert plain(name) == [{"f": [1.0], "r": [b"\1\2\3\4"]}, {"f": [2.0], "r": [b"\5\6\7\x08"]}]
    assert to_arrow(name).read_all()["r"].to_pylist() == pixels.to_pylist()
    with pytest.raises(tfr.ExampleError, match="'r'.*row 0"):
        write_table(pa.table({"r": [b"abc"]}), name + "2", features)


def test_no_features_are_as_if_none_were_given(name):
    """The manifest had none, so that nothing could be read without others."""
    manifest = write_table(pa.table({"a": [1, 2]}), name, {})
    assert tfr.features_from_json(manifest.features) == {"a": tfr.FixedLenFeature([], np.int64)}


def test_kinds_do_not_change_from_batch_to_batch(write, name):
    with pytest.raises(
        tfr.ExampleError, match="'a'.*row 2000 has floats, where row 0 has integers"
    ):
        write(({"a": 1 if i < 2000 else 0.5} for i in range(3000)), name)


@pytest.mark.parametrize("data", ["train", b"train", 5, [1, 2], [{"a": 1}, None], pa.array([1, 2])])
def test_what_is_no_table(write, name, data):
    with pytest.raises(TypeError, match="table"):
        write(data, name)


def test_a_table_of_several_lines_is_one_line_in_an_error(name):
    with pytest.raises(TypeError) as raised:
        write_table([pa.table({"x": [1]})], name)
    assert "\n" not in str(raised.value)


def test_columns_of_different_lengths(write, name):
    with pytest.raises(ValueError, match="different lengths"):
        write({"a": pa.array([1, 2]), "b": pa.array([1])}, name)


# The writer of a set.


def test_columns_that_features_do_not_name_are_in_the_manifest_by_their_types(name):
    """Whoever said of one column what it is had a set of which readers saw no other."""
    empty = {"e": tfr.RaggedFeature(np.int64)}
    table = pa.table({"e": pa.array([[], []]), "n": [1, 2], "t": ["x", None]})
    write_table(table, name, empty)
    assert to_arrow(name).read_all().to_pylist() == [
        {"e": [], "n": 1, "t": [b"x"]},
        {"e": [], "n": 2, "t": None},
    ]
    assert tfr.features_from_json(tfr.RecordSet(name).manifest.features) == {
        **empty,
        "t": tfr.RaggedFeature(bytes),
        "n": tfr.FixedLenFeature((), int),
    }
    write_table(table.slice(0, 0), name, empty, overwrite=True)
    assert [*tfr.features_from_json(tfr.RecordSet(name).manifest.features)] == ["e", "n", "t"]


def test_columns_of_a_table_without_rows_are_not_those_of_records_beside_it(name):
    with tfr.ShardWriter(name, features={"e": int}) as writer:
        writer.write_table(pa.table({"e": [1], "n": [1]}).slice(0, 0))
        writer.write_example({"e": 5})
    (batch,) = tfr.read_batches(name)
    assert {key: column.tolist() for key, column in batch.items()} == {"e": [5]}


def test_features_of_no_column(name):
    with tfr.ShardWriter(name, features={}) as writer:
        writer.write_table({"x": [1, 2]})
    assert [record["x"] for record in map(tfr.decode_example, tfr.read_records(name))] == [[1], [2]]


@pytest.mark.parametrize("form", ["rows", "columns", "table"])
def test_other_columns_beside_the_keys_of_a_feature(name, form):
    sparse = {"s": tfr.SparseFeature("at", "of", np.float32, 9)}
    columns = {"at": [[1], [2, 3]], "of": [[0.5], [1.5, 2.5]], "b": [b"x", b"y"]}
    data = {
        "rows": [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ],
        "columns": columns,
        "table": pa.table(columns),
    }[form]
    with tfr.ShardWriter(name, features=sparse) as writer:
        writer.write_table(data)
        writer.write_example({"at": np.zeros(0, int), "of": np.zeros(0, np.float32)})
    assert tfr.features_from_json(tfr.RecordSet(name).manifest.features) == {
        **sparse,
        "b": tfr.RaggedFeature(bytes),
    }
    (batch,) = tfr.read_batches(name)
    assert batch["b"].to_list() == [[b"x"], [b"y"], []]


def test_several_tables_in_one_set(name):
    with tfr.ShardWriter(name) as writer:
        assert writer.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]})) == 2
        assert writer.write_table(pa.table({"a": [3]})) == 1
    features = tfr.RecordSet(name).manifest.features
    assert tfr.features_from_json(features) == {
        "a": tfr.FixedLenFeature((), int),
        "b": tfr.RaggedFeature(bytes),
    }


def test_the_manifest_says_nothing_of_records_that_no_table_had(name):
    with tfr.ShardWriter(name) as writer:
        writer.write_table(pa.table({"a": [1, 2]}))
        writer.write_example({"z": 1})
    assert tfr.RecordSet(name).manifest.features is None


def test_a_failed_table_publishes_nothing(name):
    def rows():
        yield {"a": 1}
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        write_table(rows(), name)
    with pytest.raises(FileNotFoundError):
        tfr.RecordSet(name)


@pytest.mark.parametrize("dtype", [np.complex64, "M8[s]", "S3", "V5"])
def test_elements_of_which_arrow_has_no_type(tmp_path, dtype):
    spec = tfr.RawFeature([2, 1], dtype)
    values = [bytes(range(row, row + spec.nbytes)) for row in range(3)]
    tfr.write_examples(tmp_path / "a", {"raw": values})
    table = to_arrow(tmp_path / "a", {"raw": spec}).read_all()
    for part, wanted in ((table, values), (table.slice(1), values[1:])):
        tfr.write_examples(tmp_path / "b", part, {"raw": spec})
        found = [tfr.decode_example(record)["raw"] for record in tfr.read_records(tmp_path / "b")]
        assert found == [[value] for value in wanted]
    with pytest.raises(tfr.ExampleError, match="raw"):
        tfr.write_examples(tmp_path / "b", table, {"raw": tfr.RawFeature([3], dtype)})
