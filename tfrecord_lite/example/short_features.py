"""Feature lists of short steps: an id, a label, a word in each.

Where each step has one list with one run, and all lengths are of one byte, a step is ::

    0a <n> 0a|12|1a <n - 2> 0a <n - 4> values

and is found by this form: whole bytes are compared, a buffer at a time. That a step ends where the
next begins, from front to end, shows that they are what they seem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tfrecord_lite.example.kinds import BYTES_LIST, FLOAT_LIST, INT64_LIST, STRING
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array

__all__ = ["FeatureSteps", "find_short_features"]

_TAG: Final = 0x0A
# Before the values: three tags, each with its length.
_HEADER_BYTES: Final = 6


class FeatureSteps(NamedTuple):
    """The Features of feature lists: the spans of each, and which list, or ``entry``, it is of.

    ``first`` is where the Features of an entry begin, ``counts`` how many it has, and ``good``
    which entries have them and nothing else: ``[entries]`` these.
    """

    kind: Int64Array
    begin: Int64Array
    end: Int64Array
    entry: Int64Array
    first: Int64Array
    counts: Int64Array
    good: BoolArray


def find_short_features(buffer: Uint8Array, begin: Int64Array, end: Int64Array) -> FeatureSteps:
    """Find the Features of lists from ``begin`` to before ``end``, where they are of this form.

    They come in the order of the buffer; of a list that is not of this form throughout there are
    none. Where lists overlap, as those of a record that is there twice do, none is found.
    """
    # The first step tells of most lists whether their steps are short.
    short = (buffer[begin] == _TAG) & (buffer[begin + 1] < 0x80) & (begin < end)
    likely = int((end - begin)[short].sum())
    if not len(begin) or likely < thresholds.short_features_bytes:
        return _none(len(begin))
    if (begin[1:] < begin[:-1]).any():
        order = np.argsort(begin, kind="stable")
        found = find_short_features(buffer, begin[order], end[order])
        back = np.argsort(order, kind="stable")
        return found._replace(
            entry=order[found.entry],
            first=found.first[back],
            counts=found.counts[back],
            good=found.good[back],
        )
    if (begin[1:] < end[:-1]).any():
        return _none(len(begin))
    low, high = int(begin[0]), int(end[-1])
    if likely * thresholds.short_features_share < high - low:
        return _none(len(begin))
    at = _forms(buffer, low, high)
    first, last = np.searchsorted(at, begin), np.searchsorted(at, end)
    counts = last - first
    size: Int64Array = buffer[at + 1].astype(np.int64)
    after = at + size
    after += 2
    # Where the next one must begin; after the last of a list, where that ends.
    following = np.empty_like(at)
    following[:-1] = at[1:]
    some = np.flatnonzero(counts)
    following[last[some] - 1] = end[some]
    kind = buffer[at + 2]
    wrong = after != following
    wrong |= kind < BYTES_LIST
    values = size - (_HEADER_BYTES - 2)
    wrong |= (kind == FLOAT_LIST) & (values & 3 != 0)
    wrong |= (kind == INT64_LIST) & (buffer[after - 1] >= 0x80)
    good = counts > 0
    good[some] &= at[first[some]] == begin[some]
    good |= begin == end
    bad = np.flatnonzero(wrong)
    if len(bad):
        of = np.searchsorted(first, bad, "right") - 1
        good[of[bad < last[of]]] = False
    counts[~good] = 0
    kinds = kind.astype(np.int64)
    kinds[kinds == BYTES_LIST] = STRING
    of = np.repeat(np.arange(len(begin)), counts)
    place = np.cumsum(counts) - counts
    if len(of) < len(at):
        rows = np.arange(len(of)) + np.repeat(first - place, counts)
        at, kinds, after = at[rows], kinds[rows], after[rows]
    return FeatureSteps(kinds, at + _HEADER_BYTES, after, of, place, counts, good)


def _none(count: int) -> FeatureSteps:
    empty = np.empty(0, np.int64)
    counts = np.zeros(count, np.int64)
    return FeatureSteps(empty, empty, empty, empty, counts, counts, np.zeros(count, np.bool_))


def _forms(buffer: Uint8Array, low: int, high: int) -> Int64Array:
    """Return where from ``low`` to before ``high`` the six bytes of such a step stand."""
    tag, size, kind, kind_size, run, run_size = (
        buffer[low + place : high + place] for place in range(_HEADER_BYTES)
    )
    found = tag == _TAG
    found &= run == _TAG
    # The tags of the three kinds differ in two bits; with neither it is the tag of none.
    found &= kind & 0xE7 == 2
    found &= size - kind_size == 2
    found &= kind_size - run_size == 2
    found &= size - 4 < 0x80 - 4
    places: Int64Array = np.flatnonzero(found)
    places += low
    return places
