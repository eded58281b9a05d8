"""Examples by their numbers: one as a row, many as rows or as columns, with one read for all."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.dataset.schema import LateFeatures, Schema
from tfrecord_lite.dataset.table import BlockDecoder, Table, decode_by
from tfrecord_lite.example.normalize import check_given
from tfrecord_lite.example.padding import Values
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Sparse
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.numbers import index_of
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Paths, Verify
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.files.by_number import Numbers
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["ExampleRows", "as_index", "rows_of_blocks"]


class ExampleRows:
    """The Examples of files under one numbering, decoded; safe from several threads at once.

    ``paths`` and the options are those of `RecordSet`, ``features`` and ``strict`` those of
    `Dataset`. Damage raises: by number no record can be left out. It can be pickled.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> rows = ExampleRows(path)
    >>> len(rows), rows._columns([3, 0])
    (5, {'label': array([3, 0])})
    """

    def __init__(
        self,
        paths: Paths | RecordSet,
        features: FeaturesLike | None = None,
        *,
        strict: bool = True,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        check_given(features)
        self._records = RecordSet.of(
            paths, compression=compression, verify=verify, max_record_bytes=max_record_bytes
        )
        self._schema = Schema.find(features, self._records, strict=strict)
        # Counted here and now: copies in other processes know it.
        self._count = len(self._records)

    @property
    def features(self) -> Mapping[str, FeatureSpec] | SequenceFeatures:
        """The features, as given or as found."""
        return self._schema.features

    def __len__(self) -> int:
        return self._count

    def _columns(self, numbers: Numbers) -> dict[str, Any]:
        """Return what `Dataset` gives for these records, in the order asked."""
        return self._table(numbers).batch()

    def _rows(
        self, numbers: Numbers, convert: Callable[[Iterable[Any]], Iterable[Any]] = iter
    ) -> list[dict[str, Any]]:
        """Return for each of these records what `parse_single_example` gives.

        ``convert`` is called with the values that a feature has in them, and returns as many. Of a
        SequenceExample there are the dicts "context" and "feature_lists".
        """
        return _rows_of(self._table(numbers), self._schema, convert)

    def _table(self, numbers: Numbers) -> Table:
        block = self._records.read_block(numbers)
        return Table(decode_by(self._schema, block), len(block))

    def __repr__(self) -> str:
        # The same for the same files: grain's checkpoints compare it.
        files = self._records.names
        named = repr(files[0]) if len(files) == 1 else f"{len(files)} files from {files[0]!r} on"
        kind = type(self).__name__
        return f"{kind}({named}, {self._count} records, features {_names(self.features)})"


def as_index(number: Any, what: object) -> int:
    """Return the number of one record; TypeError about ``what`` for several, say."""
    try:
        return index_of(number)
    except TypeError:
        raise TypeError(
            f"{what!r}: an item is asked for by an integer, and not by {quote(number)}; samplers "
            "and loaders put the items of a batch together"
        ) from None


def rows_of_blocks(blocks: Iterable[RecordBlock], schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield for each record what `parse_single_example` gives; raises after what is good."""
    decoder, late_features = BlockDecoder(schema), LateFeatures(schema)
    for block in blocks:
        schema.require_features(block)
        table, error, late = decoder.decode(block)
        late_features.warn_of(block, late)
        if table is not None:
            yield from _rows_of(table, schema, iter)
        if error is not None:
            raise error


def _rows_of(
    table: Table, schema: Schema, convert: Callable[[Iterable[Any]], Iterable[Any]]
) -> list[dict[str, Any]]:
    if isinstance(schema.features, SequenceFeatures):
        parts = (table.part(row, row + 1).batch() for row in range(table.rows))
        return [
            {
                name: {key: next(iter(convert(_parts(column)))) for key, column in part.items()}
                for name, part in batch.items()
            }
            for batch in parts
        ]
    converted = {name: convert(_parts(column)) for name, column in table.columns.items()}
    return [
        dict(zip(converted, values, strict=True))
        for values in zip(*converted.values(), strict=True)
    ]


def _parts(column: Any) -> Iterable[Any]:
    if isinstance(column, Values):
        # As many steps as the record has: padding is for those that go together.
        shape, size = column.feature.shape, math.prod(column.feature.shape)
        steps = column.flat.reshape(-1, *shape) if size else column.flat
        splits = column.splits // max(size, 1)
        return [steps[begin:end] for begin, end in pairwise(splits.tolist())]
    if isinstance(column, np.ndarray):
        return column
    if isinstance(column, Sparse):
        return [column.row(row) for row in range(int(column.dense_shape[0]))]
    return [column[row] for row in range(len(column))]


def _names(features: Mapping[str, Any] | SequenceFeatures) -> list[str]:
    if isinstance(features, SequenceFeatures):
        return [*features.context, *features.feature_lists]
    return [*features]
