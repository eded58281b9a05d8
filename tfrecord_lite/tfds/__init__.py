"""What tensorflow_datasets laid out, read without it: its splits as sequences of dicts.

Pictures need the extra: ``pip install 'tfrecord-lite-np[image]'``.
"""

from tfrecord_lite.tfds.loading import Split, load

__all__ = ["Split", "load"]
