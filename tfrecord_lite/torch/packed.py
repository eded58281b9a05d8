"""Batches on their way from a DataLoader's worker: small tensors together, as bytes.

Torch sends each tensor in shared memory of its own, which costs some tenths of a millisecond each:
more than it takes to read and decode a batch of small records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch

from tfrecord_lite.dataset.wrapped import each_item
from tfrecord_lite.parallel.tensors import bytes_of_tensor, with_own_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PackedBatch"]

# Tensors up to this size go as bytes, through the pipe.
_MAX_BYTES: Final = 1 << 16
_ALIGNMENT: Final = 16


class PackedBatch(dict[str, Any]):
    """A batch that is pickled with its small tensors in one piece, and is a dict again there.

    >>> import pickle
    >>> pickle.loads(pickle.dumps(PackedBatch(label=torch.tensor([1, 2]), name=[b"a", b"b"])))
    {'label': tensor([1, 2]), 'name': [b'a', b'b']}
    """

    def __copy__(self) -> PackedBatch:
        # Torch's default_convert makes a copy, and puts its own values in place.
        return PackedBatch(self)

    def __reduce__(self) -> tuple[Any, ...]:
        packer = _Packer()
        rest = {name: packer.without_tensors(value) for name, value in self.items()}
        return _unpacked, (rest, b"".join(packer.pieces))


class _Place(NamedTuple):
    """Where a tensor lies in the bytes."""

    begin: int
    end: int
    dtype: torch.dtype
    shape: tuple[int, ...]


class _Packer:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._size = 0

    def without_tensors(self, value: Any) -> Any:
        """Return a value with places for its small tensors, whose bytes are taken."""
        if isinstance(value, torch.Tensor):
            return self._take(value)
        return _each_item(value, self.without_tensors)

    def _take(self, tensor: torch.Tensor) -> Any:
        plain = with_own_bytes(torch, tensor)
        if plain is None:
            return tensor
        if plain.requires_grad or plain.nbytes > _MAX_BYTES:
            return plain
        begin = self._size
        piece = bytes_of_tensor(torch, plain).tobytes()
        padding = bytes(-len(piece) % _ALIGNMENT)
        self.pieces += piece, padding
        self._size += len(piece) + len(padding)
        return _Place(begin, begin + len(piece), plain.dtype, tuple(plain.shape))


def _unpacked(rest: dict[str, Any], data: bytes) -> dict[str, Any]:
    # A bytearray can be written to; of nothing torch makes no tensor.
    buffer = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)
    found: dict[str, Any] = _with_tensors(rest, buffer)
    return found


def _with_tensors(value: Any, buffer: torch.Tensor) -> Any:
    if type(value) is _Place:
        return buffer[value.begin : value.end].view(value.dtype).reshape(value.shape)
    return _each_item(value, lambda item: _with_tensors(item, buffer))


def _each_item(value: Any, convert: Callable[[Any], Any]) -> Any:
    # Lists of byte strings are long, and a dict of a class of its own may not be made like this.
    of_bytes = type(value) is list and value and type(value[0]) is bytes
    of_own_class = isinstance(value, dict) and type(value) is not dict
    return value if of_bytes or of_own_class else each_item(value, convert)
