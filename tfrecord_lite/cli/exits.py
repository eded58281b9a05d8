"""How a command ends: exit codes, and errors in one line.

0 is well, 1 means that data is damaged, 2 that something could not be used: the arguments, a
missing file, a disk that fails. A reader that goes away (``| head``) ends a command quietly, as
SIGPIPE would.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import typer

from tfrecord_lite.cli.words import in_words_of_the_command
from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = [
    "DAMAGED",
    "UNUSABLE",
    "Damages",
    "clean_exit",
    "complain",
    "complain_of",
    "exit_where_output_fails",
    "open_standard_streams",
    "usage_errors",
]

DAMAGED: Final = 1
UNUSABLE: Final = 2
# 128 + SIGPIPE, as a shell reports a command that the signal ended.
_BROKEN_PIPE: Final = 141
_FULL: Final = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def complain(message: object) -> None:
    """Print one line to standard error, with options as the command line has them."""
    said = _text_of(message) if isinstance(message, OSError) else message
    text = in_words_of_the_command(str(said))
    # Where nobody can be told, the exit code still says it.
    with suppress(OSError):
        print(f"tfrecord-lite: {printable(text)}", file=sys.stderr)


def complain_of(damage: Damage) -> None:
    """Print a line about what was left out."""
    place = f"{damage.path}: record {damage.record}, bytes {damage.begin} to {damage.end}"
    complain(f"{place} left out: {damage.reason}")


class Damages:
    """Tells of damage and of files that are left out of what is printed, and ends accordingly."""

    def __init__(self) -> None:
        self._code = 0

    def __call__(self, damage: Damage) -> None:
        """Print a line."""
        self._code = max(self._code, DAMAGED)
        # The records before the damage are seen before the complaint.
        sys.stdout.flush()
        complain_of(damage)

    def leave_out(self, path: str, error: Exception) -> None:  # noqa: ARG002 - it is in the error
        """Print a line about a path that cannot be used."""
        self._code = max(self._code, DAMAGED if isinstance(error, TFRecordError) else UNUSABLE)
        sys.stdout.flush()
        complain(error)

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Leave out the rest of a file that cannot be read."""
        try:
            yield
        except OSError as error:
            if error.errno is not None and error.filename is None:
                # All files are named; this is standard output.
                raise
            self.leave_out(path, error)

    def end(self) -> None:
        """Exit where anything was left out."""
        if self._code:
            raise typer.Exit(self._code)


@contextmanager
def usage_errors(*others: type[Exception]) -> Iterator[None]:
    """Turn a ``ValueError`` of the library, and ``others``, into an error about the arguments."""
    refused: tuple[type[Exception], ...] = (ValueError, *others)
    try:
        yield
    except TFRecordError:
        # Some are ValueErrors, too, and about data.
        raise
    except refused as error:
        raise typer.BadParameter(printable(in_words_of_the_command(str(error)))) from None


def open_standard_streams() -> None:
    """Have something at the handles 0, 1 and 2 where the caller closed them, as ``>&-`` does.

    Otherwise the next file that is opened would be standard output. What is read or written there
    fails, as it should: the null device is opened the other way round. Messages are dropped.
    """
    modes = {"stdin": os.O_WRONLY, "stdout": os.O_RDONLY, "stderr": os.O_WRONLY}
    for handle, (name, mode) in enumerate(modes.items()):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, mode)
            if null != handle:
                os.dup2(null, handle)
                os.close(null)
            stream = open(handle, "r" if name == "stdin" else "w", closefd=False)  # noqa: SIM115
            # As errors name those that are open.
            stream.buffer.raw.name = f"<{name}>"  # type: ignore[attr-defined]
            setattr(sys, name, stream)


@contextmanager
def exit_where_output_fails() -> Iterator[None]:
    """Turn a failure to print help, or anything else outside a command, into a line and a code."""
    output = sys.stdout
    try:
        yield
    except SystemExit:
        # typer exits with 1 where the reader of its help has gone away, and wraps what it wrote to.
        if sys.stdout is not output:
            sys.exit(_BROKEN_PIPE)
        raise
    except OSError as error:
        complain(error)
        _let_go_of_output()
        sys.exit(UNUSABLE)


def _text_of(error: OSError) -> object:
    if error.errno == errno.EBADF and error.filename == "<stdin>":
        return "standard input is closed"
    if error.errno == errno.EBADF and error.filename is None:
        return "standard input or standard output is closed"
    exists = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), error.filename or "")
    # Nothing replaces a directory.
    if str(error) == str(exists) and not os.path.isdir(error.filename):
        return f"{error.filename}: {error.strerror}; pass --overwrite to replace it"
    # All other files are named where they are written.
    if error.filename is None and error.errno in _FULL:
        return f"standard output: {error.strerror}"
    return error


@contextmanager
def clean_exit() -> Iterator[None]:
    """Turn what a command raises into a line and an exit code, and what it warns of into lines.

    By itself, typer takes a truncated file (an ``EOFError``) for the end of the input.
    """
    try:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = lambda message, *_, **__: complain(message)
                yield
        finally:
            # What cannot be written is found out here, whatever code the command ends with.
            sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_output()
        raise typer.Exit(_BROKEN_PIPE) from None
    except TFRecordError as error:
        complain(error)
        raise typer.Exit(DAMAGED) from None
    except (ImportError, ValueError) as error:
        # A package that an extra has and is not there; an argument that means nothing, such as a
        # URL of a scheme that nobody knows.
        complain(error)
        raise typer.Exit(UNUSABLE) from None
    except OSError as error:
        complain(error)
        _let_go_of_output()
        raise typer.Exit(UNUSABLE) from None


def _let_go_of_output() -> None:
    """Drop what cannot be written, so that it does not fail once more when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
