"""The members of a blocked gzip file, inflated in threads before they are asked for."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.parallel.cores import usable_cores
from tfrecord_lite.parallel.threads import Call, Threads
from tfrecord_lite.records.deflate import MEMBER_HEADER
from tfrecord_lite.records.members import Member, inflate_member, read_member
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite.records.byte_source import ByteSource

__all__ = ["InflatedMember", "MembersAhead"]

_MOST_THREADS = 8


class InflatedMember(NamedTuple):
    """A member that is whole and all of whose checksums hold."""

    head: bytes
    end: int
    """The compressed byte after it."""
    frames: bytes


class _Ahead(NamedTuple):
    begin: int
    head: bytes
    member: Member
    frames: Call[bytes | None]


class MembersAhead:
    """Inflates members of a file that `ByteSource.read_at` reads, in threads; it never raises.

    Threads read and inflate without the interpreter, so as many are at work as there are cores. The
    pool is made when there is something to do.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._threads = min(usable_cores(), _MOST_THREADS)
        self._pool: Threads | None = None
        self._owner = os.getpid()
        self._ahead: deque[_Ahead] = deque()

    def take(self, begin: int) -> InflatedMember | None:
        """Return the member that begins at this compressed byte.

        None where no member with a header of ours stands there, and one after it; where it is
        damaged; or where it is not worth the effort. Whoever reads on from there finds out what is
        wrong.
        """
        if self._threads < 2 and not self._ahead:
            return None
        if self._owner != os.getpid():
            # A forked child has no threads.
            self._ahead, self._pool, self._owner = deque(), None, os.getpid()  # pragma: no cover
        if self._ahead and self._ahead[0].begin != begin:
            self.close()
        while len(self._ahead) <= self._threads and self._submit(begin):
            pass
        if not self._ahead:
            return None
        ahead = self._ahead.popleft()
        frames = ahead.frames.result()
        if frames is None:
            return None
        return InflatedMember(ahead.head, begin + ahead.member.size, frames)

    def _submit(self, begin: int) -> bool:
        """Have the next member inflated; or the one that begins at ``begin`` if there is none."""
        if self._ahead:
            last = self._ahead[-1]
            begin = last.begin + last.member.size
        head = self._read(MEMBER_HEADER.size, begin)
        member = read_member(head)
        # Whoever compresses makes nothing twice as large: no such number decides what is read.
        if (
            member is None
            or not thresholds.ahead_member_bytes <= member.raw_bytes >= member.size // 2
        ):
            return False
        if (
            sum(ahead.member.raw_bytes for ahead in self._ahead) + member.raw_bytes
            > thresholds.ahead_bytes
        ):
            return False
        # A file of one member is read as fast without a thread.
        if not self._ahead and len(self._read(1, begin + member.size)) < 1:
            return False
        if self._pool is None:
            self._pool = Threads(self._threads, "tfrecord_lite-inflate")
        try:
            frames = self._pool.submit(self._inflate, begin, member)
        except RuntimeError:
            # The interpreter is about to end, or the system has no more threads.
            self._threads = 0
            return False
        self._ahead.append(_Ahead(begin, head, member, frames))
        return True

    def _inflate(self, begin: int, member: Member) -> bytes | None:
        try:
            return inflate_member(self._read(member.size, begin), member)
        except TFRecordError:
            return None

    def _read(self, size: int, begin: int) -> bytes:
        try:
            return self._source.read_at(size, begin)
        except OSError:
            return b""

    def close(self) -> None:
        """Let go of all that is ahead; no thread uses the source any more."""
        self._ahead.clear()
        if self._pool is not None:
            # A forgotten reader may be collected in a thread of its own, which cannot wait for
            # itself; what that is about to read fails, and nobody asks for it.
            self._pool.close()
        # Only now: an exception in between leaves threads that are still waited for.
        self._pool = None
