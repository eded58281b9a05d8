"""Where a compressed source can go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tfrecord_lite.records.counts import StatedMember

__all__ = ["MemberStart", "MemberStarts"]


class MemberStart(NamedTuple):
    """Where a member begins: ``members`` came before it.

    ``after_damage`` says that all damage before it has been reported.
    """

    offset: int
    compressed: int
    first_record: int | None
    members: int
    stated: StatedMember | None = None
    after_damage: bool = False


class MemberStarts:
    """The starts of members from the one on that may have to be read again, in their order."""

    def __init__(self) -> None:
        self._starts: list[MemberStart] = []

    def add(self, start: MemberStart) -> MemberStart:
        """Note where a member begins; return what was noted, if that was the last."""
        last = self._starts[-1] if self._starts else None
        if last is None or last.compressed != start.compressed:
            self._starts.append(start)
        elif last.stated is None:
            # Of one that was gone back to, the number of its first record is known.
            self._starts[-1] = last._replace(stated=start.stated)
        return self._starts[-1]

    def forget(self, offset: int) -> None:
        """Keep what `before` needs for ``offset`` or for what is after that."""
        # One that begins just there may have damage before it.
        before = (
            number
            for number, start in enumerate(self._starts)
            if start.offset < offset or (start.after_damage and start.offset == offset)
        )
        self._starts = self._starts[max(before, default=0) :]

    def before(self, offset: int) -> MemberStart:
        """Return where to begin reading for what is at ``offset``, and keep no other."""
        self.forget(offset)
        # It stays, for an exception that comes before it is read.
        self._starts = self._starts[:1]
        return self._starts[0] if self._starts else MemberStart(0, 0, 0, 0)
