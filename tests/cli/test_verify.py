"""`tfrecord-lite verify`: what is printed, and the exit code."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.dataset.shard_writer import ShardWriter

RECORDS = [b"foo", b"barbaz", b"x" * 300]


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole.tfrecord"
    tfr.write_records(path, RECORDS)
    return path


@pytest.fixture
def damaged(tmp_path, whole):
    data = bytearray(whole.read_bytes())
    data[19 + 12] ^= 1  # in "barbaz"
    path = tmp_path / "damaged.tfrecord"
    path.write_bytes(data)
    return path


def test_whole_file_exits_0(command, whole):
    outcome = command("verify", whole)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        f"ok      {whole}: 3 records, 357 B",
        "1 file, 0 damaged, 0 unreadable; 3 intact records",
    ]
    assert outcome.err == ""


def test_damage_exits_1_and_names_file_record_and_offset(command, whole, damaged):
    outcome = command("verify", damaged, whole)
    assert outcome.code == 1
    first, place, second, summary = outcome.out.splitlines()
    assert first == f"DAMAGED {damaged}: 2 records, 335 B intact; 1 region, 22 B damaged"
    assert place.startswith("        record 1  byte 19  22 bytes  data  checksum of the data ")
    assert second.startswith("ok ")
    assert summary == ("2 files, 1 damaged, 0 unreadable; 5 intact records, 1 region, 22 B damaged")


def test_json(command, whole, damaged):
    outcome = command("verify", "--json", damaged, whole)
    assert outcome.code == 1
    report = json.loads(outcome.out)
    assert report["ok"] is False
    assert report["leftovers"] == []
    first, second = report["files"]
    assert (first["path"], first["ok"], first["records"]) == (str(damaged), False, 2)
    (place,) = first["damage"]
    assert place.pop("reason")
    assert place == {"record": 1, "begin": 19, "end": 41, "kind": "data"}
    assert second == {
        "path": str(whole),
        "ok": True,
        "records": 3,
        "raw_bytes": 357,
        "damaged_bytes": 0,
        "damage": [],
        "faults": [],
        "late_features": {},
    }


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_missing_file_exits_2(command, tmp_path, json_option):
    outcome = command("verify", *json_option, tmp_path / "none.tfrecord")
    assert outcome.code == 2
    assert outcome.out == ""
    assert "no such file" in outcome.err
    assert str(tmp_path / "none.tfrecord") in outcome.err


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "--none", "x"], ["none"]])
def test_wrong_usage_exits_2(command, arguments):
    assert command(*arguments).code == 2


def test_unreadable_file_keeps_no_other_from_being_checked(command, tmp_path, whole):
    os.symlink("nowhere", tmp_path / "a.tfrecord")
    outcome = command("verify", tmp_path / "*.tfrecord")
    assert outcome.code == 2
    assert f"ok      {whole}" in outcome.out
    assert "FAILED  [Errno 2]" in outcome.out
    files = json.loads(command("verify", "--json", tmp_path / "*.tfrecord").out)["files"]
    assert [file["ok"] for file in files] == [False, True]
    assert files[0]["path"] == str(tmp_path / "a.tfrecord")


def test_directory_glob_numbered_shards_and_standard_input(command, tmp_path):
    for index in range(3):
        tfr.write_records(tmp_path / f"x-0000{index}-of-00003.tfrecord", RECORDS[:index])
    for files in (tmp_path, tmp_path / "x-*", tmp_path / "x@3"):
        assert "3 files, 0 damaged, 0 unreadable; 3 intact" in command("verify", files).out
    stream = (tmp_path / "x-00002-of-00003.tfrecord").read_bytes()
    assert command("verify", "-", stdin=stream).code == 0
    assert command("verify", "-", stdin=stream[:-1]).code == 1
    for name in ("verify", "cat", "info"):
        refused = command(name, "-", "-", stdin=stream)
        assert refused.code == 2
        assert "standard input can be read once" in refused.err


def test_truncated_compressed_file_is_damage_not_a_crash(command, tmp_path):
    path = tmp_path / "a.gz"
    tfr.write_records(path, RECORDS, compression="GZIP")
    path.write_bytes(path.read_bytes()[:-1])
    outcome = command("verify", path)
    assert outcome.code == 1
    assert "truncated" in outcome.out


def test_progress_bar_on_a_terminal_only(whole):
    terminal, child = pty.openpty()
    arguments = [sys.executable, "-m", "tfrecord_lite", "verify", str(whole), "-"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with open(whole, "rb") as stdin:
        done = subprocess.run(
            arguments, stdin=stdin, stdout=-1, stderr=child, env=environment, check=False
        )
    os.close(child)
    shown = os.read(terminal, 1 << 16)
    os.close(terminal)
    assert done.returncode == 0
    assert b"\x1b[" in shown
    assert b"\x1b" not in done.stdout
    assert b"2 files, 0 damaged" in done.stdout


def test_one_bar_over_all_files_with_rate_and_time_left(whole, damaged, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with progress_bar([str(whole), str(damaged), str(whole) + ".gone"]) as show:
        assert show is not None
        show(str(whole), 300)
        show(str(damaged), 300)
        # A file may be begun again.
        show(str(damaged), 100)
        show(str(whole), 357)
    shown = capsys.readouterr().err
    assert "/714" in shown
    assert "-:--:--" in shown


def test_a_set_against_its_manifest(command, tmp_path):
    name = tmp_path / "train"
    with ShardWriter(name, records_per_shard=2) as writer:
        writer.write_many(RECORDS)
    outcome = command("verify", name)
    assert (outcome.code, outcome.out.splitlines()[-1]) == (
        0,
        "2 files, 0 damaged, 0 unreadable; 3 intact records",
    )
    os.unlink(tmp_path / "train-00001-of-00002.tfrecord")
    outcome = command("verify", tmp_path)
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[1] == f"MISSING {tmp_path}/train-00001-of-00002.tfrecord"
    assert lines[2].strip().startswith("missing  missing, though")
    assert lines[3] == "2 files, 0 damaged, 0 unreadable, 1 otherwise wrong; 2 intact records"
    (fault,) = json.loads(command("verify", "--json", name).out)["files"][1]["faults"]
    assert (fault["kind"], fault["record"], fault["offset"]) == ("missing", None, None)
    assert command("verify", tmp_path, "--manifest", "none").code == 0
    assert command("verify", "--manifest", f"{name}.manifest.json", tmp_path).code == 1


def test_leftovers_are_named(command, tmp_path, whole):
    left = tmp_path / ".train.0123abcd.tfrecord-partial"
    left.mkdir()
    outcome = command("verify", tmp_path)
    assert outcome.code == 0
    assert f"LEFT    {left}: of a writer that was killed" in outcome.out
    assert json.loads(command("verify", "--json", tmp_path).out)["leftovers"] == [str(left)]


def test_examples(command, tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, [tfr.encode_example({"a": 1}), b"\xff", tfr.encode_example({"a": 2.5})])
    assert command("verify", path).code == 0
    outcome = command("verify", path, "--examples")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[0] == f"WRONG   {path}: 3 records, 80 B"
    assert lines[1].split()[:5] == ["record", "1", "byte", "30", "example"]
    assert lines[2].split()[:5] == ["record", "2", "byte", "47", "features"]
    features = tmp_path / "features.json"
    features.write_text(tfr.features_to_json({"a": tfr.FixedLenFeature([], np.float32)}))
    outcome = command("verify", path, "--features", features)
    assert [line.split()[1] for line in outcome.out.splitlines()[1:3]] == ["0", "1"]
    features.write_text("{}x")
    assert command("verify", path, "--features", features).code == 2
    assert command("verify", path, "--features", tmp_path / "none").code == 2


def test_long_lists_are_cut_for_people(command, tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, [b"x"] * 50 + [b"\xff"] * 50)
    data = bytearray(path.read_bytes())
    for at in range(12, 17 * 50, 17):
        data[at] ^= 1
    path.write_bytes(data)
    lines = command("verify", path, "--examples").out.splitlines()
    assert "        and 30 regions more; --json lists up to 100,000" in lines
    assert "        and 30 faults more; --json lists up to 100,000" in lines
    assert len(lines) == 1 + 20 + 1 + 20 + 1 + 1
    assert len(json.loads(command("verify", "--json", path).out)["files"][0]["damage"]) == 50


def test_workers(command, tmp_path):
    for number in range(3):
        tfr.write_records(tmp_path / f"{number}.tfrecord", RECORDS)
    assert "9 intact records" in command("verify", tmp_path, "--workers", 2).out
    assert command("verify", tmp_path, "--workers", -1).code == 2


def test_row_41_no_name_reaches_the_terminal_unescaped(command, tmp_path):
    path = tmp_path / "a\x1b[31m\n[red]b.tfrecord"
    tfr.write_records(path, RECORDS)
    path.write_bytes(path.read_bytes()[:-1])
    for option in ([], ["--json"]):
        outcome = command("verify", *option, path)
        assert outcome.code == 1
        assert "\x1b" not in outcome.out + outcome.err
        assert "[red]" in outcome.out
    outcome = command("verify", tmp_path / "\x1b[31m")
    assert outcome.code == 2
    assert "\x1b" not in outcome.err


def test_row_41_file_name_that_is_no_utf8(command, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tfrecord")
    tfr.write_records(path, RECORDS)
    assert r"\udcff.tfrecord" in command("verify", path).out
    report = json.loads(command("verify", "--json", path).out)
    assert report["files"][0]["path"].endswith(r"\udcff.tfrecord")


def test_works_where_the_terminal_knows_only_ascii(tmp_path):
    path = tmp_path / "é.tfrecord"
    tfr.write_records(path, RECORDS)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "tfrecord_lite", "verify", str(path)]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert rb"\xe9.tfrecord: 3 records" in done.stdout


def test_many_records_stream_through_standard_input(command):
    file = io.BytesIO()
    tfr.write_records(file, [b"x" * 1000] * 3000)
    assert "3,000 intact records" in command("verify", "-", stdin=file.getvalue()).out


def test_features_that_come_late(command, tmp_path):
    path = tmp_path / "a.tfrecord"
    rows = [{"a": number, **({"late": 0.5} if number >= 1207 else {})} for number in range(2000)]
    tfr.write_records(path, map(tfr.encode_example, rows))
    outcome = command("verify", "--examples", path)
    assert outcome.code == 0
    assert "record 1,207 is the first with feature 'late', which none of the first 1,000" in (
        outcome.out
    )
    outcome = command("verify", "--examples", "--json", path)
    assert json.loads(outcome.out)["files"][0]["late_features"] == {"late": 1207}


def test_a_manifest_is_no_json_of_features(command, tmp_path):
    with tfr.ShardWriter(tmp_path / "set", features={"x": int}) as writer:
        writer.write_example({"x": 1})
    done = command("verify", tmp_path / "set", "--features", tmp_path / "set.manifest.json")
    assert done.code == 2
    assert "this is the manifest of a set" in " ".join(done.err.split())
    assert command("verify", tmp_path / "set").out.endswith("; 1 intact record\n")
