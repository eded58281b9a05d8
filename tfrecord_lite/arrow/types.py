"""Which Arrow type a feature has, and which feature an Arrow type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from tfrecord_lite.example.composites import keys_of
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
)
from tfrecord_lite.example.kinds import BYTES_LIST, KIND_NAMES, KINDS
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_features import SequenceFeatures

__all__ = [
    "SEQUENCE_PARTS",
    "Binary",
    "Form",
    "Layout",
    "Parts",
    "are_sequences",
    "asked_types",
    "feature_of",
    "is_any_list",
    "is_bytes",
    "is_view",
    "meaning_of",
    "natural_form",
    "parts_of",
    "plain_type",
    "repeated",
    "shaped",
    "storage_of",
    "tfx_form",
    "type_said",
    "with_leaf",
]

Layout: TypeAlias = Literal["natural", "tfx"]
Binary: TypeAlias = Literal["binary", "large_binary", "view"]

_PLAIN: Final = {int: pa.int64(), float: pa.float32(), str: pa.string(), bytes: pa.binary()}
_BYTES: Final = {"binary": pa.binary, "large_binary": pa.large_binary, "view": pa.binary_view}
_TEXT: Final = {"binary": pa.string, "large_binary": pa.large_string, "view": pa.string_view}
_IS_BYTES: Final = (
    pt.is_binary,
    pt.is_large_binary,
    pt.is_binary_view,
    pt.is_fixed_size_binary,
    pt.is_string,
    pt.is_large_string,
    pt.is_string_view,
)
_IS_LIST: Final = (pt.is_list, pt.is_large_list, pt.is_list_view, pt.is_large_list_view)

SEQUENCE_PARTS: Final = ("context", "feature_lists")


class Form(NamedTuple):
    """How a feature becomes a column of a type; where it is missing, null if ``nullable``."""

    feature: FeatureSpec
    type: pa.DataType
    nullable: bool = False


class Parts(NamedTuple):
    """What an Arrow type is made of: perhaps a list, of items of a shape, of leaves."""

    leaf: pa.DataType
    shape: tuple[int, ...]
    is_list: bool


def repeated(names: Iterable[str]) -> dict[str, int]:
    """Return the names that are there several times, and how often each is.

    >>> repeated(["a", "b", "a"])
    {'a': 2}
    """
    return {name: count for name, count in Counter(names).items() if count > 1}


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether a type is one of byte strings or text."""
    return any(test(kind) for test in _IS_BYTES)


def is_view(kind: pa.DataType) -> bool:
    """Tell whether a type is one of views of byte strings or text."""
    return bool(pt.is_binary_view(kind) or pt.is_string_view(kind))


