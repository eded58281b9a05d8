"""Columns to a block of serialized Examples, without a Python object for each value.

Each record is what `encode_example` makes of its row: the features in the order of their names,
each an entry::

    0a <n>  0a <n> key  12 <n>  kind <n>  0a <n> payload

The payloads of a column lie one after another in one buffer. Entries with payloads of one size have
the same bytes before the payload, so for each size there is one gather and one scatter. Between the
records room is left for their frames, which `RecordWriter` fills in place.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.encode import encode_as, entry_key, sorted_names
from tfrecord_lite.example.features import RawFeature
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.values import (
    BYTES_LIST,
    FLOAT_LIST,
    INT64_LIST,
    as_text_bytes,
    check_size,
    encode_feature,
    kind_of_dtype,
    narrow,
)
from tfrecord_lite.example.varints import encode_varints, varint_sizes
from tfrecord_lite.example.wire import varint
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, RecordBlock
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array
    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["encode_examples", "encode_rows", "row_count"]

_MAX_INT64: Final = (1 << 63) - 1


def encode_examples(
    columns: Mapping[str, object], features: Mapping[str, Any] | None = None
) -> RecordBlock:
    r"""Encode a batch of columns: record i is `encode_example` of the i-th element of each.

    A column is an array (its first dimension counts the records), a list, or a `Ragged`. None in a
    list or object column leaves the feature out of that record; an empty list or row keeps it.
    ``features`` is that of `encode_example`.

    >>> block = encode_examples({"label": np.array([3, 4])})
    >>> len(block), block[1]
    (2, b'\n\x10\n\x0e\n\x05label\x12\x05\x1a\x03\n\x01\x04')

    Raises `ExampleError` as `encode_example` does, naming feature and row; ValueError for columns
    of different lengths.
    """
    return encode_rows(columns, features)


def encode_rows(
    columns: Mapping[str, object],
    features: Mapping[str, Any] | None,
    *,
    first_row: int = 0,
) -> RecordBlock:
    """Encode part of a batch, as `encode_examples`; errors count the rows from ``first_row``."""
    rows = row_count(columns)
    if features is not None:
        features = normalize_features(features) if features != {} else None
    entries = []
    for name in sorted_names(columns):
        key = entry_key(name)
        spec = None if features is None else features.get(name)
        try:
            column = _plain_column(columns[name], spec)
            if column is None:
                column = _column_of_rows(columns[name], rows, spec, first_row)
        except ExampleError as error:
            raise ExampleError(f"feature {quote(name)}: {error.reason}") from None
        entries.append(_Entries(key, column))
    return _lay_out(entries, rows)


def row_count(columns: Mapping[str, object]) -> int:
    """Return how many rows all columns have; ValueError where they differ."""
    if not columns:
        raise ValueError("no columns; pass at least one")
    counts = {name: len(column) for name, column in columns.items()}  # type: ignore[arg-type]
    (first, rows), *others = counts.items()
    for name, count in others:
        if count != rows:
            raise ValueError(
                f"columns of different lengths: {quote(first)} has {rows} rows, {quote(name)} "
                f"has {count}"
            )
    return rows


class _Column:
    """The payloads of a feature, one for each record that has it.

    ``content`` is uint8, with the payloads one after another, or a list of bytes; ``sizes`` int64,
    and ``rows`` the records (all where it is None). ``kind`` is the tag of the list that the
    payloads are runs of, or 0 where each payload is a whole serialized Feature.
    """

    def __init__(
        self,
        kind: int,
        content: Uint8Array | list[bytes],
        sizes: Int64Array,
        rows: Int64Array | None = None,
    ) -> None:
        self.kind = kind
        self.content = content
        self.sizes = sizes
        self.rows = rows


def _plain_column(column: Any, spec: FeatureSpec | None) -> _Column | None:
    """Make a column of one kind as a whole; None for one that must be looked at row by row."""
    if isinstance(spec, RawFeature):
        return _raw_column(column, spec)
    if spec is not None:
        if _takes_one_string(column, spec):
            plain = _plain_column(column, None)
            return plain if plain is not None and plain.kind == BYTES_LIST else None
        return _plain_column(_flat_rows(column), None) if _fits(column, spec) else None
    if isinstance(column, Ragged):
        if isinstance(column.values, Ragged):
            return None
        if column.values.dtype == object:
            return _string_lists(column)
        return _numbers(column.values, column.row_splits)
    if isinstance(column, np.ndarray) and column.dtype.kind in "biufV" and 0 < column.ndim <= 2:
        width = column.shape[1] if column.ndim == 2 else 1
        splits = np.arange(len(column) + 1) * width
        return _numbers(np.ascontiguousarray(column).reshape(-1), splits)
    if isinstance(column, np.ndarray) and column.dtype.kind in "SU" and column.ndim == 1:
        return _plain_list(column.tolist())
    if isinstance(column, (list, tuple)) or (
        isinstance(column, np.ndarray) and column.dtype == object and column.ndim == 1
    ):
        return _plain_list(list(column))
    return None


def _fits(column: Any, spec: Any) -> bool:
    """Tell whether an array is of the kind and shape that a feature expects."""
    if not isinstance(column, np.ndarray):
        return False
    kind = {np.int64: INT64_LIST, np.float32: FLOAT_LIST}.get(spec.dtype, BYTES_LIST)
    return kind_of_dtype(column.dtype) == kind and column.shape[1:] == tuple(
        getattr(spec, "shape", ("none",))
    )


def _takes_one_string(column: Any, spec: Any) -> bool:
    """Tell whether a feature takes a byte string a row, and the column may have that."""
    one_a_row = isinstance(column, (list, tuple)) or getattr(column, "ndim", 0) == 1
    return spec.dtype is bytes and math.prod(getattr(spec, "shape", ())) == 1 and one_a_row


def _flat_rows(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return column.reshape(len(column), -1) if column.size or len(column) else column.reshape(0, 0)


def _raw_column(column: Any, spec: RawFeature) -> _Column | None:
    if (
        not isinstance(column, np.ndarray)
        or column.shape[1:] != spec.shape
        or column.dtype.newbyteorder("<") != spec.dtype
    ):
        return None
    content = np.ascontiguousarray(column, spec.dtype).reshape(-1).view(np.uint8)
    return _Column(BYTES_LIST, content, np.full(len(column), spec.nbytes))


def _plain_list(values: list[Any]) -> _Column | None:
    rows = None
    types = set(map(type, values))
    if type(None) in types:
        rows = np.flatnonzero([value is not None for value in values])
        values = [value for value in values if value is not None]
        types.discard(type(None))
    column: _Column | None = None
    if types <= {bytes, str}:
        try:
            column = _strings([v.encode() if type(v) is str else v for v in values])
        except UnicodeEncodeError:
            return None
    elif types <= {int, bool} or types == {float}:
        try:
            array = np.array(values, np.float64 if float in types else np.int64)
        except OverflowError:
            return None
        column = _numbers(array, np.arange(len(array) + 1))
    if column is not None:
        column.rows = rows
    return column


def _strings(values: list[bytes]) -> _Column:
    return _Column(BYTES_LIST, values, np.fromiter(map(len, values), np.int64, len(values)))


def _string_lists(column: Ragged) -> _Column | None:
    """Make a column of lists of byte strings, each as a whole Feature."""
    if not set(map(type, column.values)) <= {bytes, str}:
        return None
    try:
        values = map(as_text_bytes, column.values)
        strings = [b"\x0a" + varint(len(value)) + value for value in values]
    except ExampleError:
        return None
    splits = column.row_splits.tolist()
    lists = [b"".join(strings[begin:end]) for begin, end in pairwise(splits)]
    features = [bytes((BYTES_LIST,)) + varint(len(content)) + content for content in lists]
    return _Column(0, features, _strings(features).sizes)


def _numbers(flat: npt.NDArray[Any], splits: Int64Array) -> _Column | None:
    """Make a column of numbers: ``flat[splits[i]:splits[i + 1]]`` are those of row i."""
    kind = kind_of_dtype(flat.dtype)
    flat = flat[splits[0] : splits[-1]]
    splits = splits - splits[0]
    if kind == FLOAT_LIST:
        try:
            content = narrow(flat).view(np.uint8)
        except ExampleError:
            return None
        return _Column(kind, content, np.diff(splits) * 4)
    if kind != INT64_LIST or (flat.size and int(flat.max()) > _MAX_INT64):
        return None
    integers = flat.astype(np.int64, copy=False)
    ends = np.zeros(len(integers) + 1, np.int64)
    np.cumsum(varint_sizes(integers), out=ends[1:])
    return _Column(kind, encode_varints(integers), np.diff(ends[splits]))


def _column_of_rows(column: Any, count: int, spec: FeatureSpec | None, first_row: int) -> _Column:
    """Encode each row by itself, as `encode_example` does; so every error is its error."""
    features, rows = [], []
    for row in range(count):
        value = column[row]
        if value is None:
            continue
        try:
            parts = encode_feature(value) if spec is None else encode_as(value, spec)
        except ExampleError as error:
            raise ExampleError(f"row {first_row + row}: {error.reason}") from None
        features.append(b"".join(parts[:2]))
        rows.append(row)
    whole = _strings(features)
    return _Column(0, features, whole.sizes, np.array(rows, np.int64))


class _Entries:
    """A column's map entries, and how large each is."""

    def __init__(self, key: bytes, column: _Column) -> None:
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
        begins = np.cumsum(self._column.sizes) - self._column.sizes
        for group, (size, prefix) in enumerate(
            zip(self._sizes.tolist(), self._prefixes, strict=True)
        ):
            if len(self._sizes) == 1:
                here, payloads = at, content.reshape(-1, size) if size else None
            else:
                of_size = np.flatnonzero(self._group == group)
                here = at[of_size]
                payloads = _items(content, size)[begins[of_size]] if size else None
            _put(buffer, here, prefix, payloads, size)

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
