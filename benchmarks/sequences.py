"""SequenceExamples and bytes as columns: `read_batches` against TensorFlow's best.

TensorFlow's best is ``TFRecordDataset(...).batch(n).map(parse_sequence_example, AUTOTUNE)
.prefetch(AUTOTUNE).as_numpy_iterator()``, with the batch size n and the kind of tensor (padded,
ragged or sparse) that a trial found fastest; ours has the same n. Both check the checksums of every
record, on all cores; the file is in the page cache. Photographs of 70 KB are read as
`RaggedFeature` of uint8, by TensorFlow as strings. Beside that: a million short strings in one
feature, against protobuf's own, and columns written, against one record after the other.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import contenders
import numpy as np
from harness import (
    Worker,
    compare_prepared,
    parse_options,
    publish,
    tensorflow_package,
    usable_cores,
)
from workloads import CACHE, WORKLOADS

import tfrecord_lite as tfr

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from contenders import Reading
    from harness import Comparison

# How many times as long as ours TensorFlow takes at least.
TARGETS = {"video": 3, "text": 3, "bytes": 2.5}
# How many times as long as protobuf's FromString and list(value) ours may take.
STRINGS = 3
_EDITION = 1
_BATCH_SIZES = (16, 64, 256, 1024)
_TRIAL_PASSES = 2
_FRAME = 1024
_STRINGS = 1_000_000
_BY_ROW = 200


def _videos() -> Iterator[bytes]:
    rng = np.random.default_rng(6)
    for index in range(1 << 62):
        frames = rng.random((30, _FRAME), np.float32)
        yield tfr.encode_sequence_example(
            {"id": b"v%d" % index, "label": index}, {"frames": frames}
        )


def _texts() -> Iterator[bytes]:
    rng = np.random.default_rng(7)
    for index in range(1 << 62):
        ids = rng.integers(0, 50_000, int(rng.integers(5, 201)))
        context = {
            "id": b"doc-%d" % index,
            "label": int(rng.integers(2)),
            "weight": float(rng.random()),
            "length": len(ids),
            "source": b"web",
        }
        yield tfr.encode_sequence_example(context, {"ids": ids})


FEATURES = {
    "video": tfr.SequenceFeatures(
        {"id": bytes, "label": int}, {"frames": tfr.FixedLenFeature([_FRAME], np.float32)}
    ),
    "text": tfr.SequenceFeatures(
        {"id": bytes, "label": int, "weight": float, "length": int, "source": bytes}, {"ids": int}
    ),
}
_ROWS = {"video": (_videos, 1000), "text": (_texts, 20_000)}
TITLES = {"video": "30 frames of 1,024 floats", "text": "5 to 200 ids, a context of 5"}


def file(name: str, *, quick: bool) -> tuple[str, int]:
    """Return the path of a workload's file, which is written if it is not there, and its count."""
    rows, count = _ROWS[name]
    count //= 50 if quick else 1
    path = CACHE / f"{name}-{count}-{_EDITION}.tfrecord"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        records = rows()
        tfr.write_records(path, (next(records) for _ in range(count)))
    return os.fspath(path), count


def ours(path: str, features: Any, batch_size: int) -> Reading:
    """Read columns with `read_batches`."""

    def read() -> int:
        batches: Any = tfr.read_batches(path, features, batch_size=batch_size)
        return sum(len(batch["context"]["id"]) for batch in batches)

    return read


