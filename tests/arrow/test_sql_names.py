"""SQL over files: which name is which table or feature, and what is no query."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tfrecord_lite as tfr

pytest.importorskip("duckdb")
from tfrecord_lite.sql import QueryError, query


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tfr.write_examples("a.tfrecord", {"v": [1, 5]})
    tfr.write_examples("b.tfrecord", {"v": [2]})
    return tmp_path


def rows(sql: str, tables=None) -> list[tuple]:
    table = query(sql, tables).read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.fixture
def train(folder):
    if (folder / "A.TFRECORD").exists():
        pytest.skip("this file system ignores case")
    tfr.write_examples("Train.tfrecord", {"v": [1, 5]})
    tfr.write_examples("train.tfrecord", {"v": [2]})


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select v from 'Train.tfrecord' union all select v from 'train.tfrecord' order by v",
            [(1,), (2,), (5,)],
        ),
        (
            """select "Train.tfrecord".v, b.v from 'Train.tfrecord', 'train.tfrecord' b
            where "Train.tfrecord".v > b.v""",
            [(5, 2)],
        ),
        (
            """with x as (from 'Train.tfrecord')
            select (select count(*) from x), count(*) from 'train.tfrecord'""",
            [(2, 1)],
        ),
        (
            """select (select max(a) from 'Train.tfrecord' t(a)),
            (select max(b) from 'train.tfrecord' as t(b) tablesample 100%), 'train.tfrecord'""",
            [(5, 2, "train.tfrecord")],
        ),
        (
            "select count(*) from (describe 'Train.tfrecord'), (summarize 'train.tfrecord')",
            [(1,)],
        ),
    ],
)
def test_paths_that_differ_in_case(train, sql, expected):
    assert rows(sql) == expected


def test_a_missing_file_is_not_one_of_another_case(train, folder):
    Path("train.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"^train.tfrecord: no such file"):
        query("from 'Train.tfrecord' union all from 'train.tfrecord'")


def test_letters_beyond_ascii_have_case_in_sql(folder):
    tables = {"é": "a.tfrecord", "É": "b.tfrecord", "\u0131": "b.tfrecord", "I": "a.tfrecord"}
    sql = 'select (select max(v) from é), (select max(v) from "É"), (select max(v) from \u0131)'
    assert rows(sql + ", (select max(v) from I)", tables) == [(5, 2, 2, 5)]
    tfr.write_examples("c.tfrecord", {"é": [1], "É": [2], "\u212a": [3], "k": [4]})
    sql = 'select é, "É", "\u212a", k from \'c.tfrecord\' where É = 2'
    assert rows(sql) == [(1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select 1", ["T", "t"]),
        ("select v from T", ["T", "t"]),
        ("select v from t", ["T"]),
        ("select v from 'A.tfrecord'", ["a.tfrecord"]),
    ],
)
def test_given_names_that_differ_in_case_are_refused(sql, names):
    with pytest.raises(ValueError, match="SQL ignores case; use one spelling"):
        query(sql, dict.fromkeys(names, "a.tfrecord"))


@pytest.mark.parametrize(
    "features", [{"A": [1], "b": [2], "a": [3]}, {"": [1]}, {"x": [1], "y\0": [2]}]
)
def test_features_that_sql_cannot_name(features):
    tfr.write_examples("c.tfrecord", features)
    bad = ", ".join(repr(name) for name in sorted(features) if name not in ("b", "x"))
    for sql in ("select * from 'c.tfrecord'", "select max(b) from 'c.tfrecord' t(a, b)"):
        with pytest.raises(ValueError, match="c.tfrecord: SQL, which ignores case"):
            query(sql)
        with pytest.raises(ValueError, match=re.escape(f"features {bad}; write them under other")):
            query(sql)
    assert rows("select count(*) from 'c.tfrecord'") == [(1,)]


def test_features_of_sequence_examples_that_sql_cannot_name():
    with tfr.RecordWriter("c.tfrecord") as writer:
        writer.write(tfr.encode_sequence_example({"i": 3}, {"A": [[1]], "a": [[1]]}))
    with pytest.raises(ValueError, match="features 'A', 'a'"):
        query("select context.i from 'c.tfrecord'")


def test_features_of_odd_names():
    tfr.write_examples("c.tfrecord", {"rowid": [5], "a.b": [2], "*": [3], '"q"': [4], "a_1": [6]})
    sql = """select rowid, "a.b", "*", \"""q\""", a_1 from 'c.tfrecord'
    where "a.b" = 2 and rowid = 5 and "*" = 3"""
    assert rows(sql) == [(5, 2, 3, 4, 6)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("with src as (select 1 as a) select * from src", [(1,)]),
        ('with SRC as (select 1 as a) select * from "src"', [(1,)]),
        ("with src(a) as materialized (select 1) select a from src order by (from src)", [(1,)]),
        ("with src as (select 1), b as (with c as (from src) from c) from b", [(1,)]),
        ("with src as (select 1 a) (select a from src) union all from src", [(1,), (1,)]),
        ("select (with src as (select 1) from src), v from 'b.tfrecord' src", [(1, 2)]),
        (
            """with recursive src as (select 1 a union all select a + 1 from src where a < 3)
            select max(a) from src""",
            [(3,)],
        ),
        ("select * from (values (1)) src, lateral (select src.col0 + 1)", [(1, 2)]),
        ("select 'src' from 'b.tfrecord' where 'src' = 'src' -- from 'src'", [("src",)]),
    ],
)
def test_names_that_a_query_defines_are_no_files(folder, sql, expected):
    (folder / "src").mkdir()
    (folder / "src" / "x.py").write_text("print(1)")
    assert rows(sql) == expected
    with pytest.raises(tfr.TruncatedRecordError):
        query("select (with src as (select 1) from src), count(*) from src")


