"""Tables; where pyarrow is not installed, each module is skipped by its name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


class Skipped(pytest.Module):
    def collect(self):
        pytest.skip("not installed: pyarrow")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    if find_spec("pyarrow") is None:
        return Skipped.from_parent(parent, path=module_path)
    return None
