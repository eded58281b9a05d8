"""Columns of a batch of SequenceExamples: a context as of Examples, and feature lists step by step.

Each record is decoded by `decode_sequence_example`; what it gives is stored as `find_spans` lays
down the values of an Example, and read from there by the same `Decoder`: a context feature as a
column of n Examples, a feature list as a column of all steps of all records. TensorFlow's rules
(``FastParseSequenceExample`` in ``tensorflow/core/util/example_proto_fast_parsing.cc``) differ from
those for Examples in two points: a context feature of no kind is an error even with a default, and
every step of a `FixedLenSequenceFeature` has exactly the values of its shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.columns import Decoder, UnfitError, as_block
from tfrecord_lite.example.decode import as_bytes
from tfrecord_lite.example.features import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
)
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.padding import PADDING
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.spans import Spans, error_at, plain_form
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tfrecord_lite._types import FeaturesLike, Int64Array, Uint8Array
    from tfrecord_lite.example.columns import Column
    from tfrecord_lite.example.decode import Value
    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["parse_sequence_example", "parse_single_sequence_example"]

_CONTEXT: Final = (FixedLenFeature, VarLenFeature, RaggedFeature, RawFeature)
_LISTS: Final = (FixedLenSequenceFeature, VarLenFeature, RaggedFeature)

_Decoded: TypeAlias = "tuple[dict[str, Value], dict[str, list[Value]]]"


def parse_sequence_example(
    serialized: RecordBlock | Sequence[bytes],
    context_features: FeaturesLike | None = None,
    sequence_features: FeaturesLike | None = None,
) -> tuple[dict[str, Column], dict[str, Column], dict[str, Int64Array]]:
    r"""Parse a batch of serialized SequenceExamples, as ``tf.io.parse_sequence_example``.

    Returns the context, the feature lists, and the lengths. With n SequenceExamples, the context is
    what `parse_example` gives. Of the feature lists, a `FixedLenSequenceFeature` gives an array
    ``[n, longest, *shape]``, padded with 0 or ``b""``, and in the lengths an int64 array ``[n]`` of
    how many steps each record has; a `VarLenFeature` or `RaggedFeature` gives a `Ragged` of n rows
    whose values are a `Ragged` of steps.

    >>> example = b"\x12\x18\n\x16\n\x03ids\x12\x0f\n\x06\x1a\x04\n\x02\x01\x02\n\x05\x1a\x03\n\x01\x03"
    >>> _, lists, _ = parse_sequence_example([example, b""], {}, {"ids": RaggedFeature(np.int64)})
    >>> lists["ids"].to_list()
    [[[1, 2], [3]], []]

    Raises `ExampleError`, naming record, feature and step, for what is no SequenceExample, for a
    context feature without kind or a missing one without default, a missing feature list where
    ``allow_missing`` is false, another kind, or another number of values.
    """  # noqa: E501 - bytes
    context_features = _checked(context_features, _CONTEXT, "context_features")
    sequence_features = _checked(sequence_features, _LISTS, "sequence_features")
    if not context_features and not sequence_features:
        raise ValueError("no features; name at least one in context_features or sequence_features")
    block = as_block(serialized)
    records = _decode(block)
    try:
        context = {
            name: _context_column([context for context, _ in records], name, feature)
            for name, feature in context_features.items()
        }
        lists: dict[str, Column] = {}
        lengths: dict[str, Int64Array] = {}
        for name, feature in sequence_features.items():
            found = [feature_lists.get(name) for _, feature_lists in records]
            lists[name], steps = _list_column(found, name, feature)
            if isinstance(feature, FixedLenSequenceFeature):
                lengths[name] = steps
    except UnfitError as unfit:
        raise error_at(block, unfit.record, unfit.reason) from None
    return context, lists, lengths


def parse_single_sequence_example(
    data: bytes,
    context_features: FeaturesLike | None = None,
    sequence_features: FeaturesLike | None = None,
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
        [as_bytes(data)], context_features, sequence_features
    )
    return (
        {name: column[0] for name, column in context.items()},
        {name: column[0] for name, column in lists.items()},
    )


def _checked(
    features: FeaturesLike | None, classes: tuple[type, ...], parameter: str
) -> Mapping[str, Any]:
    if features is None or features == {}:
        return {}
    named = normalize_features(features, parameter=parameter)
    for name, feature in named.items():
        if not isinstance(feature, classes):
            raise ValueError(  # noqa: TRY004 - as TensorFlow
                f"{parameter}[{name!r}] is a {type(feature).__name__}; it takes "
                f"{', '.join(cls.__name__ for cls in classes)}"
            )
        if isinstance(feature, FixedLenSequenceFeature) and feature.default_value is not None:
            raise ValueError(
                f"{parameter}[{name!r}] has a default_value, which feature lists do not take"
            )
    return named


def _decode(block: RecordBlock) -> list[_Decoded]:
    records = []
    for index, data in enumerate(block):
        try:
            records.append(decode_sequence_example(data))
        except ExampleError as error:
            raise error_at(block, index, error.reason) from None
    return records


def _lay_down(values: list[Value]) -> tuple[Uint8Array, Spans]:
    kinds, payloads = zip(*map(plain_form, values), strict=True) if values else ((), ())
    block = RecordBlock.from_records([*payloads, bytes(8)])
    ends = block.starts[:-1] + block.lengths[:-1]
    return block.buffer, Spans(np.array(kinds, np.int64), block.starts[:-1], ends)


def _context_column(contexts: list[dict[str, Value]], name: str, feature: FeatureSpec) -> Column:
    where = f"context feature {quote(name)}"
    values = [context.get(name) for context in contexts]
    if isinstance(feature, FixedLenFeature):
        for record, value in enumerate(values):
            if value is None and name in contexts[record]:
                raise UnfitError(
                    record, f"{where}: has no kind; leave it out to have the default_value"
                )
    try:
        return _column(values, feature)
    except UnfitError as unfit:
        raise UnfitError(unfit.record, f"{where}: {unfit.reason}") from None


def _list_column(
    found: list[list[Value] | None], name: str, feature: Any
) -> tuple[Column, Int64Array]:
    """Return the column, and how many steps each record has."""
    where = f"feature list {quote(name)}"
    if isinstance(feature, FixedLenSequenceFeature) and not feature.allow_missing:
        for record, steps in enumerate(found):
            if steps is None:
                raise UnfitError(record, f"{where}: is missing; allow_missing=True permits that")
    counts = np.array([len(steps or ()) for steps in found], np.int64)
    splits = np.zeros(len(found) + 1, np.int64)
    np.cumsum(counts, out=splits[1:])
    values = [value for steps in found for value in steps or ()]
    step_feature = feature
    if isinstance(feature, FixedLenSequenceFeature):
        step_feature = FixedLenFeature(feature.shape, feature.dtype)
    try:
        column = _column(values, step_feature)
    except UnfitError as unfit:
        record = int(np.searchsorted(splits, unfit.record, "right")) - 1
        step = unfit.record - int(splits[record])
        raise UnfitError(record, f"{where}, step {step}: {unfit.reason}") from None
    if isinstance(column, Ragged):
        return Ragged(column, splits), counts
    assert isinstance(column, np.ndarray)
    return _pad(column, counts, PADDING[feature.dtype]), counts


def _column(values: list[Value], feature: FeatureSpec) -> Column:
    column = Decoder(*_lay_down(values), feature).column()
    assert isinstance(column, (np.ndarray, Ragged))
    return column


def _pad(steps: npt.NDArray[Any], counts: Int64Array, padding: Any) -> npt.NDArray[Any]:
    longest = int(counts.max(initial=0))
    column = np.full((len(counts), longest, *steps.shape[1:]), padding, steps.dtype)
    column[np.arange(longest) < counts[:, None]] = steps
    return column
