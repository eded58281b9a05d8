"""Columns of a batch of Examples: from the bytes of a block to NumPy arrays, one copy each.

`find_spans` has found where each record's values lie; here they are checked against what the caller
expects, by TensorFlow's rules (``tensorflow/core/util/example_proto_fast_parsing.cc``): a missing
feature, or one of no kind, takes its default or is an error; another kind than the expected, or
another number of values, is an error; sequences are padded to the longest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tfrecord_lite.byte_strings import as_bytes
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.composites import (
    UnfitError,
    feature_keys,
    is_composite,
    partitioned,
    require,
    sparse,
    splits_of,
)
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
)
from tfrecord_lite.example.gather import gathered
from tfrecord_lite.example.infer import infer_features
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.padding import Values
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged, Sparse
from tfrecord_lite.example.sequence_features import examples_only
from tfrecord_lite.example.spans import (
    BYTES,
    FLOAT,
    INT64,
    MISSING,
    Spans,
    error_at,
    find_spans,
)
from tfrecord_lite.example.strings import as_objects, find_strings
from tfrecord_lite.example.varints import decode_runs, decode_varints
from tfrecord_lite.example.words import short_varints
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tfrecord_lite._types import AnyArray, FeaturesLike, Int64Array, Uint8Array
    from tfrecord_lite.example.layouts import Layouts

__all__ = [
    "Column",
    "ColumnMaker",
    "Decoder",
    "UnfitError",
    "as_block",
    "decode_block",
    "feature_column",
    "parse_example",
    "parse_single_example",
]

Column: TypeAlias = "AnyArray | Ragged | Sparse"
# Makes the column of a feature of a buffer, the spans of all keys in it, name and feature.
ColumnMaker: TypeAlias = "Callable[[Uint8Array, Mapping[str, Spans], str, FeatureSpec], Any]"

_KINDS: Final = {bytes: BYTES, np.float32: FLOAT, np.int64: INT64}
_KIND_BITS: Final = 0xFF  # without what makes a STRING of it
_KIND_NAMES: Final = {BYTES: "bytes", FLOAT: "float32", INT64: "int64"}


def parse_example(
    serialized: RecordBlock | Sequence[bytes],
    features: FeaturesLike | None = None,
    *,
    strict: bool = True,
) -> dict[str, Column]:
    r"""Parse a batch of serialized Examples into columns, as ``tf.io.parse_example``.

    ``features`` maps names to what is expected: to `FixedLenFeature` and the others, to those of
    ``tf.io``, or to a plain type for one value a record (``int``, ``float``, ``bytes``, ``str``,
    ``np.int64``, ``np.float32``). A list of names, or None for all there are, has them inferred
    from these records, as by `infer_features`.

    With n Examples, `FixedLenFeature` and `RawFeature` give an array ``[n, *shape]``;
    `FixedLenSequenceFeature` one of ``[n, longest, *shape]``, padded; `VarLenFeature` and
    `RaggedFeature` a `Ragged` of n rows. dtypes are the features' own, object for bytes.

    The bytes are read as `decode_example` reads them, with the same ``strict``; then TensorFlow's
    rules for features apply. Raises `ExampleError`, naming record and feature, for what is no
    Example, a missing feature without default, another kind, or another number of values; TypeError
    and ValueError for features that are none.

    >>> example = b"\n\x11\n\x0f\n\x05label\x12\x06\x1a\x04\n\x02\x03\x04"
    >>> parse_example([example, example], {"label": FixedLenFeature([2], np.int64)})
    {'label': array([[3, 4],
           [3, 4]])}
    """
    block = as_block(serialized)

    def infer() -> dict[str, FeatureSpec]:
        return dict(examples_only(infer_features(block, strict=strict)))

    named = infer() if features is None else normalize_features(features, infer)
    return {
        name: values.padded() if isinstance(values, Values) else values
        for name, values in decode_block(block, named, strict=strict).items()
    }


def as_block(serialized: Any) -> RecordBlock:
    """Return serialized records as a block; TypeError for what is no list of bytes."""
    if isinstance(serialized, RecordBlock):
        return serialized
    if isinstance(serialized, (bytes, bytearray, memoryview, str)):
        raise TypeError(
            f"{quote(serialized)} is one record; pass a list of them, or use "
            "parse_single_example (parse_single_sequence_example)"
        )
    try:
        return RecordBlock.from_records(serialized)
    except TypeError:
        raise TypeError(
            f"serialized records are a RecordBlock or a list of bytes, not {quote(serialized)}"
        ) from None


def parse_single_example(
    data: bytes, features: FeaturesLike | None = None, *, strict: bool = True
) -> dict[str, Any]:
    """Parse one serialized Example, as ``tf.io.parse_single_example``.

    As `parse_example`, without the first dimension: arrays ``[*shape]`` (a scalar for the shape
    ``()``), ``[length, *shape]`` for sequences, and ``[values]`` for `VarLenFeature` and
    `RaggedFeature`. Raises what `parse_example` raises.

    >>> from tfrecord_lite import FixedLenFeature, encode_example
    >>> data = encode_example({"label": 3, "name": "cat"})
    >>> parsed = parse_single_example(data, {"label": FixedLenFeature([], np.int64), "name": str})
    >>> print(parsed["label"], parsed["name"])
    3 b'cat'
    """
    columns = parse_example(RecordBlock.from_records([as_bytes(data)]), features, strict=strict)
    return {
        name: column.row(0) if isinstance(column, Sparse) else column[0]
        for name, column in columns.items()
    }


def decode_block(
    block: RecordBlock,
    features: Mapping[str, FeatureSpec],
    layouts: Layouts | None = None,
    *,
    strict: bool = True,
    column: ColumnMaker | None = None,
) -> dict[str, Any]:
    """Decode a block; sequences stay `Values`: the batch decides how far they are padded.

    ``layouts``, made of the features' names, is for blocks that follow one another. ``column``
    makes other columns than `feature_column`.
    """
    if not features:
        raise ValueError("no features; name at least one, or use decode_example for all there are")
    keys = feature_keys(features)
    buffer, found = find_spans(block, keys, layouts, strict=strict)
    spans = dict(zip(keys, found, strict=True))
    columns: dict[str, Any] = {}
    for name, feature in features.items():
        try:
            columns[name] = (column or feature_column)(buffer, spans, name, feature)
        except UnfitError as unfit:
            error = error_at(block, unfit.record, f"feature {name!r}: {unfit.reason}")
            error.misfit = True
            raise error from None
    return columns


def feature_column(
    buffer: Uint8Array, spans: Mapping[str, Spans], name: str, feature: FeatureSpec
) -> Column | Values:
    """Return the column of a feature, of the spans of its keys; `UnfitError` where one does not."""
    if not is_composite(feature):
        return Decoder(buffer, spans[name], feature).column()

    def read(key: str, dtype: Any) -> Ragged:
        try:
            column = Decoder(buffer, spans[key], RaggedFeature(dtype)).column()
        except UnfitError as unfit:
            unfit.reason = f"{quote(key)}: {unfit.reason}"
            raise
        assert isinstance(column, Ragged)
        return column

    if isinstance(feature, SparseFeature):
        return sparse(feature, read)
    assert isinstance(feature, RaggedFeature)
    return partitioned(name, feature, read)


class Decoder:
    """One feature of all records of a block."""

    def __init__(self, buffer: Uint8Array, spans: Spans, feature: FeatureSpec) -> None:
        self._buffer = buffer
        self._spans = spans
        self._feature = feature
        as_string = isinstance(feature, RawFeature) or feature.dtype is np.uint8
        self._dtype = bytes if as_string else feature.dtype
        self._present = spans.kind != MISSING
        expected = _KINDS[self._dtype]
        require(
            ~self._present | (spans.kind & _KIND_BITS == expected),
            lambda record: (
                f"found {_KIND_NAMES[int(spans.kind[record]) & _KIND_BITS]} values, expected "
                f"{_KIND_NAMES[expected]}"
            ),
        )

    def column(self) -> Column | Values:
        """Return the column; `UnfitError` where a record's values do not fit."""
        feature = self._feature
        if isinstance(feature, FixedLenFeature):
            return self._fixed(feature)
        if isinstance(feature, RawFeature):
            return self._raw(feature)
        flat, counts = self._bytes() if feature.dtype is np.uint8 else self._values()
        splits = splits_of(counts)
        if isinstance(feature, FixedLenSequenceFeature):
            self._check_sequences(feature, counts)
            return Values(flat, splits, feature)
        return Ragged(flat, splits)

    def _check_sequences(self, feature: FixedLenSequenceFeature, counts: Int64Array) -> None:
        size = math.prod(feature.shape)
        require(
            counts % size == 0 if size else counts == 0,
            lambda record: (
                f"found {counts[record]} values, expected a multiple of {size} {feature.shape}"
            ),
        )
        if not feature.allow_missing:
            require(self._present, lambda _: "is missing; allow_missing=True permits that")

    # Features of a fixed number of values.

    def _fixed(self, feature: FixedLenFeature) -> AnyArray:
        count = math.prod(feature.shape)
        if self._present.all():
            return self._exactly(count).reshape(len(self._present), *feature.shape)
        if feature.default_value is None:
            raise UnfitError(
                int(np.argmin(self._present)),
                "is missing (or has no kind) and has no default_value",
            )
        rows = np.flatnonzero(self._present)
        dtype = object if self._dtype is bytes else self._dtype
        column = np.empty((len(self._present), count), dtype)
        column[:] = np.array(feature.default_value, dtype)
        self._spans = Spans(*(column[rows] for column in self._spans))
        try:
            column[rows] = self._exactly(count).reshape(len(rows), count)
        except UnfitError as unfit:
            raise UnfitError(int(rows[unfit.record]), unfit.reason) from None
        return column.reshape(len(column), *feature.shape)

    def _exactly(self, count: int) -> AnyArray:
        """Return the values of records that all must have ``count``."""
        if self._dtype is np.float32:
            self._check_counts((self._spans.sizes) >> 2, count)
            floats = self._items(self._spans.begin, np.dtype(("<f4", (count,))))
            return np.asarray(floats, np.float32)
        if self._dtype is np.int64 and count == 1:
            values = self._single_integers()
            if values is not None:
                return values
        flat, counts = self._values()
        self._check_counts(counts, count)
        return flat

    def _check_counts(self, counts: Int64Array, count: int) -> None:
        wrong = counts != count
        if wrong.any():
            found = int(np.argmax(wrong))
            shape = getattr(self._feature, "shape", ())
            reason = f"found {counts[found]} values, expected {count} for the shape {shape}"
            if isinstance(self._feature, FixedLenFeature):
                reason += "; RaggedFeature and VarLenFeature take any number"
            raise UnfitError(found, reason)

    def _items(self, begin: Int64Array, dtype: np.dtype[Any]) -> AnyArray:
        """Copy one item of a dtype from each place, straight to ``[records, *shape]``."""
        if dtype.itemsize == 0 or not len(begin):
            return np.empty((len(begin), *dtype.shape), dtype.base)
        count = len(self._buffer) - dtype.itemsize + 1
        every: Any = np.ndarray((count,), f"V{dtype.itemsize}", buffer=self._buffer, strides=(1,))
        items: AnyArray = every[begin].view(dtype.base)
        return items.reshape(len(begin), *dtype.shape)

    def _raw(self, feature: RawFeature) -> AnyArray:
        require(self._present, lambda _: "is missing (or has no kind)")
        begin, size = self._single_strings()
        require(
            size == feature.nbytes,
            lambda record: (
                f"found {size[record]} raw bytes, expected {feature.nbytes} for the shape "
                f"{feature.shape} of {feature.dtype}"
            ),
        )
        return self._items(begin, np.dtype((feature.dtype, feature.shape)))

    # Values of all records, one after the other.

    def strings(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Return where all byte strings begin, their sizes, and how many each record has."""
        begin, size, counts = find_strings(self._buffer, self._spans)
        feature = self._feature
        if isinstance(feature, FixedLenFeature):
            self._check_counts(counts, math.prod(feature.shape))
        elif isinstance(feature, FixedLenSequenceFeature):
            self._check_sequences(feature, counts)
        elif feature.dtype is np.uint8:
            require(
                counts <= 1,
                lambda record: f"found {counts[record]} byte strings, expected one for uint8",
            )
        return begin, size, counts

    def _bytes(self) -> tuple[Uint8Array, Int64Array]:
        """Return the bytes of the one byte string of each record, of none where it is missing."""
        begin, size, counts = self.strings()
        sizes = np.zeros(len(counts), np.int64)
        sizes[counts == 1] = size
        return gathered(self._buffer, begin, size), sizes

    def _values(self) -> tuple[AnyArray, Int64Array]:
        """Return all values, and how many each record has."""
        if self._dtype is bytes:
            return self._strings()
        data = self._joined()
        if self._dtype is np.float32:
            return data.view("<f4").astype(np.float32, copy=False), (self._spans.sizes) >> 2
        return self._integers(data)

    def _joined(self) -> Uint8Array:
        """Return the payloads of all records in one new array."""
        return gathered(self._buffer, self._spans.begin, self._spans.sizes)

    def _integers(self, data: Uint8Array) -> tuple[Int64Array, Int64Array]:
        ends = np.cumsum(self._spans.sizes)
        try:
            values, splits = decode_runs(data, ends)
        except ExampleError:
            for record, (begin, end) in enumerate(
                zip(self._spans.begin, self._spans.end, strict=True)
            ):
                try:
                    decode_varints(self._buffer[begin:end])
                except ExampleError as error:
                    raise UnfitError(record, error.reason) from None
            raise
        return values, np.diff(splits, prepend=0)

    def _single_integers(self) -> Int64Array | None:
        """Return the one integer of each record; None where some have more, none, or a long one."""
        size = self._spans.sizes
        if not len(size) or size.min() < 1 or size.max() > 4:
            return None
        if size.max() == 1:
            return self._buffer[self._spans.begin].astype(np.int64)
        return short_varints(self._buffer, self._spans.begin, size)

    def _single_strings(self) -> tuple[Int64Array, Int64Array]:
        """Return where the one byte string of each record begins, and its size."""
        begin, size, counts = find_strings(self._buffer, self._spans)
        self._check_counts(counts, 1)
        return begin, size

    def _strings(self) -> tuple[AnyArray, Int64Array]:
        begin, size, counts = find_strings(self._buffer, self._spans)
        return as_objects(self._buffer, begin, size), counts
