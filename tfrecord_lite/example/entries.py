"""Payloads in one buffer, each after the tags and lengths that say what it is.

The payloads of a column lie one after another in a buffer of their own. Entries with payloads of
one size have the same bytes before the payload, so for each size there is one gather and one
scatter. Between the records space is left for their frames, which `RecordWriter` fills in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.example.composites import splits_of
from tfrecord_lite.example.kinds import BYTES_LIST
from tfrecord_lite.example.values import check_size
from tfrecord_lite.example.varints import varint_sizes
from tfrecord_lite.example.wire import varint
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, RecordBlock
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import AnyArray, Int64Array, Uint8Array
    from tfrecord_lite.example.column_payloads import Payloads

__all__ = ["Entries", "StepLists", "lay_out"]

_ENTRY = 0x0A
# A step of no kind: an empty Feature.
_NO_KIND = b"\x0a\x00"


class Entries:
    """A column's map entries, and how large each is; without ``key`` the steps of a list."""

    def __init__(self, column: Payloads, key: bytes | None) -> None:
        self._key = key
        self._column = column
        sizes, group = np.unique(column.sizes, return_inverse=True)
        self._prefixes = [self._prefix(size) for size in sizes.tolist()]
        self._sizes = sizes
        self._group = group.reshape(-1)
        wholes = np.fromiter(map(len, self._prefixes), np.int64, len(sizes)) + sizes
        self._entry_sizes = wholes[self._group]

    def _prefix(self, size: int) -> bytes:
        """Return all of an entry that stands before a payload of this size."""
        kind = self._column.kind
        if kind == 0:
            feature, whole = b"", size
        else:
            # A list of numbers without any has no run; a bytes_list has one string, if an empty
            # one.
            run = b"\x0a" + varint(size) if size or kind == BYTES_LIST else b""
            feature = bytes((kind,)) + varint(len(run) + size) + run
            whole = len(feature) + size
        entry = feature if self._key is None else self._key + varint(whole) + feature
        return b"\x0a" + varint(len(entry) + size) + entry

    @property
    def _rows(self) -> Any:
        return slice(None) if self._column.rows is None else self._column.rows

    def add_sizes(self, total: Int64Array) -> None:
        """Add the entries' sizes to those of their records."""
        total[self._rows] += self._entry_sizes

    def put(self, buffer: Uint8Array, position: Int64Array) -> None:
        """Write the entries where their records stand, and move these on."""
        column, rows = self._column, self._rows
        at = position[rows]
        if isinstance(column.content, list):
            self._put_strings(buffer, at, column.content)
        else:
            self._put_runs(buffer, at, column.content)
        position[rows] += self._entry_sizes

    def _put_runs(self, buffer: Uint8Array, at: Int64Array, content: Uint8Array) -> None:
        if len(self._sizes) == 1:
            size = int(self._sizes[0])
            payloads = content.reshape(-1, size) if size else None
            _put(buffer, at, self._prefixes[0], payloads, size)
            return
        begins = np.cumsum(self._column.sizes) - self._column.sizes
        # The records by the size of their payload: one pass, however many sizes there are.
        # NumPy sorts narrow integers several times as fast.
        narrow = np.min_scalar_type(len(self._sizes))
        by_size = np.argsort(self._group.astype(narrow), kind="stable")
        ends = np.cumsum(np.bincount(self._group, minlength=len(self._sizes))).tolist()
        end = 0
        for size, prefix, stop in zip(self._sizes.tolist(), self._prefixes, ends, strict=True):
            of_size = by_size[end:stop]
            end = stop
            payloads = _items(content, size)[begins[of_size]] if size else None
            _put(buffer, at[of_size], prefix, payloads, size)

    def _put_strings(self, buffer: Uint8Array, at: Int64Array, content: list[bytes]) -> None:
        if int(self._column.sizes.sum()) < thresholds.copied_payload_bytes * len(content):
            joined = np.frombuffer(b"".join(content), np.uint8)
            self._put_runs(buffer, at, joined)
            return
        view = buffer.data
        prefixes = self._prefixes
        for begin, group, value in zip(at.tolist(), self._group.tolist(), content, strict=True):
            prefix = prefixes[group]
            middle = begin + len(prefix)
            view[begin:middle] = prefix
            view[middle : middle + len(value)] = value


