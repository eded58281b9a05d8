"""Jobs on whole sets: manifests, merging, sharding, and other formats in and out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrecord_lite.jobs.converting import convert
    from tfrecord_lite.jobs.manifests import make_manifest
    from tfrecord_lite.jobs.merging import merge
    from tfrecord_lite.jobs.sharding import WrittenSet, shard

__all__ = ["WrittenSet", "convert", "make_manifest", "merge", "shard"]

# Which module each name is in: who merges files loads nothing of tables.
_MODULES = {
    "convert": "converting",
    "make_manifest": "manifests",
    "merge": "merging",
    "WrittenSet": "sharding",
    "shard": "sharding",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
