"""jax.make_loader: the batches of Dataset on devices, some ahead."""

from __future__ import annotations

import copy
import json
from itertools import islice

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from worlds.files import FEATURES, SPARSE, damage, write, write_ids, write_sparse

import tfrecord_lite as tfr
from tfrecord_lite.jax import Offsets, make_loader

COUNTS = (5, 0, 17, 1)
TOTAL = sum(COUNTS)
OPTIONS = {"batch_size": 4, "shuffle": True, "seed": 1}


@pytest.fixture
def paths(tmp_path):
    return write_ids(tmp_path, COUNTS)


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def test_columns(tmp_path):
    paths = write(tmp_path, COUNTS)
    loader = make_loader(paths, FEATURES, batch_size=4)
    arrays = list(tfr.Dataset(paths, FEATURES, batch_size=4))
    assert len(loader) == len(arrays)
    for found, wanted in zip(loader, arrays, strict=True):
        for name in ("id", "pair", "steps"):
            assert isinstance(found[name], jax.Array)
            np.testing.assert_array_equal(found[name], wanted[name])
        assert found["name"].tolist() == wanted["name"].tolist()
        assert type(found["tags"]) is Offsets
        assert found["tags"].offsets[0] == 0
        values, splits = np.asarray(found["tags"].values), np.asarray(found["tags"].offsets)
        assert tfr.Ragged(values, splits).to_list() == wanted["tags"].to_list()


@pytest.mark.parametrize("prefetch", [0, 1, 2, 100])
def test_epochs_and_states(paths, prefetch):
    dataset = tfr.Dataset(paths, **OPTIONS)
    wanted = [ids(dataset) for _ in range(4)]
    loader = make_loader(paths, prefetch=prefetch, **OPTIONS)
    assert ids(loader) == wanted[0]
    for at in range(7):
        loader.set_epoch(1)
        assert ids(islice(loader, at)) == wanted[1][:at]
        state = json.loads(json.dumps(loader.state_dict()))
        other = make_loader(paths, prefetch=prefetch, workers=at % 2, **OPTIONS)
        other.load_state_dict(state)
        if at in range(1, 6):
            assert ids(other) == wanted[1][at:]
            assert ids(other) == wanted[2]
        other.close()
    loader.set_epoch(1)
    # Whoever leaves an epoch goes on with the next.
    next(iter(loader))
    assert ids(loader) == wanted[2]
    assert ids(loader) == wanted[3]


def test_a_state_never_tells_of_batches_that_were_only_prefetched(paths):
    """After an epoch that was left early, and beside other iterators: records were skipped."""
    dataset = tfr.Dataset(paths, **OPTIONS)
    wanted = [ids(dataset) for _ in range(3)]
    loader = make_loader(paths, prefetch=3, **OPTIONS)

    def following():
        other = make_loader(paths, **OPTIONS)
        other.load_state_dict(loader.state_dict())
        return ids(other)

    first = iter(loader)
    next(first)
    assert following() == wanted[0][1:]
    # An iterator that nobody has used is no epoch.
    second = iter(loader)
    assert following() == wanted[0][1:]
    next(first)
    assert following() == wanted[0][2:]
    next(second)
    assert following() == wanted[1][1:]
    # The newest counts, whichever is used besides.
    assert ids(first) == wanted[0][2:]
    assert following() == wanted[1][1:]
    assert ids(second) == wanted[1][1:]
    # One that was made before set_epoch(), and begins after it.
    third = iter(loader)
    loader.set_epoch(2)
    assert following() == wanted[2]
    next(third)
    assert following() == wanted[2][1:]
    # Nor does a copy, which goes on by itself.
    state, loader = loader.state_dict(), copy.copy(loader)
    next(third)
    assert loader.state_dict() == state


@pytest.mark.parametrize("prefetch", [0, 1, 30])
def test_without_an_end_the_next_epoch_is_that_after_the_newest_batch(paths, prefetch):
    """It was that after what had been prefetched, so that epochs were left out."""
    dataset = tfr.Dataset(paths, **OPTIONS)
    wanted = [ids(dataset) for _ in range(5)]
    loader = make_loader(paths, repeat=None, prefetch=prefetch, **OPTIONS)
    size = len(wanted[0])
    assert ids(islice(loader, size)) == wanted[0]
    assert ids(islice(loader, size - 1)) == wanted[1][:-1]
    assert ids(islice(loader, size + 1)) == wanted[2] + wanted[3][:1]
    assert ids(islice(copy.copy(loader), size)) == wanted[4]
    loader.set_epoch(1)
    assert ids(islice(loader, 1)) == wanted[1][:1]


def test_sharding(paths):
    mesh = Mesh(np.array(jax.devices()), ("data",))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    loader = make_loader(paths, sharding=sharding, drop_remainder=True, **OPTIONS)
    batches = list(loader)
    assert len(batches) == 5
    for batch in batches:
        assert batch["id"].sharding == sharding
        assert {shard.data.shape for shard in batch["id"].addressable_shards} == {(1,)}
    with pytest.raises(ValueError, match=r"'id': a batch of shape \[3\].*drop_remainder=True"):
        list(make_loader(paths, sharding=sharding, **OPTIONS))


