"""``tfrecord-lite sql``: what is printed and written is what was found, or nothing is."""

from __future__ import annotations

import csv
import json
import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.conftest import command  # noqa: F401 - a fixture

pytest.importorskip("duckdb")
from tfrecord_lite.arrow import to_arrow
from tfrecord_lite.jobs import convert
from tfrecord_lite.sql import query, write_parquet


@pytest.fixture
def wrote(command, tmp_path, monkeypatch):  # noqa: F811
    """Run a query for each output: its values, or its complaint, which leaves the file there."""
    monkeypatch.chdir(tmp_path)

    def read(name: str):
        if name.endswith("parquet"):
            return pq.read_table(name)["v"]
        text = (tmp_path / name).read_text(encoding="utf-8")
        if name.endswith("jsonl"):
            return [json.loads(line)["v"] for line in text.splitlines()]
        return ["".join(row[:1]) for row in list(csv.reader(text.splitlines()))[1:]]

    def wrote(sql: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in ("v.csv", "v.jsonl", "v.parquet"):
            (tmp_path / name).write_text("old")
            done = command("sql", sql, "-o", name)
            assert (done.code, bool(done.err)) in ((0, False), (2, True))
            found[name[2:]] = done.err or read(name)
            assert not done.code or (tmp_path / name).read_text() == "old"
        assert sorted(os.listdir()) == ["v.csv", "v.jsonl", "v.parquet"]
        done = command("sql", sql, "--json")
        lines = [json.loads(line)["v"] for line in done.out.splitlines()]
        assert found["jsonl"] == (done.err or lines)
        return found

    return wrote


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("170141183460469231731687303715884105727::hugeint", 2**127 - 1),
        ("'a'::enum('a', 'b')", "a"),
        ("{'a': 1, 'b': [null, 1]}", {"a": 1, "b": [None, 1]}),
        ("uuid '00000000-0000-0000-0000-000000000001'", f"{'0' * 8}-0000-0000-0000-{'0' * 11}1"),
        ("array_value(1, 2)", [1, 2]),
        ("'[1]'::json", "[1]"),
    ],
)
def test_values_that_all_outputs_hold(wrote, value, expected):
    found = wrote(f"select {value} as v")
    text = expected if isinstance(expected, str) else json.dumps(expected)
    assert found["csv"] == [text]
    assert found["jsonl"] == [expected]
    assert found["parquet"].to_pylist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("interval '1 month 2 days'", {"months": 1, "days": 2, "nanoseconds": 0}),
        ("[interval '1 us']", [{"months": 0, "days": 0, "nanoseconds": 1000}]),
        ("union_value(n := 2)", 2),
    ],
)
def test_values_that_parquet_does_not_hold(wrote, tmp_path, value, expected):
    found = wrote(f"select {value} as v")
    assert json.loads(found["csv"][0]) == expected
    assert found["jsonl"] == [expected]
    assert "column 'v': Parquet has no type for" in found["parquet"]
    with pytest.raises(ValueError, match="make text of it"):
        write_parquet(query(f"select {value} as v"), str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "value",
    [
        "time '24:00:00'",
        "[time '24:00:00']",
        "time_ns '10:00:00.123456789'",
        "timestamp 'infinity'",
        "date '-4000-01-01'",
        "{'a': date 'infinity'}",
        "union_value(n := time '10:00:00')",
    ],
)
def test_values_that_text_does_not_hold(wrote, value):
    found = wrote(f"select {value} as v")
    if "Type with name time_ns" in found["csv"]:
        pytest.skip("an older DuckDB")
    assert "column v: " in found["csv"]
    assert found["csv"] == found["jsonl"]
    assert "make text of it" in found["csv"]
    assert isinstance(found["parquet"], str) == value.startswith("union")
    assert wrote(f"select cast({value} as varchar) as v")["csv"][0]


@pytest.mark.parametrize("columns", ["s", "n, s"])
def test_csv_tells_empty_text_from_what_is_missing(command, tmp_path, columns):  # noqa: F811
    texts = [None, "", "x", 'a,"b"', "two\nlines", " "]
    values = ["null" if text is None else f"'{text}'" for text in texts]
    rows = ", ".join(f"({n}, {value})" for n, value in enumerate(values))
    sql = f"select {columns} from (values {rows}) t(n, s) order by n"
    assert command("sql", sql, "-o", tmp_path / "v.csv").code == 0
    convert(tmp_path / "v.csv", tmp_path / "v.tfrecord")
    convert(tmp_path / "v.tfrecord", tmp_path / "w.csv", features=pa.schema([("s", pa.string())]))
    convert(tmp_path / "w.csv", tmp_path / "w.tfrecord")
    for name in ("v.tfrecord", "w.tfrecord"):
        found = to_arrow(tmp_path / name, {"s": pa.string()}).read_all()
        assert found["s"].to_pylist() == texts


def test_times(wrote):
    found = wrote("select unnest([time '10:00:00.000001', null, time '23:59:59']) as v")
    assert found["jsonl"] == ["10:00:00.000001", None, "23:59:59"]


def test_columns_of_one_name(command, tmp_path):  # noqa: F811
    sql = "select a.i, b.i from (values (1)) a(i), (values (2)) b(i)"
    assert command("sql", sql).out == "i  i\n1  2\n"
    for output in (["--json"], ["-o", tmp_path / "v.jsonl"], ["-o", tmp_path / "v.parquet"]):
        done = command("sql", sql + " where false", *output)
        assert (done.code, done.out, os.listdir(tmp_path)) == (2, "", [])
        assert "several columns are named 'i'; name them apart" in done.err
    assert command("sql", sql, "-o", tmp_path / "v.csv").code == 0
    assert (tmp_path / "v.csv").read_text() == "i,i\n1,2\n"
    assert command("sql", 'select 1 as i, 2 as "I"', "--json").out == '{"i": 1, "I": 2}\n'


def test_what_is_no_query(command, tmp_path):  # noqa: F811
    for sql in ("", ";", "/* x */", "select 1; select 2", "select 1::uhugeint"):
        done = command("sql", sql, "-o", tmp_path / "v.csv")
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_rows_are_written_to_urls(command, tmp_path, scheme, end):  # noqa: F811
    """As to paths, and there when they are complete."""
    fsspec = pytest.importorskip("fsspec")
    folder = f"{scheme}://{tmp_path}"
    url, path = f"{folder}/u.{end}", tmp_path / f"p.{end}"
    sql = "select i, i::varchar || 'öl' as name from range(5000) t(i)"
    for target in (url, path):
        done = command("sql", sql, "-o", target)
        assert (done.code, done.out) == (0, f"ok      {target}: 5,000 rows\n")
    with fsspec.open(url, "rb") as file:
        written = file.read()
    assert written == path.read_bytes()
    assert len(written) > 5000
    # Of the last row, when the others were written.
    failing = "select case when i < 4999 then 1 else error('no') end as x from range(5000) t(i)"
    done = command("sql", failing, "-o", url)
    assert (done.code, done.err.count("\n")) == (2, 1)
    with fsspec.open(url, "rb") as file:
        assert file.read() == written
    if end == "parquet":
        assert write_parquet(query("select 1 as a"), url) == 1
        with fsspec.open(url, "rb") as file:
            assert pq.read_table(file)["a"].to_pylist() == [1]
