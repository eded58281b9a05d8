"""What holds for all tests: however they are started, they end, and do the same."""

from __future__ import annotations

import gc
import os
import signal
import threading

import pytest
from hypothesis import settings

pytest_plugins = ["matrix", "machine"]

# Machines are shared: how long a test takes says nothing of it, but one that never ends does
# (`timeout` in pyproject.toml; this is for tests marked as long).
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
LONG_SECONDS = 600


def pytest_configure() -> None:
    """Have Ctrl-C and the first three handles as in a terminal, here and in all that is started.

    What a shell starts in the background, with nohup, or in a pipeline of a build server ignores
    the signal, and passes that on to its children: a test that interrupts one then waits for ever.
    Where one of the handles is closed, the next file that is opened takes its place.

    The hundreds of processes that tests start keep what they compile of the package, whatever was
    asked of this one: each would take a fifth of a second longer.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    on_main_thread = threading.current_thread() is threading.main_thread()
    if on_main_thread and signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            # The lowest one that is free, and so this one.
            os.open(os.devnull, os.O_RDWR)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what is there for good: the tests, and TensorFlow.

    Each of its whole rounds goes through all that there is, and some hundred tests ask for one.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
