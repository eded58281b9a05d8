"""``tf.train``: the messages of an Example and of a SequenceExample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.compat._missing import missing
from tfrecord_lite.example import messages
from tfrecord_lite.example.messages import (
    Example,
    Feature,
    FeatureList,
    FeatureLists,
    Features,
    FloatList,
    SequenceExample,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BytesList",
    "Example",
    "Feature",
    "FeatureList",
    "FeatureLists",
    "Features",
    "FloatList",
    "Int64List",
    "SequenceExample",
]

__getattr__ = missing("tf.train")


class _ListType(type):
    """Stands for a message class: in isinstance, for ``FromString`` and the like."""

    message: Any
    values_of: Any

    def __call__(cls, *, value: Iterable[Any] | None = None) -> Any:
        return cls.message(value=() if value is None else cls.values_of(value))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.message)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.message, name)


def _arrays(value: Iterable[Any], plain: type) -> Any:
    """Return values with arrays, or NumPy's scalars, for the tensors among them."""
    if hasattr(value, "numpy"):
        return value.numpy()
    values = value if isinstance(value, np.ndarray) else list(value)
    if any(hasattr(kind, "numpy") for kind in set(map(type, values)) - {plain}):
        return [item.numpy() if hasattr(item, "numpy") else item for item in values]
    return values


def _integers(value: Iterable[Any]) -> Any:
    values = _arrays(value, int)
    if isinstance(values, np.ndarray):
        return values.view(np.uint8) if values.dtype == np.bool_ else values
    if {bool, np.bool_, np.ndarray}.isdisjoint(map(type, values)):
        return values
    return [
        int(item) if isinstance(item, bool) or getattr(item, "dtype", None) == np.bool_ else item
        for item in values
    ]


def _strings(value: Iterable[Any]) -> Any:
    return _arrays(value, bytes)


class Int64List(metaclass=_ListType):
    """Make the protobuf message Int64List, ``Int64List(value=[...])``.

    Takes what TensorFlow's documentation promises, bool among it, of Python or NumPy, integer
    arrays, and tensors of TensorFlow and others (anything with a ``numpy()``); protobuf itself has
    come to refuse bool, so that TensorFlow's tutorial runs here and not with TensorFlow. It does so
    still where a value is appended to an existing message.

    >>> list(Int64List(value=[True, np.bool_(False), np.uint8(7)]).value)
    [1, 0, 7]
    """

    message = messages.Int64List
    values_of = staticmethod(_integers)


class BytesList(metaclass=_ListType):
    """Make the protobuf message BytesList, ``BytesList(value=[...])``.

    Takes bytes, and tensors of strings, TensorFlow's among them (anything with a ``numpy()``),
    which TensorFlow itself refuses.

    >>> list(BytesList(value=[b"a"]).value)
    [b'a']
    """

    message = messages.BytesList
    values_of = staticmethod(_strings)