def is_any_list(kind: pa.DataType) -> bool:
    """Tell whether a type is one of lists of any length."""
    return any(test(kind) for test in _IS_LIST)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values themselves, of a dictionary or an extension type."""
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = storage_of(kind)
        elif pt.is_dictionary(kind) or pt.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def storage_of(kind: pa.BaseExtensionType) -> pa.DataType:
    """Return the type of an extension type's values: of arrays, lists of the sizes of their shape.

    Those of Hugging Face (``Array2D``) are stored as lists of any size.
    """
    storage = leaf = kind.storage_type
    shape = getattr(kind, "shape", None)
    if not (isinstance(shape, tuple) and shape and is_any_list(storage)):
        return storage
    for _ in shape:
        if not is_any_list(leaf):
            return storage
        leaf = leaf.value_type
    return shaped(leaf, shape)


def shaped(leaf: pa.DataType, shape: Sequence[int | None]) -> pa.DataType:
    """Return the type of nested lists of these sizes, None for any size."""
    for size in reversed(shape):
        leaf = pa.list_(leaf, -1 if size is None else size)
    return leaf


def type_said(name: str, cast: Any) -> pa.DataType:
    """Return the type that a column is to have: it, its name, a type of Python or NumPy.

    >>> type_said("x", "int8"), type_said("x", float)
    (DataType(int8), DataType(float))
    """
    if isinstance(cast, pa.DataType):
        return cast
    if isinstance(cast, type) and cast in _PLAIN:
        return _PLAIN[cast]
    with suppress(ValueError, TypeError, pa.ArrowException):
        if isinstance(cast, str):
            return pa.type_for_alias(cast)
        if cast is not None:  # float64, to NumPy
            return pa.from_numpy_dtype(cast)
    raise ValueError(
        f"cast: column {quote(name)}: {quote(cast)} is no type of Arrow's, such as float32, "
        "int64, string"
    )


def parts_of(kind: pa.DataType) -> Parts:
    """Take a type apart, whether a feature may have it or not.

    >>> parts_of(pa.list_(pa.list_(pa.float32(), 3)))
    Parts(leaf=DataType(float), shape=(3,), is_list=True)
    """
    leaf = plain_type(kind)
    is_list = is_any_list(leaf)
    if is_list:
        leaf = plain_type(leaf.value_type)
    shape = []
    while pt.is_fixed_size_list(leaf):
        shape.append(leaf.list_size)
        leaf = plain_type(leaf.value_type)
    return Parts(leaf, tuple(shape), is_list)


def with_leaf(kind: pa.DataType, leaf: pa.DataType) -> pa.DataType:
    """Return a type of the same lists, with other leaves; without dictionaries and extensions.

    Views of lists, which may share values, become large lists.

    >>> with_leaf(pa.list_(pa.float64()), pa.float32())
    ListType(list<item: float>)
    """
    kind = plain_type(kind)
    if pt.is_fixed_size_list(kind):
        return pa.list_(with_leaf(kind.value_type, leaf), kind.list_size)
    if is_any_list(kind):
        return (pa.list_ if pt.is_list(kind) else pa.large_list)(with_leaf(kind.value_type, leaf))
    return leaf


def dtype_of_leaf(leaf: pa.DataType) -> Any:
    """Return the dtype of the feature that holds such values; TypeError where none does."""
    if is_bytes(leaf):
        return bytes
    if (
        pt.is_integer(leaf)
        or pt.is_boolean(leaf)
        or (pt.is_temporal(leaf) and not pt.is_interval(leaf))
    ):
        return np.int64
    if pt.is_floating(leaf):
        return np.float32
    if is_any_list(leaf) or pt.is_fixed_size_list(leaf):
        raise TypeError(f"{leaf} inside a list, but a feature is one flat list of values")
    raise TypeError(f"{leaf}, but an Example holds bytes, text, integers and floats, and lists")


def feature_of(kind: pa.DataType) -> FeatureSpec:
    """Return the feature in which values of an Arrow type are; TypeError where none has it.

    >>> feature_of(pa.list_(pa.string()))
    RaggedFeature(dtype=<class 'bytes'>)
    """
    leaf, shape, is_list = parts_of(kind)
    dtype = dtype_of_leaf(leaf)
    if not is_list:
        return FixedLenFeature(shape, dtype)
    return FixedLenSequenceFeature(shape, dtype) if shape else RaggedFeature(dtype)


def meaning_of(kind: pa.DataType, given: FeatureSpec | None) -> str:
    """Return what the values of a feature mean, that are of an Arrow type, in errors' words.

    The integers of another unit mean something else. What ``given`` takes means the same.

    >>> meaning_of(pa.int8(), None), meaning_of(pa.timestamp("us"), None)
    ('integers', 'timestamp[us]')
    """
    leaf = parts_of(kind).leaf
    if pt.is_timestamp(leaf):
        return f"timestamp[{leaf.unit}]" + (" with a time zone" if leaf.tz else "")
    if pt.is_temporal(leaf):
        return str(leaf)
    if given is None and pt.is_boolean(leaf):
        return "bools"
    dtype = given.dtype if given is not None else dtype_of_leaf(leaf)
    return KIND_NAMES[KINDS.get(dtype, BYTES_LIST)]


def asked_types(features: Any) -> tuple[Any, dict[str, Any]]:
    """Return features without Arrow types, and the types that are asked for, `str` among them.

    Of a schema of SequenceExamples the types are those of "context" and of "feature_lists".
    """
    if isinstance(features, pa.Schema) and are_sequences(features):
        return _asked_sequences(features)
    if isinstance(features, pa.Schema):
        names = features.names
        if twice := repeated(names):
            raise ValueError(f"features: {quote(min(twice))} is there twice")
        features = dict(zip(names, features.types, strict=True))
    if not isinstance(features, Mapping):
        return features, {}
    plain, asked = {}, {}
    for name, feature in features.items():
        plain[name] = feature
        if feature is str or isinstance(feature, pa.DataType):
            asked[name] = feature
        if isinstance(feature, pa.DataType):
            try:
                plain[name] = _asked_feature(feature)
            except TypeError as error:
                raise TypeError(f"feature {quote(name)}: {error}") from None
    return plain, asked


def _asked_feature(kind: pa.DataType) -> FeatureSpec:
    """Return the feature of a type; of nulls one that may be missing, as it has to be."""
    return RaggedFeature(np.int64) if pt.is_null(plain_type(kind)) else feature_of(kind)


def are_sequences(schema: pa.Schema) -> bool:
    """Tell whether columns are those of SequenceExamples: two structs, or one of them."""
    known = set(schema.names) <= set(SEQUENCE_PARTS) and len(schema.names) == len(set(schema.names))
    return known and len(schema) > 0 and all(map(pt.is_struct, schema.types))


def _asked_sequences(schema: pa.Schema) -> tuple[Any, dict[str, Any]]:
    asked: dict[str, dict[str, pa.DataType]] = {part: {} for part in SEQUENCE_PARTS}
    features: dict[str, dict[str, FeatureSpec]] = {part: {} for part in SEQUENCE_PARTS}
    for column in schema:
        for field in column.type:
            try:
                kind = field.type if column.name == "context" else _step_type(field.type)
                features[column.name][field.name] = _sequence_feature(kind)
            except TypeError as error:
                raise TypeError(f"{column.name}: feature {quote(field.name)}: {error}") from None
            asked[column.name][field.name] = field.type
    return SequenceFeatures(**features), asked


def _sequence_feature(kind: pa.DataType) -> FeatureSpec:
    """Return the feature of a type, of a context or of each step of a feature list."""
    feature = _asked_feature(kind)
    if isinstance(feature, FixedLenSequenceFeature):  # in feature lists it is another one
        flat = pa.list_(parts_of(kind).leaf)
        raise TypeError(
            f"{kind}, but a SequenceExample's feature has no lists of a fixed size in a list; ask "
            f"for {flat}, of all their values"
        )
    return feature


def _step_type(kind: pa.DataType) -> pa.DataType:
    if not is_any_list(kind):
        raise TypeError(f"{kind}, but a feature list is a list of steps")
    return kind.value_type


def natural_form(
    name: str, feature: FeatureSpec, asked: pa.DataType | type[str] | None, binary: Binary
) -> Form:
    """Return the form of a feature in the natural layout."""
    if isinstance(asked, pa.DataType):
        return Form(feature, asked, nullable=True)
    bytes_type = (_TEXT if asked is str else _BYTES)[binary]()
    if isinstance(feature, SparseFeature):
        keys = ", ".join(map(quote, keys_of(name, feature)))
        raise TypeError(
            f"feature {quote(name)}: a SparseFeature is no column of its own; name the features "
            f"that it is made of: {keys}"
        )
    if isinstance(feature, RawFeature):
        return Form(feature, shaped(_raw_type(feature), feature.shape))
    if feature.dtype is np.uint8:
        return Form(feature, bytes_type)
    leaf = bytes_type if feature.dtype is bytes else pa.from_numpy_dtype(feature.dtype)
    if isinstance(feature, FixedLenFeature):
        return Form(feature, shaped(leaf, feature.shape))
    if isinstance(feature, FixedLenSequenceFeature):
        return Form(feature, pa.list_(shaped(leaf, feature.shape)))
    uniform = True
    for partition in reversed(getattr(feature, "partitions", ())):
        uniform = uniform and isinstance(partition, RaggedFeature.UniformRowLength)
        leaf = pa.list_(leaf, partition.length) if uniform else pa.list_(leaf)
    return Form(feature, pa.list_(leaf))


def tfx_form(name: str, feature: FeatureSpec, asked: Any = None) -> Form:
    """Return the form in which tfx_bsl's ExamplesToRecordBatchDecoder gives a feature.

    Of the types that are asked for it has nulls alone.
    """
    if isinstance(asked, pa.DataType) and pt.is_null(asked):
        return Form(feature, asked, nullable=True)
    if len(keys_of(name, feature)) > 1 or keys_of(name, feature) != (name,):
        raise TypeError(
            f"feature {quote(name)}: the tfx layout has each feature by its own name; name those "
            "that it is made of"
        )
    as_bytes = isinstance(feature, RawFeature) or feature.dtype is np.uint8
    dtype = bytes if as_bytes else feature.dtype
    leaf = pa.large_binary() if dtype is bytes else pa.from_numpy_dtype(dtype)
    return Form(RaggedFeature(dtype), pa.large_list(leaf))


def _raw_type(feature: RawFeature) -> pa.DataType:
    """Return the type of the elements: bytes of their size, where Arrow has none of these."""
    if feature.dtype.kind in "biuf" and feature.dtype.itemsize <= np.dtype(np.float64).itemsize:
        return pa.from_numpy_dtype(feature.dtype)
    return pa.binary(feature.dtype.itemsize)
