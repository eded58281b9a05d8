"""What a caller expects of a feature: its kind, how many values, what stands in for a missing one.

The classes have the names, parameters and meanings of those in ``tf.io``; ``RawFeature`` is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeAlias

import numpy as np

from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "DTYPES",
    "PARTITIONS",
    "FeatureSpec",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "RawFeature",
    "SparseFeature",
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
_LARGEST_INT64: Final = (1 << 63) - 1


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
        object.__setattr__(self, "allow_missing", bool(self.allow_missing))
        if self.default_value is not None:
            values = tuple(_default_values(self.default_value, self.dtype))
            if len(values) != 1:
                raise ValueError(f"default_value is one value to pad with, not {len(values)}")
            object.__setattr__(self, "default_value", values[0])


@dataclass(frozen=True)
class RaggedFeature:
    """A feature with any number of values, of dtype ``np.int64``, ``np.float32`` or ``bytes``.

    Of dtype ``np.uint8`` it is the bytes of one byte string, without a Python object for each.

    As in ``tf.io``, the values are those of the key ``value_key``, where that is not the feature's
    own name, and ``partitions`` cut them into rows, the last into the innermost: by a key whose
    values say where (``RowSplits``, ``RowLengths``, ``RowStarts``, ``RowLimits``, ``ValueRowIds``),
    or by a ``UniformRowLength``.

    >>> RaggedFeature("string")
    RaggedFeature(dtype=<class 'bytes'>)
    >>> RaggedFeature("int64", "values", [RaggedFeature.RowLengths("lengths")]).partitions
    (RowLengths(key='lengths'),)
    """

    dtype: Any
    value_key: str | None = None
    partitions: Sequence[Any] = ()

    class RowSplits(NamedTuple):
        """Rows end where the values of a key say, the first of which is 0."""

        key: str

    class RowLengths(NamedTuple):
        """Rows have as many elements as the values of a key say."""

        key: str

    class RowStarts(NamedTuple):
        """Rows begin where the values of a key say."""

        key: str

    class RowLimits(NamedTuple):
        """Rows end where the values of a key say."""

        key: str

    class ValueRowIds(NamedTuple):
        """Each element is in the row that a value of a key says."""

        key: str

    class UniformRowLength(NamedTuple):
        """Rows have so many elements each."""

        length: int

    def __post_init__(self) -> None:
        partitions = tuple(map(_as_partition, self.partitions))
        _check_lengths(partitions)
        object.__setattr__(self, "partitions", partitions)
        if self.value_key is not None and not isinstance(self.value_key, str):
            raise ValueError(f"value_key={self.value_key!r} is no name of a feature")
        if self.value_key == "":
            raise ValueError(
                "value_key='': the name of the values' feature is empty; None, the default, is the "
                "feature's own name"
            )
        if getattr(self.dtype, "name", None) == "uint8" or self.dtype in ("uint8", np.uint8):
            if partitions:
                raise ValueError("dtype uint8 is one byte string, which takes no partitions")
            object.__setattr__(self, "dtype", np.uint8)
        else:
            _normalize(self)

    def __repr__(self) -> str:
        given = {"value_key": self.value_key, "partitions": self.partitions}
        more = [f", {name}={value!r}" for name, value in given.items() if value not in (None, ())]
        return f"RaggedFeature(dtype={self.dtype!r}{''.join(more)})"


PARTITIONS: Final = {
    cls.__name__: cls
    for cls in (
        RaggedFeature.RowSplits,
        RaggedFeature.RowLengths,
        RaggedFeature.RowStarts,
        RaggedFeature.RowLimits,
        RaggedFeature.ValueRowIds,
        RaggedFeature.UniformRowLength,
    )
}


def _as_partition(given: Any) -> Any:
    """Return a partition of ours or of tf.io as ours; ValueError for anything else."""
    cls: Any = PARTITIONS.get(type(given).__name__)
    if cls is None or getattr(given, "_fields", None) != cls._fields:
        names = ", ".join(PARTITIONS)
        raise ValueError(f"partition {given!r} is none of RaggedFeature's {names}")
    (value,) = given
    if cls is RaggedFeature.UniformRowLength:
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"UniformRowLength({quote(value)}): a length is an integer, 1 or more")
        return cls(int(value))
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - as all that is wrong with features
            f"{cls.__name__}({value!r}): a key is the name of a feature"
        )
    return cls(value)


def _check_lengths(partitions: tuple[Any, ...]) -> None:
    """Raise ValueError for uniform lengths, within each other, of more rows than a record has."""
    elements = 1
    for partition in partitions:
        uniform = isinstance(partition, RaggedFeature.UniformRowLength)
        elements = elements * partition.length if uniform else 1
        if elements > _MOST_BYTES:
            raise ValueError(
                f"{quote(partition)}: more elements than the 2 GiB that a record can have"
            )


@dataclass(frozen=True)
class SparseFeature:
    """Values and their indices, of two keys or more, as one sparse tensor: ``tf.io.SparseFeature``.

    ``index_key`` names the feature of the indices, int64, or one for each dimension; ``value_key``
    that of the values, of ``dtype``; ``size`` is the size of the dimension, or of each. With
    ``already_sorted`` a record's values are in the order of their indices. An index is 0 or more
    and below its size: a record with any other is refused, where TensorFlow returns it.

    >>> SparseFeature("at", "values", "float32", 5).size
    5
    """

    index_key: str | Sequence[str]
    value_key: str
    dtype: Any
    size: int | Sequence[int]
    already_sorted: bool = False

    # That of `compat` has what TensorFlow returns.
    inside_size: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _normalize(self)
        keys = self.index_key if isinstance(self.index_key, (list, tuple)) else [self.index_key]
        sizes = self.size if isinstance(self.size, (list, tuple)) else [self.size]
        if not all(isinstance(key, str) for key in (*keys, self.value_key)) or not keys:
            raise ValueError("index_key and value_key are names of features")
        if "" in (self.index_key, self.value_key):
            raise ValueError(
                f"index_key={self.index_key!r}, value_key={self.value_key!r}: one of the names is "
                "empty; name the feature that has the indices, and the one that has the values"
            )
        if len(keys) != len(sizes) or not all(
            isinstance(size, (int, np.integer)) and 0 <= size <= _LARGEST_INT64 for size in sizes
        ):
            raise ValueError(
                f"size={quote(self.size)}: an integer, 0 or more and no more than int64 holds, for "
                f"each of {len(keys)} index_key"
            )
        if isinstance(self.index_key, list):
            object.__setattr__(self, "index_key", tuple(self.index_key))
        if isinstance(self.size, (list, tuple)):
            object.__setattr__(self, "size", tuple(map(int, self.size)))

    @property
    def index_keys(self) -> tuple[str, ...]:
        """The names of the features of the indices."""
        return (self.index_key,) if isinstance(self.index_key, str) else tuple(self.index_key)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of all dimensions."""
        return tuple(self.size) if isinstance(self.size, tuple) else (int(self.size),)  # type: ignore[arg-type]


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
        try:
            dtype = np.dtype(self.dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"dtype {self.dtype!r}: {error}; pass the shape first, then a dtype of NumPy, such "
                "as RawFeature([32, 32, 3], np.uint8)"
            ) from None
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
    FixedLenFeature
    | VarLenFeature
    | FixedLenSequenceFeature
    | RaggedFeature
    | SparseFeature
    | RawFeature
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
        sizes = _sizes(shape)
    except TypeError:
        sizes = (-1,)
    if min(sizes, default=0) < 0:
        raise ValueError(f"shape {quote(shape)}: every size is an integer, 0 or more")
    if len(sizes) > _MOST_DIMENSIONS:
        raise ValueError(f"a shape of {len(sizes)} dimensions; at most {_MOST_DIMENSIONS}")
    # NumPy refuses sizes that overflow even where another size is 0.
    if math.prod(max(size, 1) for size in sizes) * itemsize > _MOST_BYTES:
        raise ValueError(f"shape {quote(shape)}: more than the 2 GiB that a record can have")
    return sizes


