"""Numbers that callers give: ranks, and seconds to wait."""

from __future__ import annotations

import select
from numbers import Real

from tfrecord_lite.records.numbers import at_least, integer

__all__ = ["at_least", "rank_of", "timeout_of"]

# poll(2) takes milliseconds, and no more of them: some 24 days.
_LONGEST_SECONDS = ((1 << 31) - 1) // 1000


def rank_of(rank: int, world_size: int) -> tuple[int, int]:
    """Return rank and number of ranks; ``ValueError`` where the rank is none of them.

    >>> rank_of(1, 2)
    (1, 2)
    """
    rank, world_size = integer(rank=rank), at_least(1, world_size=world_size)
    if not 0 <= rank < world_size:
        raise ValueError(
            f"rank={rank} must be from 0 to world_size - 1, where world_size={world_size}"
        )
    return rank, world_size


def timeout_of(seconds: float | None) -> float | None:
    """Return how many seconds to wait; ``ValueError`` where that is none, or cannot be done.

    ``TypeError`` for what is no number.

    Infinity, and more than poll(2) can wait, which is some 24 days, are None: no limit.

    >>> timeout_of(2.5)
    2.5
    """
    if seconds is None:
        return None
    if not isinstance(seconds, Real):
        raise TypeError(f"timeout={seconds!r} must be a number of seconds, or None")
    if not seconds > 0:
        raise ValueError(f"timeout={seconds!r} must be a number of seconds above 0, or None")
    if not hasattr(select, "poll"):
        raise ValueError("timeout= needs poll(2), which this system does not have")
    return None if seconds > _LONGEST_SECONDS else float(seconds)
