"""Frames of a blocked gzip file, each member inflated once for all that is asked of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfrecord_lite.errors import (
    CompressionError,
    CorruptRecordError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.files.frames import edges_of, refuse_large
from tfrecord_lite.records.checksum import first_bad_length, first_other_length
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    FRAME_OVERHEAD,
    HEADER_SIZE,
    scan_frames,
)
from tfrecord_lite.records.members import Member, inflate_member, read_member
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import Int64Array, Uint8Array, Verify
    from tfrecord_lite.files.places import Members
    from tfrecord_lite.records.positions import PositionedFile

    FirstBad = Callable[[Uint8Array, Int64Array, Int64Array], int]

__all__ = ["MemberFrames"]


class _Inflated(NamedTuple):
    """A member's frames, with where each begins and, after the last, where it ends."""

    frames: bytes
    bounds: Int64Array


class MemberFrames:
    """The frames in ``members``, those of a `RecordIndex`."""

    def __init__(
        self, file: PositionedFile, members: Members, max_record_bytes: int, verify: Verify
    ) -> None:
        self._file = file
        self._members = members
        self._most = max_record_bytes
        self._first_bad = first_other_length if verify == "none" else first_bad_length
        # Replaced as a whole: threads see one state or another, and a fork loses no lock.
        self._kept: tuple[tuple[int, _Inflated], ...] = ()

    def frame(self, number: int) -> tuple[bytes, bytes, bytes]:
        """Return header, data and footer of one frame."""
        index = int(self._members.with_record(number))
        member = self._inflated(index)
        at = number - int(self._members.first_records[index])
        begin, end = member.bounds[at : at + 2].tolist()
        if end - begin > self._most + FRAME_OVERHEAD:
            offset = int(self._members.raw_offsets[index]) + begin
            refuse_large(self._file.path, number, offset, end - begin, self._most)
        start, stop = begin + HEADER_SIZE, end - FOOTER_SIZE
        return member.frames[begin:start], member.frames[start:stop], member.frames[stop:end]

    def are_large(self, numbers: Int64Array) -> bool:  # noqa: ARG002 - as of a plain file
        """Tell whether each of these records is cheaper to get by itself: none is."""
        return False

    def between(self, first: int, end: int) -> None:
        """Return None: frames have to be taken out of their members."""

    def pieces(self, numbers: Int64Array) -> Iterator[tuple[list[bytes], Int64Array]]:
        """Iterate over frames, and where each begins in the uncompressed file."""
        index = self._members.with_record(numbers)
        local = numbers - self._members.first_records[index]
        offsets = self._members.raw_offsets[index]
        frames: list[bytes] = []
        begin = size = 0
        for first, last in pairwise(edges_of(np.diff(index) != 0, len(index)).tolist()):
            # All that lies in one member.
            rows = slice(first, last)
            member = self._inflated(int(index[first]))
            begins, ends = member.bounds[local[rows]], member.bounds[local[rows] + 1]
            offsets[rows] += begins
            refuse_large(self._file.path, numbers[rows], offsets[rows], ends - begins, self._most)
            spans = zip(begins.tolist(), ends.tolist(), strict=True)
            frames += [member.frames[start:stop] for start, stop in spans]
            size += int((ends - begins).sum())
            if size >= thresholds.picked_piece_bytes or last == len(index):
                yield frames, offsets[begin:last]
                frames, begin, size = [], last, 0

    def _inflated(self, index: int) -> _Inflated:
        """Return a member, one of those kept or from the file."""
        kept = self._kept
        for at, member in kept:
            if at == index:
                return member
        member = self._inflate(index)
        survivors = [(index, member)]
        space = thresholds.kept_member_bytes - len(member.frames)
        for entry in kept[: thresholds.kept_members - 1]:
            space -= len(entry[1].frames)
            if space >= 0:
                survivors.append(entry)
        self._kept = tuple(survivors)
        return member

    def _inflate(self, index: int) -> _Inflated:
        (begin, end), (raw_begin, raw_end), (first, last) = self._members.of(index)
        stated = Member(end - begin, raw_end - raw_begin, last - first)
        try:
            if stated.raw_bytes > max(self._most, DEFAULT_MAX_RECORD_BYTES) + FRAME_OVERHEAD:
                raise CompressionError(
                    f"it holds {stated.raw_bytes} bytes and would have to be inflated at once; "
                    "write the file again with a smaller block_bytes, or raise max_record_bytes"
                )
            data = self._file.read_at(stated.size, begin)
            if len(data) < stated.size:
                raise TruncatedRecordError("the file has become shorter and ends in it")
            if read_member(data) != stated:
                raise StaleIndexError("it is not the member that was indexed")
            frames = inflate_member(data, stated)
            bounds = _scan(frames, stated.records, self._first_bad)
        except TFRecordError as error:
            error.reason = (
                f"the gzip member at compressed byte {begin}, records {first} to {last - 1}: "
                f"{error.reason}"
            )
            error.path = self._file.path
            error.record = first + (error.record or 0)
            error.offset = raw_begin + (error.offset or 0)
            raise
        return _Inflated(frames, bounds)


def _scan(frames: bytes, records: int, first_bad: FirstBad) -> Int64Array:
    """Return the bounds of the frames in a member, once all lengths have proved to be intact."""
    buffer = np.frombuffer(frames, np.uint8)
    starts, lengths = scan_frames(buffer, 0, len(buffer), short=len(frames) < 128 * records)
    intact = first_bad(buffer, starts, lengths)
    bounds = np.zeros(intact + 1, np.int64)
    bounds[1:] = (starts + lengths)[:intact] + FOOTER_SIZE
    if bounds[-1] < len(frames):
        error = CorruptRecordError(
            "no whole record with an intact length stands here, so no other in this member can be "
            "told by its number",
            record=intact,
            offset=int(bounds[-1]),
        )
        error.kind = "length"
        raise error
    if intact != records:
        raise CompressionError(f"its header states {records} records, there are {intact}")
    return bounds
