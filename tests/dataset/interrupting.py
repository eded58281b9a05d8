"""Exceptions at any line that runs, and signals at any moment."""

from __future__ import annotations

import io
import linecache
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import tfrecord_lite

PACKAGE = str(Path(tfrecord_lite.__file__).parent)


class Interrupted(KeyboardInterrupt):
    """What no code raises by itself."""


class Line:
    """In a ``with`` block, raise ``error`` at the line number ``at`` of those that are run.

    Or, where ``at`` is a file, a line and a number, when that line is run for the number's time.
    ``count`` is how many were run in this thread, ``times`` how often each was, by file and line,
    and ``text`` the line at which it was raised.
    """

    def __init__(self, at, error):
        self._at = at
        self._error = error
        self.count = 0
        self.times = Counter()
        self.text = ""

    def _trace(self, frame, event, _):
        name = frame.f_code.co_filename
        # What closes a forgotten iterator cannot raise: it is no place to be interrupted at.
        if not name.startswith(PACKAGE) or _is_finalizing(frame):
            return None
        if event == "line":
            self.count += 1
            place = name, frame.f_lineno
            self.times[place] += 1
            if self._at in (self.count, (*place, self.times[place])):
                self.text = linecache.getline(name, frame.f_lineno).strip()
                raise self._error
        return self._trace

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self._before)


def _is_finalizing(frame):
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


class Return(Line):
    """As `Line`, but at the return number ``at`` from the functions that Python's threads have.

    What these have locked by then stays locked.
    """

    def _trace(self, frame, event, _):
        name = Path(frame.f_code.co_filename)
        if event == "return" and (name.name == "threading.py" or name.parent.name == "futures"):
            self.count += 1
            if self.count == self._at:
                self.text = frame.f_code.co_name
                raise self._error
        return self._trace


class SystemCall(Line):
    """As `Line`, but when call number ``at`` to the system has been made, and not yet returned.

    That is where most signals come. Calls that take no time are passed over, and `os.open`, whose
    number is lost then.
    """

    def _profile(self, frame, event, function):
        if event != "c_return" or not _is_slow(function) or _is_finalizing(frame):
            return
        # Nobody has the number that is returned; and Python's `shutil` would close one twice.
        if function is os.open or (
            function is os.close and Path(frame.f_code.co_filename).name == "shutil.py"
        ):
            return
        while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
            if frame.f_code.co_filename.startswith("<frozen"):  # imports
                return
            frame = frame.f_back
        if frame is None:
            return
        self.count += 1
        if self.count == self._at:
            self.text = f"{function.__name__} at {frame.f_code.co_name}:{frame.f_lineno}"
            raise self._error

    def __enter__(self):
        self._before = sys.getprofile()
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_):
        sys.setprofile(self._before)


def _is_slow(function):
    if function.__name__ in ("getpid", "fspath", "fileno"):
        return False
    of_files = isinstance(getattr(function, "__self__", None), io.IOBase)
    return of_files or function.__module__ in ("posix", "io", "_io", "fcntl", "nt")


def read_on(items, interruption):
    """Take all that an iterator gives, going on after each interruption."""
    got = []
    while True:
        try:
            got.append(next(items))
        except StopIteration:
            return got
        except interruption:
            pass


def read_with_signals(items, count, seconds, delays):
    """Take all that an iterator gives, with up to ``count`` signals whose handler raises.

    Reading takes about so many ``seconds``; ``delays`` is what random numbers come from. Returns
    what came, and how many signals there were.
    """
    got, rung, done = [], 0, False

    def ring(*_):
        nonlocal rung
        rung += 1
        raise Interrupted

    before = signal.signal(signal.SIGALRM, ring)
    try:
        while not done:
            try:
                if rung < count:
                    signal.setitimer(signal.ITIMER_REAL, delays.uniform(1e-6, seconds))
                while not done:
                    try:
                        got.append(next(items))
                    except StopIteration:
                        done = True
                signal.setitimer(signal.ITIMER_REAL, 0)
                # One that came already may be on its way through another thread.
                time.sleep(1e-3)
            except Interrupted:
                pass
    finally:
        signal.signal(signal.SIGALRM, before)
    return got, rung


def is_subsequence(part, whole):
    """Tell whether all of ``part`` is in ``whole``, in its order."""
    rest = iter(whole)
    return all(item in rest for item in part)
