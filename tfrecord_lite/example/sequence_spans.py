"""Where the values of SequenceExamples lie in a block: those of the context, and of each step.

The context of a plain record has the form of an Example, and is walked as one. After it stand the
feature lists, whose Features are found all together::

    0a <n> Features  12 <n> { 0a <n>  0a <n> key  12 <n> { 0a <n> Feature  0a <n> Feature ... } }

As in `spans`, a record that is not of this form is decoded by itself, and what that gives is stored
after the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.example.keys import KEY_HEAD, Keys, are_plain_keys
from tfrecord_lite.example.kinds import INT64_LIST, MISSING
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.short_features import FeatureSteps, find_short_features
from tfrecord_lite.example.spans import (
    Spans,
    StoredValues,
    decode_at,
    read_values,
    unreadable_runs,
    walk,
)
from tfrecord_lite.example.steps import find_steps
from tfrecord_lite.example.wire import MAX_VARINT_BYTES
from tfrecord_lite.example.words import BYTE, Words, as_words, turns_of, varints_in
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array

__all__ = ["ListSpans", "find_sequence_spans"]

_8: Final = np.uint64(8)
_CONTEXT: Final = np.uint64(0x0A)
_FEATURE_LISTS: Final = np.uint64(0x12)


class ListSpans(NamedTuple):
    """A feature list of all records: the spans of its steps, those of a record together.

    ``counts`` is how many steps each record has, and ``present`` which have the list at all;
    ``[records]`` both.
    """

    spans: Spans
    counts: Int64Array
    present: BoolArray


def find_sequence_spans(
    block: RecordBlock, context: Sequence[str], lists: Sequence[str], *, strict: bool = True
) -> tuple[Uint8Array, list[Spans], list[ListSpans]]:
    """Find the values of context features and of feature lists, by name, in each record.

    Returns a buffer, and where in it the values are. Raises `ExampleError`, with its place, for a
    record that `decode_sequence_example` refuses. In the context's spans ``begin`` is 0 where there
    is no feature, and not where there is one of no kind.
    """
    buffer, starts, lengths = block.padded_buffer(), block.starts, block.lengths
    words = as_words(buffer)
    ends = starts + lengths
    odd = np.zeros(len(starts), np.bool_)
    # A first field with the context, if there is one; a second with the lists, and nothing after.
    context_end, _ = _message(words, starts, ends, _CONTEXT, odd)
    lists_end, lists_begin = _message(words, context_end, ends, _FEATURE_LISTS, odd)
    odd |= lists_end != ends

    found = np.zeros((len(context), 3, len(starts)), np.int64)
    contexts = RecordBlock(buffer, starts, context_end - starts)
    # What is read one by one has its steps read one by one too.
    lane = np.flatnonzero(~odd)
    few = int((lists_end - lists_begin)[lane].sum()) // thresholds.walked_steps_bytes
    odd[walk(buffer, contexts, context, found, lane, entries=few)] = True
    entries = _entries(words, lists, lists_begin, lists_end, odd)
    steps = _feature_steps(buffer, words, entries.begin, entries.end)
    odd[entries.record[~steps.good]] = True
    # Of entries with one key the last counts: it stands after the others.
    entry_of_name = np.full((len(lists), len(starts)), -1)
    named = np.flatnonzero(entries.name >= 0)
    entry_of_name[entries.name[named], entries.record[named]] = named
    # The integers of these are read, and so found to be too long, later.
    unread = steps.good.copy()
    unread[entry_of_name[entry_of_name >= 0]] = False
    long = (steps.kind == INT64_LIST) & (steps.end - steps.begin > MAX_VARINT_BYTES)
    rows = np.flatnonzero(long & unread[steps.entry])
    too_long = rows[unreadable_runs(buffer, steps.begin[rows], steps.end[rows])]
    odd[entries.record[steps.entry[too_long]]] = True

    decoded = {
        index: decode_at(block, index, decode_sequence_example, strict=strict)
        for index in np.flatnonzero(odd).tolist()
    }
    result = []
    stored = StoredValues(len(buffer))
    for number, name in enumerate(context):
        kinds, begins, stops = found[number]
        for index, (features, _) in decoded.items():
            kinds[index], begins[index], stops[index] = (
                stored.add(features[name]) if name in features else (MISSING, 0, 0)
            )
    # Decoded lists are entries after those that were found, and their steps are after all others.
    entry_of_name[:, odd] = -1
    more_counts: list[int] = []
    more_steps: list[tuple[int, int, int]] = []
    for index, (_, feature_lists) in decoded.items():
        for number, name in enumerate(lists):
            if name in feature_lists:
                entry_of_name[number, index] = len(steps.counts) + len(more_counts)
                more_counts.append(len(feature_lists[name]))
                more_steps += map(stored.add, feature_lists[name])
    counts, first = steps.counts, steps.first
    columns: Any = steps[:3]
    ordered = (steps.entry[1:] >= steps.entry[:-1]).all()
    if more_counts:
        added = np.array(more_counts, np.int64)
        counts = np.append(counts, added)
        first = np.append(first, len(steps.kind) + np.cumsum(added) - added)
        columns = np.hstack([columns, np.array(more_steps, np.int64).reshape(-1, 3).T])
    for entry in entry_of_name:
        present = entry >= 0
        each = np.zeros(len(starts), np.int64)
        each[present] = counts[entry[present]]
        rows = np.flatnonzero(each)
        chosen = entry[rows]
        if ordered and len(columns[0]) == each.sum() and (chosen[1:] > chosen[:-1]).all():
            # These are all steps that there are.
            result.append(ListSpans(Spans(*columns), each, present))
        else:
            source = np.repeat(first[chosen], each[rows]) + turns_of(each[rows])
            of_list = Spans(*(column[source] for column in columns))
            result.append(ListSpans(of_list, each, present))
    return stored.after(buffer), [Spans(*columns) for columns in found], result


def _message(
    words: Words,
    position: Int64Array,
    end: Int64Array,
    tag: np.uint64,
    odd: BoolArray,
) -> tuple[Int64Array, Int64Array]:
    """Read a message with this tag, where there is one; return where it ends, and where it begins.

    Where there is none both are the position.
    """
    word = words[position]
    there = (position < end) & (word & BYTE == tag)
    size, width, good = varints_in(word >> _8)
    begin = position + (1 + width)
    stop = begin + size
    good = good & (stop <= end)
    odd |= there & ~good
    there &= good
    return np.where(there, stop, position), np.where(there, begin, position)


class _Entries(NamedTuple):
    """The entries of all records' feature lists: record, number of the name or -1, and content."""

    record: Int64Array
    name: Int64Array
    begin: Int64Array
    end: Int64Array


