"""Throughput over the number of shards: the same records as 1, 2, 4, ... 64 files.

What people write by hand with ``TFRecordDataset`` (`tfrecord_lite.tensorflow.readings`),
`make_dataset` with both engines, and `Dataset` with 0, 1 and 2 worker processes; all in batches of
the size that suits TensorFlow best, and checking all checksums. Plain and GZIP (blocked, which
TensorFlow reads as any other); the files are in the page cache. An epoch ends with its last batch:
when TensorFlow lets go of an iterator it may wait for a thread of its own, up to as long again.

The check is what ``make_dataset(check=True)`` looks at before; its share is of an epoch of
``make_dataset`` with "tf.data".

``--only`` measures one kind of files, and leaves what the results say of others: a whole run takes
some ten minutes.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

from harness import Worker, compare, conditions, describe, parse_options, save, tensorflow_package
from workloads import RAW_IMAGE, WORKLOADS

from tfrecord_lite.cli.bench import Reading, our_readings
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.reading import read_records

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from harness import Comparison

SHARDS = (1, 2, 4, 8, 16, 32, 64)
_QUICK_SHARDS = (1, 3)
BATCH_SIZES = (256, 1024, 4096)
NUMPY, TF_DATA, BY_HAND = "make_dataset, numpy", "make_dataset, tf.data", "by hand: "
ANY_ORDER = TF_DATA + ", any order"
# How many times as fast as the best that is written by hand, in whatever order that reads.
TARGETS = {NUMPY: 1.5, TF_DATA: 1.0, ANY_ORDER: 1.0}
# So many passes in one go that its beginning hardly matters; but where each record passes through
# an interleave by itself, which is slow, a part of one.
_PASSES = 2
_SLOW_PART = 8
_ONE_BY_ONE = ("num_parallel_reads", "interleave,", "interleave")
# Each workload, and as arrays.
KINDS = {"A": ("A", None), "B": ("B", None), "B as arrays": ("B", RAW_IMAGE)}


def shards_of(name: str, compression: Any, count: int, *, quick: bool) -> Manifest:
    """Return the manifest of a workload's records as so many shards, which are written once."""
    workload = WORKLOADS[name]
    source = workload.file(quick=quick)
    target = f"{source}-in-{count}{'' if compression is None else '-' + compression}"
    path = f"{target}.manifest.json"
    if not os.path.exists(path):
        size = -(-workload.size(quick=quick) // count)
        with ShardWriter(target, records_per_shard=size, compression=compression) as writer:
            writer.write_many(read_records(source))
    return Manifest.load(path)


def is_slow(name: str) -> bool:
    """Tell whether single records are interleaved."""
    return name.removeprefix(BY_HAND).startswith(_ONE_BY_ONE) and "batches" not in name


def tensorflow_readings(*args: Any) -> list[Reading]:
    """Return what `readings` does; TensorFlow is imported in the processes that measure alone."""
    from tfrecord_lite.tensorflow.readings import readings

    # They have as many epochs as were asked for.
    return [Reading(name, lambda _, data=data: data) for name, data in readings(*args).items()]


def reading(kind: str, compression: Any, count: int, options: Namespace) -> Comparison:
    """Compare all ways of reading a workload as so many shards, in this process."""
    name, features = KINDS[kind]
    features = features or WORKLOADS[name].features
    manifest = shards_of(name, compression, count, quick=options.quick)
    files = manifest.files
    batch_size = best_batch_size(kind, compression, options)
    from tfrecord_lite.tensorflow.readings import seconds_of_check

    check = seconds_of_check(files, features, batch_size)
    readings = our_readings(files, features, batch_size)
    readings += tensorflow_readings(files, {compression}, features, batch_size, _PASSES)
    units = _PASSES * manifest.records
    part = max(manifest.records // _SLOW_PART // batch_size, 1)
    slow = [item.name for item in readings if is_slow(item.name)]
    comparison = compare(
        f"{kind}, {compression or 'plain'}, {count} shards",
        {
            item.name: partial(
                (first_batches(item, part) if item.name in slow else item).seconds, _PASSES
            )
            for item in readings
        },
        unit="record",
        units=units,
        repeats=options.repeats,
        shares=dict.fromkeys(slow, min(part * batch_size / units, 1)),
        about={
            "workload": kind,
            "compression": compression,
            "shards": count,
            "batch_size": batch_size,
            "bytes": _PASSES * manifest.raw_bytes,
            "check_seconds": check,
        },
    )
    comparison.about.update(results_of(comparison))
    return comparison


def first_batches(item: Reading, count: int) -> Reading:
    """Return a reading that ends after so many batches."""
    return item._replace(begin=lambda epochs: islice(item.begin(epochs), count))


_best_sizes: dict[tuple[str, Any], int] = {}


def best_batch_size(kind: str, compression: Any, options: Namespace) -> int:
    """Return the batch size with which the best that is written by hand is fastest."""
    if (kind, compression) not in _best_sizes:
        name, features = KINDS[kind]
        files = shards_of(name, compression, 8, quick=options.quick).files
        found = {}
        for size in BATCH_SIZES[: 1 if options.quick else None]:
            for item in tensorflow_readings(
                files, {compression}, features or WORKLOADS[name].features, size
            ):
                if item.name.startswith(BY_HAND) and not is_slow(item.name):
                    calls = 1 if options.quick else 3
                    found[min(item.seconds() for _ in range(calls))] = size
        _best_sizes[kind, compression] = found[min(found)]
    return _best_sizes[kind, compression]


def results_of(comparison: Comparison) -> dict[str, Any]:
    """Return the best that is written by hand, how we compare, and the share of the check."""
    by_hand = {
        name: median(times) for name, times in comparison.times.items() if name.startswith(BY_HAND)
    }
    best = min(by_hand, key=by_hand.__getitem__)
    ratios = {}
    for name in TARGETS:
        pairs = zip(comparison.times[best], comparison.times[name], strict=True)
        each = [theirs / ours for theirs, ours in pairs]
        ratios[name] = {"median": median(each), "least": min(each), "most": max(each)}
    epoch = median(comparison.times[TF_DATA]) / _PASSES
    check = comparison.about["check_seconds"] / epoch
    return {"best_by_hand": best, "times_the_best_by_hand": ratios, "check_share": check}


Task = dict[str, Any]
"""A `Comparison`, as in the JSON."""


def seconds_by_name(task: Task) -> dict[str, float]:
    """Return the median seconds of each contender."""
    return {name: found["median_seconds"] for name, found in task["contenders"].items()}


def table(tasks: list[Task]) -> list[str]:
    """Return a Markdown table of one kind of files: a row for each number of shards."""
    names = list(tasks[0]["contenders"])
    heads = [name.removeprefix(BY_HAND) for name in names]
    heads += ["numpy / best by hand", "tf.data / best by hand", "any order / best by hand", "check"]
    lines = [f"| shards | {' | '.join(heads)} |", "| --- " * (len(heads) + 1) + "|"]
    for task in tasks:
        about = task["about"]
        cells = [str(about["shards"])]
        for name, seconds in seconds_by_name(task).items():
            rate, size = task["units"] / seconds, about["bytes"] / seconds
            text = f"{rate / 1e3:,.0f} ({size / 1e6:,.0f})"
            cells.append(f"**{text}**" if name == about["best_by_hand"] else text)
        cells += [
            f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"
            for ratio in about["times_the_best_by_hand"].values()
        ]
        cells.append(f"{about['check_share']:.0%}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def kinds_of(tasks: list[Task]) -> dict[tuple[str, Any], list[Task]]:
    """Return the tasks of each workload and compression."""
    kinds: dict[tuple[str, Any], list[Task]] = {}
    for task in tasks:
        kinds.setdefault((task["about"]["workload"], task["about"]["compression"]), []).append(task)
    return kinds


# What is drawn, its color, and where: few enough to be told apart.
_BEST_BY_HAND = "best by hand"
_LINES = {
    "Dataset, 0 workers": ("Dataset, to NumPy", "#7aa6d8"),
    NUMPY: ("make_dataset, numpy", "#1f5fa8"),
    TF_DATA: ("make_dataset, tf.data", "#1a7f37"),
    _BEST_BY_HAND: ("best by hand", "#d97a1c"),
    BY_HAND + "num_parallel_reads=AUTOTUNE": ("num_parallel_reads", "#b3202c"),
}


def draw(tasks: list[Task], where: dict[str, Any], folder: Path) -> None:
    """Draw throughput over the number of shards, as PNG and SVG: plain at the left, GZIP beside."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "tfrecord_lite"
    from matplotlib import pyplot as plt

    kinds = kinds_of(tasks)
    names = list(dict.fromkeys(name for name, _ in kinds))
    codecs = list(dict.fromkeys(codec for _, codec in kinds))
    figure, axes = plt.subplots(
        len(names),
        len(codecs),
        figsize=(5.6 * len(codecs), 3.2 * len(names)),
        squeeze=False,
        layout="constrained",
    )
    for row, name in enumerate(names):
        for column, codec in enumerate(codecs):
            if (name, codec) in kinds:
                _draw_kind(axes[row][column], f"{name}, {codec or 'plain'}", kinds[name, codec])
            else:
                axes[row][column].set_axis_off()
    versions = ", ".join(f"{name} {version}" for name, version in where["packages"].items())
    figure.supxlabel(f"files\n{where['processor']}, {where['cores']} cores; {versions}", fontsize=7)
    figure.savefig(folder / "shards.png", dpi=150)
    # Nothing in the picture may depend on when it was drawn.
    figure.savefig(folder / "shards.svg", metadata={"Date": None})
    plt.close(figure)


def _draw_kind(axes: Any, title: str, tasks: list[Task]) -> None:
    shards = [task["about"]["shards"] for task in tasks]
    ends = {}
    for name, (label, color) in _LINES.items():
        rates = []
        for task in tasks:
            seconds = seconds_by_name(task)
            by_name = task["about"]["best_by_hand"] if name == _BEST_BY_HAND else name
            rates.append(task["units"] / seconds[by_name] / 1e6)
        axes.plot(shards, rates, "o-", color=color, linewidth=1.8, markersize=3.5)
        ends[label] = rates[-1], color
    axes.set_xscale("log", base=2)
    axes.set_xticks(shards, shards)
    axes.minorticks_off()
    axes.set_xlim(right=shards[-1] * (shards[-1] / shards[0]) ** 0.45)
    axes.set_ylim(bottom=0)
    _label(axes, shards[-1], ends)
    batch = tasks[0]["about"]["batch_size"]
    axes.set_title(f"{title}, batches of {batch:,}", loc="left", fontsize=10)
    axes.set_ylabel("million records/s", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Any, x: float, ends: dict[str, tuple[float, str]]) -> None:
    """Write what each line is at its end, none over another."""
    apart = axes.get_ylim()[1] / 14
    at = 0.0
    for label, (y, color) in sorted(ends.items(), key=lambda item: item[1][0]):
        at = max(y, at)
        axes.annotate(
            label,
            (x, y),
            (8, 0) if at == y else (8, (at - y) / apart * 13),
            textcoords="offset points",
            color=color,
            fontsize=8,
            va="center",
        )
        at += apart


def measure(kind: str, compression: Any, counts: tuple[int, ...], options: Namespace) -> Any:
    """Measure one kind of files as ever more shards, in this process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return [reading(kind, compression, count, options).to_json() for count in counts]


def publish(tasks: list[Task], where: dict[str, Any], folder: Path) -> None:
    """Write the tables, the figures and the picture."""
    lines: list[str] = []
    for (kind, compression), found in kinds_of(tasks).items():
        size = found[0]["about"]["batch_size"]
        title = f"{kind}, {compression or 'plain'}: thousand records/s (MB/s), batches of {size}"
        lines += [f"## {title}", "", *table(found), ""]
    measured = {"conditions": where, "tasks": tasks}
    save("shards", "\n".join([*lines, describe(where)]), measured, folder)
    draw(tasks, where, folder)


def main() -> None:
    """Measure all kinds of files, each in a fresh process."""
    everything = {
        f"{kind}, {compression or 'plain'}": (kind, compression)
        for compression in (None, "GZIP")
        for kind in KINDS
    }
    options = parse_options(__doc__, repeats=3, only=list(everything))
    counts = _QUICK_SHARDS if options.quick else SHARDS
    chosen = [options.only] if options.only else list(everything)
    kept: dict[tuple[str, Any], list[Task]] = {}
    if options.only:
        path = options.results / "shards.json"
        kept = (
            kinds_of(json.loads(path.read_text(encoding="utf-8"))["tasks"]) if path.exists() else {}
        )
    for number, title in enumerate(chosen, 1):
        print(f"{number} of {len(chosen)}: {title}", file=sys.stderr, flush=True)
        with Worker() as worker:
            kept[everything[title]] = worker.run(measure, *everything[title], counts, options)
    tasks = [task for kind in everything.values() for task in kept.get(kind, ())]
    publish(tasks, conditions(["numpy", "crc32c", "isal", tensorflow_package()]), options.results)


if __name__ == "__main__":
    main()
