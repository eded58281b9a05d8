"""Running an example as a user does, and looking at what it leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(script: str, *options: object, python: tuple[str, ...] = ()) -> tuple[str, str]:
    """Run a script to its end; return what it wrote to stdout and stderr."""
    with tempfile.TemporaryDirectory() as empty:
        # No weights are to be had: none are in this folder, and no proxy listens there.
        no_network = {"KERAS_HOME": empty, "https_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, *python, str(EXAMPLES / script), *map(str, options)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **no_network},
        )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def imported(importtime: str) -> set[str]:
    """Return the packages that a Python run with ``-X importtime`` says it imported."""
    return {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in importtime.splitlines()
        if line.startswith("import time:")
    }


def assert_drawn(picture: Path) -> None:
    """Look whether a picture has something on it."""
    from PIL import Image

    pixels = np.asarray(Image.open(picture).convert("L"))
    assert min(pixels.shape) >= 200, picture
    # Neither blank nor a mere frame: several shades, each in many places.
    shades = np.bincount(pixels.ravel(), minlength=256)
    assert (shades > 50).sum() >= 5, picture


def numbers(pattern: str, text: str) -> list[float]:
    """Return the numbers that a pattern's group finds, in order."""
    return [float(found) for found in re.findall(pattern, text, re.MULTILINE)]
