"""What a caller expects of a feature: its kind, how many values, what stands in for a missing one.

The classes have the names, parameters and meanings of those in ``tf.io``; ``RawFeature`` is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "DTYPES",
    "FeatureSpec",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "RawFeature",
    "VarLenFeature",
]

# What an Example can hold, by every name that NumPy, TensorFlow and Python have for it.
DTYPES: Final[dict[str, type]] = {
    "int64": np.int64,
    "int": np.int64,
    "float32": np.float32,
    "float": np.float32,
    "bytes": bytes,
    "bytes_": bytes,
    "string": bytes,
    "str": bytes,
}
# Protobuf's own limit, and so that of an Example; a value takes a byte at least.
_MOST_BYTES: Final = 1 << 31
# NumPy has at least 32, of which a batch and a sequence take one each.
_MOST_DIMENSIONS: Final = 30
_LARGEST_FLOAT32: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class FixedLenFeature:
    """A feature with the same number of values in every Example: as many as ``shape`` has elements.

    ``dtype`` is ``np.int64``, ``np.float32`` or ``bytes``. ``default_value`` stands in where the
    feature is missing; without one, that is an error. It is kept as a scalar for the shape ``()``,
    else as a tuple of all elements in C order.

    >>> FixedLenFeature([2], "int64", default_value=[0, 0])
    FixedLenFeature(shape=(2,), dtype=<class 'numpy.int64'>, default_value=(0, 0))
    """

    shape: Sequence[int]
    dtype: Any
    default_value: Any = None

    def __post_init__(self) -> None:
        _normalize(self)
        if self.default_value is not None:
            values = tuple(_default_values(self.default_value, self.dtype))
            if len(values) != math.prod(self.shape):
                raise ValueError(
                    f"default_value has {len(values)} elements, where the shape {self.shape} "
                    f"has {math.prod(self.shape)}"
                )
            object.__setattr__(self, "default_value", values if self.shape else values[0])


@dataclass(frozen=True)
class VarLenFeature:
    """A feature with any number of values, of dtype ``np.int64``, ``np.float32`` or ``bytes``.

    >>> VarLenFeature(np.float32)
    VarLenFeature(dtype=<class 'numpy.float32'>)
    """

    dtype: Any

    def __post_init__(self) -> None:
        _normalize(self)


@dataclass(frozen=True)
class FixedLenSequenceFeature:
    """A feature with any number of elements of one ``shape``, padded to the longest of a batch.

    ``default_value`` is the one value to pad with (0, or ``b""``). A missing feature has no
    elements; with ``allow_missing=False``, which only a SequenceExample's feature lists can have,
    it is an error.

    >>> FixedLenSequenceFeature([], bytes, default_value="?").default_value
    b'?'
    """

    shape: Sequence[int]
    dtype: Any
    allow_missing: bool = True
    default_value: Any = None

    def __post_init__(self) -> None:
        _normalize(self)
        if self.default_value is not None:
            values = tuple(_default_values(self.default_value, self.dtype))
            if len(values) != 1:
                raise ValueError(f"default_value is one value to pad with, not {len(values)}")
            object.__setattr__(self, "default_value", values[0])


@dataclass(frozen=True)
class RaggedFeature:
    """A feature with any number of values, of dtype ``np.int64``, ``np.float32`` or ``bytes``.

    >>> RaggedFeature("string")
    RaggedFeature(dtype=<class 'bytes'>)
    """

    dtype: Any

    def __post_init__(self) -> None:
        _normalize(self)


@dataclass(frozen=True)
class RawFeature:
    """A feature of one byte string, which is an array's elements as they lie in memory, in C order.

    ``dtype`` is any NumPy dtype of a fixed size and without objects; its byte order is
    little-endian, whatever it says. It is ``tf.io.decode_raw`` and a reshape in one.

    >>> RawFeature([32, 32, 3], np.uint8).nbytes
    3072
    """

    shape: Sequence[int]
    dtype: Any

    def __post_init__(self) -> None:
        if self.dtype is None:  # NumPy's float64
            raise ValueError("dtype None; choose a numeric one")
        dtype = np.dtype(self.dtype)
        if dtype.hasobject or dtype.itemsize == 0:
            raise ValueError(f"dtype {dtype} has no fixed size in memory; choose a numeric one")
        if dtype.subdtype is not None:
            raise ValueError(f"dtype {dtype} has a shape of its own; put that into shape")
        object.__setattr__(self, "dtype", dtype.newbyteorder("<"))
        object.__setattr__(self, "shape", _normal_shape(self.shape, dtype.itemsize))

    @property
    def nbytes(self) -> int:
        """The length of the byte string."""
        return math.prod(self.shape) * int(self.dtype.itemsize)


FeatureSpec: TypeAlias = (
    FixedLenFeature | VarLenFeature | FixedLenSequenceFeature | RaggedFeature | RawFeature
)


def _normalize(feature: Any) -> None:
    name = feature.dtype
    if not isinstance(name, str):
        name = getattr(name, "name", None) or getattr(name, "__name__", None)
    if name not in DTYPES:
        raise ValueError(
            f"dtype {feature.dtype!r}: an Example has np.int64, np.float32 and bytes, no other; "
            "RawFeature reads an array of any dtype from a byte string"
        )
    object.__setattr__(feature, "dtype", DTYPES[name])
    if hasattr(feature, "shape"):
        object.__setattr__(feature, "shape", _normal_shape(feature.shape))


def _normal_shape(shape: Any, itemsize: int = 1) -> tuple[int, ...]:
    try:
        sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    except TypeError:
        sizes = (None,)
    if not all(isinstance(size, (int, np.integer)) and size >= 0 for size in sizes):
        raise ValueError(f"shape {shape!r}: every size is an integer, 0 or more")
    if len(sizes) > _MOST_DIMENSIONS:
        raise ValueError(f"a shape of {len(sizes)} dimensions; at most {_MOST_DIMENSIONS}")
    # NumPy refuses sizes that overflow even where another size is 0.
    if math.prod(max(int(size), 1) for size in sizes) * itemsize > _MOST_BYTES:
        raise ValueError(f"shape {shape!r}: more than the 2 GiB that a record can have")
    return tuple(int(size) for size in sizes)


def _default_values(value: Any, dtype: type) -> Iterator[int | float | bytes]:
    """Yield the elements of a default value, flattened, as Python values of the dtype's kind."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        for element in value:
            yield from _default_values(element, dtype)
    elif dtype is bytes and isinstance(value, (bytes, str)):
        yield value.encode() if isinstance(value, str) else value
    elif dtype is np.int64 and isinstance(value, int) and -(2**63) <= value < 2**63:
        yield int(value)
    elif dtype is np.float32 and isinstance(value, (int, float)):
        if math.isfinite(value) and abs(value) > _LARGEST_FLOAT32:
            raise ValueError(f"default_value {value!r} is beyond float32")
        yield float(value)
    else:
        raise ValueError(f"default_value {value!r} does not fit the dtype {dtype.__name__}")
