"""A plan for 10,000 shards of 128 MiB on 100 machines, with stragglers and failures: simulated.

What a core decodes, what a task takes of memory, how large a manifest is and how long it takes to
load are measured here; machines, network and what goes wrong are assumed, and said in the table.
The simulation goes from event to event: a task begins on a free core, ends, fails, or goes with its
machine; what has failed begins again, and what is slow may be begun a second time elsewhere. The
first attempt of a task that ends is the one whose records count.
"""

from __future__ import annotations

import heapq
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from harness import conditions, describe, measure_peaks, parse_options, save, timed
from workloads import WORKLOADS

import tfrecord_lite as tfr
from tfrecord_lite.files.manifest import ManifestEntry

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
# What a core does where images are decoded and augmented, say.
_OWN_WORK = 20e6


@dataclass(frozen=True)
class Cluster:
    """What runs where, and how often what goes wrong.

    Rates are bytes a second, times seconds. ``slow`` machines of 100 take ``slowness`` times as
    long; each task fails with the chance ``failing`` somewhere on its way, and each machine goes
    down once in ``lifetime`` seconds on average, with all its tasks, for ``repair``.
    """

    machines: int = 100
    cores: int = 8
    shards: int = 10_000
    shard_bytes: int = 128 * MIB
    tasks_per_shard: int = 1
    decoded: float = 300e6
    network: float = 1.25e9
    latency: float = 0.03
    overhead: float = 0.5
    slow: int = 3
    slowness: float = 4.0
    failing: float = 0.002
    lifetime: float = 50 * 3600.0
    repair: float = 300.0
    copies: bool = False
    seed: int = 1

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return self.shards * self.tasks_per_shard

    @property
    def task_seconds(self) -> float:
        """How long a task takes on a machine that is not slow, all cores at work."""
        size = self.shard_bytes / self.tasks_per_shard
        rate = min(self.decoded, self.network / self.cores)
        return self.overhead + self.latency + size / rate

    @property
    def ideal(self) -> float:
        """How long all takes where nothing goes wrong, and no core waits."""
        return self.tasks * self.task_seconds / (self.machines * self.cores)


@dataclass
class Outcome:
    """What came of a run."""

    seconds: float = 0.0
    worked: float = 0.0
    wasted: float = 0.0
    retries: int = 0
    copies: int = 0
    done: list[int] = field(default_factory=list)


