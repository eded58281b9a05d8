"""Tables and jobs on whole sets, each in a process of its own, with its peak memory.

``--only huggingface``: ``huggingface.load`` into an Arrow file, against ``from_generator`` over a
loop of ``decode_example``, which has a share of the records. ``sql``: ``select label, count(*) ...
group by label`` over 10^7 records of A, against ``read_batches`` of that column. ``shuffle``: 5 GB
of B's records in a random order, against ``cp`` of the same files. ``parquet``: these to one
Parquet file and back, against ``cp`` too. A part whose package is missing is left out.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness import Worker, compare, parse_options, peak_memory, publish
from workloads import WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite import jobs

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from harness import Comparison

# The wishes: from_generator takes so many times as long, a shuffle at most so many, ...
TARGET_GENERATOR = 20
LIMIT_SQL = 1 / 0.6
LIMIT_SHUFFLE = 4
_LOOP_RECORDS = 2000
# How often a file is read to be 10^7 records of A, or 5 GB of B.
_TIMES = {"A": 50, "B": 32}


def hf_load(path: str) -> int:
    """Make a dataset of a file, in a cache of its own."""
    import datasets

    from tfrecord_lite.huggingface import load

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        return len(load(path, cache_dir=folder))


def hf_from_generator(path: str, count: int, names: tuple[str, ...]) -> int:
    """Make a dataset of the first records by a loop over them."""
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        # A list would be cut into shards.
        given = {"path": path, "count": count, "names": names}
        dataset = datasets.Dataset.from_generator(_rows, gen_kwargs=given, cache_dir=folder)
        return len(dataset)


def _rows(path: str, count: int, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    # Imported here: to be hashed it is pickled with all that it uses of this module, and a package
    # that is not installed among others' is pickled whole, which fails.
    from itertools import islice

    import tfrecord_lite as tfr

    for record in islice(tfr.read_records(path), count):
        example = tfr.decode_example(record)
        # All rows have to have the same names.
        yield {name: example.get(name) for name in names}


def sql_by_label(paths: list[str]) -> int:
    """Count the records of each label by SQL."""
    from tfrecord_lite.sql import query

    counts = query("select feature1, count(*) as n from t group by feature1", {"t": paths})
    return sum(counts.read_all()["n"].to_pylist())


def batches_of_label(paths: list[str]) -> int:
    """Read that column in batches."""
    features = {"feature1": WORKLOADS["A"].features["feature1"]}
    return sum(len(batch["feature1"]) for batch in tfr.read_batches(paths, features))


def sql_count(paths: list[str]) -> int:
    """Count the records by SQL."""
    from tfrecord_lite.sql import query

    return int(query("select count(*) as n from t", {"t": paths}).read_all()["n"][0].as_py())


def copied(paths: list[str], folder: str) -> None:
    """Copy files with cp, one beside the other."""
    for number, path in enumerate(paths):
        subprocess.run(["cp", path, f"{folder}/{number}"], check=True)


def shuffled(paths: list[str], folder: str) -> None:
    """Write the records in a random order."""
    (written,) = jobs.shard(paths, f"{folder}/all", shuffle=1)
    assert written.manifest.records == len(paths) * len(tfr.RecordSet(paths[0]))


def to_parquet(paths: list[str], folder: str) -> None:
    """Convert to one Parquet file."""
    jobs.convert(paths, f"{folder}/all.parquet", overwrite=True)


def from_parquet(path: str, folder: str) -> None:
    """Convert a Parquet file to one file of records."""
    jobs.convert(path, f"{folder}/all.tfrecord", overwrite=True)


def in_folder(run: Callable[[str], None], where: str) -> None:
    """Run what fills a folder, which is removed then."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        run(folder)


def _measured(run: Callable[[], Any], modules: list[str]) -> tuple[float, int]:
    for name in modules:
        import_module(name)
    began = time.perf_counter()
    run()
    return time.perf_counter() - began, peak_memory()


