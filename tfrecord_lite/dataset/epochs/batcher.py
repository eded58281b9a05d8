"""Parts of epochs in, batches out; and where the last batch ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite.dataset.epochs.part import Part
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.example.columns import Column

__all__ = ["Place", "batches_of"]


@dataclass
class Place:
    """Where an iterator stands: so many steps of an epoch have been handed out.

    Where it has not ``begun``, it is where the next iterator will begin.
    """

    epoch: int
    step: int
    begun: bool = False


def batches_of(
    parts: Iterable[Part],
    size: int,
    place: Place,
    *,
    drop_remainder: bool,
    on_damage: Callable[[Damage], Any],
) -> Iterator[dict[str, Column]]:
    """Make batches of the rows of parts; none has rows of two epochs.

    ``place`` follows them. Damage is told once an epoch, before what lies behind it. An epoch that
    has no batch from its beginning on is the last: there will never be one.
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
                yield Table.joined(waiting).batch()
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
            while rows + part.table.rows - begin >= size:
                end = begin + size - rows
                waiting.append(part.table.part(begin, end))
                place.epoch, place.step = epoch, int(part.steps[end - 1]) + 1
                yield Table.joined(waiting).batch()
                waiting, rows, begin, empty = [], 0, end, False
            if begin < part.table.rows:
                waiting.append(part.table.part(begin, part.table.rows))
                rows += part.table.rows - begin
                step = int(part.steps[-1]) + 1
        if part.error is not None:
            raise part.error
    if waiting and not drop_remainder:
        place.epoch, place.step = epoch, step
        yield Table.joined(waiting).batch()
