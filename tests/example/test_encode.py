"""encode_example: equal to protobuf's deterministic bytes, or the same message."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from example.judge import judge_example, plain
from hypothesis import given, settings
from variants import few_or_many

from tfrecord_lite.example import (
    BytesList,
    Example,
    Feature,
    Features,
    FloatList,
    Int64List,
    decode_example,
    encode_example,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT32 = st.floats(width=32)
VALUES = st.one_of(
    INT64,
    st.booleans(),
    FLOAT32,
    st.binary(max_size=200),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(INT64, min_size=1, max_size=60),
    st.lists(st.one_of(st.booleans(), st.integers(0, 127)), min_size=1, max_size=60),
    st.lists(FLOAT32, min_size=1, max_size=60),
    st.lists(st.one_of(st.binary(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1),
    st.lists(INT64).map(lambda values: np.array(values, np.int64)),
    st.lists(FLOAT32).map(lambda values: np.array(values, np.float32)),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ANY = st.dictionaries(NAMES, VALUES, max_size=8)


def message(features: dict[str, Any]) -> Any:
    """Make the protobuf message as one does with TensorFlow."""

    def feature(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            kind = value.dtype.type
            values = value.tolist()
        else:
            values = value if isinstance(value, list) else [value]
            kind = type(values[0])
        if issubclass(kind, (bytes, str)):
            values = [item.encode() if isinstance(item, str) else item for item in values]
            return Feature(bytes_list=BytesList(value=values))
        if issubclass(kind, (int, np.integer)):
            return Feature(int64_list=Int64List(value=[int(item) for item in values]))
        return Feature(float_list=FloatList(value=values))

    return Example(features=Features(feature={k: feature(v) for k, v in features.items()}))


def without_prefixes(features: dict[str, Any]) -> dict[str, Any]:
    """Leave out names with which another begins: protobuf puts those after it, not before."""
    return {
        name: value
        for name, value in features.items()
        if not any(other != name and other.startswith(name) for other in features)
    }


@few_or_many("cases", 200, 2000)
def test_bytes_are_protobufs(cases: int) -> None:
    @settings(max_examples=cases, deadline=None)
    @given(ANY.map(without_prefixes))
    def check(features: dict[str, Any]) -> None:
        assert encode_example(features) == message(features).SerializeToString(deterministic=True)

    check()


@few_or_many("cases", 200, 500)
def test_message_is_protobufs(cases: int) -> None:
    @settings(max_examples=cases, deadline=None)
    @given(ANY)
    def check(features: dict[str, Any]) -> None:
        data = encode_example(features)
        assert judge_example(data) == judge_example(message(features).SerializeToString())
        # And what the encoder takes is what the decoder gives.
        decoded = decode_example(data)
        assert list(decoded) == sorted(features, key=str.encode)
        assert encode_example(decoded) == data

    check()


@pytest.mark.parametrize("size", [*range(110, 135), *range(16370, 16390), 2**21 - 3, 2**21 + 3])
@pytest.mark.parametrize("kind", ["bytes", "float32", "int64"])
def test_every_length_at_which_a_length_grows(kind: str, size: int) -> None:
    value = bytes(size) if kind == "bytes" else np.arange(size // 4).astype(kind) % 128
    features = {"key": value, "b" * (size % 300): [b"", b"x"]}
    assert encode_example(features) == message(features).SerializeToString(deterministic=True)


def test_order_is_that_of_the_names_bytes() -> None:
    names = ["b", "a", "ab", "", "é", "z", "😀", "\uffff", "aa", "B"]
    data = encode_example(dict.fromkeys(names, 1))
    assert list(decode_example(data)) == sorted(names, key=str.encode)
    assert encode_example(dict.fromkeys(reversed(names), 1)) == data


def test_no_features() -> None:
    assert encode_example({}) == b"\n\x00"
    assert encode_example({"a": None}) == b"\n\x00"


def test_any_mapping() -> None:
    from collections import ChainMap
    from types import MappingProxyType

    assert encode_example(MappingProxyType({"a": 1})) == encode_example({"a": 1})
    assert encode_example(ChainMap({"a": 1}, {"b": 2})) == encode_example({"a": 1, "b": 2})


@pytest.mark.parametrize("value", [[("a", 1)], None, "a", 3, [b"a"]])
def test_what_is_not_a_mapping(value: Any) -> None:
    with pytest.raises(TypeError, match="a mapping of names to values, not"):
        encode_example(value)


def test_a_subclass_of_a_type_is_that_type() -> None:
    import enum
    from typing import NamedTuple

    class Color(enum.IntEnum):
        RED = 5

    class Word(str, enum.Enum):
        YES = "y"

    class Real(float):
        pass

    class Blob(bytes):
        pass

    class Pair(list):
        pass

    class Point(NamedTuple):
        x: int
        y: int

    features = {
        "color": Color.RED,
        "colors": [Color.RED, 1],
        "word": Word.YES,
        "real": Real(1.5),
        "reals": [Real(1.5), 2.5],
        "blob": Blob(b"x"),
        "blobs": [Blob(b"x"), b"y"],
        "pair": Pair([1, 2]),
        "point": Point(1, 2),
        "array": np.array([1, 2]).view(type("Array", (np.ndarray,), {})),
        "memmap": np.array([1.5], np.float32).view(np.memmap),
    }
    decoded = {
        name: plain(value) for name, value in decode_example(encode_example(features)).items()
    }
    assert decoded == {
        "color": ("int64", [5]),
        "colors": ("int64", [5, 1]),
        "word": [b"y"],
        "real": ("float32", np.float32([1.5]).tobytes()),
        "reals": ("float32", np.float32([1.5, 2.5]).tobytes()),
        "blob": [b"x"],
        "blobs": [b"x", b"y"],
        "pair": ("int64", [1, 2]),
        "point": ("int64", [1, 2]),
        "array": ("int64", [1, 2]),
        "memmap": ("float32", np.float32([1.5]).tobytes()),
    }
