"""Fair timing: interleaved repeats, medians, ratios within a repeat, and where it ran.

Every repeat runs each contender once, one after the other, in an order that turns from repeat to
repeat; the first round is thrown away (with --quick, it is all there is). A ratio is taken within
each repeat, so that a slow moment of the machine weighs on both sides, and the median of these is
reported, with the smallest and the largest beside it.

`Worker` is a fresh process to measure in, held to one core or free to use all. Contenders that are
to run there, and to have their peak memory taken in a process of their own, are given as partials
of module-level functions that prepare a run and return it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import tfrecord_lite as tfr
from tfrecord_lite.parallel.cores import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from typing_extensions import Self

    Prepare = Callable[[], Callable[[], object]]

RESULTS = Path(__file__).parent / "results"


@dataclass
class Comparison:
    """Times of several contenders at one task; the others are compared with the first named.

    ``times`` is seconds by contender and repeat, ``units`` how many ``unit`` each run handled.
    ``targets`` are how many times as long as the first the others are meant to take at least,
    ``aims`` what would be better still, ``limits`` how many times as long at most. ``peaks`` is the
    peak memory in bytes of a process that did nothing else, ``about`` what tells the task from
    others.
    """

    task: str
    unit: str
    units: int
    times: dict[str, list[float]]
    targets: Mapping[str, float] = field(default_factory=dict)
    aims: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The contender that the others are compared with."""
        return next(iter(self.times))

    def ratios(self, contender: str) -> list[float]:
        """Return how many times as long as the first ``contender`` took, in each repeat."""
        pairs = zip(self.times[contender], self.times[self.first], strict=True)
        return [seconds / base for seconds, base in pairs]

    def to_json(self) -> dict[str, Any]:
        """Return everything measured and the figures derived from it."""
        contenders = {
            name: {
                "seconds": times,
                "median_seconds": median(times),
                "median_ratio": median(self.ratios(name)),
                "target": self.targets.get(name),
                "aim": self.aims.get(name),
                "limit": self.limits.get(name),
                "peak_bytes": self.peaks.get(name),
            }
            for name, times in self.times.items()
        }
        return {
            "task": self.task,
            "about": self.about,
            "unit": self.unit,
            "units": self.units,
            "contenders": contenders,
        }

    def rows(self) -> list[list[str]]:
        """Return table rows: task, contender, time of a unit, ratio, target, peak memory."""
        rows = []
        for name, times in self.times.items():
            ratios = self.ratios(name)
            spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            each = f"{1e6 * median(times) / self.units:.3g} µs a {self.unit}"
            peak = f"{self.peaks[name] / 1e6:.0f} MB" if name in self.peaks else ""
            ratio = "" if name == self.first else spread
            rows.append([self.task, name, each, ratio, self._wanted(name), peak])
        return rows

    def _wanted(self, name: str) -> str:
        if name in self.limits:
            return f"at most {self.limits[name]}"
        wanted = f"{self.targets[name]}" if name in self.targets else ""
        return f"{wanted}, aim {self.aims[name]}" if name in self.aims else wanted


def compare(
    task: str,
    contenders: dict[str, Callable[[], float]],
    *,
    unit: str,
    units: int,
    repeats: int,
    shares: Mapping[str, float] | None = None,
    **more: Any,
) -> Comparison:
    """Run the contenders in turn; each returns its seconds (`timed` makes it so).

    A slow contender may do but a share of the work; ``shares`` names it, and its seconds are scaled
    to the whole. ``more`` are further fields of `Comparison`. With 0 repeats, the first round, that
    which warms up, is all there is.
    """
    names = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats + 1):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            seconds = contenders[name]()
            if repeat or not repeats:
                times[name].append(seconds / (shares or {}).get(name, 1))
    comparison = Comparison(task, unit, units, times, **more)
    for row in comparison.rows():
        print(*row[:4], sep=" | ", file=sys.stderr, flush=True)
    return comparison


