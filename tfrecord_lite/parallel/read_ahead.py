"""An iterator that is one or two items ahead, in a thread."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tfrecord_lite.parallel.threads import Call, Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import FrameType


__all__ = ["closing_idle", "read_ahead"]

T = TypeVar("T")

_ITEMS_AHEAD = 2
_THREAD_NAME = "tfrecord_lite-read"
_SECONDS_TO_LOOK_AGAIN = 1e-3


def read_ahead(
    items: Iterator[T], worth: Callable[[T], bool] = lambda _: True
) -> Generator[T, None, None]:
    """Take items, none of which is None, in a thread of their own.

    ``worth`` tells from an item whether those after it should be taken ahead, as they should where
    what makes them leaves the interpreter free for long, as decompression does. What ``items``
    raises is raised in its place. Once this is closed, nobody uses ``items`` any more.

    >>> list(read_ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    thread = Threads(1, _THREAD_NAME)
    ahead: deque[Call[T | None]] = deque()
    try:
        while (item := ahead.popleft().result() if ahead else next(items, None)) is not None:
            if worth(item):
                while len(ahead) < _ITEMS_AHEAD:
                    ahead.append(thread.submit(next, items, None))
            yield item
    finally:
        thread.close_at_last()


@contextmanager
def closing_idle(items: Generator[T, None, None]) -> Generator[None, None, None]:
    """Close a generator at the end, once the thread of `read_ahead` has left it.

    An interrupt while that thread was started or awaited may have the pool forget it.
    """
    owner = os.getpid()
    try:
        yield
    finally:
        while True:
            try:
                items.close()
                break
            except ValueError as error:
                if not _is_refusal(error):
                    raise
                # A forked child has not the thread that was in it.
                if owner != os.getpid() or _is_left_by_us(items):
                    break
                time.sleep(_SECONDS_TO_LOOK_AGAIN)


def _is_refusal(error: ValueError) -> bool:
    """Tell whether an error is of `close` itself, and not of what is closed."""
    traceback = error.__traceback__
    return traceback is not None and traceback.tb_next is None


def _is_left_by_us(items: Any) -> bool:
    """Tell whether it is in this thread that a generator runs, which has to leave it first.

    The garbage collector may have come in while it ran here. Nobody else has it then, so it is
    closed with what it is at.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - documented, and of no class
    while frame is not None and frame is not items.gi_frame:
        frame = frame.f_back
    return frame is not None
