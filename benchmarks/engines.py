"""Ray Data, Spark and Beam: our sources and sinks against what is there without them.

Each part runs in an environment that has its engine and, for the others, TensorFlow: ``--only
ray`` against ``ray.data.read_tfrecords`` and ``write_tfrecords``, ``spark`` against ``tf.data`` in
``mapInPandas``, ``beam`` against ``beam.io.ReadFromTFRecord``. Clusters are of this machine, of two
workers; they run before the clock starts. A slow contender has a share of the records.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

from harness import compare, parse_options, publish, timed
from workloads import WORKLOADS

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from harness import Comparison
    from workloads import Workload

TARGETS = {
    "ray read": {"A": 40, "B": 4},
    "ray write": {"A": 20, "B": 5},
    "spark read": {"A": 10, "B": 3},
    "beam read": {"A": 1.5, "B": 1.2},
}
# How much of the records a slow contender has: seconds of work, of which starting is little.
SHARES = {
    "ray read": {"A": 0.1, "B": 0.5},
    "ray write": {"A": 0.5, "B": 1},
    "spark read": {"A": 0.1, "B": 0.5},
}
OURS = "tfrecord_lite"


def few(workload: Workload, share: float, *, quick: bool) -> tuple[str, int, float]:
    """Return a file of a share of the records, how many it has, and which share that is."""
    count = workload.size(quick=quick)
    some = max(int(count * share), 1)
    path = workload.file(quick=quick)
    part = f"{path}.{some}"
    if not os.path.exists(part):
        with tfr.RecordWriter(part) as writer:
            for number, record in enumerate(tfr.read_records(path)):
                if number == some:
                    break
                writer.write(record)
    return part, count, some / count


def compared(
    what: str, name: str, runs: dict[str, Callable[[], Any]], share: float, options: Namespace
) -> Comparison:
    """Compare ours with one other, which has a share of the work."""
    other = next(key for key in runs if key != OURS)
    return compare(
        f"{what}, {name}",
        {key: timed(run) for key, run in runs.items()},
        unit="record",
        units=WORKLOADS[name].size(quick=options.quick),
        repeats=options.repeats,
        shares={other: share},
        targets={other: TARGETS[what][name]},
        about={"what": what, "workload": name},
    )


def ray_part(options: Namespace) -> list[Comparison]:
    """Compare with Ray's own."""
    import ray

    from tfrecord_lite.ray import read_tfrecords, write_tfrecords

    ray.init(
        num_cpus=2,
        object_store_memory=1 << 30,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False

    def drain(make: Callable[[], Any]) -> int:
        return sum(bundle.num_rows() or 0 for bundle in make().iter_internal_ref_bundles())

    def write(put: Callable[[str], Any]) -> None:
        folder = tempfile.mkdtemp()
        put(os.path.join(folder, "out"))
        shutil.rmtree(folder)

    comparisons = []
    for name in ("A", "B"):
        workload = WORKLOADS[name]
        path = workload.file(quick=options.quick)
        part, _, share = few(workload, SHARES["ray read"][name], quick=options.quick)
        ours = partial(read_tfrecords, path, workload.features)
        runs = {
            OURS: partial(drain, ours),
            "Ray's own": partial(drain, partial(ray.data.read_tfrecords, part)),
        }
        comparisons.append(compared("ray read", name, runs, share, options))
        whole = ours().materialize()
        part, _, share = few(workload, SHARES["ray write"][name], quick=options.quick)
        some = read_tfrecords(part, workload.features).materialize()
        runs = {
            OURS: partial(write, partial(write_tfrecords, whole)),
            "Ray's own": partial(write, some.write_tfrecords),
        }
        comparisons.append(compared("ray write", name, runs, share, options))
    ray.shutdown()
    return comparisons


def spark_part(options: Namespace) -> list[Comparison]:
    """Compare with a loop of tf.data in mapInPandas."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    from tfrecord_lite.spark import register

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    register(spark)
    schemas = {
        "A": "feature0 long, feature1 long, feature2 binary, feature3 float",
        "B": "image binary, label long, name binary",
    }
    comparisons = []
    for name, schema in schemas.items():
        workload = WORKLOADS[name]
        path = workload.file(quick=options.quick)
        part, _, share = few(workload, SHARES["spark read"][name], quick=options.quick)
        reader = spark.read.format("tfrecord_lite").option("splits", 2).schema(schema)
        halves = spark.createDataFrame([(part, 0), (part, 1)], "path string, half int").repartition(
            2
        )
        looped = halves.mapInPandas(partial(_tf_data, schema), schema)

        def drain(frame: Any) -> None:
            frame.write.format("noop").mode("overwrite").save()

        runs = {
            OURS: partial(drain, reader.load(path)),
            "tf.data in mapInPandas": partial(drain, looped),
        }
        comparisons.append(compared("spark read", name, runs, share, options))
    spark.stop()
    return comparisons


def _tf_data(schema: str, frames: Any) -> Any:
    """Read every second record of a file, record by record, as the guides do."""
    import pandas as pd
    import tensorflow as tf

    columns = [column.split() for column in schema.split(", ")]
    kinds = {"long": tf.int64, "float": tf.float32, "binary": tf.string}
    features = {name: tf.io.FixedLenFeature([], kinds[kind]) for name, kind in columns}
    for frame in frames:
        for path, half in zip(frame["path"], frame["half"], strict=True):
            records = tf.data.TFRecordDataset(path).shard(2, half)
            rows = []
            for row in records.map(partial(_parsed, features)).as_numpy_iterator():
                rows.append(row)
                if len(rows) == 1000:
                    yield pd.DataFrame(rows)
                    rows = []
            if rows:
                yield pd.DataFrame(rows)


def _parsed(features: Any, record: Any) -> Any:
    import tensorflow as tf

    return tf.io.parse_single_example(record, features)


def beam_part(options: Namespace) -> list[Comparison]:
    """Compare with Beam's own source of records."""
    import apache_beam as beam

    from tfrecord_lite.beam import ReadFromTFRecord

    logging.getLogger("apache_beam").setLevel(logging.ERROR)

    def drain(source: Callable[[], Any]) -> None:
        with beam.Pipeline("DirectRunner") as pipeline:
            _ = pipeline | source() | beam.combiners.Count.Globally()

    comparisons = []
    for name in ("A", "B"):
        path = WORKLOADS[name].file(quick=options.quick)
        runs = {
            OURS: partial(drain, partial(ReadFromTFRecord, path)),
            "Beam's own": partial(drain, partial(beam.io.ReadFromTFRecord, path, validate=False)),
        }
        comparisons.append(compared("beam read", name, runs, 1, options))
    return comparisons


PARTS = {"ray": ray_part, "spark": spark_part, "beam": beam_part}


def main() -> None:
    """Measure the part that is asked for."""
    options = parse_options(__doc__, repeats=3, only=list(PARTS))
    part = options.only or "ray"
    packages = ["numpy", "ray", "pyspark", "apache-beam", "pyarrow", "tensorflow-cpu"]
    publish(f"engines_{part}", PARTS[part](options), packages, options.results)


if __name__ == "__main__":
    main()
