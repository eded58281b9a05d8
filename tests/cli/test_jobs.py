"""`tfrecord-lite merge` and `manifest`."""

from __future__ import annotations

import numpy as np
import pytest
from job_sets import RECORDS, N, of_set

import tfrecord_lite as tfr


@pytest.fixture
def train(tmp_path):
    with tfr.ShardWriter(tmp_path / "train", records_per_shard=20) as writer:
        writer.write_many(RECORDS)
    return tmp_path / "train"


def test_merge(command, train, tmp_path):
    done = command("merge", train, tmp_path / "all.tfrecord")
    size = (tmp_path / "all.tfrecord").stat().st_size
    assert done == (0, f"ok      {tmp_path}/all.tfrecord: 50 records, {size / 1024:.1f} KiB\n", "")
    assert of_set(tmp_path / "all.tfrecord") == RECORDS
    done = command("merge", train, tmp_path / "all.tfrecord")
    assert done.code == 2
    assert "File exists" in done.err
    done = command(
        "merge", train, tmp_path / "all.tfrecord", "--overwrite", "--compression", "GZIP"
    )
    assert done.code == 0
    assert (tmp_path / "all.tfrecord").read_bytes()[:2] == b"\x1f\x8b"
    done = command("merge", train, tmp_path / "b", "--compression", "LZ4")
    assert done.code == 2
    assert "unknown compression" in done.err


def test_manifest(command, train):
    path = train.with_name("train.manifest.json")
    path.unlink()
    done = command("manifest", train)
    assert done.code == 0
    assert done.out.startswith(f"ok      {path}: 3 shards, {N} records, ")
    assert command("manifest", train).code == 2
    shards = sorted(train.parent.glob("*.tfrecord"))
    assert command("manifest", train, *shards[:2], "--overwrite").code == 0
    assert len(tfr.RecordSet(train)) == 40
    done = command("manifest", train, shards[0], shards[0], "--overwrite")
    assert done.code == 2
    assert "each once" in done.err
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    done = command("manifest", train, "--overwrite")
    assert done.code == 1
    assert f"{shards[1]}: record 19" in done.err


def test_convert(command, train, tmp_path):
    done = command("convert", train, tmp_path / "a.jsonl")
    assert done == (0, f"ok      {tmp_path}/a.jsonl: 50 records\n", "")
    assert (tmp_path / "a.jsonl").read_text() == command("cat", train).out
    done = command("convert", tmp_path / "a.jsonl", tmp_path / "b", "--records-per-shard", 20)
    assert done.code == 0
    assert of_set(tmp_path / "b") == RECORDS
    assert command("convert", tmp_path / "a.jsonl", tmp_path / "b").code == 2
    done = command("convert", tmp_path / "a.jsonl", tmp_path / "c.parquet")
    assert done.code == 2
    assert "one of the two" in done.err
    (tmp_path / "a.jsonl").write_text("nothing")
    done = command("convert", tmp_path / "a.jsonl", tmp_path / "d")
    assert (done.code, done.out) == (1, "")
    assert "a.jsonl: line 1: no JSON" in done.err
    done = command("convert", train, tmp_path / "d.jsonl", "--cast", "x")
    assert done.code == 2


def test_convert_with_damage(command, train, tmp_path):
    shard = min(train.parent.glob("*.tfrecord"))
    data = bytearray(shard.read_bytes())
    data[20] ^= 1
    shard.write_bytes(data)
    assert command("convert", train, tmp_path / "a.jsonl").code == 1
    assert not (tmp_path / "a.jsonl").exists()
    done = command("convert", train, tmp_path / "a.jsonl", "--skip-damage")
    assert (done.code, done.out) == (1, f"ok      {tmp_path}/a.jsonl: 49 records\n")
    assert f"{shard}: record 0, bytes 0 to " in done.err


