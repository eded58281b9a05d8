"""parse_example: columns, their types, and what is said of what does not fit.

That the values are TensorFlow's is in test_columns_tensorflow.py, that odd bytes are read as
protobuf reads them in test_spans.py and, with the faults of rows 50 to 58, in test_decode_faults.py
and test_odd_examples.py.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from example.odd_bytes import field
from example.odd_examples import (
    entry,
    example,
    floats,
    of_bytes,
    of_floats,
    of_ints,
    packed,
    strings,
    unpacked,
)
from variants import few_or_many

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    encode_example,
    encode_examples,
    parse_example,
    parse_single_example,
)
from tfrecord_lite.records.framing import RecordBlock

INT = FixedLenFeature([], np.int64)
# One alone, too few to be walked in step, and enough.
ROWS = (1, 15, 40)


def ints(*values: int) -> bytes:
    return example(entry(b"a", of_ints(packed(*values))))


def column_of(records: Any, feature: Any) -> Any:
    return parse_example(records, {"a": feature})["a"]


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("value", [0, 127, 128, 2**14, 2**21, 2**28 - 1, 2**28, 2**62, -1])
def test_one_integer_of_every_size(rows: int, value: int) -> None:
    column = column_of([ints(value)] * (rows - 1) + [ints(5)], INT)
    assert column.dtype == np.int64
    assert column.tolist() == [value] * (rows - 1) + [5]


def test_types_and_shapes() -> None:
    records = [
        encode_example({"i": [1, 2], "f": [0.5] * 6, "b": b"x", "s": ["a", "b"], "v": [7, 8, 9]})
    ] * 20
    columns = parse_example(
        records,
        {
            "b": FixedLenFeature([1, 1], bytes),
            "i": FixedLenFeature([2], np.int64),
            "f": FixedLenFeature([3, 2], np.float32),
            "s": FixedLenSequenceFeature([1], bytes),
            "v": VarLenFeature(np.int64),
            "x": RaggedFeature(np.float32),
        },
    )
    assert list(columns) == ["b", "i", "f", "s", "v", "x"]
    found = {
        name: (column.dtype, column.shape)
        for name, column in columns.items()
        if not isinstance(column, Ragged)
    }
    assert found == {
        "b": (np.dtype(object), (20, 1, 1)),
        "i": (np.dtype(np.int64), (20, 2)),
        "f": (np.dtype(np.float32), (20, 3, 2)),
        "s": (np.dtype(object), (20, 2, 1)),
    }
    for name, dtype in (("v", np.int64), ("x", np.float32)):
        assert isinstance(columns[name], Ragged)
        assert columns[name].values.dtype == dtype
        assert columns[name].row_splits.dtype == np.int64
    assert all(type(item) is bytes for item in columns["s"].flat)
    for name in found:
        assert columns[name].flags.writeable
        assert columns[name].flags.c_contiguous


def test_single() -> None:
    data = encode_example(
        {"i": 1, "f": [[0.5, 1.5]][0], "b": b"x\0", "v": [7, 8], "s": [1, 2, 3, 4]}
    )
    features = {
        "i": INT,
        "f": FixedLenFeature([1, 2], np.float32),
        "b": FixedLenFeature([], bytes),
        "v": VarLenFeature(np.int64),
        "r": RaggedFeature(bytes),
        "s": FixedLenSequenceFeature([2], np.int64),
    }
    parsed = parse_single_example(data, features)
    assert parsed["i"] == 1
    assert parsed["i"].dtype == np.int64
    assert parsed["f"].tolist() == [[0.5, 1.5]]
    assert parsed["b"] == b"x\0"
    assert parsed["v"].tolist() == [7, 8]
    assert parsed["r"].shape == (0,)
    assert parsed["s"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((), "u1"),
        ((2, 3), "u1"),
        ((2,), ">u2"),
        ((), "f8"),
        ((3,), "f2"),
        ((2,), "?"),
        ((0,), "i4"),
        ((), [("x", "<i2"), ("y", "<f4")]),
        ((1,), "M8[s]"),
    ],
)
def test_raw_features(rows: int, shape: tuple[int, ...], dtype: Any) -> None:
    feature = RawFeature(shape, dtype)
    data = np.random.default_rng(0).integers(0, 2, (rows, feature.nbytes), np.uint8)
    records = encode_examples({"a": [row.tobytes() for row in data]})
    column = column_of(records, feature)
    assert column.dtype == feature.dtype
    assert column.shape == (rows, *shape)
    assert column.tobytes() == data.tobytes()


def test_a_default_stands_in_for_what_is_missing_or_has_no_kind() -> None:
    records = [ints(7), b"", example(entry(b"a", b"")), ints(8)] * 10
    assert column_of(records, FixedLenFeature([], np.int64, -1)).tolist() == [7, -1, -1, 8] * 10
    strings_of = [example(entry(b"a", of_bytes(strings(b"x\0", b"y")))), b""] * 10
    column = column_of(strings_of, FixedLenFeature([2], bytes, [b"\0", b"a\0"]))
    assert column.tolist() == [[b"x\0", b"y"], [b"\0", b"a\0"]] * 10
    column = column_of([b""] * 20, FixedLenFeature([2, 1], np.float32, [0.5, np.inf]))
    assert column.tolist() == [[[0.5], [np.inf]]] * 20


@pytest.mark.parametrize("default", [None, b"p\0"])
def test_padding(default: Any) -> None:
    records = [example(entry(b"a", of_bytes(strings(*[b"x"] * count)))) for count in (2, 0, 4)]
    pad = default or b""
    column = column_of([*records, b""], FixedLenSequenceFeature([2], bytes, default_value=default))
    assert column.tolist() == [
        [[b"x", b"x"], [pad, pad]],
        [[pad, pad], [pad, pad]],
        [[b"x", b"x"], [b"x", b"x"]],
        [[pad, pad], [pad, pad]],
    ]


def test_sequences_of_nothing() -> None:
    records = [ints(), b""] * 10
    assert column_of(records, FixedLenSequenceFeature([0, 2], np.int64)).shape == (20, 0, 0, 2)
    assert column_of([], FixedLenSequenceFeature([3], np.int64)).shape == (0, 0, 3)
    with pytest.raises(ExampleError, match="found 1 values, expected a multiple of 0"):
        column_of([ints(1)], FixedLenSequenceFeature([0], np.int64))


@pytest.mark.parametrize(
    ("feature", "shape"),
    [
        (INT, (0,)),
        (FixedLenFeature([2, 0], bytes), (0, 2, 0)),
        (FixedLenFeature([2], np.float32, [0, 0]), (0, 2)),
        (RawFeature([5], np.uint8), (0, 5)),
        (FixedLenSequenceFeature([], bytes), (0, 0)),
    ],
)
def test_no_records(feature: Any, shape: tuple[int, ...]) -> None:
    for nothing in ([], RecordBlock.from_records([])):
        assert column_of(nothing, feature).shape == shape
    assert column_of([], VarLenFeature(np.int64)).to_list() == []
    assert column_of([ints()] * 3, FixedLenFeature([0], np.int64)).shape == (3, 0)


def test_no_features() -> None:
    with pytest.raises(ValueError, match="no features"):
        parse_example([ints(1)], {})


TWO_FLOATS = example(entry(b"a", of_floats(floats(1, 2))))
STRING = example(entry(b"a", of_bytes(strings(b"xyz"))))
# Records that are fine, one that is not, the feature, and what is said.
UNFIT: dict[str, tuple[bytes, bytes, Any, str]] = {
    "missing": (ints(1), b"", INT, "is missing (or has no kind) and has no default_value"),
    "no kind": (
        ints(1),
        example(entry(b"a", b"")),
        INT,
        "is missing (or has no kind) and has no default_value",
    ),
    "no value": (ints(1), ints(), INT, "found 0 values, expected 1 for the shape ()"),
    "no value, for a default": (
        b"",
        ints(),
        FixedLenFeature([], np.int64, 0),
        "found 0 values, expected 1 for the shape ()",
    ),
    "two integers": (ints(1), ints(1, 2), INT, "found 2 values, expected 1 for the shape ()"),
    "one integer": (
        ints(1, 2),
        ints(1),
        FixedLenFeature([2, 1], np.int64),
        "found 1 values, expected 2 for the shape (2, 1)",
    ),
    "two floats": (
        example(entry(b"a", of_floats(floats(1)))),
        TWO_FLOATS,
        FixedLenFeature([1], np.float32),
        "found 2 values, expected 1 for the shape (1,)",
    ),
    "two strings": (
        STRING,
        example(entry(b"a", of_bytes(strings(b"x", b"")))),
        FixedLenFeature([], bytes),
        "found 2 values, expected 1 for the shape ()",
    ),
    "floats for integers": (ints(1), TWO_FLOATS, INT, "found float32 values, expected int64"),
    "integers for bytes": (
        STRING,
        ints(1),
        VarLenFeature(bytes),
        "found int64 values, expected bytes",
    ),
    "bytes for floats": (
        TWO_FLOATS,
        STRING,
        FixedLenSequenceFeature([], np.float32),
        "found bytes values, expected float32",
    ),
    "an empty list of another kind": (
        ints(1),
        example(entry(b"a", of_floats(b""))),
        RaggedFeature(np.int64),
        "found float32 values, expected int64",
    ),
    "not a multiple": (
        ints(1, 2),
        ints(1, 2, 3),
        FixedLenSequenceFeature([2], np.int64),
        "found 3 values, expected a multiple of 2 (2,)",
    ),
    "missing sequence": (
        ints(1),
        b"",
        FixedLenSequenceFeature([], np.int64, allow_missing=False),
        "is missing; allow_missing=True permits that",
    ),
    "missing raw bytes": (STRING, b"", RawFeature([3], "u1"), "is missing (or has no kind)"),
    "too many raw bytes": (
        STRING,
        example(entry(b"a", of_bytes(strings(b"wxyz")))),
        RawFeature([3], "u1"),
        "found 4 raw bytes, expected 3 for the shape (3,) of uint8",
    ),
    "two raw byte strings": (
        STRING,
        example(entry(b"a", of_bytes(strings(b"xyz", b"x" * 200, b"")))),
        RawFeature([3], "u1"),
        "found 3 values, expected 1",
    ),
    "no raw byte string": (
        STRING,
        example(entry(b"a", of_bytes(b""))),
        RawFeature([3], "u1"),
        "found 0 values, expected 1",
    ),
    "no raw byte string, of none": (
        example(entry(b"a", of_bytes(strings(b"")))),
        example(entry(b"a", of_bytes(b""))),
        RawFeature([0], "u1"),
        "found 0 values, expected 1",
    ),
    "raw integers": (STRING, ints(1), RawFeature([3], "u1"), "found int64 values, expected bytes"),
    "an integer of eleven bytes": (
        ints(1, 2),
        example(entry(b"a", of_ints(field(1, 2, b"\xff" * 10 + b"\x01")))),
        VarLenFeature(np.int64),
        "byte ",
    ),
}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", UNFIT)
def test_an_error_names_record_feature_found_and_expected(name: str, rows: int) -> None:
    good, bad, feature, reason = UNFIT[name]
    for at in {0, rows // 2, rows - 1}:
        records = [good] * rows
        records[at] = bad
        with pytest.raises(ExampleError) as caught:
            column_of(records, feature)
        assert str(caught.value).startswith(f"record {at}: feature 'a': {reason}")
        assert caught.value.record == at
        assert caught.value.path is None
    assert len(column_of([good] * rows, feature)) == rows


def test_an_error_names_the_place_in_the_file() -> None:
    block = RecordBlock.from_records([b"head", *[ints(1)] * 20, STRING])
    block = RecordBlock(
        block.buffer,
        block.starts[1:],
        block.lengths[1:],
        path="data.tfrecord",
        first_record=100,
        base=5000,
    )
    with pytest.raises(ExampleError) as caught:
        column_of(block, INT)
    offset = 5000 + 4 + 20 * len(ints(1)) - 12
    assert (caught.value.path, caught.value.record, caught.value.offset) == (
        "data.tfrecord",
        120,
        offset,
    )
    assert str(caught.value) == (
        f"data.tfrecord: record 120 at byte {offset}: feature 'a': found bytes values, expected "
        "int64"
    )


def test_a_record_that_is_no_example_is_named_whatever_was_asked_for() -> None:
    records = [ints(1)] * 40
    records[23] = example(entry(b"z", of_floats(field(1, 2, b"12345"))))
    with pytest.raises(ExampleError, match="record 23: feature 'z': byte .* multiple of 4"):
        column_of(records, INT)


def test_any_number_of_strings_of_any_size() -> None:
    sizes = [0, 1, 127, 128, 2**14 - 1, 2**14, 2**21]
    lists = [[b"x" * size] for size in sizes] + [[b"y" * size for size in sizes], []]
    records = [example(entry(b"a", of_bytes(strings(*items)))) for items in lists] * 3
    assert column_of(records, VarLenFeature(bytes)).to_list() == lists * 3


def test_a_length_written_in_more_than_four_bytes() -> None:
    data = example(entry(b"a", of_bytes(b"\x0a\x83\x80\x80\x80\x00xyz")))
    for feature in (RawFeature([3], "u1"), FixedLenFeature([], bytes)):
        column = column_of([data, STRING] * 20, feature)
        assert np.asarray(column[0]).tobytes() == np.asarray(column[1]).tobytes()
    two = example(entry(b"a", of_bytes(b"\x0a\x83\x80\x80\x80\x00xyz\x0a\x01a")))
    with pytest.raises(ExampleError, match="record 1: feature 'a': found 2 values"):
        column_of([data, two] * 20, RawFeature([3], "u1"))


def test_unpacked_and_packed_in_one_block() -> None:
    loose = example(entry(b"a", of_ints(unpacked(1, 300))))
    column = column_of([ints(1, 300), loose] * 20, FixedLenFeature([2], np.int64))
    assert column.tolist() == [[1, 300]] * 40


def test_equal_features_in_any_order_and_twice() -> None:
    a, b = entry(b"a", of_ints(packed(1))), entry(b"b", of_ints(packed(2)))
    again = entry(b"a", of_ints(packed(3)))
    records = [example(a, b), example(b, a), example(a, b, again), example(again, b, a)] * 10
    columns = parse_example(records, {"a": INT, "b": INT})
    assert columns["a"].tolist() == [1, 1, 3, 1] * 10
    assert columns["b"].tolist() == [2] * 40


def test_nothing_is_shared_with_the_block() -> None:
    block = encode_examples({"a": np.ones(40, np.float32), "b": np.arange(40), "c": [b"x"] * 40})
    features = {
        "a": FixedLenFeature([], np.float32),
        "b": INT,
        "c": RawFeature([1], np.uint8),
    }
    columns = parse_example(block, features)
    block.buffer[:] = 0
    assert columns["a"].tolist() == [1] * 40
    assert columns["b"].tolist() == list(range(40))
    assert columns["c"].tolist() == [[ord("x")]] * 40


def measured(records: list[bytes], feature: Any) -> tuple[Any, int]:
    block = RecordBlock.from_records(records)
    tracemalloc.start()
    try:
        return column_of(block, feature), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@few_or_many("count", 5_000, 20_000)
def test_row_59_many_features_that_nobody_asked_for(count: int) -> None:
    many = [entry(b"%d" % index, of_bytes(strings(b"x"))) for index in range(count)]
    data = example(*many, entry(b"a", of_ints(packed(7))))
    assert column_of([data] * 20, INT).tolist() == [7] * 20


def test_row_59_ten_million_integers() -> None:
    data = example(entry(b"a", of_ints(field(1, 2, b"\x07" * 500_000))))
    column, peak = measured([data] * 20, FixedLenFeature([500_000], np.int64))
    assert column.shape == (20, 500_000)
    assert (column == 7).all()
    assert peak < 20 * 20 * 500_000


def test_row_59_large_byte_strings_are_copied_once() -> None:
    size = 4 << 20
    data = example(entry(b"a", of_bytes(strings(bytes(size)))))
    for feature in (FixedLenFeature([], bytes), RawFeature([size], np.uint8)):
        column, peak = measured([data] * 16, feature)
        assert column.shape[0] == 16
        assert peak < 2.6 * 16 * size
