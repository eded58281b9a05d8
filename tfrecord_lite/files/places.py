"""Where the records of a file lie: found in the file, or made of an index's columns.

A plain file's places are the bounds of its frames. They are found by scanning blocks, without a
look at the data; a large record is skipped, so that it is not even read. The places of blocked
gzip are the bounds of its members, found by skipping from header to header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.files.bounds import Bounds, StoredBounds
from tfrecord_lite.records.blocks import BlockStream
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.deflate import MEMBER_HEADER, MEMBER_START
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, header_of
from tfrecord_lite.records.members import EMPTY_SIZE, each_member, is_plausible
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES, RecordReader
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Verify
    from tfrecord_lite.files.sidecar import SidecarBlocks
    from tfrecord_lite.records.positions import PositionedFile

    Column = npt.NDArray[np.unsignedinteger[Any]]
    Report = Callable[[int], object]

__all__ = [
    "Members",
    "are_stated",
    "check_members",
    "find_bounds",
    "find_members",
    "places_from",
    "places_in",
    "places_to",
]

# So many headers of members are compared at once.
_MEMBERS_AT_ONCE = 1 << 14
# The header of a gzip member; its checksum is looked at by who inflates it.
_HEADER = np.dtype([("start", "V16"), ("stated", "<i8", 3), ("crc", "V4")])


class Members(NamedTuple):
    """The members of a blocked gzip file: int64 ``[members + 1]`` each, the last is the end.

    Member i is the file's bytes ``offsets[i]`` to ``offsets[i + 1]``, of the uncompressed file the
    bytes ``raw_offsets[i]`` to ``raw_offsets[i + 1]``, and in it are the records
    ``first_records[i]`` to ``first_records[i + 1]``.
    """

    offsets: Int64Array
    raw_offsets: Int64Array
    first_records: Int64Array

    def with_record(self, number: Int64Array | int) -> Int64Array:
        """Return which member holds a record, or each of several."""
        return np.searchsorted(self.first_records, number, "right") - 1

    def of(self, index: int) -> list[list[int]]:
        """Return the two bounds of one member in each of the columns."""
        return [bounds[index : index + 2].tolist() for bounds in self]


def find_bounds(file: PositionedFile, report: Report, *, verify: Verify) -> Int64Array:
    """Return where the frames of a plain file begin and the last one ends, int64 ``[records + 1]``.

    What is wrong raises as in `RecordReader`; the data is looked at only with ``verify``,
    and with "none" no checksum is.
    """
    with file.from_front() as raw:
        size = file.size
        stream = BlockStream(
            ByteSource(raw),
            verify=verify,
            on_damage=None,
            max_record_bytes=DEFAULT_MAX_RECORD_BYTES,
        )
        columns: list[Column] = []
        # A file that grows meanwhile is not followed; whoever asked has to look at it again.
        while stream.offset <= size:
            # Of an object each header would be a request.
            skips = verify is False and file.remote is None
            while skips and (lengths := _skip(file, stream.offset, size)):
                columns.append(least_column(np.array(lengths)))
                end = stream.offset + sum(lengths) + FRAME_OVERHEAD * len(lengths)
                stream.move_to(end, stream.record + len(lengths))
                report(end)
            block = stream.read_block()
            if block is None:
                break
            columns.append(least_column(block.lengths))
            stream.recycle(block)
            report(stream.offset)
        return _bounds_of(columns, FRAME_OVERHEAD)


def _skip(file: PositionedFile, offset: int, size: int) -> list[int]:
    """Return the lengths of the large records from ``offset`` on, as long as all is well.

    What is not well, or is small, is left for the next block to look at.
    """
    lengths: list[int] = []
    while len(lengths) < thresholds.skipped_records:
        header = file.read_at(HEADER_SIZE, offset)
        length = int.from_bytes(header[:8], "little")
        offset += length + FRAME_OVERHEAD
        if length < thresholds.skipped_record_bytes or offset > size or header != header_of(length):
            break
        lengths.append(length)
    return lengths


def find_members(file: PositionedFile, report: Report) -> Members:
    """Return the members of a blocked gzip file; raises as `each_member` does."""

    def numbers() -> Iterator[int]:
        at = 0
        for member in each_member(file):
            yield from member
            at += member.size
            report(at)

    # Not by way of a list: there may be a million members.
    table = np.fromiter(numbers(), np.int64).reshape(-1, 3)
    return Members(*(_bounds_of([column], 0) for column in table.T))


def are_stated(file: PositionedFile, members: Members) -> bool:
    """Tell whether the headers in a blocked gzip file state just these members."""
    size = MEMBER_HEADER.size
    stated = np.stack([np.diff(bounds) for bounds in members], axis=1)
    for first in range(0, len(stated), _MEMBERS_AT_ONCE):
        begins = members.offsets[first : first + _MEMBERS_AT_ONCE]
        begins = begins[: len(stated) - first]
        heads = b"".join(file.read_spans(begins.tolist(), (begins + size).tolist()))
        if len(heads) < size * len(begins):
            return False
        found = np.frombuffer(heads, _HEADER)
        same = (found["start"] == np.void(MEMBER_START)).all()
        if not same or (found["stated"] != stated[first : first + _MEMBERS_AT_ONCE]).any():
            return False
    return True


def check_members(file: PositionedFile, report: Report) -> None:
    """Read all records of a blocked gzip file; the reader compares them with the members."""
    with file.from_front() as raw, RecordReader(raw, compression="GZIP") as reader:
        for block in reader.blocks():
            report(reader.source_offset)
            reader.recycle(block)


def least_column(numbers: npt.NDArray[Any]) -> Column:
    """Return numbers, none negative, in the smallest unsigned type that holds them all.

    >>> least_column(np.array([3, 256])).dtype
    dtype('uint16')
    """
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def places_to(places: Bounds | Members) -> list[Column]:
    """Return the columns of which `places_from` makes the same places."""
    if isinstance(places, Members):
        return [least_column(np.diff(bounds)) for bounds in places]
    lengths = np.diff(places.whole())
    lengths -= FRAME_OVERHEAD
    return [least_column(lengths)]


def places_in(
    blocks: SidecarBlocks, size: int, max_kept_bytes: int | None
) -> Bounds | Members | None:
    """Return `places_from` a sidecar; the bounds of many frames are left there until needed.

    Then ``max_kept_bytes`` of them are kept in memory.
    """
    sums = blocks.sums
    plain = sums.shape[1] == 1
    if sums[0].any() or (sums[1:] < sums[:-1]).any():
        return None
    if plain and blocks.rows > thresholds.index_whole_rows:
        return StoredBounds(blocks, max_kept_bytes) if sums[-1, 0] == size else None
    edges = np.minimum(np.arange(len(blocks) + 1) * blocks.block_rows, blocks.rows)
    places = places_from(blocks.columns(), size)
    if places is not None:
        each = places if isinstance(places, Members) else [places.whole()]
        for column, bounds in enumerate(each):
            if (bounds[edges] != sums[:, column]).any():
                return None
    return places


def places_from(columns: Sequence[Column], size: int) -> Bounds | Members | None:
    """Return the places of a file of ``size`` bytes; None where the columns are of no such file.

    One column is the lengths of a plain file's records, three are of gzip members the size, the
    size inflated and the records. Whatever they hold, a place that is returned is in the file.
    """
    if len(columns) == 1:
        bounds = _bounds_within(columns[0], FRAME_OVERHEAD, size)
        return None if bounds is None else Bounds(bounds)
    sizes, raw_sizes, records = (column.astype(np.uint64) for column in columns)
    if not is_plausible(sizes, raw_sizes, records).all():
        return None
    offsets = _bounds_within(sizes, 0, size if len(sizes) else 0)
    if offsets is None or (len(sizes) == 0 and size != EMPTY_SIZE):
        return None
    return Members(offsets, _bounds_of([raw_sizes], 0), _bounds_of([records], 0))


def _bounds_of(columns: Sequence[npt.NDArray[Any]], extra: int) -> Int64Array:
    """Return the sums of all numbers before each, and of all; ``extra`` is added to each number."""
    bounds = np.zeros(sum(map(len, columns)) + 1, np.int64)
    at = 1
    for column in columns:
        bounds[at : at + len(column)] = column
        at += len(column)
    bounds[1:] += extra
    return np.cumsum(bounds, out=bounds)


def _bounds_within(column: Column, extra: int, size: int) -> Int64Array | None:
    """Return `_bounds_of` a column where they end at ``size`` and none is beyond."""
    if int(column.max(initial=0)) > size:
        return None
    bounds = _bounds_of([column], extra)
    # No step is above `size`, so a sum that overflows passes through negative numbers.
    return bounds if bounds[-1] == size and int(bounds.min()) == 0 else None
