"""Checking every record of a file, against crc32c alone and against TensorFlow's fastest pass.

The checksum alone is one call over the whole file, already in memory: no reading, no frames. The
peaks are those of files that could fill memory; and `salvage` is timed where there is much to skip.
"""

from __future__ import annotations

import os
import random
import shutil
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contenders
import crc32c
from harness import (
    Comparison,
    Worker,
    compare_prepared,
    measure_peaks,
    parse_options,
    publish,
    tensorflow_package,
)
from workloads import CACHE, WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite.records.checksum import mask_crc
from tfrecord_lite.records.framing import FRAME_OVERHEAD, header_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    Prepared = dict[str, Any]

# At least this part of the rate of one call of crc32c over the same bytes.
CHECKSUM_RATE = 0.6
# How many times as long TensorFlow's fastest pass takes at least, by the size of records.
TENSORFLOW_RATE = {100: 2, 1 << 16: 4}
# How many records there are of each size; a thousandth of that when it has to be quick.
COUNTS = {100: 2_000_000, 1 << 16: 16_384}
_QUICK = 1000
_LARGE_RECORD_BYTES = 3_000_000_000
_POOL_BYTES = 1 << 24
_DAMAGE_EVERY = 1 << 20


def file_of(size: int, *, quick: bool) -> str:
    """Return the path of a file of records of one size, which is written if need be."""
    count = COUNTS[size] // (_QUICK if quick else 1)
    path = CACHE / f"{count}-of-{size}.tfrecord"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        rng = random.Random(0)
        pool = [rng.randbytes(size) for _ in range(_POOL_BYTES // size)]
        tfr.write_records(path, islice(cycle(pool), count))
    return os.fspath(path)


def file_of_one_record(*, quick: bool) -> str:
    """Return the path of a file of one record of zeros, most of which takes no room on a disk."""
    size = _LARGE_RECORD_BYTES // (_QUICK if quick else 1)
    path = CACHE / f"1-of-{size}.tfrecord"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        crc, zeros = 0, bytes(1_000_000)
        for _ in range(size // len(zeros)):
            crc = crc32c.crc32c(zeros, crc)
        with open(path, "wb") as file:
            file.write(header_of(size))
            file.seek(size, os.SEEK_CUR)
            file.write(mask_crc(crc).to_bytes(4, "little"))
    return os.fspath(path)


def damaged_file(*, quick: bool) -> str:
    """Return the path of a file of records of 64 KiB, of which one header a MiB is damaged."""
    whole = file_of(1 << 16, quick=quick)
    path = whole.replace(".tfrecord", "-damaged.tfrecord")
    if not os.path.exists(path):
        data = bytearray(Path(whole).read_bytes())
        frame = (1 << 16) + FRAME_OVERHEAD
        for begin in range(0, len(data), frame * (_DAMAGE_EVERY // (1 << 16))):
            data[begin] ^= 1
        Path(path).write_bytes(data)
    return path


def verified(path: str, workers: int | None = None) -> Callable[[], object]:
    """Prepare `verify`."""
    return lambda: tfr.verify(path, workers=workers)


def salvaged(path: str) -> Callable[[], object]:
    """Prepare `salvage`, into a file beside it."""
    return lambda: tfr.salvage(path, path + "-salvaged", overwrite=True)


def copied(path: str) -> Callable[[], object]:
    """Prepare a plain copy, beside it."""
    return lambda: shutil.copyfile(path, path + "-copied")


def crc32c_alone(path: str) -> Callable[[], object]:
    """Prepare one call of the package that we use."""
    data = Path(path).read_bytes()
    return lambda: crc32c.crc32c(data)


def google_crc32c_alone(path: str) -> Callable[[], object]:
    """Prepare one call of the package google-crc32c."""
    import google_crc32c

    data = Path(path).read_bytes()
    return lambda: google_crc32c.value(data)


def tensorflows(path: str, *, quick: bool) -> Prepared:
    """Return TensorFlow's ways of reading a file."""
    found: Prepared = {"tf_record_iterator": partial(contenders.tensorflow_iterator, path)}
    for size in contenders.BATCH_SIZES[: 1 if quick else None]:
        found[f"TFRecordDataset.batch({size})"] = partial(contenders.tensorflow_records, path, size)
    return found


def checksums(path: str) -> Prepared:
    """Return the checksums alone."""
    found: Prepared = {"crc32c alone": partial(crc32c_alone, path)}
    if find_spec("google_crc32c"):
        found["google-crc32c alone"] = partial(google_crc32c_alone, path)
    return found


def reading(name: str, options: Namespace) -> Comparison:
    """Compare the ways of reading a workload, on one core as on many."""
    workload = WORKLOADS[name]
    path = workload.file(quick=options.quick)
    prepared: Prepared = {"RecordReader.blocks": partial(contenders.ours_verified, path)}
    return compare_prepared(
        f"{name}: {workload.title}",
        {**prepared, **tensorflows(path, quick=options.quick)},
        unit="record",
        units=workload.size(quick=options.quick),
        repeats=options.repeats,
        about={"workload": name},
    )


def verifying(size: int, options: Namespace) -> Comparison:
    """Compare the ways of checking a file of records of one size."""
    path = file_of(size, quick=options.quick)
    theirs = tensorflows(path, quick=options.quick)
    ours = {"verify": partial(verified, path), "verify(workers=1)": partial(verified, path, 1)}
    targets = dict.fromkeys(theirs, TENSORFLOW_RATE[size])
    if size == 1 << 16:
        targets["crc32c alone"] = CHECKSUM_RATE
    comparison = compare_prepared(
        f"records of {size:,} bytes, {os.path.getsize(path) / 1e9:.2f} GB",
        {**ours, **theirs, **checksums(path)},
        unit="record",
        units=COUNTS[size] // (_QUICK if options.quick else 1),
        repeats=options.repeats,
        targets=targets,
        about={"size": size},
    )
    if not options.quick:
        comparison.peaks = measure_peaks(ours)
    return comparison


def bounded(options: Namespace) -> Comparison:
    """Take the memory that files of all kinds need."""
    files = {
        "one record of 3 GB": file_of_one_record(quick=options.quick),
        "GZIP, one stream": WORKLOADS["B"].file("GZIP", quick=options.quick),
        "GZIP, small records": WORKLOADS["A"].file("GZIP", quick=options.quick),
    }
    prepared = {name: partial(verified, path) for name, path in files.items()}
    return compare_prepared(
        "verify: memory",
        prepared,
        unit="file",
        units=1,
        repeats=1,
        peaks=measure_peaks(prepared),
    )


def salvaging(options: Namespace) -> Comparison:
    """Time `salvage`: 200 MB/s are 5,000 µs a MB."""
    path = damaged_file(quick=options.quick)
    prepared = {"salvage": partial(salvaged, path), "copyfile": partial(copied, path)}
    comparison = compare_prepared(
        "64 KiB records, one damaged header a MiB",
        prepared,
        unit="MB",
        units=max(os.path.getsize(path) // 10**6, 1),
        repeats=min(options.repeats, 3),
        about={"damage_every": _DAMAGE_EVERY},
    )
    for suffix in ("-salvaged", "-copied"):
        os.remove(path + suffix)
    return comparison


def main() -> None:
    """Measure small, middling and large records, memory, and salvage."""
    options = parse_options(__doc__, repeats=5)
    for name in "ABD":
        WORKLOADS[name].file(quick=options.quick)
    for size in COUNTS:
        file_of(size, quick=options.quick)
    with Worker() as worker:
        comparisons = [worker.run(verifying, size, options) for size in COUNTS]
        comparisons += [worker.run(reading, name, options) for name in "ABD"]
        comparisons += [worker.run(salvaging, options), worker.run(bounded, options)]
    packages = ["numpy", "crc32c", tensorflow_package(), "google-crc32c"]
    publish("verifying", comparisons, packages, options.results)


if __name__ == "__main__":
    main()
