"""This checkout against another revision of itself: what has become slower.

``python benchmarks/against.py HEAD~10``: the package as it was at a revision is taken out of the
repository, and both read and write the same workloads, by turns, each in a process of its own. A
ratio above 1 is a loss. Nothing is written: it is for before a change lands; the other benchmarks,
which compare with TensorFlow, say so too late.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TASKS = ("batches", "records", "dataset", "shuffled", "encode", "write", "verify")


def serve() -> None:
    """Answer each line, a task with a workload and how it is compressed, with the seconds taken."""
    import collections
    import itertools
    import time

    from workloads import WORKLOADS

    import tfrecord_lite as tfr

    def run(task: str, name: str, compression: str, quick: bool) -> Any:
        workload: Any = WORKLOADS[name]
        path, features = workload.file(compression or None, quick=quick), workload.features
        if task == "batches":
            return lambda: tfr.read_batches(path, features, batch_size=1024)
        if task == "records":
            return lambda: tfr.read_records(path)
        if task in ("dataset", "shuffled"):
            shuffle = task == "shuffled"
            return lambda: tfr.Dataset(path, features, batch_size=256, shuffle=shuffle)
        if task == "encode":
            columns = next(iter(tfr.read_batches(path, features, batch_size=2000)))
            return lambda: tfr.encode_examples(columns, features)
        if task == "write":
            records = list(itertools.islice(tfr.read_records(path), 2000))
            return lambda: [tfr.write_records(os.path.join(folder, "written"), records)]
        return lambda: [tfr.verify(path)]

    made: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            task, name, compression, quick = line.rstrip("\n").split(" ")
            if line not in made:
                made[line] = run(task, name, compression, bool(quick))
            began = time.perf_counter()
            collections.deque(made[line](), maxlen=0)
            print(time.perf_counter() - began, flush=True)


def started(package: Path) -> subprocess.Popen[str]:
    """Start a process that measures the package in this folder."""
    paths = os.pathsep.join([os.fspath(package), os.fspath(ROOT / "benchmarks")])
    return subprocess.Popen(
        [sys.executable, "-c", "import against; against.serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # What lies where Python starts goes before all else.
        cwd=package,
        env={**os.environ, "PYTHONPATH": paths},
    )


def asked(process: subprocess.Popen[str], line: str) -> float:
    """Have a task done; return the seconds."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> None:
    """Measure all tasks of all workloads."""
    from harness import compare

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", nargs="?", default="HEAD", help="default: what was committed")
    parser.add_argument("--only", choices=TASKS, action="append", help="these tasks alone")
    parser.add_argument("--workloads", default="ABCDE")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="tiny workloads: does it run at all")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        archive = ["git", "-C", os.fspath(ROOT), "archive", options.revision, "tfrecord_lite"]
        content = subprocess.run(archive, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", os.fspath(folder)], input=content, check=True)
        then, now = (stack.enter_context(started(place)) for place in (folder, ROOT))
        print("| task | workload | times as long as then (least to most) |\n| --- | --- | --- |")
        for task in options.only or TASKS:
            for name in options.workloads:
                for compression in ("", "GZIP") if task in ("batches", "records") else ("",):
                    line = " ".join([task, name, compression, "1" if options.quick else ""])
                    found = compare(
                        line.rstrip(),
                        {
                            "then": lambda line=line: asked(then, line),
                            "now": lambda line=line: asked(now, line),
                        },
                        unit="pass",
                        units=1,
                        repeats=0 if options.quick else options.repeats,
                    )
                    ratio = found.rows()[1][3]
                    print(f"| {task} | {name} {compression or 'plain'} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
