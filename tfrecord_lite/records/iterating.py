"""Iterators that an exception does not end, and that two threads cannot use at once."""

from __future__ import annotations

import threading
from collections import deque
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Flattened", "OneThread", "flatten"]


class Flattened(chain[bytes]):
    """What `flatten` returns; ``close`` is for its maker to set."""

    close: Callable[[], None]
    source: object

    def __repr__(self) -> str:
        return f"<iterator over the records of {self.source!r}>"


def flatten(refill: Callable[[], Iterator[bytes] | None], source: object) -> Flattened:
    """Iterate over the items of the iterators that ``refill`` returns, until it returns None.

    They are records of ``source``, which its repr says.

    What ``refill`` raises goes through, and a later ``next`` calls it again; but StopIteration ends
    the iteration. It returns the same iterator until that has no more items. Where a generator
    would end at an exception, and a class with ``__next__`` would cost more than reading a short
    record does, `itertools.chain` goes on with what it is in when that raises, and loses what it
    takes its iterators from when that raises. So it is in a ``map`` while ``refill`` is called, and
    takes its iterators, that map and the queue's in turn, from what never raises.

    >>> parts = [iter([1, 2]), iter([]), iter([3])]
    >>> list(flatten(lambda: parts.pop(0) if parts else None, "parts"))
    [1, 2, 3]
    """
    queue: deque[Any] = deque([iter(())])

    def step(_: None) -> NoReturn:
        try:
            part = refill()
        except StopIteration:
            # What a caller's on_damage raises to stop; it would end this map's turn.
            part = None
        queue.append(part)
        # Which ends this map's turn, but not the map.
        raise StopIteration

    turns: Any = zip(iter(queue.popleft, None), repeat(map(step, repeat(None))))
    flattened: Any = Flattened.from_iterable(chain.from_iterable(turns))
    flattened.source = source
    return flattened  # type: ignore[no-any-return]


class OneThread:
    """A ``with`` block that raises RuntimeError where another thread is inside."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._inside: dict[str, int] = {}
        self.leave: Callable[[], Any] = self._inside.clear
        """What ends being inside; in C, so that no exception of a signal handler comes between."""

    def enter(self) -> None:
        """Be inside, until `leave`."""
        # One call in C, so that only one of two threads finds itself inside.
        thread = threading.get_ident()
        if self._inside.setdefault("thread", thread) != thread:
            raise RuntimeError(
                f"{self._what} is in use by another thread; give each thread its own, or hold a "
                "lock around next()"
            )

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()
