"""Every way from records to columns, and from columns to records, held against reading one by one.

A case is a schema, its records, and what is asked of them. Each way gets the case and takes the
records through one public function; all that it returns is compared with the oracle.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from differential.oracle import Oracle
from differential.schemas import (
    Schema,
    many_of_some_lengths,
    random_features,
    random_row_count,
    random_schema,
)

import tfrecord_lite as tfr
from tfrecord_lite.example.buffers import Present

# Cases are cut off here: what a case costs should not hang on how large its values happen to be.
MOST_BYTES = 6 << 20


@dataclass
class Case:
    """Records of one schema, the features that are asked for, and a folder for their files."""

    random: Random
    schema: Schema
    records: list[bytes]
    features: dict[str, Any]
    folder: Path
    oracle: Oracle = field(init=False)

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.records, self.features)

    def files(self, codecs: tuple[str, ...] = ("plain", "blocked", "stream", "zlib")) -> list[str]:
        """Write the records to one or some files of a compression, and return their paths."""
        random = self.random
        codec = random.choice(codecs)
        cuts = sorted(random.randrange(len(self.records) + 1) for _ in range(random.choice((0, 3))))
        paths = []
        for index, (begin, end) in enumerate(
            zip([0, *cuts], [*cuts, len(self.records)], strict=True)
        ):
            path = os.fspath(self.folder / f"{codec}-{index}.tfrecord")
            options: dict[str, Any] = {
                "plain": {"compression": None},
                "blocked": {"compression": "GZIP", "block_bytes": 1 << 16, "level": 1},
                "stream": {"compression": "GZIP", "block_bytes": None, "level": 1},
                "zlib": {"compression": "ZLIB", "level": 1},
            }[codec]
            tfr.write_records(path, self.records[begin:end], **options)
            paths.append(path)
        return paths

    def batch_size(self) -> int:
        size = len(self.records)
        return self.random.choice((1 + size // 50, 32, 100, 256, 1024, size, 2 * size))

    def in_order(self, batches: Iterator[dict[str, Any]]) -> None:
        """Check batches that follow one another."""
        begin = 0
        for batch in batches:
            size = len(next(iter(batch.values())))
            self.oracle.check(batch, range(begin, begin + size))
            begin += size
        assert begin == len(self.records), f"{begin} rows of {len(self.records)}"


def make_case(seed: int, folder: Path, *, most: int = 20_000, padded: bool = True) -> Case:
    """Make the case of a seed."""
    random = Random(seed)
    schema = random_schema(random)
    count = random_row_count(random, most)
    records = schema.records(random, min(count, 64))
    mean = sum(map(len, records)) // len(records) + 1
    records += schema.records(random, max(min(count, MOST_BYTES // mean) - len(records), 0))
    return Case(random, schema, records, random_features(random, schema, padded=padded), folder)


def mixed_lengths(folder: Path) -> Case:
    """Make the case of records that were mixed up once."""
    random = Random(5000)
    schema = many_of_some_lengths()
    features = random_features(random, schema, padded=False)
    return Case(random, schema, schema.records(random, 5000), features, folder)


def parse_list(case: Case) -> None:
    case.in_order(iter([tfr.parse_example(case.records, case.features)]))


def parse_block(case: Case) -> None:
    block = tfr.RecordBlock.from_records(case.records)
    case.in_order(iter([tfr.parse_example(block, case.features)]))


def parse_picked(case: Case) -> None:
    """Parse a block whose records are reordered, left out, and doubled."""
    block = tfr.RecordBlock.from_records(case.records)
    count = len(case.records)
    for rows in (
        case.random.sample(range(count), count),
        [case.random.randrange(count) for _ in range(count)],
        list(range(count))[:: -case.random.choice((1, 3))],
    ):
        picked = tfr.RecordBlock(block.buffer, block.starts[rows], block.lengths[rows])
        case.oracle.check(tfr.parse_example(picked, case.features), rows)


def record_file(case: Case) -> None:
    """Parse what RecordFile reads by number."""
    random = case.random
    path = _one_file(case)
    count = len(case.records)
    with tfr.RecordFile(path) as file:
        for rows in (
            random.sample(range(count), min(count, 500)),
            [random.randrange(count) for _ in range(300)],
            list(range(count // 3, count)),
        ):
            case.oracle.check(tfr.parse_example(file.read_block(rows), case.features), rows)


def _one_file(case: Case) -> str:
    path = os.fspath(case.folder / "one.tfrecord")
    codec = case.random.choice((None, "GZIP"))
    tfr.write_records(path, case.records, compression=codec, **({"level": 1} if codec else {}))
    return path


def read_batches(case: Case) -> None:
    paths = case.files()
    case.in_order(iter(tfr.read_batches(paths, case.features, batch_size=case.batch_size())))


def dataset_in_order(case: Case) -> None:
    dataset = tfr.Dataset(case.files(), case.features, batch_size=case.batch_size())
    case.in_order(iter(dataset))


def dataset_buffer(case: Case) -> None:
    shuffle = case.random.choice((2, 100, 1000))
    dataset = tfr.Dataset(
        case.files(), case.features, batch_size=case.batch_size(), shuffle=shuffle
    )
    case.oracle.check_in_any_order(dataset)


def dataset_shuffled(case: Case) -> None:
    dataset = tfr.Dataset(
        case.files(("plain", "blocked")),
        case.features,
        batch_size=case.batch_size(),
        shuffle=True,
        seed=case.random.randrange(100),
    )
    case.oracle.check_in_any_order(dataset)


def dataset_workers(case: Case) -> None:
    shuffle = case.random.choice((False, True, 500))
    paths = case.files(("plain", "blocked"))
    with tfr.Dataset(
        paths, case.features, batch_size=case.batch_size(), shuffle=shuffle, workers=2
    ) as dataset:
        if shuffle:
            case.oracle.check_in_any_order(dataset)
        else:
            case.in_order(iter(dataset))


def _make_dataset(case: Case, engine: str) -> None:
    from tfrecord_lite.tensorflow import make_dataset

    # As `Ragged`, which tensors of both engines are made into; TensorFlow reads rare forms in a way
    # of its own.
    features = {
        name: tfr.RaggedFeature(each.dtype) if isinstance(each, tfr.VarLenFeature) else each
        for name, each in case.features.items()
    }
    if engine == "tf.data" and case.schema.oddities:
        return
    options: dict[str, Any] = {"batch_size": case.batch_size(), "engine": engine}
    data = make_dataset(case.files(), features, **options)
    case.in_order(map(_from_tensors, data))


def _from_tensors(batch: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, tensor in batch.items():
        if hasattr(tensor, "row_splits"):
            values = tensor.values.numpy()
            splits = tensor.row_splits.numpy().astype(np.int64)
            columns[name] = tfr.Ragged(values, splits)
        else:
            columns[name] = tensor.numpy()
    return columns


def make_dataset_tensorflow(case: Case) -> None:
    _make_dataset(case, "tf.data")


def make_dataset_numpy(case: Case) -> None:
    _make_dataset(case, "numpy")


def sequences(case: Case) -> None:
    """Parse the features as context and as steps of SequenceExamples, against one by one."""
    random = case.random
    rows = [tfr.decode_example(record) for record in case.records[:3000]]
    lists = [
        {
            name: [rows[random.randrange(len(rows))].get(name) for _ in range(random.randrange(4))]
            for name in case.features
        }
        for _ in rows
    ]
    records = [
        tfr.encode_sequence_example(
            _encodable(row),
            {
                name: [step for step in steps if step is not None and len(step)]
                for name, steps in each.items()
            },
        )
        for row, each in zip(rows, lists, strict=True)
    ]
    plain = {
        name: tfr.RaggedFeature(bytes if isinstance(each, tfr.RawFeature) else each.dtype)
        for name, each in case.features.items()
    }
    context, found, _ = tfr.parse_sequence_example(records, plain, plain)
    decoded = [tfr.decode_sequence_example(record) for record in records]
    for name in plain:
        of_context = context[name].to_list()
        of_lists = found[name].to_list()
        for index, (expected, steps) in enumerate(decoded):
            assert _same(of_context[index], expected.get(name)), (name, index)
            assert len(of_lists[index]) == len(steps.get(name, [])), (name, index)
            for one, other in zip(of_lists[index], steps.get(name, []), strict=True):
                assert _same(one, other), (name, index)
    case.oracle.rows += len(records)


def _same(found: list[Any], expected: Any) -> bool:
    if expected is None:
        return not found
    if isinstance(expected, list):
        return found == expected
    return np.array(found, expected.dtype).tobytes() == expected.tobytes()


def _encodable(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what decodes to an empty list, of which encoding cannot know the kind."""
    return {name: value for name, value in row.items() if value is not None and len(value)}


