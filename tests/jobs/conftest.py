"""Sets of shards for jobs to work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from job_sets import RECORDS

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Write a set of four shards; return its name."""
    (tmp_path / "set").mkdir()
    with tfr.ShardWriter(tmp_path / "set" / "train", records_per_shard=13) as writer:
        writer.write_many(RECORDS)
    return tmp_path / "set" / "train"
