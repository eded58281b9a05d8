"""Records by their numbers, in random order, against TensorFlow's fastest pass over the whole file.

TensorFlow cannot go to a record: whoever wants some of a file reads all of it. Ours opens the file
and loads its sidecar in every run. Making that index is compared with verifying the file, and a
record of a blocked gzip file with inflating its member alone.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contenders
import numpy as np
from harness import Worker, compare_prepared, parse_options, publish, tensorflow_package
from workloads import WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite.files import member_frames
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.integrity import verify

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from harness import Comparison

# How many times as long TensorFlow's pass takes at least.
PICKING_RATE = 15
# How many times as long as verifying it takes at most to make an index.
BUILDING_LIMIT = 1
MEAN_BYTES = 3000
PICKED = 10_000
SINGLE = 100


def records(total: int) -> Iterator[memoryview]:
    """Yield seeded random records of about 3 KB until their sizes add up to ``total``."""
    rng = np.random.default_rng(0)
    pool = memoryview(rng.bytes(64 << 20))
    while total > 0:
        size, begin = int(rng.integers(2900, 3100)), int(rng.integers(0, 63 << 20))
        yield pool[begin : begin + size]
        total -= size


def numbers(path: str, count: int) -> Callable[[], Any]:
    """Return a function that draws numbers of records, other ones each time."""
    rng = np.random.default_rng(1)
    with RecordFile(path) as file:
        total = len(file)
    return lambda: rng.integers(0, total, count)


def many(path: str, count: int) -> Callable[[], object]:
    """Prepare picking a list of records."""
    draw = numbers(path, count)

    def pick() -> None:
        with RecordFile(path) as file:
            assert len(file[draw()]) == count

    return pick


def many_in_a_block(path: str, count: int) -> Callable[[], object]:
    """Prepare picking records into one block, as `Dataset` does."""
    draw = numbers(path, count)

    def pick() -> None:
        with RecordFile(path) as file:
            assert len(file.read_block(draw())) == count

    return pick


def one_by_one(path: str, count: int) -> Callable[[], object]:
    """Prepare picking records one at a time."""
    draw = numbers(path, count)

    def pick() -> None:
        with RecordFile(path) as file:
            for number in draw().tolist():
                file[number]

    return pick


def picking(path: str, options: Namespace) -> Comparison:
    """Compare the ways of getting some records of a plain file."""
    count = PICKED // 100 if options.quick else PICKED
    RecordIndex.build(path).save()
    total = len(RecordIndex.load(path))
    prepared: dict[str, Any] = {
        "RecordFile[numbers]": partial(many, path, count),
        "RecordFile.read_block": partial(many_in_a_block, path, count),
        "RecordFile[number]": partial(one_by_one, path, count),
        "tf_record_iterator, all": partial(contenders.tensorflow_iterator, path),
    }
    for size in contenders.BATCH_SIZES[: 1 if options.quick else 3]:
        name = f"TFRecordDataset.batch({size}), all"
        prepared[name] = partial(contenders.tensorflow_records, path, size)
    return compare_prepared(
        f"{count:,} of {total:,} records, {os.path.getsize(path) / 1e9:.2g} GB",
        prepared,
        unit="record",
        units=count,
        repeats=options.repeats,
        targets={name: PICKING_RATE for name in prepared if name.endswith("all")},
        about={"records": total, "bytes": os.path.getsize(path)},
    )


def building(title: str, path: str, options: Namespace) -> Comparison:
    """Compare making an index, and loading it, with verifying the file."""
    index = RecordIndex.build(path)
    with tempfile.TemporaryDirectory() as folder:
        sidecar = index.save(os.path.join(folder, "index"))
        prepared: dict[str, Any] = {
            "verify": lambda: lambda: verify(path),
            "RecordIndex.build": lambda: lambda: RecordIndex.build(path),
            "RecordIndex.load": lambda: lambda: RecordIndex.load(path, sidecar),
        }
        return compare_prepared(
            f"index: {title}",
            prepared,
            unit="record",
            units=len(index),
            repeats=options.repeats,
            limits={"RecordIndex.build": BUILDING_LIMIT},
            about={"sidecar_bytes": os.path.getsize(sidecar)},
        )


def members_alone(path: str, count: int) -> Callable[[], object]:
    """Prepare inflating some members, each by one call of the engine that we use."""
    members = RecordIndex.build(path).members
    rng = np.random.default_rng(2)
    try:
        from isal import isal_zlib as engine
    except ImportError:
        engine = zlib

    def inflate() -> None:
        with open(path, "rb", buffering=0) as file:
            for which in rng.permutation(len(members.offsets) - 1)[:count].tolist():
                begin, end = members.offsets[which : which + 2].tolist()
                file.seek(begin)
                engine.decompress(file.read(end - begin), 31)

    return inflate


def records_of_members(path: str, count: int) -> Callable[[], object]:
    """Prepare picking records one at a time, each of another member."""
    members = RecordIndex.build(path).members
    rng = np.random.default_rng(2)
    inflated = 0
    inflate = member_frames.inflate_member

    def counted(*args: Any) -> bytes:
        nonlocal inflated
        inflated += 1
        return inflate(*args)

    def pick() -> None:
        nonlocal inflated
        which = rng.permutation(len(members.offsets) - 1)[:count]
        inflated = 0
        with RecordFile(path) as file:
            for number in members.first_records[which].tolist():
                file[number]
        assert inflated == len(which)

    member_frames.inflate_member = counted
    return pick


def compressed(path: str, options: Namespace) -> Comparison:
    """Compare a record of a blocked gzip file with what it must cost."""
    RecordIndex.build(path).save()
    members = RecordIndex.load(path).members
    count = min(SINGLE, len(members.offsets) - 1)
    prepared: dict[str, Any] = {
        "inflating a member": partial(members_alone, path, count),
        "RecordFile[number]": partial(records_of_members, path, count),
    }
    return compare_prepared(
        "a record of blocked gzip, each of another member",
        prepared,
        unit="record",
        units=count,
        repeats=options.repeats,
        about={"members": len(members.offsets) - 1, "raw_bytes": int(members.raw_offsets[-1])},
    )


def main() -> None:
    """Write the files, measure, and delete them."""
    options = parse_options(__doc__, repeats=9)
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        plain, blocked = (os.path.join(folder, name) for name in ("plain", "blocked.gz"))
        tfr.write_records(plain, records(10_000_000 if options.quick else 1_000_000_000))
        images = Path(WORKLOADS["B"].file(quick=options.quick))
        tfr.write_records(blocked, tfr.read_records(images), compression="GZIP")
        comparisons = [
            worker.run(picking, plain, options),
            worker.run(building, "3 KB records", plain, options),
            *(
                worker.run(
                    building,
                    f"{name}, {WORKLOADS[name].title}",
                    WORKLOADS[name].file(quick=options.quick),
                    options,
                )
                for name in "AD"
            ),
            worker.run(building, "B as blocked gzip", blocked, options),
            worker.run(compressed, blocked, options),
        ]
    packages = ["numpy", "crc32c", "isal", tensorflow_package()]
    publish("random_access", comparisons, packages, options.results)


if __name__ == "__main__":
    main()