def encode(case: Case) -> None:
    """Encode the decoded records as columns, and row by row: the same bytes."""
    rows = [tfr.decode_example(record) for record in case.records]
    specs: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for each in case.schema.fields:
        values = [row.get(each.name) for row in rows]
        kind = {"bytes": bytes, "float": np.float32, "int64": np.int64}[each.kind]
        specs[each.name] = tfr.RaggedFeature(kind)
        lengths = {-1 if value is None else len(value) for value in values}
        if len(lengths) == 1 and each.kind != "bytes" and lengths != {-1} and lengths != {0}:
            columns[each.name] = np.stack(values)
            if lengths == {1} and case.random.random() < 0.5:
                columns[each.name] = columns[each.name].ravel()
        elif -1 not in lengths and case.random.random() < 0.5:
            columns[each.name] = _ragged(values, kind)
        elif lengths == {1}:
            columns[each.name] = [value[0] for value in values]
        else:
            columns[each.name] = values
    block = tfr.encode_examples(columns, specs)
    assert len(block) == len(rows)
    # Only what the schema names: a record of a rare form may have more.
    for row, found in zip(rows, block, strict=True):
        known = {name: row.get(name) for name in specs}
        expected = tfr.encode_example(known, specs)
        assert found == expected
    case.oracle.rows += len(rows)


