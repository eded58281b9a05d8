"""Datasets of tensorflow_datasets, without it: `load` reads splits as sequences of dicts.

`ShardWriter` with ``layout="tfds"`` writes them; `ClassLabel`, `Image` and `Text` are features that
it takes beside those of Examples. Decoding pictures needs the extra:
``pip install 'tfrecord-lite-np[image]'``.
"""

from tfrecord_lite.dataset.tfds_features import ClassLabel, Image, Text
from tfrecord_lite.tfds.loading import Split, load

__all__ = ["ClassLabel", "Image", "Split", "Text", "load"]
