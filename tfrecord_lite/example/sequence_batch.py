"""Columns to a block of serialized SequenceExamples: the form in which batches of them are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.column_values import known_columns, row_count
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.sequence import encode_sequence_example
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["are_sequences", "encode_sequence_blocks", "encode_sequence_examples"]

_PARTS = ("context", "feature_lists")


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

    Raises `ExampleError` as `encode_sequence_example` does, naming feature and row; ValueError for
    columns of different lengths, and for what is not of this form.
    """
    return RecordBlock.from_records(list(_rows(columns, features)))


def encode_sequence_blocks(
    columns: Mapping[str, Any], features: SequenceFeatures | None = None
) -> Iterator[RecordBlock]:
    """Encode columns as `encode_sequence_examples`, some MB of records at a time."""
    gathered: list[bytes] = []
    size = 0
    for row in _rows(columns, features):
        gathered.append(row)
        size += len(row)
        if size >= limits.encoded_bytes:
            yield RecordBlock.from_records(gathered)
            gathered, size = [], 0
    yield RecordBlock.from_records(gathered)


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


def _rows(columns: Mapping[str, Any], features: SequenceFeatures | None) -> Iterator[bytes]:
    if not set(columns) <= set(_PARTS) or not columns:
        raise ValueError(
            'columns of SequenceExamples are {"context": {...}, "feature_lists": {...}}, not '
            f"{quote(columns)}"
        )
    if features is not None and not isinstance(features, SequenceFeatures):
        raise TypeError(f"features={quote(features)}: SequenceExamples take a SequenceFeatures")
    context, lists = (columns.get(part, {}) for part in _PARTS)
    known = known_columns(context, None if features is None else features.context)
    steps = known_columns(lists, None)
    count = row_count(
        {
            **{f"context: {name}": column for name, column in known.items()},
            **{f"feature_lists: {name}": column for name, column in steps.items()},
        }
    )
    of_context = None if features is None else features.context
    of_lists = None if features is None else features.feature_lists
    for row in range(count):
        try:
            yield encode_sequence_example(
                {name: column[row] for name, column in known.items()},
                {name: _steps_of(column, row) for name, column in steps.items()},
                of_context,
                of_lists,
            )
        except ExampleError as error:
            raise ExampleError(f"row {row}: {error.reason}") from None


def _steps_of(column: Any, row: int) -> Any:
    steps = column[row]
    if isinstance(steps, Ragged):
        return [steps[step] for step in range(len(steps))]
    return steps