def _ragged(values: list[Any], kind: Any) -> tfr.Ragged:
    splits = np.cumsum([0, *map(len, values)])
    if kind is bytes:
        flat = np.empty(int(splits[-1]), object)
        flat[:] = [value for row in values for value in row]
        return tfr.Ragged(flat, splits)
    return tfr.Ragged(np.concatenate([*values, np.empty(0, kind)]).astype(kind), splits)


def encode_sequences(case: Case) -> None:
    """Encode columns of context and feature lists, and row by row: the same bytes."""
    random = case.random
    rows = [tfr.decode_example(record) for record in case.records[:1000]]
    count = len(rows)
    context: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    specs: dict[str, dict[str, Any]] = {"context": {}, "feature_lists": {}}
    expected_lists: dict[str, list[Any]] = {}
    for each in case.schema.fields:
        name = each.name
        kind = {"bytes": bytes, "float": np.float32, "int64": np.int64}[each.kind]
        values = [row.get(name) for row in rows]
        specs["context"][name] = tfr.RaggedFeature(kind)
        context[name] = values
        known = [value for value in values if value is not None]
        if not known:
            continue
        counts = [random.choice((0, 1, 1, 2, 5)) for _ in rows]
        if random.random() < 0.3:
            counts = [random.randrange(3)] * count
        steps = [random.choice(known) for _ in range(sum(counts))]
        lists[name], expected_lists[name] = _step_lists(random, steps, counts, kind)
        specs["feature_lists"][name] = tfr.RaggedFeature(kind)
    features = tfr.SequenceFeatures(**specs)
    columns = {"context": context, "feature_lists": lists}
    begin = 0
    path = os.fspath(case.folder / "sequences.tfrecord")
    tfr.write_examples(path, columns, features)
    for block in (tfr.encode_sequence_examples(columns, features), list(tfr.read_records(path))):
        assert len(block) == count
        for index, found in enumerate(block):
            expected = tfr.encode_sequence_example(
                {name: context[name][index] for name in context},
                {name: steps[index] for name, steps in expected_lists.items()},
                features.context,
                features.feature_lists,
            )
            assert found == expected, index
        begin += count
    case.oracle.rows += begin


