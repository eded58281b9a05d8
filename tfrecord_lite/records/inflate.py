"""Reading gzip and zlib: compressed bytes in, the frames out, and never a silent end.

All gzip members of a file are read, empty ones too; after the last nothing may follow, not even
zeros. A zlib file is one stream. A stream that ends early is an error, where TensorFlow sees the
end of the file.
"""

from __future__ import annotations

import io
import weakref
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.errors import CompressionError, TFRecordError, TruncatedRecordError
from tfrecord_lite.records.ahead import MembersAhead
from tfrecord_lite.records.compression import GZIP_START, GZIP_WBITS, ZLIB_WBITS, isal
from tfrecord_lite.records.counts import MemberCounts, StatedMember
from tfrecord_lite.records.deflate import MEMBER_HEADER, MEMBER_START
from tfrecord_lite.records.members import read_header, unchecked_header
from tfrecord_lite.records.rewinding import MemberStart, MemberStarts
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from tfrecord_lite.records.byte_source import ByteSource

__all__ = ["InflatedSource"]

_INPUT_BYTES = 1 << 18
# What one call inflates is in memory twice, before it stands where it is asked for.
_MOST_INFLATED = 1 << 22
_INTERRUPTED = "{}: reading was interrupted inside its {} stream; open it again, it does not seek"
_OTHER_FRONT = "its front is damaged, or it is of another compression, which 'auto' finds"


