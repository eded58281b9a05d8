"""Fuzzed: Examples and SequenceExamples, one by one, and in columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from example.judge import REFUSED, decoded, judge_example, judge_sequence_example, plain
from example.odd_bytes import mutate, odd_example, odd_sequence_example
from example.schemas import random_examples, random_features
from example.test_batch import one_by_one, random_column
from example.test_spans import near_plain_example
from fuzz.choices import Choices
from fuzz.columns import check_columns, features_for, judged, values_of

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    RaggedFeature,
    decode_example,
    decode_sequence_example,
    encode_examples,
    infer_features,
    parse_example,
    parse_sequence_example,
)

TEMPLATES = b"\xff\xfe\xfd"  # what parts the records in the input of `columns`


def example(data: bytes) -> str:
    """One Example is what protobuf finds in it."""
    expected = judge_example(data)
    try:
        found = {name: plain(value) for name, value in decode_example(data, strict=False).items()}
    except ExampleError as error:
        assert expected == REFUSED
        return error.reason
    assert found == expected
    strict = decoded(decode_example, data)
    assert strict in (expected, REFUSED)
    return "example" if strict != REFUSED else "example, not strict"


def sequence_example(data: bytes) -> str:
    """One SequenceExample is what protobuf finds in it, and its columns are what it decodes to."""
    expected = judge_sequence_example(data)
    try:
        context, lists = decode_sequence_example(data)
    except ExampleError as error:
        assert expected == REFUSED
        return error.reason
    found = (
        {name: plain(value) for name, value in context.items()},
        {name: [plain(value) for value in steps] for name, steps in lists.items()},
    )
    assert found == expected
    features = {
        name: RaggedFeature(values_of(plain(value))[0])
        for name, value in context.items()
        if value is not None
    }
    list_features, fits = {}, True
    for name, steps in lists.items():
        types = {values_of(plain(step))[0] for step in steps if step is not None}
        fits &= len(types) <= 1
        list_features[name] = RaggedFeature(next(iter(types), bytes))
    if not features and not list_features:
        return "nothing asked for"
    try:
        columns = parse_sequence_example([data, data], features, list_features, strict=False)
    except ExampleError as error:
        assert not fits
        return error.reason
    assert fits
    for name in features:
        assert plain_ragged(columns[0][name].values) == plain_values(context[name]) * 2
    for name, steps in lists.items():
        rows = columns[1][name]
        assert rows.row_splits.tolist() == [0, len(steps), 2 * len(steps)]
        assert len(rows.values) == 2 * len(steps)
        for step, value in zip(rows.values, steps * 2, strict=True):
            assert plain_ragged(step) == plain_values(value)
    return "sequence example"


def plain_values(value: Any) -> list[Any]:
    return [] if value is None else values_of(plain(value))[1]


def plain_ragged(array: Any) -> list[Any]:
    if array.dtype != np.float32:
        return array.tolist()
    return [value.astype("<f4").tobytes() for value in array]


def odd(data: bytes) -> str:
    """Examples and SequenceExamples with every oddity that the wire format has a place for."""
    choices = Choices(data)
    make, target = choices.choice(
        ((odd_example, example), (odd_sequence_example, sequence_example))
    )
    made = make(choices)
    if choices.randrange(3) == 1:
        made = mutate(choices, made)
    return target(made)


def columns(data: bytes) -> str:
    """A block of records that are alike but for some bytes."""
    choices = Choices(data)
    rows = choices.randrange(101)
    edits = [
        (choices.randrange(max(rows, 1)), choices.getrandbits(16), choices.getrandbits(8))
        for _ in range(choices.randrange(8))
    ]
    how = Choices(choices.take(16))
    templates = choices.rest().split(TEMPLATES, 3)
    records = [bytearray(templates[row % len(templates)]) for row in range(rows)]
    for row, at, change in edits:
        if rows and records[row]:
            records[row][at % len(records[row])] ^= change
    made = [bytes(record) for record in records]
    return check_columns(made, features_for(made, how), how)


def batches(data: bytes) -> str:
    """A block of records as encoders make them, or almost."""
    choices = Choices(data)
    form = choices.randrange(4)
    if form == 0:
        features = random_features(choices)
        records = random_examples(choices, features)
        return check_columns(records, features, choices)
    some = [near_plain_example(choices) for _ in range(1 + choices.randrange(4))]
    records = [some[index % len(some)] for index in range(1 + choices.randrange(60))]
    for _ in range(choices.randrange(6)):
        row = choices.randrange(len(records))
        records[row] = mutate(choices, records[row])
    if form == 1:
        records = [data for data in records if judged(data) != REFUSED]
    if form < 3:
        return check_columns(records, features_for(records, choices), choices)
    try:
        inferred = infer_features(records)
    except ExampleError as error:
        return f"inferred: {error.reason}"
    if not inferred:
        return "nothing inferred"
    parse_example(records, inferred)
    return check_columns(records, inferred, choices)


def encoding(data: bytes) -> str:
    """A batch of columns is encoded as its rows are one by one."""
    choices = Choices(data)
    numbers = np.random.default_rng(choices.getrandbits(16))
    rows = choices.choice((0, 1, 2, 17, 40))
    names = ("a", "ab", "b", "é", "k" * 130, "name")
    made = {
        choices.choice(names): random_column(choices, numbers, rows)
        for _ in range(1 + choices.randrange(4))
    }
    try:
        expected = one_by_one(made, rows)
    except ExampleError as error:
        try:
            encode_examples(made)
        except ExampleError:
            return error.reason
        raise AssertionError("only one of the two refused") from None
    found = encode_examples(made)
    assert list(found) == expected
    for record in expected:
        assert decoded(decode_example, record) == judge_example(record) != REFUSED
    return "encoded"
