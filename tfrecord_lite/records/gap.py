"""A damaged region of a source, from the head of the first record in it to the next true one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecord_lite.errors import Damage, TFRecordError, TruncatedRecordError
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.records.resume import resume

if TYPE_CHECKING:
    from tfrecord_lite.records.recovery import Recovery
    from tfrecord_lite.records.window import Window

__all__ = ["Gap"]


class Gap:
    """A region that is being crossed; what raises leaves it where it is, to be crossed again.

    ``error`` is what is wrong with the record that begins at ``begin`` and has the number
    ``record``. The window stands there, unless the ``end`` of the region is given.
    """

    def __init__(
        self, window: Window, recovery: Recovery, error: TFRecordError, begin: int, record: int
    ) -> None:
        self.begin = begin
        self.finished = False
        """Whether there is nothing after it."""
        self.end: int | None = None
        self._window = window
        self._recovery = recovery
        self._error = error
        self._record = record
        # The source itself is damaged, and what it holds of this record is lost.
        self._broken = isinstance(window.source, InflatedSource) and window.source.failure is error
        self._searching = False
        # The number of the record after the region, where the source tells.
        self._next_record: int | None = None

    def skip(self, *, growing: bool) -> bool:
        """Go on at the region's end; False where that has not come yet, in a file that grows."""
        window = self._window
        try:
            if self._broken:
                return self._resume(growing=growing)
            if self.end is None and not self._searching:
                self.end = self._believed_end()
            if self.end is not None:
                window.skip_to(self.end)
                self.finished = window.offset < self.end
            elif not self._recovery.search():
                if growing:
                    return False
                self._finish()
        except TFRecordError as error:
            if growing and isinstance(error, TruncatedRecordError):
                return False
            self._broken = True
            return self._resume(growing=growing)
        return True

    def _believed_end(self) -> int | None:
        """Return where the record ends if its length can be believed; otherwise begin to search."""
        header = self._window.look(self.begin, HEADER_SIZE)
        kind = self._error.kind
        if len(header) < HEADER_SIZE:
            return self.begin + HEADER_SIZE
        if kind != "length":
            length = int.from_bytes(header[:8], "little")
            if kind == "truncated":
                bounded = self._recovery.holds_frames(length)
            else:
                bounded = self._recovery.is_bounded(length, checked=kind == "data")
            if bounded:
                return self.begin + length + FRAME_OVERHEAD
        self._window.skip_to(self.begin + 1)
        self._searching = True
        return None

    def _resume(self, *, growing: bool) -> bool:
        """Go on where a broken source does; False where its next member has not come yet."""
        assert isinstance(self._window.source, InflatedSource)
        # Until the region has been reported, an exception has to lead back before it.
        self._window.source.unsettle()
        # Both count the same bytes, whatever was lost before them.
        place = resume(self._window.source, self.begin)
        if place is None:
            if growing and self._window.source.codec == "GZIP":
                return False
            self._finish()
        else:
            self._window.restart(place.offset)
            self._next_record = place.record
        return True

    def close(self) -> None:
        """Note that the region has been reported."""
        if self._broken:
            assert isinstance(self._window.source, InflatedSource)
            self._window.source.settle()

    def _finish(self) -> None:
        self._window.begin = self._window.end
        self.finished = True

    @property
    def next_record(self) -> int:
        """The number of the record after: what is damaged counts as one where nothing tells."""
        if self._next_record is not None:
            return max(self._record, self._next_record)
        return self._record + (self._window.offset > self.begin)

    def damage(self) -> Damage:
        """Return what there is to be told, once the region has been crossed."""
        error = self._error
        return Damage(
            self._window.source.path,
            self.begin,
            self._window.offset,
            self._record,
            error.kind,
            error.reason,
        )
