"""Reading with TensorFlow's own reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tfrecord_lite.records.compression import Codec

__all__ = ["RecordRange", "read_chunks", "shuffled", "within"]

_BUFFER_BYTES = 1 << 20
# TensorFlow's own where nobody has called ``tf.random.set_seed``.
_GLOBAL_SEED = 87654321


class RecordRange(NamedTuple):
    """Consecutive records of a file: without the first ``skip``, ``take`` of them (-1: all)."""

    path: str
    codec: Codec
    skip: int = 0
    take: int = -1


def within(files: Sequence[RecordRange], bases: Sequence[int], wanted: range) -> list[RecordRange]:
    """Return the parts of whole files where the records with the numbers ``wanted`` lie.

    ``bases`` are the numbers of each file's first record, and of the first that is in none.
    """
    found = []
    for file, base, end in zip(files, bases, bases[1:], strict=False):
        first, last = max(wanted.start, base), min(wanted.stop, end)
        if first < last:
            found.append(file._replace(skip=first - base, take=last - first))
    return found


def read_chunks(
    sources: Sequence[RecordRange],
    size: int,
    *,
    in_order: bool,
    deterministic: bool,
    order_files: Callable[[Any], Any],
    files_at_once: int | None,
    begin: Callable[[Any], Any],
) -> Any:
    """Return a dataset of chunks of up to ``size`` records each: string tensors ``[n]``.

    ``in_order`` reads one file after the other; otherwise several are read at once, a chunk of each
    in turn, ``files_at_once`` if that is given; then the last chunk of each file is smaller. A
    chunk travels through the pipeline at the cost of a record, so it is chunks that are
    interleaved. Each epoch reads ``begin`` of the files, in the order that ``order_files`` gives
    them, unless TensorFlow runs through them by itself.
    """
    whole = all(source.skip == 0 and source.take == -1 for source in sources)
    codecs = {source.codec for source in sources}
    if in_order and whole and len(codecs) == 1:
        # What runs through the files by itself costs least for each record.
        paths = [source.path for source in sources]
        return _records(paths, codecs.pop() or "").batch(size)
    # Columns with dtypes, since they may be empty: a rank may have no record at all.
    files = tf.data.Dataset.from_tensor_slices(
        (
            tf.constant([source.path for source in sources], tf.string),
            tf.constant([source.codec or "" for source in sources], tf.string),
            tf.constant([source.skip for source in sources], tf.int64),
            tf.constant([source.take for source in sources], tf.int64),
        )
    )
    files = order_files(begin(files))

    def read(path: Any, codec: Any, skip: Any, take: Any) -> Any:
        records = _records(path, codec)
        return (records if whole else records.skip(skip).take(take)).batch(size)

    if len(sources) == 1:
        # Threads that take turns at one file gain nothing.
        return files.flat_map(read)
    chunks = files.interleave(
        read,
        cycle_length=1 if in_order else files_at_once or tf.data.AUTOTUNE,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )
    return chunks.rebatch(size) if files_at_once is None else chunks


def shuffled(data: Any, size: int, seed: int, *, each_epoch: bool = True) -> Any:
    """Return ``data.shuffle(size, seed)``, whatever ``tf.random.set_seed`` was called with.

    With ``each_epoch`` each has an order of its own.
    """
    if not tf.compat.v1.executing_eagerly_outside_functions():
        # A graph of TensorFlow 1 knows no generators of seeds.
        return data.shuffle(size, seed, reshuffle_each_iteration=each_epoch)
    specs = tf.nest.flatten(data.element_spec)
    variant = tf.raw_ops.ShuffleDatasetV3(
        input_dataset=tf.data.experimental.to_variant(data),
        buffer_size=size,
        seed=_GLOBAL_SEED,
        seed2=seed % (1 << 63),
        seed_generator=tf.raw_ops.DummySeedGenerator(),
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
        reshuffle_each_iteration=each_epoch,
    )
    return tf.data.experimental.from_variant(variant, data.element_spec)


def _records(paths: Any, codec: Any) -> Any:
    return tf.data.TFRecordDataset(paths, compression_type=codec, buffer_size=_BUFFER_BYTES)
