"""Columns to a block of serialized Examples, without a Python object for each value.

Each record is what `encode_example` makes of its row: the features in the order of their names,
each an entry::

    0a <n>  0a <n> key  12 <n>  kind <n>  0a <n> payload

`entries` says how these are put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.column_payloads import FirstRow, column_payloads
from tfrecord_lite.example.column_values import known_columns, row_count
from tfrecord_lite.example.encode import entry_key, sorted_names
from tfrecord_lite.example.entries import Entries, lay_out
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["encode_blocks", "encode_examples", "encode_rows", "entries_of", "in_blocks"]

_FEATURES = 0x0A
# So many rows tell how many make a block.
_FIRST_ROWS = 64


def encode_examples(
    columns: Mapping[str, object], features: Mapping[str, Any] | None = None
) -> RecordBlock:
    r"""Encode a batch of columns: record i is `encode_example` of the i-th element of each.

    A column is an array (its first dimension counts the records), a list, or a `Ragged`; a Series
    of pandas is taken in its order. None in a list or object column leaves the feature out of that
    record; an empty list or row keeps it. ``features`` is that of `encode_example`.

    >>> import numpy as np
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
    kinds = {} if kinds is None else kinds

    def encode(begin: int, end: int) -> RecordBlock:
        part = {name: column[begin:end] for name, column in known.items()}
        return encode_rows(part, features, first_row=first_row + begin, kinds=kinds)

    return in_blocks(row_count(known), encode)


def in_blocks(rows: int, encode: Callable[[int, int], RecordBlock]) -> Iterator[RecordBlock]:
    """Have rows encoded from one number to before another, so many that they make some MB."""
    begin, step = 0, _FIRST_ROWS
    while begin < rows:
        block = encode(begin, min(begin + step, rows))
        begin += len(block)
        step = max(limits.encoded_bytes * len(block) // len(block.buffer), 1)
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
    return lay_out([(_FEATURES, entries_of(known, rows, features, first_row, kinds))], rows)


def entries_of(
    columns: Mapping[str, Any],
    rows: int,
    features: Mapping[str, FeatureSpec] | None,
    first_row: int,
    kinds: dict[str, FirstRow | None],
) -> list[Entries]:
    """Encode columns in the forms that the encoder knows, in the order of their names."""
    entries = []
    for name in sorted_names(columns):
        key = entry_key(name)
        spec = None if features is None else features.get(name)
        try:
            column, kinds[name] = column_payloads(
                columns[name], rows, spec, first_row=first_row, first=kinds.get(name)
            )
        except ExampleError as error:
            raise ExampleError(f"feature {quote(name)}: {error.reason}") from None
        entries.append(Entries(column, key))
    return entries
