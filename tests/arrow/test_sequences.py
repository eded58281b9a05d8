"""SequenceExamples as two structs, and back."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow, write_table

FEATURES = tfr.SequenceFeatures(
    {"id": int, "tags": tfr.RaggedFeature(bytes)},
    {
        "frame": tfr.FixedLenFeature([2], np.float32),
        "token": int,
        "padded": tfr.FixedLenSequenceFeature([], np.int64),
        "words": tfr.RaggedFeature(bytes),
        "blob": tfr.RaggedFeature(np.uint8),
    },
)
SCHEMA = pa.schema(
    {
        "context": pa.struct({"id": pa.int64(), "tags": pa.list_(pa.binary())}),
        "feature_lists": pa.struct(
            {
                "frame": pa.list_(pa.list_(pa.float32(), 2)),
                "token": pa.list_(pa.int64()),
                "padded": pa.list_(pa.int64()),
                "words": pa.list_(pa.list_(pa.binary())),
                "blob": pa.list_(pa.binary()),
            }
        ),
    }
)


def random_row(random):
    def some(make, most=4):
        if random.random() < 0.2:
            return None
        return [make() for _ in range(random.randrange(most))]

    def text():
        return random.randbytes(random.choice((0, 3, 40)))

    return {
        "context": {"id": random.randrange(500), "tags": some(text)},
        "feature_lists": {
            "frame": some(lambda: [random.randrange(9) / 2, 1.0]),
            "token": some(lambda: random.randrange(500)),
            "padded": some(lambda: 7),
            "words": some(lambda: [text() for _ in range(random.randrange(3))]),
            "blob": some(text),
        },
    }


def record(row):
    context = {
        name: np.array(value, object) if isinstance(value, list) else value
        for name, value in row["context"].items()
    }
    words = row["feature_lists"]["words"]
    lists = {
        **row["feature_lists"],
        "words": words
        and [np.array(step, object) if step else np.array([], "S1") for step in words],
    }
    features = {"tags": tfr.RaggedFeature(bytes)}
    return tfr.encode_sequence_example(context, lists, features)


@pytest.fixture
def rows():
    random = Random(1)
    return [random_row(random) for _ in range(300)]


@pytest.mark.parametrize("binary", ["binary", "view"])
def test_each_value_null_and_empty_list_is_what_the_record_has(tmp_path, rows, binary):
    tfr.write_records(tmp_path / "a", map(record, rows))
    reader = to_arrow(tmp_path / "a", FEATURES, binary=binary, rows_per_batch=64)
    table = reader.read_all()
    table.validate(full=True)
    assert table.to_pylist() == rows
    if binary == "binary":
        assert table.schema == SCHEMA


def test_tables_come_back_as_they_were(tmp_path, rows):
    rows[5]["context"]["id"] = None
    table = pa.Table.from_pylist(rows, SCHEMA)
    manifest = write_table(table, tmp_path / "set", num_shards=1)
    assert manifest.records == len(rows)
    back = to_arrow(tmp_path / "set", SCHEMA).read_all()
    assert back.schema == SCHEMA
    assert back.to_pylist() == rows
    decoded = [tfr.decode_sequence_example(r) for r in tfr.read_records(tmp_path / "set")]
    assert [set(lists) for _, lists in decoded] == [
        {name for name, steps in row["feature_lists"].items() if steps is not None} for row in rows
    ]


def test_they_are_inferred(tmp_path, rows):
    for row in rows:
        row["feature_lists"] = {"token": row["feature_lists"]["token"] or [1]}
        row["context"] = {"id": row["context"]["id"]}
    tfr.write_records(tmp_path / "a", [tfr.encode_sequence_example(*row.values()) for row in rows])
    assert pa.table(tfr.RecordSet(tmp_path / "a")).to_pylist() == rows
    tfr.write_examples(tmp_path / "b", tfr.RecordSet(tmp_path / "a"))
    assert list(tfr.read_records(tmp_path / "b")) == list(tfr.read_records(tmp_path / "a"))


def test_one_struct_alone(tmp_path):
    table = pa.table({"feature_lists": [{"a": [1, 2]}, {"a": []}, {"a": None}, None]})
    write_table(table, tmp_path / "a")
    back = to_arrow(tmp_path / "a", table.schema).read_all()
    assert back.to_pylist() == [
        {"feature_lists": {"a": value}} for value in ([1, 2], [], None, None)
    ]


def test_errors_name_feature_and_step(tmp_path):
    tfr.write_records(tmp_path / "a", [tfr.encode_sequence_example({}, {"t": [[1], [2, 3]]})])
    with pytest.raises(
        tfr.ExampleError, match="record 0.*feature list 't', step 1: found 2 values"
    ):
        to_arrow(tmp_path / "a", tfr.SequenceFeatures({}, {"t": int})).read_all()


def test_what_goes_for_examples_alone(tmp_path):
    tfr.write_records(tmp_path / "a", [tfr.encode_sequence_example({}, {"t": [[1]]})])
    for options in ({"select": ["t"]}, {"layout": "tfx"}):
        with pytest.raises(ValueError, match="SequenceExamples"):
            to_arrow(tmp_path / "a", **options)
    table = pa.table({"feature_lists": [{"a": [1, 2]}]})
    with pytest.raises(TypeError, match="cast is for tables of Examples"):
        write_table(table, tmp_path / "b", cast={"a": "int64"})
    with pytest.raises(TypeError, match="two structs"):
        write_table(pa.table({"t": [1]}), tmp_path / "b", tfr.SequenceFeatures({}, {"t": int}))
    with pytest.raises(
        tfr.ExampleError, match="'a' is of type int64, but a feature list is a list"
    ):
        write_table(pa.table({"feature_lists": [{"a": 1}]}), tmp_path / "b")


@pytest.mark.parametrize("leaf", [pa.int64(), pa.string(), pa.timestamp("us")], ids=str)
@pytest.mark.parametrize("part", ["context", "feature_lists"])
def test_lists_of_a_fixed_size_in_lists_are_written_flat_and_refused_where_asked_for(
    tmp_path, part, leaf
):
    values = pa.array([1, 2, 3, 4, 5, 6]).cast(leaf)
    pairs = pa.FixedSizeListArray.from_arrays(values, 2)
    of_row = pa.ListArray.from_arrays(pa.array([0, 2, 2, 3], pa.int32()), pairs)
    flat = pa.ListArray.from_arrays(pa.array([0, 4, 4, 6], pa.int32()), values)
    if part == "feature_lists":
        of_row, flat = (
            pa.ListArray.from_arrays(pa.array([0, 3, 3], pa.int32()), steps)
            for steps in (of_row, flat)
        )
    table, expected = (
        pa.table({part: pa.StructArray.from_arrays([column], ["x"])}) for column in (of_row, flat)
    )
    write_table(table, tmp_path / "a")
    assert to_arrow(tmp_path / "a", expected.schema).read_all().equals(expected)
    kind = (
        rf"{part}: feature 'x': list<item: fixed_size_list<.*>\[2\]>, but .*; ask for list<item: "
    )
    with pytest.raises(TypeError, match=kind) as raised:
        to_arrow(tmp_path / "a", table.schema)
    assert f"ask for {pa.list_(leaf)}, of all" in str(raised.value)


def sequences(steps, kind):
    lists = pa.array([{"a": of_row} for of_row in steps], pa.struct({"a": pa.list_(kind)}))
    context = pa.array([{"id": row} for row in range(len(steps))])
    return pa.table({"context": context, "feature_lists": lists})


# Those after the first 65,536 are other columns.
@pytest.mark.parametrize("before", [5, 70_000])
def test_errors_name_the_row_of_the_table(tmp_path, before):
    table = sequences([[[1]]] * before + [[[1], [3, None]]], pa.list_(pa.int64()))
    with pytest.raises(
        tfr.ExampleError, match=f"feature list 'a': row {before}, step 1 has a null in its list"
    ):
        write_table(table, tmp_path / "a")
    table = sequences([[1]] * before + [[1, 2**63]], pa.uint64())
    with pytest.raises(tfr.ExampleError, match=f"row {before}: feature list 'a', step 1: .* int64"):
        write_table(table, tmp_path / "a")


def test_features_of_examples_are_refused(tmp_path):
    with pytest.raises(TypeError, match="features is for Examples.* pass a SequenceFeatures"):
        write_table(sequences([[1]], pa.int64()), tmp_path / "a", {"id": int})


def test_steps_that_are_cut_by_partitions(tmp_path):
    records = [
        tfr.encode_sequence_example({}, {"of": [[1, 2, 3], [4]], "at": [[1, 2], [1]]}),
        tfr.encode_sequence_example({}, {}),
    ]
    tfr.write_records(tmp_path / "a", records)
    rows = tfr.RaggedFeature(
        np.int64, value_key="of", partitions=[tfr.RaggedFeature.RowLengths("at")]
    )
    table = to_arrow(tmp_path / "a", tfr.SequenceFeatures({}, {"rows": rows})).read_all()
    assert table.to_pylist() == [
        {"feature_lists": {"rows": [[[1], [2, 3]], [[4]]]}},
        {"feature_lists": {"rows": None}},
    ]


def test_what_no_record_has_a_value_of_comes_back(tmp_path):
    """The manifest had no features, and a list without a step was lost."""
    context = pa.struct({"id": pa.int64(), "note": pa.string(), "pair": pa.list_(pa.float32(), 2)})
    lists = pa.struct(
        {
            "token": pa.list_(pa.int64()),
            "word": pa.list_(pa.list_(pa.string())),
            "frame": pa.list_(pa.list_(pa.float32(), 3)),
            "gaps": pa.list_(pa.int64()),
            "none": pa.list_(pa.list_(pa.float32(), 0)),
        }
    )
    rows = [
        {"id": 1, "note": None, "pair": [1, 2]},
        {"id": 2, "note": None, "pair": None},
    ]
    steps = [
        {"token": [], "word": [], "frame": [], "gaps": [1, None], "none": [[], []]},
        {"token": [], "word": None, "frame": [[1, 2, 3]], "gaps": [2], "none": None},
    ]
    table = pa.table({"context": pa.array(rows, context), "feature_lists": pa.array(steps, lists)})
    manifest = write_table(table, tmp_path / "a")
    expected = tfr.SequenceFeatures(
        {
            "id": int,
            "note": tfr.RaggedFeature(bytes),
            "pair": tfr.RaggedFeature(np.float32),
        },
        {
            "token": int,
            "word": tfr.RaggedFeature(bytes),
            "frame": tfr.FixedLenFeature([3], np.float32),
            "gaps": tfr.RaggedFeature(np.int64),
            "none": tfr.FixedLenFeature([0], np.float32),
        },
    )
    assert tfr.features_from_json(manifest.features) == expected
    assert to_arrow(tmp_path / "a", table.schema).read_all().equals(table)
    steps = [{name: row[name] for name in row if name != "gaps"} for row in steps]
    back = to_arrow(tmp_path / "a").read_all()["feature_lists"].to_pylist()
    assert [row.pop("gaps") for row in back] == [[[1], None], [[2]]]
    assert back == steps


def test_lists_of_nulls_are_missing(tmp_path):
    table = pa.table({"feature_lists": [{"a": [1], "b": None}, {"a": [], "b": None}]})
    write_table(table, tmp_path / "a")
    back = to_arrow(tmp_path / "a").read_all().to_pylist()
    assert back == [{"feature_lists": {"a": [1]}}, {"feature_lists": {"a": []}}]


@pytest.mark.parametrize("kind", [pa.struct([]), pa.struct({"a": pa.null()})], ids=str)
@pytest.mark.parametrize("part", ["context", "feature_lists"])
def test_rows_without_features_are_counted(tmp_path, part, kind):
    """As those of a table of Examples are; it was an error about columns."""
    table = pa.table({part: pa.nulls(3, kind)})
    assert write_table(table, tmp_path / "a").records == 3
    empty = tfr.encode_sequence_example({}, {})
    assert set(tfr.read_records(tmp_path / "a")) == {empty}


def test_features_of_several_tables_and_of_none(tmp_path):
    with tfr.ShardWriter(tmp_path / "a") as writer:
        writer.write_table(pa.table({"feature_lists": [{"a": [1]}]}))
        writer.write_table(pa.table({"context": [{"id": 1}], "feature_lists": [{"b": [[1, 2]]}]}))
    assert tfr.features_from_json(writer.manifest.features) == tfr.SequenceFeatures(
        {"id": tfr.RaggedFeature(np.int64)}, {"a": int, "b": tfr.RaggedFeature(np.int64)}
    )
    schema = pa.schema({"context": pa.struct({"id": pa.int64()})})
    manifest = write_table(schema.empty_table(), tmp_path / "b")
    assert tfr.features_from_json(manifest.features) == tfr.SequenceFeatures({"id": int}, {})
    assert to_arrow(tmp_path / "b").schema == schema
    with tfr.ShardWriter(tmp_path / "c") as writer:
        writer.write_table(pa.table({"a": [1]}))
        writer.write_table(pa.table({"feature_lists": [{"a": [1]}]}))
    assert writer.manifest.features is None


@pytest.mark.parametrize("leaf", [pa.list_(pa.list_(pa.int64())), pa.null(), pa.decimal128(5, 2)])
def test_errors_about_a_type_name_the_part_and_no_cast(tmp_path, leaf):
    for part, kind, what in (
        ("context", pa.list_(leaf), "context feature"),
        ("feature_lists", pa.list_(pa.list_(leaf)), "feature list"),
    ):
        table = pa.table({part: pa.array([None], pa.struct({"x": kind}))})
        with pytest.raises(tfr.ExampleError, match=f"^{what} 'x' ") as raised:
            write_table(table, tmp_path / "a")
        assert "cast" not in str(raised.value)
