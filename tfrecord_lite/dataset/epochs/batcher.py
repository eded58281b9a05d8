"""Parts of epochs in, batches out, as tables; and where the last batch ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite.dataset.epochs.part import Part
    from tfrecord_lite.errors import Damage

__all__ = ["Place", "tables_of"]


@dataclass
class Place:
    """Where an iterator stands: so many steps of an epoch have been handed out.

    Where it has not ``begun``, it is where the next iterator will begin.
    """

    epoch: int
    step: int
    begun: bool = False


def tables_of(
    parts: Iterable[Part],
    size: int,
    place: Place,
    *,
    drop_remainder: bool,
    on_damage: Callable[[Damage], Any],
    together: bool = False,
) -> Iterator[Table]:
    """Make a table for each batch of the rows of parts; none has rows of two epochs.

    With ``together`` a table may have the rows of several batches, those that one part is enough
    for. ``place`` follows them. Damage is told once an epoch, before what lies behind it. An epoch
    that has no batch from its beginning on is the last: there will never be one.
    """
    waiting: list[Table] = []
    rows = 0
    epoch, step = place.epoch, place.step
    empty = step == 0
    told: set[Damage] = set()
    for part in parts:
        if part.epoch != epoch:
            if waiting and not drop_remainder:
                place.epoch, place.step = epoch, step
                yield Table.joined(waiting)
                empty = False
            if empty:
                return
            waiting, rows, empty = [], 0, True
            epoch = part.epoch
            told.clear()
        for damage in part.damages:
            if damage not in told:
                told.add(damage)
                on_damage(damage)
        if part.table is not None:
            begin = 0
            while (there := part.table.rows - begin) >= size - rows:
                end = begin + (there // size * size if together and not rows else size - rows)
                waiting.append(part.table.part(begin, end))
                place.epoch, place.step = epoch, int(part.steps[end - 1]) + 1
                yield Table.joined(waiting)
                waiting, rows, begin, empty = [], 0, end, False
            if there:
                waiting.append(part.table.part(begin, part.table.rows))
                rows += there
                step = int(part.steps[-1]) + 1
        if part.error is not None:
            raise part.error
    if waiting and not drop_remainder:
        place.epoch, place.step = epoch, step
        yield Table.joined(waiting)
