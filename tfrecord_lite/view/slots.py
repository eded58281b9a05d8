"""What stands at the numbers of a file: records, and damage in the place of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite.errors import Damage
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.records.reader import RecordReader

__all__ = ["FrontReader", "Slot"]


class Slot(NamedTuple):
    """What stands at a number: a record, or the reason why there is none."""

    number: int
    data: bytes | None
    damage: Damage | None = None
    problem: str | None = None


class FrontReader:
    """A reader that goes on from ``number``; ``open_reader`` takes what notes damage."""

    def __init__(self, open_reader: Callable[[Callable[[Damage], None]], RecordReader]) -> None:
        self._damages: list[Damage] = []
        self.reader = open_reader(self._damages.append)
        self.number = 0
        self._block: RecordBlock | None = None

    def slots(self, first: int, end: int) -> Iterator[Slot]:
        """Yield what stands at some numbers, none before `number`; each number once."""
        self.number = max(first, self.number)
        while self.number < end:
            block = self._block
            if block is None or block.first_record + len(block) <= self.number:
                block = self._block = self.reader.next_block()
            begin = end if block is None else min(block.first_record, end)
            # Where there is no record there is damage; of some it is known how many it takes.
            while self.number < begin:
                yield self._missing()
            if block is None:
                return
            stop = min(block.first_record + len(block), end)
            while self.number < stop:
                number, self.number = self.number, self.number + 1
                yield Slot(number, block[number - block.first_record])

    def _missing(self) -> Slot:
        number, self.number = self.number, self.number + 1
        # Of what comes later nothing is asked of what was passed.
        while len(self._damages) > 1 and self._damages[1].record <= number:
            del self._damages[0]
        damage = self._damages[0] if self._damages else None
        if damage is None or damage.record > number:
            return Slot(number, None, None, "the file ends before it")
        return Slot(number, None, damage)
