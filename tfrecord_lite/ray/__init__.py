"""Ray Data: files of Examples as a Dataset, and a Dataset as a set of shards, without TensorFlow.

It needs the extra: ``pip install 'tfrecord-lite-np[ray]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

if any(find_spec(name) is None for name in ("ray", "pyarrow", "pandas")):
    raise ImportError("tfrecord_lite.ray needs Ray Data: pip install 'tfrecord-lite-np[ray]'")

from tfrecord_lite.ray.reading import read_tfrecords
from tfrecord_lite.ray.writing import write_tfrecords

__all__ = ["read_tfrecords", "write_tfrecords"]
