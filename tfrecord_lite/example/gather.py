"""Bytes from many places put one after the other, without a Python object for each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["gathered"]

_SHIFT: Final = 8
_PIECE: Final = 1 << _SHIFT  # of which NumPy copies one in some 10 ns


def gathered(buffer: Uint8Array, begin: Int64Array, size: Int64Array) -> Uint8Array:
    """Return the bytes at ``begin``, of ``size``, one after the other in a new array.

    >>> gathered(np.arange(9, dtype=np.uint8), np.array([6, 1]), np.array([3, 2]))
    array([6, 7, 8, 1, 2], dtype=uint8)
    """
    total = int(size.sum())
    if len(buffer) < _PIECE or total >= thresholds.gathered_string_bytes * len(size):
        # Each is copied once, and no object made of it.
        memory = buffer.data
        spans = zip(begin.tolist(), (begin + size).tolist(), strict=True)
        parts: list[Any] = [memory[first:last] for first, last in spans]
        return np.frombuffer(bytearray().join(parts), np.uint8)
    # Whole pieces, from front to back: what the last one of a place has too much is where the
    # next place comes, and is written over. (Of places that come again in an index NumPy keeps the
    # last; so it goes through them in order.)
    pieces = (size + (_PIECE - 1)) >> _SHIFT
    before = (np.cumsum(pieces) - pieces) << _SHIFT
    every = np.arange(int(pieces.sum())) << _SHIFT
    source = np.repeat(begin - before, pieces)
    source += every
    target = np.repeat(np.cumsum(size) - size - before, pieces)
    target += every
    last = len(buffer) - _PIECE
    found = _pieces_of(buffer)[np.minimum(source, last)]
    for index in np.flatnonzero(source > last).tolist():
        rest = buffer[source[index] :]
        found[index : index + 1].view(np.uint8)[: len(rest)] = rest
    result = np.empty(total + _PIECE, np.uint8)
    _pieces_of(result)[target] = found
    return result[:total]


def _pieces_of(buffer: Uint8Array) -> Any:
    count = len(buffer) - _PIECE + 1
    return np.ndarray((count,), f"V{_PIECE}", buffer=buffer, strides=(1,))
