"""write_tfrecords, on a cluster of several worker processes."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pytest
import ray

import tfrecord_lite as tfr
from tfrecord_lite.ray import read_tfrecords, write_tfrecords


def read_ids(paths):
    return sorted(int(n) for batch in tfr.read_batches(paths, ["id"]) for n in batch["id"])


def only_the_set(folder, manifest):
    names = {entry.name for entry in manifest.entries}
    return set(os.listdir(folder)) == {*names, os.path.basename(manifest.path)}


def numbers(count, blocks):
    return ray.data.range(count, override_num_blocks=blocks).rename_columns({"id": "id"})


def test_a_set_that_reads_as_it_was(tmp_path):
    def row(item):
        number = item["id"]
        return {
            "id": number,
            "name": f"name {number}",
            "image": np.full((2, 3), number, np.uint8),
            "scores": np.arange(number % 4 + 1, dtype=np.float32),
        }

    dataset = ray.data.range(20, override_num_blocks=3).map(row)
    manifest = write_tfrecords(dataset, tmp_path / "out" / "train")
    assert manifest.records == 20
    assert only_the_set(tmp_path / "out", manifest)
    assert tfr.verify(manifest.path).ok
    features = tfr.features_from_json(manifest.features)
    assert features == {
        "id": tfr.FixedLenFeature([], np.int64),
        "name": tfr.FixedLenFeature([], bytes),
        "image": tfr.FixedLenFeature([2, 3], np.int64),
        "scores": tfr.RaggedFeature(np.float32),
    }
    rows = sorted(read_tfrecords(manifest.path).take_all(), key=lambda row: row["id"])
    for number, found in enumerate(rows):
        wanted = row({"id": number})
        assert found["name"] == wanted["name"].encode()
        assert found["image"].tolist() == wanted["image"].tolist()
        assert list(found["scores"]) == wanted["scores"].tolist()


def test_tensors_as_bytes(tmp_path):
    features = {"id": int, "image": tfr.RawFeature([2, 3], np.uint8)}
    images = ray.data.range(6).map(
        lambda row: {"id": row["id"], "image": np.full((2, 3), row["id"], np.uint8)}
    )
    manifest = write_tfrecords(images, tmp_path / "train", features=features, compression="GZIP")
    assert manifest.compression == "GZIP"
    (batch,) = read_tfrecords(manifest.path).iter_batches(batch_size=6)
    assert batch["image"].dtype == np.uint8
    assert sorted(batch["image"][:, 0, 0].tolist()) == [*range(6)]


def test_missing_tensors_and_pandas(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"id": [1, 2], "name": ["a", None]})
    manifest = write_tfrecords(ray.data.from_pandas(frame), tmp_path / "frame")
    (batch,) = tfr.read_batches(manifest.path)
    assert batch["name"].to_list() == [[b"a"], []]


def test_rows_of_each_file(tmp_path):
    manifest = write_tfrecords(
        ray.data.range(100, override_num_blocks=10), tmp_path / "few", min_rows_per_file=50
    )
    assert [entry.records for entry in manifest.entries] == [50, 50]
    manifest = write_tfrecords(
        ray.data.range(100, override_num_blocks=2), tmp_path / "many", records_per_shard=20
    )
    assert sorted(entry.records for entry in manifest.entries) == [10, 10, 20, 20, 20, 20]


def test_no_rows(tmp_path):
    nothing = ray.data.range(5).filter(expr="id > 5")
    manifest = write_tfrecords(nothing, tmp_path / "train")
    assert [entry.records for entry in manifest.entries] == [0]
    assert only_the_set(tmp_path, manifest)


def test_a_set_that_stands_is_replaced_whole_or_stays(tmp_path):
    first = write_tfrecords(ray.data.range(10), tmp_path / "train")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_tfrecords(ray.data.range(20), tmp_path / "train")

    def fail(row):
        if row["id"] == 15:
            raise ValueError("no such row")
        return row

    with pytest.raises(ray.exceptions.RayError, match="no such row"):
        write_tfrecords(ray.data.range(20).map(fail), tmp_path / "train", overwrite=True)
    assert read_ids(tmp_path / "train") == [*range(10)]
    assert only_the_set(tmp_path, first)
    second = write_tfrecords(ray.data.range(20), tmp_path / "train", overwrite=True)
    assert read_ids(tmp_path / "train") == [*range(20)]
    assert only_the_set(tmp_path, second)


@pytest.mark.parametrize(
    ("rows", "blocks", "message"),
    [
        ([{"a": np.zeros((2, 3))}, {"a": np.zeros((3, 2))}], 1, "column 'a': tensors of different"),
        ([{"a": 1j}], 1, "column 'a': Python objects"),
        ([{"a": {"b": 1}}], 1, "column 'a'"),
        ([{"a": 1}, {"a": 2.5}], 2, "floats, where .* integers"),
    ],
)
def test_what_no_feature_holds(tmp_path, rows, blocks, message):
    with pytest.raises((tfr.ExampleError, TypeError), match=message):
        write_tfrecords(ray.data.from_items(rows, override_num_blocks=blocks), tmp_path / "train")
    assert os.listdir(tmp_path) == []


def test_types_that_mean_another_thing_in_another_task(tmp_path):
    """Seconds and milliseconds, say: the integers could not be told apart."""
    second, half = pa.array([1], pa.timestamp("s")), pa.array([500], pa.timestamp("ms"))
    dataset = ray.data.from_arrow([pa.table({"t": second}), pa.table({"t": half})])
    with pytest.raises(tfr.ExampleError, match=r"timestamp\[m?s\], where .* of another task has"):
        write_tfrecords(dataset, tmp_path / "train")
    assert os.listdir(tmp_path) == []
    write_tfrecords(dataset, tmp_path / "train", cast={"t": "timestamp[ms]"})
    values = [int(tfr.decode_example(r)["t"][0]) for r in tfr.read_records(tmp_path / "train")]
    assert sorted(values) == [500, 1000]


def test_arrays_of_text_are_text(tmp_path):
    """Ray keeps their UTF-32, which was stored as it is."""
    words = [["x", "é€😀"], ["", "yy"], ["z"]]
    for name, some in (("fixed", words[:2]), ("any", words)):
        items = [{"id": at, "words": np.array(row)} for at, row in enumerate(some)]
        write_tfrecords(ray.data.from_items(items, override_num_blocks=1), tmp_path / name)
        decoded = map(tfr.decode_example, tfr.read_records(tmp_path / name))
        found = {int(row["id"][0]): row["words"] for row in decoded}
        assert found == {at: [word.encode() for word in row] for at, row in enumerate(some)}


def test_wrong_options_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="exclude each other"):
        write_tfrecords(ray.data.range(3), tmp_path / "a", num_shards=1, records_per_shard=1)
    assert os.listdir(tmp_path) == []


def test_cast(tmp_path):
    table = pa.table({"id": pa.array([1, 2], pa.decimal128(5, 2))})
    manifest = write_tfrecords(ray.data.from_arrow(table), tmp_path / "a", cast={"id": "int64"})
    assert read_ids(manifest.path) == [1, 2]


def test_a_worker_that_is_killed_while_it_writes_leaves_nothing(tmp_path, kill_once):
    killing = kill_once(25_000)
    dataset = ray.data.range(60_000, override_num_blocks=3).map_batches(killing, batch_size=1000)
    manifest = write_tfrecords(dataset, tmp_path / "out" / "train", records_per_shard=7000)
    assert os.path.exists(killing.marker)
    assert read_ids(manifest.path) == [*range(60_000)]
    assert only_the_set(tmp_path / "out", manifest)
