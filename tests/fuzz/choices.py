"""A fuzzer's bytes as a `Random`: what makes random inputs elsewhere in the tests makes them here.

So a change to one byte changes one choice, and the fuzzer learns which choices lead to new code.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

# Random byte strings repeat so many bytes of the input: what matters of them is mostly their size.
_PATTERN = 4


class Choices(Random):
    """Takes its choices from the front of ``data``; after the end of that all are 0."""

    def __new__(cls, data: bytes) -> Self:
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end."""
        part = self._data[self._at : self._at + size]
        self._at += size
        return part

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self.take(len(self._data))

    def getrandbits(self, k: int) -> int:
        return int.from_bytes(self.take(-(-k // 8)), "little") & ((1 << k) - 1)

    def _randbelow(self, n: int) -> int:
        # As in Random, but without throwing away what is too large.
        return self.getrandbits((n - 1).bit_length()) % n if n > 1 else 0

    def random(self) -> float:
        # Rare branches are those of small and of large numbers: none at the end of the data.
        part = self.take(2)
        return int.from_bytes(part, "little") / 65536 if len(part) == 2 else 0.5

    def randbytes(self, n: int) -> bytes:
        pattern = self.take(min(n, _PATTERN)) or b"\0"
        return (pattern * (n // len(pattern) + 1))[:n]
