from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from dataset.sets import COUNTS, KINDS, RECORDS
from dataset.test_batches import write

from tfrecord_lite.thresholds import limits, thresholds


@pytest.fixture
def small(monkeypatch):
    """Read so little at once that an epoch takes many pieces."""
    monkeypatch.setattr(limits, "read_block_bytes", 1000)
    for size in ("small", "middle", "large"):
        monkeypatch.setattr(limits, f"{size}_block_bytes", (1000, 1000))
    monkeypatch.setattr(thresholds, "arriving_records", 10)
    monkeypatch.setattr(thresholds, "picked_batch_bytes", 4000)
    monkeypatch.setattr(thresholds, "picked_gzip_batch_bytes", 2000)
    monkeypatch.setattr(limits, "open_files", 2)
    monkeypatch.setattr(limits, "open_gzip_files", 1)


@pytest.fixture
def sets(tmp_path):
    """Give the same records as files of each kind, and as files of all kinds "mixed"."""

    class Sets(dict):
        def __missing__(self, kind):
            folder = tmp_path / kind
            folder.mkdir()
            self[kind] = []
            for number, (begin, end) in enumerate(pairwise(np.cumsum([0, *COUNTS]).tolist())):
                options = KINDS[kind] if kind in KINDS else list(KINDS.values())[number % 4]
                path = folder / f"{number}.tfrecord"
                self[kind].append(write(path, RECORDS[begin:end], **options))
            return self[kind]

    return Sets()
