"""A source as `RecordBlock` after `RecordBlock`: every byte looked at, every damage reported.

The one place where frames are read. A block is filled, scanned into spans, checked at once, and
handed over; only the record at the head of the buffer, where something is missing or wrong, is
looked at by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.errors import Damage, RecordTooLargeError, TFRecordError
from tfrecord_lite.records.checksum import first_bad_length, first_bad_record, masked_crc32c
from tfrecord_lite.records.frame_errors import (
    believed_length,
    data_damage,
    not_checked,
    stated_length,
    truncated,
)
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    FRAME_OVERHEAD,
    HEADER_SIZE,
    RecordBlock,
    scan_frames,
)
from tfrecord_lite.records.gap import Gap
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.records.large import LargeRecord
from tfrecord_lite.records.recovery import Recovery
from tfrecord_lite.records.window import Window
from tfrecord_lite.thresholds import limits, thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import Int64Array, Verify
    from tfrecord_lite.records.byte_source import ByteSource

__all__ = ["BlockStream"]

_NONE = np.empty(0, np.int64)


class BlockStream:
    """Read blocks of intact records from a source.

    Any error leaves the stream where it stands, ``offset`` at the last good boundary; reading again
    tries again. With ``on_damage`` a damaged region is reported and left out instead, and reading
    goes on at the next true record (`Recovery` tells which that is).

    ``growing`` says that the end is not the end: a record that is truncated there is no damage, but
    one that is still being written. Records of more than ``max_buffered`` bytes are checked piece
    by piece and never held: each is a block of its own, whose buffer is empty.
    """

    def __init__(
        self,
        source: ByteSource | InflatedSource,
        *,
        verify: Verify,
        on_damage: Callable[[Damage], Any] | None,
        max_record_bytes: int,
        growing: bool = False,
        max_buffered: int | None = None,
    ) -> None:
        self.source = source
        self.path = source.path
        self._verify = verify
        self._on_damage = on_damage
        self._max_record_bytes = max_record_bytes
        self._growing = growing
        self._max_buffered = max_record_bytes if max_buffered is None else max_buffered
        self._window = Window(source)
        # Of gzip, what the headers of its members state.
        self._counts = source.counts if isinstance(source, InflatedSource) else None
        self._recovery = Recovery(self._window, max_record_bytes)
        self._gap: Gap | None = None
        self._large: LargeRecord | None = None
        self._finished = False
        # Damage from where reading stands on that `rewind` must not have reported again.
        self._reported: set[Damage] = set()
        self.refused_at: tuple[int, int] | None = None
        """Where a region ends, and its next record, that `read_block` reported and raised for."""
        # What mends the buffer after an exception while it was checked.
        self._undo: list[Callable[[], None]] = []
        # Whether all records of the last block were short, as a guess at the next.
        self._short: bool | None = None
        self._scan_bytes = limits.read_block_bytes
        self.record = 0
        """The number of the next record."""

    @property
    def offset(self) -> int:
        """Where the next record begins, in uncompressed bytes."""
        unfinished = self._gap or self._large
        return self._window.offset if unfinished is None else unfinished.begin

    @property
    def block_bytes(self) -> int:
        """About how many bytes are read at once."""
        return self._window.block_bytes

    @block_bytes.setter
    def block_bytes(self, size: int) -> None:
        self._window.block_bytes = size
        self._scan_bytes = max(size, limits.read_block_bytes)

    def move_to(self, offset: int, record: int) -> None:
        """Go on at another boundary of a source that seeks, once there is something to read."""
        self._window.move_to(offset)
        self._gap = self._large = None
        self._finished = False
        self._reported = set()
        self.record = record

    def go_to_member(self, member: int, offset: int, record: int) -> None:
        """Go on at the gzip member that begins at byte ``member`` of the file as it lies.

        What it holds begins at ``offset``, with the record of this number.
        """
        assert isinstance(self.source, InflatedSource)
        self.source.go_to(member)
        self.source.restart(offset, record)
        self.source.settle()
        self.rewind(offset, record)

    def rewind(self, offset: int, record: int) -> None:
        """Stand at a boundary again, after an exception that may have come between any two steps.

        ``offset`` and ``record`` are those of this stream after an earlier block. A source that
        cannot go back raises `io.UnsupportedOperation`.
        """
        for undo in self._undo.copy():
            undo()
        self._window.go_back(offset)
        self._gap = self._large = None
        self._finished = False
        self.record = record

    def find(self, offset: int, before: int) -> int:
        """Go to the first true record of a file at ``offset`` or after; return where it is.

        Where there is none before ``before``, that is any place after that, or the end of the
        file. Records are numbered from there.
        """
        self.move_to(offset, 0)
        self._window.prepare()
        if not self._recovery.search(before):
            self._window.begin = self._window.end
        return self.offset

    def recycle(self, block: RecordBlock) -> None:
        """Take the buffer of a block that is no longer needed, for a block to come."""
        self._window.recycle(block.buffer)

    def read_block(self) -> RecordBlock | None:
        """Return the next intact records, at least one; None at the end of the file."""
        self.refused_at = None
        self._window.prepare()
        self.source.forget(self.offset)
        if self._reported:
            self._reported = {damage for damage in self._reported if damage.end >= self.offset}
        while not self._finished:
            if self._gap is not None:
                if not self._skip_gap(self._gap):
                    return None
                continue
            try:
                self._compare_counts()
                block = self._scan() if self._large is None else self._pass(self._large)
                if block is not None:
                    return block
                if self._look_at_head():
                    return None
            except TFRecordError as error:
                self._begin_gap(error)
        return None

    def _scan(self) -> RecordBlock | None:
        """Return the intact records at hand, if any."""
        window = self._window
        begin, end = window.begin, min(window.end, window.begin + self._scan_bytes)
        starts, lengths = scan_frames(window.buffer, begin, end, short=self._short)
        if not len(starts) and end < window.end:
            # A record larger than that is looked at alone.
            end = begin + stated_length(window) + FRAME_OVERHEAD
            if end > window.end or not self._within_budget(end - begin):
                return None
            starts, lengths = scan_frames(window.buffer, begin, end)
        count = self._intact(starts, lengths)
        if count < len(starts):
            self._recovery.spend(end - begin)
        if count and self._counts is not None:
            begins = starts[:count] + (window.base - HEADER_SIZE)
            last = int(begins[-1] + lengths[count - 1]) + FRAME_OVERHEAD
            count = self._counts.compare(self.record, begins, last)
        return self._take(starts[:count], lengths[:count]) if count else None

    def _compare_counts(self) -> None:
        """Raise where a gzip member that ends here does not hold what its header states."""
        if self._counts is not None:
            self._counts.compare(self.record, _NONE, self.offset)

    def _intact(self, starts: Int64Array, lengths: Int64Array) -> int:
        """Count the records that may be returned, up to the first that may not."""
        count = len(starts)
        if count and lengths.max() > self._max_record_bytes:
            count = int(np.argmax(lengths > self._max_record_bytes))
        buffer, starts, lengths = self._window.buffer, starts[:count], lengths[:count]
        if self._verify == "none":
            return count
        if not self._verify:
            return first_bad_length(buffer, starts, lengths)
        return first_bad_record(buffer, starts, lengths, self._undo)

    def _take(self, starts: Int64Array, lengths: Int64Array) -> RecordBlock:
        """Hand these records over, with the buffer that they are in or with a copy."""
        window = self._window
        base, begin, end = window.base, window.begin, int(starts[-1] + lengths[-1]) + FOOTER_SIZE
        if 2 * (end - begin) > self._scan_bytes:
            most = max(window.block_bytes, limits.read_block_bytes)
            self._scan_bytes = min(2 * self._scan_bytes, most)
        if self._on_damage is not None:
            self._recovery.learn(window.buffer, starts, lengths)
        # The next record may well be as large as the last one.
        buffer, at = window.give(end, int(lengths[-1]) + FRAME_OVERHEAD)
        block = RecordBlock(
            buffer,
            starts if at == begin else starts + (at - begin),
            lengths,
            path=self.path,
            first_record=self.record,
            base=base + begin - at,
        )
        block.has_space = True
        self.record += len(starts)
        self._short = int(lengths.max()) < 256
        return block

    def _look_at_head(self) -> bool:
        """Read on at the head, or raise what is wrong there; True at a clean end."""
        window = self._window
        have, need = window.have, HEADER_SIZE
        if have >= HEADER_SIZE:
            length = believed_length(window, self._max_record_bytes, check=self._verify != "none")
            need = length + FRAME_OVERHEAD
            if not self._within_budget(need):
                raise not_checked()
            if length > self._max_buffered:
                self._large = LargeRecord(window, length)
                return False
            if have >= need:
                frame = window.look(window.offset, need)
                data = frame[HEADER_SIZE:-FOOTER_SIZE]
                raise data_damage(bytes(frame[-FOOTER_SIZE:]), masked_crc32c(data), data)
        if window.read_more(need):
            return False
        if have == 0:
            self._compare_counts()
            return True
        raise truncated(have, need)

    def _within_budget(self, size: int) -> bool:
        return self._on_damage is None or self._recovery.within_budget(self._window.offset, size)

    def _pass(self, large: LargeRecord) -> RecordBlock:
        """Check a record that is too large to be held."""
        large.check()
        self._large = None
        self.record += 1
        return large.block(self.record - 1)

    def _begin_gap(self, error: TFRecordError) -> None:
        """Raise an error, or begin to leave out what it is about."""
        window, begin = self._window, self.offset
        if self._growing and isinstance(error, RecordTooLargeError):
            need = stated_length(window) + FRAME_OVERHEAD
            if need > (window.limit or 0) - begin:
                error = truncated(window.have, need)
        error.path, error.record, error.offset = self.path, self.record, begin
        if self._on_damage is None or (self._growing and error.kind == "truncated"):
            # A wrong length at the front says most often that this is another kind of file.
            if error.kind == "data" or (error.kind == "length" and begin):
                error.reason += "; reading with on_damage= goes on at the next true record"
            try:
                raise error
            finally:
                # Its traceback has this frame, and with it the file, which would stay open until
                # the garbage collector finds the circle.
                del error
        if error.kind == "count":
            # No record is damaged, and none is left out.
            assert self._counts is not None
            self._report(Damage(self.path, begin, begin, self.record, error.kind, error.reason))
            self._counts.forget_first()
            return
        if error.kind == "truncated":
            self._recovery.spend(window.have)
        self._gap = Gap(window, self._recovery, error, begin, self.record)
        if self._large is not None and not self._large.go_back():
            self._gap.end = window.offset
        self._large = None
        self._scan_bytes = thresholds.first_scan_bytes

    def _skip_gap(self, gap: Gap) -> bool:
        """Step over a damaged region and report it; False where there is no more for now."""
        if not gap.skip(growing=self._growing):
            return False
        self._gap = None
        self._finished = gap.finished
        self.record = gap.next_record
        if self._counts is not None:
            self._counts.forget(gap.begin, self._window.offset)
        try:
            self._report(gap.damage())
        except BaseException:
            if self.refused_at is not None:
                gap.close()
            raise
        gap.close()
        return True

    def _report(self, damage: Damage) -> None:
        assert self._on_damage is not None
        if damage not in self._reported:
            try:
                self._on_damage(damage)
            except BaseException:
                self.refused_at = self.offset, self.record
                raise
            finally:
                self._reported.add(damage)
