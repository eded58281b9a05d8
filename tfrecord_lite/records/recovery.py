"""After damage: where the next true record begins.

A record is true where the CRC of its length and that of its data hold. The search takes the first
such record after the damage, so none that lies inside another intact one is ever taken. What lies
inside a record that is itself damaged is another matter. The file says nothing of it, so evidence
has to do:

- Where the length is damaged, nothing is known of the record's end.
- Where the data is damaged, the record's end is what its length says if another header, or the end
  of the file, is there; unless inside it a record begins that ends there too, or further on: what
  is in a record cannot reach over its checksum, so bytes have been lost, and what was after it has
  moved up.
- Records that hold frames are no rarity: a record may be a whole TFRecord file. Where the data
  begins with a frame that stays inside the record, or where intact records at the front of the file
  hold frames, an intact length is believed, even where the record's end is missing.
- In everything else the search looks, and takes what is true there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.records.checksum import crc32c, mask_crc
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    FRAME_OVERHEAD,
    HEADER_SIZE,
    length_is_intact,
)
from tfrecord_lite.records.resync import find_headers
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array
    from tfrecord_lite.records.window import Window

__all__ = ["Recovery"]

_NONE = np.empty(0, np.int64)
_LEAST_STRIDE_BYTES = 1 << 12
_PIECE_BYTES = 1 << 20
# How many frames inside a record are followed to see that it holds frames.
_FOLLOWED_FRAMES = 64
# Headers that were made to nest and overlap could have the same bytes checked over and over. What
# is checked in vain is at most so many times the file, and so many times what has been passed over;
# beyond that, only small records are looked at. Files that were not made for it stay far below:
# there, damaged records do not overlap. What limits.free_search_bytes says is free in any case.
_TIMES_THE_FILE = 8
_TIMES_PASSED = 64
_SMALL_BYTES = 1 << 10
# How much of a file tells whether its records hold frames.
_LEARN_BYTES = 1 << 22


class Recovery:
    """The search for true records in a `Window`, with bounded work."""

    def __init__(self, window: Window, max_record_bytes: int) -> None:
        self._window = window
        self._max_record_bytes = max_record_bytes
        self._spent = 0
        # How much there was at most: after damage a compressed stream goes on at smaller offsets.
        self._known = 0
        self._learned = 0
        self._holds_frames = False

    def learn(self, buffer: Uint8Array, starts: Int64Array, lengths: Int64Array) -> None:
        """Look whether there are frames in intact records that follow each other in a buffer."""
        begin, end = int(starts[0]), int(starts[-1] + lengths[-1])
        if self._learned >= _LEARN_BYTES or self._holds_frames:
            return
        self._learned += end - begin
        found = find_headers(buffer, begin, end, end - begin)
        around = np.searchsorted(starts, found, "right") - 1
        # The data of 8 bytes and its CRC are a header too, but no frame fits in there.
        space = (starts + lengths)[around] - found
        self._holds_frames = bool((_lengths_at(buffer, found) + FRAME_OVERHEAD <= space).any())

    def spend(self, size: int) -> None:
        """Note that ``size`` bytes were checked in vain."""
        self._spent += size

    def within_budget(self, offset: int, size: int) -> bool:
        """Tell whether the ``size`` bytes from ``offset`` on may be checked, in vain perhaps.

        Of a stream, the bytes that are yet to come are no matter: they come but once.
        """
        window = self._window
        end = window.base + window.end
        limit = window.limit
        known = end if limit is None else max(limit, end)
        self._known = max(self._known, known)
        size = min(size, known - offset)
        return size <= _SMALL_BYTES or (
            self._spent + size
            <= limits.free_search_bytes + _TIMES_THE_FILE * self._known + _TIMES_PASSED * offset
        )

    def is_bounded(self, length: int, *, checked: bool) -> bool:
        """Tell whether the damaged record at the window's front ends where its length says.

        The length itself is intact. ``checked`` says that the data is at hand, and damaged;
        otherwise it is too large to be returned.
        """
        window = self._window
        begin = window.offset
        stop = begin + FRAME_OVERHEAD + length
        if not checked and not self._is_inside(stop):
            return False
        if self._holds_frames:
            return True
        after = window.look(stop, HEADER_SIZE)
        if not after or (len(after) == HEADER_SIZE and length_is_intact(after)):
            return not checked or not self._is_reached_over(begin + 1, stop)
        if not checked and self.within_budget(begin, length) and self._is_true(begin, length):
            return True
        return self.holds_frames(length)

    def _is_inside(self, stop: int) -> bool:
        """Tell whether there is anything up to ``stop``; of a stream, not too far ahead."""
        window = self._window
        if (limit := window.limit) is not None:
            return stop <= limit
        return (
            stop - window.offset <= limits.kept_record_bytes and len(window.look(stop - 1, 1)) == 1
        )

    def search(self, before: int | None = None) -> bool:
        """Move the window to the next true record; False where there is none before its end.

        After False the window stands near its end, and the search may go on when there is more.
        After ``before`` it may stop, too; then one that is too large to be returned is passed over.
        """
        window = self._window
        # The next record is mostly near.
        stride = _LEAST_STRIDE_BYTES
        began = window.offset
        while before is None or window.offset < before:
            window.source.check_searched(window.offset - began)
            if window.have < HEADER_SIZE and not window.read_more(HEADER_SIZE):
                return False
            if window.have < HEADER_SIZE:
                continue
            end = min(window.end, window.begin + stride)
            searched = window.base + end - HEADER_SIZE + 1
            # One that is too large to be returned is told as that.
            most = self._largest if before is None else min(self._max_record_bytes, self._largest)
            found = find_headers(window.buffer, window.begin, end, most) if most >= 0 else _NONE
            for offset in (window.base + found).tolist():
                # What comes before is searched; a stream keeps no more than this record.
                window.begin = offset - window.base
                if self._is_worth_it(offset):
                    return True
            window.begin = searched - window.base
            stride = min(2 * stride, _PIECE_BYTES)
        return False

    @property
    def _largest(self) -> int:
        """How large a record may be, to be found; of a stream no more than that is kept."""
        if (limit := self._window.limit) is not None:
            return limit - self._window.offset - FRAME_OVERHEAD
        return max(self._max_record_bytes, limits.kept_record_bytes)

    def _is_worth_it(self, offset: int) -> bool:
        """Tell whether the record at ``offset`` is true, if that can be told at a fair price."""
        length = int.from_bytes(self._window.look(offset, 8), "little")
        if not self.within_budget(offset, length):
            return False
        if self._is_true(offset, length):
            return True
        self.spend(length + FRAME_OVERHEAD)
        return False

    def _is_true(self, offset: int, length: int) -> bool:
        """Tell whether the data at ``offset``, after an intact header, is whole and intact."""
        window = self._window
        stop = offset + HEADER_SIZE + length
        if window.limit is None and len(window.look(offset, length + FRAME_OVERHEAD)) < (
            length + FRAME_OVERHEAD
        ):
            return False
        crc = 0
        for at in range(offset + HEADER_SIZE, stop, _PIECE_BYTES):
            size = min(_PIECE_BYTES, stop - at)
            piece = window.look(at, size)
            if len(piece) < size:
                return False
            crc = crc32c(piece, crc)
        footer = window.look(stop, FOOTER_SIZE)
        return len(footer) == FOOTER_SIZE and mask_crc(crc) == int.from_bytes(footer, "little")

    def _is_reached_over(self, begin: int, stop: int) -> bool:
        """Tell whether a record begins after ``begin`` that ends at ``stop``, or reaches over it.

        One that reaches over it must be true; that one ends right there is no accident either way.
        """
        if not self.within_budget(begin, stop - begin):
            return False
        self.spend(stop - begin)
        window = self._window
        for at in range(begin, stop, _PIECE_BYTES):
            size = min(_PIECE_BYTES + HEADER_SIZE - 1, stop - at)
            piece = np.frombuffer(window.look(at, size), np.uint8)
            found = find_headers(piece, 0, len(piece), self._largest)
            ends = at + found + _lengths_at(piece, found) + FRAME_OVERHEAD
            if (ends == stop).any():
                return True
            for offset, end in zip((at + found).tolist(), ends.tolist(), strict=True):
                if end > stop and self._is_worth_it(offset):
                    return True
        return False

    def holds_frames(self, length: int) -> bool:
        """Tell whether the data of the record at the window's front is frames that stay inside."""
        begin = self._window.offset + HEADER_SIZE
        at, end = begin, begin + length
        if self._holds_frames:
            return True
        for _ in range(_FOLLOWED_FRAMES):
            header = self._window.look(at, HEADER_SIZE)
            if len(header) < HEADER_SIZE or not length_is_intact(header):
                break
            at += int.from_bytes(header[:8], "little") + FRAME_OVERHEAD
            if at > end:
                return False
        return at > begin


def _lengths_at(buffer: Uint8Array, positions: Int64Array) -> Int64Array:
    """Return the lengths that headers state, which are below 2^63."""
    every: Any = np.ndarray((max(len(buffer) - 7, 0),), "<i8", buffer=buffer, strides=(1,))
    lengths: Int64Array = every[positions]
    return lengths
