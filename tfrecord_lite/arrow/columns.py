"""The columns of a block as Arrow arrays: from the spans of values to buffers, by the column.

Numbers are what `Decoder` makes of them, and their arrays are shared with Arrow. Byte strings
become views of the block first, 16 bytes each; those are the column, or Arrow gathers the strings.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tfrecord_lite.arrow.arrays import (
    LostNumberError,
    cast_leaves,
    first_refused,
    leaf_of,
    list_array,
    nested_array,
    stripped,
    validity_of,
    wrapped_array,
)
from tfrecord_lite.arrow.strings import string_array
from tfrecord_lite.arrow.types import Form, is_view, plain_type
from tfrecord_lite.example.columns import Decoder, UnfitError, feature_column
from tfrecord_lite.example.composites import is_composite, keys_of
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RawFeature,
)
from tfrecord_lite.example.padding import Values
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import MISSING, Spans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array, Uint8Array

    # Which of the records that have the feature an element is of, by the element's number.
    _RowOf: TypeAlias = Callable[[int], int]

__all__ = ["ArrowColumns"]


class ArrowColumns:
    """Makes the columns of features, by their forms."""

    def __init__(self, forms: Mapping[str, Form]) -> None:
        """Raise TypeError for a type that Arrow cannot make of plain values."""
        self._forms = forms
        for name, form in forms.items():
            _check(name, form)

    def __call__(
        self, buffer: Uint8Array, spans: Mapping[str, Spans], name: str, _: FeatureSpec
    ) -> pa.Array:
        """Return the column of a feature; `UnfitError` where a record does not fit."""
        form = self._forms[name]
        present = spans[keys_of(name, form.feature)[0]].kind != MISSING
        if is_composite(form.feature):
            column = feature_column(buffer, spans, name, form.feature)
            return _of_ragged(column, plain_type(form.type), validity_of(present))
        return _Column(buffer, spans[name], form, present).array()


def _check(name: str, form: Form) -> None:
    """Raise TypeError where a type that was asked for cannot be made, before anything is read."""
    kind = form.type
    plain = stripped(kind)
    if plain is kind or pt.is_null(plain):
        return
    try:
        wrapped_array(pa.array([], plain), kind)
    except (pa.ArrowException, TypeError) as error:
        raise TypeError(
            f"feature {quote(name)}: {kind} cannot be made of values ({error}); ask for {plain}"
        ) from None


class _Column:
    """One feature of all records of a block, whose values are those of its own key."""

    def __init__(self, buffer: Uint8Array, spans: Spans, form: Form, present: BoolArray) -> None:
        self._buffer = buffer
        self._form = form
        feature = form.feature
        default = getattr(feature, "default_value", None)
        if (
            isinstance(feature, FixedLenFeature)
            and feature.dtype is not bytes
            and default is not None
        ):
            present = np.ones(len(present), np.bool_)  # `Decoder` fills it in
        self._present = present
        self._rows = None if present.all() else np.flatnonzero(present)
        if self._rows is not None and self._must_be_there():
            Decoder(buffer, spans, form.feature).column()  # says which record has no value
        self._spans = (
            spans if self._rows is None else Spans(*(column[self._rows] for column in spans))
        )

    def _must_be_there(self) -> bool:
        feature = self._form.feature
        if isinstance(feature, FixedLenSequenceFeature):
            return not feature.allow_missing
        fixed = isinstance(feature, (FixedLenFeature, RawFeature)) and not self._form.nullable
        return fixed and getattr(feature, "default_value", None) is None

    def array(self) -> pa.Array:
        kind = self._form.type
        if pt.is_null(plain_type(kind)):
            return self._nulls(kind)
        try:
            array = self._array(stripped(kind))
        except UnfitError as unfit:
            if self._rows is not None:
                unfit.record = int(self._rows[unfit.record])
            raise
        try:
            return wrapped_array(array, kind)
        except pa.ArrowInvalid as error:
            raise UnfitError(0, f"from here on no {kind} can be made: {error}") from None

    def _nulls(self, kind: pa.DataType) -> pa.Array:
        if self._present.any():
            reason = f"found a value, where the type {kind} has none"
            raise UnfitError(int(np.argmax(self._present)), reason)
        return pa.nulls(len(self._present), kind)

    def _array(self, kind: pa.DataType) -> pa.Array:
        feature = self._form.feature
        decoder = Decoder(self._buffer, self._spans, feature)
        if isinstance(feature, FixedLenFeature):
            return self._fixed(decoder, feature, kind)
        if isinstance(feature, RawFeature):
            raw = decoder.column()
            assert isinstance(raw, np.ndarray)
            return nested_array(_elements(raw.reshape(-1), leaf_of(kind)), kind, len(raw))
        if feature.dtype is np.uint8:
            begin, size, counts = decoder.strings()
            there = _spread_out(counts, self._present) > 0
            return self._strings(kind, begin, size, there, self._row_of_spread(1))
        if feature.dtype is bytes:
            begin, size, counts = decoder.strings()
            leaf = string_array(self._buffer, begin, size, leaf_of(kind), None, _row_by(counts))
        else:
            column = decoder.column()
            assert isinstance(column, (Ragged, Values))
            flat, splits = (
                (column.values, column.row_splits) if isinstance(column, Ragged) else column[:2]
            )
            counts = np.diff(splits)
            leaf = _converted(flat, leaf_of(kind), _row_by(counts))
        counts = counts // max(math.prod(getattr(feature, "shape", ())), 1)
        counts = _spread_out(counts, self._present)
        items = nested_array(leaf, kind.value_type, int(counts.sum()))
        return list_array(items, counts, kind, validity_of(self._present))

    def _row_of_spread(self, count: int) -> _RowOf:
        """Return whose an element is where all records have ``count`` each, if only to fill."""

        def row_of(index: int) -> int:
            record = index // count
            return record if self._rows is None else int(np.searchsorted(self._rows, record))

        return row_of

    def _strings(
        self,
        kind: pa.DataType,
        begin: Int64Array,
        size: Int64Array,
        there: BoolArray,
        row_of: _RowOf,
    ) -> pa.Array:
        """Return the byte strings where they are there, and null elsewhere."""
        begin, size = _spread_out(begin, there), _spread_out(size, there)
        return string_array(self._buffer, begin, size, kind, validity_of(there), row_of)

    def _fixed(self, decoder: Decoder, feature: FixedLenFeature, kind: pa.DataType) -> pa.Array:
        count = math.prod(feature.shape)
        leaf, rows = leaf_of(kind), len(self._present)
        there = np.repeat(self._present, count)
        row_of = self._row_of_spread(count)
        if feature.dtype is not bytes:
            numbers = decoder.column()
            assert isinstance(numbers, np.ndarray)
            values = _converted(_spread_out(numbers.reshape(-1), there), leaf, row_of)
            if not feature.shape:
                return _with_nulls(values, validity_of(there))
            return nested_array(values, kind, rows, validity_of(self._present))
        begin, size, _ = decoder.strings()
        if self._rows is None or feature.default_value is None:
            values = self._strings(leaf, begin, size, there, row_of)
            return nested_array(values, kind, rows, validity_of(self._present))
        # Arrow puts no views together.
        first = pa.large_binary() if is_view(leaf) else leaf
        default = feature.default_value if feature.shape else [feature.default_value]
        defaults = pa.array(list(default), first).take(pa.array(np.arange(len(there)) % count))
        values = pc.coalesce(self._strings(first, begin, size, there, row_of), defaults)
        return nested_array(values.cast(leaf), kind, rows)


def _spread_out(values: Any, there: BoolArray) -> Any:
    """Put values where they go, and 0 elsewhere; where all are there, nothing is copied."""
    if len(values) == len(there):
        return values
    spread = np.zeros(len(there), values.dtype)
    spread[there] = values
    return spread


def _with_nulls(array: pa.Array, validity: Any) -> pa.Array:
    """Return an array as it is, with a validity bitmap."""
    if validity is None:
        return array
    return pa.Array.from_buffers(array.type, len(array), [validity, *array.buffers()[1:]])


def _elements(flat: AnyArray, leaf: pa.DataType) -> pa.Array:
    """Share an array of elements of this very type with Arrow."""
    if pt.is_boolean(leaf):
        return pa.array(flat.view(np.uint8) != 0)
    data = pa.py_buffer(np.ascontiguousarray(flat).view(np.uint8))
    return pa.Array.from_buffers(leaf, len(flat), [None, data])


def _row_by(counts: Int64Array) -> _RowOf:
    """Return which record an element is of, where records have so many each."""
    return lambda index: int(np.searchsorted(np.cumsum(counts), index, "right"))


def _converted(flat: AnyArray, leaf: pa.DataType, row_of: _RowOf) -> pa.Array:
    """Return numbers as Arrow's, of the type asked for; ``row_of`` tells whose they are."""
    array = _elements(flat, pa.from_numpy_dtype(flat.dtype))
    if array.type == leaf:
        return array
    try:
        return _cast(array, leaf)
    except (pa.ArrowInvalid, LostNumberError) as error:
        index = first_refused(array, lambda some: _cast(some, leaf))
        reason = f"found {array[index]}, which is no {leaf}: {error}"
        raise UnfitError(row_of(index), reason) from None


def _cast(array: pa.Array, leaf: pa.DataType) -> pa.Array:
    if (pt.is_date32(leaf) or pt.is_time32(leaf)) and pt.is_int64(array.type):
        array = array.cast(pa.int32())
    found = cast_leaves(array, leaf)
    if pt.is_time(leaf) or pt.is_date64(leaf):
        found.validate(full=True)  # a cast takes times beyond a day, and parts of days
    return found


def _of_ragged(column: Any, kind: pa.DataType, validity: Any = None) -> pa.Array:
    """Return a `Ragged` of values that have been decoded as lists."""
    if isinstance(column, Ragged):
        items = _of_ragged(column.values, kind.value_type)
        return list_array(items, np.diff(column.row_splits), kind, validity)
    flat, leaf = column.reshape(-1), leaf_of(kind)
    elements = pa.array(flat.tolist(), leaf) if flat.dtype == object else _elements(flat, leaf)
    return nested_array(elements, kind, len(column))
