"""PickedBlock: records of files that need not follow each other there."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from tfrecord_lite.records.framing import HEADER_SIZE, RecordBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["PickedBlock"]


class PickedBlock(RecordBlock):
    """Records picked from files: those with these ``numbers``, whose frames are at ``offsets``.

    Both are int64 ``[records]``, in the file of each. ``path`` is that of the first, and
    ``first_record`` and ``base`` are right for the first alone. Where there are several files,
    ``which`` tells for each record which of the ``paths`` holds it.
    """

    __slots__ = ("numbers", "offsets", "paths", "which")

    def __init__(
        self,
        buffer: Uint8Array,
        starts: Int64Array,
        lengths: Int64Array,
        *,
        numbers: Int64Array,
        offsets: Int64Array,
        paths: Sequence[str],
        which: Int64Array,
    ) -> None:
        path, first_record, base = None, 0, 0
        if len(numbers):
            path = paths[int(which[0])]
            first_record = int(numbers[0])
            base = int(offsets[0]) - int(starts[0]) + HEADER_SIZE
        super().__init__(buffer, starts, lengths, path=path, first_record=first_record, base=base)
        self.numbers = numbers
        self.offsets = offsets
        self.paths = paths
        self.which = which

    @classmethod
    def joined(cls, parts: Sequence[tuple[Int64Array, PickedBlock]]) -> PickedBlock:
        """Put blocks together; of each the rows are given that its records are to have."""
        if len(parts) == 1:
            return parts[0][1]
        count = sum(len(rows) for rows, _ in parts)
        starts, lengths, numbers, offsets, which = np.zeros((5, count), np.int64)
        paths: list[str] = []
        size = 0
        for rows, block in parts:
            starts[rows] = block.starts + size
            lengths[rows], numbers[rows], offsets[rows] = (
                block.lengths,
                block.numbers,
                block.offsets,
            )
            which[rows] = block.which + len(paths)
            paths += block.paths
            size += len(block.buffer)
        buffer = np.concatenate([np.empty(0, np.uint8), *(block.buffer for _, block in parts)])
        return cls(
            buffer, starts, lengths, numbers=numbers, offsets=offsets, paths=paths, which=which
        )

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> PickedBlock: ...
    def __getitem__(self, index: int | slice) -> bytes | PickedBlock:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        part = super().__getitem__(index)
        return PickedBlock(
            part.buffer,
            part.starts,
            part.lengths,
            numbers=self.numbers[index],
            offsets=self.offsets[index],
            paths=self.paths,
            which=self.which[index],
        )

    def path_of(self, index: int) -> str | None:
        """Return the name of the file that record ``index`` is from."""
        return self.paths[int(self.which[index])]

    def number(self, index: int) -> int:
        """Return the number in its file of record ``index``."""
        return int(self.numbers[index])

    def offset(self, index: int) -> int:
        """Return where in its file the frame of record ``index`` begins, in uncompressed bytes."""
        return int(self.offsets[index])
