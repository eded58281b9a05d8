"""MapDataset: rows by number, in this process, in threads and in a DataLoader's workers."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from worlds.files import (
    FEATURES,
    SEQUENCES,
    SPARSE,
    damage,
    row,
    write,
    write_ids,
    write_sequences,
    write_sparse,
)

import tfrecord_lite as tfr
from tfrecord_lite.torch import MapDataset, make_loader

COUNTS = (5, 0, 17, 1)
TOTAL = sum(COUNTS)


@pytest.fixture(params=[{}, {"compression": "GZIP", "block_bytes": 500}], ids=["plain", "blocked"])
def paths(request, tmp_path):
    return write(tmp_path, COUNTS, **request.param)


def values(found):
    return {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in found.items()
    }


def expected(number):
    wanted = row(number)
    steps = wanted["steps"]
    return {**wanted, "steps": [steps[i : i + 2] for i in range(0, len(steps), 2)]}


def test_rows(paths):
    data = MapDataset(paths, FEATURES)
    assert len(data) == TOTAL
    for number in (0, 4, 5, 22, -1):
        assert values(data[number]) == expected(number % TOTAL)
    found = data[7]
    assert (found["id"].dtype, found["id"].shape) == (torch.int64, ())
    assert found["pair"].dtype == torch.float32
    numbers = [22, 0, 5, 5]
    assert list(map(values, data.__getitems__(numbers))) == list(map(expected, numbers))
    assert data.__getitems__([]) == []
    with pytest.raises(IndexError, match="no record 23"):
        data[23]


@pytest.mark.parametrize("asked", [[0, 1], slice(2), np.arange(2), 1.0, True, "id"], ids=repr)
def test_an_item_is_asked_for_by_an_integer(paths, asked):
    """It was told that lists and slices are taken."""
    data = MapDataset(paths, FEATURES)
    assert values(data[torch.tensor(3)]) == values(data[np.int32(3)]) == expected(3)
    with pytest.raises(TypeError, match=r"MapDataset\(.*: an item is asked for by an integer"):
        data[asked]


def test_features_are_found_where_none_are_given(tmp_path):
    data = MapDataset(write_ids(tmp_path, (3,)))
    assert data[2] == {"id": 2}
    assert data.features == {"id": tfr.FixedLenFeature([], np.int64)}


def test_transform(paths):
    data = MapDataset(paths, ["id"], transform=lambda found: found["id"] * 10)
    assert data[3] == 30
    assert data.__getitems__([1, 2]) == [10, 20]


def tenfold(found):
    return {"tenfold": found["id"] * 10}


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers(tmp_path, start):
    loader = DataLoader(
        MapDataset(write(tmp_path, COUNTS), {"id": int}, tenfold),
        batch_size=4,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=start,
    )
    found = [number for batch in loader for number in batch["tenfold"].tolist()]
    assert sorted(found) == [10 * number for number in range(TOTAL)]


def test_a_copy_goes_on(paths):
    data = pickle.loads(pickle.dumps(MapDataset(paths, FEATURES)))
    assert values(data[9]) == expected(9)


def test_threads(paths):
    data = MapDataset(paths, FEATURES)
    wanted = np.random.default_rng(0).integers(0, TOTAL, (200, 3)).tolist()
    with ThreadPoolExecutor(8) as pool:
        for numbers, found in zip(wanted, pool.map(data.__getitems__, wanted), strict=True):
            assert list(map(values, found)) == list(map(expected, numbers))


def test_damage_raises_with_its_place(tmp_path):
    paths = write_ids(tmp_path, (5, 5))
    damage(paths[1], 2)
    data = MapDataset(paths, {"id": int})
    assert data[6]["id"] == 6
    with pytest.raises(tfr.CorruptRecordError, match=r"1\.tfrecord: record 2"):
        data[7]


def test_a_record_without_the_feature_is_named(tmp_path):
    paths = write_ids(tmp_path, (5,))
    with tfr.RecordWriter(paths[0], mode="a") as writer:
        writer.write(tfr.encode_example({"other": 1}))
    data = MapDataset(paths, {"id": int})
    with pytest.raises(tfr.ExampleError, match=r"0\.tfrecord: record 5.*'id'"):
        data.__getitems__([1, 5])


def test_repr(paths):
    assert repr(MapDataset(paths, ["id"])) == (
        f"MapDataset(4 files from {paths[0]!r} on, 23 records, features ['id'])"
    )


def test_sparse_features(tmp_path):
    rows = write_sparse(str(tmp_path / "a"))
    found = [item["s"] for item in MapDataset(tmp_path / "a", SPARSE).__getitems__([0, 1, 2])]
    assert [
        (part.indices.flatten().tolist(), part.values.tolist(), part.dense_shape.tolist())
        for part in found
    ] == [(at, values, [5]) for at, values in rows]


def test_sequence_examples(tmp_path):
    rows = write_sequences(str(tmp_path / "a"))
    data = MapDataset(tmp_path / "a", SEQUENCES)
    for written, found in zip(rows, data.__getitems__(range(5)), strict=True):
        assert found["context"]["id"] == written["context"]["id"]
        steps = [step for (step,) in written["feature_lists"]["steps"]]
        assert found["feature_lists"]["steps"].tolist() == steps
    (batch,) = make_loader(tmp_path / "a", SEQUENCES, batch_size=5)
    assert batch["context"]["id"].tolist() == [0, 1, 2, 3, 4]
    assert batch["feature_lists"]["steps"].shape[0] == 5
    assert repr(data).endswith("5 records, features ['id', 'steps'])")


def test_a_transform_that_is_no_function(paths):
    with pytest.raises(TypeError, match="transform=3 must be a function"):
        MapDataset(paths, FEATURES, transform=3)
