"""Throughput over the number of shards: the same records as 1, 2, 4, ... 64 files.

What people write by hand with ``TFRecordDataset`` (`tfrecord_lite.tensorflow.handwritten`),
`make_dataset` with both engines, and `Dataset` with 0, 1 and 2 worker processes; all in batches of
the size that suits TensorFlow best, and checking all checksums. Plain and GZIP (blocked, which
TensorFlow reads as any other); the files are in the page cache. An epoch ends with its last batch:
when TensorFlow lets go of an iterator it may wait for a thread of its own, up to as long again.

The check is what ``make_dataset(check=True)`` looks at before; its share is of an epoch of
``make_dataset`` with "tf.data".
"""

from __future__ import annotations

import os
from statistics import median
from typing import TYPE_CHECKING, Any

from harness import Worker, compare, conditions, describe, parse_options, save, tensorflow_package
from workloads import RAW_IMAGE, WORKLOADS

from tfrecord_lite.cli.bench import our_readings, seconds_of_check, tensorflow_readings
from tfrecord_lite.dataset.manifest import Manifest
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.records.reader import read_records

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from harness import Comparison

SHARDS = (1, 2, 4, 8, 16, 32, 64)
_QUICK_SHARDS = (1, 3)
BATCH_SIZES = (256, 1024, 4096)
NUMPY, TF_DATA, BY_HAND = "make_dataset, numpy", "make_dataset, tf.data", "by hand: "
# How many times as fast as the best that is written by hand.
TARGETS = {NUMPY: 1.5, TF_DATA: 1.0}
# So many passes in one go that its beginning hardly matters; but a single one where each record
# passes through an interleave by itself, which is slow enough.
_PASSES = 3
_ONE_BY_ONE = ("num_parallel_reads", "interleave,", "interleave")
# Each workload, and as arrays.
KINDS = {"A": ("A", None), "B": ("B", None), "B as arrays": ("B", RAW_IMAGE)}


