"""make_dataset: files to batches of tensors, read by TensorFlow or by us."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.dataset.fitting import check_features
from tfrecord_lite.dataset.schema import Schema
from tfrecord_lite.dataset.settings import Settings
from tfrecord_lite.example.normalize import check_given, normalize_features
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.file_system import is_url
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.tensorflow.checks import CheckedFiles
from tfrecord_lite.tensorflow.features import require_parsable
from tfrecord_lite.tensorflow.strictness import EXAMPLES, SEQUENCE_EXAMPLES
from tfrecord_lite.tensorflow.tensor_source import TensorSource

if TYPE_CHECKING:
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.dataset.order import Even

__all__ = ["make_dataset"]


def make_dataset(
    paths: Paths | RecordSet,
    features: FeaturesLike | None = None,
    *,
    batch_size: int,
    shuffle: bool | int = False,
    interleave: int = 16,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    even: Even = None,
    repeat: int | None = 1,
    workers: int | None = 0,
    drop_remainder: bool = False,
    strict: bool = True,
    cache: bool | str | os.PathLike[str] = False,
    map: Callable[[dict[str, Any]], Any] | None = None,  # noqa: A002 - tf.data's word
    deterministic: bool = True,
    engine: Literal["tf.data", "numpy"] = "tf.data",
    check: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Any:
    """Return a ``tf.data.Dataset`` of batches of Examples: dicts of tensors, by feature.

    With n records in a batch, `FixedLenFeature` and `RawFeature` give a tensor ``[n, *shape]``,
    `FixedLenSequenceFeature` one of ``[n, longest, *shape]``, padded, `VarLenFeature` a
    ``tf.SparseTensor`` and `RaggedFeature` a ``tf.RaggedTensor``. `SequenceFeatures` give
    ``{"context": ..., "feature_lists": ...}``, and in the latter `FixedLenFeature` and `RawFeature`
    a ``tf.RaggedTensor`` of frames. ``paths`` is what `RecordSet` takes, and ``features`` and
    ``strict`` are those of `parse_example`: left out, the features are the manifest's, or are
    inferred from the first 1,000 records.

    The ``engine`` "tf.data" reads with TensorFlow's ``TFRecordDataset``, several ranges of the
    files at once, and parses with ``tf.io.parse_example`` or ``tf.io.parse_sequence_example``,
    but for features of several keys, which TensorFlow fits to batches, not to records;
    "numpy" is fed by `Dataset`, which is faster for plain files of small records
    (benchmarks/results/shards.md), and gives equal batches (but for odd encodings, of which
    TensorFlow loses values). Both check the checksums of every record. ``shuffle``,
    ``interleave``, ``seed``, ``rank``, ``world_size``, ``even``, ``repeat`` and ``drop_remainder``
    mean what they mean for `Dataset`, each epoch in another order; the order
    of a shuffle is each engine's own, and with "tf.data" each rank shuffles consecutive records of
    its own. ``workers`` are those of `Dataset`, for "numpy". With
    ``deterministic``, batches without a shuffle have the order of the files, and a shuffle the
    order of its seed; otherwise TensorFlow may return what comes first. That is faster for large
    compressed files: in order several of these are read at once only while what waits for its turn
    has some 512 MB.

    ``cache`` keeps in memory, or in the file that it names, what was read in the first epoch:
    batches, or records where they are to be shuffled again. A file that is there already is taken
    as it is, as tf.data does, whatever files or options it was made of: name another where these
    have changed. ``map`` is called with each dict, in a
    graph, after that. The number of batches is asserted where it is known: from a manifest, or
    through ``check``. After all comes a prefetch: where TensorFlow has one GPU, and no batch has
    strings, to that; then nothing can be done to the dataset but to iterate over it. Under
    ``tf.distribute`` TensorFlow shares the files or the batches out among workers, unless
    ``world_size`` has.

    ``check`` looks through the files here and now: at the headers of all records of plain files,
    which takes a part of the time of an epoch (benchmarks/results/shards.md has it), of large
    records hardly any; at all of blocked gzip, inflated on all cores; and of other compressed files
    at what the manifest says of size and checksum. A file that is missing, cut, not the manifest's,
    none of records, or has a first record without a feature raises here, with its name; so does
    a record with fields beside its features, unless ``strict=False``. What is not looked at but for
    the first record: the inside of zlib, and of gzip that is not blocked, in which TensorFlow
    passes over a cut, over what follows an empty gzip member or a zlib stream, and over feature
    lists, and dies of a forged length. ``engine="numpy"`` does not. Features that only later
    records have: "numpy" warns of them, `verify` names them.

    Each epoch begins with a look at the files: one of another size, time of modification or inode
    is looked through again, and is an error where its records no longer lie as they did.

    Damage raises while reading: with "numpy" an error of TensorFlow's whose text tells file, record
    and offset. A callable ``on_damage`` needs "numpy": it gets a `Damage` for each region left out,
    in each epoch that is read.

    >>> import tempfile, numpy as np, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> features = {"label": tfr.FixedLenFeature([], np.int64)}
    >>> for batch in make_dataset(path, features, batch_size=2):
    ...     print(batch["label"].numpy())
    [0 1]
    [2 3]
    [4]
    """
    settings = Settings(
        batch_size=batch_size,
        shuffle=shuffle,
        interleave=interleave,
        seed=seed,
        rank=rank,
        world_size=world_size,
        even=even,
        repeat=repeat,
        drop_remainder=drop_remainder,
    )
    if engine not in ("tf.data", "numpy"):
        raise ValueError(f"engine={engine!r}; choose 'tf.data' or 'numpy'")
    check_given(features)
    if isinstance(features, Mapping):
        features = normalize_features(features)
        require_parsable(features)
    found = RecordSet.of(
        paths,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    limit = found.options["max_record_bytes"]
    needs_numpy = (
        (
            found.tolerant,
            "on_damage with a callable needs engine='numpy': TensorFlow's reader stops at damage",
        ),
        (any(is_url(name) for name in found.names), "URLs need engine='numpy'"),
        (
            found.options["verify"] is not True,
            "verify= needs engine='numpy': TensorFlow checks every checksum",
        ),
        (
            limit != DEFAULT_MAX_RECORD_BYTES,
            "max_record_bytes needs engine='numpy': TensorFlow knows no such limit",
        ),
        (workers, "workers= needs engine='numpy': TensorFlow reads in threads of its own"),
    )
    for is_asked, why in needs_numpy:
        if is_asked and engine == "tf.data":
            raise ValueError(why)
    records = EpochRecords(found)
    files = CheckedFiles(records)
    schema = Schema.find(features, found, strict=strict)
    top = EXAMPLES
    if isinstance(schema.features, SequenceFeatures):
        top = SEQUENCE_EXAMPLES
        require_parsable(schema.features.context)
        require_parsable(schema.features.feature_lists, steps=True)
    else:
        require_parsable(schema.features)
    look = None
    if check and not found.tolerant:
        start = settings.share(records.total()).start if records.counted else 0
        # Of the other engine the reading itself is strict.
        top_level = top if strict and engine == "tf.data" else None
        files.look_through(start, settings.batch_size, top=top_level)
        look = files.look_again
    if check and engine == "tf.data":
        # Of the other, `Dataset` does the same.
        check_features(records, schema)
    source = TensorSource(
        records,
        files.codecs,
        files.landmarks,
        schema,
        features,
        settings,
        workers=workers,
        cache="" if cache is True else os.fspath(cache) if cache else None,
        deterministic=deterministic,
        on_damage=found.options["on_damage"],
        look=look,
    )
    data = source.from_tensorflow() if engine == "tf.data" else source.from_numpy()
    if map is not None:
        data = data.map(map, tf.data.AUTOTUNE, deterministic)
    if (batches := source.batches) is not None:
        data = data.apply(tf.data.experimental.assert_cardinality(batches))
    options = tf.data.Options()
    options.deterministic = deterministic
    options.experimental_distribute.auto_shard_policy = _sharding(
        world_size, by_files=engine == "tf.data" and source.divisible
    )
    return _ahead(data.with_options(options))


def _sharding(world_size: int, *, by_files: bool) -> Any:
    policies = tf.data.experimental.AutoShardPolicy
    if world_size > 1:
        return policies.OFF
    # TensorFlow sees no files in what we read, and does not go on where there is but one; then it
    # can only pick each worker's batches.
    return policies.AUTO if by_files else policies.DATA


def _ahead(data: Any) -> Any:
    """Let a dataset run ahead of who iterates over it; the last step of a pipeline.

    Where TensorFlow has one GPU, batches are copied there ahead of time. Not batches with strings,
    which no GPU holds, and not inside the scope of a ``tf.distribute`` strategy, or where there are
    several GPUs: that is the strategy's to do.
    """
    gpus = tf.config.list_logical_devices("GPU")
    dtypes = [getattr(spec, "dtype", None) for spec in tf.nest.flatten(data.element_spec)]
    if len(gpus) == 1 and not tf.distribute.has_strategy() and tf.string not in dtypes:
        return data.apply(tf.data.experimental.prefetch_to_device(gpus[0].name))
    return data.prefetch(tf.data.AUTOTUNE)
