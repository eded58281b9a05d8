"""Many files: batches, shards, random access, datasets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrecord_lite.dataset.access.fingerprint import StaleIndexError
    from tfrecord_lite.dataset.access.index import RecordIndex
    from tfrecord_lite.dataset.access.record_file import RecordFile
    from tfrecord_lite.dataset.batches import read_batches, write_examples
    from tfrecord_lite.dataset.epochs.loader import Dataset
    from tfrecord_lite.dataset.reading import read_records
    from tfrecord_lite.dataset.shards.expand import expand_shards
    from tfrecord_lite.dataset.shards.manifest import Manifest, find_manifest
    from tfrecord_lite.dataset.shards.publishing import publish_shards
    from tfrecord_lite.dataset.shards.shard_writer import ShardWriter

__all__ = [
    "Dataset",
    "Manifest",
    "RecordFile",
    "RecordIndex",
    "ShardWriter",
    "StaleIndexError",
    "expand_shards",
    "find_manifest",
    "publish_shards",
    "read_batches",
    "read_records",
    "write_examples",
]

# Where each name is at home: who reads batches loads nothing of shards and indexes.
_ROOMS = {
    "Dataset": "epochs.loader",
    "Manifest": "shards.manifest",
    "RecordFile": "access.record_file",
    "RecordIndex": "access.index",
    "ShardWriter": "shards.shard_writer",
    "StaleIndexError": "access.fingerprint",
    "expand_shards": "shards.expand",
    "find_manifest": "shards.manifest",
    "publish_shards": "shards.publishing",
    "read_batches": "batches",
    "read_records": "reading",
    "write_examples": "batches",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
