"""make_dataset of SequenceExamples: both engines give what TensorFlow's own parsing gives."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import tensorflow as tf
from dataset.test_sequences import RECORDS, of_rows
from example.schemas import random_features, random_list_features, random_sequence_examples
from tf_backend.tensors import ENGINES, batches, of_both
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset
from tfrecord_lite.thresholds import thresholds

FEATURES = tfr.SequenceFeatures(
    {"id": int, "tags": tfr.VarLenFeature(bytes)},
    {
        "frame": tfr.FixedLenFeature([2], np.float32),
        "token": tfr.VarLenFeature(np.int64),
        "padded": tfr.FixedLenSequenceFeature([], np.int64),
        "words": tfr.RaggedFeature(bytes),
    },
)
KINDS = {"plain": {}, "blocked": {"compression": "GZIP", "block_bytes": 300}, "zlib": {}}
KINDS["zlib"] = {"compression": "ZLIB"}


def plain(tensor):
    if isinstance(tensor, tf.SparseTensor):
        parts = (tensor.indices, tensor.values, tensor.dense_shape)
        return [part.numpy().tolist() for part in parts]
    return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()


def ids(data):
    return [number for batch in data for number in batch["context"]["id"].numpy().tolist()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", [{}, {"cache": True}, {"workers": 1}])
def test_as_tensorflow_parses_them(tmp_path, engine, options):
    if engine == "tf.data" and "workers" in options:
        pytest.skip("TensorFlow reads in threads of its own")
    tfr.write_records(tmp_path / "a", RECORDS)
    data = make_dataset(tmp_path / "a", FEATURES, batch_size=40, engine=engine, **options)
    begin = 0
    for batch in data:
        context, lists, lengths = tf.io.parse_sequence_example(
            RECORDS[begin : begin + 40],
            {"id": tf.io.FixedLenFeature([], tf.int64), "tags": tf.io.VarLenFeature(tf.string)},
            {
                "frame": tf.io.FixedLenSequenceFeature([2], tf.float32),
                "token": tf.io.VarLenFeature(tf.int64),
                "padded": tf.io.FixedLenSequenceFeature([], tf.int64),
                "words": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
            },
        )
        lists["frame"] = tf.RaggedTensor.from_tensor(lists["frame"], lengths["frame"])
        for theirs, ours in ((context, batch["context"]), (lists, batch["feature_lists"])):
            assert {name: plain(item) for name, item in ours.items()} == {
                name: plain(item) for name, item in theirs.items()
            }
        begin += 40
    assert begin >= len(RECORDS)


ALL = tfr.SequenceFeatures(
    {
        "id": int,
        "weight": tfr.FixedLenFeature([], np.float32, 0.5),
        "image": tfr.RawFeature([2], np.uint16),
        "blob": tfr.RaggedFeature(np.uint8),
        "matrix": tfr.RaggedFeature(np.int64, "x", [tfr.RaggedFeature.UniformRowLength(2)]),
        "sparse": tfr.SparseFeature("index", "value", np.float32, 9),
    },
    {
        "raw": tfr.RawFeature([2, 1], np.int16),
        "unsigned": tfr.RawFeature([1], np.uint32),
        "name": bytes,
        "scalar": float,
        "blob": tfr.RaggedFeature(np.uint8),
        "words": tfr.VarLenFeature(bytes),
        "not there": tfr.FixedLenFeature([3], np.int64),
        "id": tfr.RaggedFeature(np.int64),
    },
)


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_are_cut_by_partitions(tmp_path, engine):
    records = [of_rows(number)[1] for number in range(90)]
    tfr.write_records(tmp_path / "a", records)
    partitions = [
        tf.io.RaggedFeature.RowLengths("lengths"),
        tf.io.RaggedFeature.UniformRowLength(2),
    ]
    theirs = {
        "rows": tf.io.RaggedFeature(tf.int64, "of", partitions, row_splits_dtype=tf.int64),
        "of": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
    }
    data = make_dataset(
        tmp_path / "a", tfr.SequenceFeatures({}, theirs), batch_size=40, engine=engine
    )
    for begin, batch in zip((0, 40, 80), data, strict=True):
        _, lists, _ = tf.io.parse_sequence_example(records[begin : begin + 40], {}, theirs)
        for name in theirs:
            assert plain(batch["feature_lists"][name]) == lists[name].to_list()


def record(number):
    steps = range(number % 4)
    return tfr.encode_sequence_example(
        {
            "id": number,
            "weight": number / 2 if number % 3 else None,
            "image": bytes([number % 250] * 4),
            "blob": b"b" * (number % 5) if number % 2 else None,
            "x": [number, 1, 2, 3] if number % 2 else None,
            "index": [1, number % 7 + 2] if number % 3 else None,
            "value": [0.5, 2.0] if number % 3 else None,
        },
        {
            "raw": [bytes([step, 1, number % 250, 0]) for step in steps],
            "unsigned": [b"\xff\0\0\xff" for _ in steps] if number % 3 else None,
            "name": [b"n%d" % step for step in steps],
            "scalar": [step + 0.5 for step in steps],
            "blob": [None if step == 1 else b"x" * step for step in steps],
            "words": [[b"a", b"b"] if step else None for step in steps],
            "id": [[step] * (step + 1) for step in steps],
        },
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequences")
    found = {}
    for kind, options in KINDS.items():
        paths = []
        for number, begin in enumerate((0, 7, 7, 30)):
            path = folder / f"{kind}-{number}"
            end = (7, 7, 30, 50)[number]
            tfr.write_records(path, map(record, range(begin, end)), **options)
            paths.append(path)
        found[kind] = paths
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_features_and_files(files, kind):
    theirs, ours = of_both(files[kind], ALL, batch_size=9)
    assert theirs.element_spec == ours.element_spec
    expected = batches(theirs)
    assert ids(theirs) == list(range(50))
    assert len(expected) == 6
    assert batches(ours) == expected
    assert int(theirs.cardinality()) == int(ours.cardinality()) or kind == "zlib"


@pytest.mark.parametrize("shuffle", [True, 10])
@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_shuffled_ranks(files, engine, shuffle, cache):
    found, whole = [], []
    for rank in range(2):
        data = make_dataset(
            files["plain"],
            ALL,
            batch_size=8,
            engine=engine,
            shuffle=shuffle,
            cache=cache,
            rank=rank,
            world_size=2,
        )
        found += ids(data)
        for batch in data:
            for number, weight, steps in zip(
                batch["context"]["id"].numpy().tolist(),
                batch["context"]["weight"].numpy().tolist(),
                batch["feature_lists"]["raw"].to_list(),
                strict=True,
            ):
                assert weight == (number / 2 if number % 3 else 0.5)
                expected = [[[256 + step], [number % 250]] for step in range(number % 4)]
                assert steps == expected
                whole.append(number)
    assert sorted(found) == sorted(whole) == list(range(50))
    assert found != sorted(found)


@pytest.mark.parametrize("seed", first(15, range(60)))
def test_random_features_and_records(seed, tmp_path):
    """What protobuf writes is the same to both, or is refused by both."""
    random = Random(seed)
    while True:
        context, lists = (
            # Names of tensors in a graph.
            {name: item for name, item in found.items() if name.isascii() and name.isprintable()}
            for found in (random_features(random, sequences=False), random_list_features(random))
        )
        context.pop("", None)
        lists.pop("", None)
        if context or lists:
            break
    records = random_sequence_examples(random, context, lists)
    tfr.write_records(tmp_path / "a", records)
    features = tfr.SequenceFeatures(context, lists)
    found = []
    for engine in ENGINES:
        try:
            data = make_dataset(tmp_path / "a", features, batch_size=3, check=False, engine=engine)
            found.append(batches(data))
        except (tf.errors.InvalidArgumentError, tfr.ExampleError):
            found.append(None)
    assert found[0] == found[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_features_that_nobody_named(engine, tmp_path):
    tfr.write_records(tmp_path / "a", RECORDS)
    data = make_dataset(tmp_path / "a", batch_size=40, engine=engine)
    assert ids(data) == list(range(len(RECORDS)))
    with tfr.ShardWriter(tmp_path / "set", records_per_shard=70, features=FEATURES) as writer:
        writer.write_many(RECORDS)
    data = make_dataset(tmp_path / "set", batch_size=40, engine=engine)
    named = make_dataset(tmp_path / "set", FEATURES, batch_size=40, engine=engine)
    assert data.element_spec == named.element_spec
    assert batches(data) == batches(named)


def test_steps_that_do_not_fit(tmp_path):
    for steps, features in (
        ([[1], [2, 3]], tfr.FixedLenFeature([], np.int64)),
        ([[1], None], tfr.FixedLenFeature([], np.int64)),
        ([b"abc"], tfr.RawFeature([2], np.uint8)),
        ([[b"a", b"b"]], tfr.RaggedFeature(np.uint8)),
    ):
        tfr.write_records(
            tmp_path / "a",
            [record(0), tfr.encode_sequence_example({"id": 1}, {"a": steps})],
        )
        for data in of_both(
            tmp_path / "a", tfr.SequenceFeatures({}, {"a": features}), batch_size=2
        ):
            with pytest.raises(tf.errors.InvalidArgumentError):
                list(data)


# Strictly.

UNKNOWN = record(1) + b"\x18\x05"


@pytest.mark.parametrize("place", [(0, 1), (40, 64), (699, 700)], ids=str)
@pytest.mark.parametrize("kind", ["plain", "blocked"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_fields_beside_those_of_sequence_examples(tmp_path, monkeypatch, kind, size, place):
    records = [record(number) for number in range(place[1])]
    records[place[0]] = UNKNOWN
    if size == "large":
        monkeypatch.setattr(thresholds, "skipped_record_bytes", 1)
    path = tmp_path / "a"
    tfr.write_records(path, records, **KINDS[kind])
    with pytest.raises(tfr.ExampleError, match="unknown field 3 at top level") as caught:
        make_dataset(path, ALL, batch_size=10)
    offset = sum(len(each) + 16 for each in records[: place[0]])
    assert f"a: record {place[0]} at byte {offset}: " in str(caught.value)
    assert len(ids(make_dataset(path, ALL, batch_size=10, strict=False))) == place[1]


@pytest.mark.parametrize("size", ["small", "large"])
def test_plain_and_odd_records_are_taken(tmp_path, monkeypatch, size):
    if size == "large":
        monkeypatch.setattr(thresholds, "skipped_record_bytes", 1)
    context, lists = tfr.encode_sequence_example({"id": 7}, {}), b"\x12\x00"
    one = context[:-2]
    large = tfr.encode_sequence_example({"id": 7, "pad": bytes(20_000)}, {"b": [bytes(300)] * 90})
    records = [
        *(context, one, large),
        # The lists first; in two pieces; nothing; a length with a leading zero.
        *(lists + one, one + lists + one + lists, b"", lists),
        b"\n" + bytes([len(one) - 2 | 0x80, 0]) + one[2:] + lists,
        *[record(number) for number in range(40)],
    ]
    tfr.write_records(tmp_path / "a", records)
    features = tfr.SequenceFeatures({"id": tfr.FixedLenFeature([], np.int64, -1)})
    expected = [7, 7, 7, 7, 7, -1, -1, 7, *range(40)]
    for data in of_both(tmp_path / "a", features, batch_size=10):
        assert ids(data) == expected


def test_sequence_examples_that_were_replaced(tmp_path):
    path = tmp_path / "a"
    good, other = (
        tfr.encode_sequence_example({"id": 1, "pad": bytes(size)}, {}) for size in (10, 8)
    )
    other += b"\x18\x05"
    assert len(good) == len(other)
    tfr.write_records(path, [good] * 3)
    data = make_dataset(path, tfr.SequenceFeatures({"id": int}), batch_size=3)
    assert ids(data) == [1] * 3
    tfr.write_records(path, [other] * 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="unknown field 3 at top level"):
        ids(data)
