"""Each folder is about one world; where its packages are not installed, its tests are skipped."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from s3_server import BUCKET, find_s3rver, serving_s3

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


@pytest.fixture(scope="session")
def bucket(tmp_path_factory):
    """The URL of a bucket of s3rver's that all of this process's children find; None: no such."""
    program = find_s3rver()
    if program is None or (find_spec("obstore") or find_spec("s3fs")) is None:
        yield None
        return
    with (
        serving_s3(program, tmp_path_factory.mktemp("bucket")) as environment,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path, bucket):
    """Where sets lie: a folder here, or one in a bucket."""
    if request.param == "folder":
        return str(tmp_path)
    if bucket is None:
        pytest.skip("not installed: s3rver ($S3RVER), with obstore or s3fs")
    return f"{bucket}/{os.urandom(4).hex()}"
