"""Frames of a plain file, read where an index says that they lie."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.errors import TruncatedRecordError
from tfrecord_lite.files.frames import (
    Frames,
    edges_of,
    refuse_large,
)
from tfrecord_lite.records.framing import FOOTER_SIZE, FRAME_OVERHEAD, HEADER_SIZE, SLACK_BYTES
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.files.bounds import Bounds
    from tfrecord_lite.records.positions import PositionedFile

__all__ = ["PlainFrames"]


class PlainFrames:
    """The frames between ``bounds``, those of a `RecordIndex`."""

    def __init__(self, file: PositionedFile, bounds: Bounds, max_record_bytes: int) -> None:
        self._file = file
        self._bounds = bounds
        self._most = max_record_bytes
        # What costs a request each is read together where it can be.
        self._is_remote = file.remote is not None
        # Those last looked up: whoever asks whether records are large asks for these next.
        self._last: tuple[Int64Array, Int64Array, Int64Array] | None = None

    def frame(self, number: int) -> tuple[bytes, bytes, bytes]:
        """Return header, data and footer of one frame; less where the file has become shorter."""
        begin, end = self._bounds.frame(number)
        if end - begin > self._most + FRAME_OVERHEAD:
            refuse_large(self._file.path, number, begin, end - begin, self._most)
        if self._is_remote or end - begin < thresholds.single_read_bytes:
            frame = self._file.read_at(end - begin, begin)
            return frame[:HEADER_SIZE], frame[HEADER_SIZE:-FOOTER_SIZE], frame[-FOOTER_SIZE:]
        start, stop = begin + HEADER_SIZE, end - FOOTER_SIZE
        header, data, footer = self._file.read_spans([begin, start, stop], [start, stop, end])
        return header, data, footer

    def are_large(self, numbers: Int64Array) -> bool:
        """Tell whether each of these records is cheaper to get by itself."""
        begins, ends = self._bounds.frames(numbers)
        self._last = numbers, begins, ends
        large = ends - begins >= thresholds.single_read_bytes
        return not self._is_remote and bool(large.all())

    def between(self, first: int, end: int) -> Frames:
        """Return all frames from one to before another, read by one call to where they stay."""
        bounds = self._bounds.between(first, end)
        begins, sizes = bounds[:-1], np.diff(bounds)
        refuse_large(self._file.path, np.arange(first, end), begins, sizes, self._most)
        size = int(bounds[-1] - bounds[0])
        buffer = np.empty(size + SLACK_BYTES, np.uint8)
        if self._file.read_into(buffer.data[:size], int(bounds[0])) < size:
            raise self._shrunk()
        return Frames(buffer, sizes, begins)

    def pieces(self, numbers: Int64Array) -> Iterator[tuple[list[bytes], Int64Array]]:
        """Iterate over frames, and where each begins; near ones are read at once.

        The numbers ascend; each may come several times.
        """
        last, self._last = self._last, None
        begins, ends = last[1:] if last and last[0] is numbers else self._bounds.frames(numbers)
        gap_bytes, run_bytes, piece_bytes = (
            (
                thresholds.remote_gap_bytes,
                thresholds.remote_range_bytes,
                thresholds.remote_piece_bytes,
            )
            if self._is_remote
            else (
                thresholds.picked_gap_bytes,
                thresholds.picked_run_bytes,
                thresholds.picked_piece_bytes,
            )
        )
        if not len(numbers) or int((ends - begins).max()) > self._most + FRAME_OVERHEAD:
            refuse_large(self._file.path, numbers, begins, ends - begins, self._most)
        if (begins[1:] - ends[:-1] > gap_bytes).all():
            at, stop = begins.tolist(), ends.tolist()
            size = sum(stop) - sum(at)
            if size <= piece_bytes:
                # Each by itself, and all at once.
                frames = self._file.read_spans(at, stop)
                if sum(map(len, frames)) < size:
                    raise self._shrunk()
                yield frames, begins
                return
        short = ends - begins <= run_bytes
        near = (begins[1:] - ends[:-1] <= gap_bytes) & short[1:] & short[:-1]
        near &= begins[1:] // run_bytes == begins[:-1] // run_bytes
        edges = edges_of(~near, len(numbers))
        # A run is read by one call; some runs make a piece.
        run_begins, run_ends = begins[edges[:-1]], ends[edges[1:] - 1]
        which = np.cumsum(run_ends - run_begins) // piece_bytes
        for low, high in pairwise(edges_of(np.diff(which) != 0, len(which)).tolist()):
            at, stop = run_begins[low:high].tolist(), run_ends[low:high].tolist()
            runs = self._file.read_spans(at, stop)
            if sum(map(len, runs)) < sum(stop) - sum(at):
                raise self._shrunk()
            first, last = edges[low], edges[high]
            if last - first > high - low:
                spans = list(
                    zip(begins[first:last].tolist(), ends[first:last].tolist(), strict=True)
                )
                rows = pairwise((edges[low : high + 1] - first).tolist())
                runs = list(_cut(runs, at, rows, spans))
            yield runs, begins[first:last]

    def _shrunk(self) -> TruncatedRecordError:
        size = self._file.size
        number = max(self._bounds.count_before(size + 1) - 1, 0)
        return TruncatedRecordError(
            f"the file ends at byte {size}, it had {self._bounds.end} bytes when it was opened",
            path=self._file.path,
            record=number,
            offset=self._bounds.frame(number)[0],
        )


def _cut(
    runs: list[bytes],
    begins: list[int],
    rows: Iterable[tuple[int, int]],
    spans: list[tuple[int, int]],
) -> Iterator[bytes]:
    """Cut runs that begin here, and have these rows of the spans, into the spans' bytes."""
    for data, at, (first, last) in zip(runs, begins, rows, strict=True):
        if last - first == 1:
            yield data
        else:
            for begin, end in spans[first:last]:
                yield data[begin - at : end - at]
