"""The same values as columns and row by row, with and without features: alike, or both refused.

The rule: what `encode_example` refuses of a row, `encode_examples` and `write_examples` refuse, and
they name the feature and the row; besides, rows of several kinds without features, and columns of
which the rows no longer tell what is missing (trailing NULs that NumPy drops, row splits).
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from variants import few_or_many

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    FloatList,
    Ragged,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    decode_example,
    encode_example,
    encode_examples,
)

FLOATS = FixedLenFeature([], np.float32)
BYTES = FixedLenFeature([], bytes)


def objects(values: Any) -> Any:
    array = np.empty(len(values), object)
    for index, value in enumerate(values):
        array[index] = value
    return array


def row_by_row(rows: Any, spec: Any) -> list[bytes]:
    """Encode rows one by one; ExampleError for what is refused, and for rows of two kinds."""
    features = None if spec is None else {"a": spec}
    records = [encode_example({"a": row}, features) for row in rows]
    kinds = {
        type(value) is list or value.dtype.kind
        for record in records
        for value in decode_example(record).values()
    }
    if len(kinds) > 1:
        raise ExampleError("rows of several kinds")
    return records


def outcome(encode: Any) -> Any:
    try:
        return list(encode())
    except ExampleError:
        return "refused"


INTEGERS = st.one_of(
    st.integers(-300, 300), st.sampled_from((2**24 + 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1))
)
DOUBLES = st.one_of(
    st.sampled_from((0.0, -0.0, 0.1, 1.0, -2.5, 1e-40, 1e-45, 1e-46, -1e-60, 1e20, 3.4e38, 1e39)),
    st.sampled_from((2.0**24, 2.0**24 + 1, -(2.0**24) - 1, 2.0**53, 2.0**60, 3.4028235e38)),
    st.sampled_from((float("nan"), float("inf"))),
)
STRINGS = st.sampled_from((b"", b"a", b"a\0", "", "b", "é", "c\0", "\ud800", bytearray(b"x")))
SCALARS = st.one_of(
    INTEGERS,
    st.booleans(),
    DOUBLES,
    STRINGS,
    INTEGERS.filter(lambda value: -(2**63) <= value < 2**63).map(np.int64),
    st.sampled_from((np.uint64(2**63), np.uint64(5), np.int8(-1), np.bool_(True), np.int16(300))),
    DOUBLES.map(np.float64),
    st.sampled_from((np.float16(1.5), np.float32(0.1), np.float32(2**24), np.longdouble(2) ** 70)),
    st.sampled_from((np.longdouble(2**24 + 1), np.longdouble("1e-60"), np.longdouble("0.1"))),
    st.sampled_from((np.str_("a\0"), np.bytes_(b"b\0"), memoryview(b"ab"))),
)
ODD = st.one_of(
    st.sampled_from(
        (None, 1j, np.complex64(1), np.datetime64("2020-01-01"), np.timedelta64(1, "s"))
    ),
    st.sampled_from((np.ma.masked, np.ma.array([1, 2], mask=[0, 1]), {}, {"a": 1}, object(), ...)),
    st.sampled_from(([], (), [[]], [[1, 2]], np.zeros((1, 2)), np.zeros(0), np.zeros(0, np.int8))),
    st.sampled_from((np.zeros(1, [("x", "i4")]), np.void(b"ab"), np.array([b"ab"]), np.array(3))),
    st.sampled_from((np.array([1.0, 2.0**24 + 1]), np.array([2**63], np.uint64), objects([1, 2]))),
    st.sampled_from((np.array(["a\0"]), np.array([b"ab", b"c"]))),
)
LISTS = st.one_of(
    st.lists(INTEGERS, min_size=1, max_size=40),
    st.lists(DOUBLES, min_size=1, max_size=40),
    st.lists(STRINGS, min_size=1, max_size=4),
    st.lists(SCALARS, max_size=4),
    st.lists(st.one_of(SCALARS, ODD), max_size=3).map(tuple),
)
ARRAYS = st.one_of(
    st.lists(DOUBLES, max_size=5).map(lambda values: np.array(values, np.float64)),
    st.lists(DOUBLES, max_size=5).map(lambda values: np.array(values, ">f8")[::-1]),
    st.lists(DOUBLES, max_size=5).map(lambda values: np.array(values, np.longdouble)),
    st.lists(st.integers(0, 2**64 - 1), max_size=5).map(lambda v: np.array(v, np.uint64)),
    st.lists(st.integers(-99, 99), max_size=40).map(lambda v: np.array(v, np.int16)),
    st.lists(SCALARS, max_size=4).map(objects),
)
VALUES = st.one_of(SCALARS, LISTS, ARRAYS, ODD)
# Rows of one kind much more often than chance makes them, and others.
ROWS = st.one_of(
    *(
        st.lists(st.one_of(rows, st.none()), max_size=6)
        for rows in (INTEGERS, DOUBLES, STRINGS, SCALARS, LISTS, ARRAYS, VALUES)
    ),
    st.lists(st.one_of(INTEGERS, DOUBLES, st.booleans()), max_size=6),
    *(st.lists(rows, max_size=6) for rows in (INTEGERS, DOUBLES, STRINGS)),
)
SPECS = st.one_of(
    st.none(),
    st.sampled_from((FLOATS, BYTES, FixedLenFeature([], np.int64), FixedLenFeature([2], "float"))),
    st.sampled_from((FixedLenSequenceFeature([], np.float32), VarLenFeature(np.float32))),
    st.sampled_from((VarLenFeature(np.int64), RaggedFeature(bytes), RaggedFeature(np.float32))),
    st.sampled_from((RawFeature([], np.float64), RawFeature([2], "i2"))),
)


def assert_alike(column: Any, rows: Any, spec: Any) -> None:
    features = None if spec is None else {"a": spec}
    try:
        expected = row_by_row(rows, spec)
    except ExampleError:
        with pytest.raises(ExampleError, match=r"^feature 'a': row \d+"):
            encode_examples({"a": column}, features)
    else:
        assert list(encode_examples({"a": column}, features)) == expected


@few_or_many("cases", 200, 1500)
def test_any_objects(cases: int) -> None:
    @settings(max_examples=cases, deadline=None)
    @given(ROWS, SPECS, st.booleans())
    def check(rows: list[Any], spec: Any, array: bool) -> None:
        assert_alike(objects(rows) if array else rows, rows, spec)

    check()


DTYPES = (
    *("?", "i1", "u1", ">i2", "<i4", "i8", "u8", ">u8", "f2", "f4", ">f4", "f8", ">f8", "g"),
    *("c8", "M8[s]", "m8[s]", "S2", "U2"),
)


@st.composite
def numeric_columns(draw: Any) -> Any:
    """Draw an array of one to three dimensions, of any dtype and layout."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(
        st.sampled_from(((0,), (1,), (3,), (3, 0), (0, 2), (2, 1), (2, 3), (2, 40), (2, 1, 2)))
    )
    count = int(np.prod(shape))
    if np.dtype(dtype).kind == "f":
        values = draw(st.lists(DOUBLES, min_size=count, max_size=count))
        with np.errstate(all="ignore"):
            column = np.array(values, np.float64).astype(dtype)
    elif np.dtype(dtype).kind in "SU":
        column = np.full(count, "ab").astype(dtype)
    else:
        large = draw(st.sampled_from((0, 0, 0, 2**63 - 2)))
        values = np.array(draw(st.lists(st.integers(0, 99), min_size=count, max_size=count)), "u8")
        column = (values + np.uint64(large)).astype(dtype)
    column = column.reshape(shape)
    layout = draw(st.sampled_from(("C", "F", "reversed", "masked", "masked, nothing hidden")))
    if layout == "F":
        return np.asfortranarray(column)
    if layout == "reversed":
        return column[::-1]
    if layout.startswith("masked"):
        hidden = np.zeros(shape, bool)
        hidden.flat[-1:] = layout == "masked"
        return np.ma.array(column, mask=hidden)
    return column


