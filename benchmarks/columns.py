"""Files to NumPy columns: `read_batches` against TensorFlow's best and the package tfrecord.

TensorFlow's best is ``TFRecordDataset(...).batch(n).map(parse_example, AUTOTUNE)
.prefetch(AUTOTUNE).as_numpy_iterator()``, with the batch size n (and for features of any length,
the kind of tensor) that a trial found fastest; ours has the same n. Both check the checksums of
every record. Plain and GZIP (one stream, as TensorFlow writes it), on one core and on all; the file
is in the page cache. Peak memory is that of a process that does nothing else. Small batches are
compared with large ones, and reading the label alone with checking the file.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import contenders
from harness import (
    Worker,
    compare_prepared,
    measure_peaks,
    parse_options,
    publish,
    tensorflow_package,
    usable_cores,
)
from workloads import RAW_IMAGE, WORKLOADS

if TYPE_CHECKING:
    from argparse import Namespace

    from harness import Comparison

# How many times as long as ours TensorFlow takes, for plain files on all cores: at least, and what
# we aim at.
TARGETS = {"A": 3, "B": 2.5, "C": 2, "D": 3, "E": 1.5}
AIMS = {"A": 5, "B": 4, "C": 3, "D": 5, "E": 3}
# How many times as long as batches of 1024, record by record, smaller ones may take.
SMALL_BATCHES = 1.3
# And the label alone, as long as checking the file.
PROJECTION = 1.3
TENSORFLOW = "TensorFlow"
PACKAGE = "tfrecord (PyPI)"
# The package is slow: it reads but so many records.
_PACKAGE_RECORDS = 1000


def reading(name: str, compression: str | None, *, raw: bool, options: Namespace) -> Comparison:
    """Compare the ways of reading a workload to columns, in this process."""
    workload = WORKLOADS[name]
    count = workload.size(compression, quick=options.quick)
    path = workload.file(compression, quick=options.quick)
    cores = usable_cores()
    bound = compression is None and cores > 1
    features = RAW_IMAGE if raw else workload.features
    contenders.assert_same(path, features, compression)
    sizes = contenders.BATCH_SIZES[: 1 if options.quick else None]
    best = contenders.best_tensorflow(path, features, sizes, compression)
    size = best["batch_size"]
    ours = f"read_batches, {size}"
    theirs = f"{TENSORFLOW}, {size}{', ragged' if best['ragged'] else ''}"
    prepared: dict[str, Any] = {
        ours: partial(contenders.ours, path, features, size),
        theirs: partial(contenders.tensorflow, path, features, **best),
    }
    shares = {}
    if find_spec("tfrecord") and bound and not raw:
        shares[PACKAGE] = min(_PACKAGE_RECORDS, count) / count
        prepared[PACKAGE] = partial(
            contenders.tfrecord_package, path, min(_PACKAGE_RECORDS, count), 1024
        )
    about = {"workload": name, "raw": raw, "compression": compression, "cores": cores}
    title = f"{name}: {workload.title}{' as arrays' if raw else ''}"
    comparison = compare_prepared(
        f"{title}, {compression or 'plain'}, {'1 core' if cores == 1 else f'{cores} cores'}",
        prepared,
        unit="record",
        units=count,
        repeats=options.repeats if bound else (options.repeats + 1) // 2,
        shares=shares,
        # Its protobuf classes and TensorFlow's exclude each other.
        apart={PACKAGE},
        targets={theirs: TARGETS[name]} if bound else {},
        aims={theirs: AIMS[name]} if bound else {},
        about=about,
    )
    if bound and not options.quick:
        comparison.peaks = measure_peaks({name: prepared[name] for name in (ours, theirs)})
    return comparison


def small_batches(name: str, options: Namespace) -> Comparison:
    """Compare batches of the sizes that people train with, with larger ones."""
    workload = WORKLOADS[name]
    path = workload.file(quick=options.quick)
    sizes = (1024, 64, 32)
    prepared = {
        f"read_batches, {size}": partial(contenders.ours, path, workload.features, size)
        for size in sizes
    }
    return compare_prepared(
        f"{name}: small batches",
        prepared,
        unit="record",
        units=workload.size(quick=options.quick),
        repeats=options.repeats,
        limits={f"read_batches, {size}": SMALL_BATCHES for size in sizes[1:]},
        about={"workload": name, "small": True},
    )


def projection(name: str, options: Namespace) -> Comparison:
    """Compare reading the label alone with checking the file."""
    workload = WORKLOADS[name]
    path = workload.file(quick=options.quick)
    label = {"label": workload.features["label"]}
    return compare_prepared(
        f"{name}: the label alone",
        {
            "RecordReader.blocks": partial(contenders.ours_verified, path),
            "read_batches, label": partial(contenders.ours, path, label, 1024),
        },
        unit="record",
        units=workload.size(quick=options.quick),
        repeats=2 * options.repeats,
        limits={"read_batches, label": PROJECTION},
        about={"workload": name, "projection": True},
    )


def main() -> None:
    """Measure all workloads."""
    options = parse_options(__doc__, repeats=7)
    for workload in WORKLOADS.values():
        for compression in (None, "GZIP"):
            workload.file(compression, quick=options.quick)
    with Worker() as free, Worker(cores=1) as held:
        comparisons = [
            worker.run(reading, name, compression, raw=raw, options=options)
            for compression in (None, "GZIP")
            for worker in ((free,) if options.quick else (free, held))
            for name in (("A", "E") if options.quick else WORKLOADS)
            for raw in ((False, True) if name == "B" and not compression else (False,))
        ]
        comparisons += [free.run(projection, name, options) for name in ("B", "D")]
        comparisons += [free.run(small_batches, name, options) for name in WORKLOADS]
    packages = ["numpy", "crc32c", "isal", tensorflow_package(), "tfrecord"]
    publish("columns", comparisons, packages, options.results)


if __name__ == "__main__":
    main()
