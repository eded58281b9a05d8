"""The public names of each wing are there, from whichever module they come."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize("wing", ["records", "example", "dataset", "integrity"])
def test_every_public_name_is_there(wing: str) -> None:
    module = import_module(f"tfrecord_lite.{wing}")
    assert module.__all__
    for name in module.__all__:
        found = getattr(module, name)
        assert getattr(found, "__name__", name) == name
    with pytest.raises(AttributeError, match=f"'tfrecord_lite.{wing}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
