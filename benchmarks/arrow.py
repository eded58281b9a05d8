"""Files to Arrow tables: `to_arrow` against `read_batches` of the same, and against a loop.

The loop decodes record by record and makes a table of the rows: `decode_example`, then
``pyarrow.Table.from_pylist``; it reads but so many records. All check the checksums of every
record, in one process; the file is in the page cache.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import contenders
import pyarrow as pa
from harness import Worker, compare_prepared, parse_options, publish
from workloads import RAW_IMAGE, WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow

if TYPE_CHECKING:
    from argparse import Namespace

    from contenders import Features, Reading
    from harness import Comparison

# How many times as long as read_batches of the same columns to_arrow may take.
LIMIT = 1.11
_LOOP_RECORDS = 1000


def arrow(path: str, features: Features, **options: Any) -> Reading:
    """Read record batches."""

    def read() -> int:
        return sum(batch.num_rows for batch in to_arrow(path, features, **options))

    return read


def loop(path: str, count: int) -> Reading:
    """Read the first records one by one, and make a table of them."""

    def read() -> int:
        rows = []
        for record in islice(tfr.read_records(path), count):
            example = tfr.decode_example(record)
            rows.append(
                {name: [] if values is None else list(values) for name, values in example.items()}
            )
        return pa.Table.from_pylist(rows).num_rows

    return read


def reading(name: str, *, raw: bool, options: Namespace) -> Comparison:
    """Compare the ways of reading a workload to columns, in this process."""
    workload = WORKLOADS[name]
    count = workload.size(quick=options.quick)
    path = workload.file(quick=options.quick)
    features = RAW_IMAGE if raw else workload.features
    few = min(_LOOP_RECORDS, count)
    prepared: dict[str, Any] = {
        "read_batches": partial(contenders.ours, path, features, 1024),
        "to_arrow": partial(arrow, path, features),
        "to_arrow, views": partial(arrow, path, features, binary="view"),
        "to_arrow, tfx": partial(arrow, path, features, layout="tfx"),
        "decode_example, from_pylist": partial(loop, path, few),
    }
    return compare_prepared(
        f"{name}: {workload.title}{' as arrays' if raw else ''}",
        prepared,
        unit="record",
        units=count,
        repeats=options.repeats,
        shares={"decode_example, from_pylist": few / count},
        limits={"to_arrow": LIMIT},
        about={"workload": name, "raw": raw},
    )


def main() -> None:
    """Measure all workloads."""
    options = parse_options(__doc__, repeats=7)
    with Worker() as worker:
        comparisons = [
            worker.run(reading, name, raw=raw, options=options)
            for name in (("A", "E") if options.quick else WORKLOADS)
            for raw in ((False, True) if name == "B" else (False,))
        ]
    publish("arrow", comparisons, ["numpy", "crc32c", "pyarrow"], options.results)


if __name__ == "__main__":
    main()
