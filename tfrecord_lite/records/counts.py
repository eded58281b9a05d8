"""Comparing what the headers of gzip members state with what is in the members.

Records are numbered by these headers, without a look inside, where a file is read by its index or
shared out. So whoever does look inside compares.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.errors import CompressionError

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.members import Member

__all__ = ["MemberCounts", "StatedMember"]


@dataclass(eq=False)
class StatedMember:
    """A member that is being read, and what its header states.

    It begins at the uncompressed byte ``begin``, and at ``compressed_begin`` in the file. Where it
    has ended, ``end`` is where, and ``size`` how many bytes it has in the file. One that is not
    ``compared`` has damage in it.
    """

    begin: int
    compressed_begin: int
    stated: Member
    intact: bool = True
    end: int | None = None
    size: int = 0
    first_record: int | None = None
    compared: bool = True

    def fault(self, records: int) -> str | None:
        """Say in what it is not as its header states; None where all is well."""
        assert self.end is not None
        found = self.size, self.end - self.begin, records
        if self.intact and found == tuple(self.stated):
            return None
        place = (
            f"the header of the gzip member at compressed byte {self.compressed_begin}, with the "
            f"records from {self.first_record} on,"
        )
        again = (
            "write the file again: write_records(new, read_records(old, on_damage=print), "
            "compression='GZIP')"
        )
        if not self.intact:
            return (
                f"{place} is damaged, it does not fit its checksum: its records are right, and by "
                f"their numbers they are refused; {again}"
            )
        parts = [
            f"{number} {noun} where it has {count}"
            for number, count, noun in zip(
                self.stated, found, ("bytes", "uncompressed bytes", "records"), strict=True
            )
            if number != count
        ]
        return (
            f"{place} states {' and '.join(parts)}: whoever counts by it gives records wrong "
            f"numbers; {again}"
        )


class MemberCounts:
    """The members whose records have not all been counted yet, in their order.

    It is asked about runs of records, each beginning where the last record that was returned
    ended. To be asked about one twice changes nothing.
    """

    def __init__(self) -> None:
        self._members: deque[StatedMember] = deque()

    def add(self, member: StatedMember) -> None:
        """Note a member that begins, or begins again."""
        member.end = None
        if member.compared:
            self._members.append(member)

    def compare(self, record: int, begins: Int64Array, end: int) -> int:
        """Return how many of these records come before the end of a member that is wrong.

        The first has the number ``record``; they begin at the uncompressed bytes ``begins``, int64
        ``[records]``, and the last one ends at ``end``. Raises `CompressionError`, with the kind
        "count", where that is none, or where there are no records.
        """
        while self._members:
            member = self._members[0]
            if member.begin > end:
                break
            if member.first_record is None:
                member.first_record = record + int(np.searchsorted(begins, member.begin))
            if member.end is None or member.end > end:
                break
            inside = int(np.searchsorted(begins, member.end))
            reason = member.fault(record + inside - member.first_record)
            if reason is not None:
                if inside:
                    return inside
                error = CompressionError(reason)
                error.kind = "count"
                raise error
            self._members.popleft()
        return len(begins)

    def forget(self, begin: int, end: int) -> None:
        """Do not count members in which something lies between these bytes that is damaged."""
        for member in self._members:
            if member.begin < end and (member.end is None or member.end > begin):
                member.compared = False
        self._members = deque(member for member in self._members if member.compared)

    def forget_first(self) -> None:
        """Do not count the member that is next, which was reported."""
        self._members.popleft()

    def clear(self) -> None:
        """Do not count any that has begun."""
        self._members.clear()
