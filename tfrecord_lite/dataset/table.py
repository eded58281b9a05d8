"""Decoded records: the columns of some, cut into parts and joined without a look at the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.columns import Column, ColumnMaker, decode_block
from tfrecord_lite.example.composites import feature_keys
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.padding import Values
from tfrecord_lite.example.ragged import Ragged, Sparse
from tfrecord_lite.example.sequence_columns import Frames, SequenceMakers, decode_sequences
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.example.unknown import UnknownFeatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfrecord_lite.dataset.schema import Schema
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["BlockDecoder", "Decoded", "Table", "decode_by", "decode_columns"]


class Table:
    """The columns of some consecutive records.

    Those of SequenceExamples have pairs for names: of "context" or "feature_lists", and a name.
    """

    def __init__(self, columns: dict[Any, Any], rows: int) -> None:
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

    def batch(self) -> dict[str, Any]:
        """Return the columns as callers get them."""
        columns = {
            name: column.padded() if isinstance(column, (Values, Frames)) else column
            for name, column in self.columns.items()
        }
        if not any(isinstance(name, tuple) for name in columns):
            return columns
        batch: dict[str, Any] = {"context": {}, "feature_lists": {}}
        for (part, name), column in columns.items():
            batch[part][name] = column
        return batch


def decode_columns(
    block: RecordBlock,
    features: Mapping[str, FeatureSpec] | SequenceFeatures,
    layouts: Layouts | None = None,
    *,
    strict: bool,
    column: ColumnMaker | SequenceMakers | None = None,
) -> dict[Any, Any]:
    """Return the columns of a `Table` of a block; ``column`` is that of `decode_block`."""
    if not isinstance(features, SequenceFeatures):
        assert not isinstance(column, SequenceMakers)
        return dict(decode_block(block, features, layouts, strict=strict, column=column))
    assert column is None or isinstance(column, SequenceMakers)
    parts = decode_sequences(
        block, features.context, features.feature_lists, strict=strict, makers=column
    )
    return {
        (part, name): column
        for part, columns in zip(parts._fields, parts, strict=True)
        for name, column in columns.items()
    }


def decode_by(schema: Schema, block: RecordBlock) -> dict[Any, Any]:
    """Return the columns of a `Table` of a block; errors say where the features are from."""
    try:
        return decode_columns(block, schema.features, strict=schema.strict)
    except ExampleError as error:
        schema.explain(error)
        raise


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

    def __init__(self, schema: Schema, column: ColumnMaker | SequenceMakers | None = None) -> None:
        self._schema = schema
        self._column = column
        features = schema.features
        self._unknown: UnknownFeatures | None = None
        self._layouts: Layouts | None = None
        if not isinstance(features, SequenceFeatures):
            self._unknown = UnknownFeatures() if schema.inferred else None
            self._layouts = Layouts(feature_keys(features), self._unknown)

    def decode(self, block: RecordBlock) -> Decoded:
        """Decode the records up to the first that does not fit."""
        features, strict = self._schema.features, self._schema.strict
        table = error = None
        good = len(block)
        while good and table is None:
            try:
                columns = decode_columns(
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
