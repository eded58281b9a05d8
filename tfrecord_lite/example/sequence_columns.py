"""Columns of a batch of SequenceExamples: a context as of Examples, and feature lists step by step.

`find_sequence_spans` finds where all values lie; they are read from there by the same `Decoder` as
those of Examples: a context feature as a column of n Examples, a feature list as a column of all
steps of all records. TensorFlow's rules
(``FastParseSequenceExample`` in ``tensorflow/core/util/example_proto_fast_parsing.cc``) differ from
those for Examples in two points: a context feature of no kind is an error even with a default, and
every step of a `FixedLenSequenceFeature` has exactly the values of its shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.byte_strings import as_bytes
from tfrecord_lite.example.columns import Column, ColumnMaker, as_block, feature_column
from tfrecord_lite.example.composites import UnfitError, feature_keys, keys_of, splits_of
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
)
from tfrecord_lite.example.padding import PADDING
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged, Sparse
from tfrecord_lite.example.sequence_features import checked_features, step_feature
from tfrecord_lite.example.sequence_spans import ListSpans, find_sequence_spans
from tfrecord_lite.example.spans import MISSING, Spans, error_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfrecord_lite._types import AnyArray, BoolArray, FeaturesLike, Int64Array, Uint8Array
    from tfrecord_lite.records.framing import RecordBlock

__all__ = [
    "Frames",
    "SequenceColumns",
    "SequenceMakers",
    "Steps",
    "decode_sequences",
    "parse_sequence_example",
    "parse_single_sequence_example",
]

_CONTEXT: Final = (FixedLenFeature, VarLenFeature, RaggedFeature, SparseFeature, RawFeature)
_LISTS: Final = (FixedLenSequenceFeature, VarLenFeature, RaggedFeature)


def parse_sequence_example(
    serialized: RecordBlock | Sequence[bytes],
    context_features: FeaturesLike | None = None,
    sequence_features: FeaturesLike | None = None,
    *,
    strict: bool = True,
) -> tuple[dict[str, Column], dict[str, Column], dict[str, Int64Array]]:
    r"""Parse a batch of serialized SequenceExamples, as ``tf.io.parse_sequence_example``.

    Returns the context, the feature lists, and the lengths. With n SequenceExamples, the context is
    what `parse_example` gives. Of the feature lists, a `FixedLenSequenceFeature` gives an array
    ``[n, longest, *shape]``, padded with 0 or ``b""``, and in the lengths an int64 array ``[n]`` of
    how many steps each record has; a `VarLenFeature` or `RaggedFeature` gives a `Ragged` of n rows
    whose values are a `Ragged` of steps, each cut as its ``partitions`` say.

    >>> example = b"\x12\x18\n\x16\n\x03ids\x12\x0f\n\x06\x1a\x04\n\x02\x01\x02\n\x05\x1a\x03\n\x01\x03"
    >>> _, lists, _ = parse_sequence_example([example, b""], {}, {"ids": RaggedFeature(np.int64)})
    >>> lists["ids"].to_list()
    [[[1, 2], [3]], []]

    Raises `ExampleError`, naming record, feature and step, for what is no SequenceExample, for a
    context feature without kind or a missing one without default, a missing feature list where
    ``allow_missing`` is false, another kind, or another number of values; and, unless
    ``strict=False``, for a field at top level that a SequenceExample does not have.
    """  # noqa: E501 - bytes
    context_features = checked_features(context_features, _CONTEXT, "context_features")
    sequence_features = checked_features(sequence_features, _LISTS, "sequence_features")
    if not context_features and not sequence_features:
        raise ValueError("no features; name at least one in context_features or sequence_features")
    block = as_block(serialized)
    columns = decode_sequences(block, context_features, sequence_features, strict=strict)
    lists = {
        name: column.padded() if isinstance(column, Frames) else column
        for name, column in columns.feature_lists.items()
    }
    lengths = {
        name: np.diff(column.splits)
        for name, column in columns.feature_lists.items()
        if isinstance(column, Frames)
    }
    return columns.context, lists, lengths


class Frames(NamedTuple):
    """A `FixedLenSequenceFeature` of feature lists before it is padded: frames, and their splits.

    ``frames`` is ``[steps, *shape]``, ``splits`` int64 ``[records + 1]``.
    """

    frames: AnyArray
    splits: Int64Array
    padding: Any

    def padded(self) -> AnyArray:
        """Return ``[records, longest, *shape]``."""
        counts = np.diff(self.splits)
        longest = int(counts.max(initial=0))
        column = np.empty((len(counts), longest, *self.frames.shape[1:]), self.frames.dtype)
        column[...] = self.padding
        column[np.arange(longest) < counts[:, None]] = self.frames[self.splits[0] : self.splits[-1]]
        return column


class SequenceMakers(NamedTuple):
    """What makes the columns of the context, and those of all steps of a feature list."""

    context: ColumnMaker
    feature_lists: ColumnMaker


class Steps(NamedTuple):
    """The column of all steps of a feature list, how many each record has, and which have any."""

    column: Any
    counts: Int64Array
    present: BoolArray


class SequenceColumns(NamedTuple):
    """The columns of a block of SequenceExamples, of which sequences are not padded yet."""

    context: dict[str, Any]
    feature_lists: dict[str, Any]


def decode_sequences(
    block: RecordBlock,
    context: Mapping[str, FeatureSpec],
    feature_lists: Mapping[str, FeatureSpec],
    *,
    strict: bool,
    makers: SequenceMakers | None = None,
) -> SequenceColumns:
    """Decode a block of SequenceExamples; raises what `parse_sequence_example` raises.

    ``makers`` make other columns than ours; those of feature lists are `Steps` then.
    """
    of_context, of_lists = makers or (feature_column, None)
    keys = feature_keys(context)
    list_keys = feature_keys(feature_lists)
    buffer, spans, lists = find_sequence_spans(block, keys, list_keys, strict=strict)
    of_key = dict(zip(keys, spans, strict=True))
    of_list = dict(zip(list_keys, lists, strict=True))
    try:
        return SequenceColumns(
            {
                name: _context_column(buffer, of_key, name, feature, of_context)
                for name, feature in context.items()
            },
            {
                name: _list_column(buffer, of_list, name, feature, of_lists)
                for name, feature in feature_lists.items()
            },
        )
    except UnfitError as unfit:
        error = error_at(block, unfit.record, unfit.reason)
        error.misfit = True
        raise error from None


def parse_single_sequence_example(
    data: bytes,
    context_features: FeaturesLike | None = None,
    sequence_features: FeaturesLike | None = None,
    *,
    strict: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parse one serialized SequenceExample, as ``tf.io.parse_single_sequence_example``.

    Returns the context and the feature lists of `parse_sequence_example`, without the first
    dimension: for a feature list an array ``[steps, *shape]`` or a `Ragged` of steps. Raises what
    `parse_sequence_example` raises.

    >>> from tfrecord_lite import FixedLenSequenceFeature, encode_sequence_example
    >>> data = encode_sequence_example({"id": 7}, {"tokens": [[1], [2], [3]]})
    >>> tokens = {"tokens": FixedLenSequenceFeature([], np.int64)}
    >>> context, lists = parse_single_sequence_example(data, {"id": int}, tokens)
    >>> print(context["id"], lists["tokens"])
    7 [1 2 3]
    """
    context, lists, _ = parse_sequence_example(
        [as_bytes(data)], context_features, sequence_features, strict=strict
    )
    return (
        {
            name: column.row(0) if isinstance(column, Sparse) else column[0]
            for name, column in context.items()
        },
        {name: column[0] for name, column in lists.items()},
    )


