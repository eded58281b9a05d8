"""A file that grows, read as it grows: whole records, and patience at a truncated end.

The file is followed by its name, as ``tail -F`` does. What is there may be another file after a
while, or the same one written again. As long as what was read of it still stands at its place,
reading goes on there: so it is when a log is appended to, or copied again by rsync or an object
store. Otherwise it is another content, and it is read from its front, with a ``UserWarning``.
"""

from __future__ import annotations

import os
import stat
import time
import warnings
from _thread import RLock
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.errors import TruncatedRecordError
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.text import printable
from tfrecord_lite.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite.records.blocks import BlockStream
    from tfrecord_lite.records.byte_source import ByteSource
    from tfrecord_lite.records.compression import Codec
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["FollowedStream", "OpenedFile"]

# As often as someone who watches would like to see something new.
_POLL_SECONDS = 0.2
# So much at the front, and so much before the place where reading stands, tells contents apart.
_MARK_BYTES = 4096


class OpenedFile(NamedTuple):
    """A file that is being read: its bytes, its compression, and its blocks."""

    source: ByteSource
    codec: Codec
    stream: BlockStream

    def close(self) -> None:
        """Let go of the file."""
        self.stream.source.close()


class FollowedStream:
    """The blocks of a file that is waited for, and what is read of it now: ``file``.

    ``open_file`` opens what is at the path now. ``timeout`` is how many seconds to wait for more,
    None for ever; after that `read_block` returns None, or raises `TruncatedRecordError` inside a
    record, and may be called again. `close` ends the waiting, from another thread as well.
    """

    def __init__(
        self, path: str, open_file: Callable[[], OpenedFile], timeout: float | None
    ) -> None:
        if is_url(path) or not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(
                f"{printable(path)}: only a regular file can be followed; leave follow out"
            )
        self._path = path
        self._open_file = open_file
        self._timeout = timeout
        # Held while the file is in use, not while it is waited for. The lock and the queue are
        # written in C: an exception of a signal handler leaves them as they are (`Threads`).
        self._in_use = RLock()
        self._closed = False
        self._ended: SimpleQueue[None] = SimpleQueue()
        # Of the file: size and time of modification at the last look.
        self.file, self._seen = self._open()
        self._position = 0
        self._mark = self._mark_of(self.file)

    def _open(self) -> tuple[OpenedFile, tuple[int, int]]:
        """Open what is at the path; where another takes its place meanwhile, that."""
        while True:
            # First: what is written while the file is opened is a change to it.
            seen = _state(os.stat(self._path))
            file = self._open_file()
            with ExitStack() as stack:
                stack.callback(file.close)
                if os.path.samestat(file.source.status(), os.stat(self._path)):
                    stack.pop_all()
                    return file, seen

    def close(self) -> None:
        """End the waiting and close the file. Closing twice is harmless."""
        with self._in_use:
            if not self._closed:
                self._closed = True
                self.file.close()
        self._ended.put(None)

    def read_block(self) -> RecordBlock | None:
        """Return the next intact records as soon as there are any; None where the wait is over."""
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        if self._closed:
            raise ValueError(f"{printable(self._path)}: read of a closed file")
        at_end = False
        truncated: TruncatedRecordError | None = None
        while True:
            with self._in_use:
                if self._closed:
                    return None
                while self._look(at_end=at_end) or not at_end:
                    block, truncated = self._read()
                    if block is not None:
                        return block
                    at_end = True
            left = _POLL_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                if truncated is not None:
                    raise truncated
                return None
            self._wait(min(left, _POLL_SECONDS))

    def _read(self) -> tuple[RecordBlock | None, TruncatedRecordError | None]:
        """Return what can be read now, and the error where the end is inside a record."""
        block, truncated = None, None
        if not self._seen[0]:
            # What comes from now on tells the compression, for which the file is opened again.
            return None, None
        try:
            block = self.file.stream.read_block()
        except TruncatedRecordError as error:
            truncated = error
        self._remember()
        return block, truncated

    def _wait(self, seconds: float) -> None:
        """Wait so long, or until it is closed."""
        with suppress(Empty):
            self._ended.get(timeout=seconds)

    def _remember(self) -> None:
        """Remember up to where the content was dealt with, and what it is before that."""
        stream, source = self.file.stream, self.file.stream.source
        # Where inflating has failed, `offset` is before what it has used.
        self._position = source.furthest if isinstance(source, InflatedSource) else stream.offset
        self._mark = self._mark_of(self.file)

    def _mark_of(self, file: OpenedFile) -> tuple[int, int]:
        begin = max(self._position - _MARK_BYTES, 0)
        before = file.source.read_at(self._position - begin, begin)
        front = file.source.read_at(min(self._position, _MARK_BYTES), 0)
        return crc32c(front), crc32c(before)

    def _is_same(self, file: OpenedFile) -> bool:
        """Tell whether a file holds what was read of the file so far."""
        size = file.source.status().st_size
        return size >= self._position and self._mark_of(file) == self._mark

    def _look(self, *, at_end: bool) -> bool:
        """Look what has become of the file; tell whether there is something new.

        ``at_end`` says that what is read now was read to its end; only then is it left for another
        file.
        """
        try:
            replaced = not os.path.samestat(os.stat(self._path), self.file.source.status())
        except FileNotFoundError:
            # It may come back.
            replaced = False
        # What is gone while it is opened may come back, too.
        with suppress(FileNotFoundError):
            if (now := _state(self.file.source.status())) != self._seen:
                self._begin_again()
                self._seen = now
                return True
            if at_end and replaced:
                self._change_over()
                return True
        return False

    def _begin_again(self) -> None:
        if not self._is_same(self.file):
            self._tell("has been written again, or cut")
            self._take(*self._open())
        elif self._position == 0:
            # What was there may not have told its compression.
            self._take(*self._open())
        else:
            # A truncated end may have been removed, and something else written there; and a search
            # for a true record has passed over one that was not complete.
            self.file.stream.rewind(self.file.stream.offset, self.file.stream.record)

    def _change_over(self) -> None:
        """Go on in the other file that has the name now."""
        file, seen = self._open()
        before = self.file.stream
        same = self.file.codec is None is file.codec and self._is_same(file)
        if same:
            file.stream.move_to(before.offset, before.record)
        elif self._position:
            self._tell("has been replaced by another one")
        self._take(file, seen)

    def _take(self, file: OpenedFile, seen: tuple[int, int]) -> None:
        self.file.close()
        file.stream.block_bytes = self.file.stream.block_bytes
        self.file, self._seen = file, seen
        self._remember()

    def _tell(self, what: str) -> None:
        warnings.warn(
            f"{printable(self._path)}: the file {what} while it was followed, {self._position} "
            "bytes into it; from here on it is read from its front",
            stacklevel=2,
        )


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
