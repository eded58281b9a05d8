"""Bytes from many places put one after the other, without a Python object for each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["gathered"]


def gathered(buffer: Uint8Array, begin: Int64Array, size: Int64Array) -> Uint8Array:
    """Return the bytes at ``begin``, of ``size``, one after the other in a new array.

    >>> gathered(np.arange(9, dtype=np.uint8), np.array([6, 1]), np.array([3, 2]))
    array([6, 7, 8, 1, 2], dtype=uint8)
    """
    total = int(size.sum())
    large = thresholds.gathered_string_bytes
    if len(size) < thresholds.gathered_strings or total >= large * len(size):
        # Each is copied once, and no object made of it.
        memory = buffer.data
        spans = zip(begin.tolist(), (begin + size).tolist(), strict=True)
        parts: list[Any] = [memory[first:last] for first, last in spans]
        return np.frombuffer(bytearray().join(parts), np.uint8)
    result = np.empty(total, np.uint8)
    target = np.cumsum(size) - size
    # Those whose sizes have the same number of bits are copied together.
    bits = np.frexp(size)[1].astype(np.uint8)
    order = np.argsort(bits, kind="stable")
    begin, target, size = begin[order], target[order], size[order]
    first = 0
    for count_of_bits, count in enumerate(np.bincount(bits).tolist()):
        rows = slice(first, first + count)
        first += count
        if count and count_of_bits:
            copy = _copy if 1 << (count_of_bits - 1) < large else _copy_one_by_one
            copy(buffer, begin[rows], result, target[rows], size[rows])
    return result


def _copy(
    buffer: Uint8Array,
    begin: Int64Array,
    result: Uint8Array,
    target: Int64Array,
    size: Int64Array,
) -> None:
    """Copy runs that are all as long as a power of two, or longer, but not twice as long.

    Two pieces of that power, the first bytes of a run and the last, are the whole run. They may
    overlap, but no piece reaches into another run: in which order NumPy assigns does not matter,
    and it promises none.
    """
    piece = 1 << (int(size[0]).bit_length() - 1)
    every, into = _pieces_of(buffer, piece), _pieces_of(result, piece)
    into[target] = every[begin]
    rest = size - piece
    if rest.any():
        into[target + rest] = every[begin + rest]


def _copy_one_by_one(
    buffer: Uint8Array,
    begin: Int64Array,
    result: Uint8Array,
    target: Int64Array,
    size: Int64Array,
) -> None:
    source, memory = buffer.data, result.data
    for at, to, count in zip(begin.tolist(), target.tolist(), size.tolist(), strict=True):
        memory[to : to + count] = source[at : at + count]


def _pieces_of(buffer: Uint8Array, piece: int) -> Any:
    """Return the pieces of this many bytes that begin at each byte of a buffer."""
    return np.ndarray((len(buffer) - piece + 1,), f"V{piece}", buffer=buffer, strides=(1,))
