"""``tf.errors``: TensorFlow's errors by their names, each also the Python error it amounts to.

Code that catches ``tf.errors.NotFoundError`` works, and code that catches ``FileNotFoundError``::

    OpError(Exception)
    ├── AlreadyExistsError(FileExistsError)
    ├── DataLossError(TFRecordError)                   a damaged file
    ├── FailedPreconditionError(OSError, ValueError)   a closed writer, a directory for a file
    ├── InvalidArgumentError(ValueError)               no tensor, no image, no position in a file
    ├── NotFoundError(FileNotFoundError)
    ├── OutOfRangeError(EOFError)                      a byte beyond the end of a file
    ├── PermissionDeniedError(PermissionError)
    ├── ResourceExhaustedError(OSError)                a full disk
    ├── UnimplementedError(NotImplementedError)        what needs TensorFlow itself
    ├── UnknownError(OSError)
    └── those that are here to be caught, and never raised
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tfrecord_lite.compat._missing import missing
from tfrecord_lite.errors import CorruptRecordError, TFRecordError, TruncatedRecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
]

__getattr__ = missing("tf.errors")

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class OpError(Exception):
    """The base of all errors here, made of a node, an operation (both None here) and a message.

    >>> raise NotFoundError(None, None, "data.tfrecord; No such file or directory")
    Traceback (most recent call last):
    ...
    tfrecord_lite.compat.errors.NotFoundError: data.tfrecord; No such file or directory
    """

    error_code: int = UNKNOWN

    def __init__(self, node_def: object, op: object, message: str, *args: object) -> None:
        super().__init__(message)
        self.node_def = node_def
        self.op = op
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.node_def, self.op, self.message), self.__dict__.copy()


class CancelledError(OpError):
    """An operation was cancelled. Never raised here."""

    error_code = CANCELLED


class UnknownError(OpError, OSError):
    """The system's error that has no other name here, ``errno`` tells which."""

    error_code = UNKNOWN


class InvalidArgumentError(OpError, ValueError):
    """A value that the operation cannot take: bytes that are no tensor or no image, say."""

    error_code = INVALID_ARGUMENT


class DeadlineExceededError(OpError):
    """An operation took too long. Never raised here."""

    error_code = DEADLINE_EXCEEDED


class NotFoundError(OpError, FileNotFoundError):
    """A file or directory that is not there."""

    error_code = NOT_FOUND


class AlreadyExistsError(OpError, FileExistsError):
    """A file that must not be there."""

    error_code = ALREADY_EXISTS


class PermissionDeniedError(OpError, PermissionError):
    """A file that may not be read or written, or was not opened for it."""

    error_code = PERMISSION_DENIED


class ResourceExhaustedError(OpError, OSError):
    """A full disk, or too many open files."""

    error_code = RESOURCE_EXHAUSTED


class FailedPreconditionError(OpError, OSError, ValueError):
    """A closed writer that is written to; a directory that is opened as a file."""

    error_code = FAILED_PRECONDITION


class AbortedError(OpError):
    """An operation was aborted. Never raised here."""

    error_code = ABORTED


class OutOfRangeError(OpError, EOFError):
    """A byte beyond the end of a file. Iterators end as Python's do, without it."""

    error_code = OUT_OF_RANGE


class UnimplementedError(OpError, NotImplementedError):
    """What needs TensorFlow itself: a remote file system, a 16-bit colour image."""

    error_code = UNIMPLEMENTED


class InternalError(OpError):
    """An invariant was broken. Never raised here."""

    error_code = INTERNAL


class UnavailableError(OpError):
    """A service cannot be reached. Never raised here."""

    error_code = UNAVAILABLE


class DataLossError(OpError, TFRecordError):
    """A damaged file, with the attributes of `TFRecordError`; its cause says what is damaged."""

    error_code = DATA_LOSS


class UnauthenticatedError(OpError):
    """A request without credentials. Never raised here."""

    error_code = UNAUTHENTICATED


_DAMAGE = {CorruptRecordError: "corrupted record", TruncatedRecordError: "truncated record"}
# As tsl/platform/default/error.cc and posix/error.cc map them; every other errno is UNKNOWN.
_OF_ERRNO: dict[int, type[OpError]] = {
    errno.ENOENT: NotFoundError,
    errno.EEXIST: AlreadyExistsError,
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.EISDIR: FailedPreconditionError,
    errno.ENOTDIR: FailedPreconditionError,
    errno.ENOTEMPTY: FailedPreconditionError,
    errno.EBUSY: FailedPreconditionError,
    errno.EPIPE: FailedPreconditionError,
    errno.ENOSPC: ResourceExhaustedError,
    errno.EDQUOT: ResourceExhaustedError,
    errno.EMFILE: ResourceExhaustedError,
    errno.ENFILE: ResourceExhaustedError,
    errno.ENOMEM: ResourceExhaustedError,
}


def data_loss(error: TFRecordError) -> DataLossError:
    """Return TensorFlow's error for damage, beginning with its words, which scripts look for."""
    words = _DAMAGE.get(type(error))
    loss = DataLossError(None, None, f"{words} at {error.offset}: {error}" if words else str(error))
    for name in ("reason", "path", "record", "offset", "expected", "actual"):
        setattr(loss, name, getattr(error, name))
    return loss


def of_system(error: OSError) -> OpError:
    """Return TensorFlow's error for one of the system's, with ``errno`` and ``filename``."""
    kind = _OF_ERRNO.get(error.errno or 0, UnknownError)
    where = f"{error.filename}; " if error.filename is not None else ""
    op_error = kind(None, None, f"{where}{error.strerror or error}")
    assert isinstance(op_error, OSError)
    op_error.errno = error.errno
    op_error.strerror = error.strerror
    op_error.filename = error.filename
    return op_error


@contextmanager
def renamed() -> Iterator[None]:
    """Raise the errors of files and records under their TensorFlow names."""
    try:
        yield
    except OpError:
        raise
    except TFRecordError as error:
        raise data_loss(error) from error
    except OSError as error:
        raise of_system(error) from error
