"""Where the values of named features lie in the Examples of a block: found for all records in step.

What a protobuf writer makes of an Example has a plain form: entries of key and value, one list
each, each list of numbers one packed run::

    0a <n> { 0a <n>  0a <n> key  12 <n>  kind <n>  0a <n> payload }

`find_spans` walks all records of a block at once, an entry of each at a time: a column of
positions, a gather of the eight bytes there, arithmetic on whole columns. A record that is not of
the plain form, or in which a length does not end where it must, leaves the walk. It is read by
`decode_example`, which holds for all bytes, and what it gives is stored after the block in
plain form, so that nobody downstream need know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.gather import gathered
from tfrecord_lite.example.keys import KEY_HEAD, Keys, are_plain_keys
from tfrecord_lite.example.kinds import BYTES_LIST as BYTES
from tfrecord_lite.example.kinds import FLOAT_LIST as FLOAT
from tfrecord_lite.example.kinds import INT64_LIST as INT64
from tfrecord_lite.example.kinds import MISSING, STRING
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.steps import find_steps
from tfrecord_lite.example.value_headers import LARGEST_VALUE_SIZE, read_headers, read_large_headers
from tfrecord_lite.example.varints import encode_varints
from tfrecord_lite.example.wire import MAX_VARINT_BYTES, varint
from tfrecord_lite.example.words import BYTE, Words, as_words, varints_in
from tfrecord_lite.records.framing import SLACK_BYTES, RecordBlock
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array
    from tfrecord_lite.example.unknown import UnknownFeatures

__all__ = [
    "BYTES",
    "FLOAT",
    "INT64",
    "MISSING",
    "STRING",
    "Spans",
    "StoredValues",
    "decode_at",
    "error_at",
    "find_spans",
    "read_values",
    "unreadable_runs",
    "walk",
]

T = TypeVar("T")

_8: Final = np.uint64(8)
_TAG_1: Final = np.uint64(0x0A)


class Spans(NamedTuple):
    """Where each record's values of one feature lie: int64 ``[records]`` each.

    ``kind`` is the tag of its list, or `MISSING` where there is no feature or it has no kind. The
    payload is ``buffer[begin:end]``: the packed run of numbers, or a whole bytes_list, tags and
    lengths included. `STRING` stands for a bytes_list of one, and the payload is that byte string.
    """

    kind: Int64Array
    begin: Int64Array
    end: Int64Array

    @property
    def sizes(self) -> Int64Array:
        """Bytes of the payloads."""
        return self.end - self.begin


def find_spans(
    block: RecordBlock,
    names: Sequence[str],
    layouts: Layouts | None = None,
    *,
    strict: bool = True,
) -> tuple[Uint8Array, list[Spans]]:
    """Find the values of the features with these names in each record.

    Returns a buffer and for each name its `Spans` there. Every record is read as protobuf reads it:
    of equal keys the last counts, and a record that protobuf refuses raises `ExampleError`, with
    its place, whichever feature of it is malformed. ``layouts``, made of the same names, remembers
    the layouts of blocks seen before; ``strict`` is that of `decode_example`.
    """
    buffer, starts, lengths = block.padded_buffer(), block.starts, block.lengths
    found = np.zeros((len(names), 3, len(starts)), np.int64)
    layouts = layouts or Layouts(names)
    rest = layouts.locate(buffer, starts, lengths, found)
    irregular = walk(buffer, block, names, found, rest, layouts.unknown)
    spans = [Spans(*columns) for columns in found]
    if len(irregular):
        buffer = _read_one_by_one(
            block, buffer, irregular, names, spans, layouts.unknown, strict=strict
        )
    return buffer, spans


def walk(
    buffer: Uint8Array,
    block: RecordBlock,
    names: Sequence[str],
    found: Int64Array,
    lane: Int64Array,
    unknown: UnknownFeatures | None = None,
    *,
    entries: int = 0,
) -> Int64Array:
    """Walk some records of a block; return those that must be read one by one.

    Few of them are walked for so many ``entries`` at least.
    """
    if not len(lane):
        return lane
    walk = _Walk(buffer, lane, block.starts[lane], block.lengths[lane], names, found, unknown)
    walk.enter()
    if int(block.lengths[lane].sum()) >= thresholds.walked_bytes:
        entries = max(entries, thresholds.walked_large_entries)
    while (left := len(walk.position)) >= thresholds.walked_records or (left and entries > 0):
        walk.step()
        entries -= 1
    walk.leave(np.ones(left, np.bool_))
    irregular = np.concatenate([*walk.irregular, walk.unreadable_runs()])
    # At its first call NumPy imports what takes longer than a batch.
    return np.unique(irregular) if len(irregular) else irregular


class _Walk:
    """Records of a block on their way through their entries.

    ``position`` and ``end`` are columns over the records still under way, ``lane`` says which they
    are; ``found`` is ``[names, 3, records]``, with the rows of `Spans`.
    """

    def __init__(
        self,
        buffer: Uint8Array,
        lane: Int64Array,
        starts: Int64Array,
        lengths: Int64Array,
        names: Sequence[str],
        found: Int64Array,
        unknown: UnknownFeatures | None,
    ) -> None:
        self._buffer = buffer
        self._words: Words = as_words(buffer)
        self._keys = Keys(names)
        self._found = found
        self._stored = np.zeros(len(names), np.bool_)  # the names that some record had so far
        self._unknown = unknown
        self.irregular: list[Int64Array] = [np.empty(0, np.int64)]
        self._unread: list[tuple[Int64Array, Int64Array, Int64Array]] = []
        self.lane = lane
        self._ascending = bool((np.diff(lane) > 0).all())
        self.position = starts
        self.end = starts + lengths

    def keep(self, left: BoolArray) -> None:
        """Go on with these alone."""
        if not left.all():
            rows = np.flatnonzero(left)
            self.lane = self.lane.take(rows)
            self.position = self.position.take(rows)
            self.end = self.end.take(rows)

    def leave(self, odd: BoolArray) -> None:
        """Take records out that must be read one by one."""
        if odd.any():
            self.irregular.append(self.lane[odd])
            self.keep(~odd)

    def _message(self) -> tuple[Int64Array, Int64Array, BoolArray]:
        """Read field 1, a message; return its begin and end, and where that is inside."""
        word = self._words[self.position]
        size, width, good = varints_in(word >> _8)
        begin = self.position + (1 + width)
        end = begin + size
        return begin, end, good & (word & BYTE == _TAG_1) & (end <= self.end)

    def enter(self) -> None:
        """Go into the Features message, which is all of a plain record that is not empty."""
        self.keep(self.position < self.end)
        begin, end, good = self._message()
        self.position = begin
        self.leave(~(good & (end == self.end)))
        self.keep(self.position < self.end)

    def step(self) -> None:
        """Take one entry of each record, or only take records out."""
        entry, end, good = self._message()
        if not good.all():
            self.leave(~good)
            return
        first = self._words[entry]
        value = entry + KEY_HEAD + 1 + (first >> _8 & BYTE).astype(np.int64)
        good = value < end
        if not good.all():
            self.leave(~good)
            return
        kind, begin, good = read_values(self._buffer, self._words, value, end)
        other = self._store(entry, first, (kind, begin, end))
        if len(other):
            good[other] &= are_plain_keys(self._words, entry[other])
            if self._unknown is not None:
                new = other[good[other] & (kind[other] != MISSING)]
                self._unknown.add_entries(self._words, entry[new], first[new], self.lane[new])
            self._check_later(self.lane[other], kind[other], begin[other], end[other])
        self.position = end
        self.leave(~good)
        self.keep(self.position < self.end)

    def _store(self, entry: Int64Array, first: Words, spans: tuple[Int64Array, ...]) -> Int64Array:
        """Store the spans by the names that the keys are; return the rows with none of these."""
        number = self._keys.find(self._words, entry, first)
        if isinstance(number, int):
            if number < 0:
                return np.arange(len(entry))
            # As many records as there are, are not yet all of them in their order.
            every = self._ascending and len(entry) == self._found.shape[2]
            where = slice(None) if every else self.lane
            if self._stored[number]:
                self._check_later(self.lane, *self._found[number][:, where])
            self._stored[number] = True
            for row, column in zip(self._found[number], spans, strict=True):
                row[where] = column
            return np.empty(0, np.int64)
        rows = np.flatnonzero(number >= 0)
        _, columns, records = self._found.shape
        flat = self._found.reshape(-1)
        place = number[rows] * (columns * records) + self.lane[rows]
        if self._stored[number[rows]].any():
            self._check_later(
                self.lane[rows], flat[place], flat[place + records], flat[place + 2 * records]
            )
        self._stored[number[rows]] = True
        for column in spans:
            flat[place] = column[rows]
            place += records
        return np.flatnonzero(number < 0)

    def _check_later(
        self, lane: Int64Array, kind: Int64Array, begin: Int64Array, end: Int64Array
    ) -> None:
        """Note values that nobody will read: nobody asked, or the key comes again."""
        rows = np.flatnonzero((kind == INT64) & (end - begin > MAX_VARINT_BYTES))
        if len(rows):
            self._unread.append((lane[rows], begin[rows], end[rows]))

    def unreadable_runs(self) -> Int64Array:
        """Return the records with an integer of over ten bytes in values that nobody reads."""
        if not self._unread:
            return np.empty(0, np.int64)
        lanes, begins, ends = (np.concatenate(column) for column in zip(*self._unread, strict=True))
        return np.asarray(lanes[unreadable_runs(self._buffer, begins, ends)], np.int64)


def read_values(
    buffer: Uint8Array, words: Words, value: Int64Array, end: Int64Array
) -> tuple[Int64Array, Int64Array, BoolArray]:
    """Read values, Features from their length on, that must go on to ``end``, none empty.

    Returns kind and begin of their payloads, as in `Spans`, and which are of the plain form.
    """
    value_size = end - value
    headers = read_headers(words[value], value_size)
    if value_size.max() > LARGEST_VALUE_SIZE:
        rows = np.flatnonzero(value_size > LARGEST_VALUE_SIZE)
        large = read_large_headers(buffer, words, value[rows], value_size[rows])
        for column, of_large in zip(headers, large, strict=True):
            column[rows] = of_large
    kind, header_size, good, single = headers
    begin = value + header_size
    is_bytes = kind == BYTES
    if not is_bytes.all():
        size = end - begin
        good &= (kind != FLOAT) | (size & 3 == 0)
        good &= (kind != INT64) | (size == 0) | (buffer.take(end - 1) < 0x80)
    several = np.flatnonzero(is_bytes & ~single & good & (begin < end))
    if len(several):
        good[several] &= find_steps(buffer, begin[several], end[several]).good
    kind[is_bytes & single] = STRING
    return kind, begin, good


def unreadable_runs(buffer: Uint8Array, begins: Int64Array, ends: Int64Array) -> Int64Array:
    """Return the numbers of the packed runs, none empty, with an integer of over ten bytes.

    Every run ends with the last byte of an integer, so none reaches over into the next.
    """
    data = gathered(buffer, begins, ends - begins)
    stops = np.flatnonzero(data < 0x80)
    too_long = stops[np.diff(stops, prepend=-1) > MAX_VARINT_BYTES]
    return np.asarray(np.searchsorted(np.cumsum(ends - begins), too_long, "right"), np.int64)


def _read_one_by_one(
    block: RecordBlock,
    buffer: Uint8Array,
    irregular: Int64Array,
    names: Sequence[str],
    spans: list[Spans],
    unknown: UnknownFeatures | None,
    *,
    strict: bool,
) -> Uint8Array:
    """Decode irregular records, store their values after the buffer, and correct the spans."""
    stored = StoredValues(len(buffer))
    for index in irregular.tolist():
        values = decode_at(block, index, decode_example, strict=strict)
        if unknown is not None:
            unknown.add_record(values, set(names), index)
        for name, (kinds, begins, ends) in zip(names, spans, strict=True):
            kinds[index], begins[index], ends[index] = stored.add(values.get(name))
    return stored.after(buffer)


class StoredValues:
    """Decoded values in the form that `Spans` have, to be stored after a buffer of such a size."""

    def __init__(self, size: int) -> None:
        self._at = size
        self._payloads: list[bytes] = []

    def add(self, value: Any) -> tuple[int, int, int]:
        """Store a value; return its kind, and where its payload begins and ends."""
        kind, payload = _plain_form(value)
        begin = self._at
        self._payloads.append(payload)
        self._at += len(payload)
        return kind, begin, self._at

    def after(self, buffer: Uint8Array) -> Uint8Array:
        """Return the buffer with all of them after it."""
        if not self._payloads:
            return buffer
        payloads = b"".join([*self._payloads, bytes(SLACK_BYTES)])
        return np.concatenate([buffer, np.frombuffer(payloads, np.uint8)])


def _plain_form(value: Any) -> tuple[int, bytes]:
    """Return the kind of a decoded value, and its payload as `Spans` has it."""
    if value is None:
        return MISSING, b""
    if isinstance(value, list):
        return BYTES, b"".join([b"\x0a" + varint(len(item)) + item for item in value])
    if value.dtype == np.int64:
        return INT64, encode_varints(value).tobytes()
    return FLOAT, value.astype("<f4").tobytes()


def decode_at(block: RecordBlock, index: int, decode: Callable[..., T], *, strict: bool) -> T:
    """Decode one record of a block; what is wrong with it is told with its place."""
    try:
        return decode(block[index], strict=strict)
    except ExampleError as error:
        raise error_at(block, index, error.reason) from None


def error_at(block: RecordBlock, index: int, reason: str) -> ExampleError:
    """Make the error about one record of a block, with its place in the file."""
    path = block.path_of(index)
    return ExampleError(
        reason,
        path=path,
        record=block.number(index),
        offset=None if path is None else block.offset(index),
    )
