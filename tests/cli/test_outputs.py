"""What commands write: never in place of what they read, and by a name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import tfrecord_lite as tfr

RECORDS = [tfr.encode_example({"label": number}) for number in range(6)]
needs_sql = pytest.mark.skipif(
    not all(map(find_spec, ("duckdb", "pyarrow"))), reason="duckdb is not installed"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A set of two shards with an index of one, a file, its rows as CSV, and links to both."""
    monkeypatch.chdir(tmp_path)
    with tfr.ShardWriter("train", num_shards=2, features={"label": int}) as writer:
        writer.write_many(RECORDS)
    tfr.RecordIndex.build("train-00000-of-00002.tfrecord").save()
    tfr.write_records("a", RECORDS)
    Path("rows.csv").write_text("label\n1\n2\n")
    for link, file in {
        "link.csv": "a",
        "link.jsonl": "rows.csv",
        "link.tfrecord": "rows.csv",
        "other.manifest.json": "train.manifest.json",
        "x.manifest.json": "a",
    }.items():
        Path(link).symlink_to(file)
    return tmp_path


def contents(folder):
    return {file.name: (file.read_bytes(), file.is_symlink()) for file in folder.iterdir()}


SHARD = "train-00000-of-00002.tfrecord"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["info", "train", "--html", "train.manifest.json"], "the manifest of a source"),
        (["info", SHARD, "--html", "train.manifest.json"], "the manifest of a source"),
        (["info", ".", "--html", "other.manifest.json"], "the manifest of a source"),
        (["info", "train", "--html", f"{SHARD}.index"], "the index of a source"),
        (["merge", "train", "train.manifest.json", "--overwrite"], "the manifest of a source"),
        (["merge", SHARD, f"{SHARD}.index", "--overwrite"], "the index of a source"),
        (["salvage", SHARD, "train.manifest.json", "--overwrite"], "the manifest of a source"),
        (["salvage", SHARD, f"{SHARD}.index", "--overwrite"], "the index of a source"),
        (["convert", "rows.csv", "link.tfrecord", "--overwrite"], "a source"),
        (["convert", "a", "link.csv", "--overwrite"], "a source"),
        (["index", "a", "a.index"], "a source"),
        (["index", "--text", "a", "a.idx"], "a source"),
        (["manifest", "x", "x.manifest.json", "--overwrite"], "the manifest of a set"),
        pytest.param(["sql", "select * from 'a'", "-o", "link.csv"], "a source", marks=needs_sql),
        pytest.param(
            ["sql", "select * from 'rows.csv'", "-o", "rows.csv"], "a source", marks=needs_sql
        ),
        pytest.param(
            ["sql", "select count(*) from read_csv(['*.csv'])", "-o", "link.jsonl"],
            "a source",
            marks=needs_sql,
        ),
    ],
)
def test_nothing_takes_the_place_of_what_is_read(command, folder, arguments, what):
    if arguments[0] == "index":
        Path(arguments[-1]).write_bytes(Path("a").read_bytes())
    if arguments[0] in ("convert", "merge") and "csv" in "".join(arguments):
        pytest.importorskip("pyarrow")
    before = contents(folder)
    done = command(*arguments)
    assert done.code == 2
    assert what in " ".join((done.out + done.err).split())
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() <= {"a.index.index", "a.idx.idx"}


@needs_sql
def test_a_query_writes_over_what_it_does_not_read(command, folder):
    Path("out.csv").write_text("old")
    for query in ("select 2*3 as a", "select a.* from generate_series(1, 2*3) as a"):
        assert command("sql", query, "-o", "out.csv").code == 0
    assert Path("out.csv").read_text().splitlines()[-1] == "6"


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "a", "-"],
        ["merge", "a", "-"],
        ["shard", "a", "-", "--num-shards", "1"],
        ["salvage", "a", "-"],
        ["manifest", "-", "a"],
        ["info", "a", "--html", "-"],
        pytest.param(["sql", "select 1", "-o", "-"], marks=needs_sql),
    ],
)
def test_no_file_is_called_as_standard_output(command, folder, arguments):
    before = contents(folder)
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("tfrecord-lite: -: no standard output here, name what")
    assert len(done.err.splitlines()) == 1
    assert contents(folder) == before
    assert command("merge", "-", "./-", stdin=Path("a").read_bytes()).code == 0
    assert Path("-").read_bytes() == Path("a").read_bytes()
