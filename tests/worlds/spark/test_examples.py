"""The step of examples/cluster that needs Spark."""

from __future__ import annotations

from examples.running import run
from worlds.pictures import write_pictures


def test_pictures_are_counted(tmp_path):
    write_pictures(tmp_path, 30)
    stdout, _ = run("cluster/cluster.py", tmp_path, "--steps", "count")
    assert "count: 10 across, 10 down, 10 slanted" in stdout
