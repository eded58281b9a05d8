"""Varints by the array: runs of packed integers to int64 and back, without a Python object each.

Everything works on pieces that stay in the processor's cache, with few and narrow operations on
each: NumPy's cost is one pass over memory for each operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.wire import MAX_VARINT_BYTES
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["decode_runs", "decode_varints", "encode_varints", "varint_sizes"]

_U7: Final = np.uint8(7)
_LOW_BITS: Final = np.uint8(0x7F)
_MORE: Final = np.uint8(0x80)
_SHORT: Final = 3  # bytes of a varint up to which it is put together from single bytes
_LOW_BYTES: Final = np.array(  # of a varint of so many bytes, the groups in its first eight
    [0x7F7F7F7F7F7F7F7F & ((1 << (8 * size)) - 1) for size in range(11)], np.uint64
)
_PAIRINGS: Final = tuple(  # bytes that each group takes so far, the lower groups, the higher ones
    (size, np.uint64(low), np.uint64(low << 8 * size))
    for size, low in ((1, 0x007F007F007F007F), (2, 0x00003FFF00003FFF), (4, 0x000000000FFFFFFF))
)


def decode_varints(data: Uint8Array, at: int = 0) -> Int64Array:
    """Decode a run of varints, all at once.

    ``data`` is a uint8 array ``[bytes]``; the result is an int64 array ``[values]``, newly
    allocated. ``at`` is the position of ``data`` in its message, for the error. Excess bits of a
    tenth byte are dropped.

    >>> decode_varints(np.array([1, 0x80, 2, 0xE5, 0x8E, 0x26], np.uint8))
    array([     1,    256, 624485])

    Raises ExampleError for a varint of more than ten bytes, or a last one that is truncated.
    """
    return _decode(data, at, None)


def decode_runs(data: Uint8Array, ends: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Decode runs of varints that follow one another; return the values and where each run's end.

    ``data`` is uint8 ``[bytes]``, run i ends at byte ``ends[i]``, int64 ``[runs]``, and each must
    end with the last byte of a varint. Run i's values are those before ``[i]`` of the second array,
    int64 ``[runs]``, and not before ``[i - 1]``.

    >>> values, splits = decode_runs(np.array([1, 0x80, 2, 3], np.uint8), np.array([3, 3, 4]))
    >>> values.tolist(), splits.tolist()
    ([1, 256, 3], [2, 2, 3])

    Raises ExampleError as `decode_varints`, with the position in ``data``.
    """
    splits = np.empty(len(ends), np.int64)
    values = _decode(data, 0, (ends, splits))
    return values, ends if len(values) == len(data) else splits


def _decode(data: Uint8Array, at: int, runs: tuple[Int64Array, Int64Array] | None) -> Int64Array:
    """Decode all; of ``runs``, bytes and values up to their ends, fill in the values."""
    count = int(np.count_nonzero(data < _MORE))
    if count == data.size:
        return data.astype(np.int64)
    values = np.empty(count, np.int64)
    begin = done = ended = 0
    while begin < data.size:
        piece = data[begin : begin + thresholds.varint_piece_bytes]
        stops = np.flatnonzero(piece < _MORE)
        if not stops.size:
            raise ExampleError(f"byte {at + begin}: a varint that does not end within its list")
        size = int(stops[-1]) + 1
        values[done : done + stops.size] = _assemble(piece[:size], stops, at + begin)
        if runs is not None:
            # A varint's last byte lies before its run's end.
            ends, splits = runs
            here = slice(ended, int(np.searchsorted(ends, begin + size, "right")))
            splits[here] = np.searchsorted(stops, ends[here] - begin) + done
            ended = here.stop
        begin += size
        done += stops.size
    return values


def _assemble(data: Uint8Array, stops: Int64Array, at: int) -> npt.NDArray[np.unsignedinteger]:
    """Put together the varints of ``data`` that end at ``stops``.

    Those of up to three bytes, as nearly all are, from their last byte and the two before it, which
    belong to the varint where they and what lies between say that more follows.
    """
    padded = np.zeros(data.size + _SHORT - 1, np.uint8)
    padded[_SHORT - 1 :] = data
    if (data[2:] & data[1:-1] & data[:-2]).max(initial=0) >= _MORE:
        return _assemble_long(data, stops, at)
    last = padded[2:].take(stops)
    middle = padded[1:].take(stops)
    first = padded.take(stops)
    two = middle >> _U7
    three = (first >> _U7) & two
    # x + more * (127 * x + y) is x, or 128 * x + y where there is more: no branch, narrow integers.
    pairs = last.astype(np.uint16)
    more = pairs * np.uint16(127)
    more += (middle & _LOW_BITS).astype(np.uint16)
    more *= two.astype(np.uint16)
    pairs += more
    words = pairs.astype(np.uint32)
    longer = words * np.uint32(127)
    longer += (first & _LOW_BITS).astype(np.uint32)
    longer *= three.astype(np.uint32)
    words += longer
    return words


