"""Batches that go from a DataLoader's worker to its process come out as they went in."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import pytest
import torch

from tfrecord_lite.parallel.cloud import CloudPickler
from tfrecord_lite.parallel.shared_memory import SharedMemory
from tfrecord_lite.torch.packed import PackedBatch


class Pair(NamedTuple):
    left: object
    right: object


def equal(left, right):
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor):
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            equal(left[name], right[name])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for ours, theirs in zip(left, right, strict=True):
            equal(ours, theirs)
    else:
        assert left == right


BATCHES = {
    "nothing": {},
    "scalars": {"a": torch.tensor(3), "b": torch.tensor(True), "c": 4, "d": "text", "e": None},
    "types": {
        str(dtype): torch.tensor([1, 0, 1]).to(dtype)
        for dtype in (torch.uint8, torch.bool, torch.int16, torch.bfloat16, torch.complex64)
    },
    "odd sizes": {str(size): torch.arange(size, dtype=torch.int8) for size in (1, 3, 17, 0)},
    "empty": {"a": torch.zeros((0, 3)), "b": []},
    "large beside small": {"a": torch.arange(100_000), "b": torch.arange(3)},
    "views": {
        "a": torch.arange(12).reshape(3, 4).T,
        "b": torch.arange(6)[::2],
        "one element": torch.arange(10)[::5][1:],
        "repeated": torch.ones(1).expand(4, 3),
    },
    "lazily conjugated": {
        "a": torch.tensor([1 + 2j, 3]).conj(),
        "b": torch.tensor([1 + 2j]).conj().imag,
        "c": torch.full((100_000,), 2j).conj(),
    },
    "nested": {"a": {"b": [torch.arange(2), (torch.ones(1), b"x")]}, "c": Pair(torch.ones(2), 1)},
    "strings": {"a": [b"x", b"y"], "b": [[b"x"], [b"y"]]},
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_round_trip(batch):
    equal(pickle.loads(pickle.dumps(PackedBatch(batch))), batch)


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_round_trip_from_our_own_workers(batch):
    memory = SharedMemory.create()
    equal(memory.read(memory.write(batch, CloudPickler)), batch)
    memory.close()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated:UserWarning")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_a_nested_tensor_goes_as_torch_sends_it(layout):
    """It has rows of several lengths, so no bytes of one shape: an error in the worker."""
    tensor = torch.nested.nested_tensor([torch.arange(2), torch.arange(3)], layout=layout)
    memory = SharedMemory.create()
    for found in (
        pickle.loads(pickle.dumps(PackedBatch(a=tensor))),
        memory.read(memory.write({"a": tensor}, CloudPickler)),
    ):
        assert [row.tolist() for row in found["a"].unbind()] == [[0, 1], [0, 1, 2]]
    memory.close()


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor.*deprecated:UserWarning")
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated:UserWarning")
def test_a_quantized_tensor_goes_as_torch_sends_it():
    """Of its bytes torch makes none: a NotImplementedError in the worker."""
    tensor = torch.quantize_per_tensor(torch.arange(3.0), 0.5, 1, torch.qint8)
    found = pickle.loads(pickle.dumps(PackedBatch(a=tensor, b=[torch.arange(2)])))
    assert (found["a"].q_scale(), found["a"].int_repr().tolist()) == (0.5, [1, 3, 5])
    equal(found["b"], [torch.arange(2)])


def test_what_comes_out_may_be_written_to():
    found = pickle.loads(pickle.dumps(PackedBatch(a=torch.zeros(2), b=torch.zeros(2))))
    found["a"].fill_(1)
    assert found["b"].tolist() == [0, 0]
