"""Prefetching: to the GPU where there is one, else to memory."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["ahead"]


def ahead(data: Any) -> Any:
    """Let a dataset run ahead of who iterates over it; the last step of a pipeline.

    Where TensorFlow has one GPU, batches are copied there ahead of time. Not batches with strings,
    which no GPU holds, and not inside the scope of a ``tf.distribute`` strategy, or where there are
    several GPUs: that is the strategy's to do.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) == 1 and not tf.distribute.has_strategy() and not _has_strings(data):
        return data.apply(tf.data.experimental.prefetch_to_device(gpus[0].name))
    return data.prefetch(tf.data.AUTOTUNE)


def _has_strings(data: Any) -> bool:
    specs = tf.nest.flatten(data.element_spec)
    return any(getattr(spec, "dtype", None) == tf.string for spec in specs)