def test_convert_tables(command, train, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    done = command("convert", train, tmp_path / "a.parquet", "--select", "label,score")
    assert done.code == 0
    assert parquet.read_table(tmp_path / "a.parquet").column_names == ["label", "score"]
    (tmp_path / "b.csv").write_text("price,id\n0.1,7\n")
    done = command("convert", tmp_path / "b.csv", tmp_path / "b.tfrecord", "--cast", "id=string")
    assert done.code == 0
    assert tfr.decode_example(of_set(tmp_path / "b.tfrecord")[0])["id"] == [b"7"]


@pytest.mark.filterwarnings("always")
def test_warnings_are_lines_like_others(command, tmp_path):
    for name in ("a/1.jpg", "a/notes.txt", "b/2.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"\xff\xd8\xff")
    done = command("convert", tmp_path / "in", tmp_path / "new.tfrecord")
    assert (done.code, of_set(tmp_path / "new.tfrecord") != []) == (0, True)
    assert done.err.startswith("tfrecord-lite: ")
    assert "notes.txt: no image by its name" in done.err
    assert len(done.err.splitlines()) == 1


def test_options_that_are_not_for_sequence_examples(command, tmp_path):
    pytest.importorskip("pyarrow")
    sequences, table = tmp_path / "a.tfrecord", tmp_path / "a.parquet"
    tfr.write_records(sequences, [tfr.encode_sequence_example({"id": 1}, {"t": [[1], [2]]})])
    assert command("convert", sequences, table).code == 0
    for outcome in (
        command("convert", table, tmp_path / "b.tfrecord", "--cast", "context=int64"),
        command("convert", sequences, tmp_path / "b.parquet", "--select", "id"),
    ):
        assert outcome.code == 2
        assert "these are SequenceExamples\n" in outcome.err
        assert "features=" not in outcome.err


@pytest.mark.parametrize(
    "lines", ['{"p": 1}\n{"p": 1.5}\n', '{"p": [1]}\n{"p": []}\n'], ids=["two kinds", "empty"]
)
def test_features_say_what_rows_of_json_are(command, tmp_path, lines):
    (tmp_path / "a.jsonl").write_text(lines)
    done = command("convert", tmp_path / "a.jsonl", tmp_path / "b")
    assert done.code == 1
    assert "--features" in done.err
    assert "features=" not in done.err
    features = {"p": tfr.RaggedFeature(np.float32)}
    (tmp_path / "f.json").write_text(tfr.features_to_json(features))
    done = command(
        "convert", tmp_path / "a.jsonl", tmp_path / "b", "--features", tmp_path / "f.json"
    )
    assert done.code == 0, done.err
    rows = map(tfr.decode_example, tfr.read_records(tmp_path / "b"))
    assert [row["p"].tolist() for row in rows] in ([[1], [1.5]], [[1], []])
    stored = tfr.RecordSet(tmp_path / "b").manifest.features
    assert tfr.features_from_json(stored) == features
    done = command("convert", tmp_path / "a.jsonl", tmp_path / "c", "--cast", "p=float32")
    assert "--cast is for columns that have types; pass --features" in done.err
    (tmp_path / "f.json").write_text("{")
    done = command(
        "convert", tmp_path / "a.jsonl", tmp_path / "c", "--features", tmp_path / "f.json"
    )
    assert done.code == 2
    assert "f.json" in done.err


def test_errors_about_features_name_the_option(command, tmp_path):
    pytest.importorskip("pyarrow")
    late = [tfr.encode_example({"a": 1})] * 1000 + [tfr.encode_example({"a": 1.5})]
    steps = [tfr.encode_sequence_example({"id": 1}, {"a": [[1], [2]]})]
    for name, records in (("late", late), ("none", [b""]), ("steps", steps)):
        tfr.write_records(tmp_path / name, records)
    (tmp_path / "rows.jsonl").write_text('{"a": [[1, 2], [3, 4]]}\n')
    features = {"a": tfr.RaggedFeature(np.int64)}
    (tmp_path / "f").write_text(tfr.features_to_json(features))
    (tmp_path / "s").write_text(tfr.features_to_json(tfr.SequenceFeatures(features)))
    for source, target, said, options in (
        ("late", "a.parquet", "1,000 records: `tfrecord-lite convert` takes --features)", []),
        ("none", "a.parquet", "; `tfrecord-lite convert` takes --features", []),
        ("rows.jsonl", "a", "flatten the whole", []),
        ("rows.jsonl", "a", "--features are of SequenceExamples", ["--features", tmp_path / "s"]),
        ("late", "a.jsonl", "--features are for a table", ["--features", tmp_path / "f"]),
        ("steps", "a.parquet", "a SequenceExample", ["--features", tmp_path / "f"]),
    ):
        done = command("convert", tmp_path / source, tmp_path / target, *options)
        assert done.code in (1, 2)
        assert said in done.err
        assert not any(word in done.err for word in ("features=", "parse_", "decode_"))