class _Run:
    """One run of a cluster, from event to event."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._random = random.Random(cluster.seed)
        self._slow = set(
            self._random.sample(range(cluster.machines), cluster.machines * cluster.slow // 100)
        )
        self._events: list[tuple[float, int, str, Any]] = []
        self._number = 0
        self._waiting = list(range(cluster.tasks - 1, -1, -1))
        self._free = [*range(cluster.machines)] * cluster.cores
        self._running: dict[int, tuple[int, int, float, float]] = {}
        self._attempts: dict[int, set[int]] = {}
        self._down: set[int] = set()
        self._took: list[float] = []
        self.outcome = Outcome(done=[0] * cluster.tasks)

    def _at(self, when: float, what: str, about: Any) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what, about))

    def run(self) -> Outcome:
        left = self._cluster.tasks
        for machine in range(self._cluster.machines):
            self._at(self._random.expovariate(1 / self._cluster.lifetime), "down", machine)
        self._begin(0.0)
        while left:
            now, _, what, about = heapq.heappop(self._events)
            if what == "end":
                left -= self._end(now, about)
            elif what == "fail":
                self._fail(now, about)
            elif what == "down":
                self._go_down(now, about)
            else:
                self._down.discard(about)
                self._free += [about] * self._cluster.cores
                self._at(now + self._random.expovariate(1 / self._cluster.lifetime), "down", about)
            self._begin(now)
            self.outcome.seconds = now
        # What still runs is given up.
        for _, _, began, _ in self._running.values():
            self.outcome.wasted += self.outcome.seconds - began
        return self.outcome

    def _begin(self, now: float) -> None:
        while self._free:
            task = self._waiting.pop() if self._waiting else self._straggler(now)
            if task is None:
                return
            self._start(now, task, self._free.pop(self._random.randrange(len(self._free))))

    def _straggler(self, now: float) -> int | None:
        """Return a task that takes twice what most take, and runs but once."""
        if not self._cluster.copies or len(self._took) < 20:
            return None
        usual = median(self._took[-200:])
        for task, _, began, _ in self._running.values():
            if now - began > 2 * usual and len(self._attempts[task]) == 1:
                self.outcome.copies += 1
                return task
        return None

    def _start(self, now: float, task: int, machine: int) -> None:
        cluster = self._cluster
        seconds = cluster.task_seconds * self._random.lognormvariate(0, 0.1)
        if machine in self._slow:
            seconds *= cluster.slowness
        attempt = self._number
        self._running[attempt] = task, machine, now, seconds
        self._attempts.setdefault(task, set()).add(attempt)
        if self._random.random() < cluster.failing:
            self._at(now + seconds * self._random.random(), "fail", attempt)
        else:
            self._at(now + seconds, "end", attempt)

    def _end(self, now: float, attempt: int) -> int:
        """End an attempt; return 1 where its task is done by it."""
        if attempt not in self._running:
            return 0
        task, machine, began, _ = self._stop(attempt)
        self._free.append(machine)
        self.outcome.worked += now - began
        self._took.append(now - began)
        self.outcome.done[task] += 1
        for other in list(self._attempts[task]):
            # The other attempt is given up.
            _, machine, began, _ = self._stop(other)
            self._free.append(machine)
            self.outcome.wasted += now - began
        return 1

    def _fail(self, now: float, attempt: int) -> None:
        if attempt in self._running:
            task, machine, began, _ = self._stop(attempt)
            self._free.append(machine)
            self._again(task, now - began)

    def _again(self, task: int, wasted: float) -> None:
        self.outcome.wasted += wasted
        self.outcome.retries += 1
        if not self._attempts[task]:
            self._waiting.append(task)

    def _go_down(self, now: float, machine: int) -> None:
        for attempt in [one for one, run in self._running.items() if run[1] == machine]:
            task, _, began, _ = self._stop(attempt)
            self._again(task, now - began)
        self._free = [free for free in self._free if free != machine]
        self._down.add(machine)
        self._at(now + self._cluster.repair, "up", machine)

    def _stop(self, attempt: int) -> tuple[int, int, float, float]:
        found = self._running.pop(attempt)
        self._attempts[found[0]].discard(attempt)
        return found


def simulate(cluster: Cluster) -> Outcome:
    """Run it once; every task is done exactly once, or that is an error."""
    outcome = _Run(cluster).run()
    if outcome.done != [1] * cluster.tasks:
        raise AssertionError("a task was done more or less than once")
    return outcome


def read(path: str) -> Callable[[], None]:
    """Return what a task does: read a split, and decode its records."""
    features = WORKLOADS["B"].features

    def run() -> None:
        for _ in tfr.read_batches(path, features):
            pass

    return run


def measured(*, quick: bool, repeats: int) -> dict[str, float]:
    """Measure what the plan rests on."""
    path = WORKLOADS["B"].file(quick=quick)
    run = timed(read(path))
    run()
    seconds = median(run() for _ in range(max(repeats, 1)))
    shards = 100 if quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        where = os.path.join(folder, "set.manifest.json")
        entries = tuple(
            ManifestEntry(f"set-{n:05d}-of-{shards:05d}.tfrecord", 40_000, 128 * MIB, 128 * MIB, n)
            for n in range(shards)
        )
        Path(where).write_text(tfr.Manifest(where, entries).to_json(), encoding="utf-8")
        began = time.perf_counter()
        tfr.Manifest.load(where)
        loading = time.perf_counter() - began
        manifest_bytes = os.path.getsize(where)
    return {
        "decoded_bytes_per_second": os.path.getsize(path) / seconds,
        "task_peak_bytes": measure_peaks({"task": partial(read, path)})["task"],
        "manifest_bytes": manifest_bytes,
        "manifest_seconds": loading,
        "listing_requests": -(-shards // 1000),
    }


_HEAD = (
    "| job | what goes wrong | tasks | seconds (least to most) | times the ideal | work lost | "
    "begun again | begun twice |"
)


def _assumed(cluster: Cluster) -> str:
    return (
        f"Assumed: {cluster.machines} machines of {cluster.cores} cores, "
        f"{cluster.network / 1.25e8:,.0f} Gbit/s each, {1e3 * cluster.latency:.0f} ms to the "
        f"first byte, {cluster.overhead} s to begin a task; {cluster.shards:,} shards of "
        f"{cluster.shard_bytes // MIB} MiB."
    )


def main() -> None:
    """Measure, simulate, and print tables."""
    options = parse_options(__doc__, repeats=5)
    found = measured(quick=options.quick, repeats=options.repeats)
    usual = Cluster(decoded=found["decoded_bytes_per_second"])
    if options.quick:
        usual = replace(usual, machines=5, shards=200)
    nothing = {"slow": 0, "failing": 0.0, "lifetime": 1e12}
    cases = {
        "nothing goes wrong": nothing,
        "3 of 100 machines 4 times as slow": {**nothing, "slow": 3},
        "the same, what is slow begun twice": {**nothing, "slow": 3, "copies": True},
        "1 task in 500 fails, machines go down after 50 hours": {"slow": 0},
        "all of these": {"copies": True},
        "all, and 1 task in 20 fails": {"copies": True, "failing": 0.05},
        "all, machines go down after 5 hours": {"copies": True, "lifetime": 5 * 3600.0},
    }
    seeds = range(1 if options.quick else 5)
    lines = [
        "| what is measured here | |",
        "|---|---|",
        f"| decoded by one core, workload B | {usual.decoded / 1e6:,.0f} MB/s |",
        f"| peak memory of a task's process | {found['task_peak_bytes'] / 1e6:,.0f} MB |",
        f"| manifest of the set | {found['manifest_bytes'] / 1e6:,.2f} MB |",
        f"| loading it | {1e3 * found['manifest_seconds']:,.0f} ms |",
        f"| requests of 1,000 names that list the set | {found['listing_requests']:,} |",
        "",
        _assumed(usual),
        "",
        _HEAD,
        "|---|---|---|---|---|---|---|---|",
    ]
    results = []
    own_work = min(_OWN_WORK, usual.decoded)
    for job, per_shard, decoded in (
        ("decoded", 1, usual.decoded),
        ("decoded", 4, usual.decoded),
        (f"own work, {own_work / 1e6:.0f} MB/s a core", 1, own_work),
        (f"own work, {own_work / 1e6:.0f} MB/s a core", 4, own_work),
    ):
        for name, changes in cases.items():
            cluster = replace(usual, tasks_per_shard=per_shard, decoded=decoded, **changes)
            runs = [simulate(replace(cluster, seed=seed)) for seed in seeds]
            seconds = sorted(run.seconds for run in runs)
            lost = median(run.wasted / (run.worked + run.wasted) for run in runs)
            times = median(seconds) / cluster.ideal
            retries = median(run.retries for run in runs)
            copies = median(run.copies for run in runs)
            spread = f"{median(seconds):,.1f} ({seconds[0]:,.1f} to {seconds[-1]:,.1f})"
            figures = f"{times:.2f} | {lost:.2%} | {retries:,.0f} | {copies:,.0f}"
            lines.append(f"| {job} | {name} | {cluster.tasks:,} | {spread} | {figures} |")
            results.append({"job": job, "case": name, "tasks": cluster.tasks, "seconds": seconds})
    where = conditions(["numpy"])
    save(
        "cluster_plan",
        "\n".join([*lines, "", describe(where)]),
        {"conditions": where, "measured": found, "runs": results},
        options.results,
    )


if __name__ == "__main__":
    sys.exit(main())
