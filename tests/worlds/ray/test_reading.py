"""read_tfrecords, on a cluster of several worker processes."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pyarrow as pa
import pytest
import ray
from worlds.files import (
    FEATURES,
    SEQUENCES,
    damage,
    row,
    write,
    write_ids,
    write_sequences,
)

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow
from tfrecord_lite.ray import read_tfrecords


def ids(dataset):
    return sorted(int(number) for row in dataset.iter_batches() for number in row["id"])


def test_rows_are_those_of_to_arrow(tmp_path):
    write(tmp_path / "in", [5, 0, 7])
    dataset = read_tfrecords(tmp_path / "in", FEATURES, override_num_blocks=3)
    rows = sorted(dataset.take_all(), key=lambda row: row["id"])
    assert len(rows) == 12
    for found, wanted in zip(
        rows, to_arrow(tmp_path / "in", FEATURES).read_all().to_pylist(), strict=True
    ):
        for name, value in wanted.items():
            assert np.asarray(found[name]).tolist() == np.asarray(value).tolist(), name


def test_shapes_are_tensors(tmp_path):
    paths = write(tmp_path / "in", [4])
    features = {"id": int, "pair": tfr.FixedLenFeature([2, 1], np.float32)}
    dataset = read_tfrecords(paths, features)
    (batch,) = dataset.iter_batches(batch_size=4)
    assert batch["pair"].shape == (4, 2, 1)
    assert batch["pair"].dtype == np.float32
    assert batch["pair"][:, :, 0].tolist() == [row(number)["pair"] for number in range(4)]
    assert dataset.schema().types[1].shape == (2, 1)
    # A type that is asked for stays.
    asked = {"id": int, "pair": pa.list_(pa.float32(), 2)}
    assert read_tfrecords(paths, asked).schema().types[1] == pa.list_(pa.float32(), 2)


def test_a_type_of_which_arrow_makes_no_empty_array(tmp_path):
    kind = pa.dictionary(pa.int8(), pa.timestamp("us"))
    tfr.write_examples(tmp_path / "a.tfrecord", {"t": [1, 2, 1]})
    dataset = read_tfrecords(tmp_path / "a.tfrecord", {"t": kind})
    assert dataset.schema().base_schema.field("t").type == kind
    assert dataset.count() == 3


def test_one_file_is_read_by_several_tasks(tmp_path):
    (path,) = write_ids(tmp_path / "in", [20_000])
    dataset = read_tfrecords(path, override_num_blocks=4)

    def seen(batch):
        count = len(batch["id"])
        return {
            **batch,
            "task": [ray.get_runtime_context().get_task_id()] * count,
            "process": [os.getpid()] * count,
            "tensorflow": ["tensorflow" in sys.modules] * count,
        }

    batches = list(dataset.map_batches(seen, batch_size=None).iter_batches(batch_size=None))
    found = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    assert sorted(found["id"].tolist()) == list(range(20_000))
    assert len(set(found["task"])) == 4
    assert os.getpid() not in found["process"]
    assert not found["tensorflow"].any()


def test_columns_that_nobody_asks_for_are_not_decoded(tmp_path):
    paths = write(tmp_path / "in", [6])
    features = {"id": int, "pair": tfr.FixedLenFeature([3], np.float32)}  # there are two
    dataset = read_tfrecords(paths, features)
    assert ids(dataset.select_columns(["id"])) == [*range(6)]
    assert ids(read_tfrecords(paths, features, select=["id"])) == [*range(6)]
    assert dataset.select_columns([]).count() == 6
    with pytest.raises(tfr.ExampleError, match="pair"):
        dataset.materialize()


def test_counts_of_a_manifest_are_known_without_reading(tmp_path):
    with tfr.ShardWriter(tmp_path / "in" / "train", num_shards=3, features={"id": int}) as writer:
        writer.write_many([tfr.encode_example({"id": number}) for number in range(10)])
    dataset = read_tfrecords(tmp_path / "in" / "train", override_num_blocks=3)
    damage(writer.manifest.files[0], 0)
    assert dataset.count() == 10
    with pytest.raises(tfr.CorruptRecordError):
        dataset.materialize()


def test_sequence_examples(tmp_path):
    path = tmp_path / "a.tfrecord"
    rows = write_sequences(str(path))
    dataset = read_tfrecords(path, SEQUENCES)
    assert [found["context"]["id"] for found in dataset.take_all()] == [0, 1, 2, 3, 4]
    (lists,) = dataset.select_columns(["feature_lists"]).iter_batches(batch_format="pyarrow")
    assert lists.column_names == ["feature_lists"]
    found = lists.column(0).to_pylist()
    flat = [[step for (step,) in wanted["feature_lists"]["steps"]] for wanted in rows]
    assert [value["steps"] or [] for value in found] == flat


def test_no_records(tmp_path):
    write_ids(tmp_path / "in", [0, 0])
    assert read_tfrecords(tmp_path / "in", {"id": int}).count() == 0


def test_damage_raises_with_file_and_record(tmp_path):
    paths = write_ids(tmp_path / "in", [10, 10])
    damage(paths[1], 3)
    with pytest.raises(tfr.CorruptRecordError) as caught:
        read_tfrecords(paths).materialize()
    assert f"{paths[1]}: record 3" in str(caught.value)


def test_damage_is_reported_to_the_driver(tmp_path):
    paths = write_ids(tmp_path / "in", [10, 10])
    damage(paths[0], 9)
    damage(paths[1], 3)
    report = tmp_path / "damage.jsonl"
    dataset = read_tfrecords(
        paths, on_damage="report", report=f"file://{report}", override_num_blocks=4
    )
    for _ in range(2):
        assert ids(dataset) == [n for n in range(20) if n not in (9, 13)]
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert sorted((line["path"], line["kind"]) for line in lines) == [
        (paths[0], "data"),
        (paths[1], "data"),
    ]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"on_damage": print}, TypeError, "on_damage='report'"),
        ({"on_damage": "report"}, ValueError, "report="),
        ({"report": "damage.jsonl"}, ValueError, "on_damage='report'"),
        ({"on_damage": "report", "report": "s3://b/d"}, ValueError, "s3://b/d.*path of a file"),
        ({"select": ["nothing"]}, ValueError, "'nothing' is not among"),
        ({"features": "id"}, TypeError, "features"),
    ],
)
def test_wrong_options(tmp_path, options, error, message):
    paths = write_ids(tmp_path / "in", [3])
    with pytest.raises(error, match=message):
        read_tfrecords(paths, **options)


def test_open_files(tmp_path):
    """They are open in this process, and the tasks run in others."""
    (path,) = write_ids(tmp_path / "in", [3])
    with open(path, "rb") as file:
        for given in (file, [path, file], tfr.RecordSet(file)):
            with pytest.raises(TypeError, match="pass the path of a file"):
                read_tfrecords(given)


def test_files_that_are_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_tfrecords(tmp_path / "nothing")
    with tfr.ShardWriter(tmp_path / "train", num_shards=2) as writer:
        writer.write_many([tfr.encode_example({"id": number}) for number in range(4)])
    os.remove(writer.manifest.files[1])
    with pytest.raises(FileNotFoundError, match="1 of 2 shards are missing"):
        read_tfrecords(tmp_path / "train")


def test_a_worker_that_is_killed_while_it_reads_loses_nothing(tmp_path, kill_once):
    (path,) = write_ids(tmp_path / "in", [60_000])
    killing = kill_once(40_000)
    dataset = read_tfrecords(path, override_num_blocks=3)
    assert ids(dataset.map_batches(killing, batch_size=1000)) == [*range(60_000)]
    assert os.path.exists(killing.marker)
