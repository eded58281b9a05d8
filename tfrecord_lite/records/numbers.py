"""Whole numbers that callers give, checked where they are given."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["at_least", "index_of", "integer"]


def at_least(least: int, **option: Any) -> int:
    """Return the one option that is given by name.

    Raises ``ValueError`` where it is less, and ``TypeError`` where it is no integer.

    >>> at_least(1, batch_size=64)
    64
    """
    ((name, given),) = option.items()
    number = integer(**option)
    if number < least:
        raise ValueError(f"{name}={given} must be at least {least}")
    return number


def integer(**option: Any) -> int:
    """Return the one option that is given by name; ``TypeError`` where it is no integer.

    True and False are none here, though they are to Python.

    >>> integer(rank=0)
    0
    """
    ((name, given),) = option.items()
    try:
        return index_of(given)
    except TypeError:
        raise TypeError(f"{name}={given!r} must be an integer") from None


def index_of(given: Any) -> int:
    """Return an integer, of NumPy too; ``TypeError`` for what is none, and for True and False."""
    if isinstance(given, bool):
        raise TypeError(f"{given} is no integer")
    return operator.index(given)
