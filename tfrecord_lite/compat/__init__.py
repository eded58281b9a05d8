"""The writing half of TensorFlow's record tutorials, without TensorFlow.

Put ``import tfrecord_lite.compat as tf`` for ``import tensorflow as tf``, and code that makes
Examples and writes them to TFRecord files runs as it is, with tf.io's behaviour::

    with tf.io.TFRecordWriter("data.tfrecord") as writer:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[True]))
        example = tf.train.Example(features=tf.train.Features(feature={"seen": feature}))
        writer.write(example.SerializeToString())

There are ``tf.io`` (records, tensors, images, ``gfile``), ``tf.train``, ``tf.image``,
``tf.errors``, ``tf.constant``, the dtypes, and, of TensorFlow 1, ``tf.python_io``, ``tf.gfile``,
``tf.app``, ``tf.flags``, ``tf.logging`` and ``tf.compat.v1``. Any other name says that it needs
TensorFlow itself.

TensorFlow's own tutorial puts a bool into an ``Int64List``, and some a tensor into a ``BytesList``:
TensorFlow with today's protobuf refuses both with a ``TypeError``; here both run.

Where a value would change in silence or a file could not be read back, the functions here refuse
what TensorFlow lets pass; each says so.
"""

from __future__ import annotations

from tfrecord_lite.compat import compat as compat
from tfrecord_lite.compat._missing import missing
from tfrecord_lite.compat.v1 import *  # noqa: F403 - its __all__

__getattr__ = missing("tf")