def test_what_a_map_returns(paths):
    def work(batch, rng):
        return {"a": [batch["id"], ("text", np.float32(2))], "noise": rng.random(len(batch["id"]))}

    found = next(iter(make_loader(paths, batch_size=4, map=work)))
    assert isinstance(found["a"][0], jax.Array)
    assert found["a"][1] == ("text", 2)
    assert isinstance(found["a"][1][1], jax.Array)
    assert found["noise"].dtype == np.float32


def test_odd_arrays_of_a_map(paths):
    def first(made):
        return next(iter(make_loader(paths, batch_size=4, map=lambda _: made)))

    assert first(np.array([1, 256], ">i4")).tolist() == [1, 256]
    assert first(np.array([(1, 2)], "u1, <i4")["f1"]).tolist() == [2]
    # A number that is not an array, either, becomes no other.
    with pytest.raises(OverflowError, match=r"'n': 1099511627776 does not fit int32"):
        first({"n": np.int64(2**40)})
    with pytest.raises(Exception, match="masked arrays are not supported"):
        first(np.ma.array([1, 2], mask=[False, True]))


def test_what_is_no_sharding_is_refused_at_once(paths):
    for wrong in (PartitionSpec("data"), jax.devices()[0], "data"):
        with pytest.raises(TypeError, match=r"sharding=.* must be a jax.sharding.Sharding"):
            make_loader(paths, batch_size=4, sharding=wrong)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_map_that_returns_another_thing_each_time_or_raises(paths, workers):
    def odd(batch):
        first = int(batch["id"][0])
        if first == 12:
            raise LookupError("no twelve")
        column = batch["id"][::-1]
        return (column, column[None, :1].astype(np.uint8), {"view": batch["id"][1:]})[first // 4]

    with make_loader(paths, batch_size=4, workers=workers, map=odd) as loader:
        batches = iter(loader)
        first, second, third = islice(batches, 3)
        with pytest.raises(LookupError, match="no twelve"):
            next(batches)
    assert first.tolist() == [3, 2, 1, 0]
    assert (second.dtype, second.tolist()) == (np.uint8, [[7]])
    assert third["view"].tolist() == [9, 10, 11]


def test_integers_beyond_32_bits(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    tfr.write_examples(path, {"big": [1, -(2**40)], "small": [1, 2**31 - 1]})
    with pytest.raises(OverflowError, match=r"'big': -1099511627776 does not fit int32"):
        next(iter(make_loader(path, batch_size=2)))
    assert next(iter(make_loader(path, ["small"], batch_size=2)))["small"].tolist() == [
        1,
        2**31 - 1,
    ]
    with jax.enable_x64(True):
        assert next(iter(make_loader(path, batch_size=2)))["big"].tolist() == [1, -(2**40)]


def test_errors_come_in_their_turn(tmp_path):
    paths = write_ids(tmp_path, (10,))
    damage(paths[0], 6)
    iterator = iter(make_loader(paths, {"id": int}, batch_size=2, prefetch=5))
    assert ids(islice(iterator, 3)) == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(tfr.CorruptRecordError, match="record 6"):
        next(iterator)
    found = []
    loader = make_loader(paths, {"id": int}, batch_size=2, on_damage=found.append)
    assert sorted(number for batch in ids(loader) for number in batch) == [
        number for number in range(10) if number != 6
    ]
    assert len(found) == 1


def test_ranks(paths):
    found = []
    for rank in range(3):
        found += ids(make_loader(paths, rank=rank, world_size=3, **OPTIONS))
    assert sorted(number for batch in found for number in batch) == list(range(TOTAL))
    with pytest.raises(ValueError, match="pass both, or neither"):
        make_loader(paths, batch_size=4, rank=1)
    assert ids(make_loader(paths, **OPTIONS)) == ids(tfr.Dataset(paths, **OPTIONS))


def test_no_records(tmp_path):
    loader = make_loader(write_ids(tmp_path, (0, 0)), {"id": int}, batch_size=2)
    assert (len(loader), ids(loader), ids(loader)) == (0, [], [])


def test_sparse_features(tmp_path):
    rows = write_sparse(str(tmp_path / "a"))
    (batch,) = make_loader(tmp_path / "a", SPARSE, batch_size=4, sharding=None)
    assert isinstance(batch["s"].values, jax.Array)
    assert batch["s"].values.tolist() == [value for _, values in rows for value in values]
    assert batch["s"].dense_shape.tolist() == [3, 5]


def test_floats_beyond_32_bits(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    rows = [np.float64(value).tobytes() for value in (0.1, 1e300, -np.inf)]
    tfr.write_examples(path, {"d": rows})
    features = {"d": tfr.RawFeature([], np.float64)}
    batches = iter(make_loader(path, features, batch_size=1))
    assert next(batches)["d"].tolist() == [np.float32(0.1)]
    with pytest.raises(OverflowError, match=r"'d': 1e\+300 would become infinite as float32"):
        next(batches)
    tfr.write_examples(path, {"d": rows[::2]})
    assert next(iter(make_loader(path, features, batch_size=2)))["d"].tolist()[1] == -np.inf
