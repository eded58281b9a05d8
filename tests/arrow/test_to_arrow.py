"""to_arrow: each value, null and empty list is what the record has."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from example.schemas import random_examples, random_features

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow
from tfrecord_lite.thresholds import limits, thresholds


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.tfrecord")


def written(path, rows):
    with tfr.RecordWriter(path) as writer:
        for row in rows:
            writer.write_example(row)
    return path


def shaped(values, shape):
    if not shape:
        return values[0]
    size = math.prod(shape[1:])
    return [shaped(values[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def expected(example, name, feature):
    """Return what the natural layout has for one record."""
    value = example.get(name)
    values = value if value is None or isinstance(value, list) else value.tolist()
    shape = getattr(feature, "shape", ())
    if isinstance(feature, tfr.FixedLenFeature):
        if value is None:
            default = feature.default_value
            values = list(default) if shape else [default]
            if feature.dtype is np.float32:
                values = np.array(values, np.float32).tolist()
        return shaped(values, shape)
    if value is None or not isinstance(feature, tfr.FixedLenSequenceFeature):
        return values
    size = math.prod(shape)
    return [shaped(values[i : i + size], shape) for i in range(0, len(values), size)]


def outcome(read):
    try:
        return read(), None
    except tfr.ExampleError as error:
        return None, str(error)


BINARY = ("binary", "large_binary", "view")


@pytest.mark.parametrize("seed", range(60))
def test_random_schemas_are_read_as_records_are(path, seed):
    random = Random(seed)
    features = random_features(random)
    records = [record for _ in range(3) for record in random_examples(random, features)]
    tfr.write_records(path, records)
    rows = random.choice((None, 1, 7, 1000))
    table, error = outcome(
        lambda: to_arrow(
            path, features, binary=random.choice(BINARY), rows_per_batch=rows
        ).read_all()
    )
    _, told = outcome(lambda: list(tfr.read_batches(path, features)))
    assert error == told
    if table is not None:
        table.validate(full=True)
        decoded = [tfr.decode_example(record) for record in records]
        for name, feature in features.items():
            found = table[name].to_pylist()
            assert repr(found) == repr([expected(row, name, feature) for row in decoded])


@pytest.mark.parametrize("seed", range(20))
def test_the_tfx_layout_has_lists_of_all_that_is_there(path, seed):
    random = Random(seed)
    features = random_features(random, sequences=False)
    ragged = {name: tfr.RaggedFeature(feature.dtype) for name, feature in features.items()}
    records = random_examples(random, ragged)
    tfr.write_records(path, records)
    table, error = outcome(lambda: to_arrow(path, features, layout="tfx").read_all())
    _, told = outcome(lambda: list(tfr.read_batches(path, ragged)))
    assert error == told
    if table is not None:
        leaf = {bytes: pa.large_binary(), np.int64: pa.int64(), np.float32: pa.float32()}
        assert table.schema.types == [pa.large_list(leaf[f.dtype]) for f in features.values()]
        for name, feature in ragged.items():
            rows = [expected(tfr.decode_example(record), name, feature) for record in records]
            assert repr(table[name].to_pylist()) == repr(rows)


def test_tfx_without_features_is_in_the_order_of_names(path):
    written(path, [{"b": 1, "a": "x"}, {"c": 1.5}])
    table = to_arrow(path, layout="tfx").read_all()
    assert table.column_names == ["a", "b", "c"]
    assert table.to_pylist() == [
        {"a": [b"x"], "b": [1], "c": None},
        {"a": None, "b": None, "c": [1.5]},
    ]


def test_missing_and_empty_are_kept_apart(path):
    empty = np.array([], np.int64)
    written(path, [{"a": [1, 2]}, {"a": empty}, {"b": "x"}])
    table = to_arrow(path).read_all()
    assert table["a"].to_pylist() == [[1, 2], [], None]
    assert table["b"].to_pylist() == [None, None, [b"x"]]


STRINGS = [b"", b"a", b"12345678", b"123456789012", b"1234567890123", b"x" * 300, b"y" * 20_000]


@pytest.mark.parametrize("binary", BINARY)
@pytest.mark.parametrize("copied", [1, 1 << 30])
def test_strings_of_all_sizes(path, binary, copied, monkeypatch):
    monkeypatch.setattr(thresholds, "copied_string_bytes", copied)
    random = Random(binary)
    rows = [[random.choice(STRINGS) for _ in range(random.randrange(4))] for _ in range(300)]
    one = [random.choice(STRINGS) for _ in rows]
    columns = {"all": rows, "one": one, "some": [s if len(s) % 3 else None for s in one]}
    features = {"all": tfr.RaggedFeature(bytes), "some": tfr.FixedLenFeature((), bytes, "none")}
    tfr.write_examples(path, columns, {"all": features["all"]})
    table = to_arrow(path, {**features, "one": bytes}, binary=binary).read_all()
    table.validate(full=True)
    assert table["all"].to_pylist() == rows
    assert table["one"].to_pylist() == one
    assert table["some"].to_pylist() == [s if len(s) % 3 else b"none" for s in one]
    blobs = {"one": tfr.RaggedFeature(np.uint8), "some": tfr.RaggedFeature(np.uint8)}
    table = to_arrow(path, blobs, binary=binary).read_all()
    table.validate(full=True)
    assert table["one"].to_pylist() == one
    assert table["some"].to_pylist() == columns["some"]


def test_views_stay_as_they_are_when_more_is_read(path, monkeypatch):
    monkeypatch.setattr(limits, "large_block_bytes", (1 << 16, 1 << 16))
    values = [bytes([i % 256]) * 20_000 for i in range(400)]
    tfr.write_examples(path, {"a": values})
    batches = list(to_arrow(path, {"a": bytes}, binary="view"))
    assert len(batches) > 3
    assert [value for batch in batches for value in batch["a"].to_pylist()] == values


def test_raw_features(path):
    array = np.arange(12, dtype=np.int16).reshape(2, 2, 3)
    flags = np.array([[True, False], [False, True]])
    features = {
        "a": tfr.RawFeature([2, 3], np.int16),
        "b": tfr.RawFeature([2], np.bool_),
        "c": tfr.RawFeature([], np.complex64),
    }
    complexes = np.array([1j, 2], np.complex64)
    tfr.write_examples(path, {"a": array, "b": flags, "c": complexes}, features)
    table = to_arrow(path, features).read_all()
    table.validate(full=True)
    assert table.schema.field("a").type == pa.list_(pa.list_(pa.int16(), 3), 2)
    assert table["a"].to_pylist() == array.tolist()
    assert table["b"].to_pylist() == flags.tolist()
    assert table["c"].to_pylist() == [value.tobytes() for value in complexes]


def test_partitions_are_lists_of_lists(path):
    written(path, [{"v": [1, 2, 3, 4], "n": [1, 1]}, {"v": np.array([], np.int64), "n": [0]}, {}])
    feature = tfr.RaggedFeature(
        "int64", "v", [tfr.RaggedFeature.RowLengths("n"), tfr.RaggedFeature.UniformRowLength(2)]
    )
    table = to_arrow(path, {"x": feature, "v": tfr.RaggedFeature(int)}).read_all()
    table.validate(full=True)
    assert table.schema.field("x").type == pa.list_(pa.list_(pa.list_(pa.int64(), 2)))
    assert table["x"].to_pylist() == [[[[1, 2]], [[3, 4]]], [[]], None]


def test_types_that_are_asked_for(path):
    day = dt.date(2024, 2, 29)
    rows = [
        {"t": "größe", "i": -5, "d": (day - dt.date(1970, 1, 1)).days, "f": 0.5, "w": ["a"]},
        {"t": "", "i": 7, "d": 0, "f": 2.0, "w": ["b", ""]},
        {},
    ]
    written(path, rows)
    schema = pa.schema(
        {
            "t": pa.dictionary(pa.int32(), pa.string()),
            "i": pa.int8(),
            "d": pa.date32(),
            "f": pa.float64(),
            "w": pa.large_list(pa.string_view()),
        }
    )
    table = to_arrow(path, schema).read_all()
    table.validate(full=True)
    assert table.schema == schema
    assert table["t"].to_pylist() == ["größe", "", None]
    assert table["i"].to_pylist() == [-5, 7, None]
    assert table["d"].to_pylist() == [day, dt.date(1970, 1, 1), None]
    assert table["f"].to_pylist() == [0.5, 2.0, None]
    assert table["w"].to_pylist() == [["a"], ["b", ""], None]


def test_text_where_asked_for(path):
    written(path, [{"a": "x"}, {"a": b"\xff"}])
    with pytest.raises(tfr.ExampleError, match="record 1.*'a'.*not UTF-8.*bytes instead"):
        to_arrow(path, {"a": str}).read_all()
    assert to_arrow(path, {"a": bytes}).read_all()["a"].to_pylist() == [b"x", b"\xff"]
    written(path, [{"a": "x"}])
    for binary, kind in zip(
        BINARY, (pa.string(), pa.large_string(), pa.string_view()), strict=True
    ):
        assert to_arrow(path, {"a": str}, binary=binary).schema.field("a").type == kind


def test_values_that_do_not_fit_the_type(path):
    written(path, [{"a": 3, "b": [1]}, {"a": 300, "b": [1, 300]}])
    with pytest.raises(tfr.ExampleError, match="record 1.*'a'.*300.*int8"):
        to_arrow(path, {"a": pa.int8()}).read_all()
    with pytest.raises(tfr.ExampleError, match="record 1.*'b'.*300.*int8"):
        to_arrow(path, {"b": pa.list_(pa.int8())}).read_all()


@pytest.mark.parametrize("records", [[0], [0, 2], [1, 2], [0, 1, 4], [3]])
@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (pa.bool_(), 1, 5),
        (pa.int8(), 1, 300),
        (pa.string(), b"abc", b"\xff"),
        (pa.string_view(), b"abc", b"\xff"),
        (pa.binary(3), b"abc", b"abcd"),
    ],
)
@pytest.mark.parametrize("form", ["one", "dictionary", "list", "pair", "nested"])
def test_what_does_not_fit_is_named_where_records_lack_the_feature(
    path, form, kind, right, wrong, records
):
    many, asked = {
        "one": (1, kind),
        "dictionary": (1, pa.dictionary(pa.int32(), kind)),
        "list": (2, pa.list_(kind)),
        "pair": (2, pa.list_(kind, 2)),
        "nested": (4, pa.list_(pa.list_(kind, 2), 2)),
    }[form]
    rows = [{"a": [right] * many} if at in records else {} for at in range(6)]
    found = to_arrow(written(path, rows), {"a": asked}).read_all()["a"]
    assert found.is_valid().to_pylist() == [at in records for at in range(6)]
    last = records[-1]
    rows[last]["a"][-1] = wrong
    with pytest.raises(tfr.ExampleError, match=rf"record {last} at .*'a': found "):
        to_arrow(written(path, rows), {"a": asked}).read_all()


@pytest.mark.parametrize(
    "kind",
    [pa.decimal128(5, 2), pa.list_(pa.list_(pa.int64())), pa.struct({"x": pa.int64()})],
    ids=str,
)
def test_types_that_no_feature_has(path, kind):
    written(path, [{"a": 1}])
    with pytest.raises(TypeError, match="'a'"):
        to_arrow(path, {"a": kind})


def test_select(path):
    written(path, [{"a": 1, "b": "x", "c": 1.5}] * 3)
    assert to_arrow(path, select=["c", "a"]).read_all().to_pydict() == {
        "c": [1.5] * 3,
        "a": [1] * 3,
    }
    assert (
        to_arrow(path, {"a": int, "b": str}, select=["b"]).read_all()["b"].to_pylist() == ["x"] * 3
    )
    with pytest.raises(ValueError, match="'d' is not among"):
        to_arrow(path, select=["d"])


def test_batches_have_the_rows_asked_for(tmp_path):
    for number in range(3):
        tfr.write_examples(
            tmp_path / f"{number}.tfrecord", {"a": range(number * 50, 50 + number * 50)}
        )
    batches = list(to_arrow(tmp_path, rows_per_batch=40))
    assert [batch.num_rows for batch in batches] == [40, 40, 40, 30]
    assert pa.Table.from_batches(batches)["a"].to_pylist() == list(range(150))


def test_no_batch_is_put_together_that_32_bits_do_not_address(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "arrow_batch_bytes", 1000)
    for number in range(4):
        tfr.write_examples(tmp_path / f"{number}.tfrecord", {"a": ["x" * 400]})
    batches = list(to_arrow(tmp_path, {"a": str}, rows_per_batch=100))
    assert [batch.num_rows for batch in batches] == [2, 2]


def test_damage_is_reported_and_left_out(path):
    tfr.write_examples(path, {"a": range(5)})
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 5 * 2 + 14] ^= 1
    Path(path).write_bytes(data)
    with pytest.raises(tfr.CorruptRecordError):
        to_arrow(path, {"a": int}).read_all()
    found = []
    table = to_arrow(path, {"a": int}, on_damage=found.append).read_all()
    assert table["a"].to_pylist() == [0, 1, 3, 4]
    assert len(found) == 1


def test_the_rows_before_one_that_does_not_fit_come_first(path):
    written(path, [{"a": 1}, {"a": 2}, {"a": "x"}])
    reader = to_arrow(path, {"a": int})
    assert reader.read_next_batch()["a"].to_pylist() == [1, 2]
    with pytest.raises(tfr.ExampleError, match="record 2"):
        reader.read_next_batch()


def test_record_sets_are_streams(path):
    tfr.write_examples(path, {"a": range(5), "b": list("abcde")})
    records = tfr.RecordSet(path)
    for _ in range(2):
        table = pa.table(records)
        assert table.to_pydict() == {"a": [0, 1, 2, 3, 4], "b": [b"a", b"b", b"c", b"d", b"e"]}
    assert pa.table(to_arrow(records, ["a"])).to_pydict() == {"a": [0, 1, 2, 3, 4]}


def test_polars_takes_sets_and_readers(path):
    polars = pytest.importorskip("polars")
    tfr.write_examples(path, {"a": range(5), "w": [["x" * 20] * n for n in range(1, 6)]})
    assert polars.DataFrame(tfr.RecordSet(path))["a"].sum() == 10
    for binary in BINARY:
        frame = polars.from_arrow(to_arrow(path, binary=binary))
        assert frame["w"].to_list()[1] == [b"x" * 20] * 2


def test_duckdb_takes_sets_and_readers(path):
    duckdb = pytest.importorskip("duckdb")
    tfr.write_examples(path, {"a": range(5), "w": ["x" * 20] * 5})
    connection = duckdb.connect()
    connection.register("records", tfr.RecordSet(path))
    for _ in range(2):
        assert connection.sql("select sum(a) from records").fetchall() == [(10,)]
    connection.register("views", to_arrow(path, binary="view"))
    assert connection.sql("select max(w) from views").fetchall() == [(b"x" * 20,)]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"layout": "parquet"}, "layout"),
        ({"binary": "blob"}, "binary"),
        ({"layout": "tfx", "binary": "view"}, "large_binary"),
        ({"rows_per_batch": 0}, "at least 1"),
    ],
)
def test_wrong_options(path, options, error):
    tfr.write_examples(path, {"a": range(5)})
    with pytest.raises(ValueError, match=error):
        to_arrow(path, **options)


def test_a_sparse_feature_says_what_it_is_made_of(path):
    tfr.write_examples(path, {"i": range(5), "v": range(5)})
    with pytest.raises(TypeError, match="'v', 'i'"):
        to_arrow(path, {"s": tfr.SparseFeature("i", "v", int, 5)})


def test_an_empty_file_is_an_empty_table(path):
    tfr.write_records(path, [])
    table = to_arrow(path, {"a": int, "b": tfr.RaggedFeature(bytes)}).read_all()
    assert table.to_pydict() == {"a": [], "b": []}
    assert to_arrow(path).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"rows_per_batch": 0}, ValueError, "rows_per_batch=0 must be at least 1"),
        ({"rows_per_batch": 1.5}, TypeError, "rows_per_batch=1.5 must be an integer"),
        ({"select": []}, ValueError, "select=.. names no column"),
        ({"select": "ab"}, TypeError, "select='ab' must be a list of names"),
        ({"select": b"ab"}, TypeError, "must be a list of names"),
        ({"select": [1]}, TypeError, "must be a list of names"),
        ({"select": 5}, TypeError, "must be a list of names"),
    ],
)
def test_options_that_make_no_sense(path, options, error, text):
    written(path, [{"a": 1}])
    with pytest.raises(error, match=text):
        to_arrow(path, {"a": int}, **options)
