"""The columns of records as protobuf and the rules for features have them, value by value.

Nothing here is vectorised or shared with the package: each record is read by protobuf, and each
feature by the rules in docs/odd-examples.md.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import pytest
from example.judge import REFUSED, decoded, judge_example

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    Ragged,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    decode_example,
)
from tfrecord_lite.example.columns import decode_block, parse_example
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.padding import Values
from tfrecord_lite.records.framing import RecordBlock

KINDS = {"int64": np.int64, "float32": np.float32}
PADDING = {bytes: b"", np.float32: b"\0\0\0\0", np.int64: 0}
SHAPES = ((), (1,), (2,), (0,), (3, 2))


class Unfit(Exception):
    """A record that does not have what a feature asks for."""


judged = lru_cache(1 << 10)(judge_example)


def values_of(found: Any) -> tuple[Any, list[Any]]:
    """Return the type of a judged feature, and its values; floats as their four bytes."""
    if isinstance(found, list):
        return bytes, found
    kind, values = found
    if kind == "float32":
        values = [values[at : at + 4] for at in range(0, len(values), 4)]
    return KINDS[kind], values


def as_stored(values: Any, dtype: Any) -> list[Any]:
    """Return values of a feature's default in the form of `values_of`."""
    flat = [values] if not isinstance(values, (list, tuple)) else values
    return [struct.pack("<f", value) if dtype is np.float32 else value for value in flat]


def cell_of(example: dict[str, Any], name: str, feature: Any) -> list[Any]:
    """Return a feature's values in one record, or raise `Unfit`."""
    found = example.get(name)
    if isinstance(feature, RawFeature):
        if not isinstance(found, list) or len(found) != 1 or len(found[0]) != feature.nbytes:
            raise Unfit
        return found
    if found is None:
        if not isinstance(feature, FixedLenFeature):
            return []
        if feature.default_value is None:
            raise Unfit
        return as_stored(feature.default_value, feature.dtype)
    dtype, values = values_of(found)
    if dtype is not feature.dtype:
        raise Unfit
    if isinstance(feature, FixedLenFeature) and len(values) != math.prod(feature.shape):
        raise Unfit
    if isinstance(feature, FixedLenSequenceFeature):
        size = math.prod(feature.shape)
        if len(values) % size if size else values:
            raise Unfit
    return values


def expected_columns(records: list[bytes], features: dict[str, Any]) -> Any:
    """Return each feature's cells by name, or the numbers of the records that must be refused."""
    refused = set()
    columns: dict[str, list[Any]] = {name: [] for name in features}
    for index, data in enumerate(records):
        example = judged(data)
        if example == REFUSED:
            refused.add(index)
            continue
        for name, feature in features.items():
            try:
                columns[name].append(cell_of(example, name, feature))
            except Unfit:
                refused.add(index)
    return refused or columns


def found_columns(columns: dict[str, Any], features: dict[str, Any], rows: int) -> Any:
    """Return decoded columns as cells, and check their types and shapes."""
    assert list(columns) == list(features)
    return {name: _cells(columns[name], features[name], rows) for name in features}


def _cells(column: Any, feature: Any, rows: int) -> list[list[Any]]:
    if isinstance(feature, (VarLenFeature, RaggedFeature)):
        assert isinstance(column, Ragged)
        splits = column.row_splits
        assert splits.dtype == np.int64
        assert (len(splits), splits[0], splits[-1]) == (rows + 1, 0, len(column.values))
        flat = _plain(column.values, feature.dtype)
        return [flat[splits[row] : splits[row + 1]] for row in range(rows)]
    assert type(column) is np.ndarray
    assert len(column) == rows
    if isinstance(feature, RawFeature):
        assert (column.dtype, column.shape) == (feature.dtype, (rows, *feature.shape))
        return [[row.tobytes()] for row in column]
    if isinstance(feature, FixedLenFeature):
        assert column.shape == (rows, *feature.shape)
    else:
        assert column.shape[2:] == feature.shape
    flat = column.reshape(rows, math.prod(column.shape[1:]))
    return [_plain(row, feature.dtype) for row in flat]


def _plain(array: Any, dtype: Any) -> list[Any]:
    assert array.dtype == (object if dtype is bytes else dtype)
    if dtype is not np.float32:
        values: list[Any] = array.tolist()
        assert all(type(value) is (bytes if dtype is bytes else int) for value in values)
        return values
    data = array.astype("<f4").tobytes()
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def padded(cells: list[list[Any]], feature: FixedLenSequenceFeature) -> list[list[Any]]:
    padding = PADDING[feature.dtype]
    if feature.default_value is not None:
        (padding,) = as_stored(feature.default_value, feature.dtype)
    longest = max(map(len, cells), default=0)
    if math.prod(feature.shape) == 0:
        return [[] for _ in cells]
    return [cell + [padding] * (longest - len(cell)) for cell in cells]