def _assemble_long(data: Uint8Array, stops: Int64Array, at: int) -> npt.NDArray[np.uint64]:
    """Put together varints of any size.

    The first eight bytes of each are fetched as one word, in which the groups of seven bits then
    move together: into pairs of 14 bits, pairs of these, and so on.
    """
    starts = np.empty_like(stops)
    starts[0] = 0
    starts[1:] = stops[:-1] + 1
    sizes = stops + 1 - starts
    longest = int(sizes.max())
    if longest > MAX_VARINT_BYTES:
        bad = at + int(starts[np.argmax(sizes > MAX_VARINT_BYTES)])
        raise ExampleError(f"byte {bad}: a varint of more than {MAX_VARINT_BYTES} bytes")
    padded = np.zeros(data.size + 8, np.uint8)
    padded[: data.size] = data
    overlapping = np.ndarray((data.size,), "<u8", padded, strides=(1,))
    words: npt.NDArray[np.uint64] = overlapping[starts] & _LOW_BYTES[sizes]
    for size, low, high in _PAIRINGS:
        if longest > size:
            words = (words & low) | ((words & high) >> np.uint64(size))  # a bit free for each byte
    if longest > 8:
        for index in (8, 9):
            longer = np.flatnonzero(sizes > index)
            groups = (data[starts[longer] + index] & _LOW_BITS).astype(np.uint64)
            words[longer] |= groups << np.uint64(7 * index)
    return words


def varint_sizes(values: Int64Array) -> Int64Array:
    """Return the number of bytes that each value takes as a varint: 1 to 9, and 10 below zero.

    >>> varint_sizes(np.array([0, 127, 128, -1]))
    array([ 1,  1,  2, 10])
    """
    words = values.view(np.uint64)
    sizes = np.ones(values.shape, np.int64)
    largest = int(words.max(initial=0))
    for index in range(1, MAX_VARINT_BYTES):
        if largest >> (7 * index) == 0:
            break
        sizes += words >= np.uint64(1 << (7 * index))
    return sizes


def encode_varints(values: Int64Array) -> Uint8Array:
    r"""Encode integers as one run of varints, all at once: int64 ``[values]`` to uint8 ``[bytes]``.

    >>> encode_varints(np.array([1, 256])).tobytes()
    b'\x01\x80\x02'
    """
    words = values.view(np.uint64)
    bits = int(words.max(initial=0)).bit_length()
    if bits <= 7:
        return words.astype(np.uint8)
    spread = _spread_short if bits <= thresholds.short_varint_bits else _spread_long
    pieces = []
    for begin in range(0, words.size, thresholds.varint_piece_values):
        groups, used = spread(words[begin : begin + thresholds.varint_piece_values], bits)
        pieces.append(groups.reshape(-1).take(np.flatnonzero(used)))
    return np.concatenate(pieces)


def _spread_short(words: npt.NDArray[np.uint64], bits: int) -> tuple[Uint8Array, npt.NDArray[Any]]:
    """Spread values of up to 28 bits over four bytes each; tell which of these their varints have.

    The groups of seven bits move apart inside a word, all together; a second word has a 1 in each
    byte that is used, and one place lower that is the bit that says that more follows.
    """
    word = words.astype(np.uint32)
    groups = word & np.uint32(0x7F)
    used = np.ones(word.size, np.uint32)
    for index in range(1, -(-bits // 7)):
        groups |= (word & np.uint32(0x7F << 7 * index)) << np.uint32(index)
        used |= (word >= np.uint32(1 << 7 * index)).astype(np.uint32) << np.uint32(8 * index)
    groups |= used >> np.uint32(1) & np.uint32(0x00808080)
    return groups.astype("<u4", copy=False).view(np.uint8), used.astype("<u4", copy=False).view(
        bool
    )


def _spread_long(words: npt.NDArray[np.uint64], bits: int) -> tuple[Uint8Array, npt.NDArray[Any]]:
    """As `_spread_short` for all values, over as many bytes as the largest takes."""
    # A row for each value: what is left of it at each group of seven bits.
    rest = words[:, np.newaxis] >> np.arange(0, bits, 7, dtype=np.uint64)
    groups = rest.astype(np.uint8) & _LOW_BITS
    groups |= (rest >= _MORE).view(np.uint8) << _U7
    used = rest > 0
    used[:, 0] = True
    return groups, used
