"""Varints by the array, against varints one at a time."""

from __future__ import annotations

from itertools import chain

import hypothesis.strategies as st
import numpy as np
import pytest
from example.odd_bytes import varint as reference
from hypothesis import given, settings

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import varints, wire
from tfrecord_lite.thresholds import thresholds

PIECE = thresholds.varint_piece_bytes


EDGES = sorted(
    {0, -1, -(2**63), 2**63 - 1}
    | {
        sign * (2**bits + more)
        for bits in range(0, 63, 7)
        for more in (-1, 0, 1)
        for sign in (1, -1)
    }
)
INT64 = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(EDGES),
    st.integers(0, 127),
    st.integers(0, 2**17),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(INT64, max_size=50))
def test_there_and_back(values: list[int]) -> None:
    array = np.array(values, np.int64)
    expected = b"".join(map(reference, values))
    encoded = varints.encode_varints(array)
    assert encoded.tobytes() == expected
    assert encoded.dtype == np.uint8
    decoded = varints.decode_varints(encoded)
    assert decoded.tolist() == values
    assert decoded.flags.owndata
    assert varints.varint_sizes(array).tolist() == [len(reference(value)) for value in values]
    assert b"".join(wire.varint(value % 2**64) for value in values) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(INT64, max_size=5), max_size=20))
def test_runs(runs: list[list[int]]) -> None:
    encoded = [b"".join(map(reference, run)) for run in runs]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    values, splits = varints.decode_runs(data, np.cumsum([len(run) for run in encoded], dtype=int))
    assert values.tolist() == list(chain.from_iterable(runs))
    assert splits.tolist() == np.cumsum([len(run) for run in runs], dtype=int).tolist()


def test_runs_over_several_pieces() -> None:
    counts = np.random.default_rng(0).integers(0, 500, 500)
    values = np.arange(counts.sum()) * 77 % 2**21
    ends = np.cumsum(varints.varint_sizes(values))
    splits = np.cumsum(counts)
    found, where = varints.decode_runs(
        varints.encode_varints(values), np.where(splits > 0, ends[splits - 1], 0)
    )
    assert (found == values).all()
    assert (where == splits).all()


@pytest.mark.parametrize("seed", range(6))
def test_more_than_a_piece(seed: int) -> None:
    random = np.random.default_rng(seed)
    bits = random.integers(0, 64, 60_000) if seed % 2 else random.integers(0, 22, 60_000)
    array = (random.integers(0, 2**63, 60_000) >> (63 - bits)) * random.choice([1, 1, -1], 60_000)
    encoded = varints.encode_varints(array)
    assert encoded.tobytes() == b"".join(map(reference, array.tolist()))
    assert (varints.decode_varints(encoded) == array).all()


@pytest.mark.parametrize("before", [0, 1, PIECE - 11, PIECE - 10, PIECE - 1, 200_000])
@pytest.mark.parametrize("value", [2**14, -1])
def test_across_the_end_of_a_piece(before: int, value: int) -> None:
    data = np.frombuffer(b"\x01" * before + reference(value) + b"\x02\x80\x01", np.uint8)
    assert varints.decode_varints(data).tolist() == [1] * before + [value, 2, 128]


@pytest.mark.parametrize("before", [0, 1, 10, PIECE - 5, 200_000])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"\x80", "does not end within its list"),
        (b"\xff" * 9, "does not end within its list"),
        (b"\xff" * 10 + b"\x01", "more than 10 bytes"),
        (b"\xff" * 10 + b"\x01\x80", "more than 10 bytes"),
        (b"\xff" * 200_000, "does not end|more than 10"),
        (b"\xff" * 200_000 + b"\x01", "does not end|more than 10"),
    ],
)
def test_malformed(before: int, bad: bytes, message: str) -> None:
    data = np.frombuffer(b"\x01" * before + bad, np.uint8)
    with pytest.raises(ExampleError, match=f"byte {7 + before}: a varint .*({message})"):
        varints.decode_varints(data, 7)


def test_a_varint_of_ten_bytes_is_not_too_long() -> None:
    data = np.frombuffer(reference(-1) + b"\xff" * 10 + b"\x01", np.uint8)
    with pytest.raises(ExampleError, match="byte 10: a varint of more than 10 bytes"):
        varints.decode_varints(data)
    assert varints.decode_varints(data[:10]).tolist() == [-1]


def test_excess_bits_are_dropped() -> None:
    for last, value in ((0x01, -1), (0x7F, -1), (0x7E, 2**63 - 1)):
        data = np.array([0xFF] * 9 + [last], np.uint8)
        assert varints.decode_varints(data).tolist() == [value]
        assert wire.read_varint(data.tobytes(), 0, 10) == (value, 10)
    padded = np.array([0x81] + [0x80] * 8 + [0x00], np.uint8)
    assert varints.decode_varints(padded).tolist() == [1]


def test_not_contiguous() -> None:
    values = np.arange(0, 100_000, 7)[::-3]
    assert (varints.decode_varints(varints.encode_varints(values)) == values).all()
    data = np.repeat(varints.encode_varints(values), 2)[::2]
    assert (varints.decode_varints(data) == values).all()
