"""Calls in other threads, whatever exception comes in the one that asks for them.

A signal's handler may raise between any two instructions of Python code, also inside `threading`'s
conditions, on which `concurrent.futures` is built: a lock that is left held there is waited for
forever, by the thread, by whoever waits for the thread, and by the end of the interpreter. What is
waited for here are locks and queues written in C, which an exception leaves as they are.
"""

from __future__ import annotations

import atexit
import os
import weakref
from _thread import allocate_lock, get_ident, start_new_thread
from collections import deque
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["Call", "Threads", "one_behind"]

T = TypeVar("T")
# What is no call ends a thread.
Calls: TypeAlias = "SimpleQueue[Call[Any] | weakref.ref[Threads] | None]"

_open_pools: weakref.WeakSet[Threads] = weakref.WeakSet()
_ending = False


class Call(Generic[T]):
    """A call that is made in another thread, or was."""

    def __init__(
        self,
        function: Callable[..., T],
        arguments: tuple[Any, ...],
        if_cancelled: Callable[[], None] | None = None,
    ) -> None:
        self._function: Callable[..., T] | None = function
        self._arguments = arguments
        self._if_cancelled = if_cancelled
        # What becomes of it is decided once, whoever asks how often.
        self._fate: dict[None, str] = {}
        self._made = allocate_lock()
        self._made.acquire()
        self._thread = 0
        self._value: T | None = None
        self._error: BaseException | None = None
        self.done = False
        """Whether it was made, or cancelled."""

    def make(self) -> None:
        """Make the call, unless it was cancelled."""
        if self._fate.setdefault(None, "made") != "made":
            return
        self._thread = get_ident()
        try:
            assert self._function is not None
            self._value = self._function(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - raised by `result`
            self._error = error
        self._function, self._arguments, self._if_cancelled = None, (), None
        self.done = True
        self._made.release()
        del self  # an error's traceback has this frame

    def cancel(self) -> bool:
        """Have it not be made; False where it has begun. Whoever waits for it waits no longer."""
        if self._fate.setdefault(None, "cancelled") != "cancelled":
            return False
        self._error = RuntimeError("the call was not made: its threads are to end")
        self.done = True
        if self._made.locked():
            self._made.release()
        if self._if_cancelled is not None:
            self._if_cancelled()
        return True

    def wait(self) -> None:
        """Wait until it was made; a thread does not wait for itself."""
        while not self.done and self._thread != get_ident():
            self._made.acquire()
            self._made.release()

    def result(self) -> T:
        """Return what it returned, or raise what it raised."""
        self.wait()
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # the traceback has this frame, too
        return self._value  # type: ignore[return-value]


class Threads:
    """Up to so many threads that make calls, in the order in which they are asked for.

    The process that made it uses it, one thread at a time.
    """

    def __init__(self, max_threads: int, name: str) -> None:
        self._calls: Calls = SimpleQueue()
        self._max_threads = max_threads
        self._name = name
        self._owner = os.getpid()
        self._closed = False
        self._begun: list[Call[Thread | None]] = []
        # Ends the threads, which hold it, when this is forgotten: no interrupt can come in between,
        # as in `__del__`, of which Python would only say that it is ignored.
        self._forgotten = weakref.ref(self, self._calls.put)
        # Those that may have begun.
        self._pending: deque[Call[Any]] = deque()
        _open_pools.add(self)

    def submit(
        self,
        function: Callable[..., T],
        *arguments: Any,
        if_cancelled: Callable[[], None] | None = None,
    ) -> Call[T]:
        """Have a call be made; `RuntimeError` where no thread can be started any more.

        ``if_cancelled`` is called, by `close` too, where it is not.
        """
        if _ending or self._closed:
            raise RuntimeError("no more calls are made in these threads: they are to end")
        while self._pending and self._pending[0].done:
            self._pending.popleft()
        if len(self._begun) < self._max_threads:
            thread = Call(_begin, (self._name, self._calls, self._forgotten))
            start_new_thread(thread.make, ())
            # Only now: one too many is none too few.
            self._begun.append(thread)
        call = Call(function, arguments, if_cancelled)
        # Whatever comes in between, `close` waits for what is made.
        self._pending.append(call)
        self._calls.put(call)
        return call

    def close(self) -> None:
        """Cancel what has not begun, and wait for what has, and for the threads to end.

        What is raised meanwhile, by the handler of a signal, goes through: close it again then.
        """
        self._closed = True
        if self._owner != os.getpid():
            return  # a forked child has no threads
        for call in [call for call in self._pending if not call.cancel()]:
            call.wait()
        self._calls.put(None)
        for begun in self._begun:
            if not begun.done and _may_be_beginning():
                # Garbage is collected there. The thread has made no call, and ends by itself.
                continue
            thread = begun.result()
            if thread is not None and thread.ident != get_ident():
                thread.join()

    def close_at_last(self) -> None:
        """Close it, also where interrupts come meanwhile; the last of them is raised then."""
        interrupt: BaseException | None = None
        waiting = True
        while waiting:
            try:
                self.close()
                waiting = False
            except BaseException as error:  # noqa: BLE001 - raised once nothing is made any more
                interrupt = error
        if interrupt is not None:
            raise interrupt


@contextmanager
def one_behind(name: str) -> Generator[Callable[..., None], None, None]:
    """Give a function that has a call be made in another thread, once the one before it was made.

    What a call raises is raised by the next one, or at the end.

    >>> found = []
    >>> with one_behind("example") as call:
    ...     call(found.append, 1)
    ...     call(found.append, 2)
    >>> found
    [1, 2]
    """
    threads = Threads(1, name)
    last: Call[Any] | None = None

    def call(function: Callable[..., Any], *arguments: Any) -> None:
        nonlocal last
        if last is not None:
            last.result()
        last = threads.submit(function, *arguments)

    try:
        yield call
        if last is not None:
            last.result()
    finally:
        threads.close_at_last()


def _begin(name: str, calls: Calls, forgotten: weakref.ref[Threads]) -> Thread | None:
    """Begin a thread with a name: not in the main one, where signals are handled."""
    try:
        thread = _PoolThread(target=_make_calls, args=(calls, forgotten), name=name, daemon=True)
        thread.start()
    except (RuntimeError, MemoryError):
        # There can be no other thread than this.
        _make_calls(calls, forgotten)
        return None
    return thread


class _PoolThread(Thread):
    """A thread of one of these pools."""


def _may_be_beginning() -> bool:
    """Tell whether this thread may be one of ours on its way to begin: it cannot wait for that."""
    known = [thread for thread in enumerate_threads() if thread.ident == get_ident()]
    return not known or any(isinstance(thread, _PoolThread) for thread in known)


def _make_calls(calls: Calls, forgotten: weakref.ref[Threads]) -> None:  # noqa: ARG001 - held
    while isinstance(call := calls.get(), Call):
        call.make()
        del call
    # For the next thread.
    calls.put(None)


def _close_all() -> None:
    global _ending  # noqa: PLW0603 - the interpreter ends but once
    _ending = True
    for pool in list(_open_pools):
        pool.close()


# Threads that go on while the interpreter ends may be stopped anywhere.
atexit.register(_close_all)
