"""A source as `RecordBlock` after `RecordBlock`: every byte looked at, every damage told.

The one place where frames are read. A block is filled, scanned into spans, checked at once, and
handed over; only the record at the head of the buffer, where something is missing or wrong, is
looked at by itself.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from tfrecord_lite.errors import (
    CorruptRecordError,
    Damage,
    RecordTooLargeError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.records.checksum import first_bad_length, first_bad_record, masked_crc32c
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    FRAME_OVERHEAD,
    HEADER_SIZE,
    SLACK_BYTES,
    RecordBlock,
    scan_frames,
)
from tfrecord_lite.records.identify import looks_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["BlockStream"]

# Small enough for the processor's caches, large enough that the cost of a block is spread thin.
DEFAULT_BLOCK_BYTES = 1 << 20
# How much of the file's front tells what it is.
HEAD_BYTES = 512
# Buffers kept for reuse: as many as are read ahead, and the one in use.
_MOST_SPARE = 3


class ByteSource(Protocol):
    """What a `BlockStream` reads: a `Source`, or what is inflated from one."""

    path: str

    @property
    def offset(self) -> int: ...
    @property
    def ready(self) -> bool: ...
    def readinto(self, view: memoryview) -> int: ...
    def remaining(self) -> int | None: ...
    def seek(self, offset: int) -> None: ...


class BlockStream:
    """Read blocks of intact records from a source.

    Any error leaves the stream where it stands, ``offset`` at the last good boundary; reading again
    tries again. With ``on_damage`` a damaged region is reported and left out instead.
    """

    def __init__(
        self,
        source: ByteSource,
        *,
        verify: bool,
        on_damage: Callable[[Damage], Any] | None,
        max_record_bytes: int,
    ) -> None:
        self.source = source
        self.path = source.path
        self._verify = verify
        self._on_damage = on_damage
        self._max_record_bytes = max_record_bytes
        # The buffer holds the file's bytes [_base, _base + _end); those before _begin have been
        # dealt with.
        self.block_bytes = DEFAULT_BLOCK_BYTES
        self._spare: deque[Uint8Array] = deque(maxlen=_MOST_SPARE)
        self._buffer = self._new_buffer(DEFAULT_BLOCK_BYTES)
        self._base = 0
        self._begin = 0
        self._end = 0
        self._finished = False
        self._moved = False
        self._deferred: OSError | TFRecordError | None = None
        # Where the buffer went along with a block: how many bytes the next should hold at least.
        self._handed_over = 0
        # Whether all records of the last block were short, as a guess at the next.
        self._short = False
        self.record = 0
        """The number of the next record."""

    @property
    def offset(self) -> int:
        """Where the next record begins, in uncompressed bytes."""
        return self._base + self._begin

    def move_to(self, offset: int, record: int) -> None:
        """Go on at another boundary of a `Source` that seeks, once there is something to read."""
        if self._handed_over:
            self._buffer = self._new_buffer(self.block_bytes)
            self._handed_over = 0
        self._base, self._begin, self._end = offset, 0, 0
        self._moved = True
        self.record = record

    def read_block(self) -> RecordBlock | None:
        """Return the next intact records, at least one; None at the end of the file."""
        if self._moved:
            self.source.seek(self._base)
            self._moved = False
        if self._handed_over:
            # Only now, since the last block's buffer may have come back by now.
            self._refit(self._handed_over)
            self._handed_over = 0
        while not self._finished:
            starts, lengths = scan_frames(self._buffer, self._begin, self._end, short=self._short)
            count = self._intact(starts, lengths)
            if count:
                return self._take(starts[:count], lengths[:count])
            try:
                if self._look_at_head():
                    return None
            except TFRecordError as error:
                error.path = self.path
                error.record = self.record
                error.offset = self._base + self._begin
                if self._on_damage is None:
                    raise
                self._leave_out(error)
        return None

    def _intact(self, starts: Int64Array, lengths: Int64Array) -> int:
        """Count the records that may be handed out, up to the first that may not."""
        count = len(starts)
        if count and lengths.max() > self._max_record_bytes:
            count = int(np.argmax(lengths > self._max_record_bytes))
        check = first_bad_record if self._verify else first_bad_length
        return check(self._buffer, starts[:count], lengths[:count])

    def _take(self, starts: Int64Array, lengths: Int64Array) -> RecordBlock:
        """Hand the buffer over with these records, and go on in another one."""
        block = RecordBlock(
            self._buffer,
            starts,
            lengths,
            path=self.path,
            first_record=self.record,
            base=self._base,
        )
        self.record += len(starts)
        self._short = int(lengths.max()) < 256
        self._begin = int(starts[-1] + lengths[-1]) + FOOTER_SIZE
        # The next record may well be as large as the last one.
        self._handed_over = int(lengths[-1]) + FRAME_OVERHEAD
        return block

    def recycle(self, block: RecordBlock) -> None:
        """Take the buffer of a block that is no longer needed, for a block to come.

        Fresh memory is slow: the system hands it out page by page, each filled with zeros.
        """
        self._spare.append(block.buffer)

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
        return len(self._buffer) - SLACK_BYTES

    def _refit(self, capacity: int) -> None:
        """Go on in another buffer that begins with the bytes not yet dealt with."""
        left = self._buffer[self._begin : self._end]
        self._buffer = self._new_buffer(max(capacity, len(left), self.block_bytes))
        self._buffer[: len(left)] = left  # of the very same buffer, perhaps: NumPy sees to that
        self._base += self._begin
        self._begin, self._end = 0, len(left)

    def _look_at_head(self) -> bool:
        """Read on at the head, or raise what is wrong there; True at a clean end."""
        have = self._end - self._begin
        need = HEADER_SIZE
        if have >= HEADER_SIZE:
            need = self._believed_length() + FRAME_OVERHEAD
            if have >= need:
                self._raise_data_damage(need)
        if self._read_more(need):
            return False
        if have == 0:
            return True
        if have < HEADER_SIZE:
            raise TruncatedRecordError(
                f"the file ends {have} bytes into a record's {HEADER_SIZE}-byte header, "
                f"{HEADER_SIZE - have} bytes are missing (TensorFlow passes over such a tail in "
                "silence)"
            )
        place = "data" if have < need - FOOTER_SIZE else "data checksum"
        raise TruncatedRecordError(
            f"the file ends inside a record's {place}: found {have} bytes of {need}, "
            f"{need - have} are missing"
        )

    def _believed_length(self) -> int:
        """Return the length that the header states, once its own checksum holds."""
        header = self._buffer[self._begin : self._begin + HEADER_SIZE].tobytes()
        length = int.from_bytes(header[:8], "little")
        expected = int.from_bytes(header[8:], "little")
        actual = masked_crc32c(header[:8])
        if actual != expected:
            reason = (
                f"checksum of the length is 0x{actual:08x}, "
                f"expected 0x{expected:08x} as the file states"
            )
            if self._base + self._begin == 0:
                front = self._buffer[self._begin : self._end][:HEAD_BYTES]
                kind = looks_like(front.tobytes())
                looks = "" if kind is None else f" It looks like {kind}."
                reason += f"; this is no TFRecord file, or its first bytes are damaged.{looks}"
            error = CorruptRecordError(reason, expected=expected, actual=actual)
            error.kind = "length"
            raise error
        if length > self._max_record_bytes:
            raise RecordTooLargeError(
                f"the record has {length} bytes, more than max_record_bytes="
                f"{self._max_record_bytes}; raise the limit to read it",
                expected=self._max_record_bytes,
                actual=length,
            )
        return length

    def _raise_data_damage(self, need: int) -> NoReturn:
        frame = self._buffer.data[self._begin : self._begin + need]
        expected = int.from_bytes(frame[-FOOTER_SIZE:], "little")
        actual = masked_crc32c(frame[HEADER_SIZE:-FOOTER_SIZE])
        raise CorruptRecordError(
            f"checksum of the data is 0x{actual:08x}, expected 0x{expected:08x} as the file "
            "states; on_damage= reads on behind this record",
            expected=expected,
            actual=actual,
        )

    def _read_more(self, need: int) -> bool:
        """Read on towards ``need`` bytes at the head; False at the end of the file.

        The buffer is made for what a regular file is known to hold, and else grows as the bytes
        come: no length field decides how much memory is taken.
        """
        have = self._end - self._begin
        if self._begin + need > self._capacity:
            remaining = self.source.remaining()
            known = remaining is not None and have + remaining >= need
            self._refit(need if known else min(need, 2 * have))
        count = self._read_into_buffer()
        # What a file holds, a block may as well have; a pipe's next bytes may be long in coming.
        while count and self.source.ready and self._end < self._capacity:
            try:
                if not self._read_into_buffer():
                    break
            except (OSError, TFRecordError) as error:
                # First comes what was read before it.
                self._deferred = error
                break
        return count > 0

    def _read_into_buffer(self) -> int:
        if self._deferred is not None:
            error, self._deferred = self._deferred, None
            raise error
        count = self.source.readinto(self._buffer.data[self._end : self._capacity])
        self._end += count
        return count

    def _leave_out(self, error: TFRecordError) -> None:
        """Step over a damaged region and report it."""
        begin, record = self._base + self._begin, self.record
        if error.kind in ("data", "too_large"):
            header = self._buffer[self._begin : self._begin + 8].tobytes()
            self._skip(int.from_bytes(header, "little") + FRAME_OVERHEAD)
            self.record += 1
        else:
            if error.kind == "length":
                self._skip(None)
            self._begin = self._end
            self._finished = True
        assert self._on_damage is not None
        end = self._base + self._begin
        self._on_damage(Damage(self.path, begin, end, record, error.kind, error.reason))

    def _skip(self, size: int | None) -> None:
        """Step over ``size`` bytes, or all, reading on as needed."""
        while size is None or size > self._end - self._begin:
            if size is not None:
                size -= self._end - self._begin
            self._base += self._end
            self._begin = self._end = 0
            try:
                if not self._read_into_buffer():
                    return
            except TFRecordError:
                # The stream's own damage ends what can be stepped over.
                return
        self._begin += size
