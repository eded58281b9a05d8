"""The pipelines that people write by hand, to compare with: all of them parse alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfrecord_lite.tensorflow.features import parse_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.compression import Codec

__all__ = ["handwritten"]


def handwritten(
    files: Sequence[str], codec: Codec, features: Mapping[str, FeatureSpec], batch_size: int
) -> dict[str, Any]:
    """Return datasets of batches, by what they are known as.

    All batch before they parse, and prefetch; the last interleaves batches instead of records.
    """
    auto = tf.data.AUTOTUNE
    names = tf.data.Dataset.from_tensor_slices(list(files))
    read = partial(tf.data.TFRecordDataset, compression_type=codec or "")
    several = {"num_parallel_calls": auto, "deterministic": False}
    records = {
        "TFRecordDataset": read(list(files)),
        "num_parallel_reads=AUTOTUNE": read(list(files), num_parallel_reads=auto),
        "interleave": names.interleave(read, **several),
        "interleave, 16 records each": names.interleave(read, block_length=16, **several),
    }
    batches = {name: data.batch(batch_size) for name, data in records.items()}
    batches["interleave of batches"] = names.interleave(
        lambda name: read(name).batch(batch_size), **several
    ).rebatch(batch_size)
    parse = partial(parse_tensors, features=features)
    return {name: data.map(parse, auto).prefetch(auto) for name, data in batches.items()}
