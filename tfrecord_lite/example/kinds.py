"""The three kinds of a Feature, and which of them a type of values has."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = [
    "BYTES_LIST",
    "FLOAT_LIST",
    "INT64_LIST",
    "KINDS",
    "KIND_NAMES",
    "MISSING",
    "STRING",
    "dtype_named",
    "kind_of",
    "kind_of_dtype",
]

# The tags of the lists in a Feature.
BYTES_LIST: Final = 0x0A
FLOAT_LIST: Final = 0x12
INT64_LIST: Final = 0x1A
# Beside these: no feature, or one of no kind; and a bytes_list of exactly one.
MISSING: Final = 0
STRING: Final = 0x100 | BYTES_LIST
# Of the dtypes that a feature specification has.
KINDS: Final[dict[Any, int]] = {
    bytes: BYTES_LIST,
    np.float32: FLOAT_LIST,
    np.int64: INT64_LIST,
}
KIND_NAMES: Final = {BYTES_LIST: "bytes", FLOAT_LIST: "floats", INT64_LIST: "integers"}

_KINDS_OF_DTYPES: Final = {
    **dict.fromkeys("SUT", BYTES_LIST),
    **dict.fromkeys("biu", INT64_LIST),
    "f": FLOAT_LIST,
}
_KINDS_OF_BASES: Final[dict[type, int]] = {
    **dict.fromkeys((bytes, str, bytearray, memoryview), BYTES_LIST),
    **dict.fromkeys((bool, int), INT64_LIST),
    float: FLOAT_LIST,
}


def dtype_named(name: str) -> np.dtype[Any]:
    """Return the dtype of this name, of NumPy or ml_dtypes.

    TypeError where there is none, ImportError where ml_dtypes may have it and is missing.
    """
    try:
        return np.dtype(name)
    except TypeError:
        try:
            import ml_dtypes  # noqa: F401 - gives NumPy the names of its dtypes
        except ImportError:
            raise ImportError(
                f"NumPy does not know {name}; it may be of ml_dtypes: pip install ml_dtypes"
            ) from None
    return np.dtype(name)


def kind_of(cls: type) -> int | None:
    """Return the kind of a scalar's type, or None for what is no scalar of an Example."""
    if cls in _KINDS_OF_BASES:
        return _KINDS_OF_BASES[cls]
    if issubclass(cls, np.generic):
        return kind_of_dtype(np.dtype(cls))
    for base, kind in _KINDS_OF_BASES.items():
        if issubclass(cls, base):
            return kind
    return None


def kind_of_dtype(dtype: np.dtype[Any]) -> int | None:
    """Return the kind of an array's elements, or None for what no Feature holds."""
    if dtype.kind == "V" and dtype.names is None:
        # ml_dtypes makes bfloat16, int4 and their like of NumPy's void, but with casts.
        if np.can_cast(dtype, np.int64):
            return INT64_LIST
        return FLOAT_LIST if np.can_cast(dtype, np.float32) else None
    return _KINDS_OF_DTYPES.get(dtype.kind)
