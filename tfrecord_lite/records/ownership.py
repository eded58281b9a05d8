"""Which process a writer belongs to, and the writers that nobody closes.

A forked child has a copy of all that the writers of its parent hold. What it wrote would be in the
file twice, or nowhere. So a writer can be used in the process that opened it, and nowhere else.
"""

from __future__ import annotations

import atexit
import os
import sys
import warnings
import weakref
from contextlib import suppress

from tfrecord_lite.text import printable

__all__ = ["Owned"]

_open: weakref.WeakSet[Owned] = weakref.WeakSet()
# Of writers that are gone and were never closed: what to say of each, by where its data lies.
_unclosed: dict[str, str] = {}
_reporting: set[int] = set()
_MAX_LINES = 10


class Owned:
    """What belongs to the process that opened it, and has to be closed there.

    ``_usable`` is False where nothing can be written: before `_own`, in forked children, and
    whenever a subclass says so.
    """

    _usable = False
    _closed = True
    _owner = 0
    # Whether it is said at exit that this was not closed.
    _is_reported = True
    _advice = "open a writer of its own in each process"

    def _own(self) -> None:
        """Begin to belong to this process."""
        self._owner = os.getpid()
        self._closed = False
        self._usable = True
        _open.add(self)
        if self._is_reported:
            _report_at_exit()

    def _name(self) -> str:
        """Return what messages call this."""
        raise NotImplementedError

    def _location(self) -> str:
        """Return where that lies which was written so far."""
        raise NotImplementedError

    def _give_up(self) -> None:
        """Let go of everything, and keep what was written."""
        raise NotImplementedError

    def _is_owner(self) -> bool:
        return os.getpid() == self._owner

    def _check_owner(self) -> None:
        """Raise ValueError in every process but that which opened this."""
        if not self._closed and not self._is_owner():
            raise ValueError(
                f"{printable(self._name())}: opened in process {self._owner}, used in "
                f"{os.getpid()}; {self._advice}"
            )

    def _after_fork(self) -> None:
        """Begin life in a forked child."""
        self._usable = self._usable and self._is_owner()

    def __del__(self) -> None:
        if self._closed or not self._is_owner():
            return
        where = self._location()
        what = f"{printable(self._name())}: {type(self).__name__}"
        message = f"{what} was never closed; what was written lies in {printable(where)}"
        self._give_up()
        if self._is_reported:
            _unclosed[where] = message
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)


def _report_at_exit() -> None:
    """Have `_report` called at the end of this process, however it ends of itself."""
    if os.getpid() in _reporting:
        return
    _reporting.add(os.getpid())
    # Forked children of multiprocessing end without atexit.
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.Finalize(None, _report, exitpriority=0)


def _report() -> None:
    """Say which writers were never closed, also where warnings are off."""
    for writer in list(_open):
        if writer._is_reported:  # noqa: SLF001 - the class above
            with suppress(ResourceWarning):
                writer.__del__()
    # What was removed meanwhile, with the folder of a test perhaps, is missed by nobody.
    messages = [message for where, message in _unclosed.items() if os.path.lexists(where)]
    if len(messages) > _MAX_LINES:
        messages[_MAX_LINES:] = [f"and {len(messages) - _MAX_LINES} more were never closed"]
    if messages and sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write("\n".join([*messages, ""]))
    _unclosed.clear()


def _after_fork_in_child() -> None:
    _unclosed.clear()
    for writer in list(_open):
        writer._after_fork()  # noqa: SLF001 - the class above


atexit.register(_report)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
