"""read_records: the records of many files, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import CompressionOrAuto, OnDamage, Paths, Verify

__all__ = ["read_records"]


def read_records(
    paths: Paths | RecordSet,
    *,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Iterator[bytes]:
    """Iterate over the records of one or many files; all parameters are those of `RecordSet`.

    What matches no file raises ``FileNotFoundError`` here and now, a set that is not whole
    `TFRecordError`; reading raises what `RecordReader` does.

    >>> import io
    >>> list(read_records(io.BytesIO()))
    []
    """
    return iter(
        RecordSet.of(
            paths,
            compression=compression,
            verify=verify,
            on_damage=on_damage,
            max_record_bytes=max_record_bytes,
        )
    )
