"""PyTorch: loaders and datasets that give batches of Examples as tensors.

It needs the extra: ``pip install 'tfrecord-lite-np[torch]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("torch") is None:
    raise ImportError("tfrecord_lite.torch needs PyTorch: pip install 'tfrecord-lite-np[torch]'")

from tfrecord_lite.torch.by_number import MapDataset
from tfrecord_lite.torch.iterable import IterableDataset
from tfrecord_lite.torch.loader import Loader, make_loader
from tfrecord_lite.torch.tensors import Offsets

__all__ = ["IterableDataset", "Loader", "MapDataset", "Offsets", "make_loader"]
