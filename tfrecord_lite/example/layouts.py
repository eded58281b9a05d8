"""Layouts: records that differ in nothing but their values, recognised as a whole.

Examples that one program wrote fall into few byte layouts: the same keys in the same order, the
same lengths. Which bytes of a record are structure (tags, lengths, keys, and in an integer the bits
that say whether it goes on) and which are values is learned from one record. Another of the same
length, all of whose structure is the same, parses alike, with its values at the same offsets; a few
words compared tell such records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.kinds import BYTES_LIST, FLOAT_LIST, INT64_LIST, MISSING, STRING
from tfrecord_lite.example.varints import decode_varints
from tfrecord_lite.example.wire import read_length
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array
    from tfrecord_lite.example.unknown import UnknownFeatures
    from tfrecord_lite.example.words import Words

__all__ = ["Layouts"]

# NumPy takes as long to begin a row as for some twenty words of it, so short ones are compared for
# many records at a time; rows of so many words are long enough.
_WORDS_AT_ONCE: Final = 128


class _ValueSpan(NamedTuple):
    """Where a feature's values lie in a record, as in `Spans`."""

    kind: int
    begin: int
    end: int


class _Segment(NamedTuple):
    """Structure, in words: where in the record, the words, and masks of what in them must hold.

    ``width`` words are a record's; short ones are there several times, to be compared with those of
    several records at a time.
    """

    at: int
    width: int
    words: Words
    masks: Words


class _Layout:
    """What the records of a layout have in common."""

    def __init__(self, record: bytes, names: Sequence[bytes]) -> None:
        """Learn the layout of a record; ExampleError where it is not of the plain form."""
        mask = np.full(len(record), 0xFF, np.uint8)
        value_spans = {}
        for key, place in _entries(record):
            value_spans[key] = place
            mask[place.begin : place.end] = 0x80 if place.kind == INT64_LIST else 0
        nowhere = _ValueSpan(MISSING, 0, 0)
        self.value_spans = [value_spans.get(name, nowhere) for name in names]
        wanted = set(names)
        self.others = [
            key.decode()
            for key, place in value_spans.items()
            if key not in wanted and place.kind != MISSING
        ]
        self._segments = list(_segments(np.frombuffer(record, np.uint8), mask))

    def has(self, buffer: Uint8Array, starts: Int64Array) -> BoolArray:
        """Tell which of the records of this length that start here have the layout."""
        right = np.ones(len(starts), np.bool_)
        for at, width, words, masks in self._segments:
            size = 8 * width
            every: Any = np.ndarray(
                (len(buffer) - size + 1,), f"V{size}", buffer=buffer, strides=(1,)
            )
            found = every[starts + at].view("<u8")
            whole = len(found) // len(words) * len(words)
            for part in (found[:whole].reshape(-1, len(words)), found[whole:]):
                np.bitwise_xor(part, words[: part.shape[-1]], out=part)
                np.bitwise_and(part, masks[: part.shape[-1]], out=part)
            if found.any():
                right &= ~found.reshape(len(starts), width).any(axis=1)
        return right


def _entries(data: bytes) -> Iterator[tuple[bytes, _ValueSpan]]:
    """Yield key and place of each feature of a record in plain form, no list of several strings."""
    position = _inside(data, 0, 0x0A, len(data))
    while position < len(data):
        entry, end = read_length(data, position + 1, len(data))
        _expect(data[position] == 0x0A and entry < end and data[entry] == 0x0A)
        key, value = read_length(data, entry + 1, end)
        _expect(data[key:value].isascii())
        feature = _inside(data, value, 0x12, end)
        yield data[key:value], _value_span(data, feature, end)
        position = end


def _value_span(data: bytes, feature: int, end: int) -> _ValueSpan:
    if feature == end:
        return _ValueSpan(MISSING, end, end)
    kind = data[feature]
    _expect(kind in (BYTES_LIST, FLOAT_LIST, INT64_LIST))
    begin = _inside(data, feature, kind, end)
    if begin == end:
        return _ValueSpan(kind, end, end)
    begin = _inside(data, begin, 0x0A, end)
    size = end - begin
    if kind == FLOAT_LIST:
        _expect(size % 4 == 0)
    elif kind == INT64_LIST:
        _expect(size <= thresholds.layout_integer_bytes)
        decode_varints(np.frombuffer(data, np.uint8, size, begin))
    return _ValueSpan(STRING if kind == BYTES_LIST else kind, begin, end)


def _inside(data: bytes, position: int, tag: int, end: int) -> int:
    """Return where the content begins that this tag has, and that must go on to ``end``."""
    _expect(position < end and data[position] == tag)
    begin, stop = read_length(data, position + 1, end)
    _expect(stop == end)
    return begin


def _expect(right: bool) -> None:
    if not right:
        raise ExampleError("not of the plain form")


