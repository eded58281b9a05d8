"""The benchmarks run, on tiny workloads; what they measure is not asserted."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("tensorflow", "matplotlib"))),
        reason="needs tensorflow and matplotlib",
    ),
]
ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


# TensorFlow takes longer to import than a quick run does: all measure in the same process. It is
# still another one, to which all that is to be measured is sent.
SERVER = """
import contextlib, importlib, io, json, sys
import harness

class Shared(harness.Worker):
    workers = {}

    def __new__(cls, cores=None):
        return cls.workers.setdefault(cores, super().__new__(cls))

    def __init__(self, cores=None):
        if not hasattr(self, "_pool"):
            super().__init__(cores)

    def __exit__(self, *exception):
        pass

harness.Worker = Shared
for line in sys.stdin:
    script, *sys.argv[1:] = json.loads(line)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        importlib.import_module(script).main()
    print(json.dumps(printed.getvalue()), flush=True)
"""


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., str]]:
    """Run a benchmark and return what it prints."""
    path = os.pathsep.join([str(ROOT), str(BENCHMARKS)])
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def run(script: str, *arguments: str) -> str:
            print(json.dumps([script, *arguments]), file=server.stdin, flush=True)
            answer = server.stdout.readline()
            assert answer, "the benchmark failed"
            printed: str = json.loads(answer)
            return printed

        yield run
        server.stdin.close()
    assert server.returncode == 0


def run_script(name: str, *arguments: str) -> None:
    """Run a benchmark as its user does."""
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def test_quick_run_and_its_picture(tmp_path, run):
    for name in ("columns", "encoding"):
        table = run(name, "--quick", "--results", str(tmp_path))
        assert table == (tmp_path / f"{name}.md").read_text(encoding="utf-8")
        measured = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        tasks = measured["tasks"]
        assert {task["about"]["compression"] for task in tasks if "cores" in task["about"]} == {
            None,
            "GZIP",
        }
        for task in tasks:
            for contender in task["contenders"].values():
                assert min(contender["seconds"]) > 0
    run_script("picture", "--results", str(tmp_path))
    assert (tmp_path / "columns.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "columns.svg").read_text(encoding="utf-8")


def test_worker_held_to_one_core(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    harness = importlib.import_module("harness")
    cores = harness.usable_cores()
    with harness.Worker(cores=1) as held, harness.Worker() as free:
        assert held.run(harness.usable_cores) == (1 if sys.platform == "linux" else cores)
        assert free.run(harness.usable_cores) == cores


def test_quick_run_of_the_rest(tmp_path, run):
    run("verifying", "--quick", "--results", str(tmp_path))
    for name in ("scaling", "growth", "cluster_plan"):
        run_script(name, "--quick", "--results", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "cluster_plan.json",
        "cluster_plan.md",
        "growth.json",
        "growth.md",
        "scaling.json",
        "scaling.md",
        "verifying.json",
        "verifying.md",
    }


def test_quick_run_against_a_revision(tmp_path):
    """The package of a revision is what it says, whatever is here by now."""
    package = tmp_path / "tfrecord_lite"
    shutil.copytree(ROOT / "tfrecord_lite", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(BENCHMARKS, tmp_path / "benchmarks")
    for command in ("init -q", "add tfrecord_lite", "commit -q -m first"):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *identity, *command.split()], check=True)
    (package / "dataset" / "batches.py").write_text("raise ImportError('of today')")
    script = tmp_path / "benchmarks" / "against.py"
    options = ["--quick", "--workloads", "A", "--only"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def ran(task: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, script, *options, task],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    table = ran("verify")
    assert table.returncode == 0, table.stderr
    assert "| verify | A plain |" in table.stdout
    # What is here now does not run, and that is no result.
    assert ran("batches").returncode != 0


def test_quick_run_of_describing_and_viewing(tmp_path, run):
    assert "describe, all cores" in run("describing", "--quick", "--results", str(tmp_path))
    run_script("viewing", "--quick", "--results", str(tmp_path))
    viewed = json.loads((tmp_path / "viewing.json").read_text(encoding="utf-8"))["viewed"]
    assert len(viewed) == 3
    assert min(one["first_page"] for one in viewed) > 0


def test_quick_run_of_random_access(tmp_path, run):
    run("random_access", "--quick", "--results", str(tmp_path))
    measured = json.loads((tmp_path / "random_access.json").read_text(encoding="utf-8"))
    assert "index" in measured["tasks"][1]["task"]


def test_quick_run_of_remote(tmp_path, run):
    for package in ("fsspec", "obstore", "aiohttp"):
        pytest.importorskip(package)
    run("remote", "--quick", "--results", str(tmp_path))
    measured = json.loads((tmp_path / "remote.json").read_text(encoding="utf-8"))
    assert set(measured["tasks"][0]["contenders"]) == {"RecordReader", "one GET, urllib"}
    assert len(measured["counts"]) == 6


@pytest.mark.long
def test_quick_run_of_scale(tmp_path):
    run_script("scale", "--quick", "--results", str(tmp_path))
    figures = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))["figures"]
    assert figures["shuffled"]["first"] > 0


def test_quick_run_of_arrow(tmp_path, run):
    pytest.importorskip("pyarrow")
    table = run("arrow", "--quick", "--results", str(tmp_path))
    assert "to_arrow, tfx" in table


def test_quick_run_of_tables(tmp_path, run):
    """Of what is installed: each part writes results of its own."""
    run("tables", "--quick", "--results", str(tmp_path))
    packages = {"huggingface": "datasets", "sql": "duckdb", "parquet": "pyarrow"}
    parts = {
        "shuffle",
        *(part for part, name in packages.items() if importlib.util.find_spec(name)),
    }
    assert {path.name for path in tmp_path.glob("*.md")} == {f"tables_{part}.md" for part in parts}


def test_quick_run_of_sequences(tmp_path, run):
    table = run("sequences", "--quick", "--results", str(tmp_path))
    assert "RaggedFeature(np.uint8)" in table


@pytest.mark.long
def test_quick_run_of_shards_and_its_picture(tmp_path, run):
    """One kind of files after the other gives what all at once would."""
    for kind in ("A, plain", "A, GZIP"):
        table = run("shards", "--quick", "--only", kind, "--results", str(tmp_path))
        assert f"## {kind}: thousand records/s" in table
    assert table == (tmp_path / "shards.md").read_text(encoding="utf-8")
    tasks = json.loads((tmp_path / "shards.json").read_text(encoding="utf-8"))["tasks"]
    assert [(task["about"]["compression"], task["about"]["shards"]) for task in tasks] == [
        (None, 1),
        (None, 3),
        ("GZIP", 1),
        ("GZIP", 3),
    ]
    for task in tasks:
        assert min(min(found["seconds"]) for found in task["contenders"].values()) > 0
        assert set(task["about"]["times_the_best_by_hand"]) == {
            "make_dataset, numpy",
            "make_dataset, tf.data",
            "make_dataset, tf.data, any order",
        }
    assert (tmp_path / "shards.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "shards.svg").read_text(encoding="utf-8")


@pytest.mark.long
def test_quick_run_of_mixing(tmp_path, run):
    run("mixing", "--quick", "--results", str(tmp_path))
    mixing = json.loads((tmp_path / "mixing.json").read_text(encoding="utf-8"))["mixing"]
    assert all(0 < moved < 2 and shards > 1 for moved, shards in mixing.values())