def tensorflow(path: str, features: Any, batch_size: int, form: str) -> Reading:
    """Read columns with ``parse_sequence_example``; feature lists are of this kind of tensor."""
    tf = contenders.import_tensorflow()
    dtypes = {bytes: tf.string, np.float32: tf.float32, np.int64: tf.int64}
    context = {
        name: tf.io.FixedLenFeature(item.shape, dtypes[item.dtype])
        for name, item in features.context.items()
    }
    makers = {
        "padded": lambda item: tf.io.FixedLenSequenceFeature(item.shape, dtypes[item.dtype]),
        "ragged": lambda item: tf.io.RaggedFeature(dtypes[item.dtype], row_splits_dtype=tf.int64),
        "sparse": lambda item: tf.io.VarLenFeature(dtypes[item.dtype]),
    }
    lists = {name: makers[form](item) for name, item in features.feature_lists.items()}

    def parse(serialized: Any) -> Any:
        of_context, of_lists, lengths = tf.io.parse_sequence_example(serialized, context, lists)
        for name, column in of_lists.items():
            if isinstance(column, tf.RaggedTensor):
                of_lists[name] = column.flat_values, *column.nested_row_splits
            elif isinstance(column, tf.SparseTensor):
                of_lists[name] = column.values, column.indices, column.dense_shape
        return of_context, of_lists, lengths

    batches = tf.data.TFRecordDataset(path).batch(batch_size)
    dataset = batches.map(parse, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return lambda: sum(len(context["id"]) for context, *_ in dataset.as_numpy_iterator())


def best_tensorflow(path: str, features: Any, *, quick: bool) -> tuple[int, str]:
    """Try TensorFlow's batch sizes and kinds of tensors, and return the fastest."""
    seconds = {}
    for size in _BATCH_SIZES[: 1 if quick else None]:
        for form in ("padded", "ragged", "sparse"):
            read = tensorflow(path, features, size, form)
            for _ in range(_TRIAL_PASSES):
                began = time.perf_counter()
                read()
                seconds[time.perf_counter() - began] = size, form
    return seconds[min(seconds)]


def sequences(name: str, options: Namespace) -> Comparison:
    """Compare the ways of reading SequenceExamples."""
    path, count = file(name, quick=options.quick)
    features = FEATURES[name]
    size, form = best_tensorflow(path, features, quick=options.quick)
    theirs = f"TensorFlow, {size}, {form}"
    return compare_prepared(
        f"{name}: {TITLES[name]}, {usable_cores()} cores",
        {
            f"read_batches, {size}": partial(ours, path, features, size),
            theirs: partial(tensorflow, path, features, size, form),
        },
        unit="record",
        units=count,
        repeats=options.repeats,
        targets={theirs: TARGETS[name]},
        about={"workload": name},
    )


def photographs(options: Namespace) -> Comparison:
    """Compare reading large byte strings, without an object for each, with TensorFlow's strings."""
    workload = WORKLOADS["D"]
    path = workload.file(quick=options.quick)
    features = {**workload.features, "image": tfr.RaggedFeature(np.uint8)}
    sizes = contenders.BATCH_SIZES[: 1 if options.quick else 3]
    best = contenders.best_tensorflow(path, workload.features, sizes, None)
    size = best["batch_size"]
    theirs = f"TensorFlow, {size}"
    return compare_prepared(
        f"D: {workload.title} as RaggedFeature(np.uint8), {usable_cores()} cores",
        {
            f"read_batches, {size}": partial(contenders.ours, path, features, size),
            theirs: partial(contenders.tensorflow, path, workload.features, **best),
        },
        unit="record",
        units=workload.size(quick=options.quick),
        repeats=options.repeats,
        targets={theirs: TARGETS["bytes"]},
        about={"workload": "D"},
    )


def _strings(count: int, *, by_protobuf: bool) -> Callable[[], object]:
    record = tfr.encode_example({"words": [b"w%d" % (index % 5000) for index in range(count)]})
    if by_protobuf:
        example = tfr.Example
        return lambda: list(example.FromString(record).features.feature["words"].bytes_list.value)
    features = {"words": tfr.RaggedFeature(bytes)}
    return lambda: tfr.parse_example([record], features)


def strings(options: Namespace) -> Comparison:
    """Compare decoding one feature of very many short strings."""
    count = _STRINGS // (100 if options.quick else 1)
    return compare_prepared(
        f"{count:,} short strings in one feature",
        {
            "FromString, list(value)": partial(_strings, count, by_protobuf=True),
            "parse_example": partial(_strings, count, by_protobuf=False),
        },
        unit="string",
        units=count,
        repeats=options.repeats,
        limits={"parse_example": STRINGS},
        about={"workload": "strings"},
    )


def _columns(name: str, *, quick: bool) -> Any:
    path, count = file(name, quick=quick)
    return next(iter(tfr.read_batches(path, FEATURES[name], batch_size=count)))


def _written(name: str, target: str, *, quick: bool) -> Callable[[], object]:
    columns = _columns(name, quick=quick)
    return lambda: tfr.write_examples(target, columns)


def _row_by_row(name: str, target: str, count: int, *, quick: bool) -> Callable[[], object]:
    columns = _columns(name, quick=quick)
    context, lists = columns["context"], columns["feature_lists"]

    def write() -> None:
        with tfr.RecordWriter(target) as writer:
            for row in range(count):
                writer.write(
                    tfr.encode_sequence_example(
                        {key: column[row] for key, column in context.items()},
                        {key: column[row] for key, column in lists.items()},
                    )
                )

    return write


def writing(name: str, options: Namespace) -> Comparison:
    """Compare writing columns of SequenceExamples with writing one record after the other."""
    _, count = file(name, quick=options.quick)
    few = min(_BY_ROW, count)
    by_row = "encode_sequence_example, write"
    with tempfile.TemporaryDirectory() as folder:
        return compare_prepared(
            f"{name}: {TITLES[name]}, written",
            {
                "write_examples": partial(
                    _written, name, os.path.join(folder, "a"), quick=options.quick
                ),
                by_row: partial(
                    _row_by_row, name, os.path.join(folder, "b"), few, quick=options.quick
                ),
            },
            unit="record",
            units=count,
            repeats=options.repeats,
            shares={by_row: few / count},
            about={"workload": name, "writing": True},
        )


def main() -> None:
    """Measure all of it."""
    options = parse_options(__doc__, repeats=7)
    with Worker() as worker:
        comparisons = [worker.run(sequences, name, options) for name in TITLES]
        comparisons.append(worker.run(photographs, options))
        comparisons.append(worker.run(strings, options))
        comparisons += [worker.run(writing, name, options) for name in TITLES]
    packages = ["numpy", "crc32c", "protobuf", tensorflow_package()]
    publish("sequences", comparisons, packages, options.results)


if __name__ == "__main__":
    main()
