"""What inflates: isal or zlib, in the thread that reads or ahead of it in others."""

from __future__ import annotations

import pytest

from tfrecord_lite.thresholds import thresholds


@pytest.fixture(params=["isal", "zlib", "ahead"])
def engine(request, cores, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        request.getfixturevalue("without_isal")
    else:
        pytest.importorskip("isal")
    if request.param == "ahead":
        # However small the members are.
        monkeypatch.setattr(thresholds, "ahead_member_bytes", 1)
        cores(3)
    return request.param
