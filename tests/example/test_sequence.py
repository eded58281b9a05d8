"""SequenceExamples, both ways."""

from __future__ import annotations

from random import Random
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from example.judge import IS_CURRENT, REFUSED, judge_sequence_example, plain
from example.odd_bytes import field, group, mutate, nested_groups, odd_sequence_example
from example.odd_examples import (
    MALFORMED,
    UNKNOWN,
    entry,
    floats,
    of_bytes,
    of_floats,
    of_ints,
    packed,
    strings,
)
from hypothesis import given, settings
from variants import few_or_many, first

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import decode_sequence_example, encode_sequence_example


def decoded(data: bytes) -> Any:
    try:
        context, lists = decode_sequence_example(data)
    except ExampleError:
        return REFUSED
    return (
        {name: plain(value) for name, value in context.items()},
        {name: [plain(value) for value in steps] for name, steps in lists.items()},
    )


def ints(*values: int) -> Any:
    return "int64", list(values)


def step(feature: bytes) -> bytes:
    return field(1, 2, feature)


ONE = step(of_ints(packed(1)))
TWO = step(of_ints(packed(2)))


def sequence(*entries: bytes) -> bytes:
    return field(2, 2, b"".join(entries))


ODD: dict[str, tuple[bytes, Any]] = {
    "nothing": (b"", ({}, {})),
    "both empty": (field(1, 2) + field(2, 2), ({}, {})),
    "context": (field(1, 2, entry(b"a", of_ints(packed(1)))), ({"a": ints(1)}, {})),
    "no steps": (sequence(entry(b"l", b"")), ({}, {"l": []})),
    "two steps": (sequence(entry(b"l", ONE + TWO)), ({}, {"l": [ints(1), ints(2)]})),
    "a step of no kind": (sequence(entry(b"l", step(b"") + ONE)), ({}, {"l": [None, ints(1)]})),
    "steps of several kinds": (
        sequence(
            entry(
                b"l",
                ONE + step(of_bytes(strings(b"x"))) + step(of_floats(floats(1)) + of_ints(b"")),
            )
        ),
        ({}, {"l": [ints(1), [b"x"], ints()]}),
    ),
    "value before key": (
        sequence(field(1, 2, field(2, 2, ONE) + field(1, 2, b"l"))),
        ({}, {"l": [ints(1)]}),
    ),
    "value twice": (
        sequence(field(1, 2, field(2, 2, ONE) + field(1, 2, b"l") + field(2, 2, TWO))),
        ({}, {"l": [ints(1), ints(2)]}),
    ),
    "entry without key or value": (sequence(field(1, 2)), ({}, {"": []})),
    "same key twice": (sequence(entry(b"l", ONE), entry(b"l", TWO)), ({}, {"l": [ints(2)]})),
    "feature_lists twice": (
        sequence(entry(b"l", ONE)) + sequence(entry(b"m", TWO)),
        ({}, {"l": [ints(1)], "m": [ints(2)]}),
    ),
    "context after feature_lists": (
        sequence(entry(b"l", ONE)) + field(1, 2, entry(b"l", b"")),
        ({"l": None}, {"l": [ints(1)]}),
    ),
    "a name that is not UTF-8": (sequence(entry(b"\xff", ONE)), REFUSED),
    "feature_lists as a varint": (field(2, 0, b"\x01"), ({}, {})),
    "a step as a varint": (
        sequence(entry(b"l", field(1, 0, b"\x01") + ONE)),
        ({}, {"l": [ints(1)]}),
    ),
    "unknown field beside a step": (
        sequence(entry(b"l", ONE + UNKNOWN["group"])),
        ({}, {"l": [ints(1)]}),
    ),
    "unknown field in an entry": (
        sequence(field(1, 2, field(1, 2, b"l") + UNKNOWN["group"])),
        ({}, {}),
    ),
    "unknown field in feature_lists": (
        sequence(UNKNOWN["varint"], entry(b"l", ONE)),
        ({}, {"l": [ints(1)]}),
    ),
}
# A byte that is a length, or from 128 on the first byte of another, much longer one.
for _size in (122, 123, 124, 125, 126, 127):
    _step = step(bytes([0x1A, _size + 2, 0x0A, _size]) + bytes(_size))
    ODD[f"a length of {_size + 2} in a byte"] = (
        sequence(entry(b"l", _step)),
        ({}, {"l": [ints(*[0] * _size)]}) if _size + 2 < 128 else REFUSED,
    )
for _depth, _put in enumerate(
    (
        lambda odd: odd,
        lambda odd: sequence(odd),
        lambda odd: sequence(field(1, 2, odd)),
        lambda odd: sequence(entry(b"l", odd)),
        lambda odd: sequence(entry(b"l", step(odd))),
        lambda odd: sequence(entry(b"l", step(of_ints(odd)))),
    )
):
    for _name, _odd in MALFORMED.items():
        ODD[f"{_name}, {_depth} deep"] = (_put(_odd), REFUSED)
    ODD[f"groups too deep, {_depth} deep"] = (_put(nested_groups(101 - _depth)), REFUSED)


