"""A set of 10,000 shards and 10^9 records: what it takes to open it, and to read from it.

The set is simulated: its manifest and its sidecars are whole, its shards are sparse files in which
those records are written that are read here. Each figure but those of the permutation is of a fresh
process that does nothing else. Files are in the page cache: what is measured is this package and
the system, not a disk.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from harness import conditions, describe, parse_options, peak_memory, save

import tfrecord_lite as tfr
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.dataset.order import permutation
from tfrecord_lite.dataset.plan import Plan
from tfrecord_lite.dataset.settings import Settings
from tfrecord_lite.files.fingerprint import Fingerprint
from tfrecord_lite.files.manifest import ManifestEntry
from tfrecord_lite.files.paths import SHARD_NAME
from tfrecord_lite.files.sidecar import write_sidecar
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES = {"id": tfr.FixedLenFeature([], np.bytes_), "data": tfr.FixedLenFeature([], np.bytes_)}
BATCH_SIZE = 256
SEED = 7


class Simulated(NamedTuple):
    """A set of ``shards`` of ``rows`` records each, of which those exist that are ``read``."""

    name: str
    shards: int
    rows: int
    batches: int

    @property
    def records(self) -> int:
        """How many records the set has."""
        return self.shards * self.rows


def record(number: int, row: int) -> bytes:
    """Return a record; its size depends on its row alone."""
    return tfr.encode_example({"id": b"%012d" % number, "data": bytes(60 + row * 7 % 16)})


def make(simulated: Simulated) -> list[int]:
    """Write a set: its manifest, its sidecars, and the records that are read. Return some of these.

    They are those at the front of some shards, and those of all runs from which the batches are.
    """
    name, shards, rows, batches = simulated
    lengths = np.array([len(record(0, row)) for row in range(16)], np.uint8)[np.arange(rows) % 16]
    bounds = np.concatenate([[0], np.cumsum(lengths + np.int64(16))])
    size = int(bounds[-1])
    names = [
        SHARD_NAME.format(name=name, index=shard, total=shards, suffix=".tfrecord")
        for shard in range(shards)
    ]
    for path in names:
        with open(path, "wb") as file:
            file.truncate(size)
    entries = [ManifestEntry(os.path.basename(path), rows, size, size, 0) for path in names]
    manifest = tfr.Manifest(
        f"{name}.manifest.json", tuple(entries), None, tfr.features_to_json(FEATURES)
    )
    Path(manifest.path).write_text(manifest.to_json(), encoding="utf-8")
    read = numbers_read(name, batches)
    # Of some files the first block is looked at when a Dataset is made.
    checked = np.linspace(0, shards - 1, min(limits.checked_files, shards)).astype(int)
    first_rows = np.arange(min(rows, (1 << 20) // int(lengths.min())))
    fronts = (checked[:, None] * rows + first_rows).ravel()
    numbers = np.union1d(read, fronts)
    parts = np.split(numbers, np.searchsorted(numbers, np.arange(1, shards) * rows))
    for path, some in zip(names, parts, strict=True):
        with open(path, "r+b", buffering=0) as file:
            for number, row in zip(some.tolist(), (some % rows).tolist(), strict=True):
                frame = BytesIO()
                tfr.write_records(frame, [record(number, row)])
                os.pwrite(file.fileno(), frame.getvalue(), int(bounds[row]))
        with PositionedFile(path) as data:
            write_sidecar(f"{path}.index", Fingerprint.of(data), [lengths])
    return list(map(int, read[:: max(len(read) // 100, 1)]))


def numbers_read(name: str, batches: int) -> np.ndarray[Any, Any]:
    """Return which records are read for so many batches of the first epoch."""
    records = EpochRecords(tfr.RecordSet(name))
    settings = Settings(batch_size=BATCH_SIZE, shuffle=True, seed=SEED)
    plan = Plan(records, settings, parallel=False)
    numbers = []
    for run in plan.chunks(0, 0):
        numbers.append(run.numbers)
        if run.steps[-1] >= batches * BATCH_SIZE - 1:
            break
    return np.concatenate(numbers)


# What is measured; each in a process of its own, which returns figures by name.


def opened(name: str) -> dict[str, float]:
    """Make a RecordSet, and ask how many records it has."""
    began = time.perf_counter()
    len(tfr.RecordSet(name))
    return {"seconds": time.perf_counter() - began}


def opened_dataset(name: str) -> dict[str, float]:
    """Make a Dataset that shuffles."""
    began = time.perf_counter()
    dataset(name)
    return {"seconds": time.perf_counter() - began}


def dataset(name: str) -> tfr.Dataset:
    """Return what all batches are taken from."""
    return tfr.Dataset(name, FEATURES, batch_size=BATCH_SIZE, shuffle=True, seed=SEED)


def single(name: str, numbers: list[int]) -> dict[str, float]:
    """Get records one by one, most of them from files not read from before."""
    records = tfr.RecordSet(name)
    len(records)
    times = []
    for number in numbers:
        began = time.perf_counter()
        got = records[number]
        times.append(time.perf_counter() - began)
        assert b"%012d" % number in got
    return {"first": times[0], "seconds": median(times), "longest": max(times)}


def many(name: str, numbers: list[int]) -> dict[str, float]:
    """Get some records at once."""
    records = tfr.RecordSet(name)
    began = time.perf_counter()
    got = records[numbers]
    seconds = time.perf_counter() - began
    assert all(b"%012d" % number in data for number, data in zip(numbers, got, strict=True))
    return {"seconds": seconds}


def shuffled(name: str, count: int) -> dict[str, float]:
    """Take the first batch of a shuffled epoch, and those after it."""
    began = time.perf_counter()
    made = dataset(name)
    opened = time.perf_counter()
    batches = iter(made)
    first = next(batches)
    there = time.perf_counter()
    ids = [first["id"], *(batch["id"] for batch in islice(batches, count))]
    end = time.perf_counter()
    assert len(set(np.concatenate(ids).tolist())) == (count + 1) * BATCH_SIZE
    return {
        "first": there - opened,
        "with_opening": there - began,
        "seconds": end - there,
        "records_per_second": count * BATCH_SIZE / (end - there),
    }


def permuted(count: int) -> dict[str, float]:
    """Compute 10^7 numbers of an epoch's order, 10^5 at a time."""
    order = permutation(count, SEED, 0)
    steps = np.arange(100_000)
    times = []
    for at in range(0, min(count, 10_000_000), 100_000):
        began = time.perf_counter()
        order[steps[: count - at] + at]
        times.append(time.perf_counter() - began)
    return {"nanoseconds": median(times) * 1e4}


