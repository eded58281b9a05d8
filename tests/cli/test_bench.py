"""`tfrecord-lite bench`: what is read, what is printed, what without TensorFlow."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.cli import bench

OURS = ["Dataset, 0 workers", "Dataset, 1 worker", "Dataset, 2 workers"]
THEIRS = [
    "make_dataset, tf.data",
    "make_dataset, tf.data, any order",
    "make_dataset, numpy",
    "by hand: TFRecordDataset",
    "by hand: num_parallel_reads=AUTOTUNE",
    "by hand: interleave",
    "by hand: interleave, 16 records each",
    "by hand: interleave of batches",
]
needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        tfr.write_examples(
            tmp_path / f"{number}.tfrecord",
            {"id": range(50), "words": [[b"a"] * (row % 3 + 1) for row in range(50)]},
        )
    return tmp_path


@pytest.fixture
def alone(monkeypatch):
    """Let TensorFlow not be there."""
    monkeypatch.setattr(bench, "find_spec", lambda name: None)


def measured(outcome):
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_a_limit_that_is_none_is_told_before_anything_is_read(command, monkeypatch):
    monkeypatch.setattr(bench, "rereadable", None)
    done = command("bench", "-", "--limit", "1X")
    assert done.code == 2
    assert "Invalid value for '--limit': '1X' is no size" in done.err


def test_without_tensorflow(command, folder, alone):
    report = measured(
        command("bench", folder, "--seconds", 0, "--json", "--repeats", 2, "--batch-size", 16)
    )
    assert [reading["name"] for reading in report["readings"]] == OURS
    assert (report["files"], report["records"], report["batch_size"]) == (3, 150, 16)
    assert report["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert report["compression"] == ["none"]
    assert "TensorFlow is not installed" in report["notes"][0]
    for reading in report["readings"]:
        assert len(reading["seconds"]) == 2
        assert min(reading["seconds"]) > 0
        assert reading["records_per_second"] == 150 / reading["median_seconds"]


def test_table_without_tensorflow(command, folder, alone):
    outcome = command("bench", folder, "--seconds", 0, "--repeats", 1)
    lines = outcome.out.splitlines()
    assert lines[0].startswith("3 files, 150 records, ")
    assert "compression none; batches of 1,024, read up to 1 time each; " in lines[0]
    assert lines[1].split() == ["reading", "records/s", "MB/s", "of", "the", "fastest"]
    assert lines[2].endswith("100%")
    assert sorted(line.split("  ")[0] for line in lines[2:5]) == OURS
    assert lines[5].startswith("TensorFlow is not installed")
    assert len(lines) == 6


@needs_tensorflow
@pytest.mark.tensorflow
@pytest.mark.parametrize("form", first(1, ["table", "json"]))
def test_with_tensorflow(command, folder, form):
    if form == "table":
        table = command("bench", folder, "--seconds", 0, "--repeats", 1).out
        assert "check=True takes" in table.splitlines()[-1]
        assert all(name in table for name in OURS + THEIRS)
        return
    report = measured(command("bench", folder, "--seconds", 0, "--json", "--repeats", 1))
    assert [reading["name"] for reading in report["readings"]] == OURS + THEIRS
    assert report["notes"] == []
    assert report["check_seconds"] >= 0


@needs_tensorflow
@pytest.mark.tensorflow
def test_files_of_several_compressions(command, folder):
    tfr.write_examples(folder / "z.gz", {"id": [1], "words": [[b"x"]]}, compression="GZIP")
    report = measured(command("bench", folder, "--seconds", 0, "--json", "--repeats", 1))
    assert report["compression"] == ["GZIP", "none"]
    assert [reading["name"] for reading in report["readings"]] == OURS + THEIRS[:3]
    assert "several compressions" in report["notes"][0]


def test_the_first_files_up_to_a_limit(command, folder, alone, capsys, monkeypatch):
    # Who reads is no matter, and other processes take long to start.
    monkeypatch.setattr(bench, "_WORKERS", ())
    size = (folder / "0.tfrecord").stat().st_size
    for limit, files in ((1, 1), (size, 1), (2 * size, 2), (0, 3)):
        bench.run([str(folder)], 9, repeats=1, seconds=0, limit=limit, as_json=True)
        report = json.loads(capsys.readouterr().out)
        assert (report["files"], report["files_left_out"]) == (files, 3 - files)
    bench.run([str(folder)], 9, repeats=1, seconds=0, limit=1)
    assert capsys.readouterr().out.startswith("1 file (of 3), 50 records")
    assert command("bench", folder, "--seconds", 0, "--repeats", 1, "--limit", "1M").out.startswith(
        "3 files, "
    )


@pytest.mark.parametrize(
    ("records", "code", "text"),
    [
        (None, 2, "no data files"),
        ([b"\xff"], 1, "a.tfrecord: record 0"),
    ],
)
def test_what_cannot_be_read(command, tmp_path, records, code, text, alone):
    if records is not None:
        tfr.write_records(tmp_path / "a.tfrecord", records)
    outcome = command("bench", tmp_path)
    assert outcome.code == code
    assert text in outcome.err
    assert outcome.out == ""


def test_no_records(command, tmp_path, alone):
    tfr.write_records(tmp_path / "a.tfrecord", [])
    outcome = command("bench", tmp_path)
    assert outcome.code == 2
    assert "a.tfrecord: no records" in outcome.err


def test_small_files_are_read_over_and_over(command, folder, alone, monkeypatch):
    monkeypatch.setattr(bench, "_WORKERS", (1,))
    # More than it ever takes, so that it is as often as is allowed.
    monkeypatch.setattr(bench, "_MOST_EPOCHS", 3)
    report = measured(command("bench", folder, "--seconds", 9999, "--json", "--repeats", 1))
    assert (report["epochs"], report["records"]) == (3, 150)
    for reading in report["readings"]:
        assert reading["records_per_second"] == 150 / reading["median_seconds"]
    assert ", read up to 3 times each" in command("bench", folder, "--seconds", 9999).out
