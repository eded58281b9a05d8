"""Which records come when, and in which batches: what callers say of it, checked."""

from __future__ import annotations

from dataclasses import dataclass

from tfrecord_lite.dataset.order import Even, batch_count, share
from tfrecord_lite.records.numbers import at_least, integer

__all__ = ["Settings"]


@dataclass
class Settings:
    """The parameters of `Dataset` that have these names; ``ValueError`` or ``TypeError`` if wrong.

    >>> Settings(batch_size=2).world_size
    1
    """

    batch_size: int
    shuffle: bool | int = False
    interleave: int = 16
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    even: Even = None
    repeat: int | None = 1
    drop_remainder: bool = False

    def __post_init__(self) -> None:
        self.batch_size = at_least(1, batch_size=self.batch_size)
        if not isinstance(self.shuffle, bool):
            self.shuffle = at_least(1, shuffle=self.shuffle)
        self.interleave = at_least(1, interleave=self.interleave)
        self.seed = at_least(0, seed=self.seed)
        self.rank = integer(rank=self.rank)
        self.world_size = at_least(1, world_size=self.world_size)
        if not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"rank={self.rank} must be from 0 to world_size - 1, where world_size="
                f"{self.world_size}"
            )
        if self.even not in (None, "drop", "pad"):
            raise ValueError(f"even={self.even!r}; choose None, 'drop' or 'pad'")
        if self.repeat is not None:
            self.repeat = at_least(1, repeat=self.repeat)

    def share(self, count: int, rank: int | None = None) -> range:
        """Return which of so many records are a rank's, where each has consecutive ones."""
        return share(count, self.rank if rank is None else rank, self.world_size, self.even)

    def batches(self, records: int) -> int:
        """Return how many batches so many records make."""
        return batch_count(records, self.batch_size, drop_remainder=self.drop_remainder)
