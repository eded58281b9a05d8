"""Of several paths one that cannot be used is told of, as by ``grep``; the others are done."""

from __future__ import annotations

import json
import os

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view import Viewer


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two files, a link that leads nowhere, a folder of nothing, a set that lacks a shard."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        tfr.write_examples(name, {"x": [ord(name)] * 2})
    os.symlink("nowhere", "link")
    os.mkdir("empty")
    with tfr.ShardWriter("train", num_shards=2) as writer:
        writer.write_example({"x": 1})
    os.unlink("train-00001-of-00002.tfrecord")
    return tmp_path


WRONG = ["missing", "link", "empty", "no-*", "no@3"]


@pytest.mark.parametrize("wrong", [*WRONG, "train"])
@pytest.mark.parametrize(
    "arguments", [["head", "-n", "9"], ["cat"], ["tail"], ["verify"], ["index"], ["info"]]
)
def test_the_others_are_done(command, folder, arguments, wrong):
    done = command(*arguments, "a", wrong, "b")
    # `verify` tells of a shard that is missing as of damage.
    assert done.code == (1 if (arguments, wrong) == (["verify"], "train") else 2)
    assert wrong in done.out + done.err
    if arguments[0] in ("head", "cat", "tail"):
        alone = command(*arguments, "a", "b")
        assert (done.out, alone.code) == (alone.out, 0)
        assert len(done.err.splitlines()) == 1
    elif arguments[0] == "index":
        assert len(tfr.RecordIndex.load("a")) == len(tfr.RecordIndex.load("b")) == 2
        assert "3 files, 1 failed" in done.out
    else:
        assert " intact records" in done.out or "records  " in done.out


@pytest.mark.parametrize("name", ["verify", "index", "info"])
def test_json_has_all(command, folder, name):
    done = command(name, "--json", "missing", "a")
    files = {file["path"]: file for file in json.loads(done.out)["files"]}
    assert done.code == 2
    assert files.keys() == {"missing", "a"}
    assert "no such file" in files["missing"]["error"]
    assert not files["a"].get("error")


@pytest.mark.parametrize("name", ["head", "cat", "tail", "verify", "index", "view", "info"])
def test_each_is_told_where_none_is_there(command, folder, name, monkeypatch):
    monkeypatch.setattr(Viewer, "serve", lambda _: None)
    done = command(name, "missing", "gone")
    assert done.code == 2
    for path in ("missing", "gone"):
        assert f"{path}: no such file" in done.out + done.err


def test_a_failing_terminal_is_no_file_that_cannot_be_read(command, folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tfrecord_lite.cli.show.print_json_line", fail)
    done = command("cat", "a", "b")
    assert (done.code, done.err.count("standard output: No space left on device")) == (2, 1)


@pytest.mark.parametrize(
    "arguments", [["merge", "OUT"], ["shard", "--num-shards", "1", "OUT"], ["convert", "OUT.jsonl"]]
)
def test_one_result_is_made_of_all_or_none(command, folder, arguments):
    name, *rest = (word.replace("OUT", "out") for word in arguments)
    done = command(name, "a", "missing", "b", *rest)
    assert (done.code, done.out) == (2, "")
    assert "missing: no such file" in done.err
    assert not [file for file in os.listdir() if file.startswith((".", "out"))]