def test_a_definition_may_be_of_the_file_of_its_name(folder):
    Path("a.tfrecord").rename("src")
    assert rows("with src as (select v + 1 from src) from src") == [(2,), (6,)]
    assert rows("with src as (select v + 1 from src) from src union all from './src'") == [
        (2,),
        (6,),
        (1,),
        (5,),
    ]
    # What is defined later is not known before.
    assert rows("with a as (from src), src as (select 1) from a") == [(1,), (5,)]


def test_paths_of_two_spellings():
    assert rows("select (select max(v) from './a.tfrecord'), max(v) from \"a.tfrecord\"") == [
        (5, 5)
    ]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "the query is empty"),
        (" ; ", "the query is empty"),
        ("-- x", "the query is empty"),
        ("select 1; select 2", "several queries: give one at a time"),
        ("select 1; drop table x", "no SELECT"),
        ("explain select 1", "no SELECT"),
        ("select ?", "parameter"),
        ("select " + "+".join(["1"] * 900), "nested too deeply"),
        ("from query_table('a.tfrecord')", "hide the names of tables"),
        ("from 'a.tfrecord', QUERY('select 1')", "hide the names of tables"),
    ],
)
def test_what_is_no_query(sql, told):
    with pytest.raises(QueryError, match=told):
        query(sql)
    assert rows(";select 1;") == [(1,)]


@pytest.mark.parametrize(
    "value",
    ["1::uhugeint", "'101'::bit", "timetz '10:00:00+05'", "5::bignum", "'a'::variant"],
)
@pytest.mark.parametrize("form", ["{}", "[{}]", "{{'a': [{}]}}", "map {{1: {}}}"])
def test_values_of_which_arrow_has_no_type(value, form):
    told = r"column 'x': Arrow has no type for .*; make text of it"
    try:
        assert rows(f"select cast({value} as varchar) is null") == [(False,)]
    except QueryError:
        told = "Type with name"  # an older DuckDB
    with pytest.raises(QueryError, match=told):
        query(f"select {form.format(value)} as x from 'a.tfrecord'")
