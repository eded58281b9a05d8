"""decode_example: types, order, ownership; what it takes and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from example.judge import judge_example, plain
from example.odd_examples import (
    entry,
    example,
    floats,
    of_bytes,
    of_floats,
    of_ints,
    packed,
    strings,
)

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import decode_example, encode_example

DATA = encode_example({"b": [1, 300], "a": 0.5, "c": "x"})


@pytest.mark.parametrize(
    "form",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: memoryview(b"".join(bytes([byte, 0]) for byte in data))[::2],
        lambda data: np.frombuffer(data, np.uint8),
        type("Blob", (bytes,), {}),
    ],
    ids=["bytes", "bytearray", "memoryview", "strided", "array", "subclass"],
)
def test_any_bytes_like(form: Any) -> None:
    features = decode_example(form(DATA))
    assert {name: plain(value) for name, value in features.items()} == judge_example(DATA)


@pytest.mark.parametrize("data", ["abc", 5, None, [1, 2], np.array([DATA], object)])
def test_what_is_not_bytes_like(data: Any) -> None:
    with pytest.raises(TypeError):
        decode_example(data)


def test_nothing_is_shared() -> None:
    data = bytearray(encode_example({"a": [0.5, 1.5], "b": [1, 2], "c": b"x"}))
    features = decode_example(data)
    expected = {name: plain(value) for name, value in features.items()}
    data[:] = bytes(len(data))
    assert {name: plain(value) for name, value in features.items()} == expected
    features["a"][:] = 7  # type: ignore[index]


def test_names_are_in_the_order_in_which_they_first_appear() -> None:
    names = [b"z", b"a", b"m", b"z", b"b"]
    data = example(*[entry(name, of_ints(packed(1))) for name in names])
    assert list(decode_example(data)) == ["z", "a", "m", "b"]


@pytest.mark.parametrize(
    "count", [0, 1, 2, 30, 31, 40, 41, 79, 80, 81, 121, 122, 123, 124, 1000, 40_000]
)
@pytest.mark.parametrize("value", [0, 127, 128, 2**21, 2**35, 2**55, 2**56, 2**62, -1, -(2**63)])
def test_integers_of_every_size_in_runs_of_every_length(value: int, count: int) -> None:
    data = example(entry(b"a", of_ints(packed(*[value, 1][:count], *[value] * (count - 2)))))
    assert plain(decode_example(data)["a"]) == judge_example(data)["a"]


@pytest.mark.parametrize("count", [0, 1, 30, 31, 32, 1000])
def test_floats_in_runs_of_every_length(count: int) -> None:
    data = example(entry(b"a", of_floats(floats(*[0.1] * count))))
    assert plain(decode_example(data)["a"]) == judge_example(data)["a"]


@pytest.mark.parametrize("size", [0, 1, 121, 122, 123, 124, 125, 300, 20_000])
@pytest.mark.parametrize("key", [b"", b"k", b"k" * 126, b"k" * 127, b"k" * 128, b"\x12" * 200])
def test_names_and_bytes_of_every_length(key: bytes, size: int) -> None:
    for content in (strings(b"v" * size), strings(b"v" * size, b"")):
        data = example(entry(key, of_bytes(content)))
        assert decode_example(data) == judge_example(data)


def test_an_error_shows_a_long_name_cut_and_a_hostile_one_escaped() -> None:
    bad = of_ints(b"\x0a\x01\x80")
    with pytest.raises(ExampleError) as caught:
        decode_example(example(entry(b"n" * 10_000, bad)))
    assert len(str(caught.value)) < 300
    with pytest.raises(ExampleError, match=r"feature '\\x1b\[31m\\n': byte"):
        decode_example(example(entry(b"\x1b[31m\n", bad)))
    with pytest.raises(ExampleError) as caught:
        decode_example(example(entry(b"\xff" * 10_000, bad)))
    assert len(str(caught.value)) < 700