def in_process(run: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Run in a fresh process, and add its peak memory."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_and_peak, run).result()


def _and_peak(run: Callable[[], dict[str, float]]) -> dict[str, float]:
    return {**run(), "peak": peak_memory()}


def small_shards(name: str, count: int) -> None:
    """Write a set of shards of 100 records each, with sidecars."""
    with tfr.ShardWriter(name, num_shards=count) as writer:
        writer.write_many(record(number, 0) for number in range(100 * count))
    for path in tfr.expand_shards(name):
        tfr.RecordIndex.build(path).save()


def main() -> None:
    """Make the sets, measure, and print a table."""
    options = parse_options(__doc__, repeats=1)
    small = 30 if options.quick else 3000
    with tempfile.TemporaryDirectory() as folder:
        big = (
            Simulated(os.path.join(folder, "big"), 20, 3000, 11)
            if options.quick
            else Simulated(os.path.join(folder, "big"), 10_000, 100_000, 1001)
        )
        began = time.perf_counter()
        numbers = make(big)
        small_shards(os.path.join(folder, "small"), small)
        print(f"made in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        name = big.name
        found = {
            "open": in_process(partial(opened, name)),
            "open, Dataset": in_process(partial(opened_dataset, name)),
            "single": in_process(partial(single, name, numbers)),
            "many": in_process(partial(many, name, numbers)),
            "shuffled": in_process(partial(shuffled, name, big.batches - 1)),
            "small": in_process(partial(opened, os.path.join(folder, "small"))),
            "small, Dataset": in_process(partial(opened_dataset, os.path.join(folder, "small"))),
            "permutation of 10^7": permuted(10**7),
            "permutation of 10^9": permuted(10**9),
        }
    rows = [
        (
            f"`RecordSet(name)`, `len()`: {big.shards:,} shards, {big.records:,} records",
            "open",
            "seconds",
            0.5,
            "s",
        ),
        ("`Dataset(name, shuffle=True)` of it", "open, Dataset", "seconds", 0.5, "s"),
        ("`RecordSet[i]`, median of 100", "single", "seconds", 0.05, "s"),
        ("the longest of these", "single", "longest", 0.05, "s"),
        ("`RecordSet[[...]]` of 100", "many", "seconds", None, "s"),
        ("first shuffled batch, the `Dataset` being made", "shuffled", "first", 1, "s"),
        ("the same with making it", "shuffled", "with_opening", None, "s"),
        (f"{big.batches - 1:,} batches of {BATCH_SIZE} after it", "shuffled", "seconds", None, "s"),
        ("these, records a second (at least)", "shuffled", "records_per_second", 20_000, ""),
        (
            f"`RecordSet(name)`, `len()`: {small:,} shards of 100 records",
            "small",
            "seconds",
            0.2,
            "s",
        ),
        ("`Dataset(name, shuffle=True)` of it", "small, Dataset", "seconds", 0.2, "s"),
        ("a number of the order of 10^7", "permutation of 10^7", "nanoseconds", 100, "ns"),
        ("a number of the order of 10^9", "permutation of 10^9", "nanoseconds", 100, "ns"),
    ]
    lines = ["| what | figure | wanted | peak memory of the process |", "|---|---|---|---|"]
    for what, key, figure, wanted, unit in rows:
        peak = f"{found[key]['peak'] / 1e6:.0f} MB" if "peak" in found[key] else ""
        aim = "" if wanted is None else f"{wanted:,} {unit}"
        lines.append(f"| {what} | {found[key][figure]:,.4g} {unit} | {aim} | {peak} |")
    where = conditions(["numpy"])
    text = "\n".join(
        [
            "# Scale",
            "",
            (__doc__ or "").partition("\n\n")[2].strip(),
            "",
            describe(where),
            "",
            *lines,
        ]
    )
    save(
        "scale",
        text,
        {"conditions": where, "set": big._asdict(), "figures": found},
        options.results,
    )


if __name__ == "__main__":
    main()
