"""Every public function and command that writes takes every form of a name to write to."""

from __future__ import annotations

import inspect
import os
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

import tfrecord_lite as tfr
from tfrecord_lite import jobs
from tfrecord_lite.cli import main

LABELS = list(range(7))
RECORDS = [tfr.encode_example({"label": label}) for label in LABELS]
SET = {"records_per_shard": 3}
folders = count()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "a.tfrecord"
    tfr.write_records(path, RECORDS)
    return path


def record_writer(target, source):
    with tfr.RecordWriter(target) as writer:
        writer.write_many(RECORDS)


def shard_writer(target, source):
    with tfr.ShardWriter(target, **SET) as writer:
        writer.write_many(RECORDS)


def publish_shards(target, source):
    for part in range(2):
        with tfr.ShardWriter(target, part=part, **SET) as writer:
            writer.write_many(RECORDS[4 * part : 4 * part + 4])
    tfr.publish_shards(target, 2)


def make_manifest(target, source):
    shard_writer(target, source)
    text = os.fsdecode(target)
    jobs.make_manifest(target, overwrite=True)
    assert tfr.Manifest.load(text + ".manifest.json").records == len(LABELS)


def table(target, source):
    from tfrecord_lite.arrow import write_table

    write_table({"label": LABELS}, target, **SET)


def command(*arguments):
    def write(target, source):
        given = [str(source) if one == "SOURCE" else one for one in arguments]
        with pytest.raises(SystemExit) as ended:
            main([os.fsdecode(target) if one == "TARGET" else one for one in given])
        assert not ended.value.code

    return write


# What is written to by each public function, and by each command.
WRITERS = {
    "RecordWriter": record_writer,
    "write_records": lambda target, _: tfr.write_records(target, RECORDS),
    "write_examples": lambda target, _: tfr.write_examples(target, {"label": LABELS}),
    "ShardWriter": shard_writer,
    "publish_shards": publish_shards,
    "salvage": lambda target, source: tfr.salvage(source, target),
    "jobs.merge": lambda target, source: jobs.merge(source, target),
    "jobs.convert": lambda target, source: jobs.convert(source, target),
    "jobs.shard": lambda target, source: jobs.shard(source, target, **SET),
    "jobs.make_manifest": make_manifest,
    "arrow.write_table": table,
    "tfrecord-lite merge": command("merge", "SOURCE", "TARGET"),
    "tfrecord-lite convert": command("convert", "SOURCE", "TARGET"),
    "tfrecord-lite salvage": command("salvage", "SOURCE", "TARGET"),
    "tfrecord-lite shard": command("shard", "SOURCE", "TARGET", "--records-per-shard", "3"),
}
if not find_spec("pyarrow"):
    del WRITERS["arrow.write_table"]
FORMS = {
    "str": lambda folder: f"{folder}/out",
    "bytes": lambda folder: os.fsencode(folder / "out"),
    "PathLike": lambda folder: folder / "out",
    "file://": lambda folder: f"file://{folder}/out",
    "a URL": lambda folder: f"memory://surface-{next(folders)}/out",
}


def test_no_writer_is_forgotten():
    names = {name for name in tfr.__all__ if "fsync" in parameters(getattr(tfr, name))}
    names |= {f"jobs.{name}" for name in jobs.__all__ if "fsync" in parameters(getattr(jobs, name))}
    assert {"salvage"} | names == {
        name for name in WRITERS if not name.startswith(("arrow", "tfrecord-lite"))
    }


def parameters(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WRITERS)
def test_forms_of_targets(tmp_path, source, name, form):
    if form == "a URL":
        pytest.importorskip("fsspec")
    target = FORMS[form](tmp_path)
    WRITERS[name](target, source)
    found = [tfr.decode_example(record)["label"].item() for record in tfr.read_records(target)]
    assert found == LABELS
    # A URL of a file is that file, and nothing is written anywhere else.
    assert bool(list(tmp_path.iterdir())) == (form != "a URL")
    assert not Path("file:").exists()
    assert not Path("memory:").exists()


@pytest.mark.parametrize("name", WRITERS)
def test_urls_without_what_reads_them(tmp_path, source, name):
    """A scheme that nothing knows is an error that names it, and no file of that name."""
    if name.startswith("tfrecord-lite"):
        with pytest.raises(AssertionError):
            WRITERS[name]("nosuch://bucket/out", source)
    else:
        with pytest.raises((ImportError, ValueError, OSError), match="nosuch"):
            WRITERS[name]("nosuch://bucket/out", source)
    assert not Path("nosuch:").exists()
    assert not list(tmp_path.iterdir())


# What is written beside records.


@pytest.mark.parametrize("form", ["str", "PathLike", "file://", "a URL"])
@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl"])
def test_forms_of_tables(tmp_path, source, form, suffix):
    pytest.importorskip("pyarrow")
    pytest.importorskip("fsspec")
    target = FORMS[form](tmp_path)
    target = target.with_suffix(suffix) if isinstance(target, Path) else target + suffix
    assert jobs.convert(source, target) == len(LABELS)
    [batch] = tfr.read_batches(_back(target, tmp_path), {"label": int})
    assert batch["label"].tolist() == LABELS


def _back(target, folder):
    jobs.convert(target, folder / "back.tfrecord")
    return folder / "back.tfrecord"


@pytest.mark.parametrize("form", ["str", "file://", "a URL"])
def test_forms_of_sidecars_and_pages(tmp_path, source, form):
    fsspec = pytest.importorskip("fsspec")
    target = FORMS[form](tmp_path)
    tfr.write_records(target, RECORDS)
    command("index", "TARGET")(target, source)
    assert len(tfr.RecordIndex.load(target)) == len(LABELS)
    command("info", "TARGET", "--html", target + ".html")(target, source)
    with fsspec.open(target + ".html") as file:
        assert b"label" in file.read()
