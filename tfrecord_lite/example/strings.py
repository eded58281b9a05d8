"""The byte strings of a column: found in their lists, and made into objects, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.example.spans import BYTES, STRING
from tfrecord_lite.example.wire import read_length
from tfrecord_lite.example.words import as_words, varints_in
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array
    from tfrecord_lite.example.spans import Spans

__all__ = ["as_objects", "find_strings"]


def as_objects(buffer: Uint8Array, begin: Int64Array, size: Int64Array) -> npt.NDArray[np.object_]:
    """Return the byte strings at ``begin``, of ``size`` bytes, as an object array of ``bytes``.

    NumPy makes ``bytes`` of an item of void dtype, trailing NULs included, in a loop of its own; an
    item of each size has a dtype, so strings are sorted by size.
    """
    values = np.empty(len(begin), object)
    if not len(begin):
        return values
    if int(size.max()) <= thresholds.grouped_string_bytes:
        sizes = np.flatnonzero(np.bincount(size)).tolist()
        if len(sizes) * thresholds.strings_per_size <= len(begin) or len(sizes) == 1:
            for each in sizes:
                rows = np.flatnonzero(size == each) if len(sizes) > 1 else slice(None)
                values[rows] = _of_one_size(buffer, begin[rows], each)
            return values
    values[:] = RecordBlock(buffer, begin, size).to_list()
    return values


def _of_one_size(buffer: Uint8Array, begin: Int64Array, size: int) -> Any:
    if size == 0:
        return b""
    every: Any = np.ndarray((len(buffer) - size + 1,), f"V{size}", buffer=buffer, strides=(1,))
    return every[begin].astype(object)


def find_strings(buffer: Uint8Array, spans: Spans) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return where all byte strings of a column begin, their sizes, and how many each record has.

    Lists are walked in step: the first string of each, the second, and so on.
    """
    kind, position, stop = spans
    counts = (kind == STRING).astype(np.int64)
    if counts.all():
        return position, stop - position, counts
    single = np.flatnonzero(counts)
    steps = [(single, position[single], stop[single] - position[single])]
    lane = np.flatnonzero((kind == BYTES) & (position < stop))
    position, stop = position[lane], stop[lane]
    while len(lane):
        begin, size = _first_strings(buffer, position, stop)
        steps.append((lane, begin, size))
        counts[lane] += 1
        position = begin + size
        left = np.flatnonzero(position < stop)
        lane, position, stop = lane[left], position[left], stop[left]
    # Where the next string of each record goes.
    place = np.cumsum(counts) - counts
    begins = np.empty(int(counts.sum()), np.int64)
    sizes = np.empty_like(begins)
    for lane, begin, size in steps:
        begins[place[lane]] = begin
        sizes[place[lane]] = size
        place[lane] += 1
    return begins, sizes, counts


def _first_strings(
    buffer: Uint8Array, position: Int64Array, stop: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Return begin and size of the byte strings that stand here, each with its tag and length."""
    word = as_words(buffer)[position]
    size, width, fits = varints_in(word >> np.uint64(8))
    begin = position + (1 + width)
    for index in np.flatnonzero(~np.broadcast_to(fits, position.shape)):
        at = read_length(buffer.data, int(position[index]) + 1, int(stop[index]))  # type: ignore[arg-type]
        begin[index], size[index] = at[0], at[1] - at[0]
    return begin, size
