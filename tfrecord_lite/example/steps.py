"""Messages that stand one behind the other, each with its tag and length: where each begins.

The strings of a bytes_list have this form, and so have the Features of a feature list::

    0a <n> content  0a <n> content ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.wire import read_length
from tfrecord_lite.example.words import BYTE, as_words, varints_in
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["Steps", "find_steps"]

_8: Final = np.uint64(8)
_TAG: Final = 0x0A


class Steps(NamedTuple):
    """The messages of each list: int64 ``[steps]`` both, those of a list together and in order.

    ``counts`` is how many each list has, and ``good`` which lists are such messages and nothing
    else: ``[lists]`` both. Of one that is not there are none.
    """

    begin: Int64Array
    end: Int64Array
    counts: Int64Array
    good: npt.NDArray[np.bool_]


def find_steps(buffer: Uint8Array, begin: Int64Array, end: Int64Array) -> Steps:
    """Find the messages that lists from ``begin`` to before ``end`` consist of.

    Lists whose messages are all of one size are recognised at once. Of others the first messages
    are read in step, then the second ones, as long as there are many; what is left one by one.
    """
    counts = np.zeros(len(begin), np.int64)
    good = np.ones(len(begin), np.bool_)
    parts: list[tuple[Int64Array, Int64Array, Int64Array]] = []
    lane = np.flatnonzero(begin < end)
    if len(lane):
        lane = _of_one_size(buffer, begin, end, lane, counts, parts)
    position = begin[lane]
    words = as_words(buffer)
    while len(lane) >= max(thresholds.walked_lists, 1):
        word = words[position]
        size, width, fits = varints_in(word >> _8)
        content = position + (1 + width)
        after = content + size
        right = (word & BYTE == np.uint64(_TAG)) & fits & (after <= end[lane])
        if not right.all():
            good[lane[~right]] = False
        parts.append((lane[right], content[right], after[right]))
        counts[lane[right]] += 1
        left = np.flatnonzero(right & (after < end[lane]))
        lane, position = lane[left], after[left]
    for number, first in zip(lane.tolist(), position.tolist(), strict=True):
        found = _one_by_one(buffer, first, int(end[number]))
        if found is None:
            good[number] = False
            continue
        parts.append((np.full(len(found[0]), number), *found))
        counts[number] += len(found[0])
    counts[~good] = 0
    begins = np.empty(int(counts.sum()), np.int64)
    ends = np.empty_like(begins)
    # Where the next message of each list goes.
    place = np.cumsum(counts) - counts
    for lists, of_begin, of_end in parts:
        if not good.all():
            kept = good[lists]
            lists, of_begin, of_end = lists[kept], of_begin[kept], of_end[kept]  # noqa: PLW2901
        # In a part the messages of a list are together, and in order.
        at = place[lists] + _within(lists)
        begins[at], ends[at] = of_begin, of_end
        np.add.at(place, lists, 1)
    return Steps(begins, ends, counts, good)


def _within(number: Int64Array) -> Int64Array:
    """Return how many of the same number stand directly before each."""
    new = np.ones(len(number), np.bool_)
    new[1:] = number[1:] != number[:-1]
    at = np.flatnonzero(new)
    return np.arange(len(number)) - np.repeat(at, np.diff(np.append(at, len(number))))


def _of_one_size(
    buffer: Uint8Array,
    begin: Int64Array,
    end: Int64Array,
    lane: Int64Array,
    counts: Int64Array,
    parts: list[tuple[Int64Array, Int64Array, Int64Array]],
) -> Int64Array:
    """Take the lists whose messages are all of the size of their first; return the others."""
    words = as_words(buffer)
    first = words[begin[lane]]
    size, width, fits = varints_in(first >> _8)
    whole = 1 + width + size
    length = end[lane] - begin[lane]
    same = (first & BYTE == np.uint64(_TAG)) & fits & (length % whole == 0)
    rows = np.flatnonzero(same)
    if not len(rows):
        return lane
    whole, length = whole[rows], length[rows]
    width = np.broadcast_to(np.asarray(width), (len(lane),))[rows]
    number = length // whole
    of = np.repeat(np.arange(len(rows)), number)
    turn = np.arange(len(of)) - np.repeat(np.cumsum(number) - number, number)
    position = begin[lane[rows]][of] + turn * whole[of]
    # Each begins as the first does, with tag and length: so each ends where the next begins.
    mask = (np.uint64(1) << (8 * (1 + width)).astype(np.uint64)) - np.uint64(1)
    alike = (words[position] ^ first[rows][of]) & mask[of] == 0
    fine = np.ones(len(rows), np.bool_)
    fine[of[~alike]] = False
    kept = fine[of]
    of, position = of[kept], position[kept]
    content = position + 1 + width[of]
    parts.append((lane[rows][of], content, position + whole[of]))
    counts[lane[rows][fine]] = number[fine]
    taken = np.zeros(len(lane), np.bool_)
    taken[rows[fine]] = True
    return lane[~taken]


def _one_by_one(
    buffer: Uint8Array, position: int, end: int
) -> tuple[Int64Array, Int64Array] | None:
    """Read the messages of one list; None where it is something else."""
    data = buffer[position:end].tobytes()
    begins, ends = [], []
    at, stop = 0, len(data)
    try:
        while at < stop:
            if data[at] != _TAG:
                return None
            size = data[at + 1] if at + 1 < stop else 0x80
            if size < 0x80:
                first, at = at + 2, at + 2 + size
                if at > stop:
                    return None
            else:
                first, at = read_length(data, at + 1, stop)
            begins.append(first)
            ends.append(at)
    except ExampleError:
        return None
    return np.array(begins, np.int64) + position, np.array(ends, np.int64) + position
