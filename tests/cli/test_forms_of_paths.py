"""Every command takes the name of a set, a glob, a URL and standard input, or says why not."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from object_server import serving

import tfrecord_lite as tfr
from tfrecord_lite.stores import store as stores
from tfrecord_lite.view import Viewer

RECORDS = [tfr.encode_example({"label": number, "name": f"n{number}"}) for number in range(20)]
numbers = count()
BENCH = ["bench", "--seconds", "0", "--repeats", "1", "SRC"]
COMMANDS = {
    "info": ["info", "SRC"],
    "info --json": ["info", "--json", "SRC"],
    "view": ["view", "--no-browser", "SRC"],
    "head": ["head", "SRC"],
    "head --json": ["head", "--json", "SRC"],
    "cat": ["cat", "--json", "SRC"],
    "tail": ["tail", "SRC"],
    "tail --json": ["tail", "--json", "SRC"],
    "verify": ["verify", "SRC"],
    "verify --json": ["verify", "--json", "SRC"],
    "verify --examples": ["verify", "--examples", "SRC"],
    "bench": BENCH,
    "index": ["index", "SRC"],
    "sql": ["sql", "select count(*) from 'SRC'"],
    "salvage": ["salvage", "SRC", "OUT"],
    "shard": ["shard", "SRC", "OUT", "--num-shards", "2"],
    "merge": ["merge", "SRC", "OUT.tfrecord"],
    "convert": ["convert", "SRC", "OUT.jsonl"],
}
FORMS = {
    "the name of a set": "train",
    "a glob": "train-*-of-*",
    "a directory": ".",
    "NAME@N": "train@2",
    "a manifest": "train.manifest.json",
    "a URL": "memory://{}/train",
    "a URL with a glob": "memory://{}/train-*-of-*",
    "standard input": "-",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The files of a set, by name."""
    folder = tmp_path_factory.mktemp("set")
    with tfr.ShardWriter(
        folder / "train", num_shards=2, features={"label": int, "name": bytes}
    ) as writer:
        writer.write_many(RECORDS)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture
def source(tmp_path, data, monkeypatch):
    """Return what a form of a path is, in a folder of its own that the command runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Viewer, "serve", lambda _: None)

    def name(form):
        if "URL" not in form:
            for file, content in data.items():
                (tmp_path / file).write_bytes(content)
            return FORMS[form]
        fsspec = pytest.importorskip("fsspec")
        folder = f"forms-{next(numbers)}"
        for file, content in data.items():
            fsspec.filesystem("memory").pipe(f"/{folder}/{file}", content)
        return FORMS[form].format(folder)

    return name


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (name, form)
        for name in COMMANDS
        for form in (FORMS if name != "bench" else ("the name of a set", "standard input"))
    ],
)
def test_commands_take_forms_of_paths(command, source, data, name, form):
    if name == "sql" and not all(map(find_spec, ("duckdb", "pyarrow"))):
        pytest.skip("duckdb is not installed")
    given = source(form)
    arguments = [
        word.replace("SRC", given).replace("OUT", "out/written") for word in COMMANDS[name]
    ]
    os.mkdir("out")
    stdin = b"".join(content for file, content in data.items() if file.endswith("tfrecord"))
    done = command(*arguments, stdin=stdin)
    if (name, form) == ("index", "standard input"):
        assert done.code == 2
        assert "standard input is none: name a file" in done.err
        return
    assert (done.code, done.err) == (0, "")
    if name in ("info", "verify", "view"):
        assert "20" in done.out or name == "view"
    if os.listdir("out"):
        if name == "convert":
            assert len(Path("out/written.jsonl").read_text().splitlines()) == 20
        else:
            target = "out/written.tfrecord" if name == "merge" else "out/written"
            assert sorted(tfr.read_records(target)) == sorted(RECORDS)


@pytest.mark.parametrize(
    "words",
    [["shard", "--sample", "9", "-", "-", "out"], ["view", "-", "-"], [*BENCH[:-1], "-", "-"]],
)
def test_standard_input_named_twice_where_it_is_copied(command, tmp_path, monkeypatch, words):
    """The copy could be read twice, and each record would be there twice."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Viewer, "serve", lambda _: None)
    done = command(*words, stdin=b"")
    assert done.code == 2
    assert "standard input can be read once" in done.err
    assert not os.listdir(tmp_path)


