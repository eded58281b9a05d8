"""Which features the records of a `RecordSet` have, and whether all its files have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.schema import Schema
from tfrecord_lite.errors import ExampleError, ignore_damage
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.spans import error_at

if TYPE_CHECKING:
    from tfrecord_lite._types import FeaturesLike
    from tfrecord_lite.dataset.epochs.record_set import RecordSet

__all__ = ["check_features", "find_schema"]


def find_schema(features: FeaturesLike | None, records: RecordSet, *, strict: bool) -> Schema:
    """Return the features given, those in the manifest, or those that the first records have."""
    options: dict[str, Any] = {
        "compression": records.compression,
        "verify": records.verify,
        "on_damage": ignore_damage if records.tolerant else "raise",
    }
    return Schema.find(features, records.files, lambda: records.manifest, options, strict=strict)


def check_features(records: RecordSet, schema: Schema) -> None:
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