class StepLists:
    """A feature list's map entries: the steps of all records, so many of each.

    ``counts``, int64 ``[rows]``, is how many each has, and ``rows`` which records have the list
    (all where it is None).
    """

    def __init__(
        self, steps: Payloads, key: bytes, counts: Int64Array, rows: Int64Array | None
    ) -> None:
        self._steps = Entries(steps, None)
        self._key = key
        self._rows: Any = slice(None) if rows is None else rows
        self._counts = counts
        sizes = np.full(int(counts.sum()), len(_NO_KIND))
        sizes[slice(None) if steps.rows is None else steps.rows] = 0
        self._no_kind = np.flatnonzero(sizes)
        self._steps.add_sizes(sizes)
        # Where each step begins, were there nothing but these, and where the last one ends.
        self._bounds = splits_of(sizes)
        bounds = self._bounds[splits_of(counts)]
        self._begins, self._contents = bounds[:-1], np.diff(bounds)
        self._wholes = len(key) + varint_sizes(self._contents) + self._contents

    def add_sizes(self, total: Int64Array) -> None:
        """Add the entries' sizes to those of their records."""
        total[self._rows] += 1 + varint_sizes(self._wholes) + self._wholes

    def put(self, buffer: Uint8Array, position: Int64Array) -> None:
        """Write the entries where their records stand, and move these on."""
        at = _put_head(buffer, position[self._rows], _ENTRY, self._wholes)
        _put(buffer, at, self._key, None, 0)
        at = _put_varints(buffer, at + len(self._key), self._contents)
        steps = np.repeat(at - self._begins, self._counts) + self._bounds[:-1]
        empty = steps[self._no_kind]
        self._steps.put(buffer, steps)
        _put(buffer, empty, _NO_KIND, None, 0)
        position[self._rows] = at + self._contents


def lay_out(parts: Sequence[tuple[int, Sequence[Entries | StepLists]]], rows: int) -> RecordBlock:
    """Put records into one buffer, with space for the frames between them.

    Each part is a message of the records: its tag, and what is in it.
    """
    bodies = []
    lengths = np.zeros(rows, np.int64)
    for _, entries in parts:
        body = np.zeros(rows, np.int64)
        for column in entries:
            column.add_sizes(body)
        bodies.append(body)
        lengths += 1 + varint_sizes(body) + body
    check_size(int(lengths.max(initial=0)))
    ends = np.cumsum(lengths + FRAME_OVERHEAD)
    starts = ends - (lengths + FRAME_OVERHEAD) + HEADER_SIZE
    buffer = np.empty(int(ends[-1]) if rows else 0, np.uint8)
    position = starts
    for (tag, entries), body in zip(parts, bodies, strict=True):
        position = _put_head(buffer, position, tag, body)
        for column in entries:
            column.put(buffer, position)
    block = RecordBlock(buffer, starts, lengths)
    block.has_space = True
    return block


def _put_head(buffer: Uint8Array, at: Int64Array, tag: int, sizes: Int64Array) -> Int64Array:
    """Write a tag and a size at each of these places, and return where these end."""
    buffer[at] = tag
    return _put_varints(buffer, at + 1, sizes)


def _put_varints(buffer: Uint8Array, at: Int64Array, values: Int64Array) -> Int64Array:
    """Write a varint at each of these places, and return where these end."""
    widths = varint_sizes(values)
    for index in range(int(widths.max(initial=0))):
        here: Any = slice(None) if index == 0 else np.flatnonzero(widths > index)
        more = (widths[here] > index + 1).astype(np.uint8) << 7
        low = (values[here] >> 7 * index & 0x7F).astype(np.uint8)
        buffer[at[here] + index] = low | more
    ends: Int64Array = at + widths
    return ends


def _items(buffer: Uint8Array, size: int) -> Any:
    """View a buffer as items of ``size`` bytes, one beginning at each byte."""
    count = max(len(buffer) - size + 1, 0)
    return np.ndarray((count,), f"V{size}", buffer=buffer, strides=(1,))


def _put(buffer: Uint8Array, at: Int64Array, prefix: bytes, payloads: Any, size: int) -> None:
    """Write the same prefix, and after it a payload of its own, at each of these places."""
    start = np.frombuffer(prefix, np.uint8)
    if size and size >= thresholds.copied_payload_bytes:
        # Row by row: NumPy's own scatter of large items takes several times as long.
        view, rows = buffer.data, _as_items(payloads, size).view(np.uint8).data
        for row, middle in enumerate((at + len(start)).tolist()):
            view[middle : middle + size] = rows[row * size : (row + 1) * size]
        size = 0
    entry = np.empty((len(at), len(start) + size), np.uint8)
    entry[:, : len(start)] = start
    if size:
        entry[:, len(start) :] = _as_items(payloads, size).view(np.uint8).reshape(-1, size)
    width = entry.shape[1]
    _items(buffer, width)[at] = entry.view(f"V{width}").reshape(-1)


def _as_items(payloads: Any, size: int) -> AnyArray:
    items: AnyArray = np.ascontiguousarray(payloads).view(f"V{size}").reshape(-1)
    return items