def check_columns(records: list[bytes], features: dict[str, Any], choices: Random) -> str:
    """Decode a block and compare it with what it must be; return what came of it."""
    expected = expected_columns(records, features)
    block = lay_out(records, choices)
    before = block.buffer.tobytes()
    check_strict(block, features)
    try:
        found = parse_example(block, features, strict=False)
        found = found_columns(found, features, len(records))
    except ExampleError as error:
        assert isinstance(expected, set), (error, features, records)
        assert error.record in expected, (error, features, records)
        result = error.reason
    else:
        assert isinstance(expected, dict), (expected, features, records)
        for name, feature in features.items():
            cells = expected[name]
            if isinstance(feature, FixedLenSequenceFeature):
                cells = padded(cells, feature)
            assert found[name] == cells, (name, features, records)
        result = "columns"
        check_parts(block, features, expected)
    assert block.buffer.tobytes() == before
    return result


def check_strict(block: RecordBlock, features: dict[str, Any]) -> None:
    """Compare what is refused strictly with what is refused of each record by itself."""
    refused = [decoded(decode_example, record) == REFUSED for record in block]
    try:
        parse_example(block, features)
    except ExampleError as error:
        if any(refused):
            assert refused[error.record or 0], (error, features, list(block))
            return
        with pytest.raises(ExampleError):
            parse_example(block, features, strict=False)
    else:
        assert not any(refused), (features, list(block))


def check_parts(block: RecordBlock, features: dict[str, Any], expected: Any) -> None:
    """Decode the block in two parts that share their layouts; sequences are not padded yet."""
    layouts = Layouts(list(features))
    half = len(block) // 2
    for part, rows in ((block[:half], slice(0, half)), (block[half:], slice(half, None))):
        columns = decode_block(part, features, layouts, strict=False)
        for name, column in columns.items():
            feature = features[name]
            if isinstance(column, Values):
                column, feature = Ragged(column.flat, column.splits), RaggedFeature(feature.dtype)
            assert _cells(column, feature, len(part)) == expected[name][rows], (name, features)


def lay_out(records: list[bytes], choices: Random) -> RecordBlock:
    """Put records into a block: alone, framed as in a file, or in any order with gaps."""
    form = choices.randrange(3)
    if form == 0:
        return RecordBlock.from_records(records)
    before, behind = (12, 4) if form == 1 else (choices.randrange(20), choices.randrange(20))
    order = list(range(len(records)))
    if form == 2 and choices.randrange(2):
        order.reverse()
    parts, starts = [], np.zeros(len(records), np.int64)
    at = 0
    for index in order:
        starts[index] = at + before
        parts += [b"\x0a" * before, records[index], b"\xff" * behind]
        at += before + len(records[index]) + behind
    buffer = np.frombuffer(bytearray(b"".join(parts)), np.uint8)
    return RecordBlock(buffer, starts, np.array([len(data) for data in records], np.int64))


def features_for(records: list[bytes], choices: Random) -> dict[str, Any]:
    """Choose features that mostly are what the records have."""
    found: dict[str, Any] = {}
    for data in records[:4]:
        example = judged(data)
        if example != REFUSED:
            found.update(example)
    names = [*list(found)[:5], "a"] if choices.randrange(8) else ["a", "nowhere"]
    features = {}
    for name in names[choices.randrange(2) :] or names:
        value = found.get(name)
        dtype, values = (bytes, []) if value is None else values_of(value)
        if choices.randrange(16) == 1:
            dtype = choices.choice((bytes, np.int64, np.float32))
        features[name] = _feature(dtype, values, choices)
    return features


def _feature(dtype: Any, values: list[Any], choices: Random) -> Any:
    form = choices.randrange(6)
    if form < 2:
        return (RaggedFeature, VarLenFeature)[form](dtype)
    shape: Any = (() if len(values) == 1 else (len(values),)) if form < 4 else None
    if shape is None:
        shape = choices.choice(SHAPES)
    default = {bytes: b"d\0", np.int64: -7, np.float32: 0.5}[dtype]
    if form == 5:
        return FixedLenSequenceFeature(shape, dtype, True, choices.choice((None, default)))
    if form == 4 and values and type(values[0]) is bytes:
        return RawFeature([len(values[0])], np.uint8)
    defaults = default if shape == () else np.full(shape, default, object)
    return FixedLenFeature(shape, dtype, choices.choice((None, defaults)))
