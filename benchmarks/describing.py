"""Describing a file, against `read_batches` over the same: ten million records of workload A.

`describe` goes through every record, checks both checksums, and counts what is in each feature; it
is measured in this process alone, and as it is called, on all cores. `read_batches` makes columns
of all features and nothing of them, by the batch size that is faster. Other workloads have fewer
records, and are described in this process.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import contenders
from harness import compare, parse_options, publish, timed
from scaling import write_frames
from workloads import WORKLOADS

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from argparse import Namespace

    from harness import Comparison

# As many times as long as `read_batches` at most.
LIMIT = 2
COUNT, QUICK_COUNT = 10_000_000, 1_000
_BATCH_SIZES = (1024, 8192)
_ALONE = "describe, this process alone"


def describing(name: str, path: str, count: int, options: Namespace, **more: Any) -> Comparison:
    """Compare describing a file with reading it into columns."""
    features = WORKLOADS[name].features
    readers = [timed(contenders.ours(path, features, batch_size)) for batch_size in _BATCH_SIZES]
    fastest = min(readers, key=lambda read: min(read(), read()))
    return compare(
        f"{count:,} of {name}: {WORKLOADS[name].title}",
        {"read_batches": fastest, _ALONE: timed(partial(tfr.describe, path, workers=0))}
        | {title: timed(partial(tfr.describe, path)) for title in more},
        unit="record",
        units=count,
        repeats=min(options.repeats, 3),
        limits=dict.fromkeys((_ALONE, *more), LIMIT) if more else {},
    )


def main() -> None:
    """Measure one large file, and the others as they are."""
    options = parse_options(__doc__, repeats=3)
    comparisons = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "A.tfrecord")
        count = QUICK_COUNT if options.quick else COUNT
        write_frames(WORKLOADS["A"].file(quick=options.quick), path, count)
        comparisons.append(describing("A", path, count, options, **{"describe, all cores": True}))
    for name in "BCDE":
        workload = WORKLOADS[name]
        path, count = workload.file(quick=options.quick), workload.size(quick=options.quick)
        comparisons.append(describing(name, path, count, options))
    publish("describing", comparisons, ["numpy", "crc32c"], options.results)


if __name__ == "__main__":
    main()
