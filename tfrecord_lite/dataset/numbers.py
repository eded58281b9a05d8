"""Whole numbers that callers give."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["at_least"]


def at_least(least: int, **option: Any) -> int:
    """Return the one option that is given by name; ``ValueError`` where it is less.

    >>> at_least(1, batch_size=64)
    64
    """
    ((name, given),) = option.items()
    number = operator.index(given)
    if number < least:
        raise ValueError(f"{name}={given} must be at least {least}")
    return number
