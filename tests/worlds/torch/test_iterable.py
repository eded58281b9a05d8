"""IterableDataset in DataLoader: the batches of num_workers=0, whatever the workers, each epoch."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader
from worlds.files import damage, write, write_ids

import tfrecord_lite as tfr
from tfrecord_lite.torch import IterableDataset

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

COUNTS = (5, 0, 17, 1, 9)
TOTAL = sum(COUNTS)


@pytest.fixture
def paths(tmp_path):
    return write_ids(tmp_path, COUNTS)


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def epochs(paths, count, **options):
    dataset = tfr.Dataset(paths, **options)
    return [ids(dataset) for _ in range(count)]


def loader_of(dataset, workers, *, start="fork", persistent=False, **options):
    context = {"multiprocessing_context": start} if workers else {}
    return DataLoader(
        dataset,
        batch_size=None,
        num_workers=workers,
        persistent_workers=persistent and workers > 0,
        **context,
        **options,
    )


OPTIONS = {"batch_size": 4, "shuffle": True, "seed": 1}


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_epochs(paths, workers, persistent):
    data = IterableDataset(paths, **OPTIONS)
    loader = loader_of(data, workers, persistent=persistent)
    assert len(loader) == len(data) == 8
    wanted = epochs(paths, 4, **OPTIONS)
    assert [ids(loader) for _ in range(3)] == wanted[:3]
    data.set_epoch(1)
    assert ids(loader) == wanted[1]
    assert ids(loader) == wanted[2]
    data.set_epoch(0)
    # The next one after an epoch that was left.
    next(iter(loader))
    assert ids(loader) == wanted[1]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_start_methods(paths, start, persistent):
    data = IterableDataset(paths, **OPTIONS)
    loader = loader_of(data, 2, start=start, persistent=persistent)
    wanted = epochs(paths, 3, **OPTIONS)
    assert ids(loader) == wanted[0]
    data.set_epoch(2)
    assert ids(loader) == wanted[2]


def iterate(data, workers, start, together, found, number):
    torch.manual_seed(0)
    together.wait()
    loader = loader_of(data, workers, start=start)
    batches = [ids(loader) for _ in range(3)]
    data.set_epoch(1)
    found.put((number, [*batches, ids(loader)]))


@pytest.mark.parametrize("begun", [0, 2])
@pytest.mark.parametrize(("start", "workers"), [("fork", 0), ("fork", 2), ("spawn", 2)])
def test_processes_that_iterate_at_once_each_for_itself(paths, start, workers, begun):
    """Each goes through all epochs from there on, with the same seed of torch's, too."""
    data = IterableDataset(paths, **OPTIONS)
    for _ in range(begun):
        list(data)
    wanted = epochs(paths, begun + 3, **OPTIONS)
    context = torch.multiprocessing.get_context(start)
    together, found = context.Barrier(3), context.Queue()
    arguments = (data, workers, "fork", together, found)
    processes = [context.Process(target=iterate, args=(*arguments, n)) for n in range(3)]
    for process in processes:
        process.start()
    results = dict(found.get() for _ in processes)
    for process in processes:
        process.join()
    assert list(results.values()) == [[*wanted[begun:], wanted[1]]] * 3
    # Here nothing was begun meanwhile.
    assert ids(data) == wanted[begun]


def test_two_iterators_at_once_are_two_epochs(paths):
    loader = loader_of(IterableDataset(paths, **OPTIONS), 2)
    both = list(zip(loader, loader, strict=True))
    found = [ids(part) for part in zip(*both, strict=True)]
    assert sorted(found) == sorted(epochs(paths, 2, **OPTIONS))


def test_who_seeds_torch_before_each_epoch_gets_other_orders(paths):
    loader = loader_of(IterableDataset(paths, **OPTIONS), 2)
    found = []
    for _ in range(3):
        torch.manual_seed(0)
        found.append(ids(loader))
    assert found == epochs(paths, 3, **OPTIONS)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))]
)
def test_a_copy_counts_epochs_by_itself(paths, copied):
    data = IterableDataset(paths, **OPTIONS)
    wanted = epochs(paths, 3, **OPTIONS)
    assert ids(loader_of(data, 2)) == wanted[0]
    other = copied(data)
    copied(data).set_epoch(7)
    assert [ids(loader_of(other, 2)) for _ in range(2)] == wanted[1:]
    assert ids(loader_of(data, 2)) == wanted[1]


def test_another_number_of_workers_goes_on(paths):
    data = IterableDataset(paths, **OPTIONS)
    found = [ids(loader_of(data, workers)) for workers in (2, 0, 3)]
    assert found == epochs(paths, 3, **OPTIONS)


def test_more_workers_than_batches(tmp_path):
    data = IterableDataset(write_ids(tmp_path, (3, 0)), batch_size=2)
    assert ids(loader_of(data, 4)) == [[0, 1], [2]]


