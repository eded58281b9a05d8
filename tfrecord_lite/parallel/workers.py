"""Processes that work for an iterator: tasks go out, results come back in order.

Each process is a fresh interpreter that is told what to import: neither a fork, which is not safe
beside TensorFlow and its threads, nor multiprocessing's spawn, which runs the caller's main module
again, with all that it imports and does. So a script needs no ``if __name__ == "__main__"``.

A process lives as long as its pipes. When the parent ends, however it ends, they are closed, and
the process ends too. When the process ends first, the parent finds out at its next read or write.
"""

from __future__ import annotations

import io
import os
import pickle
import select
import struct
import subprocess
import sys
import time
import traceback
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import IO, TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeVar

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.parallel.programs import start_python
from tfrecord_lite.parallel.shared_memory import ArrayPickler, SharedMemory, StoredValue

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

__all__ = ["Workers", "work"]

Task = TypeVar("Task")
Result = TypeVar("Result")

# While a process works on one task, the next is at hand.
_TASKS_AHEAD = 2
# How long a process may take to end by itself: it has a task or two to finish.
_SECONDS_TO_END = 0.5
# How long one that will give no more results is waited for, so that it can be told why.
_SECONDS_TO_DIE = 10
_SIGKILL = 9
# So much of a task is named in an error.
_TASK_CHARACTERS = 200
_STORED = struct.Struct("<QQ")
# Ctrl-C goes to all processes of a terminal; the parent will tell. The folder where the parent runs
# is no place to import from, unless it is so for the parent. What the parent sends is read from a
# handle of our own, which no other program that is started here has.
_PROGRAM = """\
import sys
sys.path = list(filter(None, sys.path))
import os, pickle, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
incoming = os.fdopen(os.dup(0), "rb")
try:
    sys.path = pickle.load(incoming)
except (EOFError, pickle.UnpicklingError):
    # Nobody is left to work for.
    sys.exit()
from tfrecord_lite.parallel.workers import work
work(incoming)
"""


