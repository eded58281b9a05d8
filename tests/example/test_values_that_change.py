"""What columns and rows alike refuse, so that no value is changed or left out in silence.

Each refusal names the feature and the row, and nothing is left of a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from example.test_rows_and_columns import BYTES, FLOATS, objects

from tfrecord_lite import read_records, write_examples
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RawFeature,
    VarLenFeature,
    decode_example,
    encode_example,
    encode_examples,
    encode_sequence_example,
    serialize_tensor,
)

if TYPE_CHECKING:
    from pathlib import Path

# Numbers that change.

LOST = {
    "the first that float32 does not hold": 16777217.0,
    "an identifier of 64 bits": 1.2345678901234568e18,
    "negative": -16777217.0,
    "larger than any integer": 6.02214076e23,
}


@pytest.mark.parametrize("value", LOST.values(), ids=LOST)
def test_a_whole_number_that_float32_does_not_hold(value: float) -> None:
    for column in (
        [0.0, value],
        np.array([0.0, value]),
        np.array([[0.0], [value]], ">f8"),
        Ragged(np.array([0.0, value]), np.array([0, 1, 2])),
        np.array([0, value], np.longdouble),
        [[0.0], [0.5] * 40 + [value]],
        [np.float64(0), np.float64(value)],
        objects([0.0, [1.5, value]]),
    ):
        with pytest.raises(ExampleError, match=r"row 1: .* a whole number that float32 does not"):
            encode_examples({"a": column})
        with pytest.raises(ExampleError, match="whole number"):
            encode_example({"a": column[1]})
        with pytest.raises(ExampleError, match="step 1: .*whole number"):
            encode_sequence_example({}, {"l": [column[0], column[1]]})
        stored = encode_examples({"a": column}, {"a": VarLenFeature(np.float32)})
        assert decode_example(stored[1])["a"][-1] == np.float32(value)
    stored = encode_examples({"a": np.array([0.0, value]).astype(np.float32)})
    assert decode_example(stored[1])["a"] == np.float32(value)


@pytest.mark.parametrize("spec", [None, FLOATS])
@pytest.mark.parametrize("value", [1e39, -1e300, 1e-46, -1e-300])
def test_a_number_that_would_become_zero_or_infinite(value: float, spec: Any) -> None:
    features = None if spec is None else {"a": spec}
    for column in ([0.0, value], np.array([0.0, value]), objects([0.0, value])):
        with pytest.raises(ExampleError, match="row 1: .* float32 and would become (0|infinite)"):
            encode_examples({"a": column}, features)
    for row in (value, [value, value], [value] * 100, (value, 0.5)):
        with pytest.raises(ExampleError, match="would become (0|infinite)"):
            encode_example({"a": row}, None if isinstance(row, (list, tuple)) else features)


def test_fractions_are_rounded() -> None:
    values = [0.1, 1e-45, 16777215.5, float("nan"), float("-inf"), -0.0, 1e-38]
    expected = np.array(values, np.float32)
    for column in (values, np.array(values), [[value] for value in values]):
        got = [decode_example(record)["a"][0] for record in encode_examples({"a": column})]
        assert np.array(got).tobytes() == expected.tobytes()
    assert decode_example(encode_example({"a": values}))["a"].tobytes() == expected.tobytes()


# Columns of several kinds: columns_of_mixed_kinds.

MIXED = {
    "text and NaN": (["a", float("nan"), "c"], 1),
    "numbers as JSON has them": ([1, 2.5, 3], 1),
    "the last": ([1] * 1000 + [0.5], 1000),
    "after None": ([None, 1, None, 0.5], 3),
    "lists": ([[1, 2], [1.5]], 1),
    "arrays": ([np.arange(2), np.arange(2.0)], 1),
    "no floats": ([np.arange(2), np.array([])], 1),
    "objects": (objects(["a", "b", 1]), 2),
    "rows of objects": (np.array([["a", "b"], [1, 2]], object), 1),
    "ragged objects": (Ragged(objects(["a", 1, 2]), np.array([0, 1, 3])), 1),
}


@pytest.mark.parametrize("name", MIXED)
def test_columns_of_mixed_kinds(name: str, tmp_path: Path) -> None:
    column, row = MIXED[name]
    message = rf"^feature 'a': row {row} has \w+, where row \d has \w+, but a column has one kind"
    with pytest.raises(ExampleError, match=message):
        encode_examples({"a": column})
    with pytest.raises(ExampleError, match=message):
        write_examples(tmp_path / "a", {"a": column})
    assert list(tmp_path.iterdir()) == []


def test_kinds_of_parts_that_are_written_one_after_another(tmp_path: Path) -> None:
    # Each of the rows that are encoded together is of one kind.
    column = [None] * 64 + ["a"] * 100_000 + [b"b"] + [7] * 9
    with pytest.raises(ExampleError, match="row 100065 has integers, where row 64 has bytes"):
        write_examples(tmp_path / "a", {"a": column})


def test_kinds_of_steps() -> None:
    with pytest.raises(ExampleError, match="'l', step 2 has floats, where step 1 has integers"):
        encode_sequence_example({}, {"l": [None, [1], [0.5]]})
    assert encode_sequence_example({}, {"l": [None, [1], 5]})


def test_float32_takes_integers() -> None:
    expected = [[1.0], [2.5], [1.0], [3.0]]
    for column in ([1, 2.5, True, 3], objects([1, 2.5, np.int8(1), 3]), [[1], [2.5], (True,), 3]):
        for spec in (FLOATS, VarLenFeature(np.float32), FixedLenSequenceFeature([], "float")):
            block = encode_examples({"a": column}, {"a": spec})
            assert [decode_example(record)["a"].tolist() for record in block] == expected
    for values in ([1, 2.5, True], (np.int8(1), np.float16(2.5), 1), objects([1, 2.5, True])):
        for column in ([values], objects([values])):
            (record,) = encode_examples({"a": column}, {"a": VarLenFeature(np.float32)})
            assert decode_example(record)["a"].tolist() == [1, 2.5, 1]
    with pytest.raises(ExampleError, match="row 1: 'a' makes bytes, not the floats"):
        encode_examples({"a": [1, "a"]}, {"a": FLOATS})
    with pytest.raises(ExampleError, match="row 1: <int of .* bits> is beyond float32"):
        encode_examples({"a": [1, 10**400]}, {"a": FLOATS})


# Masked arrays: masked_arrays.


@pytest.mark.parametrize(
    "values",
    [[1, 77, 3], [0.5, 77, 3], [b"ab", b"hi", b"cd"], ["ab", "hi", "cd"], [True, False, True]],
)
def test_masked_arrays(values: Any) -> None:
    array = np.array(values)
    kind = {"i": np.int64, "b": np.int64, "f": np.float32}.get(array.dtype.kind, bytes)
    for mask in ([0, 1, 0], [0, 0, 0]):
        masked = np.ma.array(array, mask=mask)
        refused = any(mask)
        for spec in (None, FixedLenFeature([], kind), VarLenFeature(kind)):
            features = None if spec is None else {"a": spec}
            for column in (masked, masked.astype(object)):
                if refused:
                    with pytest.raises(ExampleError, match="row 1: a masked array; say with .fill"):
                        encode_examples({"a": column}, features)
                else:
                    plain = encode_examples({"a": array}, features)
                    assert list(encode_examples({"a": column}, features)) == list(plain)
        # A row that is a masked array itself is refused, whatever the mask.
        two = masked.reshape(1, 3)
        of_rows = (two, [masked], objects([masked]), Ragged(masked, np.array([0, 3])), [[masked]])
        for column in of_rows:
            with pytest.raises(ExampleError, match="row 0: a masked array"):
                encode_examples({"a": column})
        for encode in (encode_example, lambda row: encode_sequence_example({}, {"l": [row["a"]]})):
            with pytest.raises(ExampleError, match="a masked array"):
                encode({"a": masked})
        with pytest.raises(ExampleError, match="a masked array"):
            serialize_tensor(masked)
    with pytest.raises(ExampleError, match="row 0: a masked array"):
        raw = {"a": RawFeature(array.shape, array.dtype)}
        encode_examples({"a": np.ma.array(array[np.newaxis], mask=[[0, 1, 0]])}, raw)
    with pytest.raises(ExampleError, match="a masked array"):
        encode_example({"a": [1, np.ma.masked]})


# Row splits: ragged_splits.

VALUES_OF_SPLITS = [
    np.arange(10),
    np.zeros(10, np.float32),
    np.zeros(10, bool),
    objects([b"a"] * 10),
    np.full(10, "a"),
    objects([1] * 10),
    np.zeros((10, 2), np.float32),
]
SPLITS = {
    "decreasing": ([0, 5, 3, 10], "row 1: .* 5 to 3 of 10 values"),
    "beyond the values": ([0, 2, 11], "row 1: .* 2 to 11 of 10"),
    "beyond at the front": ([11, 11], "row 0: "),
    "negative": ([0, -1, 3], "row 0: "),
    "negative at the front": ([-3, 5], "row 0: "),
    "unsigned": (np.array([0, 5, 3], np.uint64), "row 1: "),
    "beyond int64": (np.array([0, 2**63], np.uint64), "row 0: "),
    "floats": (np.array([0.0, 10.0]), "dtype float64, where integers of shape"),
    "bool": (np.array([False, True]), "dtype bool"),
    "objects": (objects([0, 10]), "dtype object"),
    "none": (np.array([], np.int64), r"shape \(0,\)"),
    "two dimensions": (np.array([[0, 10]]), r"shape \(1, 2\)"),
    "masked": (np.ma.array([0, 10], mask=[0, 1]), "masked"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_ragged_splits(name: str, tmp_path: Path) -> None:
    splits, message = SPLITS[name]
    for values in VALUES_OF_SPLITS:
        column = Ragged(values, np.asanyarray(splits))
        for features in (None, {"a": FixedLenSequenceFeature([2], np.float32)}):
            with pytest.raises(ExampleError, match=f"^feature 'a': .*{message}"):
                encode_examples({"a": column}, features)
        with pytest.raises(ExampleError, match=message):
            write_examples(tmp_path / "a", {"a": column})


def test_ragged_splits_beyond_the_rows_that_are_written_first(tmp_path: Path) -> None:
    splits = np.arange(1001)
    splits[900] = 5
    with pytest.raises(ExampleError, match="row 899: .* 899 to 5 of 1000 values"):
        write_examples(tmp_path / "a", {"a": Ragged(np.arange(1000), splits)})
    assert list(tmp_path.iterdir()) == []


def test_an_array_of_the_shape_of_one_row_is_no_column() -> None:
    with pytest.raises(ExampleError, match="^feature 'a': row 0: "):
        encode_examples({"a": np.zeros(2, "i2")}, {"a": RawFeature([2], "i2")})
    with pytest.raises(ExampleError, match="^feature 'a': row 0: "):
        encode_examples({"a": np.zeros((2, 2), "i2")}, {"a": RawFeature([2, 2], "i2")})


@pytest.mark.parametrize("dtype", ["S2", "U2"])
def test_slices_of_ragged_strings(dtype: str) -> None:
    whole = Ragged(np.array(["ab", "cd", "ef", "gh"], dtype), np.array([0, 1, 1, 3, 4]))
    expected = list(encode_examples({"a": whole}))
    assert [decode_example(record)["a"] for record in expected] == [
        [b"ab"],
        [],
        [b"cd", b"ef"],
        [b"gh"],
    ]
    for begin in range(4):
        assert list(encode_examples({"a": whole[begin:]})) == expected[begin:]
    values = ["ab", "cd", "e", "gh"] if dtype == "S2" else ["a", "b", "c", "d"]
    lossy = Ragged(np.array(values, dtype), np.array([1, 2, 2, 4]))
    row = 2 if dtype == "S2" else 0
    with pytest.raises(ExampleError, match=f"^feature 'a': row {row}: .*trailing NULs"):
        encode_examples({"a": lossy})


def test_slices_of_ragged() -> None:
    whole = Ragged(np.arange(10), np.array([0, 2, 2, 5, 10], np.int32))
    expected = list(encode_examples({"a": whole}))
    assert list(encode_examples({"a": whole[1:3]})) == expected[1:3]
    rows = Ragged(np.arange(20).reshape(10, 2), np.array([0, 2, 10]))
    features = {"a": FixedLenSequenceFeature([2], np.int64)}
    assert list(encode_examples({"a": rows}, features)) == [
        encode_example({"a": rows[row]}, features) for row in range(2)
    ]
    with pytest.raises(ExampleError, match="row 0: an array of shape"):
        encode_examples({"a": rows})
    with pytest.raises(ExampleError, match="values of a Ragged are of type list"):
        encode_examples({"a": Ragged([1, 2], np.array([0, 2]))})


# Trailing NULs: trailing_nuls.


@pytest.mark.parametrize(
    ("column", "row"),
    [
        (np.array([b"a\0", b"b\0"]), 0),
        (np.array([b"ab", b"b\0"]), 1),
        (np.array([[b"ab", b"cd"], [b"ab", b"c\0"]]), 1),
        (np.array(["a\0", "b\0"]), 0),
        (np.array([["a\0"], ["b\0"]]), 0),
        (np.array(["a\0", "b\0"]).astype(">U2")[::-1], 0),
        (Ragged(np.array([b"ab", b"b\0"]), np.array([0, 1, 1, 2])), 2),
        (Ragged(np.array(["a\0", "b\0"]), np.array([0, 1, 1, 2])), 0),
        (np.char.array([b"ab", b"c\0"]), 1),
    ],
)
def test_trailing_nuls(column: Any, row: int, tmp_path: Path) -> None:
    for features in (None, {"a": VarLenFeature(bytes)}, {"a": BYTES}):
        message = f"^feature 'a': row {row}: an array of dtype .* NumPy may have dropped trailing"
        with pytest.raises(ExampleError, match=message):
            encode_examples({"a": column}, features)
        with pytest.raises(ExampleError, match=message):
            write_examples(tmp_path / "a", {"a": column}, features)
    array = column.values if isinstance(column, Ragged) else np.asarray(column)
    with pytest.raises(ExampleError, match="trailing NULs"):
        encode_example({"a": array.reshape(-1)})
    with pytest.raises(ExampleError, match="trailing NULs"):
        serialize_tensor(array)
    if array is column or array.ndim == 1:
        with pytest.raises(ExampleError, match="feature list 'l', step .*trailing NULs"):
            encode_sequence_example({}, {"l": array})


def test_text_of_several_lengths_far_apart(tmp_path: Path) -> None:
    # The longest, which says that the dtype was made to measure, is not among the first rows.
    column = np.array(["cat"] * 1000 + ["chicken"])
    write_examples(tmp_path / "a", {"a": column})
    stored = [decode_example(record)["a"] for record in read_records(tmp_path / "a")]
    assert stored == [[value.encode()] for value in column.tolist()]


def test_bytes_of_one_length() -> None:
    hashes = [bytes(range(16)), b"\0" * 15 + b"x"]
    for column in (np.array(hashes), np.array(hashes)[:, np.newaxis]):
        assert [decode_example(r)["a"] for r in encode_examples({"a": column})] == [
            [value] for value in hashes
        ]
    raw = encode_examples({"a": np.array([b"a\0", b"b"])}, {"a": RawFeature([], "S2")})
    assert [decode_example(record)["a"] for record in raw] == [[b"a\0"], [b"b\0"]]


# What is no column, and columns whose [i] is not their row i.


@pytest.mark.parametrize(
    "column", ["ab", b"ab", bytearray(b"ab"), memoryview(b"ab"), {0: 1}, {1, 2}, iter([1]), 5, None]
)
def test_what_is_no_column(column: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="^feature 'a': a column is an array, a list"):
        encode_examples({"a": column})
    with pytest.raises(TypeError, match="^feature 'a': a column is an array, a list"):
        write_examples(tmp_path / "a", {"a": column})
    with pytest.raises(TypeError, match="columns are a mapping of names to columns, not list"):
        encode_examples([1])  # type: ignore[arg-type]


def test_a_series_is_taken_in_its_order(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    count = 1000
    series = pandas.Series(np.arange(count), index=np.arange(count)[::-1])
    write_examples(tmp_path / "a", {"a": series, "b": series.astype("Int64")})
    stored = [decode_example(record) for record in read_records(tmp_path / "a")]
    assert [row["a"].tolist() + row["b"].tolist() for row in stored] == [
        [i, i] for i in range(count)
    ]
    # What is missing leaves the feature out, and the integers beside it are what they were.
    block = encode_examples({"a": pandas.Series([2**53 + 1, None], dtype="Int64")})
    assert [decode_example(record) for record in block] == [{"a": [2**53 + 1]}, {}]
    with pytest.raises(ExampleError, match="row 0: 16777217.0 is a whole number"):
        encode_examples({"a": pandas.Series([2**24 + 1, None])})
    with pytest.raises(TypeError, match="a column is an array"):
        encode_examples({"a": pandas.DataFrame({"a": [1]})})
