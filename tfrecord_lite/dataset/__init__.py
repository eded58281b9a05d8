"""Values in many files: batches of columns, epochs, and writing them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrecord_lite.dataset.batches import read_batches, write_examples
    from tfrecord_lite.dataset.loader import Dataset
    from tfrecord_lite.dataset.shard_writer import ShardWriter

__all__ = [
    "Dataset",
    "ShardWriter",
    "read_batches",
    "write_examples",
]

# Which module each name is in: who reads batches loads nothing of writing shards.
_MODULES = {
    "Dataset": "loader",
    "ShardWriter": "shard_writer",
    "read_batches": "batches",
    "write_examples": "batches",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
