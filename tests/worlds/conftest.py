"""Each folder is about one world; where its packages are not installed, its tests are skipped."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGES = {
    "torch": ["torch", "torchdata", "lightning"],
    "jax": ["jax", "grain"],
    "huggingface": ["datasets"],
    "remote": ["moto", "s3fs", "obstore", "boto3"],
    "ray": ["ray", "pyarrow", "pandas"],
    "spark": ["pyspark", "pyarrow", "pandas"],
    "beam": ["apache_beam"],
    "tfds": ["tensorflow_datasets", "tensorflow", "PIL"],
    "browser": ["playwright", "axe_playwright_python"],
}


class Skipped(pytest.Module):
    def collect(self):
        world = self.path.parent.name
        missing = [name for name in PACKAGES[world] if find_spec(name) is None]
        pytest.skip(f"not installed: {', '.join(missing)} (make test-worlds)")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    names = PACKAGES.get(module_path.parent.name, [])
    if any(find_spec(name) is None for name in names):
        return Skipped.from_parent(parent, path=module_path)
    return None
