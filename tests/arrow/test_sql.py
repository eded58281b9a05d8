"""SQL over files: a path in quotes is a table, of which what a query needs is decoded."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.conftest import command  # noqa: F401 - a fixture
from test_surface import FORMS

import tfrecord_lite as tfr
from tfrecord_lite.arrow import reading

pytest.importorskip("duckdb")
from tfrecord_lite.cli.sql import run
from tfrecord_lite.sql import QueryError, query

ROWS = 1000


@pytest.fixture(scope="module")
def name(tmp_path_factory) -> str:
    name = tmp_path_factory.mktemp("set") / "train"
    with tfr.ShardWriter(name, records_per_shard=400) as writer:
        writer.write_examples(
            {
                "label": np.arange(ROWS) % 10,
                "score": np.arange(ROWS, dtype=np.float32) / 8,
                "name": [b"cat" if row % 2 else b"\xff" for row in range(ROWS)],
                "ids": [np.full(row % 3, row) for row in range(ROWS)],
            }
        )
    return str(name)


def rows(sql: str, *args, **options) -> list[tuple]:
    table = query(sql, *args, **options).read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.fixture
def decoded(monkeypatch) -> list[list[str]]:
    """Which columns were decoded, for each scan."""
    found: list[list[str]] = []
    read = reading.Selection.reader

    def reader(self, records, rows_per_batch=None):
        found.append([*self.schema.features])
        return read(self, records, rows_per_batch)

    monkeypatch.setattr(reading.Selection, "reader", reader)
    return found


@pytest.mark.parametrize(
    ("sql", "expected", "columns"),
    [
        ("select count(*) from '{}'", [(ROWS,)], None),
        ("select sum(label) from '{}'", [(4500,)], ["label"]),
        (
            "select label, count(*) from '{}' group by label order by label limit 2",
            [(0, 100), (1, 100)],
            ["label"],
        ),
        ("select max(score) from '{}' where label > 8", [(999 / 8,)], ["label", "score"]),
        ("select count(score) from '{}' where name = 'cat'", [(500,)], ["name", "score"]),
        ("select label from '{}' where label + score > 133", [(9,)], ["label", "score"]),
        (
            "select decode(name) from '{}' where score in (0.125, 2.125) order by 1",
            [("cat",), ("cat",)],
            ["name", "score"],
        ),
        (
            "select ids, label from '{}' order by score limit 2",
            [([], 0), ([1], 1)],
            ["ids", "label", "score"],
        ),
        ("with t as (select label from '{}') select max(label) from t", [(9,)], ["label"]),
    ],
)
def test_what_a_query_does_not_need_is_not_decoded(name, decoded, sql, expected, columns):
    assert rows(sql.format(name)) == expected
    for found in decoded:  # a column of which few values are needed may be read in a second scan
        assert len(found) == 1 if columns is None else set(found) <= set(columns)


def test_all_columns(name):
    assert query(f"select * from '{name}'").schema == pa.schema(
        {
            "ids": pa.list_(pa.int64()),
            "label": pa.int64(),
            "name": pa.binary(),
            "score": pa.float32(),
        }
    )
    assert rows(f"select * from '{name}' limit 3")[2] == ([2, 2], 2, b"\xff", 0.25)


def test_joins(name, tmp_path):
    pq.write_table(pa.table({"label": [3], "title": ["three"]}), tmp_path / "titles.parquet")
    joined = f"""
        select title, count(*) from '{name}' t join '{tmp_path}/titles.parquet' using (label)
        join '{name}.manifest.json' u on u.score = t.score group by title
    """
    assert rows(joined) == [("three", 100)]


def test_tables_by_name(name):
    tables = {"t": tfr.RecordSet(name), "u": [name, name]}
    assert rows("select (select count(*) from t), (select count(*) from u)", tables) == [
        (ROWS, 2 * ROWS)
    ]
    with pytest.raises(FileNotFoundError):
        query("select * from t", {"t": name + "x"})


@pytest.mark.parametrize("given", ["in quotes", "by name", "open", "a list"])
@pytest.mark.parametrize("sql", ["select label from {}", "select count(*) from {}"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"on_damage": "skip"},
        {"verify": False},
        {"compression": "ZLIB"},
        {"max_record_bytes": 5, "verify": "none"},
        {"verify": "x"},
    ],
)
def test_options_are_those_of_every_table(tmp_path, given, sql, options):
    """However a file is named, it is read as a set with these options is."""
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"label": range(5)})
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    def outcome(read, regions):
        told = dict(options)
        if told.get("on_damage") == "skip":
            told["on_damage"] = regions.append
        try:
            return read(told)
        except ValueError as error:
            return type(error), str(error)

    tables = {"by name": path, "open": path.open("rb"), "a list": [path]}
    regions: tuple[list, list] = [], []
    expected = outcome(lambda told: len(list(tfr.RecordSet(path, **told))), regions[0])
    with tables["open"]:
        table = "t" if given in tables else f"'{path}'"
        named = {"t": tables[given]} if given in tables else None
        found = outcome(lambda told: rows(sql.format(table), named, **told), regions[1])
    if isinstance(found, list):
        found = found[0][0] if "count" in sql else len(found)
    assert found == expected
    assert {*regions[0]} == {*regions[1]}


def test_options_beside_a_set_that_has_its_own(name):
    tables = {"t": tfr.RecordSet(name, verify=False)}
    assert rows("select count(*) from t", tables, verify=True) == [(ROWS,)]
    for sql in ("select label from t", f"select * from t join '{name}' u using (score)"):
        with pytest.raises(ValueError, match="on_damage: a RecordSet is read with its own options"):
            query(sql, tables, on_damage=print)
    assert rows(f"select count(*) from '{name}'", tables, verify=False) == [(ROWS,)]


def test_nulls_and_sequences(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, [tfr.encode_example({"x": [1]}), tfr.encode_example({})])
    assert rows(f"select x from '{path}'") == [([1],), (None,)]
    with tfr.RecordWriter(path) as writer:
        writer.write(tfr.encode_sequence_example({"id": 3}, {"words": [[1], [2, 3]]}))
    assert rows(f"select context.id from '{path}'") == [(3,)]
    assert rows(f"select len(feature_lists.words) from '{path}'") == [(2,)]
    assert rows(f"select * from '{path}'") == [({"id": 3}, {"words": [[1], [2, 3]]})]


NO_TABLE = ("an iterator", "a list", "URLs")


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith(NO_TABLE)])
def test_forms_of_paths(name, form):
    path = os.fsdecode(FORMS[form](Path(name).parent))
    assert rows(f"select count(*) from '{path}'") == [(ROWS,)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select count(*) from '{}'", [(ROWS,)]),
        ("select 2 * count(*) + 1 as n from '{}' having count(*) > 3", [(2 * ROWS + 1,)]),
        ("select 1 from '{}' limit 2", [(1,)] * 2),
        ("select count(distinct 3) from '{}' as t(a, b)", [(1,)]),
    ],
)
@pytest.mark.parametrize("of_set", [True, False])
def test_queries_of_no_column_decode_nothing(name, tmp_path, decoded, sql, expected, of_set):
    path = name
    if not of_set:
        path = f"{tmp_path}/all"
        tfr.write_records(path, tfr.read_records(name))
    assert rows(sql.format(path)) == expected
    assert decoded == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select count(label) from '{}'", [(ROWS,)]),
        ("select count(*) from '{}' where label = 3", [(ROWS // 10,)]),
        (
            "with n as (select count(*) from '{0}' t natural join '{0}' u) select * from n",
            [(ROWS,)],
        ),
        (
            "with n as (select 1 from '{}' natural join (select 3 label)) select count(*) from n",
            [(ROWS // 10,)],
        ),
        ("select count(*) from '{0}' t join '{0}' u using (score)", [(ROWS,)]),
        ("select count(*) from '{0}' t natural join (select label, score from '{0}') u", [(ROWS,)]),
        ("select count(*) from (select distinct * from (select label from '{}'))", [(10,)]),
        ("select (select max(label) from '{0}'), count(*) from '{0}'", [(9, ROWS)]),
        ("with t as (select label from '{}') select count(*) from t", [(ROWS,)]),
        ("select count(columns('label')) from '{}'", [(ROWS,)]),
        ("select count(*) filter (where label = 3) from '{}'", [(ROWS // 10,)]),
        ("select count(t) from '{}' t", [(ROWS,)]),
        ("select distinct on (label) 1 from '{}'", [(1,)] * 10),
        ("select count(*) from '{}' group by label order by label limit 1", [(ROWS // 10,)]),
        ("select count(*) from '{}' qualify row_number() over (order by label) = 1", None),
        ("select 1 from '{}' order by label limit 1", [(1,)]),
        ("select count(*) from (from '{}' select label limit 3)", [(3,)]),
    ],
)
def test_queries_that_need_columns_have_their_values(name, sql, expected):
    if expected is None:
        with pytest.raises(QueryError):
            rows(sql.format(name))
    else:
        assert rows(sql.format(name)) == expected


def test_counts_of_records_that_are_read(tmp_path):
    """Files of no manifest are read and checked; damage that is left out is not counted."""
    with tfr.ShardWriter(tmp_path / "t", records_per_shard=30_000) as writer:
        writer.write_examples({"label": np.arange(50_000)})
    assert rows(f"select count(*) from '{tmp_path}/t'") == [(50_000,)]
    file = writer.manifest.files[1]
    data = bytearray(Path(file).read_bytes())
    data[-10] ^= 1
    Path(file).write_bytes(data)
    with pytest.raises(tfr.CorruptRecordError, match="record 19999"):
        rows(f"select count(*) from '{file}'")
    found: list[tfr.Damage] = []
    for path, count in ((f"{tmp_path}/t", 49_999), (file, 19_999)):
        assert rows(f"select count(*) from '{path}'", on_damage=found.append) == [(count,)]
    assert len(found) == 2


def test_what_is_refused(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing: no such file or directory"):
        query(f"select * from '{tmp_path}/nothing'")
    train = [1]  # no table, though DuckDB would look at it
    with pytest.raises(FileNotFoundError):
        query("select * from train")
    assert train
    for sql in ("selec 1", "select x from '{}'", "copy (select 1) to 'x.csv'", "drop table x"):
        with pytest.raises(QueryError):
            query(sql.format(name))
    assert not os.path.exists("x.csv")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a")
    with pytest.raises(tfr.TFRecordError, match="Parquet"):
        query(f"select * from '{tmp_path}/a'")


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tfr.RecordWriter(path) as writer:
        writer.write_examples({"label": range(3000)})
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    return path


def test_damage(damaged):
    for sql in ("select * from '{}'", "select sum(label) from '{}'"):
        with pytest.raises(tfr.CorruptRecordError, match="a.tfrecord: record 2999"):
            query(sql.format(damaged)).read_all()
    found: list[tfr.Damage] = []
    sql = f"select count(*) from '{damaged}'"
    assert rows(sql, on_damage=found.append) == [(2999,)]
    assert [damage.record for damage in found] == [2999]


# The command.


def test_command(name, command):  # noqa: F811
    sql = f"select label, count(*) as n, min(score) from '{name}' group by label order by label"
    done = command("sql", sql + " limit 2")
    assert (done.code, done.err) == (0, "")
    assert done.out == "label  n    min(score)\n0      100  0.0\n1      100  0.125\n"
    done = command("sql", f"select ids, name, score / 0 as x from '{name}' limit 3", "--json")
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"ids": [], "name": {"base64": "/w=="}, "x": "NaN"},
        {"ids": [1], "name": "cat", "x": "Infinity"},
        {"ids": [2, 2], "name": {"base64": "/w=="}, "x": "Infinity"},
    ]


def test_command_writes_files(name, command, tmp_path):  # noqa: F811
    sql = f"select label, name, score from '{name}' where label < 2 order by score limit 2"
    for suffix in ("csv", "parquet", "jsonl"):
        done = command("sql", sql, "-o", tmp_path / f"a.{suffix}")
        assert (done.code, done.out) == (0, f"ok      {tmp_path}/a.{suffix}: 2 rows\n")
    text = (tmp_path / "a.csv").read_text()
    assert text == 'label,name,score\n0,"{""base64"": ""/w==""}",0.0\n1,cat,0.125\n'
    assert pq.read_table(tmp_path / "a.parquet")["name"].to_pylist() == [b"\xff", b"cat"]
    assert (tmp_path / "a.jsonl").read_text().splitlines()[1] == (
        '{"label": 1, "name": "cat", "score": 0.125}'
    )


def test_command_complains_in_one_line(name, damaged, command, tmp_path):  # noqa: F811
    for sql, code, told in (
        (f"select x from '{name}'", 2, "Binder Error"),
        ("selec", 2, "syntax error"),
        (f"select * from '{tmp_path}/nothing'", 2, "no such file or directory"),
        (f"select * from '{damaged}'", 1, "a.tfrecord: record 2999"),
    ):
        done = command("sql", sql, "-o", tmp_path / "out.csv")
        assert (done.code, done.out) == (code, "")
        assert told in done.err
        assert done.err.count("\n") == 1
    assert os.listdir(tmp_path) == ["a.tfrecord"]
    done = command("sql", f"select count(*) from '{damaged}'", "--on-damage", "skip")
    assert (done.code, done.out.split()) == (1, ["count_star()", "2999"])
    assert "record 2999, bytes" in done.err
    for arguments in (["-o", "a.xls"], ["-o", "a.csv", "--json"], ["--on-damage", "ignore"]):
        assert command("sql", "select 1", *arguments).code == 2


def test_a_value_that_reads_like_an_interrupt(command):  # noqa: F811
    """What DuckDB says of it quotes the value."""
    value = "case when i = 900000 then 'Query interrupted' else '1' end"
    done = command("sql", f"select sum(cast({value} as int)) as s from range(1000000) as t(i)")
    assert (done.code, "Could not convert string 'Query interrupted'" in done.err) == (2, True)
    reader = query(f"select cast({value} as int) as n from range(1000000) as t(i)")
    with pytest.raises(OSError, match="Could not convert string 'Query interrupted'"):
        reader.read_all()


def test_a_query_of_a_pipe_in_a_thread(capsys, monkeypatch):
    """The main thread alone may ask to be woken by signals; in others all else is as it was."""
    end, begin = os.pipe()
    with open(begin, "wb") as file:
        tfr.write_examples(file, {"x": [1, 2]})
    with open(end, "rb") as file, ThreadPoolExecutor() as threads:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=file))
        threads.submit(run, "select count(*) as n from '-'").result()
    assert capsys.readouterr().out.split() == ["n", "2"]


def test_halves_which_duckdb_does_not_have(tmp_path):
    halves = np.array([[0.5, -2], [np.inf, 65504]], np.float16)
    columns = {"id": [3, 4], "half": halves[:, 0], "pair": halves}
    features = {
        "id": int,
        "half": tfr.RawFeature([], np.float16),
        "pair": tfr.RawFeature([2], np.float16),
    }
    with tfr.ShardWriter(tmp_path / "train", features=features) as writer:
        writer.write_examples(columns)
    name = tmp_path / "train"
    assert rows(f"select id from '{name}' order by id") == [(3,), (4,)]
    assert rows(f"select half, pair from '{name}' where half < 1") == [(0.5, [0.5, -2.0])]
    steps = tfr.SequenceFeatures({}, {"half": features["half"]})
    with tfr.ShardWriter(tmp_path / "steps", features=steps) as writer:
        writer.write_examples({"feature_lists": {"half": [[halves[0, 0]], list(halves[1])]}})
    found = rows(f"select feature_lists.half from '{tmp_path / 'steps'}'")
    assert found == [([0.5],), ([np.inf, 65504.0],)]