def test_the_last_records_of_several_files(command, source):
    source("the name of a set")
    tfr.write_records("more", RECORDS[:3])
    both = [*tfr.read_records("train"), *RECORDS[:3]]
    for last in (0, 2, 3, 5, 23, 100):
        done = command("tail", "--json", "-n", last, "train", "more")
        whole = command("cat", "train", "more").out.splitlines()
        assert done.out.splitlines() == whole[len(both) - min(last, len(both)) :]
    done = command("tail", "--follow", "train")
    assert done.code == 2
    assert "one file can be followed; these are 2" in done.err.replace("\n", " ")


def test_bench_by_url(command, data, monkeypatch):
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    monkeypatch.setattr("tfrecord_lite.cli.bench.find_spec", lambda _: True)
    with serving() as server:
        server.objects |= {f"/{name}": content for name, content in data.items()}
        done = command(*BENCH[:-1], f"{server.url}/train-00000-of-00002.tfrecord")
    assert (done.code, done.err) == (0, "")
    assert "10 records" in done.out
    assert "which tf.data does not read by itself" in done.out


def test_standard_input_is_a_table(command, source, data):
    pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    stdin = b"".join(content for file, content in data.items() if file.endswith("tfrecord"))
    done = command("sql", "--json", "select sum(label) as s from '-'", stdin=stdin)
    assert done.out == '{"s": 190}\n'
    counted = "select count(*) as n from '-'"
    done = command("sql", "--json", counted, "--on-damage", "skip", stdin=stdin[:-1])
    assert (done.code, done.out) == (1, '{"n": 19}\n')


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["merge", "train", "out.tfrecord"], {"path": "out.tfrecord", "records": 20}),
        (["convert", "train", "out.jsonl"], {"path": "out.jsonl", "records": 20, "damage": 0}),
        (["manifest", "train", "--overwrite"], {"shards": 2, "records": 20}),
        (["shard", "train", "out", "--num-shards", "3"], {"sets": [{"shards": 3}]}),
        (["shard", "train", "out", "--split", "a=0.5,b=0.5"], {"sets": [{}, {}]}),
        (["index", "train", "--text"], {"files": [{"records": 10, "state": "ok"}, {}]}),
        (["index", "train"], {"failed": 0}),
        (["salvage", "train-00000-of-00002.tfrecord", "out"], {"ok": True, "files": [{}]}),
        (["bench", "train", "--seconds", "0", "--repeats", "1"], {"records": 20}),
        (["verify", "train"], {"files": [{}, {}]}),
        (["info", "train"], {"records": 20}),
    ],
)
def test_json_alike(command, source, arguments, told, monkeypatch):
    """What is no record is one JSON document, whatever the command."""
    source("the name of a set")
    monkeypatch.setattr("tfrecord_lite.cli.bench.find_spec", lambda _: None)
    done = command(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    includes(json.loads(done.out), told)


def includes(found, told):
    for name, value in told.items():
        if isinstance(value, list):
            assert len(found[name]) == len(value)
            for one, other in zip(found[name], value, strict=True):
                includes(one, other)
        else:
            assert found[name] == value


def test_json_of_an_index_that_cannot_be(command, tmp_path):
    (tmp_path / "a").write_bytes(b"no records at all, only text")
    done = command("index", "--json", tmp_path / "a")
    assert done.code == 1
    said = json.loads(done.out)
    assert said["failed"] == 1
    assert "checksum" in said["files"][0]["error"]


@pytest.mark.parametrize("name", ["info", "view", "head", "verify", "index", "merge", "sql"])
@pytest.mark.parametrize("there", [True, False])
def test_urls_that_cannot_be_read(command, tmp_path, monkeypatch, name, there):
    """One line says what is missing: the package, or a scheme that is known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stores, "_stores", {})
    if there:
        pytest.importorskip("fsspec")
        told = "nosuch"
    else:
        monkeypatch.setitem(sys.modules, "fsspec", None)
        told = "pip install 'tfrecord-lite-np[remote]'"
    if name == "sql":
        pytest.importorskip("duckdb")
    arguments = [
        word.replace("SRC", "nosuch://bucket/a").replace("OUT", "out") for word in COMMANDS[name]
    ]
    done = command(*arguments)
    assert done.code == 2
    assert told in done.err
    assert not list(tmp_path.iterdir())