def _context_column(
    buffer: Uint8Array,
    spans: Mapping[str, Spans],
    name: str,
    feature: FeatureSpec,
    make: ColumnMaker,
) -> Any:
    where = f"context feature {quote(name)}"
    if isinstance(feature, FixedLenFeature):
        no_kind = (spans[name].kind == MISSING) & (spans[name].begin > 0)
        if no_kind.any():
            raise UnfitError(
                int(np.argmax(no_kind)),
                f"{where}: has no kind; leave it out to have the default_value",
            )
    try:
        return make(buffer, spans, name, feature)
    except UnfitError as unfit:
        raise UnfitError(unfit.record, f"{where}: {unfit.reason}") from None


def _list_column(
    buffer: Uint8Array,
    lists: Mapping[str, ListSpans],
    name: str,
    feature: Any,
    make: ColumnMaker | None,
) -> Any:
    where = f"feature list {quote(name)}"
    first, *others = keys_of(name, feature)
    found = lists[first]
    for key in others:
        unlike = np.flatnonzero(lists[key].counts != found.counts)
        if len(unlike):
            record = int(unlike[0])
            raise UnfitError(
                record,
                f"{where}: found {lists[key].counts[record]} steps of {quote(key)} for "
                f"{found.counts[record]} of {quote(first)}",
            )
    if (
        isinstance(feature, FixedLenSequenceFeature)
        and not feature.allow_missing
        and not found.present.all()
    ):
        raise UnfitError(
            int(np.argmin(found.present)), f"{where}: is missing; allow_missing=True permits that"
        )
    splits = splits_of(found.counts)
    of_step = step_feature(feature)
    of_keys = {key: lists[key].spans for key in (first, *others)}
    try:
        if make is not None:
            return Steps(make(buffer, of_keys, name, of_step), found.counts, found.present)
        column = feature_column(buffer, of_keys, name, of_step)
    except UnfitError as unfit:
        record = int(np.searchsorted(splits, unfit.record, "right")) - 1
        step = unfit.record - int(splits[record])
        raise UnfitError(record, f"{where}, step {step}: {unfit.reason}") from None
    if isinstance(feature, FixedLenSequenceFeature):
        assert isinstance(column, np.ndarray)
        padding = feature.default_value
        return Frames(column, splits, PADDING[feature.dtype] if padding is None else padding)
    return Ragged(column, splits)
