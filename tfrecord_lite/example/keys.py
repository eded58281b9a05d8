"""The keys of a map's entries, compared by columns of words.

An entry begins with its key: ``0a <size> key``, and the tag of its value follows: ``12``. A name is
compared with all of these bytes at once, as the words that they are: the first eight, the last
eight, and those between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.example.words import BYTE, LOW, NOT_ASCII, Words, low_bytes, word_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tfrecord_lite._types import Int64Array

__all__ = ["KEY_HEAD", "Keys", "are_plain_keys"]

KEY_HEAD = 2  # tag and size
_LONGEST = 127  # bytes of a key whose size takes one byte
_IN_WORD = 5  # bytes of a key that is in a word together with both tags and its size


class _Key:
    def __init__(self, key: bytes) -> None:
        # A longer one is read record by record, and no pattern is that long.
        pattern = bytes([0x0A, min(len(key), 0xFF)]) + key + b"\x12"
        self.mask = LOW[min(len(pattern), 8)]
        self.first = word_of(pattern[:8])
        places = [*range(8, len(pattern) - 8, 8), len(pattern) - 8] if len(pattern) > 8 else []
        self.rest = [(at, word_of(pattern[at : at + 8])) for at in places]

    def is_everywhere(self, words: Words, entry: Int64Array, first: Words) -> bool:
        """Tell whether all entries have this key; ``first`` is the words there."""
        return bool((first & self.mask == self.first).all()) and all(
            (words[entry + at] == word).all() for at, word in self.rest
        )


class Keys:
    """The names that are looked for, and the order in which they come as a rule."""

    def __init__(self, names: Sequence[str]) -> None:
        self._keys = [_Key(name.encode()) for name in names]
        self._next = 0

    def find(
        self, words: Words, entry: Int64Array, first: Words
    ) -> Iterator[tuple[int, Int64Array | None]]:
        """Yield each name that stands at some of the entries: its number, and at which.

        None stands for all of the entries. ``first`` is the words there.
        """
        # Mostly all records have the same feature here, and it is the one behind the last.
        for turn in range(len(self._keys)):
            index = (self._next + turn) % len(self._keys)
            key = self._keys[index]
            if key.is_everywhere(words, entry[:1], first[:1]):
                if key.is_everywhere(words, entry, first):
                    self._next = index + 1
                    yield index, None
                    return
                break
        for index, key in enumerate(self._keys):
            rows = np.flatnonzero(first & key.mask == key.first)
            for at, word in key.rest:
                rows = rows[words[entry[rows] + at] == word]
            if len(rows):
                yield index, rows


def are_plain_keys(words: Words, entry: Int64Array) -> Any:
    """Tell which entries begin with a key of up to 127 ASCII characters, and a value behind it."""
    word = words[entry]
    # Mostly all are the same; where that is short, it is in this word.
    begin = int(word[0]).to_bytes(8, "little")
    key = begin[KEY_HEAD : KEY_HEAD + begin[1]]
    if begin[1] <= _IN_WORD and key.isascii() and _Key(key).is_everywhere(words, entry, word):
        return np.ones(len(entry), np.bool_)
    size = (word >> np.uint64(8) & BYTE).astype(np.int64)
    value = entry + KEY_HEAD + size
    good = (word & BYTE == np.uint64(0x0A)) & (size <= _LONGEST)
    good &= words[value] & BYTE == np.uint64(0x12)
    for at in range(0, _LONGEST, 8):
        left = size - at
        if left.max(initial=0) <= 0:
            break
        word = words[np.minimum(entry + KEY_HEAD + at, value)] & low_bytes(left)
        good &= word & NOT_ASCII == np.uint64(0)
    return good
