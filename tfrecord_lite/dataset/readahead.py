"""An iterator that is one or two items ahead, in a thread."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["read_ahead"]

T = TypeVar("T")

_ITEMS_AHEAD = 2


def read_ahead(
    items: Iterator[T], worth: Callable[[T], bool] = lambda _: True
) -> Generator[T, None, None]:
    """Take items, none of which is None, in a thread of their own.

    ``worth`` tells from an item whether those behind it should be taken ahead, as they should where
    what makes them leaves the interpreter free for long, as decompression does. What ``items``
    raises is raised in its place. Once this is closed, nobody uses ``items`` any more.

    >>> list(read_ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    pool = ThreadPoolExecutor(1, "tfrecord_lite-read")
    ahead: deque[Future[T | None]] = deque()
    try:
        while (item := ahead.popleft().result() if ahead else next(items, None)) is not None:
            if worth(item):
                while len(ahead) < _ITEMS_AHEAD:
                    ahead.append(pool.submit(next, items, None))
            yield item
    finally:
        # Nothing may be submitted here: a forgotten iterator is closed by the garbage collector,
        # which may have stopped the thread before.
        for future in ahead:
            future.cancel()
        pool.shutdown()
