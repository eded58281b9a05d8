"""Calls of TensorFlow into Python: of functions that it runs in threads of its own.

When the interpreter ends, a thread of TensorFlow's that wants to call is stopped where it stands,
and the dataset's iterator waits for it for ever. So before the end, calls must have ceased.
"""

from __future__ import annotations

import atexit
import threading
import time
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import ParamSpec

    P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["ends_with_python"]

# Nothing is being called once this many seconds pass without a call.
_QUIET = 0.1
# Longer than this nobody waits.
_MOST = 5.0


class _Calls:
    """How many calls are under way, and when the last one was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._last = -_QUIET

    def begin(self) -> None:
        with self._lock:
            self._under_way += 1

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1
            self._last = time.monotonic()

    def ceased(self) -> bool:
        with self._lock:
            return not self._under_way and time.monotonic() - self._last >= _QUIET


_calls = _Calls()


def ends_with_python(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function that TensorFlow calls end its dataset when the interpreter is about to end.

    ``StopIteration`` is the one error that TensorFlow does not log.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        _calls.begin()
        try:
            if not threading.main_thread().is_alive():
                raise StopIteration
            return function(*args, **kwargs)
        finally:
            _calls.end()

    return call


@atexit.register
def calls_end() -> None:
    """Wait until TensorFlow calls no more: its buffers are full of ends, and nobody takes them."""
    deadline = time.monotonic() + _MOST
    while not _calls.ceased() and time.monotonic() < deadline:
        time.sleep(_QUIET / 10)
