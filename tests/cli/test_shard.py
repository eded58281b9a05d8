"""`tfrecord-lite shard`: the records of some files as the shards of a set."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

import tfrecord_lite as tfr
from tfrecord_lite.cli import shard
from tfrecord_lite.cli.jobs import bytes_of
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.text import plural

RECORDS = [b"%d" % index * 10 for index in range(100)]


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    files = [str(tmp_path / name) for name in ("x.tfrecord", "y.tfrecord.gz")]
    tfr.write_records(files[0], RECORDS[:60])
    tfr.write_records(files[1], RECORDS[60:], compression="GZIP")
    return files


def contents(name: Path) -> list[bytes]:
    return list(tfr.read_records(expand_shards(name)))


def test_shards(sources: list[str], tmp_path: Path, capsys) -> None:
    shard.run(sources, str(tmp_path / "a"), compression=None, records_per_shard=30)
    assert contents(tmp_path / "a") == RECORDS
    assert [entry.records for entry in Manifest.load(tmp_path / "a.manifest.json").entries] == [
        30,
        30,
        30,
        10,
    ]
    out, err = capsys.readouterr()
    assert out == f"ok      {tmp_path}/a.manifest.json: 4 shards, 100 records, 3.4 KiB\n"
    assert err == ""


@pytest.mark.parametrize(
    ("first", "asked", "codec"),
    [(0, None, None), (1, None, "GZIP"), (1, "none", None), (0, "ZLIB", "ZLIB")],
)
def test_compression(first: int, asked, codec, sources: list[str], tmp_path: Path) -> None:
    shard.run(
        [sources[first], sources[1 - first]], str(tmp_path / "a"), compression=asked, num_shards=2
    )
    assert Manifest.load(tmp_path / "a.manifest.json").compression == codec
    assert sorted(contents(tmp_path / "a")) == sorted(RECORDS)


def test_a_pattern_that_ends_in_gz(sources: list[str], tmp_path: Path) -> None:
    name = str(tmp_path / "a_{index}.tfrecord.gz")
    shard.run(sources, name, compression=None)
    assert Manifest.load(tmp_path / "a.manifest.json").compression == "GZIP"
    shard.run(sources, name, compression="none", overwrite=True)
    assert Manifest.load(tmp_path / "a.manifest.json").compression is None


def test_a_set_in_place_of_itself(tmp_path: Path) -> None:
    name = tmp_path / "a"
    features = {"x": tfr.FixedLenFeature([], np.int64)}
    with ShardWriter(name, num_shards=7, features=features) as writer:
        writer.write_many(RECORDS)
    shard.run([f"{name}-*"], str(name), compression="GZIP", overwrite=True)
    manifest = Manifest.load(f"{name}.manifest.json")
    assert len(os.listdir(tmp_path)) == 2
    assert sorted(contents(name)) == sorted(RECORDS)
    assert manifest.features is not None
    assert tfr.features_from_json(manifest.features) == features


def test_features_that_are_none(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a") as writer:
        writer.write(b"x")
    manifest = tmp_path / "a.manifest.json"
    manifest.write_text(manifest.read_text().replace('"features": null', '"features": {"a": 1}'))
    with pytest.raises(tfr.TFRecordError, match="manifest.json: not the JSON of features"):
        shard.run([f"{tmp_path}/a-*"], str(tmp_path / "b"), compression=None)


def test_standard_input(sources: list[str], tmp_path: Path, monkeypatch) -> None:
    data = Path(sources[0]).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    shard.run(["-"], str(tmp_path / "a"), compression=None)
    assert contents(tmp_path / "a") == RECORDS[:60]


@pytest.mark.parametrize("options", [{}, {"where": "a > 50"}])
def test_sample_of_standard_input(tmp_path: Path, monkeypatch, options) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    tfr.write_examples(tmp_path / "x", {"a": range(100)})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe((tmp_path / "x").read_bytes())))
    shard.run(["-"], str(tmp_path / "a"), compression=None, sample=7, **options)
    shard.run([str(tmp_path / "x")], str(tmp_path / "b"), compression=None, sample=7, **options)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 7


def test_damage_publishes_nothing(sources: list[str], tmp_path: Path) -> None:
    data = bytearray(Path(sources[0]).read_bytes())
    data[100] ^= 1
    Path(sources[0]).write_bytes(data)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(tfr.CorruptRecordError):
        shard.run(sources, str(tmp_path / "a"), compression=None)
    assert sorted(os.listdir(tmp_path)) == before


def test_mistakes_in_the_call(sources: list[str], tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    for options in ({"num_shards": 0}, {"num_shards": 2, "bytes_per_shard": 2}):
        with pytest.raises(typer.BadParameter):
            shard.run(sources, str(tmp_path / "a"), compression=None, **options)
    with pytest.raises(typer.BadParameter, match="unknown compression"):
        shard.run(sources, str(tmp_path / "a"), compression="gzip")
    with pytest.raises(FileNotFoundError):
        shard.run([str(tmp_path / "missing")], str(tmp_path / "a"), compression=None)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17B", 17),
        (" 2k ", 2048),
        ("2KB", 2048),
        ("3M", 3 << 20),
        ("1g", 1 << 30),
        ("1TiB", 1 << 40),
        ("2 M", None),
        ("", None),
        ("1.5G", None),
        ("-1", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    if size is None:
        with pytest.raises(typer.BadParameter, match="is no size"):
            bytes_of(text)
    else:
        assert bytes_of(text) == size


def test_a_progress_bar_on_a_terminal(sources: list[str], tmp_path: Path) -> None:
    terminal, child = pty.openpty()
    program = "import sys; from tfrecord_lite.cli import shard; "
    program += "shard.run(sys.argv[1:-1], sys.argv[-1], compression=None)"
    command = [sys.executable, "-c", program, *sources, str(tmp_path / "a")]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=child, check=True, text=True)
    os.close(child)
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass
    os.close(terminal)
    assert b"y.tfrecord.gz" in shown
    assert out.stdout.startswith("ok ")
    assert contents(tmp_path / "a") == RECORDS


def test_chosen_dealt_and_shuffled(command, tmp_path: Path) -> None:
    name = ["cat", "a/b", "dog"]
    columns = {"label": range(100), "name": [name[label % 3] for label in range(100)]}
    tfr.write_examples(tmp_path / "src", columns)
    split = ["--split", "train=0.9,val=0.1", "--shuffle", 3, "--where", "label >= 0"]
    done = command("shard", tmp_path / "src", tmp_path / "a", *split)
    assert done.code == 0, done
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        f"ok      {tmp_path}/a-{part}.manifest.json" for part in ("train", "val")
    ]
    assert len(contents(tmp_path / "a-train")) == 90
    assert len(contents(tmp_path / "a-val")) == 10
    done = command("shard", tmp_path / "src", tmp_path / "b", "--by", "name", "--sample", 50)
    assert [line.partition("  (")[2] for line in done.out.splitlines()].count("a/b)") == 1


def test_of_a_long_value_the_line_about_its_set_has_the_beginning(command, tmp_path: Path) -> None:
    tfr.write_examples(tmp_path / "src", {"image": [b"\xff" + bytes(100_000), b"b" * 100_000]})
    done = command("shard", tmp_path / "src", tmp_path / "a", "--by", "image")
    assert all(line.endswith("...)") for line in done.out.splitlines())
    assert all(len(line) < 300 for line in done.out.splitlines())


@pytest.mark.parametrize("manifest", ["auto", "none"])
@pytest.mark.parametrize("options", [[], ["--split", "x=0.5,y=0.5"], ["--by", "label"]])
def test_the_manifests_that_are_told_are_there(command, tmp_path: Path, manifest, options) -> None:
    tfr.write_examples(tmp_path / "src", {"label": [0, 1] * 50})
    ends = {"[]": [""], "split": ["-x", "-y"], "by": ["-0", "-1"]}[(options or ["--[]"])[0][2:]]
    options = [*options, "--manifest", manifest]
    done = command("shard", tmp_path / "src", tmp_path / "c", *options)
    names = [f"{tmp_path}/c{end}" for end in ends]
    files = [f"{name}.manifest.json" for name in names]
    told = files if manifest == "auto" else names
    each = f"1 shard, {plural(100 // len(ends), 'record')}, "
    assert (done.code, len(done.out.splitlines())) == (0, len(ends))
    for line, name in zip(done.out.splitlines(), told, strict=True):
        assert line.startswith(f"ok      {name}: {each}")
    there = {name for name in os.listdir(tmp_path) if name.endswith(".json")}
    assert there == ({os.path.basename(file) for file in files} if manifest == "auto" else set())
    done = command("shard", tmp_path / "src", tmp_path / "c", *options, "--json", "--overwrite")
    sets = json.loads(done.out)["sets"]
    assert [one["name"] for one in sets] == names
    assert [one["manifest"] for one in sets] == (
        files if manifest == "auto" else [None] * len(ends)
    )


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--split", "train"], 2, "is no split"),
        (["--split", "train=1,train=0"], 2, "is no split"),
        (["--split", "train=0.5"], 2, "must be 1"),
        (["--where", "label >"], 2, "no expression"),
        (["--where", "x > 1"], 2, "there is no feature"),
        (["--manifest", "all"], 2, "not one of 'auto', 'none'"),
        (["--by", "words"], 1, "record 0"),
    ],
)
def test_options_that_mean_nothing(command, tmp_path: Path, options, code, told) -> None:
    tfr.write_examples(tmp_path / "src", {"label": [1], "words": [["a", "b"]]})
    done = command("shard", tmp_path / "src", tmp_path / "a", *options)
    assert done.code == code
    assert told in " ".join(done.err.replace("|", " ").split())
    assert os.listdir(tmp_path) == ["src"]
