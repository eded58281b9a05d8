"""Files of Examples as datasets of Hugging Face, in memory, from a cache, and streamed."""

from __future__ import annotations

import os
import pickle
import re
import signal

import datasets
import numpy as np
import pyarrow as pa
import pytest
from datasets.distributed import split_dataset_by_node
from test_surface import FORMS, LABELS, folder  # noqa: F401 - a fixture
from torch.utils.data import DataLoader

import tfrecord_lite as tfr
from tfrecord_lite.arrow import write_table
from tfrecord_lite.huggingface import load

N = 400
FEATURES = {
    "label": tfr.FixedLenFeature([], np.int64),
    "image": tfr.RawFeature([2, 3], np.uint8),
    "cube": tfr.FixedLenFeature([2, 1, 2], np.float32),
    "vector": tfr.FixedLenFeature([3], np.float32),
    "name": bytes,
    "words": tfr.VarLenFeature(bytes),
}
COLUMNS = {
    "label": np.arange(N),
    "image": np.arange(N * 6).reshape(N, 2, 3) % 250,
    "cube": np.arange(N * 4, dtype=np.float32).reshape(N, 2, 1, 2),
    "vector": np.arange(N * 3, dtype=np.float32).reshape(N, 3),
    "name": [b"\xff%d" % row for row in range(N)],
    "words": [[b"w"] * (row % 3) for row in range(N)],
}


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    name = tmp_path_factory.mktemp("set") / "train"
    stored = {**COLUMNS, "image": [image.astype(np.uint8).tobytes() for image in COLUMNS["image"]]}
    with tfr.ShardWriter(name, records_per_shard=150, features=FEATURES) as writer:
        writer.write_examples(stored)
    return str(name)


def labels(dataset) -> list[int]:
    return [row["label"] for row in dataset]


@pytest.mark.parametrize("options", [{}, {"keep_in_memory": True}, {"streaming": True}])
def test_features_and_values(name, options):
    dataset = load(name, **options)
    assert dataset.features == datasets.Features(
        {
            "label": datasets.Value("int64"),
            "image": datasets.Array2D((2, 3), "uint8"),
            "cube": datasets.Array3D((2, 1, 2), "float32"),
            "vector": datasets.List(datasets.Value("float32"), length=3),
            "name": datasets.Value("binary"),
            "words": datasets.List(datasets.Value("binary")),
        }
    )
    rows = list(dataset)
    assert len(rows) == N
    for column, values in COLUMNS.items():
        expected = values.tolist() if isinstance(values, np.ndarray) else values
        assert [row[column] for row in rows] == expected


def test_arrays_of_numpy(name):
    batch = load(name).with_format("numpy")[10:20]
    np.testing.assert_array_equal(batch["image"], COLUMNS["image"][10:20])
    np.testing.assert_array_equal(batch["cube"], COLUMNS["cube"][10:20])


@pytest.mark.parametrize("streaming", [False, True])
def test_options_of_reading(name, streaming):
    dataset = load(name, {"name": pa.large_binary(), "label": int}, streaming, select=["label"])
    assert dataset.features == {"label": datasets.Value("int64")}
    assert labels(dataset) == list(range(N))
    with pytest.raises(ValueError, match="a RecordSet is read with its own options"):
        load(tfr.RecordSet(name), streaming=streaming, verify=False)
    with pytest.raises(FileNotFoundError):
        load(name + "x", streaming=streaming)


def test_missing_values_are_null(tmp_path):
    path = tmp_path / "a.tfrecord"
    records = [{"x": [1.0, 2.0, 3.0, 4.0], "n": 1}, {"n": None}, {"x": [5.0] * 4, "n": 2}, {}]
    tfr.write_records(path, [tfr.encode_example(row) for row in records])
    schema = pa.schema(
        {"x": pa.list_(pa.list_(pa.float32(), 2), 2), "n": pa.int64(), "t": pa.string()}
    )
    expected = [
        {"x": [[1, 2], [3, 4]], "n": 1, "t": None},
        {"x": None, "n": None, "t": None},
        {"x": [[5, 5], [5, 5]], "n": 2, "t": None},
        {"x": None, "n": None, "t": None},
    ]
    for options in ({"keep_in_memory": True}, {"streaming": True}, {}):
        assert list(load(path, schema, **options)) == expected


