"""Decoded records: the columns of some, cut into parts and joined without a look at the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.composites import feature_keys
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.padding import Values
from tfrecord_lite.example.ragged import Ragged, Sparse
from tfrecord_lite.example.unknown import UnknownFeatures

if TYPE_CHECKING:
    from tfrecord_lite.dataset.schema import Schema
    from tfrecord_lite.example.columns import Column, ColumnMaker
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["BlockDecoder", "Decoded", "Table"]


class Table:
    """The columns of some consecutive records."""

    def __init__(self, columns: dict[str, Column | Values], rows: int) -> None:
        self.columns = columns
        self.rows = rows

    def part(self, begin: int, end: int) -> Table:
        """Return these rows alone, without copying values."""
        if begin == 0 and end == self.rows:
            return self
        columns = {name: _part_of(column, begin, end) for name, column in self.columns.items()}
        return Table(columns, end - begin)

    @staticmethod
    def joined(tables: list[Table]) -> Table:
        """Put tables together, one below the other."""
        if len(tables) == 1:
            return tables[0]
        columns = {
            name: _joined([table.columns[name] for table in tables]) for name in tables[0].columns
        }
        return Table(columns, sum(table.rows for table in tables))

    def batch(self) -> dict[str, Column]:
        """Return the columns as callers get them."""
        return {
            name: column.padded() if isinstance(column, Values) else column
            for name, column in self.columns.items()
        }


class Decoded(NamedTuple):
    """The records of a block before the first that does not fit, and the error about that one.

    ``late`` has the features, by name, that no record had from which the schema was inferred, with
    the index in the block of the first record that has each.
    """

    table: Table | None
    error: ExampleError | None
    late: dict[str, int]


class BlockDecoder:
    """Decodes blocks that follow one another, by one schema; ``column`` as in `decode_block`."""

    def __init__(self, schema: Schema, column: ColumnMaker | None = None) -> None:
        self._schema = schema
        self._column = column
        self._unknown = UnknownFeatures() if schema.inferred else None
        self._layouts = Layouts(feature_keys(schema.features), self._unknown)

    def decode(self, block: RecordBlock) -> Decoded:
        """Decode the records up to the first that does not fit."""
        features, _, _, strict = self._schema
        table = error = None
        good = len(block)
        while good and table is None:
            try:
                columns = decode_block(
                    block[:good], features, self._layouts, strict=strict, column=self._column
                )
                table = Table(columns, good)
            except ExampleError as found:
                # The records before this one are good, or do not fit another feature.
                self._schema.explain(found)
                error, good = found, (found.record or 0) - block.first_record
        return Decoded(table, error, self._unknown.take(good) if self._unknown else {})


def _part_of(column: Column | Values, begin: int, end: int) -> Column | Values:
    """Return these rows of a column, without copying values."""
    if isinstance(column, np.ndarray):
        return column[begin:end]
    if isinstance(column, Sparse):
        return column.rows(begin, end)
    flat, splits, *rest = _ragged_parts(column)
    first, last = int(splits[begin]), int(splits[end])
    values: Any = _part_of(flat, first, last)
    return type(column)(values, splits[begin : end + 1] - first, *rest)


def _joined(columns: list[Any]) -> Column | Values:
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    if isinstance(columns[0], Sparse):
        return Sparse.joined(columns)
    parts = [_ragged_parts(column) for column in columns]
    counts = np.concatenate([np.diff(splits) for _, splits, *_ in parts])
    splits = np.concatenate([[0], np.cumsum(counts)])
    flat = _joined([flat for flat, *_ in parts])
    made: Column | Values = type(columns[0])(flat, splits, *parts[0][2:])
    return made


def _ragged_parts(column: Ragged | Values) -> tuple[Any, ...]:
    return (column.values, column.row_splits) if isinstance(column, Ragged) else tuple(column)