def shards_of(name: str, compression: Any, count: int, *, quick: bool) -> Manifest:
    """Return the manifest of a workload's records as so many shards, which are written once."""
    workload = WORKLOADS[name]
    source = workload.file(compression, quick=quick)
    target = f"{source}-in-{count}"
    path = f"{target}.manifest.json"
    if not os.path.exists(path):
        size = -(-workload.size(compression, quick=quick) // count)
        with ShardWriter(target, records_per_shard=size, compression=compression) as writer:
            writer.write_many(read_records(source))
    return Manifest.load(path)


def is_slow(name: str) -> bool:
    """Tell whether single records are interleaved."""
    return name.removeprefix(BY_HAND).startswith(_ONE_BY_ONE) and "batches" not in name


def reading(kind: str, compression: Any, count: int, options: Namespace) -> Comparison:
    """Compare all ways of reading a workload as so many shards, in this process."""
    name, features = KINDS[kind]
    features = features or WORKLOADS[name].features
    manifest = shards_of(name, compression, count, quick=options.quick)
    files = manifest.files
    batch_size = best_batch_size(kind, compression, options)
    check = seconds_of_check(files, features, batch_size)
    one_pass, more = (
        {
            item.name: item
            for item in (
                *our_readings(paths, features, batch_size),
                *tensorflow_readings(paths, {compression}, features, batch_size),
            )
        }
        for paths in (files, files * _PASSES)
    )
    comparison = compare(
        f"{kind}, {compression or 'plain'}, {count} shards",
        {name: (one_pass if is_slow(name) else more)[name].seconds for name in more},
        unit="record",
        units=_PASSES * manifest.records,
        repeats=options.repeats,
        shares={name: 1 / _PASSES for name in more if is_slow(name)},
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
                    found[min(item.seconds() for _ in range(3))] = size
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


def table(tasks: list[Comparison]) -> list[str]:
    """Return a Markdown table of one kind of files: a row for each number of shards."""
    names = list(tasks[0].times)
    heads = [name.removeprefix(BY_HAND) for name in names]
    heads += ["numpy / best by hand", "tf.data / best by hand", "check"]
    lines = [f"| shards | {' | '.join(heads)} |", "| --- " * (len(heads) + 1) + "|"]
    for task in tasks:
        cells = [str(task.about["shards"])]
        for name in names:
            seconds = median(task.times[name])
            rate, size = task.units / seconds, task.about["bytes"] / seconds
            text = f"{rate / 1e3:,.0f} ({size / 1e6:,.0f})"
            cells.append(f"**{text}**" if name == task.about["best_by_hand"] else text)
        cells += [
            f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"
            for ratio in task.about["times_the_best_by_hand"].values()
        ]
        cells.append(f"{task.about['check_share']:.0%}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def draw(tasks: list[dict[str, Any]], where: dict[str, Any], folder: Path) -> None:
    """Draw throughput over the number of shards, as PNG and SVG."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "tfrecord_lite"
    from matplotlib import pyplot as plt

    groups: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    for task in tasks:
        kind = task["about"]["workload"], task["about"]["compression"]
        groups.setdefault(kind, []).append(task)
    rows = len({compression for _, compression in groups})
    columns = len(groups) // rows
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.6 * columns, 3.4 * rows), squeeze=False, layout="constrained"
    )
    for plot, ((kind, compression), group) in zip(axes.flat, groups.items(), strict=True):
        shards = [task["about"]["shards"] for task in group]
        for name in group[0]["contenders"]:
            rates = [
                task["units"] / task["contenders"][name]["median_seconds"] / 1e6 for task in group
            ]
            color, style = _look(name)
            plot.plot(shards, rates, style, color=color, label=name, linewidth=1.3, markersize=3)
        plot.set_xscale("log", base=2)
        plot.set_xticks(shards, shards)
        plot.set_ylim(bottom=0)
        plot.set_title(f"{kind}, {compression or 'plain'}", loc="left", fontsize=9)
        plot.set_xlabel("shards", fontsize=8)
        plot.set_ylabel("million records/s", fontsize=8)
        plot.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    figure.suptitle(describe(where), fontsize=6)
    figure.savefig(folder / "shards.png", dpi=150)
    # Nothing in the picture may depend on when it was drawn.
    figure.savefig(folder / "shards.svg", metadata={"Date": None})
    plt.close(figure)


_BLUES = iter(("#8db8e8", "#5a93cf", "#1f5fa8"))
_ORANGES = iter(("#b3202c", "#d97a1c", "#e8a33d", "#f3c48f", "#7a4a12"))
_looks: dict[str, tuple[str, str]] = {
    NUMPY: ("#1a7f37", "o-"),
    TF_DATA: ("#000000", "o-"),
}


def _look(name: str) -> tuple[str, str]:
    """Return color and line of a contender: those by hand are dashed."""
    if name not in _looks:
        _looks[name] = (next(_ORANGES), "s--") if name.startswith(BY_HAND) else (next(_BLUES), "^-")
    return _looks[name]


def measure(kind: str, compression: Any, counts: tuple[int, ...], options: Namespace) -> Any:
    """Measure one kind of files as ever more shards, in this process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return [reading(kind, compression, count, options) for count in counts]


def main() -> None:
    """Measure all kinds of files, each in a fresh process."""
    options = parse_options(__doc__, repeats=5)
    counts = _QUICK_SHARDS if options.quick else SHARDS
    tasks: list[Comparison] = []
    lines: list[str] = []
    for compression in (None, "GZIP"):
        for kind in KINDS:
            with Worker() as worker:
                found = worker.run(measure, kind, compression, counts, options)
            size = found[0].about["batch_size"]
            title = (
                f"{kind}, {compression or 'plain'}: thousand records/s (MB/s), batches of {size}"
            )
            lines += [f"## {title}", "", *table(found), ""]
            tasks += found
    where = conditions(["numpy", "crc32c", "isal", tensorflow_package()])
    measured = {"conditions": where, "tasks": [task.to_json() for task in tasks]}
    save("shards", "\n".join([*lines, describe(where)]), measured, options.results)
    draw(measured["tasks"], where, options.results)


if __name__ == "__main__":
    main()