def test_sequences(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tfr.RecordWriter(path) as writer:
        writer.write(tfr.encode_sequence_example({"id": 3}, {"words": [[1], [2, 3]]}))
    for options in ({}, {"streaming": True}):
        assert list(load(path, **options)) == [
            {"context": {"id": 3}, "feature_lists": {"words": [[1], [2, 3]]}}
        ]


def test_what_datasets_has_no_type_for(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"x": [1, 2]})
    with pytest.raises(TypeError, match="feature 'x': datasets has no type for list_view"):
        load(path, {"x": pa.list_view(pa.int64())})


def test_pictures_and_names_are_cast(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"label": [1], "image": [b"\xff\xd8"]})
    for options in ({}, {"streaming": True}):
        dataset = load(path, {"label": int, "image": bytes}, **options)
        dataset = dataset.cast_column("label", datasets.ClassLabel(names=["cat", "dog"]))
        dataset = dataset.cast_column("image", datasets.Image(decode=False))
        assert next(iter(dataset)) == {"label": 1, "image": {"bytes": b"\xff\xd8", "path": None}}
        assert dataset.features["label"].int2str(1) == "dog"


# The cache.


def test_the_same_call_finds_the_file_again(name, cache, tmp_path):
    first = load(name)
    (file,) = cache.iterdir()
    assert first.cache_files == [{"filename": str(file)}]
    written = file.stat().st_mtime_ns
    assert labels(load(name)) == list(range(N))
    assert [file.stat().st_mtime_ns for file in cache.iterdir()] == [written]
    for options in ({"select": ["label"]}, {"verify": False}, {"features": ["name", "label"]}):
        load(name, **options)
    assert len(list(cache.iterdir())) == 4
    load(name, cache_dir=tmp_path / "mine")
    assert len(list((tmp_path / "mine").iterdir())) == 1


def test_a_file_that_changed_is_read_again(tmp_path, cache):
    path = tmp_path / "a.tfrecord"
    for values in ([1, 2], [3, 4]):
        tfr.write_examples(path, {"label": values})
        os.utime(path, ns=(values[0], values[0]))
        assert labels(load(path)) == values
    assert len(list(cache.iterdir())) == 2


def test_an_open_file(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"label": [1, 2]})
    with open(path, "rb") as file:
        assert labels(load(file)) == [1, 2]


# Damage.


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"label": range(10)})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def test_damage_leaves_no_file(damaged, cache):
    with pytest.raises(tfr.CorruptRecordError, match="a.tfrecord: record 5"):
        load(damaged, {"label": int})
    assert list(cache.iterdir()) == []
    with pytest.raises(tfr.CorruptRecordError, match="a.tfrecord: record 5"):
        list(load(damaged, {"label": int}, streaming=True))


def test_a_full_disk_is_told_with_the_file(name, cache):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match=f"too large: '{re.escape(str(cache))}.*arrow'"):
            load(name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("streaming", [False, True])
def test_damage_is_reported(damaged, tmp_path, streaming):
    report = tmp_path / "damage.jsonl"
    options = {"streaming": streaming, "on_damage": "report", "report": report}
    for _ in range(2):
        assert labels(load(damaged, **options)) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert report.read_text().count('"record": 5') == 1
    with pytest.raises(ValueError, match="report= is of use"):
        load(damaged, streaming=streaming, report=report)


def test_functions_as_on_damage(damaged):
    found: list[tfr.Damage] = []
    for count in (1, 2):  # what is made with damage left out is made anew
        load(damaged, on_damage=found.append)
        assert len(found) == count
    with pytest.raises(TypeError, match="would be called in copies"):
        load(damaged, streaming=True, on_damage=found.append)


# Streams.


def test_shards(name, tmp_path):
    assert load(name, streaming=True).num_shards == 3
    dataset = load(name, streaming=True, num_shards=7)
    assert dataset.num_shards == 7
    assert labels(dataset) == list(range(N))
    with pytest.raises(ValueError, match="num_shards=2 is of use with streaming=True alone"):
        load(name, num_shards=2)
    path = tmp_path / "large.tfrecord"
    tfr.write_examples(path, {"label": range(50), "x": [b"x" * 100_000] * 50})
    assert load(path, streaming=True).num_shards == 4
    assert labels(load(path, streaming=True)) == list(range(50))


def test_shuffled(name):
    dataset = load(name, streaming=True, num_shards=7).shuffle(seed=1, buffer_size=100)
    orders = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        orders.append(labels(dataset))
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(N))


