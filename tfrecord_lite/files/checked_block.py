"""Frames of any files as a block of records, once their checksums have proved to hold."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.files.frames import Frames
from tfrecord_lite.files.picked_block import PickedBlock
from tfrecord_lite.records.checksum import (
    first_bad_length,
    first_bad_record,
    first_other_length,
    masked_crc32c,
)
from tfrecord_lite.records.frame_errors import data_damage, length_damage
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    FRAME_OVERHEAD,
    HEADER_SIZE,
    SLACK_BYTES,
    length_is_intact,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tfrecord_lite._types import Int64Array, Verify
    from tfrecord_lite.errors import TFRecordError
    from tfrecord_lite.files.record_file import RecordFile

__all__ = ["checked_block", "in_order", "join_frames", "read_few_of_each"]


def join_frames(frames: list[bytes], offsets: Int64Array) -> Frames:
    """Lay frames out one after another, as in a file."""
    buffer = np.frombuffer(bytearray().join([*frames, bytes(SLACK_BYTES)]), np.uint8)
    return Frames(buffer, np.fromiter(map(len, frames), np.int64, len(frames)), offsets)


def in_order(items: list[bytes], order: Int64Array) -> list[bytes]:
    """Put items, of which ``order`` tells where each belongs, into their places."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return list(map(items.__getitem__, ranks.tolist()))


def checked_block(
    frames: Frames, numbers: Int64Array, which: Int64Array, paths: Sequence[str], *, verify: Verify
) -> PickedBlock:
    """Return a block of frames, whose numbers and files are given as in `PickedBlock`.

    Raises what is wrong with the first of which a checksum does not hold.
    """
    buffer, sizes, offsets = frames
    starts, lengths = np.cumsum(sizes) - sizes + HEADER_SIZE, sizes - FRAME_OVERHEAD
    if verify == "none":
        bad = first_other_length(buffer, starts, lengths)
    else:
        check = first_bad_record if verify else first_bad_length
        bad = check(buffer, starts, lengths)
    if bad < len(starts):
        begin = int(starts[bad]) - HEADER_SIZE
        frame = buffer[begin : begin + int(sizes[bad])].tobytes()
        error = _fault(frame, check_length=verify != "none")
        error.path = paths[int(which[bad])]
        error.record, error.offset = int(numbers[bad]), int(offsets[bad])
        raise error
    return PickedBlock(
        buffer, starts, lengths, numbers=numbers, offsets=offsets, paths=paths, which=which
    )


def read_few_of_each(
    files: Int64Array, numbers: Int64Array, opened: Callable[[int], RecordFile], *, verify: Verify
) -> PickedBlock:
    """Return records by file and number in it, a few of each of many files: checked together.

    ``opened`` gives the files by their numbers.
    """
    order = np.lexsort((numbers, files))
    in_file, sorted_files = numbers[order], files[order]
    edges = np.flatnonzero(np.diff(sorted_files, prepend=-1, append=-1))
    frames: list[bytes] = []
    begins, positions = np.empty((2, len(numbers)), np.int64)
    paths: list[str] = []
    for begin, end in pairwise(edges.tolist()):
        file = opened(int(sorted_files[begin]))
        found, begins[begin:end] = file.read_frames(in_file[begin:end])
        frames += found
        positions[begin:end] = len(paths)
        paths.append(file.path)
    offsets, which = np.empty((2, len(numbers)), np.int64)
    offsets[order], which[order] = begins, positions
    joined = join_frames(in_order(frames, order), offsets)
    return checked_block(joined, numbers, which, paths, verify=verify)


def _fault(frame: bytes, *, check_length: bool) -> TFRecordError:
    """Say what is wrong with a frame of which a checksum, or the length indexed, does not hold."""
    header, data = frame[:HEADER_SIZE], frame[HEADER_SIZE:-FOOTER_SIZE]
    stated = int.from_bytes(header[:8], "little")
    if check_length and not length_is_intact(header):
        return length_damage(header, masked_crc32c(header[:8]))
    if stated != len(data):
        return StaleIndexError(
            f"the record here has {stated} bytes, in the index it has {len(data)}"
        )
    return data_damage(frame[-FOOTER_SIZE:], masked_crc32c(data), data)
