"""Which rank this process is: as given, or as torch.distributed knows."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import torch.distributed

__all__ = ["Auto", "Ranks", "find_ranks"]

Auto: TypeAlias = Literal["auto"]


class Ranks(NamedTuple):
    """A rank of so many, and whether torch.distributed was asked for each."""

    rank: int
    world_size: int
    asked: bool

    def check(self) -> None:
        """Raise ``RuntimeError`` where torch.distributed says another thing by now."""
        if self.asked and torch.distributed.is_available() and torch.distributed.is_initialized():
            now = torch.distributed.get_rank(), torch.distributed.get_world_size()
            if now != self[:2]:
                raise RuntimeError(
                    "torch.distributed was initialised after this was made for rank "
                    f"{self.rank} of {self.world_size}; this process is rank {now[0]} of {now[1]}: "
                    "make it afterwards, or pass rank= and world_size="
                )


def find_ranks(rank: int | Auto, world_size: int | Auto) -> Ranks:
    """Return the rank given, or torch.distributed's for "auto"; 0 of 1 where that is not in use.

    ``ValueError`` where but one of the two is given.

    >>> find_ranks("auto", "auto")
    Ranks(rank=0, world_size=1, asked=True)
    """
    if rank == "auto" and world_size == "auto":
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size(), True)
        return Ranks(0, 1, True)
    if rank == "auto" or world_size == "auto":
        raise ValueError(
            f"rank={rank!r} and world_size={world_size!r}: pass both, or neither for those of "
            "torch.distributed"
        )
    return Ranks(rank, world_size, False)
