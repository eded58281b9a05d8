"""The benchmarks run, on tiny workloads; what they measure is not asserted."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
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


def run(script: str, *arguments: str) -> str:
    """Run a benchmark and return what it prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quick_run_and_its_picture(tmp_path):
    for name in ("columns", "encoding"):
        table = run(f"{name}.py", "--quick", "--results", str(tmp_path))
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
    run("picture.py", "--results", str(tmp_path))
    assert (tmp_path / "columns.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "columns.svg").read_text(encoding="utf-8")


def test_worker_held_to_one_core(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    harness = importlib.import_module("harness")
    cores = harness.usable_cores()
    with harness.Worker(cores=1) as held, harness.Worker() as free:
        assert held.run(harness.usable_cores) == (1 if sys.platform == "linux" else cores)
        assert free.run(harness.usable_cores) == cores


def test_quick_run_of_the_rest(tmp_path):
    for name in ("verifying", "scaling", "growth"):
        run(f"{name}.py", "--quick", "--results", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "growth.json",
        "growth.md",
        "scaling.json",
        "scaling.md",
        "verifying.json",
        "verifying.md",
    }


def test_quick_run_of_random_access(tmp_path):
    run("random_access.py", "--quick", "--results", str(tmp_path))
    measured = json.loads((tmp_path / "random_access.json").read_text(encoding="utf-8"))
    assert "index" in measured["tasks"][1]["task"]


@pytest.mark.slow
def test_quick_run_of_shards_and_its_picture(tmp_path):
    """One kind of files after the other gives what all at once would."""
    for kind in ("A, plain", "A, GZIP"):
        table = run("shards.py", "--quick", "--only", kind, "--results", str(tmp_path))
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
