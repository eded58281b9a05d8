"""Whole numbers that callers give."""

from __future__ import annotations

import operator
import select
from typing import Any

from tfrecord_lite.example.quote import quote

__all__ = ["at_least", "rank_of", "timeout_of"]


def at_least(least: int, **option: Any) -> int:
    """Return the one option that is given by name; ``ValueError`` where it is less.

    TypeError where it is no integer.

    >>> at_least(1, batch_size=64)
    64
    """
    ((name, given),) = option.items()
    number = _integer(name, given)
    if number < least:
        raise ValueError(f"{name}={given} must be at least {least}")
    return number


def rank_of(rank: int, world_size: int) -> tuple[int, int]:
    """Return rank and number of ranks; ``ValueError`` where the rank is none of them.

    >>> rank_of(1, 2)
    (1, 2)
    """
    rank, world_size = _integer("rank", rank), at_least(1, world_size=world_size)
    if not 0 <= rank < world_size:
        raise ValueError(
            f"rank={rank} must be from 0 to world_size - 1, where world_size={world_size}"
        )
    return rank, world_size


def timeout_of(seconds: float | None) -> float | None:
    """Return how many seconds to wait; ``ValueError`` where that is none, or cannot be done.

    >>> timeout_of(2.5)
    2.5
    """
    if seconds is None:
        return None
    if not seconds > 0:
        raise ValueError(f"timeout={seconds!r} must be a number of seconds above 0, or None")
    if not hasattr(select, "poll"):
        raise ValueError("timeout= needs poll(2), which this system does not have")
    return float(seconds)


def _integer(name: str, given: Any) -> int:
    try:
        return operator.index(given)
    except TypeError:
        raise TypeError(f"{name}={quote(given)} must be an integer") from None