def _entries(
    words: Words,
    names: Sequence[str],
    begin: Int64Array,
    end: Int64Array,
    odd: BoolArray,
) -> _Entries:
    """Go through the entries of all records in step; records that are not plain become odd."""
    keys = Keys(names)
    parts: list[tuple[Int64Array, ...]] = []
    lane = np.flatnonzero(~odd & (begin < end))
    position, stop = begin[lane], end[lane]
    while len(lane):
        word = words[position]
        size, width, good = varints_in(word >> _8)
        entry = position + (1 + width)
        after = entry + size
        good = good & (word & BYTE == _CONTEXT) & (after <= stop) & (size > KEY_HEAD)
        first = words[entry]
        value = entry + KEY_HEAD + 1 + (first >> _8 & BYTE).astype(np.int64)
        good &= value < after
        lane, entry, after, value, first, stop = _kept(
            odd, good, lane, entry, after, value, first, stop
        )
        if not len(lane):
            break
        good = np.ones(len(lane), np.bool_)
        number = keys.find(words, entry, first)
        number = np.full(len(lane), number) if isinstance(number, int) else number
        other = np.flatnonzero(number < 0)
        good[other] &= are_plain_keys(words, entry[other]) if len(other) else True
        size, width, fits = varints_in(words[value])
        content = value + width
        good &= fits & (content + size == after)
        lane, content, after, number, stop = _kept(odd, good, lane, content, after, number, stop)
        parts.append((lane, number, content, after))
        left = np.flatnonzero(after < stop)
        lane, position, stop = lane[left], after[left], stop[left]
    if not parts:
        return _Entries(*np.empty((4, 0), np.int64))
    return _Entries(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _kept(odd: BoolArray, good: Any, lane: Int64Array, *columns: Any) -> Any:
    """Return the rows that are good; the records of the others become odd."""
    good = np.broadcast_to(good, lane.shape)
    if good.all():
        return lane, *columns
    odd[lane[~good]] = True
    return lane[good], *(column[good] for column in columns)


def _feature_steps(
    buffer: Uint8Array, words: Words, begin: Int64Array, end: Int64Array
) -> FeatureSteps:
    """Find the steps of entries and read the headers of their Features.

    Entries whose steps all are short have them found by their form; of the others steps are found
    first, and then headers are read.
    """
    short = find_short_features(buffer, begin, end)
    rest = np.flatnonzero(~short.good)
    steps = find_steps(buffer, begin[rest], end[rest], features=True)
    good, counts, first = short.good.copy(), short.counts.copy(), short.first.copy()
    good[rest], counts[rest] = steps.good, steps.counts
    first[rest] = len(short.kind) + np.cumsum(steps.counts) - steps.counts
    if not len(steps.begin):
        return short._replace(first=first, counts=counts, good=good)
    # A header is told from the length before it, of one to three bytes.
    size = steps.end - steps.begin
    value = steps.begin - (1 + (size >= 0x80).astype(np.int64) + (size >= 0x4000))
    kind, payload, plain = read_values(buffer, words, value, steps.end)
    entry = np.repeat(rest, steps.counts)
    good[entry[~plain]] = False
    columns: Any = kind, payload, steps.end, entry
    if len(short.kind):
        columns = map(np.concatenate, zip(short[:4], columns, strict=True))
    return FeatureSteps._make([*columns, first, counts, good])
