"""Eight bytes at a time: a buffer as overlapping words, and the varints at their front.

A column of positions fetches a column of words; what stands at all those places is then looked at
with arithmetic on whole columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array, Uint32Array

__all__ = [
    "BYTE",
    "LOW",
    "NOT_ASCII",
    "Words",
    "as_words",
    "low_bytes",
    "short_varints",
    "turns_of",
    "varints_in",
    "word_of",
]

Words: TypeAlias = Any  # uint64 [positions], overlapping: the eight bytes from each position on

BYTE: Final = np.uint64(0xFF)
NOT_ASCII: Final = np.uint64(0x8080808080808080)
# Masks of the low 0 to 8 bytes.
LOW: Final = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_3: Final = np.uint64(3)
_7: Final = np.uint64(7)
_MORE: Final = np.uint64(0x80)
_TWO_MORE: Final = np.uint64(0x8080)
_LOW_HALF: Final = LOW[:5].astype(np.uint32)
_MORE_OF_HALF: Final = np.uint32(0x80808080)
_MORE_OF_SIZE: Final = np.array([0, 0, 0x80, 0x8080, 0x808080], np.uint32)


def as_words(buffer: Uint8Array) -> Words:
    """View a buffer as the eight bytes from each position on, little-endian."""
    return np.ndarray((max(len(buffer) - 7, 0),), "<u8", buffer=buffer, strides=(1,))


def word_of(part: bytes) -> Any:
    """Return up to eight bytes as a word."""
    return np.uint64(int.from_bytes(part, "little"))


def low_bytes(size: Int64Array) -> Any:
    """Return masks of the low ``size`` bytes, all eight from 8 on."""
    return LOW.take(size, mode="clip")


def varints_in(words: Any) -> tuple[Int64Array, Any, Any]:
    """Return the varints in the low four bytes of words: value, bytes, whether there is one.

    Where all have one byte, the size is 1 and the answer True, not columns.
    """
    more = words & _TWO_MORE
    if not (more & _MORE).any():
        return (words & np.uint64(0x7F)).astype(np.int64), 1, True
    if (more == _TWO_MORE).any():
        return _long_varints_in(words)
    two = more >> _7 & _1
    value = words & np.uint64(0x7F) | (words >> _1 & np.uint64(0x3F80)) * two
    return value.astype(np.int64), two.astype(np.int64) + 1, True


def turns_of(counts: Int64Array) -> Int64Array:
    """Return 0 to before each of the counts, one after the other.

    >>> turns_of(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    turns: Int64Array = np.arange(int(counts.sum()))
    turns -= np.repeat(np.cumsum(counts) - counts, counts)
    return turns


def short_varints(buffer: Uint8Array, begin: Int64Array, size: Int64Array) -> Int64Array | None:
    """Return the varints at ``begin``, each of all its ``size`` bytes, 1 to 4; None: not all are.

    Half a word is enough for each, which takes half the time.
    """
    halves: Any = np.ndarray((len(buffer) - 3,), "<u4", buffer=buffer, strides=(1,))
    half: Uint32Array = halves[begin]
    half &= _LOW_HALF.take(size)
    if (half & _MORE_OF_HALF != _MORE_OF_SIZE.take(size)).any():
        return None
    values = half & np.uint32(0x7F)
    for group in range(1, int(size.max())):
        values |= half >> np.uint32(group) & np.uint32(0x7F << 7 * group)
    return values.astype(np.int64)


def _long_varints_in(words: Any) -> tuple[Int64Array, Any, Any]:
    # The lowest byte without a continuation bit ends it; what lies above is cut off.
    stop = ~words & np.uint64(0x80808080)
    stop &= -stop
    value = words & (stop - _1)
    value = (
        (value & np.uint64(0x7F))
        | (value >> _1 & np.uint64(0x3F80))
        | (value >> _2 & np.uint64(0x1FC000))
        | (value >> _3 & np.uint64(0xFE00000))
    ).astype(np.int64)
    size = np.ones(len(words), np.int64)
    for bit in (0x80, 0x8000, 0x800000):
        size += stop > np.uint64(bit)
    return value, size, stop != 0
