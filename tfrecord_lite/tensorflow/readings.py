"""What is measured: `make_dataset`, and beside it the pipelines that people write by hand."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfrecord_lite.tensorflow.parsing import parse_tensors
from tfrecord_lite.tensorflow.pipeline import make_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.compression import Codec

__all__ = ["readings", "seconds_of_check"]

_CALLS = 3
_OURS: dict[str, dict[str, Any]] = {
    "make_dataset, tf.data": {},
    "make_dataset, tf.data, any order": {"deterministic": False},
    "make_dataset, numpy": {"engine": "numpy"},
}


def readings(
    paths: Sequence[str],
    codecs: set[Codec],
    features: Mapping[str, FeatureSpec],
    batch_size: int,
    repeat: int = 1,
) -> dict[str, Any]:
    """Return datasets by name: `make_dataset` with both engines, and what is written by hand.

    The latter takes files of one codec: of several, it is left out. It gets all files as often as
    they are to be read, so that it need not begin again.
    """
    found = {
        name: make_dataset(paths, features, batch_size=batch_size, repeat=repeat, **options)
        for name, options in _OURS.items()
    }
    if len(codecs) == 1:
        by_hand = _by_hand([*paths] * repeat, next(iter(codecs)), features, batch_size)
        found.update({f"by hand: {name}": data for name, data in by_hand.items()})
    return found


def seconds_of_check(
    paths: Sequence[str], features: Mapping[str, FeatureSpec], batch_size: int
) -> float:
    """Return how much longer `make_dataset` takes with ``check``, the fastest of a few calls."""
    best = [math.inf, math.inf]
    for _ in range(_CALLS):
        for check in (False, True):
            began = time.perf_counter()
            make_dataset(paths, features, batch_size=batch_size, check=check)
            best[check] = min(best[check], time.perf_counter() - began)
    return max(best[True] - best[False], 0.0)


def _by_hand(
    files: list[str], codec: Codec, features: Mapping[str, FeatureSpec], batch_size: int
) -> dict[str, Any]:
    """Return datasets of batches, by what they are known as.

    All batch before they parse, and prefetch; the last interleaves batches instead of records.
    """
    auto = tf.data.AUTOTUNE
    names = tf.data.Dataset.from_tensor_slices(files)
    read = partial(tf.data.TFRecordDataset, compression_type=codec or "")
    several = {"num_parallel_calls": auto, "deterministic": False}
    records = {
        "TFRecordDataset": read(files),
        "num_parallel_reads=AUTOTUNE": read(files, num_parallel_reads=auto),
        "interleave": names.interleave(read, **several),
        "interleave, 16 records each": names.interleave(read, block_length=16, **several),
    }
    batches = {name: data.batch(batch_size) for name, data in records.items()}
    batches["interleave of batches"] = names.interleave(
        lambda name: read(name).batch(batch_size), **several
    ).rebatch(batch_size)
    parse = partial(parse_tensors, features=features)
    return {name: data.map(parse, auto).prefetch(auto) for name, data in batches.items()}
