"""After damage in gzip: the next member; and whether it is gzip, where the front is damaged.

Where the damaged member's header tells its size, and a member that begins with a record, or the end
of the file, is there, that is the next; unless the bytes before it are not this member's trailer
but that of another, which has moved up. Otherwise it is searched for, by gzip's magic: a member is
believed that begins with a record's intact header, which other bytes inflate to with a chance of
2^-32. A file in which no member begins at a record, such as one single stream, ends at its damage.
Where what is after an intact member is none, only that is searched: a record in the member may hold
gzip, too.
"""

from __future__ import annotations

from operator import eq
from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.records.compression import (
    GZIP_START,
    GZIP_WBITS,
    HEAD_BYTES,
    Codec,
    begins_with_record,
    codec_named,
    find_codec,
)
from tfrecord_lite.records.deflate import MEMBER_HEADER, MEMBER_START, MEMBER_TRAILER
from tfrecord_lite.records.framing import HEADER_SIZE, length_is_intact
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.records.members import read_member
from tfrecord_lite.records.recovery import Recovery
from tfrecord_lite.records.window import Window
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite._types import CompressionOrAuto
    from tfrecord_lite.records.byte_source import ByteSource

__all__ = ["Resumption", "codec_to_read", "resume"]

# Damage may have left so many of the bytes that a blocked file begins with.
_BYTES_THAT_TELL = 10
# So much of a member is more than enough to inflate its first bytes.
_TRIAL_BYTES = 1 << 13
_SEARCH_BYTES = 1 << 18
# No file system is asked to seek beyond this.
_LARGEST_MEMBER = 1 << 40
# Nor is more of what is no file of the system read to see whether a record is whole.
_LARGEST_RECORD = 1 << 30
# How far ahead a pipe is read to see whether a member's size is right.
_MOST_KEPT_BYTES = 1 << 26


class Resumption(NamedTuple):
    """What stands at the place where a source goes on.

    ``offset`` counts uncompressed bytes, those lost included where it is known how many these are;
    ``record`` is the number of the record there, None where that is not known.
    """

    offset: int
    record: int | None


def resume(source: InflatedSource, offset: int) -> Resumption | None:
    """Move a source that has failed to its next member; None where there is none.

    That is counted as no byte before ``offset``.
    """
    if source.codec != "GZIP":
        return None
    place = None if source.between_members else _skip(source)
    if place is None:
        begin = reached = source.offset + 1
        if not source.between_members:
            begin = source.member_begin + 1
            source.looked_at_again += reached - begin
        if source.looked_at_again > limits.searches_of_members * source.furthest:
            begin = reached
        if not _search(source, begin):
            return None
        place = Resumption(source.raw_offset, None)
    place = place._replace(offset=max(place.offset, offset))
    source.restart(*place)
    return place


def _skip(source: InflatedSource) -> Resumption | None:
    """Go where the member's own header says that it ends, if that can be; or nowhere."""
    stated = read_member(source.member_head)
    if stated is None or stated.size > _LARGEST_MEMBER:
        return None
    here, end = source.offset, source.member_begin + stated.size
    ahead = end - MEMBER_TRAILER.size - here
    if source.seekable:
        source.go_to(here + ahead)
        data = source.peek(MEMBER_TRAILER.size + _TRIAL_BYTES)
        source.go_to(here)
    elif 0 <= ahead <= _MOST_KEPT_BYTES:
        data = source.peek(ahead + MEMBER_TRAILER.size + _TRIAL_BYTES)[ahead:]
    else:
        return None
    trailer, after = data[: MEMBER_TRAILER.size], data[MEMBER_TRAILER.size :]
    if len(trailer) < MEMBER_TRAILER.size or (after and not begins_with_record(after, GZIP_WBITS)):
        return None
    if int.from_bytes(trailer[4:], "little") != stated.raw_bytes & 0xFFFFFFFF:
        # A place to go on, but not a size to count on.
        source.go_to(_find_reaching(source, end) or end)
        return Resumption(source.raw_offset, None)
    source.go_to(end)
    first = source.first_record
    return Resumption(
        source.raw_begin + stated.raw_bytes, None if first is None else first + stated.records
    )


def _find_reaching(source: InflatedSource, end: int) -> int | None:
    """Return where a member begins after the failure that ends at ``end`` or further on.

    What is in a member cannot reach over its trailer; and nothing of what is after the failure has
    been returned.
    """
    begin = max(source.failed_at, source.offset)
    if begin > end or end - source.offset > limits.searched_member_bytes:
        return None
    source.looked_at_again += end - begin
    if source.looked_at_again > limits.searches_of_members * source.furthest:
        return None
    data = source.peek(end - source.offset)[begin - source.offset :]
    at = data.find(GZIP_START, 0, end - begin)
    while at >= 0:
        inner = read_member(data[at : at + MEMBER_HEADER.size])
        if inner is not None and begin + at + inner.size >= end:
            return begin + at
        at = data.find(GZIP_START, at + 1, end - begin)
    return None


def _search(source: InflatedSource, begin: int, end: int | None = None) -> bool:
    """Go to the first member from ``begin`` on that begins with a record.

    After ``end`` it may end without looking.
    """
    source.go_to(begin)
    while end is None or source.offset < end:
        source.check_searched(source.offset - begin)
        data = source.peek(_SEARCH_BYTES)
        ends = len(data) < _SEARCH_BYTES
        stop = len(data) if ends else len(data) - _TRIAL_BYTES
        at = data.find(GZIP_START, 0, stop + len(GZIP_START) - 1)
        while at >= 0:
            if begins_with_record(data[at : at + _TRIAL_BYTES], GZIP_WBITS):
                source.go_to(source.offset + at)
                return True
            at = data.find(GZIP_START, at + 1, stop + len(GZIP_START) - 1)
        source.go_to(source.offset + stop)
        if ends:
            break
    return False


def codec_to_read(source: ByteSource, compression: CompressionOrAuto, *, tolerant: bool) -> Codec:
    """Return the codec of a source that stands at its front: as a caller names it, or found.

    Whoever leaves out damage has it found where the front is damaged, too.
    """
    if compression != "auto":
        return codec_named(compression)
    head = source.peek(HEAD_BYTES)
    codec = find_codec(head)
    return _find_damaged_codec(source, head) if codec is None and tolerant else codec


def _find_damaged_codec(source: ByteSource, head: bytes) -> Codec:
    """Find the codec of a file of which the front, ``head``, does not tell it, being damaged.

    What is left of a blocked file's first bytes tells it, or else the first whole thing in the
    file: a record, or a gzip member that begins with one. The source stands at its front
    afterwards; one that cannot go back there is taken to be plain unless its first bytes tell.
    """
    if len(head) < HEADER_SIZE or length_is_intact(head):
        return None
    if sum(map(eq, head, MEMBER_START)) >= _BYTES_THAT_TELL:
        return "GZIP"
    if not source.seekable:
        return None
    window = Window(source)
    remaining = source.remaining()
    found = Recovery(window, _LARGEST_RECORD if remaining is None else remaining).search()
    plain = window.offset if found else None
    source.seek(0)
    inflated = InflatedSource(source, "GZIP")
    found = _search(inflated, 0, plain)
    member = inflated.offset
    source.seek(0)
    return "GZIP" if found and (plain is None or member < plain) else None