class InflatedSource:
    """The bytes inside a gzip or zlib source, front to back.

    ``max_length`` bounds each call's output, so that a bomb inflates no further than the reader's
    buffer. What was inflated before damage is returned before the error, `failure`, is raised.
    """

    def __init__(self, source: ByteSource, codec: Literal["GZIP", "ZLIB"]) -> None:
        self.path = source.path
        self._source = source
        self.check_searched = source.check_searched
        self._ahead = MembersAhead(source) if codec == "GZIP" and source.ready else None
        # What is left of a member that was inflated ahead.
        self._whole = memoryview(b"")
        self.codec = codec
        self._wbits = GZIP_WBITS if codec == "GZIP" else ZLIB_WBITS
        # isal cannot copy a decoder's state: after a failure it seeks, and begins the member again.
        self._engine: Any = (source.seekable and isal()) or zlib
        self._errors = (zlib.error, getattr(self._engine, "error", zlib.error))
        self._decoder: Any = None
        self._chunk = bytearray(_INPUT_BYTES)
        self._input = b""
        self._more_output = False
        self._members = 0
        self.member_begin = 0
        """The compressed byte at which the present member begins."""
        self.member_head = b""
        """The member's first bytes, as many as a blocked file's header has where they came."""
        self.raw_begin = 0
        """Where the member's content begins, in uncompressed bytes."""
        self.first_record: int | None = 0
        """The number of the member's first record, where the headers before it tell."""
        self._member_size = 0
        self.counts = MemberCounts()
        """What the headers of members state, to be compared by who counts their records."""
        self._stated: StatedMember | None = None
        # Whether the last call ended as it should; after any other, `rewind` has to be called.
        self._settled = True
        # Where the source stood before it was read, while that goes on.
        self._reading_at: int | None = None
        self._starts = MemberStarts()
        # In words: an error that is kept, and raised again, has in its traceback who keeps it.
        self._failure: str | None = None
        self._failed: weakref.ref[TFRecordError] | None = None
        self.failed_at = 0
        """The compressed byte at which inflating failed last."""
        self.furthest = 0
        """The compressed byte up to which anything was read: never beyond the file's end."""
        self.looked_at_again = 0
        """How many compressed bytes were gone back, in all."""

    @property
    def offset(self) -> int:
        """How many compressed bytes have been used."""
        return self._source.offset - len(self._input)

    @property
    def between_members(self) -> bool:
        """Whether no member has begun since the last one ended."""
        return self._decoder is None

    @property
    def ready(self) -> bool:
        """Whether reading never waits."""
        return self._source.ready

    @property
    def seekable(self) -> bool:
        """Whether `go_to` goes back, too."""
        return self._source.seekable

    def remaining(self) -> None:
        """Return None: how much a stream will inflate to is not known."""

    def seek(self, offset: int) -> None:
        """Refuse: a stream is read front to back."""
        raise io.UnsupportedOperation(
            f"{printable(self.path)}: no seek to {offset} in a {self.codec} stream"
        )

    @property
    def raw_offset(self) -> int:
        """How many uncompressed bytes have come."""
        return self.raw_begin + self._member_size

    def readinto(self, view: memoryview) -> int:
        """Fill the front of ``view`` with the next bytes and return how many; 0 at the end."""
        if not self._settled:
            raise io.UnsupportedOperation(_INTERRUPTED.format(printable(self.path), self.codec))
        self._settled = False
        try:
            count = self._readinto(view)
        except TFRecordError as error:
            self._failed, self._settled = weakref.ref(error), True
            raise
        except OSError:
            # Nothing has come; unless it is a signal handler's.
            self._settled = self._reading_at == self._source.offset
            raise
        self._settled = True
        return count

    @property
    def failure(self) -> TFRecordError | None:
        """The error that was raised last, as long as anybody has it."""
        return None if self._failed is None else self._failed()

    @property
    def taken(self) -> int | None:
        """How many uncompressed bytes have come; None where an exception left that open."""
        return self.raw_offset if self._settled else None

    def unsettle(self) -> None:
        """Have `rewind` come before anything else is read, unless `settle` comes."""
        self._settled = False

    def settle(self) -> None:
        """Note that a member begins here, and that the damage before it has been reported."""
        start = self.raw_offset, self.offset, self.first_record, self._members
        self._starts.add(MemberStart(*start, after_damage=True))
        self._settled = True

    def rewind(self, offset: int) -> int:
        """Go back to a member that begins at ``offset`` or before; return where that is."""
        if not self._source.seekable:
            raise io.UnsupportedOperation(_INTERRUPTED.format(printable(self.path), self.codec))
        self._settled = False
        if self._ahead is not None:
            self._ahead.close()
        start = self._starts.before(offset)
        self._source.seek(start.compressed)
        self._input, self._more_output = b"", False
        self.restart(start.offset, start.first_record)
        self._members = start.members
        self._settled = True
        return start.offset

    def forget(self, offset: int) -> None:
        """Note that `rewind` will not be asked for less than ``offset``."""
        self._starts.forget(offset)

    def _readinto(self, view: memoryview) -> int:
        if self._failure is not None:
            raise CompressionError(self._failure)
        while True:
            if self._whole or (self._decoder is None and self._take_whole()):
                count = min(len(view), len(self._whole))
                view[:count] = self._whole[:count]
                self._whole = self._whole[count:]
                self._member_size += count
                return count
            if self._decoder is None:
                if not self._input and not self._more_input():
                    return 0
                self._begin_member()
            data = self._inflate(min(len(view), _MOST_INFLATED))
            if data:
                view[: len(data)] = data
                return len(data)
            if self._failure is not None:
                raise CompressionError(self._failure)

    def peek(self, size: int) -> bytes:
        """Return the compressed bytes at hand, at least ``size`` unless the file ends before."""
        while len(self._input) < size and self._more_input():
            pass
        return self._input

    def go_to(self, offset: int) -> None:
        """Stand at another compressed byte, which a stream that does not seek cannot go back to."""
        ahead = offset - self.offset
        if 0 <= ahead <= len(self._input):
            self._input = self._input[ahead:]
        elif self._source.seekable:
            self._source.seek(offset)
            self._input = b""
        else:
            while (ahead := offset - self.offset) > 0 and self.peek(1):
                self._input = self._input[ahead:]

    def restart(self, raw_begin: int, first_record: int | None) -> None:
        """Take what stands here for a member, with such numbers."""
        self._decoder = self._failure = self._stated = None
        self._whole = memoryview(b"")
        self.raw_begin, self._member_size = raw_begin, 0
        self.first_record, self.member_head = first_record, b""
        self.counts.clear()

    def _more_input(self) -> bool:
        self._reading_at = self._source.offset
        count = self._source.readinto(memoryview(self._chunk))
        self._reading_at = None
        self._input += memoryview(self._chunk)[:count]
        self.furthest = max(self.furthest, self._source.offset if count else 0)
        return count > 0

    def _take_whole(self) -> bool:
        """Take a member that was inflated ahead, if that can be."""
        found = None if self._ahead is None else self._ahead.take(self.offset)
        if found is None:
            return False
        self._enter_member(found.head)
        self.go_to(found.end)
        self.furthest = max(self.furthest, found.end)
        self._whole = memoryview(found.frames)
        self._leave_member(len(found.frames))
        return True

    def close(self) -> None:
        """Close the source, once no thread reads it any more."""
        self._whole = memoryview(b"")
        if self._ahead is not None:
            self._ahead.close()
        self._source.close()

    def _begin_member(self) -> None:
        if self._members and self.codec == "ZLIB":
            raise CompressionError(
                f"bytes after the end of the zlib stream, at compressed byte {self.offset}; "
                "TensorFlow would pass them over in silence: write one stream a file, or use GZIP"
            )
        if self.codec == "GZIP":
            self._check_magic()
        self._enter_member(self._member_head())
        self._more_output = False
        self._decoder = self._engine.decompressobj(wbits=self._wbits)

    def _member_head(self) -> bytes:
        """Return the front of the member that stands here, its header if it is one of ours."""
        if self.ready:
            return self.peek(MEMBER_HEADER.size)[: MEMBER_HEADER.size]
        # A pipe may have no more for now. Only where a header like ours has begun, it has to come.
        while (
            len(self._input) < MEMBER_HEADER.size
            and MEMBER_START.startswith(self._input[: len(MEMBER_START)])
            and self._more_input()
        ):
            pass
        return self._input[: MEMBER_HEADER.size]

    def _enter_member(self, head: bytes) -> None:
        """Count the records of the member that ended, and begin the one that stands here."""
        stated = self._stated
        if self.member_head:
            if stated is None or stated.stated.raw_bytes != self._member_size:
                self.first_record = None
            elif self.first_record is not None:
                self.first_record += stated.stated.records
        self.raw_begin, self._member_size = self.raw_offset, 0
        self.member_begin, self.member_head = self.offset, head
        intact = read_header(head) is not None
        found = unchecked_header(head)
        stated = found and StatedMember(self.raw_begin, self.member_begin, found, intact=intact)
        start = self.raw_begin, self.member_begin, self.first_record, self._members, stated
        self._stated = self._starts.add(MemberStart(*start)).stated
        self._members += 1
        if self._stated is not None:
            self.counts.add(self._stated)

    def _leave_member(self, raw_bytes: int) -> None:
        """Note where the member ended, which inflates to so many bytes."""
        if self._stated is not None:
            self._stated.size = self.offset - self.member_begin
            self._stated.end = self.raw_begin + raw_bytes

    def _check_magic(self) -> None:
        """Refuse what does not begin as a gzip member must; isal would take some of it."""
        while len(self._input) < len(GZIP_START) + 1 and self._more_input():
            pass
        start = self._input[:4]
        # Three bits of the flags must be zero (RFC 1952).
        if not start.startswith(GZIP_START[: len(start)]) or (len(start) == 4 and start[3] & 0xE0):
            if self.offset == 0:
                raise CompressionError(
                    f"no GZIP stream: it begins with {start.hex(' ')}; {_OTHER_FRONT}"
                )
            raise CompressionError(
                f"bytes that are no gzip member after the end of one, at compressed byte "
                f"{self.offset}: {start.hex(' ')}"
            )

    def _inflate(self, limit: int) -> bytes:
        """Return up to ``limit`` more bytes; none at a member's end or with ``_failure`` set."""
        if not self._input and not self._more_output and not self._more_input():
            raise TruncatedRecordError(
                f"the file ends inside its {self.codec} stream, at compressed byte {self.offset}; "
                "it was truncated, or never closed"
            )
        decoder, data = self._decoder, self._input
        checkpoint = decoder.copy() if self._engine is zlib else None
        try:
            output: bytes = decoder.decompress(data, limit)
        except self._errors as error:
            if checkpoint is None:
                return self._take_member_again(limit)
            return self._inflate_up_to_error(checkpoint, data, limit, error)
        self._more_output = len(output) == limit
        if decoder.eof:
            self._input = decoder.unused_data
            self._decoder = None
        else:
            self._input = decoder.unconsumed_tail
        self._member_size += len(output)
        if self._decoder is None:
            self._leave_member(self._member_size)
        return output

    def _take_member_again(self, limit: int) -> bytes:
        """Go back to where the member begins and inflate it with zlib, beyond where we were."""
        self._engine = zlib
        self._source.seek(self.member_begin)
        self._input = b""
        self._decoder = zlib.decompressobj(wbits=self._wbits)
        self._more_output = False
        done, self._member_size = self._member_size, 0
        while self._member_size < done and self._failure is None:
            self._inflate(min(done - self._member_size, 1 << 20))
        if self._failure is None:
            return self._inflate(limit)
        # What isal took, and zlib does not, was returned.
        self._member_size = done
        return b""

    def _inflate_up_to_error(
        self, decoder: Any, data: bytes, limit: int, error: Exception
    ) -> bytes:
        """Inflate a byte at a time from the state before a failed call, which lost its output."""
        begin = self.offset + len(data)
        output = bytearray()
        # Ever smaller pieces first, each where it goes without an error.
        size = len(data)
        while (size := size // 2) and len(output) < limit:
            trial = decoder.copy()
            with suppress(zlib.error):
                output += trial.decompress(data[:size], limit - len(output))
                decoder, data = trial, trial.unconsumed_tail + data[size:]
        begin -= len(data)
        # At first without any: what is wrong may have been taken in with the last piece of input.
        for index in range(-1, len(data)):
            step = data[max(index, 0) : index + 1]
            while len(output) < limit:
                try:
                    byte = decoder.decompress(step, 1)
                except zlib.error:
                    self.failed_at = begin + index
                    self._failure = self._reason(self.failed_at, error)
                    self._member_size += len(output)
                    return bytes(output)
                step = decoder.unconsumed_tail
                if not byte:
                    break
                output += byte
            else:
                self._decoder, self._input = decoder, step + data[index + 1 :]
                self._more_output = True
                self._member_size += len(output)
                return bytes(output)
        raise AssertionError("the same bytes inflated without the error")  # pragma: no cover

    def _reason(self, at: int, error: Exception) -> str:
        detail = str(error).rpartition(": ")[2]
        if at == 0 or "header check" in detail:
            return f"no {self.codec} stream: {detail}; {_OTHER_FRONT}"
        return f"bad {self.codec} stream at compressed byte {at}: {detail}"
