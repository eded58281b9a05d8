"""make_loader: the batches of Dataset, as tensors."""

from __future__ import annotations

import json
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from worlds.files import FEATURES, damage, write, write_ids

import tfrecord_lite as tfr
from tfrecord_lite.torch import Offsets, make_loader

COUNTS = (5, 0, 17, 1)
TOTAL = sum(COUNTS)


@pytest.fixture
def paths(tmp_path):
    return write_ids(tmp_path, COUNTS)


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def test_columns(tmp_path):
    paths = write(tmp_path, COUNTS)
    arrays = list(tfr.Dataset(paths, FEATURES, batch_size=4))
    loader = make_loader(paths, FEATURES, batch_size=4)
    assert len(loader) == len(arrays)
    for found, wanted in zip(loader, arrays, strict=True):
        for name in ("id", "pair", "steps"):
            assert found[name].numpy().dtype == wanted[name].dtype
            np.testing.assert_array_equal(found[name].numpy(), wanted[name])
        assert found["name"] == wanted["name"].tolist()
        assert type(found["tags"]) is Offsets
        for name in ("tags", "words"):
            offsets, values = found[name].offsets.tolist(), list(found[name].values)
            assert offsets[0] == 0
            rows = [values[begin:end] for begin, end in pairwise(offsets)]
            assert rows == wanted[name].to_list()


def test_nested_tensors(tmp_path):
    loader = make_loader(write(tmp_path, (6,)), ["tags"], batch_size=4, ragged="nested")
    rows = [row.tolist() for batch in loader for row in batch["tags"].unbind()]
    assert rows == [[n] * (n % 4) for n in range(6)]
    with pytest.raises(ValueError, match="ragged='rows'; choose 'offsets' or 'nested'"):
        make_loader(write(tmp_path, (6,)), batch_size=4, ragged="rows")


@pytest.mark.parametrize("shuffle", [False, True, 10])
def test_epochs_are_those_of_a_dataset(paths, shuffle):
    options = {"batch_size": 4, "shuffle": shuffle, "seed": 3}
    loader, dataset = make_loader(paths, **options), tfr.Dataset(paths, **options)
    for _ in range(3):
        assert ids(loader) == ids(dataset)
    loader.set_epoch(1)
    dataset.set_epoch(1)
    assert ids(loader) == ids(dataset)


@pytest.mark.parametrize("workers", [(0, 2), (2, 0), (1, 3)])
def test_a_state_goes_on_with_other_workers(paths, workers):
    options = {"batch_size": 4, "shuffle": True}
    with make_loader(paths, workers=workers[0], **options) as loader:
        next(iter(loader))
        iterator = iter(loader)
        begun = ids(islice(iterator, 2))
        state = json.loads(json.dumps(loader.state_dict()))
        iterator.close()
    with make_loader(paths, workers=workers[1], **options) as other:
        other.load_state_dict(state)
        whole = tfr.Dataset(paths, **options)
        list(whole)
        assert begun + ids(other) == ids(whole)


def test_iterators_that_nobody_used_are_no_epochs(paths):
    options = {"batch_size": 4, "shuffle": True}
    loader, dataset = make_loader(paths, **options), tfr.Dataset(paths, **options)
    iter(loader)
    assert ids(loader) == ids(dataset)
    iter(loader)
    assert ids(loader) == ids(dataset)


def test_ranks(paths):
    loaders = [
        make_loader(paths, batch_size=4, shuffle=True, rank=rank, world_size=3) for rank in range(3)
    ]
    found = [number for loader in loaders for batch in ids(loader) for number in batch]
    assert sorted(found) == list(range(TOTAL))
    with pytest.raises(ValueError, match="pass both, or neither"):
        make_loader(paths, batch_size=4, rank=1)


def test_more_ranks_than_records(tmp_path):
    paths = write_ids(tmp_path, (2, 0))
    for even, expected in ((None, [1, 1, 0, 0]), ("drop", [0] * 4), ("pad", [1] * 4)):
        loaders = [
            make_loader(paths, batch_size=4, rank=rank, world_size=4, even=even)
            for rank in range(4)
        ]
        assert sorted(map(len, loaders), reverse=True) == expected
        assert sorted((len(ids(loader)) for loader in loaders), reverse=True) == expected


