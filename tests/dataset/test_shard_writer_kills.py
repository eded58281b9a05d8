"""Row 27 for shards: writers killed at any moment; `killing` does it, and looks at what is left."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from dataset import killing
from variants import first

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")


def run(*args: object) -> dict[str, int]:
    """What was there after the kills: how often nothing, the old set, the new set."""
    command = [sys.executable, killing.__file__, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = ast.literal_eval(done.stdout)
    return found


# One way each to write shards, to replace some, to publish parts, as engines do; then all others.
WAYS = ["gzip", "overwrite", "parts", "publish_overwrite", "job_overwrite"]


@pytest.mark.parametrize("scenario", first(5, dict.fromkeys([*WAYS, *killing.SCENARIOS])))
def test_row_27_killed_before_each_change_of_a_file(
    scenario: str, tmp_path: Path, injected
) -> None:
    found = run("every", scenario, tmp_path / "set")
    states = {"nothing", "new", "old"} if "overwrite" in scenario else {"nothing", "new"}
    assert set(found) == states
    assert sum(found.values()) > 20
    injected(sum(found.values()))


@pytest.mark.parametrize(
    ("scenario", "count"),
    [
        ("overwrite", 8),
        *(
            pytest.param(scenario, count, marks=pytest.mark.long)
            for scenario, count in (("plain", 70), ("gzip", 70), ("overwrite", 40), ("parts", 20))
        ),
    ],
)
def test_row_27_killed_at_random_moments(
    scenario: str, count: int, tmp_path: Path, injected
) -> None:
    found = run("random", scenario, tmp_path / "set", count, 27)
    assert sum(found.values()) == count
    assert len(found) > 1 or count < 20
    injected(count)