def test_no_records(tmp_path):
    data = IterableDataset(write_ids(tmp_path, (0, 0)), {"id": int}, batch_size=2)
    loader = loader_of(data, 2)
    assert (len(loader), ids(loader), ids(loader)) == (0, [], [])


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks(paths, workers):
    found = []
    for rank in range(3):
        data = IterableDataset(paths, rank=rank, world_size=3, **OPTIONS)
        options = {**OPTIONS, "rank": rank, "world_size": 3}
        found.append(ids(loader_of(data, workers)))
        assert found[-1] == epochs(paths, 1, **options)[0]
    assert sorted(n for part in found for batch in part for n in batch) == list(range(TOTAL))


@pytest.mark.parametrize("workers", [0, 2])
def test_map_and_its_numbers(paths, workers):
    def work(batch, rng):
        return {"id": batch["id"], "noise": rng.random(len(batch["id"]))}

    found = list(loader_of(IterableDataset(paths, map=work, **OPTIONS), workers))
    wanted = list(tfr.Dataset(paths, map=work, **OPTIONS))
    assert [b["noise"].tolist() for b in found] == [b["noise"].tolist() for b in wanted]


@pytest.mark.parametrize("form", ["offsets", "nested"])
def test_ragged_columns_from_workers(tmp_path, form):
    data = IterableDataset(write(tmp_path, (6,)), ["tags"], batch_size=4, ragged=form)
    found = [batch["tags"] for batch in loader_of(data, 2)]
    if form == "nested":
        rows = [row.tolist() for column in found for row in column.unbind()]
        assert rows == [[n] * (n % 4) for n in range(6)]
    else:
        assert [column.values.tolist() for column in found] == [[1, 2, 2, 3, 3, 3], [5]]
        assert [column.offsets.tolist() for column in found] == [[0, 0, 1, 3, 6], [0, 0, 1]]


def test_a_map_that_raises_comes_back(paths):
    def work(batch):
        raise KeyError("no such label")

    with pytest.raises(KeyError, match="no such label"):
        next(iter(loader_of(IterableDataset(paths, map=work, **OPTIONS), 2)))


KILLED = """
import os, signal, sys
from torch.utils.data import DataLoader
from tfrecord_lite.torch import IterableDataset

def work(batch):
    print(os.getpid(), flush=True)
    if 20 in batch["id"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return batch

data = IterableDataset(sys.argv[1:], batch_size=4, map=work)
list(DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context="fork"))
"""


def test_a_killed_worker_is_an_error(paths):
    """Torch raises it in a signal handler, anywhere: not here, then."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.search(r"RuntimeError: DataLoader worker \(pid.*(killed|unexpectedly)", done.stderr)
    pids = {int(line) for line in done.stdout.split()}
    assert pids
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


# Damage.


@pytest.fixture
def damaged(tmp_path):
    paths = write_ids(tmp_path, (9, 9))
    damage(paths[0], 2)
    damage(paths[1], 5)
    return paths


@pytest.mark.parametrize("workers", [0, 2])
def test_damage_raises(damaged, workers):
    loader = loader_of(IterableDataset(damaged, {"id": int}, batch_size=2), workers)
    with pytest.raises(tfr.CorruptRecordError, match=r"0\.tfrecord: record 2"):
        ids(loader)


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("workers", [0, 2])
def test_damage_is_reported_to_the_process_of_the_loader(damaged, tmp_path, workers, start):
    report = tmp_path / "damage.jsonl"
    options = {"batch_size": 2, "on_damage": "report"}
    data = IterableDataset(damaged, {"id": int}, report=report, **options)
    loader = loader_of(data, workers, start=start)
    found = [number for batch in ids(loader) for number in batch]
    # Workers do not fill up batches from which records were left out.
    assert sorted(found) == [number for number in range(18) if number not in (2, 14)]
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(line["path"], line["record"], line["kind"]) for line in lines] == [
        (damaged[0], 2, "data"),
        (damaged[1], 5, "data"),
    ]
    assert data.damage == (2, sum(line["end"] - line["begin"] for line in lines))
    counted = IterableDataset(damaged, {"id": int}, **options)
    assert ids(loader_of(counted, workers)) == ids(loader)
    assert counted.damage[0] == 2
    assert data.damage[0] == 4


def test_what_on_damage_takes(damaged, tmp_path):
    with pytest.raises(TypeError, match="would be called in copies; pass on_damage='report'"):
        IterableDataset(damaged, {"id": int}, batch_size=2, on_damage=print)
    with pytest.raises(TypeError, match="would be called in copies"):
        IterableDataset(tfr.RecordSet(damaged, on_damage=print), {"id": int}, batch_size=2)
    with pytest.raises(ValueError, match="choose 'raise' or 'report'"):
        IterableDataset(damaged, {"id": int}, batch_size=2, on_damage="skip")
    with pytest.raises(ValueError, match="report= is of use with on_damage='report' alone"):
        IterableDataset(damaged, {"id": int}, batch_size=2, report=tmp_path / "r")
