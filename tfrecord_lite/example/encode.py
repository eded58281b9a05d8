"""Values to bytes: one Example.

A serialized Example, with its tags in hexadecimal::

    Example   0a <length> Features
    Features  0a <length> entry, 0a <length> entry, ...   in the order of the names' UTF-8 bytes
    entry     0a <length> name, 12 <length> Feature

A large value is not copied until all the parts of an Example are joined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.composites import is_composite
from tfrecord_lite.example.features import (
    FeatureSpec,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RawFeature,
)
from tfrecord_lite.example.floats import as_float32
from tfrecord_lite.example.kinds import FLOAT_LIST, KIND_NAMES, KINDS
from tfrecord_lite.example.normalize import SPECS, as_feature, normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.values import (
    ENCODERS,
    FeatureBytes,
    as_text_bytes,
    check_size,
    encode_feature,
    encoder_of,
    refuse_masked,
)
from tfrecord_lite.example.wire import varint

__all__ = [
    "Parts",
    "encode_as",
    "encode_example",
    "encode_features",
    "entry_key",
    "entry_start",
    "is_raw_dtype",
    "sorted_names",
]

Parts: TypeAlias = list[Any]  # bytes-like

_LENGTHS: Final = tuple(bytes([length]) for length in range(128))
_ENTRY_HEADS: Final = tuple(bytes([0x0A, length]) for length in range(128))


def encode_example(
    mapping: Mapping[str, object], features: Mapping[str, Any] | None = None
) -> bytes:
    r"""Encode features, by name, as one serialized tf.train.Example.

    bytes and str make a bytes_list, bool and integers an int64_list, floats a float_list; so do
    lists, tuples, and arrays of no or one dimension. None leaves the feature out. The features are
    in the order of the UTF-8 bytes of their names, so that the same input gives the same bytes.

    ``features``, a mapping as `parse_example` takes it, says more of some of them: the kind of an
    empty list, the shape of an array of several dimensions (its elements are stored in C order),
    and with ``RawFeature`` that an array goes in as its little-endian bytes. What does not fit it
    is refused; but where it says float32, integers are taken too, and all numbers are rounded to
    float32, as TensorFlow's FloatList does.

    >>> encode_example({"label": 3})
    b'\n\x10\n\x0e\n\x05label\x12\x05\x1a\x03\n\x01\x03'

    Fractions are rounded to the nearest float32, as TensorFlow rounds them. Else raises
    ExampleError for a value that would not come back as it is: an integer beyond int64; a finite
    float that float32 would make 0 or infinite, or, without ``features`` that say float32, a whole
    number that it does not hold; elements of several kinds; an empty list without a kind; text with
    lone surrogates; a masked array; an array of dtype S or U from which NumPy may have dropped
    trailing NULs; an array of several dimensions without ``features``.
    """
    parts, size = encode_features(mapping, features)
    head = b"\x0a" + varint(size)
    check_size(len(head) + size)
    parts.insert(0, head)
    return b"".join(parts)


def encode_features(
    mapping: Mapping[str, object], features: Mapping[str, Any] | None = None
) -> tuple[Parts, int]:
    """Encode a Features message: bytes-like parts, to be joined, and their size together."""
    if features is not None and type(features) is not dict and not isinstance(features, Mapping):
        normalize_features(features)  # says what is wrong with it
    parts: Parts = []
    size = 0
    join = b"".join
    for name in sorted_names(mapping):
        value = mapping[name]
        if value is None:
            continue
        try:
            if features is None or name not in features:
                encode = ENCODERS.get(type(value)) or encoder_of(value)
                head, run, run_size = encode(value)
            else:
                spec = features[name]
                if type(spec) not in SPECS:
                    spec = as_feature(spec, name)
                head, run, run_size = encode_as(value, spec)
        except ExampleError as error:
            raise ExampleError(f"feature {quote(name)}: {error.reason}") from None
        key = entry_key(name)
        value_size = len(head) + run_size
        entry_size = len(key) + 1 + value_size
        if entry_size < 128:  # entry_start for the many small ones: each length takes one byte
            parts.append(join((_ENTRY_HEADS[entry_size], key, _LENGTHS[value_size], head, run)))
            size += 2 + entry_size
        else:
            start = entry_start(key, head, run_size)
            parts += (start, run)
            size += len(start) + run_size
    return parts, size


@lru_cache(maxsize=1 << 12)
def entry_start(key: bytes, head: bytes, size: int) -> bytes:
    """Encode a map entry up to the last ``size`` bytes of its value, which begins with ``head``."""
    start = key + varint(len(head) + size) + head
    return b"\x0a" + varint(len(start) + size) + start


def sorted_names(mapping: Mapping[str, object]) -> list[str]:
    """Return the names in the order of their UTF-8 bytes, which is that of their code points."""
    if type(mapping) is not dict and not isinstance(mapping, Mapping):
        found = type(mapping).__name__
        raise TypeError(f"features are a mapping of names to values, not {found}; make it a dict")
    try:
        return sorted(mapping)
    except TypeError:  # names of several types, which entry_key refuses
        return list(mapping)


@lru_cache(maxsize=1024)
def entry_key(name: str) -> bytes:
    """Encode all of a map entry that comes before the length of its value."""
    if not isinstance(name, str):
        found = type(name).__name__
        raise ExampleError(f"feature name {quote(name)} is of type {found}; a name is a str")
    try:
        key = name.encode()
    except UnicodeEncodeError as error:
        raise ExampleError(f"feature name {quote(name)}: {error.reason}; a name is UTF-8") from None
    return b"\x0a" + varint(len(key)) + key + b"\x12"


def encode_as(value: Any, spec: FeatureSpec) -> FeatureBytes:
    """Encode a value as the Feature that ``spec`` describes."""
    if isinstance(spec, RawFeature):
        return encode_feature(_raw_bytes(value, spec))
    if is_composite(spec):
        raise ExampleError(
            f"{quote(spec)} is read of several features; write each of these by its own name"
        )
    if spec.dtype is np.uint8:
        return encode_feature(_string_of(value))
    kind = KINDS[spec.dtype]
    if isinstance(value, np.ndarray):
        refuse_masked(value)
        _check_shape(value.shape, spec)
        value = value.reshape(-1)
        untyped = value.dtype == object
    else:
        untyped = isinstance(value, (list, tuple))
        _check_shape((len(value) if untyped else 1,), spec)
    if untyped and len(value) == 0:
        return bytes((kind, 0)), b"", 0
    encoded = encode_feature(as_float32(value) if kind == FLOAT_LIST else value)
    found = encoded[0][0]
    if found != kind:
        raise ExampleError(
            f"{quote(value)} makes {KIND_NAMES[found]}, not the {KIND_NAMES[kind]} of {quote(spec)}"
        )
    return encoded


def _check_shape(shape: tuple[int, ...], spec: Any) -> None:
    """Refuse a number of values, or an array's shape, that is not the one of ``spec``.

    A list, or an array of one dimension, need only have as many values.
    """
    wanted = getattr(spec, "shape", ())
    if isinstance(spec, FixedLenFeature):
        fits = shape == wanted if len(shape) > 1 else math.prod(shape) == math.prod(wanted)
    elif len(shape) > 1:
        fits = isinstance(spec, FixedLenSequenceFeature) and shape[1:] == wanted
    else:
        fits = math.prod(shape) % (math.prod(wanted) or math.inf) == 0
    if not fits:
        found = f"shape {shape}" if len(shape) > 1 else f"{math.prod(shape)} values"
        raise ExampleError(f"{found}, which {quote(spec)} does not allow")


def _string_of(value: Any) -> bytes:
    """Return the byte string that bytes, or an array of them, are."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return as_text_bytes(value)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 1:
        refuse_masked(value)
        return value.tobytes()
    raise ExampleError(f"{quote(value)} is neither bytes nor an array of uint8 of one dimension")


def is_raw_dtype(dtype: np.dtype[Any], spec: RawFeature) -> bool:
    """Tell whether this is the dtype of a feature, in either byte order."""
    # NumPy's StringDType has none, and would raise.
    return dtype.kind == spec.dtype.kind and bool(dtype.newbyteorder("<") == spec.dtype)


def _raw_bytes(value: Any, spec: RawFeature) -> bytes:
    """Return an array's elements as they lie in memory, or bytes that may well be just that."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        if memoryview(value).nbytes == spec.nbytes:
            return as_text_bytes(value)
        raise ExampleError(
            f"{memoryview(value).nbytes} bytes, where {quote(spec)} has {spec.nbytes}"
        )
    if not isinstance(value, (np.ndarray, np.generic)):
        raise ExampleError(f"{quote(value)} is not an array; make it np.asarray(..., {spec.dtype})")
    refuse_masked(value)
    if value.shape != spec.shape or not is_raw_dtype(value.dtype, spec):
        raise ExampleError(
            f"an array of shape {value.shape} and dtype {value.dtype}, where RawFeature wants "
            f"{spec.shape} and {spec.dtype}; .reshape() and .astype() it if that is meant"
        )
    return np.asarray(value, spec.dtype).tobytes()
