"""Many files: what a path means, sets of shards, random access. Nothing here knows of values."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrecord_lite.files.fingerprint import StaleIndexError
    from tfrecord_lite.files.index import RecordIndex
    from tfrecord_lite.files.manifest import Manifest, ManifestEntry, find_manifest
    from tfrecord_lite.files.publishing import publish_shards
    from tfrecord_lite.files.reading import read_records
    from tfrecord_lite.files.record_file import RecordFile
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.files.resolve import expand_shards
    from tfrecord_lite.files.splits import Split

__all__ = [
    "Manifest",
    "ManifestEntry",
    "RecordFile",
    "RecordIndex",
    "RecordSet",
    "Split",
    "StaleIndexError",
    "expand_shards",
    "find_manifest",
    "publish_shards",
    "read_records",
]

# Which module each name is in: who only reads records loads nothing of publishing.
_MODULES = {
    "Manifest": "manifest",
    "ManifestEntry": "manifest",
    "RecordFile": "record_file",
    "RecordIndex": "index",
    "RecordSet": "record_set",
    "Split": "splits",
    "StaleIndexError": "fingerprint",
    "expand_shards": "resolve",
    "find_manifest": "manifest",
    "publish_shards": "publishing",
    "read_records": "reading",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
