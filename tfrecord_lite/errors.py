"""Everything that can be wrong with a file or a value, each with its place.

The tree::

    TFRecordError(Exception)
    ├── CorruptRecordError(ValueError)    a checksum does not hold
    ├── TruncatedRecordError(EOFError)    the file ends inside a record or compressed stream
    ├── RecordTooLargeError(ValueError)   a length above ``max_record_bytes``, and nothing else
    ├── CompressionError(ValueError)      the gzip or zlib stream itself is bad
    └── ExampleError(ValueError)          no Example, or a value that none can hold

Each leaf is also the builtin that old code already catches. ``OSError`` is never wrapped: a full
disk is not a fault of the format.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tfrecord_lite.urls import shown

__all__ = [
    "CompressionError",
    "CorruptRecordError",
    "Damage",
    "ExampleError",
    "RecordTooLargeError",
    "TFRecordError",
    "TruncatedRecordError",
    "ignore_damage",
]


class TFRecordError(Exception):
    """Base of every error about the content of a file or a value.

    ``reason`` says what was found, what was expected and what to do. ``path``, ``record`` (counted
    from 0), ``offset`` (of the record's first byte, in uncompressed bytes) and, for checksums,
    ``expected`` and ``actual`` are attributes, and all of them are in the message. ``kind`` is the
    `Damage` kind.

    >>> str(TFRecordError("no such luck", path="a.tfrecord", record=3, offset=90))
    'a.tfrecord: record 3 at byte 90: no such luck'
    """

    kind = "other"

    def __init__(
        self,
        reason: str,
        *,
        path: str | None = None,
        record: int | None = None,
        offset: int | None = None,
        expected: int | None = None,
        actual: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self._path = None if path is None else shown(path)
        self.record = record
        self.offset = offset
        self.expected = expected
        self.actual = actual

    @property
    def path(self) -> str | None:
        """The file's path, or its URL without the password and the query in it."""
        return self._path

    @path.setter
    def path(self, path: str | None) -> None:
        self._path = None if path is None else shown(path)

    def __str__(self) -> str:
        place = []
        if self.path is not None:
            place.append(self.path if self.path.isprintable() else repr(self.path))
        if self.record is not None:
            at = "" if self.offset is None else f" at byte {self.offset}"
            place.append(f"record {self.record}{at}")
        elif self.offset is not None:
            place.append(f"byte {self.offset}")
        return shown(": ".join([*place, self.reason]))

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is rebuilt from its positional arguments alone; the place is restored as
        # state, so that an error crosses a process boundary whole.
        return type(self), (self.reason,), self.__dict__.copy()


class CorruptRecordError(TFRecordError, ValueError):
    """A checksum fails: of a record's length (``kind`` "length") or of its data ("data")."""

    kind = "data"


class TruncatedRecordError(TFRecordError, EOFError):
    """The file ends inside a record, or inside its compressed stream."""

    kind = "truncated"


class RecordTooLargeError(TFRecordError, ValueError):
    """A record whose (intact) length is above ``max_record_bytes``."""

    kind = "too_large"


class CompressionError(TFRecordError, ValueError):
    """The gzip or zlib stream itself is bad."""

    kind = "compression"


class ExampleError(TFRecordError, ValueError):
    """The bytes are not an Example, or a value does not fit into one.

    ``misfit`` tells that it is an Example, but one without the features that are expected.
    """

    kind = "example"
    misfit = False


class Damage(NamedTuple):
    """A region of a file that was left out, as ``on_damage`` gets it.

    ``begin`` and ``end`` are byte offsets in the uncompressed file; ``record`` is the number (from
    0) that the first record in the region would have had. ``kind`` is one of ``"length"``,
    ``"data"``, ``"truncated"``, ``"too_large"`` and ``"compression"``; ``reason`` is the error's
    text. With ``"count"`` nothing was left out, and ``end`` is ``begin``: a gzip member ends there
    whose header states what is not in it, so records were counted wrong.

    >>> import io, tfrecord_lite as tfr
    >>> file = io.BytesIO()
    >>> with tfr.RecordWriter(file) as writer:
    ...     writer.write_many([b"foo", b"bar"])
    >>> damaged = io.BytesIO(file.getvalue()[:-1])
    >>> list(tfr.read_records(damaged, on_damage=lambda damage: print(damage[1:5])))
    (19, 37, 1, 'truncated')
    [b'foo']
    """

    path: str | None
    begin: int
    end: int
    record: int
    kind: str
    reason: str


def ignore_damage(damage: Damage) -> None:
    """Be an ``on_damage`` that tells nobody: somebody else does, or nobody asked."""
