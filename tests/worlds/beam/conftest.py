from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items):
    # Beam's own.
    for item in items:
        if item.path.parent.name == "beam":
            for kind in ("DeprecationWarning", "FutureWarning", "ResourceWarning", "UserWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))
