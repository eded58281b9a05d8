"""The byte strings of a column: found in their lists, and made into objects, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.byte_strings import strings_by_size
from tfrecord_lite.example.spans import BYTES, STRING, Spans
from tfrecord_lite.example.steps import find_steps
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["as_objects", "find_strings"]


def as_objects(buffer: Uint8Array, begin: Int64Array, size: Int64Array) -> npt.NDArray[np.object_]:
    """Return the byte strings at ``begin``, of ``size`` bytes, as an object array of ``bytes``."""
    values = strings_by_size(buffer, begin, size)
    if values is None:
        values = np.empty(len(begin), object)
        values[:] = RecordBlock(buffer, begin, size).to_list()
    return values


def find_strings(buffer: Uint8Array, spans: Spans) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return where all byte strings of a column begin, their sizes, and how many each record has.

    See `find_steps`; that lists are such is known.
    """
    kind, position, stop = spans
    counts = (kind == STRING).astype(np.int64)
    if counts.all():
        return position, stop - position, counts
    lists = np.flatnonzero((kind == BYTES) & (position < stop))
    steps = find_steps(buffer, position[lists], stop[lists])
    assert steps.good.all()
    if len(lists) == len(kind):
        return steps.begin, steps.end - steps.begin, steps.counts
    single = np.flatnonzero(counts)
    counts[lists] = steps.counts
    place = np.cumsum(counts) - counts
    begins = np.empty(int(counts.sum()), np.int64)
    ends = np.empty_like(begins)
    begins[place[single]], ends[place[single]] = position[single], stop[single]
    of_lists = np.repeat(counts > 1, counts)
    of_lists[place[lists]] = True
    begins[of_lists], ends[of_lists] = steps.begin, steps.end
    return begins, ends - begins, counts
