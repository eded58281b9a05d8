"""Numbers as float32, none of which becomes another number in silence.

A fraction is rounded to the nearest float32, as TensorFlow rounds it. A whole number that float32
does not hold is rather an identifier that became a float, and is refused unless the caller says
that float32 is meant. A finite number that would become 0 or infinite is refused always.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.kinds import FLOAT_LIST, INT64_LIST, kind_of, kind_of_dtype
from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["LARGEST_EXACT", "LARGEST_WHOLE", "SMALLEST", "as_float32", "is_other", "narrow"]

_FLOAT32: Final = np.dtype("<f4")
_PLAIN_NUMBERS: Final = {int, bool, float, np.float64}
# float32 holds every whole number up to here, and a float64 from here on never becomes 0.
LARGEST_WHOLE: Final = float(1 << 24)
SMALLEST: Final = 1e-37
_LARGEST: Final = sys.float_info.max
# float64 holds every whole number up to here.
LARGEST_EXACT: Final = 1 << 53


def narrow(array: npt.NDArray[Any], *, rounded: bool = False) -> npt.NDArray[np.float32]:
    """Return floats as contiguous little-endian float32; those that already are, as they are.

    Raises ExampleError for a finite one that would become 0 or infinite, and, unless ``rounded``,
    for a whole number that float32 does not hold.
    """
    if array.dtype == _FLOAT32:
        return np.ascontiguousarray(array)
    with np.errstate(all="ignore"):
        floats = np.asarray(array.astype(_FLOAT32))
        if array.dtype.itemsize <= 2 or not floats.size:  # float32 holds all of float16
            return floats
        # Three passes tell most arrays from those that have to be looked at; NaN is no number that
        # lies between others.
        ordinary = floats.min() > -LARGEST_WHOLE and floats.max() < LARGEST_WHOLE
        zero = floats == 0
        if ordinary and not (zero.any() and (zero & (array != 0)).any()):
            return floats
        lost = np.isinf(floats) | zero & (array != 0)
        if not rounded:
            lost |= (floats.astype(array.dtype) != array) & (np.trunc(array) == array)
        lost &= np.isfinite(array)
    if lost.any():
        index = int(np.argmax(lost))
        raise ExampleError(_why_lost(array.reshape(-1)[index], floats.reshape(-1)[index]))
    return floats


def _why_lost(value: Any, stored: Any) -> str:
    if np.isinf(stored):
        return (
            f"{value} is beyond float32 and would become infinite; scale it, or store it as bytes "
            "(RawFeature keeps any dtype)"
        )
    if stored == 0:
        return (
            f"{value} is too small for float32 and would become 0; scale it, or pass 0 or "
            "np.float32 if that is meant"
        )
    return (
        f"{value} is a whole number that float32 does not hold ({float(stored)} is the nearest): "
        "make it an integer, or, if float32 is meant, np.float32 or by features="
    )


def as_float32(value: Any) -> Any:
    """Return numbers as a float32 array ``[values]``, as TensorFlow's FloatList takes them.

    Integers are taken too. What is not numbers alone is returned as it is. Raises ExampleError for
    a finite number that would become 0 or infinite.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        kind = kind_of_dtype(value.dtype)
        if kind == INT64_LIST:  # by way of a double, as FloatList does
            return narrow(value.reshape(-1).astype(np.float64), rounded=True)
        return narrow(value.reshape(-1), rounded=True) if kind == FLOAT_LIST else value
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).tolist()
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    types = set(map(type, values))
    if not {kind_of(cls) for cls in types} <= {INT64_LIST, FLOAT_LIST}:
        return value
    if types <= _PLAIN_NUMBERS:
        return narrow(_doubles(values), rounded=True)
    # One by one, each is narrowed from its own type and once.
    parts = [
        np.asarray(item) if kind_of(type(item)) == FLOAT_LIST else _doubles([int(item)])
        for item in values
    ]
    return np.concatenate([narrow(part.reshape(-1), rounded=True) for part in parts])


def _doubles(values: list[Any]) -> npt.NDArray[np.float64]:
    try:
        return np.array(values, np.float64)
    except OverflowError:
        large = next(value for value in values if isinstance(value, int) and abs(value) > _LARGEST)
        raise ExampleError(
            f"{quote(large)} is beyond float32 and would become infinite; store it as text"
        ) from None


def is_other(written: str | Decimal, found: float) -> bool:
    """Tell whether 0, infinity or a large float is not the number in a text, or a decimal.

    Of large ones that is a whole number in full; with an exponent it is a rounded one.

    >>> is_other("9007199254740993", 2.0**53), is_other("1e400", np.inf), is_other("0e9", 0.0)
    (True, True, False)
    """
    number = Decimal(written)
    if not number.is_finite() or not found or np.isinf(found):
        return number.is_finite() and not (number == 0 and found == 0)
    if isinstance(written, str) and "e" in written.lower():
        return False
    return number == number.to_integral_value() and number != Decimal(float(found))