@pytest.mark.parametrize("counts", [(0,), (0, 0)])
def test_no_records(tmp_path, counts):
    loader = make_loader(write_ids(tmp_path, counts), {"id": int}, batch_size=4)
    assert (len(loader), ids(loader), ids(loader)) == (0, [], [])


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_map_returns(paths, workers):
    def work(batch, rng):
        size = len(batch["id"])
        return {
            "half": torch.as_tensor(batch["id"]).to(torch.bfloat16) / 2,
            "nested": {"noise": rng.random(size).astype(np.float32), "pair": (batch["id"], "text")},
            "flags": [np.ones(size, bool), np.uint64(7)],
        }

    with make_loader(paths, batch_size=4, workers=workers, map=work) as loader:
        found = list(loader)
    assert [batch["nested"]["pair"][0].tolist() for batch in found] == ids(
        make_loader(paths, batch_size=4)
    )
    for batch in found:
        assert batch["half"].dtype == torch.bfloat16
        assert batch["nested"]["noise"].dtype == torch.float32
        assert batch["nested"]["pair"][1] == "text"
        assert batch["flags"][0].dtype == torch.bool
        assert int(batch["flags"][1]) == 7
    same = make_loader(paths, batch_size=4, map=work)
    for ours, theirs in zip(found, same, strict=True):
        assert torch.equal(ours["nested"]["noise"], theirs["nested"]["noise"])


def odd(batch):
    """Give each batch another shape and type, or views of what came, and raise for one."""
    first = int(batch["id"][0])
    if first == 12:
        raise LookupError("no twelve")
    column = batch["id"][::-1]
    return (column, column[None, :1].astype(np.uint8), {"view": batch["id"][1:]})[first // 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_map_that_returns_another_thing_each_time_or_raises(paths, workers):
    with make_loader(paths, batch_size=4, workers=workers, map=odd) as loader:
        batches = iter(loader)
        first, second, third = islice(batches, 3)
        with pytest.raises(LookupError, match="no twelve"):
            next(batches)
    assert first.tolist() == [3, 2, 1, 0]
    assert (second.dtype, second.tolist()) == (torch.uint8, [[7]])
    assert third["view"].tolist() == [9, 10, 11]


def test_ranks_with_other_files_can_be_told_apart(tmp_path):
    ours, theirs = (
        write_ids(tmp_path / name, counts) for name, counts in (("a", (5, 6)), ("b", (5, 7)))
    )
    files = {
        name: make_loader(paths, batch_size=4, rank=rank, world_size=2).state_dict()["files"]
        for name, rank, paths in (("0", 0, ours), ("1", 1, ours), ("other", 1, theirs))
    }
    assert files["0"] == files["1"] != files["other"]


@pytest.mark.parametrize("workers", [0, 2])
def test_tensors_may_be_written_to(paths, workers):
    with make_loader(paths, batch_size=4, workers=workers) as loader:
        for batch in loader:
            batch["id"].zero_()
        assert sorted(number for batch in ids(loader) for number in batch) == list(range(TOTAL))


@pytest.mark.parametrize("workers", [0, 2])
def test_damage(tmp_path, workers):
    paths = write_ids(tmp_path, (5, 5))
    damage(paths[1], 2)
    with (
        make_loader(paths, {"id": int}, batch_size=2, workers=workers) as loader,
        pytest.raises(tfr.CorruptRecordError, match=r"1\.tfrecord: record 2"),
    ):
        list(loader)
    found = []
    options = {"batch_size": 2, "on_damage": found.append, "workers": workers}
    with make_loader(paths, {"id": int}, **options) as loader:
        assert ids(loader) == [[0, 1], [2, 3], [4, 5], [6, 8], [9]]
    assert [(region.record, region.kind) for region in found] == [(2, "data")]


def test_torch_distributed_is_asked(paths, tmp_path):
    before = make_loader(paths, batch_size=4)
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert len(ids(before)) == 6
        now = torch.distributed.get_world_size
        torch.distributed.get_world_size = lambda: 2
        try:
            assert len(make_loader(paths, batch_size=4)) == 3
            with pytest.raises(RuntimeError, match="initialised after this was made for rank 0 of"):
                iter(before)
        finally:
            torch.distributed.get_world_size = now
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_nothing_is_pinned_without_a_gpu(paths):
    assert not next(iter(make_loader(paths, batch_size=4)))["id"].is_pinned()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_tensors_are_pinned_where_there_is_a_gpu(paths):
    assert next(iter(make_loader(paths, batch_size=4)))["id"].is_pinned()


@pytest.mark.parametrize(("asked", "gpu"), [("auto", True), (True, False), (False, True)])
def test_which_tensors_are_pinned(tmp_path, monkeypatch, asked, gpu):
    """All of a batch, those of ragged columns too; the GPU and the pinning are simulated."""
    count = 0

    def pin(tensor):
        nonlocal count
        count += 1
        return tensor

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    loader = make_loader(write(tmp_path, (6,)), FEATURES, batch_size=6, pin_memory=asked)
    (batch,) = loader
    # id, pair and steps; values and offsets of tags; the offsets of words.
    assert count == (6 if asked else 0)
    assert batch["id"].tolist() == [*range(6)]


def test_repr(paths):
    assert "Loader of <Dataset of 4 files" in repr(make_loader(paths, batch_size=4))


def test_what_says_nothing_of_pinned_memory_is_refused(paths):
    """It was taken for True."""
    with pytest.raises(ValueError, match="pin_memory='no'; choose True, False or 'auto'"):
        make_loader(paths, batch_size=4, pin_memory="no")
