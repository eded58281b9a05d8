"""Where the frames of a plain file begin and end: all in memory, or in the blocks of a sidecar."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.files.sidecar import SidecarBlocks, damaged
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array
    from tfrecord_lite.files.fingerprint import StaleIndexError

__all__ = ["Bounds", "StoredBounds"]

# About so many bytes of bounds are made at once of a sidecar's blocks: what stays in the caches.
_BYTES_AT_ONCE = 1 << 21
_LARGEST = b"\x08"


class Bounds:
    """Where each frame begins and the last one ends, as an array, int64 ``[records + 1]``."""

    def __init__(self, bounds: Int64Array) -> None:
        self._all = bounds

    def __len__(self) -> int:
        return len(self._all) - 1

    @property
    def end(self) -> int:
        """Where the last frame ends."""
        return int(self._all[-1])

    @property
    def max_nbytes(self) -> int:
        """How much memory this takes, or will take at most."""
        return self._all.nbytes

    def whole(self) -> Int64Array:
        """Return all bounds."""
        return self._all

    def frame(self, number: int) -> tuple[int, int]:
        """Return where one frame begins and ends."""
        begin, end = self._all[number : number + 2].tolist()
        return begin, end

    def frames(self, numbers: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return where these frames begin, and where they end; the numbers ascend."""
        return self._all[numbers], self._all[numbers + 1]

    def between(self, first: int, end: int) -> Int64Array:
        """Return the bounds of all frames from one to before another, one more than frames."""
        return self._all[first : end + 1]

    def count_before(self, offset: int) -> int:
        """Return how many frames begin before an offset of the file."""
        return int(np.searchsorted(self._all[:-1], offset))


