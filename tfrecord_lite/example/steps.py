"""Messages that stand one after the other, each with its tag and length: where each begins.

The strings of a bytes_list have this form, and so have the Features of a feature list::

    0a <n> content  0a <n> content ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.wire import read_length
from tfrecord_lite.example.words import BYTE, LOW, as_words, turns_of, varints_in
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array

    # Messages by the number of their list: where these begin, and end.
    _Part: TypeAlias = tuple[Int64Array, Int64Array, Int64Array]

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
    good: BoolArray


def find_steps(
    buffer: Uint8Array, begin: Int64Array, end: Int64Array, *, features: bool = False
) -> Steps:
    """Find the messages that lists from ``begin`` to before ``end`` consist of.

    Many short lists are walked in step. Of others those whose messages are all of one size are
    recognised at once. Of the rest all places are looked at where a message may begin, and the
    message there may end where another begins: what hangs together from front to end is the list.
    That they are ``features`` tells most places apart. A few bytes are read one by one.

    All but the last know lengths of up to four bytes. A list that they do not find good is read one
    by one, too: so the answer for a list does not depend on which others it is asked for with.
    """
    search = _Search(buffer, begin, end)
    lane = np.flatnonzero(begin < end)
    if len(lane) >= thresholds.walked_lists:
        lane = search.in_step(lane)
    if len(lane):
        lane = search.of_one_size(lane)
    if len(lane) and int((end[lane] - begin[lane]).sum()) >= thresholds.chained_list_bytes:
        first, lists = np.unique(begin[lane], return_inverse=True)
        last = np.empty_like(first)
        last[lists] = end[lane]
        if (last[:-1] > first[1:]).any():
            # Of a record inside another: a place there is in two lists.
            search.one_by_one(np.concatenate([*search.odd, lane]))
            return search.result()
        chains = _chained(buffer, first, last, features=features)
        every = chains.good.all()
        if every and len(first) == len(begin) and (begin[1:] > begin[:-1]).all():
            return chains
        each = chains.counts[lists]
        # A list that is there several times has its messages as often.
        at = np.repeat((np.cumsum(chains.counts) - chains.counts)[lists], each) + turns_of(each)
        search.add(lane, each, chains.begin[at], chains.end[at])
        lane = lane[~chains.good[lists]]
    lane = np.concatenate([*search.odd, lane])
    if len(lane):
        search.one_by_one(lane)
    return search.result()


def _within(number: Int64Array) -> Int64Array:
    """Return how many of the same number stand directly before each."""
    new = np.ones(len(number), np.bool_)
    new[1:] = number[1:] != number[:-1]
    at = np.flatnonzero(new)
    return turns_of(np.diff(np.append(at, len(number))))


class _Places(NamedTuple):
    """Where a message may begin, ascending: its tag, its content, its end, and in which list."""

    at: Int64Array
    content: Int64Array
    after: Int64Array
    of: Int64Array

    def where(self, rows: BoolArray) -> _Places:
        if rows.all():
            return self
        kept = np.flatnonzero(rows)
        return _Places(*(column.take(kept) for column in self))


def _chained(buffer: Uint8Array, begin: Int64Array, end: Int64Array, *, features: bool) -> Steps:
    """Find the messages of lists, none empty, of which each begins and ends after the last."""
    low, high = int(begin[0]), int(end.max())
    likely = _feature_tags if features else _tags
    found = _places(buffer, likely(buffer, low, high), begin, end)
    # Mostly these are the messages, and nothing else.
    last = np.ones(len(found.of), np.bool_)
    last[:-1] = found.of[1:] != found.of[:-1]
    expected = end[found.of]
    expected[~last] = found.at[1:][~last[:-1]]
    good = np.zeros(len(begin), np.bool_)
    good[found.of[found.at == begin[found.of]]] = True
    good[found.of[found.after != expected]] = False
    if not good.all():
        found = found.where(good[found.of])
        rest = np.flatnonzero(~good)
        places = _places(buffer, _tags(buffer, low, high), begin[rest], end[rest])
        linked = places.where(_linked(places, begin[rest], end[rest]))
        good[rest[linked.of[linked.after == end[rest][linked.of]]]] = True
        linked = linked._replace(of=rest[linked.of])
        linked = linked.where(good[linked.of])
        if len(found.at):
            both = _Places(*(np.concatenate(pair) for pair in zip(found, linked, strict=True)))
            order = np.argsort(both.at, kind="stable")
            found = _Places(*(column[order] for column in both))
        else:
            found = linked
    counts = np.bincount(found.of, minlength=len(begin))
    return Steps(found.content, found.after, counts, good)


def _tags(buffer: Uint8Array, low: int, high: int) -> Int64Array:
    """Return where from ``low`` to before ``high`` is the tag of a message."""
    tags: Int64Array = np.flatnonzero(buffer[low:high] == _TAG)
    tags += low
    return tags


def _feature_tags(buffer: Uint8Array, low: int, high: int) -> Int64Array:
    """Return where a Feature may begin: after tag and length a list of a kind, or nothing.

    Whole bytes are compared, a buffer at a time. Of lists of up to 127 bytes it is seen that they
    have values, too; the tags of the three kinds differ in two bits.
    """
    tag, size, kind, _, inner = (buffer[low + at : high + at] for at in range(5))
    found = (kind & 0xE7) == 2
    found &= inner == _TAG
    found |= size == 0
    found |= size >= 0x80
    found &= tag == _TAG
    tags: Int64Array = np.flatnonzero(found)
    tags += low
    return tags


def _places(buffer: Uint8Array, tags: Int64Array, begin: Int64Array, end: Int64Array) -> _Places:
    """Return where lists have the tag, and after it a length that fits into the list."""
    first, last = np.searchsorted(tags, begin), np.searchsorted(tags, end)
    each = last - first
    of = np.repeat(np.arange(len(begin)), each)
    if len(of) < len(tags):
        tags = tags[np.repeat(first, each) + turns_of(each)]
    size: Any = buffer[tags + 1]
    width: Any = 1
    fits: Any = True
    if (size >= 0x80).any():
        size, width, fits = varints_in(as_words(buffer)[tags] >> _8)
    content = tags + (1 + width)
    after = content + size
    return _Places(tags, content, after, of).where((after <= end[of]) & fits)


def _linked(places: _Places, begin: Int64Array, end: Int64Array) -> BoolArray:
    """Tell which places can be come to from the front of their list, message by message.

    With each turn links become twice as long: after the first so many messages as many more are
    known.
    """
    at, _, after, of = places
    count = len(at)
    # The last link, to nowhere, is to itself.
    jump = np.full(count + 1, count)
    link = np.searchsorted(at, after)
    link[(after == end[of]) | (at.take(link, mode="clip") != after)] = count
    jump[:-1] = link
    reached = np.zeros(count + 1, np.bool_)
    reached[np.flatnonzero(at == begin[of])] = True
    known = 0
    while (rows := np.flatnonzero(reached)).size > known:
        known = rows.size
        reached[jump[rows]] = True
        jump = jump[jump]
    return reached[:-1]


class _Search:
    """What was found of lists so far; its methods take lists out of a lane."""

    def __init__(self, buffer: Uint8Array, begin: Int64Array, end: Int64Array) -> None:
        self._buffer, self._begin, self._end = buffer, begin, end
        self.counts = np.zeros(len(begin), np.int64)
        self.good = np.ones(len(begin), np.bool_)
        self.odd: list[Int64Array] = []
        self._parts: list[_Part] = []

    def add(self, lane: Int64Array, each: Int64Array, begin: Int64Array, end: Int64Array) -> None:
        """Add the messages of lists, so many of each, in their order."""
        self.counts[lane] = each
        self._parts.append((np.repeat(lane, each), begin, end))

    def result(self) -> Steps:
        """Put all parts in the order of their lists."""
        if len(self._parts) == 1:
            return Steps(*self._parts[0][1:], self.counts, self.good)
        begins = np.empty(int(self.counts.sum()), np.int64)
        ends = np.empty_like(begins)
        place = np.cumsum(self.counts) - self.counts
        for lists, of_begin, of_end in self._parts:
            # In a part are all messages of a list, in order, and its lists are in order.
            at = place[lists] + _within(lists)
            begins[at], ends[at] = of_begin, of_end
        return Steps(begins, ends, self.counts, self.good)

    def in_step(self, lane: Int64Array) -> Int64Array:
        """Take lists of few bytes, where they are many, by turns of a message each."""
        short = self._end[lane] - self._begin[lane] <= thresholds.walked_list_bytes
        some, rest = lane[short], lane[~short]
        if len(some) < thresholds.walked_lists:
            return lane
        words = as_words(self._buffer)
        lane, position, stop = some, self._begin[some], self._end[some]
        turns: list[_Part] = []
        odd = np.zeros(len(self.counts), np.bool_)
        while len(lane):
            word = words[position]
            size, width, fits = varints_in(word >> _8)
            content = position + (1 + width)
            position = content + size
            right = (word & BYTE == _TAG) & fits & (position <= stop)
            odd[lane[~right]] = True
            turns.append((lane, content, position))
            left = np.flatnonzero(right & (position < stop))
            lane, position, stop = lane[left], position[left], stop[left]
        lists, begins, ends = (np.concatenate(column) for column in zip(*turns, strict=True))
        # Those of a list together; they are in the order of the buffer already.
        order = np.argsort(lists, kind="stable")
        order = order[~odd[lists[order]]]
        each = np.bincount(lists[order], minlength=len(self.counts))[some]
        self.add(some, each, begins[order], ends[order])
        self.odd.append(np.flatnonzero(odd))
        return rest

    def of_one_size(self, lane: Int64Array) -> Int64Array:
        """Take the lists whose messages are all of the size of their first."""
        words = as_words(self._buffer)
        first = words[self._begin[lane]]
        size, width, fits = varints_in(first >> _8)
        whole = 1 + width + size
        length = self._end[lane] - self._begin[lane]
        same = (first & BYTE == np.uint64(_TAG)) & fits & (length % whole == 0)
        rows = np.flatnonzero(same)
        # The last one tells most of those that are not.
        mask = _head_mask(width)
        mask = mask if isinstance(width, int) else mask[rows]
        ending = words[self._end[lane[rows]] - whole[rows]]
        rows = rows[(ending ^ first[rows]) & mask == 0]
        if not len(rows):
            return lane
        whole, length = whole[rows], length[rows]
        width = np.broadcast_to(np.asarray(width), (len(lane),))[rows]
        number = length // whole
        of = np.repeat(np.arange(len(rows)), number)
        position = self._begin[lane[rows]][of] + turns_of(number) * whole[of]
        # Each begins as the first does, with tag and length: so each ends where the next begins.
        alike = (words[position] ^ first[rows][of]) & _head_mask(width)[of] == 0
        fine = np.ones(len(rows), np.bool_)
        fine[of[~alike]] = False
        kept = fine[of]
        of, position = of[kept], position[kept]
        taken = np.zeros(len(lane), np.bool_)
        taken[rows[fine]] = True
        self.add(lane[taken], number[fine], position + 1 + width[of], position + whole[of])
        return lane[~taken]

    def one_by_one(self, lane: Int64Array) -> None:
        """Take lists of a few bytes together."""
        begins: list[int] = []
        ends: list[int] = []
        each = []
        for number in lane.tolist():
            before = len(begins)
            begin, end = int(self._begin[number]), int(self._end[number])
            if not _read(self._buffer[begin:end].tobytes(), begin, begins, ends):
                del begins[before:], ends[before:]
                self.good[number] = False
            each.append(len(begins) - before)
        counts = np.array(each, np.int64)
        self.add(lane, counts, np.array(begins, np.int64), np.array(ends, np.int64))


def _head_mask(width: Any) -> Any:
    """Return the bits of a tag and of a length of so many bytes."""
    return LOW[1 + np.asarray(width)]


def _read(data: bytes, offset: int, begins: list[int], ends: list[int]) -> bool:
    """Append where the messages of one list begin and end; False where it is something else."""
    at, stop = 0, len(data)
    try:
        while at < stop:
            if data[at] != _TAG:
                return False
            size = data[at + 1] if at + 1 < stop else 0x80
            if size < 0x80:
                first, at = at + 2, at + 2 + size
                if at > stop:
                    return False
            else:
                first, at = read_length(data, at + 1, stop)
            begins.append(first + offset)
            ends.append(at + offset)
    except ExampleError:
        return False
    return True
