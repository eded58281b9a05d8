"""The members of a blocked gzip file: found by skipping from header to header, inflated one by one.

What stands in a member's header is told in `tfrecord_lite.records.deflate`. It is believed where
its checksum holds and it agrees with the file and with the size in the member's trailer.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tfrecord_lite.errors import CompressionError, TruncatedRecordError
from tfrecord_lite.records.compression import GZIP_WBITS, isal
from tfrecord_lite.records.deflate import (
    EMPTY_MEMBER,
    MEMBER_HEADER,
    MEMBER_START,
    MEMBER_TRAILER,
    member_header,
)
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite.records.positions import PositionedFile
    from tfrecord_lite.stores.object_file import ObjectFile

    Number = TypeVar("Number", int, Any)

__all__ = [
    "EMPTY_SIZE",
    "Member",
    "each_member",
    "inflate_member",
    "is_plausible",
    "read_header",
    "read_member",
    "unchecked_header",
]

EMPTY_SIZE = len(EMPTY_MEMBER)
"""The size in bytes of a gzip file of nothing."""

_LEAST_BYTES = MEMBER_HEADER.size + MEMBER_TRAILER.size
# Deflate packs at most 258 bytes into two bits.
_MOST_RATIO = 1032

_REWRITE = (
    "write it again, in blocks: write_records(new, read_records(old), compression='GZIP'), or "
    "without compression"
)


class Member(NamedTuple):
    """What the header of a member states."""

    size: int
    """The bytes of the whole member in the file."""
    raw_bytes: int
    """The bytes of its frames, inflated."""
    records: int


def is_plausible(size: Number, raw_bytes: Number, records: Number) -> Any:
    """Tell whether such a member can be; of ints, or of columns of them."""
    return (
        (size >= _LEAST_BYTES)
        & (raw_bytes // _MOST_RATIO <= size)
        & (records >= 1)
        & (records <= raw_bytes // FRAME_OVERHEAD)
    )


def read_member(data: bytes) -> Member | None:
    """Return what the header at the front of ``data`` states; None where no such header stands."""
    stated = read_header(data)
    return stated if stated is not None and is_plausible(*stated) else None


def read_header(data: bytes) -> Member | None:
    """Return what a header states whose checksum holds, be it possible or not."""
    stated = unchecked_header(data)
    return stated if stated is not None and data.startswith(member_header(*stated)) else None


def unchecked_header(data: bytes) -> Member | None:
    """Return what a header says, whatever its checksum; None where none like ours stands."""
    if len(data) < MEMBER_HEADER.size or not data.startswith(MEMBER_START):
        return None
    _, *stated, _ = MEMBER_HEADER.unpack_from(data)
    return Member(*stated)


def each_member(file: PositionedFile) -> Iterator[Member]:
    """Iterate over the members of a whole file, reading of each its header and trailer alone.

    Raises `CompressionError` for what is not blocked gzip, `TruncatedRecordError` where the file
    ends inside a member.
    """
    end = file.size
    at = 0
    read_at = file.read_at if file.remote is None else _Ascending(file.remote).read_at
    head = read_at(MEMBER_HEADER.size, 0)
    # Also as other programs write nothing, with other names for the system and the effort.
    if head[:4] == EMPTY_MEMBER[:4] and head[10:] == EMPTY_MEMBER[10:]:
        return
    while at < end:
        member = read_member(head)
        if member is None and len(head) < MEMBER_HEADER.size and MEMBER_START.startswith(head[:16]):
            raise TruncatedRecordError(
                f"the file ends inside its GZIP stream, at compressed byte {end}, in the header of "
                f"the member that begins at {at}",
                path=file.path,
            )
        if member is None:
            raise _no_member(file.path, at, head)
        begin, at = at, at + member.size
        beyond = read_at(_LEAST_BYTES, at - MEMBER_TRAILER.size) if at <= end else b""
        if len(beyond) < MEMBER_TRAILER.size:
            raise TruncatedRecordError(
                f"the file ends inside its GZIP stream, at compressed byte {end}; the member that "
                f"begins at {begin} has {member.size} bytes, {at - end} are missing",
                path=file.path,
            )
        if MEMBER_TRAILER.unpack_from(beyond)[1] != member.raw_bytes & 0xFFFFFFFF:
            raise CompressionError(
                f"the header and the trailer of the gzip member at compressed byte {begin} state "
                "different sizes: the file is damaged there",
                path=file.path,
            )
        yield member
        head = beyond[MEMBER_TRAILER.size :]


class _Ascending:
    """Reads of an object at places that ascend: what is between them comes ahead, and is dropped.

    A request for each would take longer.
    """

    def __init__(self, file: ObjectFile) -> None:
        self._file = file
        self._dropped = memoryview(bytearray(thresholds.remote_first_bytes))
        file.seek(0)

    def read_at(self, size: int, offset: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, fewer where the object ends."""
        gap = offset - self._file.tell()
        if gap > thresholds.remote_range_bytes:
            self._file.seek(offset)
            gap = 0
        while gap > 0 and (count := self._file.readinto(self._dropped[:gap])):
            gap -= count
        return self._file.read(size)


def _no_member(path: str, at: int, head: bytes) -> CompressionError:
    if head.startswith(MEMBER_START):
        _, *stated, _ = MEMBER_HEADER.unpack(head)
        found = "it states a member of {} bytes with {} bytes in {} records, which cannot be"
        if head != member_header(*stated):
            found = "it does not fit its checksum"
        return CompressionError(
            f"the header of the gzip member at compressed byte {at} is damaged: "
            f"{found.format(*stated)}; read the file from its front, or salvage it",
            path=path,
        )
    if at:
        return CompressionError(
            f"no member of a blocked GZIP file at compressed byte {at}: {head[:4].hex(' ')}; the "
            f"file is damaged there, or what follows was appended by another program: {_REWRITE}",
            path=path,
        )
    return CompressionError(
        "no blocked GZIP file, so it can only be read from its front, with RecordReader; for "
        f"random access {_REWRITE}",
        path=path,
    )


def inflate_member(data: bytes, member: Member) -> bytes:
    """Return the frames in the bytes of a whole member; `CompressionError` where it is damaged.

    No more is inflated than the header states.
    """
    engine = isal() or zlib
    decoder = engine.decompressobj(wbits=GZIP_WBITS)
    try:
        frames: bytes = decoder.decompress(data, member.raw_bytes + 1)
    except (zlib.error, engine.error) as error:
        raise CompressionError(str(error).rpartition(": ")[2]) from None
    if len(frames) != member.raw_bytes or not decoder.eof or decoder.unused_data:
        raise CompressionError(
            f"it does not inflate to the {member.raw_bytes} bytes that it states"
        )
    return frames
