"""parse_sequence_example: forms, rules, and what is said of what does not fit.

That the values are TensorFlow's is in test_columns_tensorflow.py.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from example.judge import IS_CURRENT, REFUSED, judge_sequence_example
from example.odd_bytes import mutate, odd_sequence_example

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    encode_sequence_example,
    parse_sequence_example,
    parse_single_sequence_example,
)
from tfrecord_lite.records.framing import RecordBlock

RECORDS = [
    encode_sequence_example(
        {"id": 1, "image": b"\x01\x02"},
        {"boxes": [[1.0, 2.0], [3.0, 4.0]], "words": ["a", "b\0"], "tokens": [[1, 2], None, [3]]},
    ),
    encode_sequence_example({"image": b"\x03\x04"}, {"boxes": [[5.0, 6.0]], "tokens": []}),
]
CONTEXT = {
    "id": FixedLenFeature([], np.int64, -1),
    "image": RawFeature([2], np.uint8),
    "tags": VarLenFeature(bytes),
}
LISTS = {
    "boxes": FixedLenSequenceFeature([2], np.float32),
    "words": FixedLenSequenceFeature([], bytes),
    "tokens": RaggedFeature(np.int64),
    "more": VarLenFeature(np.float32),
}


@pytest.mark.parametrize("serialized", [RECORDS, RecordBlock.from_records(RECORDS)])
def test_a_batch(serialized: Any) -> None:
    context, lists, lengths = parse_sequence_example(serialized, CONTEXT, LISTS)
    assert list(context) == list(CONTEXT)
    assert context["id"].tolist() == [1, -1]
    assert context["image"].tolist() == [[1, 2], [3, 4]]
    assert context["tags"].to_list() == [[], []]
    assert list(lists) == list(LISTS)
    assert lists["boxes"].dtype == np.float32
    assert lists["boxes"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [0, 0]]]
    assert lists["words"].tolist() == [[b"a", b"b\0"], [b"", b""]]
    assert lists["tokens"].to_list() == [[[1, 2], [], [3]], []]
    assert lists["more"].to_list() == [[], []]
    assert {name: column.tolist() for name, column in lengths.items()} == {
        "boxes": [2, 1],
        "words": [2, 0],
    }
    assert lengths["boxes"].dtype == np.int64


def test_ragged_steps() -> None:
    _, lists, _ = parse_sequence_example(RECORDS, {}, LISTS)
    tokens = lists["tokens"]
    assert isinstance(tokens, Ragged)
    assert isinstance(tokens.values, Ragged)
    assert tokens.values.to_list() == [[1, 2], [], [3]]
    assert tokens.row_splits.tolist() == [0, 3, 3]
    assert tokens[0].to_list() == [[1, 2], [], [3]]
    sparse = tokens.to_sparse()
    assert sparse.indices.tolist() == [[0, 0, 0], [0, 0, 1], [0, 2, 0]]
    assert sparse.values.tolist() == [1, 2, 3]
    assert sparse.dense_shape.tolist() == [2, 3, 2]


def test_single() -> None:
    context, lists = parse_single_sequence_example(RECORDS[0], CONTEXT, LISTS)
    assert context["id"] == 1
    assert context["image"].tolist() == [1, 2]
    assert context["tags"].tolist() == []
    assert lists["boxes"].tolist() == [[1, 2], [3, 4]]
    assert lists["words"].tolist() == [b"a", b"b\0"]
    assert lists["tokens"].to_list() == [[1, 2], [], [3]]
    assert lists["more"].to_list() == []


def test_either_may_be_left_out() -> None:
    only_context, nothing, no_lengths = parse_sequence_example(RECORDS, CONTEXT)
    assert list(only_context) == list(CONTEXT)
    assert nothing == no_lengths == {}
    nothing, only_lists, lengths = parse_sequence_example(RECORDS, sequence_features=LISTS)
    assert nothing == {}
    assert list(only_lists) == list(LISTS)
    assert list(lengths) == ["boxes", "words"]


def test_no_records() -> None:
    context, lists, lengths = parse_sequence_example([], CONTEXT, LISTS)
    assert context["id"].shape == (0,)
    assert context["image"].shape == (0, 2)
    assert lists["boxes"].shape == (0, 0, 2)
    assert lists["tokens"].to_list() == []
    assert lengths["boxes"].shape == (0,)


def test_steps_of_no_values() -> None:
    nothing = np.empty(0, np.int64)
    records = [encode_sequence_example({}, {"a": [nothing] * count}) for count in (2, 0, 1)]
    _, lists, lengths = parse_sequence_example(
        records, {}, {"a": FixedLenSequenceFeature([2, 0], np.int64)}
    )
    assert lists["a"].shape == (3, 2, 2, 0)
    assert lengths["a"].tolist() == [2, 0, 1]


GOOD = encode_sequence_example({"a": 1}, {"a": [1, 2]})
SEQUENCE = FixedLenSequenceFeature([], np.int64)
UNFIT: dict[str, tuple[Any, dict[str, Any], dict[str, Any], str]] = {
    "missing in the context": (
        encode_sequence_example({}, {}),
        {"a": FixedLenFeature([], np.int64)},
        {},
        "context feature 'a': is missing",
    ),
    "no kind in the context": (
        b"\n\x07\n\x05\n\x01a\x12\x00",
        {"a": FixedLenFeature([], np.int64, 7)},
        {},
        "context feature 'a': has no kind; leave it out",
    ),
    "another kind in the context": (
        encode_sequence_example({"a": 0.5}, {}),
        {"a": VarLenFeature(np.int64)},
        {},
        "context feature 'a': found float32 values, expected int64",
    ),
    "missing list": (
        encode_sequence_example({}, {}),
        {},
        {"a": FixedLenSequenceFeature([], np.int64, allow_missing=False)},
        "feature list 'a': is missing; allow_missing=True",
    ),
    "step of no kind": (
        encode_sequence_example({}, {"a": [1, None]}),
        {},
        {"a": SEQUENCE},
        "feature list 'a', step 1: is missing (or has no kind)",
    ),
    "step of two values": (
        encode_sequence_example({}, {"a": [1, 2, [3, 4]]}),
        {},
        {"a": SEQUENCE},
        "feature list 'a', step 2: found 2 values, expected 1 for the shape ()",
    ),
    "step of another kind": (
        encode_sequence_example({}, {"a": [0.5]}),
        {},
        {"a": RaggedFeature(np.int64)},
        "feature list 'a', step 0: found float32 values, expected int64",
    ),
    "no SequenceExample": (b"\x0a", {"a": VarLenFeature(np.int64)}, {}, "byte 1: "),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_error_names_record_feature_and_step(name: str) -> None:
    bad, context, lists, reason = UNFIT[name]
    for at in (0, 2):
        records = [GOOD] * 3
        records[at] = bad
        with pytest.raises(ExampleError) as caught:
            parse_sequence_example(records, context, lists)
        assert str(caught.value).startswith(f"record {at}: {reason}")
        assert caught.value.record == at
    parse_sequence_example([GOOD] * 3, context, lists)


def test_an_error_names_the_place_in_the_file() -> None:
    block = RecordBlock.from_records([GOOD, b"\x0a"])
    block.path, block.first_record, block.base = "data.tfrecord", 7, 100
    with pytest.raises(ExampleError, match=r"^data\.tfrecord: record 8 at byte \d+: byte 1: ") as e:
        parse_sequence_example(block, {}, {"a": SEQUENCE})
    assert e.value.offset == block.offset(1)


def test_programming_mistakes() -> None:
    for nothing in ({}, None):
        with pytest.raises(ValueError, match="no features"):
            parse_sequence_example(RECORDS, nothing, nothing)
    with pytest.raises(ValueError, match=r"context_features\['a'\] is a FixedLenSequenceFeature"):
        parse_sequence_example(RECORDS, {"a": SEQUENCE})
    with pytest.raises(ValueError, match=r"sequence_features\['a'\] is a FixedLenFeature"):
        parse_sequence_example(RECORDS, {}, {"a": FixedLenFeature([], np.int64)})
    with pytest.raises(ValueError, match=r"sequence_features\['a'\] has a default_value"):
        padded = FixedLenSequenceFeature([], np.int64, default_value=1)
        parse_sequence_example(RECORDS, {}, {"a": padded})


@pytest.mark.skipif(not IS_CURRENT, reason="protobuf before 7.34 reads some of these differently")
def test_row_56_odd_bytes_are_read_as_protobuf_reads_them() -> None:
    random = Random(56)
    kinds = {"int64": np.int64, "float32": np.float32}
    read = refused = 0
    for _ in range(1500):
        data = odd_sequence_example(random)
        if random.random() < 0.3:
            data = mutate(random, data)
        expected = judge_sequence_example(data)
        if expected == REFUSED:
            with pytest.raises(ExampleError):
                parse_single_sequence_example(data, {"a": VarLenFeature(bytes)}, strict=False)
            refused += 1
            continue
        context, lists = expected
        for name, value in context.items():
            if value is not None:
                dtype = bytes if isinstance(value, list) else kinds[value[0]]
                found, _ = parse_single_sequence_example(
                    data, {name: VarLenFeature(dtype)}, strict=False
                )
                assert plain(found[name]) == value, data.hex()
        for name, steps in lists.items():
            present = [value for value in steps if value is not None]
            some = {bytes if isinstance(value, list) else value[0] for value in present}
            if len(some) == 1:
                (kind,) = some
                feature = VarLenFeature(kinds.get(kind, kind))
                _, found = parse_single_sequence_example(data, {}, {name: feature}, strict=False)
                empty = {"int64": ("int64", []), "float32": ("float32", b""), bytes: []}[kind]
                assert [plain(step) for step in found[name]] == [
                    empty if value is None else value for value in steps
                ], data.hex()
                read += 1
    assert read > 200
    assert refused > 200


def plain(array: Any) -> Any:
    if array.dtype == object:
        return array.tolist()
    if array.dtype == np.int64:
        return "int64", array.tolist()
    return "float32", array.tobytes()


PARTITIONED = {
    "a": RaggedFeature(np.int64, "tokens"),
    "b": RaggedFeature(np.int64, "v", [RaggedFeature.RowLengths("n")]),
    "c": RaggedFeature(np.int64, "v", [RaggedFeature.UniformRowLength(2)]),
    "d": RaggedFeature(
        np.int64, "v", [RaggedFeature.RowLengths("n"), RaggedFeature.UniformRowLength(1)]
    ),
}


def integers(steps: list[list[int]]) -> list[Any]:
    return [np.array(step, np.int64) for step in steps]


def test_steps_cut_by_partitions() -> None:
    """Each step by the step of the same number of another list, as TensorFlow has it."""
    records = [
        encode_sequence_example(
            {},
            {"tokens": integers([[7], []]), "v": [[1, 2, 3, 4], [5, 6]], "n": [[1, 3], [2]]},
        ),
        encode_sequence_example({}, {"v": integers([[], [8, 9]]), "n": integers([[], [0, 0, 2]])}),
        b"",
    ]
    _, lists, _ = parse_sequence_example(records, None, PARTITIONED)
    found = {name: column.to_list() for name, column in lists.items()}
    assert found == {
        "a": [[[7], []], [], []],
        "b": [[[[1], [2, 3, 4]], [[5, 6]]], [[], [[], [], [8, 9]]], []],
        "c": [[[[1, 2], [3, 4]], [[5, 6]]], [[], [[8, 9]]], []],
        "d": [
            [[[[1]], [[2], [3], [4]]], [[[5], [6]]]],
            [[], [[], [], [[8], [9]]]],
            [],
        ],
    }
    for number, record in enumerate(records):
        _, single = parse_single_sequence_example(record, None, PARTITIONED)
        assert {name: column.to_list() for name, column in single.items()} == {
            name: rows[number] for name, rows in found.items()
        }


@pytest.mark.parametrize(
    ("lists", "text"),
    [
        ({"v": [[1], [2, 3]], "n": [[1], [1]]}, "step 1: RowLengths of 'n', 1, do not fit 2"),
        ({"v": [[1], [2]], "n": [[1]]}, "found 1 steps of 'n' for 2 of 'v'"),
        ({"v": [[1]]}, "found 0 steps of 'n' for 1 of 'v'"),
        ({"v": [[1]], "n": [[1.5]]}, "step 0: 'n': "),
    ],
)
def test_partitions_that_do_not_fit_their_step(lists: Any, text: str) -> None:
    good = encode_sequence_example({}, {"v": [[1], [2]], "n": [[1], [1]]})
    bad = encode_sequence_example({}, lists)
    with pytest.raises(ExampleError, match=text) as caught:
        parse_sequence_example([good, bad, good], None, {"b": PARTITIONED["b"]})
    assert caught.value.record == 1


def test_steps_cut_by_partitions_against_tensorflow() -> None:
    tf = pytest.importorskip("tensorflow")
    from tfrecord_lite.tensorflow import to_tf_features

    random = Random(5)
    for _ in range(10):
        records = []
        for _ in range(random.choice([1, 4, 30])):
            n = [
                [random.randrange(4) for _ in range(random.randrange(4))]
                for _ in range(random.randrange(4))
            ]
            v = [[random.randrange(9) for _ in range(sum(lengths))] for lengths in n]
            lists = {
                "n": [np.array(x, np.int64) for x in n],
                "v": [np.array(x, np.int64) for x in v],
            }
            records.append(encode_sequence_example({}, lists))
        features = {"b": PARTITIONED["b"], "d": PARTITIONED["d"]}
        _, ours, _ = parse_sequence_example(records, None, features)
        _, theirs, _ = tf.io.parse_sequence_example(records, None, to_tf_features(features))
        for name, column in ours.items():
            assert column.to_list() == theirs[name].to_list()


def test_fields_of_others_are_refused_unless_it_is_said() -> None:
    data = RECORDS[0] + b"\x22\x01x"
    for parse, given in ((parse_sequence_example, [data]), (parse_single_sequence_example, data)):
        with pytest.raises(ExampleError, match="unknown field 4 at top level"):
            parse(given, {"id": FixedLenFeature([], np.int64)})
        parse(given, {"id": FixedLenFeature([], np.int64)}, strict=False)
