from __future__ import annotations

from importlib.util import find_spec

import pytest

if find_spec("tensorflow") is None:
    collect_ignore_glob = ["*.py"]
else:
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tf_backend" in str(item.path):
            item.add_marker("tensorflow")
