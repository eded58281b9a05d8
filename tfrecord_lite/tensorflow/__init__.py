"""TensorFlow: ``tf.data`` pipelines from files of Examples, and files from pipelines.

It needs the extra: ``pip install 'tfrecord-lite-np[tensorflow]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("tensorflow") is None:
    raise ImportError(
        "tfrecord_lite.tensorflow needs TensorFlow: pip install 'tfrecord-lite-np[tensorflow]'"
    )

from tfrecord_lite.tensorflow.features import to_tf_features
from tfrecord_lite.tensorflow.pipeline import make_dataset
from tfrecord_lite.tensorflow.writing import write_dataset

__all__ = ["make_dataset", "to_tf_features", "write_dataset"]
