"""Whether the first record of each file has the features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.spans import error_at

if TYPE_CHECKING:
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.schema import Schema

__all__ = ["check_features"]


def check_features(records: EpochRecords, schema: Schema) -> None:
    """Read the first record of each file: what is no TFRecord, or lacks a feature, raises."""
    for number in range(len(records.files)):
        block = records.first_block(number)
        if block is None:
            continue
        if not schema.features:
            raise error_at(block, 0, "no feature in any of the first records; pass features=")
        try:
            decode_block(block[:1], schema.features, strict=schema.strict)
        except ExampleError as error:
            schema.explain(error)
            raise
