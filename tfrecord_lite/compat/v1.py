"""``tf.compat.v1``: the names of TensorFlow 1.

``import tfrecord_lite.compat.v1 as tf`` works as well.
"""

from __future__ import annotations

from tfrecord_lite._version import __version__
from tfrecord_lite.compat import (
    app,
    dtypes,
    errors,
    flags,
    gfile,
    image,
    io,
    logging,
    python_io,
    train,
)
from tfrecord_lite.compat._missing import missing
from tfrecord_lite.compat._tensor import Tensor, constant, convert_to_tensor, is_tensor
from tfrecord_lite.compat.dtypes import *  # noqa: F403 - tf.float32 and the like
from tfrecord_lite.compat.io import parse_tensor, read_file, serialize_tensor, write_file

__all__ = [
    "Tensor",
    "__version__",
    "app",
    "constant",
    "convert_to_tensor",
    "dtypes",
    "errors",
    "flags",
    "gfile",
    "image",
    "io",
    "is_tensor",
    "logging",
    "parse_tensor",
    "python_io",
    "read_file",
    "serialize_tensor",
    "train",
    "write_file",
]
__all__ += dtypes.__all__

__getattr__ = missing("tf.compat.v1")
