"""The bytes of a source around the place where it is read: a buffer that fills and is given away.

Nothing here knows what the bytes mean. Offsets count the bytes of the (uncompressed) source.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.errors import TFRecordError, TruncatedRecordError
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.framing import SLACK_BYTES
from tfrecord_lite.thresholds import limits, thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import Uint8Array
    from tfrecord_lite.records.inflate import InflatedSource

__all__ = ["Window"]

# Buffers kept for reuse: as many as are read ahead, and the one in use.
_MOST_SPARE = 3
# More than what is waited for: whoever looks at what comes after a large record, with the record
# in view, should need no other buffer.
_MORE_BYTES = 1 << 6


class Window:
    """A buffer over the bytes ``base + begin`` to ``base + end`` of a source.

    What lies before ``begin`` in the buffer has been dealt with.
    """

    def __init__(self, source: ByteSource | InflatedSource) -> None:
        self.source = source
        # Where it can be read without moving there.
        self._file = source if isinstance(source, ByteSource) and source.ready else None
        self.block_bytes = limits.read_block_bytes
        self._spare: deque[Uint8Array] = deque(maxlen=_MOST_SPARE)
        self.buffer = self._new_buffer(limits.read_block_bytes)
        self.base = 0
        self.begin = 0
        self.end = 0
        self._moved = False
        self._deferred: OSError | TFRecordError | None = None
        # Where the buffer was given away: how many bytes the next should hold at least.
        self._given_away = 0

    @property
    def offset(self) -> int:
        """Where the first byte that has not been dealt with stands."""
        return self.base + self.begin

    @property
    def have(self) -> int:
        """How many bytes are at hand."""
        return self.end - self.begin

    @property
    def limit(self) -> int | None:
        """Where the file ends, as of now; None for what can only be read front to back."""
        remaining = None if self._file is None else self._file.remaining()
        return None if remaining is None else self.source.offset + remaining

    def move_to(self, offset: int) -> None:
        """Go to another place of a source that seeks, once there is something to read."""
        if self._given_away:
            self.buffer = self._new_buffer(self.block_bytes)
            self._given_away = 0
        self.restart(offset)
        self._moved = True

    def restart(self, offset: int) -> None:
        """Let go of what is at hand; the source goes on at what is counted as ``offset``."""
        self.base, self.begin, self.end = offset, 0, 0
        self._deferred = None

    def go_back(self, offset: int) -> None:
        """Stand at ``offset`` again, after an exception that may have come between any two steps.

        What is at hand is of use where the source knows how much has come; it is read again where
        it does not.
        """
        self._deferred = None
        taken = self.source.taken
        if taken is not None and self.base <= offset <= taken <= self.base + self._capacity:
            self.begin, self.end = offset - self.base, taken - self.base
            return
        self.restart(self.source.rewind(offset))
        self._moved = False
        self.prepare()
        self.skip_to(offset)

    def prepare(self) -> None:
        """Make ready for reading on."""
        if isinstance(self._deferred, TruncatedRecordError):
            # There may be more by now.
            self._deferred = None
        if self._moved:
            self.source.seek(self.base)
            self._moved = False
        if self._given_away:
            # Only now, since the last buffer may have come back by now.
            self._refit(self._given_away)
            self._given_away = 0

    def read_more(self, need: int) -> bool:
        """Read on towards ``need`` bytes at hand; False at the end of the source.

        The buffer is made for what a regular file is known to hold, and else grows as the bytes
        come: no length field decides how much memory is taken. What the source raises goes through,
        after the bytes that came before it.
        """
        have = self.have
        if self.begin + need > self._capacity:
            remaining = self.source.remaining()
            known = remaining is not None and have + remaining >= need
            self._refit((need if known else min(need, 2 * have)) + _MORE_BYTES)
        count = self._fill()
        # What a file holds, a block may as well have; a pipe's next bytes may be long in coming.
        while count and self.source.ready and self.end < self._capacity:
            try:
                if not self._fill():
                    break
            except (OSError, TFRecordError) as error:
                self._deferred = error.with_traceback(None)
                break
        return count > 0

    def _fill(self) -> int:
        if self._deferred is not None:
            error, self._deferred = self._deferred, None
            try:
                raise error
            finally:
                del error  # its traceback has this frame
        count = self.source.readinto(self.buffer.data[self.end : self._capacity])
        self.end += count
        return count

    def look(self, offset: int, size: int) -> memoryview:
        """Return the bytes from ``offset`` on, which is at hand or after that; fewer at the end.

        A file is read there, and nothing moves. Anything else is read on until the bytes are at
        hand; where it fails of itself, that is its end until it is read on from there.
        """
        end = offset + size
        if end > self.base + self.end and self._file is not None:
            return memoryview(self._file.read_at(size, offset))
        try:
            while end > self.base + self.end and self.read_more(end - self.offset):
                pass
        except TFRecordError as error:
            self._deferred = error.with_traceback(None)
        return self.buffer.data[offset - self.base : min(end - self.base, self.end)]

    def skip_to(self, offset: int) -> None:
        """Go on at ``offset``, or at the end where that comes first."""
        if (limit := self.limit) is not None:
            offset = min(offset, limit)
            if offset > self.base + self.end:
                self.restart(offset)
                self.source.seek(offset)
        while self.base + self.end < offset:
            self.restart(self.base + self.end)
            if not self._fill():
                return
        self.begin = offset - self.base

    def give(self, end: int, more: int) -> tuple[Uint8Array, int]:
        """Give the bytes from ``begin`` to ``end`` away and go on after them.

        Returns a buffer and where in it they begin: this one where little else is in it, with the
        next one made for at least ``more`` bytes, or a copy. So what is copied, one way or the
        other, is hardly more than what is given.
        """
        begin, self.begin = self.begin, end
        if self.have <= max(end - begin, thresholds.left_behind_bytes):
            self._given_away = more
            return self.buffer, begin
        copy = self._new_buffer(end - begin)
        copy[: end - begin] = self.buffer[begin:end]
        return copy, 0

    def recycle(self, buffer: Uint8Array) -> None:
        """Take back a buffer that was given away.

        Fresh memory is slow: the system hands it out page by page, each filled with zeros.
        """
        self._spare.append(buffer)

    def _new_buffer(self, capacity: int) -> Uint8Array:
        size = capacity + SLACK_BYTES
        with suppress(IndexError):
            while True:
                spare = self._spare.pop()
                if size <= len(spare) <= 2 * size:
                    return spare
        return np.empty(size, np.uint8)

    @property
    def _capacity(self) -> int:
        return len(self.buffer) - SLACK_BYTES

    def _refit(self, capacity: int) -> None:
        """Go on in another buffer that begins with the bytes not yet dealt with."""
        if self._grow(capacity):
            return
        left = self.buffer[self.begin : self.end]
        buffer = self._new_buffer(max(capacity, len(left), self.block_bytes))
        buffer[: len(left)] = left  # of the very same buffer, perhaps: NumPy sees to that
        base, size = self.offset, len(left)
        self.buffer, self.base, self.begin, self.end = buffer, base, 0, size

    def _grow(self, capacity: int) -> bool:
        """Make the buffer itself larger, if nobody else refers to it.

        A large record would else stand in memory twice; the system mostly moves no byte for this.
        """
        if self._given_away or self.begin or self.end < thresholds.grown_bytes:
            return False
        try:
            self.buffer.resize(capacity + SLACK_BYTES)
        except ValueError:
            return False  # a view of it is in use, perhaps a debugger's
        return True
