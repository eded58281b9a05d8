"""The machine that tests run on, as they want it to be."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the system say that this process may use so many cores."""

    def set_to(count: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(count)))

    return set_to


@pytest.fixture
def without_isal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have isal not be installed, so that zlib inflates."""
    monkeypatch.setitem(sys.modules, "isal", None)
