"""PickedBlock: records of a file that need not follow each other there."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from tfrecord_lite.records.framing import HEADER_SIZE, RecordBlock

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["PickedBlock"]


class PickedBlock(RecordBlock):
    """Records picked from a file: those with these ``numbers``, whose frames are at ``offsets``.

    Both are int64 ``[records]``; ``first_record`` and ``base`` are right for the first alone.
    """

    __slots__ = ("numbers", "offsets")

    def __init__(
        self,
        buffer: Uint8Array,
        starts: Int64Array,
        lengths: Int64Array,
        *,
        path: str,
        numbers: Int64Array,
        offsets: Int64Array,
    ) -> None:
        first_record, base = 0, 0
        if len(numbers):
            first_record = int(numbers[0])
            base = int(offsets[0]) - int(starts[0]) + HEADER_SIZE
        super().__init__(buffer, starts, lengths, path=path, first_record=first_record, base=base)
        self.numbers = numbers
        self.offsets = offsets

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> PickedBlock: ...
    def __getitem__(self, index: int | slice) -> bytes | PickedBlock:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        part = super().__getitem__(index)
        assert self.path is not None
        return PickedBlock(
            part.buffer,
            part.starts,
            part.lengths,
            path=self.path,
            numbers=self.numbers[index],
            offsets=self.offsets[index],
        )

    def number(self, index: int) -> int:
        """Return the number in its file of record ``index``."""
        return int(self.numbers[index])

    def offset(self, index: int) -> int:
        """Return where in its file the frame of record ``index`` begins, in uncompressed bytes."""
        return int(self.offsets[index])
