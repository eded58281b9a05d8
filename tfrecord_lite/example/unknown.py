"""Features that records have and nobody asked for, and in which record each comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tfrecord_lite.example.keys import Keys, key_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.example.words import Words

__all__ = ["UnknownFeatures"]

# Names that are made of data have no end.
_MOST_NAMES: Final = 100


class UnknownFeatures:
    """Collects them while blocks are walked, ``most`` of them."""

    def __init__(self, most: int = _MOST_NAMES) -> None:
        self._most = most
        # Each with its number, in the order of these.
        self._names: dict[str, int] = {}
        self._keys: Keys | None = None
        self._rows: dict[str, int] = {}

    def take(self, rows: int) -> dict[str, int]:
        """Return the names in the first ``rows`` of the last block, and the first row of each."""
        found = [(row, name) for name, row in self._rows.items() if row < rows]
        self._rows.clear()
        return {name: row for row, name in sorted(found)}

    def add(self, name: str, row: int) -> None:
        """Note that a row of this block has a feature of this name."""
        if name not in self._names:
            if len(self._names) == self._most:
                return
            self._names[name] = len(self._names)
            self._keys = None
        self._rows[name] = min(row, self._rows.get(name, row))

    def add_record(self, values: Mapping[str, object], wanted: AbstractSet[str], row: int) -> None:
        """Note what a decoded record has beside the wanted features."""
        for name, value in values.items():
            if value is not None and name not in wanted:
                self.add(name, row)

    def add_entries(self, words: Words, entry: Int64Array, first: Words, rows: Int64Array) -> None:
        """Note the features at these entries, with keys of plain form, and the rows they are in."""
        while len(rows):
            names = [*self._names]
            if self._keys is None:
                self._keys = Keys(names)
            known = np.broadcast_to(self._keys.find(words, entry, first), rows.shape)
            for number in np.unique(known[known >= 0]).tolist():
                self.add(names[number], int(rows[known == number].min()))
            left = known < 0
            entry, first, rows = entry[left], first[left], rows[left]
            if not len(rows) or len(self._names) == self._most:
                return
            self.add(key_at(words, int(entry[0])).decode(), int(rows[0]))
