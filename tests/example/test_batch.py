"""encode_examples: each record is what encode_example makes of its row, and so is each error."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

import numpy as np
import pytest
from variants import first

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    decode_example,
    encode_example,
    encode_examples,
)
from tfrecord_lite.records.framing import RecordBlock


def objects(*values: Any) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def ragged(values: Any, *counts: int) -> Ragged:
    return Ragged(np.asarray(values), np.cumsum([0, *counts]))


def one_by_one(columns: Any, rows: int, features: Any = None) -> list[bytes]:
    """Encode the rows; ExampleError for what is refused, and for a column of several kinds."""
    records = [
        encode_example({name: column[row] for name, column in columns.items()}, features)
        for row in range(rows)
    ]
    kinds: dict[str, Any] = {}
    for record in records:
        for name, value in decode_example(record).items():
            kind = list if isinstance(value, list) else value.dtype
            if kinds.setdefault(name, kind) != kind:
                raise ExampleError(f"{name} has rows of several kinds")
    return records


COLUMNS: dict[str, Any] = {
    "integers": np.array([0, 127, 128, -1]),
    "int8": np.array([1, -2, 3, 4], np.int8),
    "uint64": np.array([0, 1, 2**63 - 1, 5], np.uint64),
    "bool": np.array([True, False, True, True]),
    "big-endian": np.arange(4, dtype=">i4"),
    "every other": np.arange(8)[::2],
    "integers, 2-d": np.arange(8).reshape(4, 2) * 100,
    "integers, columns first": np.asfortranarray(np.arange(12).reshape(4, 3)),
    "no integers": np.empty((4, 0), np.int64),
    "float32": np.array([0.5, -0.0, np.nan, np.inf], np.float32),
    "float64": np.array([0.1, 1e-44, 3.0, -np.inf]),
    "float16, 2-d": np.ones((4, 300), np.float16),
    "no floats": np.empty((4, 0), np.float32),
    "bytes": [b"", b"a\0", b"x" * 127, b"x" * 128],
    "text": ["", "a", "é" * 50, "\0"],
    "bytes and text": [b"a", "b", b"c", "d"],
    "large bytes": [b"x" * 300, b"", b"y" * 300, b"z" * 70_000],
    "array of text": np.array(["a", "bcd", "", "é"]),
    "array of bytes": np.array([b"abc", b"bcd", b"\0\0a", b"xyz"]),
    "list of int": [1, True, -5, 2**63 - 1],
    "list of float": [0.5, 1e-44, 3.0, float("nan")],
    "tuple": (1, 2, 3, 4),
    "deque": deque([1, None, 300, -1]),
    "list with None": [None, 1, None, 300],
    "bytes with None": [b"a", None, None, b"b"],
    "nothing but None": [None, None, None, None],
    "lists": [[1], [1, 2], [300] * 50, [0]],
    "lists of bytes": [[b"a", b"b"], [b""], ["x"], [b"y" * 200]],
    "arrays of each length": [np.arange(index) for index in range(4)],
    "integers of every type": [1, np.int8(-1), [True, 300], None],
    "numpy scalars": [np.float16(1), np.float32(2), np.float64(0.1), 0.5],
    "objects": objects(b"x", [b"a", b"b"], None, np.str_("y")),
    "objects, 2-d": np.array([[b"a", b"b"]] * 4, object),
    "ragged integers": ragged([1, 2, 300], 1, 0, 2, 0),
    "ragged floats": ragged(np.array([0.5, 1.5]), 0, 0, 0, 2),
    "ragged bytes": ragged(objects(b"a", b"", b"c", "é", b"d" * 200), 2, 1, 1, 1),
    "ragged text": ragged(np.array(["ab", "cd", "ef", "gh", "é!"]), 2, 1, 1, 1),
    "ragged objects": ragged(objects(True, 1, 300, 5, -1), 1, 2, 1, 1),
    "the middle of a ragged": Ragged(np.arange(200, 220), np.array([2, 5, 5, 6, 12])),
    "é": np.arange(4),
    "k" * 128: np.arange(4),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_each_column(name: str) -> None:
    columns = {name: COLUMNS[name]}
    block = encode_examples(columns)
    assert isinstance(block, RecordBlock)
    assert list(block) == one_by_one(columns, 4)


def test_all_columns_together() -> None:
    assert list(encode_examples(COLUMNS)) == one_by_one(COLUMNS, 4)


def test_an_empty_row_of_strings_is_a_list_without_any() -> None:
    column = ragged(objects(b"a", b"b"), 2, 0)
    assert [decode_example(data)["a"] for data in encode_examples({"a": column})] == [
        [b"a", b"b"],
        [],
    ]


def test_records_of_every_size() -> None:
    # The length of the whole takes one byte, two, three.
    columns = {"a": [b"x" * size for size in (0, 110, 111, 112, 113, 114, 120, 16_000, 16_500)]}
    assert list(encode_examples(columns)) == one_by_one(columns, 9)


WITH_FEATURES: dict[str, tuple[Any, Any]] = {
    "images": (np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2), RawFeature([3, 2, 2], np.uint8)),
    "raw, big-endian": (np.arange(4, dtype=">u2").reshape(2, 2), RawFeature([2], "<u2")),
    "raw, columns first": (
        np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        RawFeature([3], np.int16),
    ),
    "raw in a list": ([np.zeros(2, np.int32), None], RawFeature([2], np.int32)),
    "raw scalars": (np.array([1.5, 2.5]), RawFeature([], np.float64)),
    "matrices": (np.arange(8).reshape(2, 2, 2), FixedLenFeature([2, 2], np.int64)),
    "nothing in each": (np.empty((2, 0, 3)), FixedLenFeature([0, 3], np.float32)),
    "numbers": (np.array([1, 2], np.uint8), FixedLenFeature([], np.int64)),
    "other kind": (np.array([1, 2]), FixedLenFeature([], np.float32)),
    "text": (["a", None], FixedLenFeature([], bytes)),
    "empty lists": ([[], [1]], RaggedFeature(np.int64)),
    "empty strings": ([[], None], VarLenFeature(bytes)),
    "vectors in a column of lists": (np.ones((2, 3), np.float32), VarLenFeature(np.float32)),
    "sequences": (np.ones((2, 3, 2), np.float32), FixedLenSequenceFeature([2], np.float32)),
    "ragged": (ragged([0.5], 0, 1), RaggedFeature(np.float32)),
}


@pytest.mark.parametrize("name", WITH_FEATURES)
def test_with_features(name: str) -> None:
    column, feature = WITH_FEATURES[name]
    for given in ({"a": feature}, {"a": feature, "b": VarLenFeature(bytes)}):
        try:
            expected: Any = one_by_one({"a": column}, 2, given)
        except ExampleError as error:
            with pytest.raises(ExampleError) as caught:
                encode_examples({"a": column}, given)
            assert caught.value.reason.split(": ")[-1] == error.reason.split(": ")[-1]
        else:
            assert list(encode_examples({"a": column}, given)) == expected


def random_column(random: Random, numbers: Any, rows: int) -> Any:
    counts = numbers.integers(0, 9, rows)
    splits = np.concatenate([[0], np.cumsum(counts)])

    def maybe(value: Any) -> Any:
        return None if random.random() < 0.3 else value

    return random.choice(
        (
            lambda: numbers.integers(-5, 1000, rows),
            lambda: numbers.integers(-(2**62), 2**62, (rows, random.choice((0, 1, 3)))),
            lambda: numbers.standard_normal(rows),
            lambda: numbers.standard_normal((rows, random.choice((0, 1, 5, 100))), np.float32),
            lambda: numbers.integers(0, 2, rows).astype(bool),
            lambda: [random.randbytes(random.choice((0, 1, 5, 200, 1000))) for _ in range(rows)],
            lambda: [random.choice(("", "a", "é" * 50)) for _ in range(rows)],
            lambda: [maybe(random.randbytes(3)) for _ in range(rows)],
            lambda: [maybe(random.randrange(-3, 500)) for _ in range(rows)],
            lambda: [maybe(list(range(random.randrange(1, 5)))) for _ in range(rows)],
            lambda: [numbers.standard_normal(random.randrange(3)) for _ in range(rows)],
            lambda: Ragged(numbers.integers(0, 100_000, splits[-1]), splits),
            lambda: Ragged(numbers.standard_normal(splits[-1], np.float32), splits),
            lambda: objects(*random.choices((b"x", [b"a", b"b"], None, ""), k=rows)),
            lambda: objects(*random.choices((1, 2**63, "a", [1, "a"]), (9, 1, 9, 1), k=rows)),
        )
    )()


@pytest.mark.parametrize("seed", first(1, range(4)))
def test_random_columns(seed: int) -> None:
    random, numbers = Random(seed), np.random.default_rng(seed)
    names = ("a", "ab", "b", "zeta", "é", "k" * 130, *(f"name{index}" for index in range(9)))
    refusals = 0
    for _ in range(200):
        rows = random.choice((1, 2, 17, 100))
        columns = {
            random.choice(names): random_column(random, numbers, rows)
            for _ in range(random.randrange(1, 5))
        }
        try:
            expected = one_by_one(columns, rows)
        except ExampleError:
            refusals += 1
            with pytest.raises(ExampleError):
                encode_examples(columns)
        else:
            assert list(encode_examples(columns)) == expected
    assert 5 < refusals < 150


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, 2**63], "feature 'a': row 1: .*int64"),
        ([2**63, 1], "feature 'a': row 0: .*int64"),
        (np.array([1, 2**63], np.uint64), "feature 'a': row 1: .*int64"),
        ([0.5, 1e39], "feature 'a': row 1: .*float32"),
        (np.array([[0.5, 1e39]]), "feature 'a': row 0: .*float32"),
        (["a", "\ud800"], "feature 'a': row 1: .*UTF-8|surrogate"),
        ([[1], []], "feature 'a': row 1: an empty list"),
        ([[1], [1, "a"]], "feature 'a': row 1: "),
        ([b"a", {}], "feature 'a': row 1: "),
        (np.zeros((2, 2, 2)), "feature 'a': row 0: an array of shape"),
        (np.array([1j, 2]), "feature 'a': row 0: "),
        (np.zeros(2, "M8[s]"), "feature 'a': row 0: "),
        (ragged([1j], 0, 1), "feature 'a': row 0: "),
        (ragged(objects("a", "\ud800"), 1, 1), "feature 'a': row 1: "),
        (Ragged(ragged([1, 2], 1, 1), np.array([0, 1, 2])), "feature 'a': row 0: "),
    ],
)
def test_an_error_names_feature_and_row(column: Any, message: str) -> None:
    with pytest.raises(ExampleError, match=message):
        encode_examples({"good": [1, 2][: len(column)], "a": column})


def test_an_error_of_a_raw_feature() -> None:
    features = {"a": RawFeature([2], np.uint8)}
    with pytest.raises(ExampleError, match="feature 'a': row 0: "):
        encode_examples({"a": np.zeros((3, 3), np.uint8)}, features)


def test_programming_mistakes() -> None:
    with pytest.raises(ValueError, match="no columns"):
        encode_examples({})
    with pytest.raises(ValueError, match="'a' has 1 rows, 'b' has 2"):
        encode_examples({"a": [1], "b": [1, 2]})


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_a_sparse_tensor_is_no_column(rows: int) -> None:
    """It is three arrays, which are no rows, however many the other columns have."""
    sparse = ragged(np.arange(rows), *[1] * rows).to_sparse()
    for columns in ({"a": sparse}, {"a": sparse, "b": np.arange(rows)}):
        with pytest.raises(TypeError, match="feature 'a': a sparse tensor .* values, and its ind"):
            encode_examples(columns)


@pytest.mark.parametrize("column", [[], np.empty(0), np.empty((0, 3), np.int64), ragged([])])
def test_no_rows(column: Any) -> None:
    block = encode_examples({"a": column})
    assert len(block) == 0
    assert list(block) == []


def test_bfloat16() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    columns = {
        "a": np.array([0.5, 2.0], ml_dtypes.bfloat16),
        "b": np.array([1, -2], ml_dtypes.int4),
    }
    assert list(encode_examples(columns)) == one_by_one(columns, 2)


def test_nothing_is_changed() -> None:
    column = np.arange(4)
    strings = [b"a", "b", None, b"c"]
    encode_examples({"a": column, "b": strings})
    assert column.tolist() == [0, 1, 2, 3]
    assert strings == [b"a", "b", None, b"c"]


def test_decoded_again() -> None:
    columns = {"label": np.arange(100), "name": [b"%d" % index for index in range(100)]}
    for index, data in enumerate(encode_examples(columns)):
        features = decode_example(data)
        assert features["label"].tolist() == [index]
        assert features["name"] == [b"%d" % index]