def _sizes(shape: Any) -> tuple[int, ...]:
    """Return one size or several: integers of Python and NumPy, dimensions of TensorFlow 1."""
    try:
        return (index(shape),)
    except TypeError:
        return tuple(map(index, shape))


def _default_values(value: Any, dtype: type) -> Iterator[int | float | bytes]:
    """Yield the elements of a default value, flattened, as Python values of the dtype's kind."""
    if hasattr(value, "numpy"):  # a tensor
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple, range)):
        rows = [tuple(_default_values(element, dtype)) for element in value]
        if len(set(map(len, rows))) > 1:
            raise ValueError(f"default_value {value!r} has rows of different lengths")
        for row in rows:
            yield from row
    elif dtype is bytes and isinstance(value, (bytes, str)):
        yield value.encode() if isinstance(value, str) else value
    elif dtype is np.int64 and isinstance(value, int) and -(2**63) <= value < 2**63:
        yield int(value)
    elif dtype is np.float32 and isinstance(value, (int, float)):
        # An integer may be beyond Python's floats, too; infinity and NaN are float32's own.
        if _LARGEST_FLOAT32 < abs(value) < math.inf:
            raise ValueError(f"default_value {quote(value)} is beyond float32")
        yield float(value)
    else:
        raise ValueError(f"default_value {quote(value)} does not fit the dtype {dtype.__name__}")