class Worker:
    """A fresh process to measure in, held to ``cores`` cores (all where that is None)."""

    def __init__(self, cores: int | None = None) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, _hold_to, (cores,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown()

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a module-level function there and return what it returns."""
        return self._pool.submit(function, *args, **kwargs).result()


def _hold_to(cores: int | None) -> None:
    if cores is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def compare_prepared(
    task: str, contenders: dict[str, Prepare], *, apart: Container[str] = (), **options: Any
) -> Comparison:
    """Prepare the contenders, which is not timed, and `compare` their runs.

    Those named in ``apart``, which others cannot share a process with, run in one of their own.
    """
    with Worker() as worker:
        runs = {
            name: partial(worker.run, _seconds_of, prepare) if name in apart else timed(prepare())
            for name, prepare in contenders.items()
        }
        return compare(task, runs, **options)


def _seconds_of(prepare: Prepare) -> float:
    return timed(prepare())()


def measure_peaks(contenders: dict[str, Prepare]) -> dict[str, int]:
    """Return the peak memory of a fresh process for each contender, in bytes."""
    peaks = {}
    for name, prepare in contenders.items():
        with Worker() as worker:
            peaks[name] = worker.run(_peak_after, prepare)
    return peaks


def _peak_after(prepare: Prepare) -> int:
    prepare()()
    return peak_memory()


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held."""
    try:
        # What getrusage reports may be the peak of the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def parse_options(
    description: str | None, repeats: int, only: list[str] | None = None
) -> argparse.Namespace:
    """Read the command line of a benchmark: ``quick``, ``repeats``, ``results``, perhaps ``only``.

    The last is one of the parts that there are.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="tiny workloads: does it run at all")
    parser.add_argument("--repeats", type=int, help=f"default {repeats}, 0 with --quick")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write into")
    if only is not None:
        parser.add_argument("--only", choices=only, help="one part alone; the others stay")
    options = parser.parse_args()
    if options.repeats is None:
        options.repeats = 0 if options.quick else repeats
    return options


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """Return a function that runs ``run`` and returns the seconds that it took."""

    def clocked() -> float:
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    return clocked


def conditions(packages: Iterable[str]) -> dict[str, Any]:
    """Return what the figures depend on: the machine, and the versions of what is installed."""
    versions = {"tfrecord_lite": tfr.__version__}
    for package in packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions,
    }


def tensorflow_package() -> str:
    """Return the name of the distribution that TensorFlow came in."""
    return importlib.metadata.packages_distributions()["tensorflow"][0]


_COLUMNS = ["task", "contender", "median", "times the first's (least to most)", "target", "peak"]


def publish(
    name: str,
    comparisons: list[Comparison],
    packages: Iterable[str],
    folder: Path = RESULTS,
) -> None:
    """Print a Markdown table and write it, and all that was measured, into a folder."""
    where = conditions(packages)
    width = 6 if any(comparison.peaks for comparison in comparisons) else 5
    rows = [_COLUMNS, ["---"] * 6, *(row for item in comparisons for row in item.rows())]
    lines = [f"| {' | '.join(row[:width])} |" for row in rows]
    measured = {"conditions": where, "tasks": [item.to_json() for item in comparisons]}
    save(name, "\n".join([*lines, "", describe(where)]), measured, folder)


def describe(where: dict[str, Any]) -> str:
    """Return `conditions` as a sentence."""
    packages = ", ".join(f"{name} {version}" for name, version in where["packages"].items())
    machine = f"{where['processor']}, {where['cores']} cores, {where['system']}"
    return f"{machine}, Python {where['python']}, {packages}."


def save(name: str, markdown: str, measured: dict[str, Any], folder: Path = RESULTS) -> None:
    """Print the Markdown and write it, and the figures as JSON, into a folder."""
    print(markdown)
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(markdown + "\n", encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def _processor() -> str:
    """Return the processor's name; only Linux's own file has it in full."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
