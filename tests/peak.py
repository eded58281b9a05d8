"""The most memory that a program takes, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# What getrusage() tells begins with the peak of the process that started this one.
_PEAK = """
def peak():
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10
    except OSError:
        import resource, sys
        units = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // units
"""


def growth(before: str, program: str, *arguments: str | Path) -> int:
    """Return by how many MiB the peak grows while a program runs, after what comes before it."""
    text = f"{_PEAK}\n{before}\n_before = peak()\n{program}\nprint(peak() - _before)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)