@pytest.mark.parametrize("name", ODD)
def test_odd_sequence_example(name: str) -> None:
    data, expected = ODD[name]
    assert judge_sequence_example(data) == expected
    assert decoded(data) == expected


@pytest.mark.parametrize("level", range(6))
def test_groups_as_deep_as_may_be(level: int) -> None:
    groups = nested_groups(100 - level)
    data = (
        groups,
        sequence(groups),
        sequence(field(1, 2, groups)),
        sequence(entry(b"l", groups)),
        sequence(entry(b"l", step(groups))),
        sequence(entry(b"l", step(of_ints(groups)))),
    )[level]
    assert decoded(data) == judge_sequence_example(data) != REFUSED


@pytest.mark.skipif(not IS_CURRENT, reason="protobuf before 7.34 reads long lengths differently")
@pytest.mark.parametrize("seed", first(1, range(4)))
def test_odd_and_mutated_bytes(seed: int) -> None:
    random = Random(seed)
    found = 0
    for _ in range(3000):
        data = odd_sequence_example(random)
        for changed in (data, mutate(random, data), mutate(random, data)):
            expected = judge_sequence_example(changed)
            assert decoded(changed) == expected, changed.hex()
            found += expected not in (REFUSED, ({}, {}))
    assert found > 1000


KINDS = (
    st.one_of(
        st.none(),
        st.integers(-(2**63), 2**63 - 1),
        st.lists(st.integers(0, 300), min_size=1),
    ),
    st.one_of(st.none(), st.floats(width=32)),
    st.one_of(st.none(), st.binary(max_size=300), st.lists(st.binary(max_size=5), min_size=1)),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]))
LISTS = st.dictionaries(NAMES, st.one_of(*map(st.lists, KINDS)))
CONTEXTS = st.dictionaries(NAMES, st.one_of(*KINDS))


@few_or_many("cases", 100, 300)
def test_round_trip(cases: int) -> None:
    @settings(max_examples=cases, deadline=None)
    @given(CONTEXTS, LISTS)
    def check(context: dict[str, Any], lists: dict[str, list[Any]]) -> None:
        data = encode_sequence_example(context, lists)
        expected = judge_sequence_example(data)
        assert decoded(data) == expected
        assert set(expected[0]) == {name for name, value in context.items() if value is not None}
        assert {name: len(steps) for name, steps in expected[1].items()} == {
            name: len(steps) for name, steps in lists.items()
        }
        again = decode_sequence_example(data)
        assert encode_sequence_example(*again) == data

    check()


def test_nothing_is_two_empty_messages() -> None:
    assert encode_sequence_example({}, {}) == b"\n\x00\x12\x00"


def test_steps_of_an_array_are_its_rows() -> None:
    rows = [[1, 2], [3, 4], [5, 6]]
    data = encode_sequence_example({}, {"l": rows})
    assert encode_sequence_example({}, {"l": np.array(rows)}) == data
    assert encode_sequence_example({}, {"l": tuple(map(tuple, rows))}) == data
    assert decoded(encode_sequence_example({}, {"l": np.arange(3)}))[1] == {
        "l": [ints(0), ints(1), ints(2)]
    }
    assert decoded(encode_sequence_example({}, {"l": np.zeros((2, 0), int)}))[1] == {
        "l": [ints(), ints()]
    }


def test_a_list_that_is_none_is_left_out() -> None:
    assert encode_sequence_example({"a": None}, {"l": None}) == encode_sequence_example({}, {})


@pytest.mark.parametrize("steps", [b"ab", "ab", 5, {1: 2}, np.array(5), iter([1])])
def test_what_is_not_a_list_of_steps(steps: Any) -> None:
    with pytest.raises(ExampleError, match="feature list 'l': .* is neither a list of steps nor"):
        encode_sequence_example({}, {"l": steps})


def test_names_and_mappings_are_checked() -> None:
    with pytest.raises(ExampleError, match="feature name 1 is of type int"):
        encode_sequence_example({}, {1: [1]})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="not list"):
        encode_sequence_example({}, [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not list"):
        encode_sequence_example([], {})  # type: ignore[arg-type]


def test_an_error_names_the_list() -> None:
    with pytest.raises(ExampleError, match="feature 'l': byte .*: a varint"):
        decode_sequence_example(sequence(entry(b"l", step(of_ints(field(1, 2, b"\x80"))))))
    with pytest.raises(ExampleError, match="feature 'a': byte .*: a varint"):
        decode_sequence_example(field(1, 2, entry(b"a", of_ints(field(1, 2, b"\x80")))))


def test_many_steps() -> None:
    data = sequence(entry(b"l", ONE * 100_000), UNKNOWN["group"] * 1000) + group(5) * 1000
    _, lists = decode_sequence_example(data)
    assert len(lists["l"]) == 100_000
