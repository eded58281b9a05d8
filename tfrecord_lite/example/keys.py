"""The keys of a map's entries, compared by columns of words.

An entry begins with its key: ``0a <size> key``, and the tag of its value follows: ``12``. A name is
compared with all of these bytes at once, as the words that they are: the first eight, the last
eight, and those between.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.example.words import BYTE, LOW, NOT_ASCII, Words, as_words, low_bytes, word_of
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tfrecord_lite._types import Int64Array

__all__ = ["KEY_HEAD", "Keys", "are_plain_keys", "key_at"]

KEY_HEAD = 2  # tag and size
_LONGEST = 127  # bytes of a key whose size takes one byte
_8: Final = np.uint64(8)
_SHIFT: Final = np.uint64(29)
_IN_WORD = 5  # bytes of a key that is in a word together with both tags and its size


class _Key:
    """What entries with one key begin with; none with a key of over 127 bytes, which no walk has.

    Those are read record by record.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) > _LONGEST:
            self.mask, self.first, self.rest = LOW[0], LOW[1], []
            return
        pattern = _pattern(key)
        self.mask = LOW[min(len(pattern), 8)]
        self.first = word_of(pattern[:8])
        places = [*range(8, len(pattern) - 8, 8), len(pattern) - 8] if len(pattern) > 8 else []
        self.rest = [(at, word_of(pattern[at : at + 8])) for at in places]

    def is_everywhere(self, words: Words, entry: Int64Array, first: Words) -> bool:
        """Tell whether all entries have this key; ``first`` is the words there."""
        return bool((first & self.mask == self.first).all()) and all(
            (words[entry + at] == word).all() for at, word in self.rest
        )

    def rows(self, words: Words, entry: Int64Array, first: Words) -> Int64Array:
        """Return which entries have this key."""
        rows = np.flatnonzero(first & self.mask == self.first)
        for at, word in self.rest:
            rows = rows[words[entry[rows] + at] == word]
        return rows


def _pattern(key: bytes) -> bytes:
    """Return an entry's bytes up to the tag of its value, where the key's size takes one byte."""
    return bytes([0x0A, len(key)]) + key + b"\x12"


class Keys:
    """The names that are looked for, and the order in which they come as a rule."""

    def __init__(self, names: Sequence[str]) -> None:
        encoded = [name.encode() for name in names]
        self._keys = [_Key(name) for name in encoded]
        self._numbers = {name: number for number, name in enumerate(encoded)}
        self._next = 0

    @cached_property
    def _table(self) -> _Table:
        return _Table(self._numbers)

    def find(self, words: Words, entry: Int64Array, first: Words) -> int | Int64Array:
        """Return the number of the name that stands at each entry, -1 where it is none of these.

        One number stands for all of the entries. ``first`` is the words there.
        """
        if not self._keys:
            return -1
        # Mostly all records have the same feature here, and it is the one after the last.
        number = self._next % len(self._keys)
        if not self._keys[number].is_everywhere(words, entry[:1], first[:1]):
            number = self._numbers.get(key_at(words, int(entry[0])), -1)
        if number >= 0 and self._keys[number].is_everywhere(words, entry, first):
            self._next = number + 1
            return number
        if len(self._keys) > thresholds.compared_names:
            return self._table.find(words, entry, first)
        found = np.full(len(entry), -1)
        for number, key in enumerate(self._keys):
            found[key.rows(words, entry, first)] = number
        return found


def key_at(words: Words, entry: int) -> bytes:
    """Return the key of an entry, of up to 127 bytes."""
    size = int(words[entry]) >> 8 & 0xFF
    begin = entry + KEY_HEAD
    return bytes(words[begin : begin + size : 8].tobytes()[:size])


class _Table:
    """Many names, found all at once: by a hash of their entries' first bytes, and then compared."""

    def __init__(self, numbers: Mapping[bytes, int]) -> None:
        names = [name for name in numbers if len(name) <= _LONGEST]
        patterns = [_pattern(name) + bytes(8) for name in names]
        ends = np.cumsum(np.array([len(pattern) for pattern in patterns], np.int64))
        # A longer key is compared as far as it goes, with whatever name has a hash beside its own.
        padding = bytes(_LONGEST + 8)
        self._words = as_words(np.frombuffer(b"".join(patterns) + padding, np.uint8))
        size = np.array([len(name) for name in names], np.int64)
        begin = ends - size - (len(_pattern(b"")) + 8)
        self._longest = int(size.max(initial=0))
        self._factor = np.uint64(0x9E3779B97F4A7C15)
        hashes = self._hashes(self._words, begin, size)
        while len(np.unique(hashes)) < len(hashes):
            self._factor += np.uint64(2)
            hashes = self._hashes(self._words, begin, size)
        order = np.argsort(hashes)
        self._sorted = hashes[order]
        self._begin = begin[order]
        self._number = np.array([numbers[name] for name in names], np.int64)[order]

    def find(self, words: Words, entry: Int64Array, first: Words) -> Int64Array:
        """Return the number of the name at each entry, -1 where it is none."""
        found = np.full(len(entry), -1)
        size = (first >> _8 & BYTE).astype(np.int64)
        rows = np.flatnonzero(size <= self._longest)
        if not len(self._number) or not len(rows):
            return found
        entry, size = entry[rows], size[rows]
        hashes = self._hashes(words, entry, size)
        place: Any = np.searchsorted(self._sorted, hashes)
        np.minimum(place, len(self._sorted) - 1, out=place)
        begin = self._begin[place]
        same = self._sorted[place] == hashes
        for at, left, mask in self._parts(size):
            theirs = words[entry[left] + at] ^ self._words[begin[left] + at]
            same[left] &= theirs & mask == np.uint64(0)
        found[rows[same]] = self._number[place[same]]
        return found

    def _hashes(self, words: Words, entry: Int64Array, size: Int64Array) -> Words:
        hashes = np.zeros(len(entry), np.uint64)
        for at, left, mask in self._parts(size):
            mixed = (hashes[left] ^ (words[entry[left] + at] & mask)) * self._factor
            hashes[left] = mixed ^ mixed >> _SHIFT
        return hashes

    def _parts(self, size: Int64Array) -> Iterator[tuple[int, Any, Words]]:
        """Yield where the words of patterns are, in which rows, and which of their bytes count."""
        size = size + len(_pattern(b""))
        for at in range(0, self._longest + len(_pattern(b"")), 8):
            left = np.flatnonzero(size > at)
            yield at, left, low_bytes(size[left] - at)


def are_plain_keys(words: Words, entry: Int64Array) -> Any:
    """Tell which entries begin with a key of up to 127 ASCII characters, and a value after it."""
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