def test_nodes(name):
    dataset = load(name, streaming=True, num_shards=4)
    shares = [labels(split_dataset_by_node(dataset, rank, 2)) for rank in range(2)]
    assert all(shares)
    assert sorted(shares[0] + shares[1]) == list(range(N))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_dataloader(name, start):
    dataset = load(name, streaming=True, num_shards=4, select=["label", "vector"])
    loader = DataLoader(
        dataset.with_format("torch"),
        batch_size=10,
        num_workers=2,
        multiprocessing_context=start,
    )
    found = [label for batch in loader for label in batch["label"].tolist()]
    assert sorted(found) == list(range(N))


def test_a_stream_goes_on_where_it_was(name):
    dataset = load(name, streaming=True, num_shards=4)
    rows = iter(dataset)
    before = [next(rows)["label"] for _ in range(130)]
    again = load(name, streaming=True, num_shards=4)
    again.load_state_dict(dataset.state_dict())
    assert before + labels(again) == list(range(N))


def test_pickled(name):
    dataset = load(name, streaming=True)
    assert labels(pickle.loads(pickle.dumps(dataset))) == list(range(N))


def test_open_files_are_streamed_here(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"label": [1, 2]})
    with open(path, "rb") as file:
        assert labels(load(file, streaming=True)) == [1, 2]


def test_back_to_files(name, tmp_path):
    """What was loaded is written again as it was."""
    for number, options in enumerate(({}, {"streaming": True})):
        dataset = load(name, select=["label", "vector", "words"], **options)
        path = tmp_path / f"{number}.tfrecord"
        tfr.write_examples(path, dataset)
        (batch,) = tfr.read_batches(path, ["label"], batch_size=N)
        np.testing.assert_array_equal(batch["label"], COLUMNS["label"])


@pytest.mark.parametrize("streaming", [False, True])
def test_arrays_back_to_files(name, tmp_path, streaming):
    """Their shapes are in the manifest; they were refused as lists of lists."""
    dataset = load(name, select=["image", "cube"], streaming=streaming)
    features = {"image": FEATURES["image"]}
    write_table(dataset, tmp_path / "a")
    write_table(dataset, tmp_path / "b", features)
    (batch,) = tfr.read_batches(tmp_path / "a", batch_size=N)
    for key in ("image", "cube"):
        np.testing.assert_array_equal(batch[key], COLUMNS[key])
    (batch,) = tfr.read_batches(tmp_path / "b", features, batch_size=N)
    np.testing.assert_array_equal(batch["image"], COLUMNS["image"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("streaming", [False, True])
def test_forms_of_paths(folder, form, streaming):  # noqa: F811
    assert labels(load(FORMS[form](folder), streaming=streaming)) == LABELS


def test_other_features_of_the_same_types_are_other_calls(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"x": [1, 2], "y": [10, 20]})
    for key, expected in {"x": [[1], [2]], "y": [[10], [20]]}.items():
        features = {"a": tfr.RaggedFeature(np.int64, value_key=key)}
        assert load(path, features, cache_dir=tmp_path)["a"][:] == expected
    for default in (-1, 0):
        features = {"z": tfr.FixedLenFeature([], np.int64, default_value=default)}
        assert load(path, features, cache_dir=tmp_path)["z"][:] == [default] * 2


def test_a_cache_with_nulls_is_not_that_of_a_call_which_refuses_them(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    tfr.write_examples(path, {"label": [1, None]})
    cache = tmp_path / "cache"
    assert load(path, {"label": pa.int64()}, cache_dir=cache)["label"][:] == [1, None]
    with pytest.raises(tfr.ExampleError, match="'label': is missing"):
        load(path, {"label": int}, cache_dir=cache)