def _segments(record: Uint8Array, mask: Uint8Array) -> Iterator[_Segment]:
    """Cut the structure into segments, around values of many bytes."""
    used = np.flatnonzero(mask)
    cuts = np.flatnonzero(np.diff(used) > thresholds.layout_gap_bytes)
    begins = [int(used[0]), *used[cuts + 1].tolist()]
    ends = [*(used[cuts] + 1).tolist(), len(record)]
    for begin, end in zip(begins, ends, strict=True):
        both = np.zeros((2, -(-(end - begin) // 8) * 8), np.uint8)
        both[0, : end - begin] = record[begin:end] & mask[begin:end]
        both[1, : end - begin] = mask[begin:end]
        width = both.shape[1] // 8
        words, masks = np.tile(both.view("<u8"), max(_WORDS_AT_ONCE // width, 1))
        yield _Segment(begin, width, words, masks)


class Layouts:
    """The layouts seen so far of records in which the features of these names are looked for."""

    def __init__(self, names: Sequence[str], unknown: UnknownFeatures | None = None) -> None:
        self._names = [name.encode() for name in names]
        self.unknown = unknown
        """Where features are noted that have none of the names."""
        self._known: dict[int, _OfLength] = {}

    def locate(
        self,
        buffer: Uint8Array,
        starts: Int64Array,
        lengths: Int64Array,
        found: Int64Array,
    ) -> Int64Array:
        """Say where the features lie in records of known layouts; return the other records.

        ``found`` is ``[names, 3, records]``, with the rows of `Spans`, and filled here. The other
        records come grouped by length.
        """
        others = [np.empty(0, np.int64)]
        for length, rows in _by_length(lengths):
            if (
                length not in self._known
                and length
                and len(self._known) < thresholds.layout_lengths
            ):
                self._known[length] = _OfLength(length, self._names)
            known = self._known.get(length)
            others.append(
                known.locate(buffer, starts, rows, found, self.unknown) if known else rows
            )
        return np.concatenate(others)


class _OfLength:
    """The layouts of one length."""

    def __init__(self, length: int, names: Sequence[bytes]) -> None:
        self._length = length
        self._names = names
        self._layouts: list[_Layout] = []
        self._gave_up = False

    def locate(
        self,
        buffer: Uint8Array,
        starts: Int64Array,
        rows: Int64Array,
        found: Int64Array,
        unknown: UnknownFeatures | None,
    ) -> Int64Array:
        left = rows
        index = 0
        fresh = len(self._layouts)
        while len(left) and not self._gave_up:
            if index == len(self._layouts) and not self._learn(buffer, starts, left):
                break
            layout = self._layouts[index]
            right = layout.has(buffer, starts[left])
            if index >= fresh and thresholds.layout_share * np.count_nonzero(right) < len(left):
                # Hardly another record is like it: the next one would teach as little.
                self._gave_up = True
            _fill(found, layout.value_spans, left[right], starts)
            if unknown is not None and right.any():
                for name in layout.others:
                    unknown.add(name, int(left[right].min()))
            left = left[~right]
            index += 1
        return left

    def _learn(self, buffer: Uint8Array, starts: Int64Array, left: Int64Array) -> bool:
        """Learn the layout of the first of these records, if it seems worth while."""
        if len(left) < thresholds.layout_records:
            return False
        start = int(starts[left[0]])
        try:
            _expect(len(self._layouts) < thresholds.layouts_per_length)
            record = buffer[start : start + self._length].tobytes()
            self._layouts.append(_Layout(record, self._names))
        except ExampleError:
            # Records of this length are too different, or of no plain form.
            self._gave_up = True
        return not self._gave_up


def _by_length(lengths: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Yield lengths and which records have each; or 0 and all records, where that does not pay."""
    every = np.arange(len(lengths))
    longest = int(lengths.max(initial=0))
    alike = len(lengths) and int(lengths.min()) == longest
    if alike and len(lengths) >= thresholds.layout_records:
        yield longest, every
        return
    if longest < thresholds.layout_record_bytes:
        sizes = np.flatnonzero(np.bincount(lengths)).tolist()
        if len(sizes) * thresholds.records_per_length <= len(lengths):
            for size in sizes:
                yield size, np.flatnonzero(lengths == size)
            return
    yield 0, every


def _fill(
    found: Int64Array,
    value_spans: Sequence[_ValueSpan],
    rows: Int64Array,
    starts: Int64Array,
) -> None:
    where: Any = rows if len(rows) < len(starts) else slice(None)
    begins = starts[where]
    for columns, (kind, begin, end) in zip(found, value_spans, strict=True):
        if kind != MISSING:
            columns[0][where] = kind
            columns[1][where] = begins + begin
            columns[2][where] = begins + end
