"""SequenceExamples: values to bytes, and back.

A serialized SequenceExample, with its tags in hexadecimal::

    SequenceExample  0a <length> Features (the context), 12 <length> FeatureLists
    FeatureLists     0a <length> entry, 0a <length> entry, ...
    entry            0a <length> name, 12 <length> FeatureList
    FeatureList      0a <length> Feature, 0a <length> Feature, ...   one for each step
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.byte_strings import as_bytes, lost_nuls
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import (
    ENTRY,
    Value,
    decode_entry,
    decode_feature,
    decode_features,
    decode_small_feature,
)
from tfrecord_lite.example.encode import (
    Parts,
    encode_as,
    encode_features,
    entry_key,
    entry_start,
    sorted_names,
)
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RawFeature,
)
from tfrecord_lite.example.kinds import KIND_NAMES
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.values import check_size, encode_feature
from tfrecord_lite.example.wire import Span, read_fields, varint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Buffer


__all__ = [
    "decode_sequence_example",
    "encode_sequence_example",
    "encode_steps",
    "sequence_names",
]

_CONTEXT: Final = 0x0A
_FEATURE_LISTS: Final = 0x12
_STEP: Final = 0x0A


def encode_sequence_example(
    context: Mapping[str, object],
    feature_lists: Mapping[str, Iterable[object] | None],
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
) -> bytes:
    r"""Encode a context and feature lists, by name, as one serialized tf.train.SequenceExample.

    The context is as ``encode_example`` takes it. A feature list is a list of steps, each a value
    as ``encode_example`` takes it, or None for a Feature of no kind; an array's steps are its rows.
    None in place of a feature list leaves it out. ``context_features`` and ``sequence_features``
    say of the context, and of the steps of lists, what ``features`` say to ``encode_example``.

    >>> encode_sequence_example({}, {"ids": [[1, 2], [3]]})
    b'\n\x00\x12\x18\n\x16\n\x03ids\x12\x0f\n\x06\x1a\x04\n\x02\x01\x02\n\x05\x1a\x03\n\x01\x03'

    Raises ExampleError where ``encode_example`` does, and for steps of several kinds.
    """
    features, features_size = encode_features(context, context_features)
    lists: Parts = []
    lists_size = 0
    for name in sorted_names(feature_lists):
        steps = feature_lists[name]
        if steps is not None:
            content, size, _ = encode_steps(name, steps, (sequence_features or {}).get(name))
            start = entry_start(entry_key(name), b"", size)
            lists += (start, *content)
            lists_size += len(start) + size
    heads = b"\x0a" + varint(features_size), b"\x12" + varint(lists_size)
    check_size(len(heads[0]) + features_size + len(heads[1]) + lists_size)
    return b"".join((heads[0], *features, heads[1], *lists))


def encode_steps(
    name: str, steps: Iterable[object], feature: FeatureSpec | None
) -> tuple[Parts, int, int]:
    """Encode a feature list: bytes-like parts, their size together, and the kind of the steps.

    The kind is 0 where no step has one.
    """
    if not isinstance(steps, (list, tuple, np.ndarray)) or getattr(steps, "ndim", 1) == 0:
        raise ExampleError(
            f"feature list {quote(name)}: {quote(steps)} is neither a list of steps nor an array "
            "of rows"
        )
    if (
        isinstance(steps, np.ndarray)
        and steps.dtype.kind in "SU"
        and not isinstance(feature, RawFeature)
        and (lost := lost_nuls(steps))
    ):
        step = lost[0] // math.prod(steps.shape[1:])
        raise ExampleError(f"feature list {quote(name)}, step {step}: {lost[1]}")
    if isinstance(feature, FixedLenSequenceFeature):
        feature = FixedLenFeature(feature.shape, feature.dtype)
    parts: Parts = []
    size = 0
    first: tuple[int, int] | None = None
    for index, value in enumerate(steps):
        try:
            if value is None:
                head, run, run_size = b"", b"", 0
            elif feature is None:
                head, run, run_size = encode_feature(value)
            else:
                head, run, run_size = encode_as(value, feature)
        except ExampleError as error:
            raise ExampleError(
                f"feature list {quote(name)}, step {index}: {error.reason}"
            ) from None
        if head:
            first = first or (head[0], index)
            if head[0] != first[0]:
                raise ExampleError(
                    f"feature list {quote(name)}, step {index} has {KIND_NAMES[head[0]]}, where "
                    f"step {first[1]} has {KIND_NAMES[first[0]]}, but a feature list has one kind: "
                    "make all steps of one type"
                )
        head = b"\x0a" + varint(len(head) + run_size) + head
        parts += (head, run)
        size += len(head) + run_size
    return parts, size, first[0] if first else 0


def decode_sequence_example(
    data: Buffer,
    *,
    strict: bool = False,
) -> tuple[dict[str, Value], dict[str, list[Value]]]:
    r"""Decode one serialized tf.train.SequenceExample into its context and its feature lists.

    The context is as ``decode_example`` gives features; a feature list, by its name, is a list of
    such values, one for each step.

    >>> decode_sequence_example(b"\n\x00\x12\x10\n\x0e\n\x03ids\x12\x07\n\x05\x1a\x03\n\x01\x03")
    ({}, {'ids': [array([3])]})

    Raises ExampleError where protobuf raises DecodeError, and nowhere else; with ``strict`` also
    for a field at top level that a SequenceExample does not have.
    """
    data = as_bytes(data)
    context: dict[str, Value] = {}
    feature_lists: dict[str, list[Value]] = {}
    for tag, start, stop in read_fields(data, [(0, len(data))], 0):
        if tag == _CONTEXT:
            decode_features(data, start, stop, context)
        elif tag == _FEATURE_LISTS:
            for inner, begin, end in read_fields(data, [(start, stop)], 1):
                if inner == ENTRY:
                    decode_entry(data, begin, end, feature_lists, _decode_steps)
        elif strict:
            raise ExampleError(
                f"byte {start}: unknown field {tag >> 3} at top level (wire type {tag & 7}), not a "
                "SequenceExample's"
            )
    return context, feature_lists


def sequence_names(data: bytes) -> tuple[list[str], list[str]]:
    r"""Return the names in the context and of the feature lists; no value is decoded.

    >>> sequence_names(b"\n\x00\x12\x10\n\x0e\n\x03ids\x12\x07\n\x05\x1a\x03\n\x01\x03")
    ([], ['ids'])

    Raises ExampleError where the messages around the values are malformed.
    """
    found: dict[int, dict[str, None]] = {_CONTEXT: {}, _FEATURE_LISTS: {}}
    for tag, start, stop in read_fields(data, [(0, len(data))], 0):
        for inner, begin, end in read_fields(data, [(start, stop)] if tag in found else [], 1):
            if inner == ENTRY:
                decode_entry(data, begin, end, found[tag], _decode_nothing)
    return list(found[_CONTEXT]), list(found[_FEATURE_LISTS])


def _decode_nothing(_: bytes, __: list[Span], ___: int) -> None:
    """Leave a value as it is."""


def _decode_steps(data: bytes, spans: list[Span], depth: int) -> list[Value]:
    steps = []
    for tag, start, stop in read_fields(data, spans, depth):
        if tag == _STEP:
            value = decode_small_feature(data, start, stop)
            steps.append(
                decode_feature(data, [(start, stop)], depth + 1) if value is None else value
            )
    return steps
