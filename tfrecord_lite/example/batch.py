"""Columns to a block of serialized Examples, without a Python object for each value.

Each record is what `encode_example` makes of its row: the features in the order of their names,
each an entry::

    0a <n>  0a <n> key  12 <n>  kind <n>  0a <n> payload

The payloads of a column lie one after another in one buffer. Entries with payloads of one size have
the same bytes before the payload, so for each size there is one gather and one scatter. Between the
records room is left for their frames, which `RecordWriter` fills in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.column_payloads import FirstRow, Payloads, column_payloads
from tfrecord_lite.example.column_values import known_columns, row_count
from tfrecord_lite.example.encode import entry_key, sorted_names
from tfrecord_lite.example.kinds import BYTES_LIST
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.values import check_size
from tfrecord_lite.example.varints import varint_sizes
from tfrecord_lite.example.wire import varint
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, RecordBlock
from tfrecord_lite.thresholds import limits, thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["encode_blocks", "encode_examples", "encode_rows"]

# So many rows tell how many make a block.
_FIRST_ROWS = 64


def encode_examples(
    columns: Mapping[str, object], features: Mapping[str, Any] | None = None
) -> RecordBlock:
    r"""Encode a batch of columns: record i is `encode_example` of the i-th element of each.

    A column is an array (its first dimension counts the records), a list, or a `Ragged`; a Series
    of pandas is taken in its order. None in a list or object column leaves the feature out of that
    record; an empty list or row keeps it. ``features`` is that of `encode_example`.

    >>> block = encode_examples({"label": np.array([3, 4])})
    >>> len(block), block[1]
    (2, b'\n\x10\n\x0e\n\x05label\x12\x05\x1a\x03\n\x01\x04')

    Raises `ExampleError` as `encode_example` does, naming feature and row, for rows of one column
    that are of several kinds (integers and floats, without ``features``), and for a `Ragged` whose
    row_splits do not fit its values; ValueError for columns of different lengths; TypeError for
    what is no column.
    """
    return encode_rows(columns, features)


def encode_blocks(
    columns: Mapping[str, object],
    features: Mapping[str, Any] | None = None,
    *,
    first_row: int = 0,
    kinds: dict[str, FirstRow | None] | None = None,
) -> Iterator[RecordBlock]:
    """Encode columns as `encode_examples`, in blocks of some MB: never all of them at once.

    Errors count the rows from ``first_row``; ``kinds`` keeps the kind of each column from one call
    to the next.

    >>> [len(block) for block in encode_blocks({"label": range(100)})]
    [64, 36]
    """
    features = normalize_features(features) if features else None
    known = known_columns(columns, features)
    rows = row_count(known)
    kinds = {} if kinds is None else kinds
    begin, step = 0, _FIRST_ROWS
    while begin < rows:
        end = min(begin + step, rows)
        part = {name: column[begin:end] for name, column in known.items()}
        block = encode_rows(part, features, first_row=first_row + begin, kinds=kinds)
        step = max(limits.encoded_bytes * len(block) // len(block.buffer), 1)
        begin = end
        yield block


def encode_rows(
    columns: Mapping[str, object],
    features: Mapping[str, Any] | None,
    *,
    first_row: int = 0,
    kinds: dict[str, FirstRow | None] | None = None,
) -> RecordBlock:
    """Encode part of a batch, as `encode_examples`; errors count the rows from ``first_row``.

    ``kinds`` keeps the kind of each column from one part to the next.
    """
    features = normalize_features(features) if features else None
    known = known_columns(columns, features)
    rows = row_count(known)
    kinds = {} if kinds is None else kinds
    entries = []
    for name in sorted_names(known):
        key = entry_key(name)
        spec = None if features is None else features.get(name)
        try:
            column, kinds[name] = column_payloads(
                known[name], rows, spec, first_row=first_row, first=kinds.get(name)
            )
        except ExampleError as error:
            raise ExampleError(f"feature {quote(name)}: {error.reason}") from None
        entries.append(_Entries(key, column))
    return _lay_out(entries, rows)


class _Entries:
    """A column's map entries, and how large each is."""

    def __init__(self, key: bytes, column: Payloads) -> None:
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
        entry = self._key + varint(whole) + feature
        return b"\x0a" + varint(len(entry) + size) + entry

    def add_sizes(self, total: Int64Array) -> None:
        """Add the entries' sizes to those of their records."""
        rows = self._column.rows
        total[slice(None) if rows is None else rows] += self._entry_sizes

    def put(self, buffer: Uint8Array, position: Int64Array) -> None:
        """Write the entries where their records stand, and move these on."""
        column = self._column
        rows: Any = slice(None) if column.rows is None else column.rows
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


def _items(buffer: Uint8Array, size: int) -> Any:
    """View a buffer as items of ``size`` bytes, one beginning at each byte."""
    count = max(len(buffer) - size + 1, 0)
    return np.ndarray((count,), f"V{size}", buffer=buffer, strides=(1,))


def _put(buffer: Uint8Array, at: Int64Array, prefix: bytes, payloads: Any, size: int) -> None:
    """Write the same prefix, and behind it a payload of its own, at each of these places."""
    start = np.frombuffer(prefix, np.uint8)
    if size >= thresholds.copied_payload_bytes:
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


def _as_items(payloads: Any, size: int) -> Any:
    return np.ascontiguousarray(payloads).view(f"V{size}").reshape(-1)


def _lay_out(entries: Sequence[_Entries], rows: int) -> RecordBlock:
    """Put the records into one buffer, with room for the frames between them."""
    bodies = np.zeros(rows, np.int64)
    for column in entries:
        column.add_sizes(bodies)
    heads = 1 + varint_sizes(bodies)
    lengths = heads + bodies
    check_size(int(lengths.max(initial=0)))
    ends = np.cumsum(lengths + FRAME_OVERHEAD)
    starts = ends - (lengths + FRAME_OVERHEAD) + HEADER_SIZE
    buffer = np.empty(int(ends[-1]) if rows else 0, np.uint8)
    buffer[starts] = 0x0A
    for index in range(int(heads.max(initial=1)) - 1):
        here = np.flatnonzero(heads > index + 1)
        more = (heads[here] > index + 2).astype(np.uint8) << 7
        buffer[starts[here] + 1 + index] = (bodies[here] >> 7 * index & 0x7F).astype(
            np.uint8
        ) | more
    position = starts + heads
    for column in entries:
        column.put(buffer, position)
    return RecordBlock(buffer, starts, lengths)
