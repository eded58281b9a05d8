"""SQL over files that have no columns, and over features that are none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from cli.conftest import command  # noqa: F401 - a fixture

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow

pytest.importorskip("duckdb")
from tfrecord_lite.sql import QueryError, query


@pytest.fixture(params=["a file", "a set"])
def write(request, tmp_path):
    """Write records, and return how SQL names them."""

    def write(name, records, features=None):
        path = tmp_path / name
        if request.param == "a file" and features is None:
            tfr.write_records(path, records)
        else:
            with tfr.ShardWriter(path, num_shards=2, features=features) as writer:
                writer.write_many(records)
        return str(path)

    return write


NOTHING = {
    "no records": [],
    "no features": [tfr.encode_example({})] * 3,
    "no bytes": [b""] * 20_000,
    "no Examples": [b"foo", b"barr"],
    "some features": [tfr.encode_example({"a": 1}), tfr.encode_example({})],
}


@pytest.mark.parametrize("kind", NOTHING)
def test_records_of_any_kind_are_counted(write, kind):
    path = write("x", NOTHING[kind])
    expected = sum(1 for _ in tfr.read_records(path))
    for sql in ("select count(*) as n from '{}'", "select count(*) as n from '{}' as t(a, b)"):
        assert query(sql.format(path)).read_all().to_pylist() == [{"n": expected}]
    assert query(f"select 3 as x from '{path}'").read_all().num_rows == expected
    if kind != "no Examples":
        sql = f"select (select count(*) from '{path}') as n, (select count(*) from '{path}' t) as m"
        assert query(sql).read_all().to_pylist() == [{"n": expected, "m": expected}]


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("sql", ["select * from '{}'", "from '{}'", "select t.* from '{}' t"])
def test_all_columns_are_those_of_to_arrow(write, kind, sql):
    """None, where there is none; and what it refuses is refused in the same words."""
    path = write("x", NOTHING[kind])

    def outcome(read):
        try:
            return read().read_all()
        except tfr.ExampleError as error:
            return str(error)

    found = outcome(lambda: query(sql.format(path)))
    assert found == outcome(lambda: to_arrow(path))
    assert isinstance(found, str) == (kind in ("no features", "no bytes", "no Examples"))


def test_an_empty_table_beside_others(write):
    empty, other = write("empty", []), write("other", [tfr.encode_example({"a": 1})] * 2)
    for sql, expected in (
        ("from '{}' union all by name from '{}'", [{"a": 1}] * 2),
        ("select *, 1 as one from '{}'", []),
        ("select count(*) as n from '{}' cross join '{}'", [{"n": 0}]),
        ("select a from '{1}' where a not in (select 1 from '{0}')", [{"a": 1}] * 2),
    ):
        assert query(sql.format(empty, other)).read_all().to_pylist() == expected
    with pytest.raises(QueryError, match='column "a" not found'):
        query(f"select a from '{empty}'")


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet", None])
def test_command(write, command, tmp_path, end):  # noqa: F811
    output = [] if end is None else ["-o", tmp_path / f"out.{end}"]
    done = command("sql", f"select * from '{write('empty', [])}'", *output)
    assert (done.code, done.err) == (0, "")


SPARSE = {
    "s": tfr.SparseFeature(["at", "layer"], "of s", np.float32, [9, 9]),
    "own": tfr.SparseFeature("at", "own", np.int64, 5),
    "at": tfr.VarLenFeature(np.int64),
    "id": int,
}
PARTS = {"of s": [0.5, 1.5], "at": [1, 3], "layer": [0, 2], "own": [7, 8]}
ROWS = [{"id": 0, **PARTS}, {"id": 1}]


def test_keys_of_a_sparse_feature_are_columns(write):
    """Under their own names; a feature of such a name is itself."""
    records = [tfr.encode_example(row) for row in ROWS]
    path = write("x", records, SPARSE)
    expected = [{"id": 0, **PARTS}, {**dict.fromkeys(PARTS), "id": 1}]
    table = query(f"select * from '{path}'").read_all()
    assert table.to_pylist() == expected
    assert table.schema.names == ["of s", "layer", "own", "at", "id"]
    assert to_arrow(path).read_all() == pa.table(tfr.RecordSet(path)) == table
    assert query(f"""select sum("of s"[1]) as s from '{path}'""").read_all().to_pylist() == [
        {"s": 0.5}
    ]
    assert query(f"select count(*) as n from '{path}'").read_all().to_pylist() == [{"n": 2}]
    chosen = to_arrow(path, select=["layer", "id"]).read_all()
    assert chosen == table.select(["layer", "id"])
    assert to_arrow(path, layout="tfx").schema.names == table.schema.names
    told = "a SparseFeature is no column of its own; name the features that it is made of: 'of s'"
    for options in ({"select": ["s"]}, {"features": ["s"]}, {"features": {"s": SPARSE["s"]}}):
        with pytest.raises(TypeError, match=told):
            to_arrow(path, **options)


def test_a_sparse_feature_of_a_context(write):
    context = {"s": tfr.SparseFeature("at", "v", np.int64, 9), "id": int}
    features = tfr.SequenceFeatures(context, {"words": tfr.VarLenFeature(np.int64)})
    record = tfr.encode_sequence_example({"id": 3, "at": [1], "v": [5]}, {"words": [[1], [2, 3]]})
    path = write("x", [record], features)
    expected = {
        "context": {"v": [5], "at": [1], "id": 3},
        "feature_lists": {"words": [[1], [2, 3]]},
    }
    assert query(f"select * from '{path}'").read_all().to_pylist() == [expected]
    assert pa.table(tfr.RecordSet(path)).to_pylist() == [expected]
