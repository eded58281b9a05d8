"""What inflates: isal or zlib, in the thread that reads or ahead of it in others."""

from __future__ import annotations

import sys

import pytest

from tfrecord_lite.records import ahead


@pytest.fixture(params=["isal", "zlib", "ahead"])
def engine(request, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    else:
        pytest.importorskip("isal")
    if request.param == "ahead":
        # However small the members are.
        monkeypatch.setattr(ahead, "_LEAST_BYTES", 1)
        monkeypatch.setattr(ahead, "usable_cores", lambda: 3)
    return request.param
