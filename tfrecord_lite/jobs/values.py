"""The values of a ``where``, one for each record: computed and compared right, or refused.

Integers are exact. Floats are held as float64, so that no comparison rounds: an integer and a float
are compared as the numbers that they are. A float of an expression that meets a feature of float32
stands for the float32 nearest to it, since that is what a feature holds of 0.1; and what is
computed of float32 and constants is rounded to float32 again. What is missing is unknown, and so
is what comes of it, unless another part of an ``and`` or ``or`` decides.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array

__all__ = ["Values", "compared", "computed", "constant", "joined", "of_feature"]

_INT64: Final = 1 << 63
_DIVISIONS: Final = (operator.truediv, operator.floordiv, operator.mod)
_KINDS: Final = {"number": "a number", "bytes": "a string", "truth": "a condition"}
_TOO_LARGE: Final = "an integer of more than 64 bits; compute with floats, as in 1.0 * x"


class Values(NamedTuple):
    """A value for each record, ``[records]``, or one for all; ``known`` tells where there is one.

    ``kind`` is "number", "bytes" or "truth". Numbers of records are int64 or float64, and constants
    are an int or a float of Python; ``narrow`` are those that float32 holds.
    """

    values: Any
    known: Any
    kind: str
    narrow: bool = False


def of_feature(values: npt.NDArray[Any], known: Any) -> Values:
    """Return the values of a feature: int64, float32, or bytes in an array of objects."""
    if values.dtype == object:
        return Values(values, known, "bytes")
    if values.dtype.kind == "f":
        return Values(values.astype(np.float64), known, "number", narrow=True)
    return Values(values, known, "number")


def constant(value: float | str | bytes) -> Values:
    """Return one value for all records; ValueError for one that int64, float64 or UTF-8 lack.

    >>> constant("cat").values
    array(b'cat', dtype=object)
    """
    if isinstance(value, (str, bytes)):
        text = value.encode() if isinstance(value, str) else value
        return Values(np.array(text, object), np.True_, "bytes")
    if isinstance(value, bool):
        return Values(np.bool_(value), np.True_, "truth")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise ValueError(_TOO_LARGE)
    if not math.isfinite(value):
        raise ValueError("a number beyond float64; write FEATURE > 3.5e38 to find infinite values")
    return Values(value, np.True_, "number")


def joined(parts: Iterable[Values], *, decides: bool) -> Values:
    """Return what ``or`` comes to, which True decides, or ``and``, which False decides.

    >>> unknown = Values(np.False_, np.False_, "truth")
    >>> bool(joined([constant(True), unknown], decides=True).known)
    True
    """
    decided: Any = np.False_
    known: Any = np.True_
    for part in parts:
        decided = decided | (part.known & (part.values == decides))
        known = known & part.known
    return Values(np.where(decided, decides, not decides), decided | known, "truth")


def compared(compare: Callable[[Any, Any], Any], left: Values, right: Values) -> Values:
    """Return what a comparison of `operator` comes to; ValueError where kinds differ.

    >>> largest = of_feature(np.array([2**63 - 1]), np.True_)
    >>> compared(operator.lt, largest, constant(2.0**63)).values
    array([ True])
    """
    if left.kind != right.kind:
        raise ValueError(f"{_KINDS[left.kind]} and {_KINDS[right.kind]} cannot be compared")
    if left.kind == "number":
        found = _numbers_compared(compare, left, right)
    else:
        found = compare(left.values, right.values)
    return Values(np.asarray(found, bool), left.known & right.known, "truth")


def _numbers_compared(compare: Callable[[Any, Any], Any], left: Values, right: Values) -> Any:
    if (_is_constant(left) and _is_constant(right)) or (_is_integer(left) and _is_integer(right)):
        return compare(left.values, right.values)
    if _is_integer(left):
        return compare(_order(left.values, right.values), 0)
    if _is_integer(right):
        return compare(0, _order(right.values, left.values))
    return compare(*_floats(left, right))


def _order(integers: Any, floats: Any) -> npt.NDArray[np.float64]:
    """Return -1, 0 or 1 where integers are below, equal or above; NaN where one is compared."""
    integers, floats = np.asarray(integers, np.int64), np.asarray(floats, np.float64)
    # What rounding tells apart is apart, and in that order. The rest are whole numbers.
    order = np.sign(integers.astype(np.float64) - floats)
    equal = order == 0
    # An int64 can be rounded to 2**63, and is below it.
    fits = equal & (floats < _INT64)
    rest = np.sign(integers - np.where(fits, floats, 0).astype(np.int64))
    found: npt.NDArray[np.float64] = np.where(equal, np.where(fits, rest, -1), order)
    return found


def computed(operation: Callable[[Any, Any], Any], left: Values, right: Values) -> Values:
    """Return what arithmetic of `operator` comes to; ValueError for integers beyond int64.

    Nothing is known of what is divided by 0.

    >>> computed(operator.floordiv, constant(7), constant(2)).values
    3
    >>> bool(computed(operator.mod, constant(7), constant(0)).known)
    False
    """
    known = left.known & right.known
    if operation in _DIVISIONS:
        known = known & np.not_equal(right.values, 0)
        right = right._replace(values=_without_0(right.values))
    if _is_constant(left) and _is_constant(right):
        found = constant(operation(left.values, right.values)) if known else left
        return found._replace(known=known)
    if operation is not operator.truediv and _is_integer(left) and _is_integer(right):
        return Values(_integers(operation, left.values, right.values, known), known, "number")
    narrow = _is_narrow(left, right)
    values = operation(*_floats(left, right))
    return Values(_narrowed(values) if narrow else values, known, "number", narrow)


def _without_0(divisor: Any) -> Any:
    if isinstance(divisor, np.ndarray):
        return np.where(divisor == 0, np.ones((), divisor.dtype), divisor)
    return divisor or 1


def _integers(
    operation: Callable[[Any, Any], Any], left: Any, right: Any, known: Any
) -> Int64Array:
    """Compute with int64; ValueError where what is known would have more bits."""
    left, right = np.broadcast_arrays(np.asarray(left, np.int64), np.asarray(right, np.int64))
    values: Int64Array = operation(left, right)
    near = operation(left.astype(np.float64), right.astype(np.float64))
    # Floats are nearer than that, so all that is beyond is among these.
    large = known & (np.abs(near) >= _INT64 // 2)
    exact = operation(left[large].astype(object), right[large].astype(object))
    if not all(-_INT64 <= value < _INT64 for value in exact):
        raise ValueError(_TOO_LARGE)
    return values


def _floats(left: Values, right: Values) -> tuple[Any, Any]:
    """Return both as float64, with constants as float32 has them where that is what they meet."""
    narrow = _is_narrow(left, right)
    both = []
    for side in (left, right):
        values = np.asarray(side.values, np.float64)
        both.append(_narrowed(values) if narrow and isinstance(side.values, float) else values)
    return both[0], both[1]


def _narrowed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round to float32; but not to infinity or 0, which are other numbers than all that is near."""
    near = values.astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(near) & (near != 0), near, values)


def _is_narrow(left: Values, right: Values) -> bool:
    return all(side.narrow or _is_constant(side) for side in (left, right))


def _is_constant(side: Values) -> bool:
    return not isinstance(side.values, np.ndarray)


def _is_integer(side: Values) -> bool:
    return np.asarray(side.values).dtype.kind == "i"
