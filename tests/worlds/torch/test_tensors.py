"""Tensors of arrays: which share memory, which are copies, and what stays as it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from tfrecord_lite import Ragged
from tfrecord_lite.torch.tensors import Offsets, to_tensor, to_tensors

SHARED = [
    np.arange(6).reshape(2, 3),
    np.arange(6, dtype=np.float32)[1::2],
    np.array([True, False]),
    np.array([1, 2**64 - 1], np.uint64),
    np.array([1, 2**32 - 1], np.uint32),
    np.array([1, 2], np.uint16),
    np.array([1, 2], np.uint8),
    np.array([1.5], np.float16),
    np.array([1 + 2j], np.complex64),
    np.zeros((0, 3)),
]


@pytest.mark.parametrize("array", SHARED, ids=lambda array: f"{array.dtype}{array.shape}")
def test_memory_is_shared(array):
    tensor = to_tensor(array)
    assert tensor.shape == array.shape
    assert tensor.numpy().dtype == array.dtype
    np.testing.assert_array_equal(tensor.numpy(), array)
    if array.size:
        assert np.shares_memory(tensor.numpy(), array)


def read_only():
    array = np.arange(3)
    array.flags.writeable = False
    return array


COPIED = {
    "read-only": read_only(),
    "backwards": np.arange(3)[::-1],
    "of another byte order": np.arange(3, dtype=">i4"),
    "a field of packed structures": np.array([(1, 2), (3, 4)], "u1, <i4")["f1"],
    "one of aligned ones": np.array([(1, 2), (3, 4)], "<f4, <c8")["f1"],
}


@pytest.mark.parametrize("array", COPIED.values(), ids=COPIED)
def test_what_torch_must_not_or_cannot_share_is_copied(array):
    tensor = to_tensor(array)
    assert tensor.tolist() == array.tolist()
    assert not np.shares_memory(tensor.numpy(), array)
    tensor[0] = 100
    assert array[0] != 100


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    tensor = to_tensor(array)
    assert tensor.dtype == torch.bfloat16
    assert tensor.tolist() == [1.5, -2.0]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([b"a", b"b\0"], object), [b"a", b"b\0"]),
        (np.array([[b"a"], [b"b"]], object), [[b"a"], [b"b"]]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(b"a", object), b"a"),
        (np.str_("a"), "a"),
    ],
)
def test_strings_are_lists(array, expected):
    assert to_tensors(array) == expected


def test_what_torch_has_no_type_for_stays():
    for array in (np.array(["2020-01-01"], "M8[s]"), np.ones(2, np.longdouble)):
        assert to_tensors(array) is array


class Pair(NamedTuple):
    left: object
    right: object


def test_nested_values():
    tensor = torch.ones(2)
    found = to_tensors(
        {"a": [np.arange(2), (np.float32(3), "text")], "b": {"c": tensor}, "d": Pair(np.ones(1), 1)}
    )
    assert found["a"][0].tolist() == [0, 1]
    assert found["a"][1][0].dtype == torch.float32
    assert found["a"][1][1] == "text"
    assert found["b"]["c"] is tensor
    assert type(found["d"]) is Pair
    assert found["d"].left.tolist() == [1.0]


RAGGED = Ragged(np.array([1, 2, 3]), np.array([0, 2, 2, 3]))


def test_ragged_offsets():
    found = to_tensors(RAGGED)
    assert type(found) is Offsets
    assert (found.values.tolist(), found.offsets.tolist()) == ([1, 2, 3], [0, 2, 2, 3])
    assert np.shares_memory(found.values.numpy(), RAGGED.values)


def test_the_offsets_of_a_slice_begin_with_0():
    found = to_tensors(RAGGED[1:3])
    assert (found.values.tolist(), found.offsets.tolist()) == ([3], [0, 0, 1])


def test_ragged_nested():
    found = to_tensors(RAGGED, "nested")
    assert found.layout == torch.jagged
    assert [row.tolist() for row in found.unbind()] == [[1, 2], [], [3]]


@pytest.mark.parametrize("form", ["offsets", "nested"])
def test_ragged_byte_strings_are_lists_with_offsets(form):
    found = to_tensors(Ragged(np.array([b"a", b"b"], object), np.array([0, 2])), form)
    assert found.values == [b"a", b"b"]
    assert found.offsets.tolist() == [0, 2]


@pytest.mark.parametrize("form", ["offsets", "nested"])
def test_ragged_steps(form):
    found = to_tensors(Ragged(RAGGED, np.array([0, 1, 3])), form)
    assert found.offsets.tolist() == [0, 1, 3]
    assert found.values.offsets.tolist() == [0, 2, 2, 3]