def compared(
    task: str, runs: dict[str, Callable[[], Any]], *, modules: list[str], **options: Any
) -> Comparison:
    """`compare` runs in a process each, for which some modules are imported before."""
    peaks: dict[str, int] = {}

    def clocked(name: str) -> float:
        with Worker() as worker:
            seconds, peak = worker.run(_measured, runs[name], modules)
        peaks[name] = max(peak, peaks.get(name, 0))
        return float(seconds)

    timed = {name: partial(clocked, name) for name in runs}
    return compare(task, timed, peaks=peaks, **options)


def huggingface(options: Namespace) -> Iterator[Comparison]:
    """Compare ways to a `datasets.Dataset`."""
    for name in "ABE":
        workload = WORKLOADS[name]
        path, count = workload.file(quick=options.quick), workload.size(quick=options.quick)
        few = min(_LOOP_RECORDS, count)
        loop = "from_generator, decode_example"
        yield compared(
            f"{name}: {workload.title} to a datasets.Dataset",
            {
                "huggingface.load": partial(hf_load, path),
                loop: partial(hf_from_generator, path, few, tuple(workload.features)),
            },
            modules=["datasets", "tfrecord_lite.huggingface"],
            unit="record",
            units=count,
            repeats=options.repeats,
            shares={loop: few / count},
            targets={loop: TARGET_GENERATOR},
        )


def sql(options: Namespace) -> Iterator[Comparison]:
    """Compare counts by label."""
    paths = [WORKLOADS["A"].file(quick=options.quick)] * _TIMES["A"]
    yield compared(
        "A, 50 times: count by label",
        {
            "read_batches of label": partial(batches_of_label, paths),
            "sql, group by label": partial(sql_by_label, paths),
            "sql, count(*)": partial(sql_count, paths),
        },
        modules=["tfrecord_lite.sql", "tfrecord_lite.dataset.batches"],
        unit="record",
        units=WORKLOADS["A"].size(quick=options.quick) * _TIMES["A"],
        repeats=options.repeats,
        limits={"sql, group by label": round(LIMIT_SQL, 2)},
    )


def whole_sets(options: Namespace) -> tuple[list[str], Callable[..., Any], dict[str, Any]]:
    """Return 5 GB of paths, what runs something on them in a folder, and options of `compared`."""
    paths = [WORKLOADS["B"].file(quick=options.quick)] * _TIMES["B"]
    about = {
        "unit": "record",
        "units": WORKLOADS["B"].size(quick=options.quick) * _TIMES["B"],
        "repeats": options.repeats,
    }
    return paths, lambda run, given: partial(in_folder, partial(run, given), options.where), about


def shuffle(options: Namespace) -> Iterator[Comparison]:
    """Compare a shuffle with a copy."""
    paths, run, about = whole_sets(options)
    yield compared(
        "B, 32 times: shuffled",
        {"cp": run(copied, paths), "jobs.shard(shuffle=)": run(shuffled, paths)},
        modules=["tfrecord_lite.jobs.sharding"],
        limits={"jobs.shard(shuffle=)": LIMIT_SHUFFLE},
        **about,
    )


def parquet(options: Namespace) -> Iterator[Comparison]:
    """Compare conversions to Parquet and back with a copy."""
    paths, run, about = whole_sets(options)
    with tempfile.TemporaryDirectory(dir=options.where) as folder:
        source = os.path.join(folder, "all.parquet")
        jobs.convert(paths, source)
        yield compared(
            "B, 32 times: Parquet",
            {
                "cp": run(copied, paths),
                "convert to Parquet": run(to_parquet, paths),
                "convert from Parquet": run(from_parquet, source),
            },
            modules=["tfrecord_lite.jobs.converting", "tfrecord_lite.arrow"],
            **about,
        )


PARTS = {
    "huggingface": (huggingface, "datasets"),
    "sql": (sql, "duckdb"),
    "shuffle": (shuffle, "numpy"),
    "parquet": (parquet, "pyarrow"),
}


def main() -> None:
    """Measure one part, or all; each has results of its own."""
    options = parse_options(__doc__, repeats=3, only=list(PARTS))
    options.where = tempfile.gettempdir()
    for name, (part, package) in PARTS.items():
        if options.only in (None, name) and find_spec(package) is not None:
            packages = ["numpy", "crc32c", "pyarrow", "datasets", "duckdb"]
            publish(f"tables_{name}", list(part(options)), packages, options.results)


if __name__ == "__main__":
    main()
