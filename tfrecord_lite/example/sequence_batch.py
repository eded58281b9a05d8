"""Columns to a block of serialized SequenceExamples: the form in which batches of them are read.

The context is encoded as columns of Examples are. Of a feature list the steps of all records are a
column too, encoded as a whole, and `StepLists` puts each record's together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.batch import entries_of, in_blocks
from tfrecord_lite.example.buffers import Present
from tfrecord_lite.example.column_payloads import (
    FirstRow,
    Payloads,
    column_payloads,
    of_one_kind,
)
from tfrecord_lite.example.column_values import known_column, known_columns, row_count
from tfrecord_lite.example.encode import entry_key, sorted_names
from tfrecord_lite.example.entries import Entries, StepLists, lay_out
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.sequence import encode_steps
from tfrecord_lite.example.sequence_features import SequenceFeatures, step_feature

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["are_sequences", "encode_sequence_blocks", "encode_sequence_examples"]

_PARTS = ("context", "feature_lists")
_CONTEXT = 0x0A
_FEATURE_LISTS = 0x12


def encode_sequence_examples(
    columns: Mapping[str, Mapping[str, object]], features: SequenceFeatures | None = None
) -> RecordBlock:
    r"""Encode a batch of columns: record i is `encode_sequence_example` of the i-th elements.

    ``columns`` is ``{"context": {name: column}, "feature_lists": {name: column}}``, as batches of
    SequenceExamples are. A column of the context is as `encode_examples` takes it; one of feature
    lists has a list of steps in each row: it is a `Ragged` of steps, an array ``[rows, steps,
    *shape]``, or a list of what `encode_sequence_example` takes. None leaves the feature, or the
    list, out of that record. ``features`` is a `SequenceFeatures`, as `encode_example` takes
    features.

    >>> batch = {"context": {"id": [7]}, "feature_lists": {"ids": [[[1, 2], [3]]]}}
    >>> block = encode_sequence_examples(batch)
    >>> len(block), block[0][:10]
    (1, b'\n\r\n\x0b\n\x02id\x12\x05')

    Raises `ExampleError` as `encode_sequence_example` does, naming feature and row, and for rows of
    one column that are of several kinds; ValueError for columns of different lengths, and for what
    is not of this form.
    """
    known = _Known(columns, features)
    return known.encode(0, known.rows)


def encode_sequence_blocks(
    columns: Mapping[str, Any], features: SequenceFeatures | None = None, *, first_row: int = 0
) -> Iterator[RecordBlock]:
    """Encode columns as `encode_sequence_examples`, some MB of records at a time.

    ``first_row`` is what errors call the first row.
    """
    known = _Known(columns, features, first_row)
    return in_blocks(known.rows, known.encode)


def are_sequences(columns: Any, features: Any) -> bool:
    """Tell whether columns are those of SequenceExamples: by their form, or by the features."""
    if isinstance(features, SequenceFeatures):
        return True
    return (
        features is None
        and isinstance(columns, Mapping)
        and set(columns) == set(_PARTS)
        and all(isinstance(part, Mapping) for part in columns.values())
    )


class _Known:
    """Columns in the forms that the encoder knows, and the kinds that their first rows have."""

    def __init__(
        self, columns: Mapping[str, Any], features: SequenceFeatures | None, first_row: int = 0
    ) -> None:
        self._first_row = first_row
        if not set(columns) <= set(_PARTS) or not columns:
            raise ValueError(
                'columns of SequenceExamples are {"context": {...}, "feature_lists": {...}}, not '
                f"{quote(columns)}"
            )
        if features is not None and not isinstance(features, SequenceFeatures):
            raise TypeError(f"features={quote(features)}: SequenceExamples take a SequenceFeatures")
        context, lists = (columns.get(part, {}) for part in _PARTS)
        self._of_context = {} if features is None else features.context
        self._of_lists = {} if features is None else features.feature_lists
        self._context = known_columns(context, self._of_context)
        self._lists = known_columns(lists, self._of_lists)
        self.rows = row_count(
            {
                **{f"context: {name}": column for name, column in self._context.items()},
                **{f"feature_lists: {name}": column for name, column in self._lists.items()},
            }
        )
        self._context_kinds: dict[str, FirstRow | None] = {}
        self._list_kinds: dict[str, FirstRow | None] = {}

    def encode(self, begin: int, end: int) -> RecordBlock:
        """Encode the rows from ``begin`` to before ``end``."""
        context = entries_of(
            {name: column[begin:end] for name, column in self._context.items()},
            end - begin,
            self._of_context,
            self._first_row + begin,
            self._context_kinds,
        )
        lists = []
        for name in sorted_names(self._lists):
            column, spec = self._lists[name][begin:end], self._of_lists.get(name)
            first = self._list_kinds.get(name)
            row = self._first_row + begin
            entries, first = _encode_list(name, column, end - begin, spec, row, first)
            self._list_kinds[name] = first
            lists.append(entries)
        return lay_out([(_CONTEXT, context), (_FEATURE_LISTS, lists)], end - begin)


class _Steps(NamedTuple):
    """The steps of a feature list of all records, and how many each of these has.

    ``rows`` are the records that have the list, all where it is None.
    """

    column: Any
    counts: Int64Array
    rows: Int64Array | None = None


def _encode_list(
    name: str,
    column: Any,
    count: int,
    spec: FeatureSpec | None,
    first_row: int,
    first: FirstRow | None,
) -> tuple[StepLists | Entries, FirstRow | None]:
    """Encode a feature list of ``count`` rows; the rest is as in `column_payloads`."""
    key = entry_key(name)
    steps = _steps_of(column, count)
    if steps is not None:
        of_step = None if spec is None else step_feature(spec)
        try:
            flat = known_column(steps.column, of_step)
            payloads, found = column_payloads(flat, len(flat), of_step, first=first)
        except (ExampleError, TypeError):
            pass  # Row by row, it is said of which.
        else:
            if first is None and found is not None:
                row = int(np.searchsorted(np.cumsum(steps.counts), found.row, "right"))
                row = row if steps.rows is None else int(steps.rows[row])
                found = FirstRow(found.kind, first_row + row)
            return StepLists(payloads, key, steps.counts, steps.rows), found
    contents, rows = [], []
    for row in range(count):
        value = column[row]
        if value is None:
            continue
        if isinstance(value, Ragged):
            value = [value[step] for step in range(len(value))]
        try:
            parts, _, kind = encode_steps(name, value, spec)
        except ExampleError as error:
            raise ExampleError(f"row {first_row + row}: {error.reason}") from None
        if kind:
            try:
                first = of_one_kind(first, kind, first_row + row)
            except ExampleError as error:
                raise ExampleError(f"feature list {quote(name)}: {error.reason}") from None
        contents.append(b"".join(parts))
        rows.append(row)
    sizes = np.fromiter(map(len, contents), np.int64, len(contents))
    return Entries(Payloads(0, contents, sizes, np.array(rows, np.int64)), key), first


def _steps_of(column: Any, count: int) -> _Steps | None:
    """Return the steps of all rows as one column; None for what must be looked at row by row."""
    rows: Int64Array | None = None
    if isinstance(column, Present):
        steps = _steps_of(column.values, len(column.rows))
        if steps is None:
            return None
        rows = column.rows if steps.rows is None else column.rows[steps.rows]
        return steps._replace(rows=rows)
    if isinstance(column, Ragged):
        begin, end = column.row_splits[[0, -1]].tolist()
        return _Steps(column.values[begin:end], np.diff(column.row_splits))
    if isinstance(column, np.ma.MaskedArray):
        return None
    if isinstance(column, np.ndarray) and column.ndim > 1:
        steps_of_each = column.shape[1]
        flat = column.reshape(count * steps_of_each, *column.shape[2:])
        return _Steps(flat, np.full(count, steps_of_each))
    if isinstance(column, np.ndarray) and column.dtype != object:
        return None
    lists = [column[row] for row in range(count)]
    there = [steps for steps in lists if steps is not None]
    if len(there) < count:
        rows = np.flatnonzero([steps is not None for steps in lists])
    if not all(map(_is_plain_list, there)):
        return None
    counts = np.fromiter(map(len, there), np.int64, len(there))
    if len({_form(steps) for steps in there}) == 1 and isinstance(there[0], np.ndarray):
        return _Steps(np.concatenate(there), counts, rows)
    return _Steps(list(chain.from_iterable(there)), counts, rows)


def _is_plain_list(steps: Any) -> bool:
    """Tell whether steps are what they seem one by one: NumPy drops trailing NULs of strings."""
    if type(steps) is np.ndarray:
        return steps.ndim > 0 and steps.dtype.kind not in "SUT"
    return type(steps) in (list, tuple)


def _form(steps: Any) -> tuple[Any, ...]:
    """Return what arrays of steps share that can be put together unchanged."""
    return (steps.dtype, steps.shape[1:]) if isinstance(steps, np.ndarray) else (list,)
