"""A record too large to be held: its checksum is taken piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.records.checksum import crc32c, mask_crc
from tfrecord_lite.records.frame_errors import data_damage, truncated
from tfrecord_lite.records.framing import FOOTER_SIZE, FRAME_OVERHEAD, HEADER_SIZE, RecordBlock

if TYPE_CHECKING:
    from tfrecord_lite.records.window import Window

__all__ = ["LargeRecord"]


class LargeRecord:
    """The record at a window's front, whose header is intact, on its way through the window."""

    def __init__(self, window: Window, length: int) -> None:
        self.begin = window.offset
        self._window = window
        self._length = length
        self._left = length
        self._crc = 0
        window.begin += HEADER_SIZE

    def check(self) -> None:
        """Take the rest of it from the window; raise what is wrong with it."""
        window = self._window
        while self._left or window.have < FOOTER_SIZE:
            if not window.have or not self._left:
                have = HEADER_SIZE + self._length - self._left + window.have
                if not window.read_more(FOOTER_SIZE):
                    raise truncated(have, self._length + FRAME_OVERHEAD)
            piece = window.look(window.offset, min(window.have, self._left))
            self._crc = crc32c(piece, self._crc)
            self._left -= len(piece)
            window.begin += len(piece)
        footer = bytes(window.look(window.offset, FOOTER_SIZE))
        window.begin += FOOTER_SIZE
        if mask_crc(self._crc) != int.from_bytes(footer, "little"):
            raise data_damage(footer, mask_crc(self._crc))

    def go_back(self) -> bool:
        """Have the window at the record's front again; False where it cannot go back."""
        if self._window.limit is None:
            return False
        self._window.restart(self.begin)
        self._window.source.seek(self.begin)
        return True

    def block(self, record: int) -> RecordBlock:
        """Return a block of this record, number ``record``, without its bytes."""
        return RecordBlock(
            np.empty(0, np.uint8),
            np.zeros(1, np.int64),
            np.array([self._length]),
            path=self._window.source.path,
            first_record=record,
            base=self.begin + HEADER_SIZE,
        )
