"""encode_sequence_examples: each record is encode_sequence_example's, and so is each refusal."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

import numpy as np
import pytest
from example.test_batch import objects, ragged
from variants import first

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RaggedFeature,
    RawFeature,
    SequenceFeatures,
    VarLenFeature,
    decode_sequence_example,
    encode_sequence_example,
    encode_sequence_examples,
)
from tfrecord_lite.example.buffers import Present
from tfrecord_lite.example.sequence_batch import encode_sequence_blocks
from tfrecord_lite.thresholds import limits


def steps_of(column: Any, row: int) -> Any:
    steps = column[row]
    if not isinstance(steps, Ragged):
        return steps
    return [_kind_told(steps[step]) for step in range(len(steps))]


def _kind_told(step: Any) -> Any:
    """Return a step of a column of byte strings, of which an empty one does not tell its kind."""
    untold = isinstance(step, np.ndarray) and step.dtype == object and not step.size
    return np.array([], "S1") if untold else step


def one_by_one(columns: Any, rows: int, features: Any = None) -> list[bytes]:
    """Encode the rows; ExampleError for what is refused, and for a column of several kinds."""
    context, lists = columns.get("context", {}), columns.get("feature_lists", {})
    records = [
        encode_sequence_example(
            {name: column[row] for name, column in context.items()},
            {name: steps_of(column, row) for name, column in lists.items()},
            features and features.context,
            features and features.feature_lists,
        )
        for row in range(rows)
    ]
    kinds: dict[Any, Any] = {}
    for record in records:
        of_context, of_lists = decode_sequence_example(record)
        found = [(name, value) for name, value in of_context.items()]
        found += [((name,), value) for name, steps in of_lists.items() for value in steps]
        for name, value in found:
            kind = list if isinstance(value, list) else None if value is None else value.dtype
            if value is not None and kinds.setdefault(name, kind) != kind:
                raise ExampleError(f"{name} has rows of several kinds")
    return records


def rows_of(values: Any, *counts: int) -> Ragged:
    return Ragged(values, np.cumsum([0, *counts]))


LISTS: dict[str, Any] = {
    "numbers": ragged([1, 200, -3], 2, 0, 1),
    "frames": rows_of(np.arange(12, dtype=np.float32).reshape(4, 3), 1, 0, 3),
    "large frames": rows_of(np.ones((4, 300), np.float32), 1, 0, 3),
    "frames of doubles": rows_of(np.full((2, 2), 0.1), 0, 2, 0),
    "frames of nothing": rows_of(np.empty((3, 0), np.int64), 1, 2, 0),
    "the middle of frames": Ragged(np.arange(20).reshape(10, 2), np.array([2, 3, 3, 7])),
    "strings": ragged(objects(b"a", b"", "é"), 1, 2, 0),
    "an array of text": ragged(np.array(["ab", "cd", "ef"]), 0, 1, 2),
    "steps of numbers": rows_of(ragged([1, 2, 300], 2, 0, 1), 0, 2, 1),
    "steps of strings": rows_of(ragged(objects(b"a", b"b" * 200, b""), 2, 0, 1), 3, 0, 0),
    "the middle of steps": Ragged(ragged(np.arange(9), 1, 2, 3, 0, 3), np.array([1, 2, 4, 5])),
    "array": np.arange(12).reshape(3, 4),
    "array, columns first": np.asfortranarray(np.arange(24.0).reshape(3, 4, 2)),
    "array of no steps": np.empty((3, 0, 2), np.float32),
    "array of steps of nothing": np.empty((3, 2, 0), np.int64),
    "array of objects": np.array([[b"a", None], [None, None], [b"b", "c"]], object),
    "array of text, 2-d": np.array([["ab", "cd"]] * 3),
    "lists": [[1, 2], [], [300]],
    "lists of lists": [[[1, 2], [3]], [], [[-1]]],
    "lists with None": [[1, None], None, [None]],
    "nothing but None": [None, None, None],
    "steps of nothing but None": [[None], [], [None] * 3],
    "tuples": ((b"a",), ("b", "c"), ()),
    "deque": deque([[1, 2], None, [300]]),
    "arrays": [np.ones((2, 3)), np.zeros((0, 3)), np.ones((1, 3))],
    "arrays of other sizes": [np.ones((2, 3)), np.zeros((1, 4)), None],
    "arrays of other types": [np.array([1, 2], np.int8), np.array([2**40]), [3]],
    "arrays of doubles and float32": [np.array([0.1]), np.array([0.1], np.float32), None],
    "arrays of objects": [objects(b"a", [b"b", b"c"]), objects(), None],
    "arrays of text": [np.array(["ab", "cd"]), np.array(["x"]), None],
    "raggeds": [ragged([1, 2], 1, 1), ragged([3], 0, 1, 0), None],
    "objects": objects([1], [2, 3], None),
    "some rows": Present(ragged([1, 2], 1, 1), np.array([0, 2]), 3),
    "no rows": Present([], np.array([], np.int64), 3),
    "é": ragged([1, 2], 1, 0, 1),
    "k" * 128: ragged([1, 2], 1, 0, 1),
}
CONTEXT: dict[str, Any] = {"id": np.arange(3) * 100, "tags": [[b"a", b"b"], None, [b"c"]]}


@pytest.mark.parametrize("name", LISTS)
def test_each_feature_list(name: str) -> None:
    for context in ({}, CONTEXT):
        columns = {"context": context, "feature_lists": {name: LISTS[name]}}
        assert list(encode_sequence_examples(columns)) == one_by_one(columns, 3)


def test_all_together() -> None:
    columns = {"context": CONTEXT, "feature_lists": LISTS}
    assert list(encode_sequence_examples(columns)) == one_by_one(columns, 3)
    columns = {"context": CONTEXT}
    assert list(encode_sequence_examples(columns)) == one_by_one(columns, 3)


def test_records_of_every_size() -> None:
    # Lengths of one byte, two and three: of steps, of lists, of all lists, of the context.
    sizes = (0, 1, 110, 118, 120, 122, 123, 124, 126, 128, 16_370, 16_380, 16_384)
    strings = [b"x" * size for size in sizes]
    steps = ragged(objects(*strings, *strings), *[2] * len(sizes))
    columns = {
        "context": {"a": strings},
        "feature_lists": {"a": steps, "b": [[s] for s in strings]},
    }
    assert list(encode_sequence_examples(columns)) == one_by_one(columns, len(sizes))


FEATURES: dict[str, tuple[Any, Any]] = {
    "frames": (rows_of(np.ones((2, 3, 2), np.float32), 1, 1), FixedLenFeature([3, 2], np.float32)),
    "integers as floats": (ragged([1, 2, 2**24 + 1], 1, 2), FixedLenFeature([], np.float32)),
    "padded": (np.ones((2, 3, 2), np.int32), FixedLenSequenceFeature([2], np.int64)),
    "raw": (rows_of(np.ones((2, 2, 2), np.uint8), 2, 0), RawFeature([2, 2], np.uint8)),
    "raw strings": (np.array([[[b"a", b"bc"]] * 2] * 2), RawFeature([2], "S2")),
    "raw text": (rows_of(np.array([["a", "bc"]] * 3), 1, 2), RawFeature([2], "U2")),
    "lists of raw strings": ([np.array([[b"a", b"bc"]]), []], RawFeature([2], "S2")),
    "steps": (rows_of(ragged([0.5, 2.0], 0, 1, 1), 1, 2), RaggedFeature(np.float32)),
    "integers as steps of floats": (rows_of(ragged([1, 2], 0, 1, 1), 1, 2), RaggedFeature(float)),
    "steps of strings": (rows_of(ragged(objects("a", b""), 0, 1, 1), 1, 2), VarLenFeature(bytes)),
    "bytes": (rows_of(ragged(np.array([1, 2], np.uint8), 0, 2), 1, 1), RaggedFeature(np.uint8)),
    "empty steps": ([[[]], [[1], []]], RaggedFeature(np.int64)),
    "another kind": (ragged([0.5], 0, 1), FixedLenFeature([], np.int64)),
    "another shape": (rows_of(np.ones((2, 3)), 1, 1), FixedLenFeature([2], np.float32)),
    "another dtype": (rows_of(np.ones((2, 2)), 1, 1), RawFeature([2], np.uint8)),
    "an empty list of another kind": (rows_of(ragged([], 0), 0, 1), RaggedFeature(np.int64)),
}


@pytest.mark.parametrize("name", FEATURES)
def test_with_features(name: str) -> None:
    column, feature = FEATURES[name]
    features = SequenceFeatures({"id": float}, {"a": feature, "b": RaggedFeature(bytes)})
    columns = {"context": {"id": [1, 2]}, "feature_lists": {"a": column}}
    try:
        expected = one_by_one(columns, 2, features)
    except ExampleError as error:
        with pytest.raises(ExampleError) as caught:
            encode_sequence_examples(columns, features)
        assert caught.value.reason.endswith(error.reason)
        assert caught.value.reason.startswith("row ")
    else:
        assert list(encode_sequence_examples(columns, features)) == expected


def test_raw_strings_of_feature_lists_are_written_as_they_were_read() -> None:
    frames = np.array([[b"a", b"bc"], [b"\0\1", b""]])
    features = SequenceFeatures({}, {"a": RawFeature([2], "S2")})
    columns = {"feature_lists": {"a": rows_of(frames, 0, 2)}}
    records = list(encode_sequence_examples(columns, features))
    strings = [step for data in records for step in decode_sequence_example(data)[1]["a"]]
    assert strings == [[frame.tobytes()] for frame in frames]
    row = encode_sequence_example({}, {"a": frames}, None, features.feature_lists)
    assert records == [encode_sequence_example({}, {"a": []}), row]


REFUSED: dict[str, tuple[Any, str]] = {
    "no lists": (np.arange(2), "row 0: feature list 'a': .* neither a list of steps nor"),
    "a string": (["abc", None], "row 0: feature list 'a': 'abc' is neither"),
    "beyond int64": ([[1], [2, 2**63]], "row 1: feature list 'a', step 1: .* beyond int64"),
    "beyond float32": (
        rows_of(np.array([[1.0], [1e39]]), 1, 1),
        "row 1: feature list 'a', step 0: .* beyond float32",
    ),
    "no text": ([["a"], ["b", "\ud800"]], "row 1: feature list 'a', step 1: .* not Unicode"),
    "kinds in a list": ([[], [1, b"a"]], "row 1: feature list 'a', step 1 has bytes, where"),
    "kinds in a column": (
        [[1], None, [None], [0.5]],
        "feature list 'a': row 3 has floats, where row 0 has integers, but a column has one kind",
    ),
    "kinds among lists of steps": (
        [None, [[1]], [[b"a"]]],
        "feature list 'a': row 2 has bytes, where row 1 has integers",
    ),
    "masked": (
        [np.ma.array([[1, 2]], mask=[[0, 1]]), None],
        "row 0: feature list 'a', step 0: a masked array",
    ),
    "lost NULs": (
        [np.array([b"a", b"bc"]), None],
        "row 0: feature list 'a', step 0: .* trailing NULs",
    ),
    "steps of matrices": (
        rows_of(np.ones((2, 2, 2)), 1, 1),
        "row 0: feature list 'a', step 0: an array of shape",
    ),
    "deeper lists": (
        rows_of(rows_of(ragged([1, 2], 1, 1), 1, 1), 1, 1),
        "row 0: feature list 'a', step 0: ",
    ),
    "an empty step": ([[[1]], [[]]], "row 1: feature list 'a', step 0: an empty list"),
    "splits that do not fit": (
        Ragged(np.arange(2), np.array([0, 3])),
        "feature 'a': row 0: the row_splits of a Ragged say 0 to 3 of 2 values",
    ),
    "steps whose splits do not fit": (
        rows_of(Ragged(np.arange(2), np.array([0, 3, 1])), 1, 1),
        "feature 'a': in its steps: row 0: the row_splits of a Ragged say 0 to 3 of 2 values",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    column, message = REFUSED[name]
    for columns in (
        {"feature_lists": {"a": column}},
        {
            "context": {"id": [0] * len(column)},
            "feature_lists": {"0": [[1]] * len(column), "a": column},
        },
    ):
        with pytest.raises(ExampleError, match=message):
            encode_sequence_examples(columns)


def test_a_context_is_refused_as_a_column_is() -> None:
    with pytest.raises(ExampleError, match="feature 'a': row 1 has floats, where row 0 has"):
        encode_sequence_examples({"context": {"a": [1, 0.5]}})
    with pytest.raises(ExampleError, match="feature 'a': row 1: .*int64"):
        encode_sequence_examples({"context": {"a": [1, 2**63]}, "feature_lists": {"l": [[], []]}})


def test_rows_of_parts_are_counted_and_have_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "encoded_bytes", 1000)
    lists = [[row, row + 1] for row in range(300)]
    columns: Any = {"context": {"id": range(300)}, "feature_lists": {"a": lists}}
    blocks = list(encode_sequence_blocks(columns))
    assert len(blocks) > 5
    assert [record for block in blocks for record in block] == one_by_one(columns, 300)
    lists[250] = [1, 2**63]
    with pytest.raises(ExampleError, match="row 250: feature list 'a', step 1: "):
        list(encode_sequence_blocks(columns))
    lists[250] = [0.5]
    lists[0] = [None]
    with pytest.raises(ExampleError, match="row 250 has floats, where row 1 has integers"):
        list(encode_sequence_blocks(columns))


def random_lists(random: Random, numbers: Any, rows: int) -> Any:
    counts = numbers.integers(0, 6, rows)
    splits = np.concatenate([[0], np.cumsum(counts)])
    total = int(splits[-1])
    inner = np.concatenate([[0], np.cumsum(numbers.integers(0, 4, total))])

    def maybe(value: Any) -> Any:
        return None if random.random() < 0.2 else value

    def some(make: Any) -> Any:
        return [maybe([maybe(make()) for _ in range(count)]) for count in counts.tolist()]

    return random.choice(
        (
            lambda: Ragged(numbers.integers(-(2**40), 2**40, total), splits),
            lambda: Ragged(numbers.standard_normal((total, random.choice((1, 70)))), splits),
            lambda: Ragged(Ragged(numbers.integers(0, 300, inner[-1]), inner), splits),
            lambda: Ragged(Ragged(objects(*[b"x"] * inner[-1]), inner), splits),
            lambda: numbers.integers(0, 300, (rows, random.choice((0, 1, 3)))),
            lambda: numbers.standard_normal((rows, 2, random.choice((0, 3)))),
            lambda: some(lambda: random.randrange(-3, 300)),
            lambda: some(lambda: random.randbytes(random.choice((0, 3, 200)))),
            lambda: some(lambda: [1] * random.randrange(1, 4)),
            lambda: some(lambda: random.choice(("a", b"b", ["c"]))),
            lambda: some(lambda: random.choice([1] * 30 + [2.5, 2**63])),
            lambda: [maybe(numbers.integers(0, 9, (count, 2))) for count in counts.tolist()],
        )
    )()


@pytest.mark.parametrize("seed", first(1, range(4)))
def test_random_columns(seed: int) -> None:
    random, numbers = Random(seed), np.random.default_rng(seed)
    names = ("a", "ab", "b", "zeta", "é", "k" * 130, *(f"name{index}" for index in range(9)))
    refusals = 0
    for _ in range(200):
        rows = random.choice((1, 2, 17, 60))
        columns = {
            "context": {"id": numbers.integers(0, 300, rows)},
            "feature_lists": {
                random.choice(names): random_lists(random, numbers, rows)
                for _ in range(random.randrange(1, 5))
            },
        }
        try:
            expected = one_by_one(columns, rows)
        except ExampleError:
            refusals += 1
            with pytest.raises(ExampleError):
                encode_sequence_examples(columns)
        else:
            assert list(encode_sequence_examples(columns)) == expected
    assert 5 < refusals < 150


def test_no_rows() -> None:
    empty = {
        "context": {"a": []},
        "feature_lists": {"b": ragged([]), "c": [], "d": np.empty((0, 3))},
    }
    assert list(encode_sequence_examples(empty)) == []
    assert list(encode_sequence_blocks(empty)) == []