@few_or_many("cases", 200, 1500)
def test_any_arrays(cases: int) -> None:
    @settings(max_examples=cases, deadline=None)
    @given(numeric_columns(), SPECS)
    def check(column: Any, spec: Any) -> None:
        assert_alike(column, [column[row] for row in range(len(column))], spec)

    check()


@st.composite
def ragged_columns(draw: Any) -> Any:
    values = draw(st.one_of(ARRAYS, st.lists(STRINGS, min_size=1, max_size=6).map(objects)))
    if draw(st.integers(0, 9)) == 0:
        values = np.ma.array(values, mask=np.arange(len(values)) == 1)
    cuts = draw(st.lists(st.integers(0, len(values)), min_size=1, max_size=5).map(sorted))
    return Ragged(values, np.array(cuts, draw(st.sampled_from((np.int64, np.int32, np.uint8)))))


@few_or_many("cases", 200, 1000)
def test_any_ragged(cases: int) -> None:
    @settings(max_examples=cases, deadline=None)
    @given(ragged_columns(), SPECS)
    def check(column: Ragged, spec: Any) -> None:
        # Objects that are no list's are byte strings, as all that we read; so a row without any
        # is one.
        plain = column.values.dtype != object or spec is not None
        rows = [column[row] for row in range(len(column))]
        used = [value for row in rows for value in row]
        strings = all(type(value) in (bytes, str) for value in used)
        if not plain and strings and not np.ma.isMA(column.values):
            rows = [row if len(row) else np.array([], "S1") for row in rows]
        assert_alike(column, rows, spec)

    check()


@settings(max_examples=300, deadline=None)
@given(st.one_of(INTEGERS, st.booleans(), DOUBLES.filter(np.isfinite)))
def test_float32_of_a_number_is_that_of_protobufs_float_list(value: Any) -> None:
    expected = np.array(FloatList(value=[value]).value, np.float64)
    wrong = np.isinf(expected) | ((expected == 0) & (value != 0))
    for column in ([value], [value, 0.5], objects([value])):
        got = outcome(lambda column=column: encode_examples({"a": column}, {"a": FLOATS}))
        if wrong.any():
            assert got == "refused"
        else:
            assert decode_example(got[0])["a"].tobytes() == expected.astype(np.float32).tobytes()


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.uint8, bool])
def test_float32_of_integer_arrays_is_that_of_protobufs_float_list(dtype: Any) -> None:
    # 2**54 + 2**30 + 1 lies between two doubles, and rounding twice is not rounding once.
    largest = min(2**54 + 2**30 + 1, 1 if dtype is bool else int(np.iinfo(dtype).max))
    column = np.array([0, 1, largest, largest // 3, largest - largest // 5], dtype)
    expected = np.array(FloatList(value=column.tolist()).value, np.float32)
    for features, of in (({"a": FLOATS}, column), ({"a": VarLenFeature(np.float32)}, column)):
        got = [decode_example(record)["a"][0] for record in encode_examples({"a": of}, features)]
        assert np.array(got, np.float32).tobytes() == expected.tobytes()