def _step_lists(random: Random, steps: list[Any], counts: list[int], kind: Any) -> tuple[Any, Any]:
    """Return steps as a column of some form, and the list of steps of each row."""
    splits = np.cumsum([0, *counts])
    rows = [steps[begin:end] for begin, end in pairwise(splits.tolist())]
    forms = ["lists", "ragged", "missing", "present"]
    same = len(set(map(len, steps))) == 1
    numbers = kind is not bytes
    if same and numbers:
        forms += ["frames", "arrays"] * 2
    if len(set(counts)) == 1 and counts[0] and same and numbers:
        forms += ["padded"] * 3
    if same and len(steps[0]) == 1:
        forms += ["single"] * 3
    form = random.choice(forms)
    if form == "missing":
        # Steps of no kind, and records without the list.
        rows = [
            None if random.random() < 0.2 else [random.choice((None, step)) for step in steps]
            for steps in rows
        ]
    if form in ("lists", "missing"):
        return rows, rows
    if form == "ragged":
        return tfr.Ragged(_ragged(steps, kind), splits), rows
    if form == "present":
        there = np.flatnonzero([random.random() < 0.7 for _ in rows])
        kept = [rows[row] for row in there.tolist()]
        column = Present(kept, there, len(rows))
        return column, [column[row] for row in range(len(rows))]
    if form == "single":
        flat = np.array([step[0] for step in steps], object if kind is bytes else kind)
        return tfr.Ragged(flat, splits), rows
    frames = np.stack(steps)
    if form == "arrays":
        return [frames[begin:end] for begin, end in pairwise(splits.tolist())], rows
    if form == "padded":
        return frames.reshape(len(rows), counts[0], -1), rows
    return tfr.Ragged(frames, splits), rows


def round_trip(case: Case) -> None:
    """Write columns that were read, and read them again."""
    path = os.fspath(case.folder / "again.tfrecord")
    columns = tfr.parse_example(case.records, case.features)
    padded = (tfr.FixedLenSequenceFeature,)
    keep = [name for name, each in case.features.items() if not isinstance(each, padded)]
    if not keep:
        return
    features = {name: case.features[name] for name in keep}
    tfr.write_examples(path, {name: columns[name] for name in keep}, features)
    oracle = Oracle(case.records, features)
    begin = 0
    for batch in tfr.read_batches(path, features, batch_size=case.batch_size()):
        size = len(batch[keep[0]])
        oracle.check(batch, range(begin, begin + size))
        begin += size
    assert begin == len(case.records)
    case.oracle.rows += begin


WAYS: dict[str, Callable[[Case], None]] = {
    way.__name__: way
    for way in (
        parse_list,
        parse_block,
        parse_picked,
        record_file,
        read_batches,
        dataset_in_order,
        dataset_buffer,
        dataset_shuffled,
        dataset_workers,
        make_dataset_tensorflow,
        make_dataset_numpy,
        sequences,
        encode,
        encode_sequences,
        round_trip,
    )
}
# Rows in another order cannot be told where what they are padded to hangs on their batch.
UNPADDED = ("dataset_buffer", "dataset_shuffled", "dataset_workers")
# What takes seconds to begin with.
SLOW = ("dataset_workers", "make_dataset_tensorflow", "make_dataset_numpy")


def run(way: str, seed: int, *, most: int = 20_000) -> int:
    """Take the case of a seed through a way; return how many rows were compared."""
    with tempfile.TemporaryDirectory() as folder:
        case = make_case(seed, Path(folder), most=most, padded=way not in UNPADDED)
        WAYS[way](case)
        return case.oracle.rows
