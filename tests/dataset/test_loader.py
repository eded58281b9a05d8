"""Dataset: which records come when, in which batches."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
from dataset.sets import ID, INDEXED, KINDS, RECORDS, batches_in, flat, ids, joined, order_of
from dataset.test_batches import FEATURES, plain, write

from tfrecord_lite.dataset import read_batches
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.example import features_to_json
from tfrecord_lite.files.index import RecordIndex


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@pytest.mark.parametrize("shuffle", [False, 1, 10, 1000, True])
@pytest.mark.parametrize("size", [7, 100])
def test_batches_are_parsed_records_in_their_order(sets, kind, shuffle, size):
    if shuffle is True and kind not in INDEXED:
        return
    dataset = Dataset(sets[kind], FEATURES, batch_size=size, shuffle=shuffle, seed=3)
    for epoch in range(2):
        order = order_of(len(RECORDS), shuffle, seed=3, epoch=epoch)
        assert list(map(plain, dataset)) == batches_in(order, size)


@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@pytest.mark.parametrize("check", [True, False])
def test_large_pieces(sets, kind, check):
    dataset = Dataset(sets[kind], FEATURES, batch_size=32, check=check)
    assert list(map(plain, dataset)) == batches_in(range(100), 32)
    dataset = Dataset(sets[kind], FEATURES, batch_size=32, check=check, shuffle=30)
    assert list(map(plain, dataset)) == batches_in(order_of(100, 30), 32)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("kind", "shuffle"),
    [("plain", False), ("plain", True), ("blocked", True), ("gzip", 20), ("mixed", False)],
)
def test_workers_change_nothing(sets, kind, shuffle):
    alone = Dataset(sets[kind], FEATURES, batch_size=7, shuffle=shuffle)
    with Dataset(sets[kind], FEATURES, batch_size=7, shuffle=shuffle, workers=2) as dataset:
        kept = []
        for _ in range(3):
            batches = list(dataset)
            kept.append((batches, list(map(plain, batches))))
            assert kept[-1][1] == list(map(plain, alone))
        # A batch is the caller's, however long it is kept.
        for batches, were in kept:
            assert list(map(plain, batches)) == were


def test_writing_into_a_batch_changes_no_other(sets):
    for workers in (0, 1):
        dataset = Dataset(sets["plain"], ID, batch_size=7, workers=workers)
        found = []
        for batch in dataset:
            found += batch["id"].tolist()
            batch["id"][:] = -1
        assert found == list(range(100))
        dataset.close()


@pytest.mark.usefixtures("small")
def test_without_shuffling_it_is_read_batches(sets):
    for size in (1, 30, 99, 100):
        for drop in (False, True):
            options = {"batch_size": size, "drop_remainder": drop}
            expected = list(map(plain, read_batches(sets["mixed"], FEATURES, **options)))
            dataset = Dataset(sets["mixed"], FEATURES, **options)
            assert list(map(plain, dataset)) == expected
            assert len(dataset) == len(expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("size", "drop", "repeat", "batches"),
    [
        (7, False, 1, 15),
        (7, True, 1, 14),
        (7, False, 3, 45),
        (7, True, 2, 28),
        (100, True, 1, 1),
        (101, True, 5, 0),
        (101, False, 5, 5),
    ],
)
def test_len(sets, kind, size, drop, repeat, batches):
    options = {"batch_size": size, "drop_remainder": drop, "repeat": repeat}
    dataset = Dataset(sets[kind], ID, **options)
    assert len(dataset) == batches == len(list(dataset))
    shares = [len(Dataset(sets[kind], ID, rank=rank, world_size=3, **options)) for rank in range(3)]
    assert shares == [
        sum(1 for _ in Dataset(sets[kind], ID, rank=rank, world_size=3, **options))
        for rank in range(3)
    ]


@pytest.mark.parametrize("shuffle", [False, True, 10])
def test_repeat_is_one_epoch_after_another(sets, shuffle):
    options = {"batch_size": 30, "shuffle": shuffle}
    once = Dataset(sets["plain"], ID, **options)
    epochs = [ids(once) for _ in range(7)]
    for repeat in (2, 3):
        many = Dataset(sets["plain"], ID, repeat=repeat, **options)
        for begin in range(0, 6, repeat):
            assert ids(many) == joined(epochs[begin : begin + repeat])
    endless = Dataset(sets["plain"], ID, repeat=None, **options)
    with pytest.raises(TypeError, match="no end"):
        len(endless)
    assert ids(islice(endless, 28)) == joined(epochs)
    # The next one begins with the next epoch that nobody has begun.
    assert ids(islice(endless, 4)) not in epochs or not shuffle


@pytest.mark.parametrize("drop", [False, True])
def test_there_may_be_no_batch(tmp_path, drop):
    empty = write(tmp_path / "empty.tfrecord", [])
    for features in (ID, None):
        for repeat in (1, 3, None):
            for shuffle in (False, True, 5):
                dataset = Dataset(
                    empty, features, batch_size=5, repeat=repeat, shuffle=shuffle, even="pad"
                )
                assert list(iter(dataset)) == []
                assert list(iter(dataset)) == []
    few = write(tmp_path / "few.tfrecord", RECORDS[:3])
    for shuffle in (False, True, 5):
        dataset = Dataset(few, ID, batch_size=5, repeat=None, shuffle=shuffle, drop_remainder=drop)
        assert len(list(islice(dataset, 10))) == (0 if drop else 10)


def test_seeds_and_epochs_make_the_order(sets):
    seen = set()
    for shuffle in (True, 60):
        for seed in (0, 1, 2**40):
            dataset = Dataset(sets["plain"], ID, batch_size=10, shuffle=shuffle, seed=seed)
            again = Dataset(sets["plain"], ID, batch_size=17, shuffle=shuffle, seed=seed, workers=1)
            for _ in range(3):
                order = flat(dataset)
                assert sorted(order) == list(range(100))
                assert flat(again) == order
                seen.add(tuple(order))
            again.close()
    assert len(seen) == 2 * 3 * 3


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
@pytest.mark.parametrize("ranks", [2, 3, 7, 150])
@pytest.mark.parametrize("even", [None, "drop", "pad"])
def test_ranks(sets, kind, ranks, even):
    for shuffle in (False, True, 10) if kind in INDEXED else (False, 10):
        options = {"batch_size": 9, "shuffle": shuffle, "even": even}
        found = []
        for rank in {0, 1, ranks // 2, ranks - 1}:
            dataset = Dataset(sets[kind], ID, rank=rank, world_size=ranks, **options)
            for epoch in range(2):
                expected = order_of(
                    100,
                    shuffle,
                    epoch=epoch,
                    rank=rank,
                    world_size=ranks,
                    even=even,
                    batch_size=9,
                )
                assert flat(dataset) == expected
            found.append(len(expected))
        if even is not None:
            assert len(set(found)) == 1


def test_features_are_inferred(sets):
    dataset = Dataset(sets["plain"], batch_size=100)
    (expected,) = read_batches(sets["plain"], batch_size=100)
    assert list(dataset.features) == list(expected)
    assert plain(next(iter(dataset))) == plain(expected)


def test_a_manifest_has_counts_and_features(tmp_path, monkeypatch):
    def no_index(*args, **options):
        raise AssertionError("an index is made")

    features = features_to_json(ID)
    with ShardWriter(tmp_path / "set", num_shards=3, features=ID) as writer:
        writer.write_many(RECORDS)
    assert json.loads((tmp_path / "set.manifest.json").read_text())["features"] == json.loads(
        features
    )
    expected = [*range(0, 100, 3), *range(1, 100, 3), *range(2, 100, 3)]
    with monkeypatch.context() as patch:
        patch.setattr(RecordIndex, "open", no_index)
        for paths in (tmp_path / "set", tmp_path, f"{tmp_path}/set@3"):
            dataset = Dataset(paths, batch_size=10)
            assert len(dataset) == 10
            assert dataset.features == ID
            assert flat(dataset) == expected
        halves = [flat(Dataset(tmp_path, batch_size=9, rank=rank, world_size=2)) for rank in (0, 1)]
        assert halves == [expected[:50], expected[50:]]
    for shuffle in (True, 10):
        assert sorted(flat(Dataset(tmp_path, batch_size=9, shuffle=shuffle))) == list(range(100))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"shuffle": 0}, "shuffle=0 must be at least 1"),
        ({"shuffle": -3}, "shuffle=-3 must be at least 1"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"workers": -1}, "workers=-1 must be at least 0"),
        ({"repeat": 0}, "repeat=0 must be at least 1"),
        (
            {"rank": 2, "world_size": 2},
            "rank=2 must be from 0 to world_size - 1, where world_size=2",
        ),
        ({"rank": -1, "world_size": 2}, "rank=-1 must be from 0"),
        ({"rank": 0, "world_size": 0}, "world_size=0 must be at least 1"),
        ({"even": "padding"}, "even='padding'; choose None, 'drop' or 'pad'"),
        ({"on_damage": "skip"}, "on_damage='skip'; pass 'raise' or a callable"),
        ({"features": {}}, "no features"),
        ({"compression": "gzip"}, "unknown compression 'gzip'"),
    ],
)
def test_options(sets, options, text):
    with pytest.raises(ValueError, match=text):
        Dataset(sets["plain"], **{"features": ID, "batch_size": 10, **options})


def test_options_of_other_types(sets):
    dataset = Dataset(
        sets["plain"], ID, batch_size=np.int64(10), shuffle=np.int32(5), rank=np.int8(0)
    )
    json.dumps(dataset.state_dict())
    for options in ({"batch_size": 2.5}, {"shuffle": "yes"}, {"repeat": 1.5}):
        with pytest.raises(TypeError):
            Dataset(sets["plain"], ID, **{"batch_size": 1, **options})
