"""`tfrecord-lite salvage`: what is written, what is said of the rest, and the exit code."""

from __future__ import annotations

import json

import pytest
from frames import frames

import tfrecord_lite as tfr

RECORDS = [b"foo", b"barbaz", b"x" * 300]


@pytest.fixture
def damaged(tmp_path):
    data = bytearray(frames(RECORDS))
    data[19 + 3] ^= 1  # in the length of "barbaz"
    path = tmp_path / "damaged.tfrecord"
    path.write_bytes(data)
    return path


def test_rescues_and_lists(command, damaged, tmp_path):
    new = tmp_path / "new.tfrecord"
    outcome = command("salvage", damaged, new)
    assert outcome.code == 1
    first, place, last = outcome.out.splitlines()
    assert first == f"DAMAGED {damaged}: 2 records, 335 B rescued; 1 region, 22 B left"
    assert place.startswith("        record 1  byte 19  22 bytes  length  checksum of ")
    assert last == f"written {new}: 2 records"
    assert list(tfr.read_records(new)) == [RECORDS[0], RECORDS[2]]
    assert outcome.err == ""


def test_json(command, damaged, tmp_path):
    outcome = command("salvage", "--json", damaged, tmp_path / "new")
    assert outcome.code == 1
    report = json.loads(outcome.out)
    assert report["ok"] is False
    (found,) = report["files"]
    assert (found["records"], found["raw_bytes"], found["damaged_bytes"]) == (2, 335, 22)
    assert [(place["begin"], place["end"]) for place in found["damage"]] == [(19, 41)]


def test_a_whole_file_exits_0(command, tmp_path):
    tfr.write_records(tmp_path / "a", RECORDS, compression="GZIP")
    outcome = command("salvage", tmp_path / "a", tmp_path / "b", "--write-compression", "none")
    assert (outcome.code, outcome.err) == (0, "")
    assert (tmp_path / "b").read_bytes() == frames(RECORDS)


def test_nothing_is_replaced_unasked(command, damaged, tmp_path):
    new = tmp_path / "new"
    new.write_bytes(b"precious")
    outcome = command("salvage", damaged, new)
    assert outcome.code == 2
    assert "exists" in outcome.err
    assert new.read_bytes() == b"precious"
    assert command("salvage", damaged, new, "--overwrite").code == 1
    assert list(tfr.read_records(new)) == [RECORDS[0], RECORDS[2]]
    outcome = command("salvage", damaged, damaged, "--overwrite")
    assert outcome.code == 2
    assert "never replaces its source" in outcome.err.replace("\n", " ").replace("  ", " ")


def test_standard_input_and_a_named_compression(command, damaged, tmp_path):
    data = damaged.read_bytes()
    assert command("salvage", "-", tmp_path / "a", stdin=data).code == 1
    outcome = command("salvage", "-", tmp_path / "b", "--compression", "none", stdin=data)
    assert outcome.code == 1
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert command("salvage", damaged, tmp_path / "c", "--compression", "gzip").code == 2


def test_missing_file_exits_2(command, tmp_path):
    outcome = command("salvage", tmp_path / "none", tmp_path / "new")
    assert (outcome.code, outcome.out) == (2, "")
    assert "no such file" in outcome.err


def test_what_a_killed_writer_left(command, tmp_path):
    left = tmp_path / ".train.0123abcd.tfrecord-partial"
    left.mkdir()
    (left / "00000.tfrecord-partial").write_bytes(frames(RECORDS))
    (left / "00001.tfrecord-partial").write_bytes(frames(RECORDS)[:-1])
    outcome = command("salvage", left, tmp_path / "new")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == f"written {tmp_path}/new: 5 records"
    assert list(tfr.read_records(tmp_path / "new")) == [*RECORDS, *RECORDS[:2]]


def test_row_41_no_name_reaches_the_terminal_unescaped(command, tmp_path):
    path = tmp_path / "a\x1b[31m\n.tfrecord"
    path.write_bytes(frames(RECORDS)[:-1])
    for option in ([], ["--json"]):
        outcome = command("salvage", *option, path, tmp_path / "b\x1b[31m", "--overwrite")
        assert outcome.code == 1
        assert "\x1b" not in outcome.out + outcome.err


def test_a_set_and_how_many_records_are_lost(command, tmp_path):
    with tfr.ShardWriter(tmp_path / "train", records_per_shard=1) as writer:
        writer.write_many(RECORDS)
    shards = sorted(tmp_path.glob("*.tfrecord"))
    shards[0].write_bytes(shards[0].read_bytes()[:-1])
    shards[2].unlink()
    outcome = command("salvage", tmp_path / "train", tmp_path / "new")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[-2] == f"MISSING {shards[2]}"
    assert lines[-1] == f"written {tmp_path}/new: 1 record; 2 of 3 records lost"
    assert list(tfr.RecordSet(tmp_path / "new")) == [RECORDS[1]]
    outcome = command("salvage", "--json", tmp_path / "train", tmp_path / "other")
    report = json.loads(outcome.out)
    assert (report["lost"], report["expected"], report["ok"]) == (2, 3, False)


def test_what_is_verified_and_how_large_records_may_be(command, tmp_path):
    data = bytearray(frames(RECORDS))
    data[8:12] = bytes(4)
    data[15:19] = bytes(4)
    (tmp_path / "a").write_bytes(data)
    new = tmp_path / "new"
    assert command("salvage", tmp_path / "a", new).code == 1
    outcome = command("salvage", tmp_path / "a", new, "--overwrite", "--verify", "none")
    assert (outcome.code, list(tfr.read_records(new))) == (0, RECORDS)
    limit = ("--verify", "none", "--max-record-bytes", "100")
    outcome = command("salvage", tmp_path / "a", new, "--overwrite", *limit)
    assert (outcome.code, list(tfr.read_records(new))) == (1, RECORDS[:2])
    for wrong in (("--verify", "some"), ("--max-record-bytes", "much")):
        outcome = command("salvage", tmp_path / "a", tmp_path / "none", *wrong)
        assert outcome.code == 2
        assert wrong[1] in outcome.err
    assert not (tmp_path / "none").exists()
