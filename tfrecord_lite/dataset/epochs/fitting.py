"""Which features the records of a `RecordSet` have, and whether all its files have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.batches import INFER_RECORDS, infer_from_files
from tfrecord_lite.errors import ExampleError, TFRecordError
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.features import features_from_json
from tfrecord_lite.example.spans import error_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfrecord_lite.dataset.epochs.record_set import RecordSet
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["check_features", "find_features"]


def find_features(records: RecordSet) -> tuple[dict[str, FeatureSpec], str]:
    """Return the features in the manifest, or those that the first records have.

    With them comes what an error should say of where they are from.
    """
    manifest = records.manifest
    if manifest is not None and manifest.features is not None:
        try:
            return features_from_json(manifest.features), f" (features of {manifest.path})"
        except ValueError as error:
            raise TFRecordError(f"{error}; pass features=", path=manifest.path) from None
    options: dict[str, Any] = {
        "compression": records.compression,
        "verify": records.verify,
        "on_damage": _unheard if records.tolerant else "raise",
    }
    hint = f" (features inferred from the first {INFER_RECORDS} records: pass features=)"
    return infer_from_files(records.files, options), hint


def check_features(records: RecordSet, features: Mapping[str, FeatureSpec], hint: str) -> None:
    """Read the first record of each file: what is no TFRecord, or lacks a feature, raises."""
    for number in range(len(records.files)):
        block = records.first_block(number)
        if block is None:
            continue
        if not features:
            raise error_at(block, 0, "no feature in any of the first records; pass features=")
        try:
            decode_block(block[:1], features)
        except ExampleError as error:
            error.reason += hint
            raise


def _unheard(damage: Damage) -> None:
    """Leave it to the reading of each epoch to tell of damage."""
