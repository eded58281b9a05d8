"""What a caller expects of a feature: its kind, how many values, what stands in for a missing one.

The classes have the names, parameters and meanings of those in ``tf.io``; ``RawFeature`` is ours.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "FeatureSpec",
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "RawFeature",
    "VarLenFeature",
    "features_from_json",
    "features_to_json",
]

# What an Example can hold, by every name that NumPy, TensorFlow and Python have for it.
_DTYPES: Final[dict[str, type]] = {
    "int64": np.int64,
    "int": np.int64,
    "float32": np.float32,
    "float": np.float32,
    "bytes": bytes,
    "bytes_": bytes,
    "string": bytes,
    "str": bytes,
}
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
        dtype = np.dtype(self.dtype)
        if dtype.hasobject or dtype.itemsize == 0:
            raise ValueError(f"dtype {dtype} has no fixed size in memory; choose a numeric one")
        object.__setattr__(self, "dtype", dtype.newbyteorder("<"))
        object.__setattr__(self, "shape", _normal_shape(self.shape))

    @property
    def nbytes(self) -> int:
        """The length of the byte string."""
        return math.prod(self.shape) * int(self.dtype.itemsize)


FeatureSpec: TypeAlias = (
    FixedLenFeature | VarLenFeature | FixedLenSequenceFeature | RaggedFeature | RawFeature
)

_CLASSES: Final[dict[str, type]] = {cls.__name__: cls for cls in get_args(FeatureSpec)}


def _normalize(feature: Any) -> None:
    name = feature.dtype
    if not isinstance(name, str):
        name = getattr(name, "name", None) or getattr(name, "__name__", None)
    if name not in _DTYPES:
        raise ValueError(
            f"dtype {feature.dtype!r}: an Example has np.int64, np.float32 and bytes, no other; "
            "RawFeature reads an array of any dtype from a byte string"
        )
    object.__setattr__(feature, "dtype", _DTYPES[name])
    if hasattr(feature, "shape"):
        object.__setattr__(feature, "shape", _normal_shape(feature.shape))


def _normal_shape(shape: Any) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not all(isinstance(size, (int, np.integer)) and size >= 0 for size in sizes):
        raise ValueError(f"shape {shape!r}: every size is an integer, 0 or more")
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


def features_to_json(features: Mapping[str, FeatureSpec]) -> str:
    """Write features, by name, as JSON that ``features_from_json`` reads.

    A byte string is written in base64, and a float that is not finite as a string.

    >>> print(features_to_json({"label": FixedLenFeature([], np.int64)}))
    {
      "label": {"class": "FixedLenFeature", "shape": [], "dtype": "int64", "default_value": null}
    }
    """
    lines = []
    for name, feature in features.items():
        fields: dict[str, Any] = {"class": type(feature).__name__}
        for field in dataclasses.fields(feature):
            fields[field.name] = getattr(feature, field.name)
        fields["dtype"] = _dtype_to_json(feature.dtype)
        if fields.get("default_value") is not None:
            fields["default_value"] = _default_to_json(fields["default_value"])
        lines.append(f"\n  {json.dumps(name)}: {json.dumps(fields, allow_nan=False)}")
    return "{" + ",".join(lines) + "\n}"


# What Python and NumPy raise at text that is no JSON of features: of other types, of numbers beyond
# a float, nested too deep, or naming a dtype that NumPy takes for Python.
_NOT_FEATURES: Final = (
    *(AttributeError, ImportError, KeyError, TypeError, ValueError),
    *(OverflowError, RecursionError, SyntaxError),
)


def features_from_json(text: str) -> dict[str, FeatureSpec]:
    """Read features that ``features_to_json`` wrote. Raises ValueError for anything else."""
    features: dict[str, FeatureSpec] = {}
    try:
        for name, fields in json.loads(text).items():
            cls = _CLASSES[fields.pop("class")]
            fields["dtype"] = dtype = _dtype_from_json(fields["dtype"])
            if fields.get("default_value") is not None:
                fields["default_value"] = _default_from_json(fields["default_value"], dtype)
            features[name] = cls(**fields)
    except _NOT_FEATURES as error:
        raise ValueError(f"not the JSON of features: {type(error).__name__}: {error}") from error
    return features


def _default_to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_default_to_json(element) for element in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if math.isfinite(value) else str(value)


def _default_from_json(value: Any, dtype: Any) -> Any:
    if isinstance(value, list):
        return [_default_from_json(element, dtype) for element in value]
    if dtype == "bytes":
        return base64.b64decode(value, validate=True)
    return float(value) if dtype == "float32" else operator.index(value)


def _dtype_to_json(dtype: Any) -> Any:
    if isinstance(dtype, type):
        return dtype.__name__
    if dtype.names is not None:
        return np.lib.format.dtype_to_descr(dtype)
    # bfloat16 and its like have a name, but their character code is that of any two bytes;
    # a byte string of five has a code, but its name is none that NumPy reads.
    return dtype.str if dtype.type in (np.bytes_, np.str_, np.void) else dtype.name


def _dtype_from_json(dtype: Any) -> Any:
    if not isinstance(dtype, str):
        return np.lib.format.descr_to_dtype(_tuples(dtype))
    if dtype not in _DTYPES:
        try:
            np.dtype(dtype)
        except TypeError:
            importlib.import_module("ml_dtypes")  # gives NumPy the names of its dtypes
    return dtype


def _tuples(descr: Any) -> Any:
    """Make the description of a structured dtype, in JSON all lists, a list of tuples again."""
    if not isinstance(descr, list):
        return descr
    return [(name, _tuples(dtype), *map(tuple, shape)) for name, dtype, *shape in descr]