class StoredBounds(Bounds):
    """`Bounds` in the blocks of a sidecar: those are read that are needed.

    Where many blocks are needed at once, or again and again, and all bounds fit in
    ``max_kept_bytes``, they are read whole and kept; else as many blocks are kept as fit, of those
    needed for one frame.

    Threads may share it: what it holds is added or replaced by one operation.
    """

    def __init__(self, blocks: SidecarBlocks, max_kept_bytes: int | None) -> None:
        self._blocks = blocks
        self._sums = blocks.sums[:, 0]
        self._rows = blocks.block_rows
        self._max_kept_bytes = limits.index_bytes if max_kept_bytes is None else max_kept_bytes
        self._max_kept = max(self._max_kept_bytes // (8 * self._rows + 8), 1)
        self._kept: dict[int, Int64Array] = {}
        self._seen = np.zeros(len(blocks), np.bool_)
        self._seen_again = 0
        self._fits = 8 * len(self) + 8 <= self._max_kept_bytes
        # What the lengths in each block have to add up to.
        self._totals = np.diff(self._sums) - self._rows * FRAME_OVERHEAD
        self._totals[-1:] += (self._rows * len(blocks) - blocks.rows) * FRAME_OVERHEAD
        self._whole: Bounds | None = None

    def __len__(self) -> int:
        return self._blocks.rows

    @property
    def end(self) -> int:
        """Where the last frame ends."""
        return int(self._sums[-1])

    @property
    def max_nbytes(self) -> int:
        """How much memory this takes, or will take at most."""
        return self._blocks.nbytes + min(8 * len(self) + 8, self._max_kept_bytes)

    def whole(self) -> Int64Array:
        """Return all bounds, and keep them."""
        if self._whole is None:
            bounds = np.zeros(len(self) + 1, np.int64)
            np.add(
                self._lengths(self._blocks.read(0, len(self._blocks))),
                FRAME_OVERHEAD,
                out=bounds[1:],
                casting="unsafe",
            )
            np.cumsum(bounds, out=bounds)
            edges = np.minimum(np.arange(len(self._sums)) * self._rows, len(self))
            self._require(bounds[edges] == self._sums, bounds)
            self._whole = Bounds(bounds)
            self._kept = {}
        return self._whole.whole()

    def frame(self, number: int) -> tuple[int, int]:
        """Return where one frame begins and ends."""
        if self._whole is not None:
            return self._whole.frame(number)
        block, row = divmod(number, self._rows)
        bounds = self._kept.get(block)
        if bounds is None:
            if self._pays_whole(np.array([block])):
                return Bounds(self.whole()).frame(number)
            bounds = self._read(np.array([block]))[0]
            self._kept[block] = bounds
            while len(self._kept) > self._max_kept:
                # Another thread may be at it, too.
                with suppress(KeyError, RuntimeError, StopIteration):
                    del self._kept[next(iter(self._kept))]
        begin, end = bounds[row : row + 2].tolist()
        return begin, end

    def frames(self, numbers: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return where these frames begin, and where they end; the numbers ascend."""
        if self._whole is not None or not len(numbers):
            return (self._whole or Bounds(np.zeros(1, np.int64))).frames(numbers)
        which = numbers // self._rows
        rows = numbers - which * self._rows
        # Ascending, so those of one block are together.
        is_first = np.ones(len(numbers), np.bool_)
        np.not_equal(which[1:], which[:-1], out=is_first[1:])
        blocks = which[is_first]
        if self._pays_whole(blocks):
            return Bounds(self.whole()).frames(numbers)
        at = np.cumsum(is_first) - 1
        at_once = max(_BYTES_AT_ONCE // (8 * self._rows), 1)
        parts = []
        for first in range(0, len(blocks), at_once):
            low, high = np.searchsorted(at, [first, first + at_once]).tolist()
            some = blocks[first : first + at_once]
            parts.append(self._picked(some, at[low:high] - first, rows[low:high]))
        lengths, ends = map(np.concatenate, zip(*parts, strict=True))
        ends += self._sums[which]
        return ends - lengths, ends

    def _picked(
        self, blocks: Int64Array, at: Int64Array, rows: Int64Array
    ) -> tuple[Int64Array, Int64Array]:
        """Return the lengths of frames, and where they end in their blocks: rows of ``at``."""
        lengths, sums = self._sums_in(blocks)
        sizes = lengths[at, rows].astype(np.int64) + FRAME_OVERHEAD
        return sizes, sums[at, rows] + (rows + 1) * FRAME_OVERHEAD

    def between(self, first: int, end: int) -> Int64Array:
        """Return the bounds of all frames from one to before another, one more than frames."""
        if self._whole is not None:
            return self._whole.between(first, end)
        bounds = np.empty(end - first + 1, np.int64)
        bounds[-1:] = self._sums[-1]
        at_once = max(_BYTES_AT_ONCE // (8 * self._rows), 1)
        begin, stop = first // self._rows, min(end // self._rows + 1, len(self._blocks))
        for block in range(begin, stop, at_once):
            some = np.arange(block, min(block + at_once, stop))
            flat = self._read(some)[:, :-1].reshape(-1)
            at = block * self._rows
            low, high = max(first, at), min(end + 1, at + len(flat), len(self))
            bounds[low - first : high - first] = flat[low - at : high - at]
        return bounds

    def count_before(self, offset: int) -> int:
        """Return how many frames begin before an offset of the file."""
        if self._whole is not None:
            return self._whole.count_before(offset)
        block = int(np.searchsorted(self._sums[:-1], offset)) - 1
        if block < 0:
            return 0
        first = block * self._rows
        bounds = self._read(np.array([block]))[0][: min(self._rows, len(self) - first)]
        return first + int(np.searchsorted(bounds, offset))

    def _pays_whole(self, blocks: Int64Array) -> bool:
        """Tell whether so many blocks are needed that all should be read and kept, and may be."""
        if not self._fits:
            return False
        self._seen_again += int(np.count_nonzero(self._seen[blocks]))
        self._seen[blocks] = True
        needed = max(4 * len(blocks), 2 * self._seen_again, 2 * len(self._kept))
        return needed > len(self._seen)

    def _read(self, blocks: Int64Array) -> Int64Array:
        """Return the bounds in some blocks, int64 ``[blocks, rows + 1]``.

        After the last row of a block that has fewer stands what is of no use.
        """
        bounds = np.arange(self._rows + 1) * FRAME_OVERHEAD + self._sums[blocks][:, None]
        bounds[:, 1:] += self._sums_in(blocks)[1]
        return bounds

    def _sums_in(self, blocks: Int64Array) -> tuple[AnyArray, Int64Array]:
        """Return the lengths in some blocks, and the sums up to and with each, ``[blocks, rows]``.

        After the last row of a block that has fewer the lengths are zeros.
        """
        found = self._lengths(self._blocks.read_some(blocks.tolist()))
        if len(found) == len(blocks) * self._rows:
            lengths = found.reshape(-1, self._rows)
        else:
            lengths = np.zeros((len(blocks), self._rows), found.dtype)
            lengths.reshape(-1)[: len(found)] = found
        sums = np.cumsum(lengths, axis=1, dtype=np.int64)
        self._require(sums[:, -1] == self._totals[blocks], sums)
        return lengths, sums

    def _lengths(self, data: bytes | memoryview) -> AnyArray:
        """Return the lengths of records that are stored in some bytes."""
        (width,) = self._blocks.widths
        lengths = np.frombuffer(data, f"<u{width}")
        if self._blocks.widths == _LARGEST and int(lengths.max(initial=0)) > self.end:
            raise self._misfit()
        return lengths

    def _require(self, fit: BoolArray, sums: Int64Array) -> None:
        # Sums of fewer bytes do not overflow. One that does passes through negative numbers, as
        # each length is less than 2^63.
        if not fit.all() or (self._blocks.widths == _LARGEST and sums.min() < 0):
            raise self._misfit()

    def _misfit(self) -> StaleIndexError:
        return damaged(self._blocks.path, "the numbers in a block do not fit its table")