class _Channel:
    """Values to and from another process: through pipes and, where there is any, shared memory.

    The k-th value received is answered by the k-th value sent, in the same memory.
    """

    def __init__(
        self,
        incoming: IO[bytes],
        outgoing: IO[bytes],
        memories: Sequence[SharedMemory],
        pickler: type[ArrayPickler] = ArrayPickler,
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._shared = bool(memories)
        self._pickler = pickler
        self._to_write = cycle(memories)
        self._to_read = cycle(memories)

    def send(self, value: Any, otherwise: Callable[[], Any] | None = None) -> None:
        """Send a value, or what ``otherwise`` returns where the value cannot be pickled.

        ``BrokenPipeError`` where the other process has ended.
        """
        memory = next(self._to_write) if self._shared else None
        try:
            stored = self._stored(value, memory)
        except Exception:
            if otherwise is None:
                raise
            stored = self._stored(otherwise(), memory)
        self._outgoing.write(stored)
        self._outgoing.flush()

    def _stored(self, value: Any, memory: SharedMemory | None) -> bytes:
        if memory is None:
            return _in_band(value, self._pickler)
        return _STORED.pack(*memory.write(value, self._pickler))

    def wait(self, timeout: float) -> bool:
        """Wait for the next value to come, so many seconds at most; False where it did not."""
        # One header is read at a time, so nothing of the next is in a buffer.
        poll = select.poll()
        poll.register(self._incoming, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def receive(self) -> Any:
        """Return the next value; ``EOFError`` where the other process has ended."""
        if not self._shared:
            return _load(self._incoming)
        head = b""
        while len(head) < _STORED.size:
            more = self._incoming.read(_STORED.size - len(head))
            if not more:
                raise EOFError
            head += more
        return next(self._to_read).read(StoredValue(*_STORED.unpack(head)))


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    channel: _Channel


class Workers(Generic[Task, Result]):
    """Processes that each hold a ``job``, a picklable callable, and call it with tasks.

    All values travel pickled, the arrays in them through shared memory. What the job raises is
    raised by `map`: `TFRecordError` and ``OSError`` as they are, anything else as ``RuntimeError``
    with the traceback in its text.

    They end with `close`, when they are forgotten, and with the interpreter. With ``timeout`` it is
    a ``RuntimeError`` where a result is awaited for so many seconds. A ``by_value`` job may be a
    function of the main module, or a local one: it and its results go by cloudpickle.

    >>> workers = Workers(sum, 2)
    >>> list(workers.map([[1, 2], [3, 4], [5]]))
    [3, 7, 5]
    >>> workers.close()
    """

    def __init__(
        self,
        job: Callable[[Task], Result],
        count: int,
        *,
        timeout: float | None = None,
        by_value: bool = False,
    ) -> None:
        if not sys.executable or getattr(sys, "frozen", False):
            raise RuntimeError(
                f"no worker process can be started: sys.executable={sys.executable!r} is no Python "
                "interpreter; use workers=0"
            )
        # Elsewhere than on Linux arrays go through the pipes too. Then nothing is sent to a process
        # that may be sending, or both might wait for space in a pipe.
        self._timeout = timeout
        self._pickler = _pickler(by_value=by_value)
        self._by_value = by_value
        self._shared = hasattr(os, "memfd_create")
        self._ahead = _TASKS_AHEAD if self._shared else 1
        self._owner = os.getpid()
        self._memories: list[SharedMemory] = []
        self._workers: list[_Worker] = []
        self._finalizer = weakref.finalize(self, _end, self._owner, self._workers, self._memories)
        try:
            place = self._new_memory().write(job, self._pickler) if self._shared else None
            for _ in range(count):
                self._start(None if self._shared else job, place)
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether the processes have ended, or are someone else's since a fork."""
        return not self._finalizer.alive or self._owner != os.getpid()

    def _new_memory(self) -> SharedMemory:
        self._memories.append(SharedMemory.create())
        return self._memories[-1]

    def _start(self, job: Any, place: StoredValue | None) -> None:
        own = [self._new_memory() for _ in range(self._ahead)] if self._shared else []
        handles = [memory.handle for memory in (*self._memories[:1], *own)]
        process = start_python(_PROGRAM, handles, bufsize=0 if self._shared else -1)
        incoming, outgoing = process.stdout, process.stdin
        assert incoming is not None
        assert outgoing is not None
        channel = _Channel(incoming, outgoing, own)
        self._workers.append(_Worker(process, channel))
        try:
            outgoing.write(pickle.dumps(sys.path))
            outgoing.write(pickle.dumps(self._by_value))
            outgoing.write(_in_band((job, place, handles), self._pickler))
            outgoing.flush()
        except BrokenPipeError:
            self._raise_death(self._workers[-1])

    def map(self, tasks: Iterable[Task]) -> Generator[Result, None, None]:
        """Yield the result of each task, in their order; one `map` at a time.

        The tasks are taken some ahead of the results. What ends it early, an error or that nobody
        wants the rest, ends the processes too.
        """
        if self.closed:
            raise RuntimeError("these workers have ended, or belong to the process before a fork")
        waiting: deque[tuple[_Worker, Task]] = deque()
        finished = False
        try:
            for worker, task in zip(cycle(self._workers), tasks):
                results = []
                if len(waiting) == self._ahead * len(self._workers):
                    results.append(self._receive(*waiting.popleft()))
                self._send(worker, task)
                waiting.append((worker, task))
                yield from results
            while waiting:
                yield self._receive(*waiting.popleft())
            finished = True
        finally:
            if not finished:
                self.close()

    def _send(self, worker: _Worker, task: Task) -> None:
        # Where it has ended, that is told in the place of the first result that it did not give.
        with suppress(OSError):
            worker.channel.send(task)

    def _receive(self, worker: _Worker, task: Task) -> Result:
        if self._timeout is not None and not worker.channel.wait(self._timeout):
            for other in self._workers:
                # One that hangs does not end by itself.
                other.process.kill()
            self.close()
            raise RuntimeError(
                f"worker process {worker.process.pid} gave no result within timeout="
                f"{self._timeout:g} seconds for {_shortened(task)}; it was ended"
            )
        try:
            result, error = worker.channel.receive()
        except EOFError:
            self._raise_death(worker, task)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def _raise_death(self, worker: _Worker, task: Task | None = None) -> NoReturn:
        try:
            code = worker.process.wait(_SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        how, hint = f"ended with exit code {code}", "; what it wrote to stderr tells why"
        if code is None:
            how = f"gave no more results, and had not ended {_SECONDS_TO_DIE} seconds later"
        elif code < 0:
            how, hint = f"was killed by signal {-code}", ""
            if -code == _SIGKILL:
                hint = "; perhaps memory was short: see the system's log, or use fewer workers"
        doing = "" if task is None else f", at work on {_shortened(task)}"
        raise RuntimeError(f"worker process {worker.process.pid} {how}{doing}{hint}") from None

    def close(self) -> None:
        """End the processes. Closing twice is harmless."""
        self._finalizer()


def _shortened(task: object) -> str:
    text = str(task)
    return text if len(text) <= _TASK_CHARACTERS else f"{text[:_TASK_CHARACTERS]}..."


def _pickler(*, by_value: bool) -> type[ArrayPickler]:
    if not by_value:
        return ArrayPickler
    from tfrecord_lite.parallel.cloud import CloudPickler

    return CloudPickler


def _in_band(value: Any, pickler: type[ArrayPickler]) -> bytes:
    """Return a value pickled, arrays and all."""
    stream = io.BytesIO()
    whole = pickler(stream)
    whole.dump(value)
    buffers = [bytearray(buffer.raw()) for buffer in whole.buffers]
    return pickle.dumps((stream.getvalue(), buffers), protocol=5)


def _load(incoming: IO[bytes]) -> Any:
    stream, buffers = _received(incoming)
    return pickle.loads(stream, buffers=buffers)  # noqa: S301 - our own process wrote it


def _received(incoming: IO[bytes]) -> Any:
    """Return what was pickled to a pipe; ``EOFError`` where the pipe ends before it does."""
    try:
        return pickle.load(incoming)  # noqa: S301 - our own process wrote it
    except pickle.UnpicklingError as error:
        raise EOFError from error


def _end(owner: int, workers: list[_Worker], memories: list[SharedMemory]) -> None:
    if os.getpid() != owner:
        # In a fork these are another's to end.
        return
    for process, *_ in workers:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
    deadline = time.monotonic() + _SECONDS_TO_END
    for process, *_ in workers:
        try:
            process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for memory in memories:
        memory.close()


def work(incoming: IO[bytes] | None = None) -> None:
    """Do the tasks that come, on standard input or from there, until they end.

    It is what a worker process runs.
    """
    incoming, outgoing = incoming or os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What is printed is no result, and tasks are no input of what the job asks or starts.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        by_value, (stream, buffers) = _received(incoming), _received(incoming)
    except EOFError:
        # Nobody is left to work for. What is made of the job may raise one that means something.
        return
    pickler = _pickler(by_value=by_value)
    job, place, handles = pickle.loads(stream, buffers=buffers)  # noqa: S301
    memories = list(map(SharedMemory, handles))
    if place is not None:
        job = memories[0].read(place, copy=False)
    channel = _Channel(incoming, outgoing, memories[1:], pickler)
    process = os.getpid()
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = channel.receive()
            answer = _answer(job, task)
            if os.getpid() != process:
                # A job that forks, and whose child goes on, has one answer all the same.
                os._exit(0)
            channel.send(answer, partial(_not_sent, task))
    # Perhaps nobody is left to read what is.
    with suppress(BrokenPipeError):
        outgoing.close()


def _answer(job: Callable[[Any], Any], task: Any) -> tuple[Any, Exception | None]:
    try:
        return job(task), None
    except (TFRecordError, OSError) as error:
        return None, error
    except Exception:  # noqa: BLE001 - the parent raises it
        return _failure()


def _failure() -> tuple[None, Exception]:
    """Return the answer that tells of the exception that is handled."""
    return None, RuntimeError(f"a worker failed:\n{traceback.format_exc()}")


def _not_sent(task: object) -> tuple[None, Exception]:
    """Return the answer where that to a task cannot be pickled, which is handled."""
    if isinstance(sys.exc_info()[1], (OSError, MemoryError)):
        return _failure()  # it is no matter of what the result is: there was no space for it
    return None, RuntimeError(
        f"the result for {_shortened(task)} cannot be pickled, to come from a worker process; let "
        f"it be of arrays and other data, or use workers=0:\n{traceback.format_exc()}"
    )
