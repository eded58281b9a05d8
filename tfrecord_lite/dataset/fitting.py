"""Whether the first records of files have the features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.table import decode_by
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.schema import Schema

__all__ = ["check_features"]


def check_features(records: EpochRecords, schema: Schema) -> None:
    """Read the first record of each file: what is no TFRecord, or lacks a feature, raises.

    Of a set that has a manifest, which one writer wrote, some files stand for all: the first, the
    last, and others between them, `limits.checked_files` in all.
    """
    count = len(records.files)
    some = count if records.manifest is None else min(count, max(limits.checked_files, 1))
    for number in np.linspace(0, count - 1, some).astype(int).tolist():
        block = records.first_block(number)
        if block is None:
            continue
        schema.require_features(block)
        decode_by(schema, block[:1])
