"""Python programs that are started beside this one, with pipes as their standard streams."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["start_python"]

# NumPy's linear algebra would start a thread for each core, and is not used.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def start_python(program: str, handles: Sequence[int], *, bufsize: int) -> subprocess.Popen[bytes]:
    """Start a program that has these handles, too, and no interrupt until it lets them through."""
    with _interrupts_held_back():
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=bufsize,
            stderr=None if _has_stderr() else subprocess.DEVNULL,
            pass_fds=handles,
            env={**os.environ, **_ENVIRONMENT},
        )


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Have what is started here begin with interrupts held back: one would end it before it looks.

    Here another thread takes them, or this one a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _has_stderr() -> bool:
    """Tell whether handle 2 is standard error; where that is closed, it may be any file by now."""
    try:
        # Standard streams are passed on to other processes; what Python opens is not.
        return os.get_inheritable(2)
    except OSError:
        return False
