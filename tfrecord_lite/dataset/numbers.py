"""Numbers that callers give: seconds to wait."""

from __future__ import annotations

import select
from numbers import Real

from tfrecord_lite.records.numbers import at_least

__all__ = ["at_least", "timeout_of"]

# poll(2) takes milliseconds, and no more of them: some 24 days.
_LONGEST_SECONDS = ((1 << 31) - 1) // 1000


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
