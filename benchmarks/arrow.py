"""Files to Arrow tables: `to_arrow` against other ways to the same columns.

Against `read_batches`; against tf.data with the decoder of tfx_bsl, which is C++; against the loop
that Ray's own ``read_tfrecords`` has for a file, which checks no checksum; and against a loop over
`decode_example` and ``pyarrow.Table.from_pylist``. Loops read but so many records. One process, all
cores; the file is in the page cache. What is not installed is left out: ``make bench-arrow``
installs it.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import contenders
import numpy as np
import pyarrow as pa
from harness import Worker, compare_prepared, parse_options, publish
from workloads import RAW_IMAGE, WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow

if TYPE_CHECKING:
    from argparse import Namespace

    from contenders import Features, Reading
    from harness import Comparison

# How many times as long as to_arrow the others take at least: read_batches of the same columns, and
# by workload tf.data with tfx_bsl, and Ray's loop.
READ_BATCHES = 0.9
TFX_BSL = {"A": 5, "B": 4, "E": 3}
RAY = {"A": 100, "B": 10, "E": 50}
_LOOP_RECORDS = 1000
_BATCH_SIZE = 1024
_LOOP = "decode_example, from_pylist"
_RAY = "Ray's loop, no checksums"
_TFX_BSL = "tf.data, tfx_bsl"


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


def rays_loop(path: str, count: int) -> Reading:
    """Read the first records as a task of Ray's own ``read_tfrecords`` does: a table for each."""
    from ray.data._internal.datasource.tfrecords_datasource import TFRecordDatasource

    source = SimpleNamespace(_tf_schema=None)

    def read() -> int:
        with pa.OSFile(path) as file:
            tables = islice(TFRecordDatasource._read_stream(source, file, path), count)
            return sum(table.num_rows for table in tables)

    return read


def tfx_bsl(path: str, features: Features) -> Reading:
    """Read batches of records by tf.data, and decode these by tfx_bsl."""
    tf = contenders.import_tensorflow()
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    types = schema_pb2.FeatureType
    kinds = {bytes: types.BYTES, np.float32: types.FLOAT, np.int64: types.INT}
    schema = schema_pb2.Schema(
        feature=[
            schema_pb2.Feature(name=name, type=kinds.get(item.dtype, types.BYTES))
            for name, item in features.items()
        ]
    )
    decoder = ExamplesToRecordBatchDecoder(schema.SerializeToString())

    def read() -> int:
        records = tf.data.TFRecordDataset(path).batch(_BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
        return sum(
            decoder.DecodeBatch(batch.tolist()).num_rows for batch in records.as_numpy_iterator()
        )

    return read


def reading(name: str, *, raw: bool, options: Namespace) -> Comparison:
    """Compare the ways of reading a workload to columns, in this process."""
    workload = WORKLOADS[name]
    count = workload.size(quick=options.quick)
    path = workload.file(quick=options.quick)
    features = RAW_IMAGE if raw else workload.features
    few = min(_LOOP_RECORDS, count)
    prepared: dict[str, Any] = {
        "to_arrow": partial(arrow, path, features),
        "to_arrow, views": partial(arrow, path, features, binary="view"),
        "to_arrow, tfx": partial(arrow, path, features, layout="tfx"),
        "read_batches": partial(contenders.ours, path, features, _BATCH_SIZE),
        _LOOP: partial(loop, path, few),
    }
    if find_spec("tfx_bsl"):
        prepared[_TFX_BSL] = partial(tfx_bsl, path, features)
    if find_spec("ray") and find_spec("tensorflow"):
        prepared[_RAY] = partial(rays_loop, path, few)
    targets = {"read_batches": READ_BATCHES, _TFX_BSL: TFX_BSL.get(name), _RAY: RAY.get(name)}
    return compare_prepared(
        f"{name}: {workload.title}{' as arrays' if raw else ''}",
        prepared,
        unit="record",
        units=count,
        repeats=options.repeats,
        shares={way: few / count for way in (_LOOP, _RAY) if way in prepared},
        targets={way: target for way, target in targets.items() if target and way in prepared},
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
    packages = ["numpy", "crc32c", "pyarrow", "tfx_bsl", "tensorflow", "ray"]
    publish("arrow", comparisons, packages, options.results)


if __name__ == "__main__":
    main()
