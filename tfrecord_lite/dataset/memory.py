"""Memory that decoding takes: how much at once, and that what is freed is kept."""

from __future__ import annotations

import numpy as np

__all__ = ["FIRST_BLOCK_BYTES", "block_bytes", "keep_freed_memory"]

# How much is decoded at once, by the size of records: at least and at most. Each NumPy call costs
# the same for few records as for many, so large records take large blocks; what is made of a block
# should stay in the processor's caches, so small records take small ones.
FIRST_BLOCK_BYTES = 1 << 20
_SMALL_BYTES, _LARGE_BYTES = 1 << 10, 1 << 14
_BLOCK_BYTES = {
    "small": (1 << 20, 1 << 21),
    "middle": (1 << 22, 1 << 22),
    "large": (1 << 23, 1 << 23),
}
# Freed once, so that memory freed later is kept for reuse.
_KEPT_BYTES = 31 << 20
# And enough that few batches lie across two blocks.
_BATCHES_PER_BLOCK = 4


def block_bytes(mean: int, batch_size: int) -> int:
    """Choose how much to decode at once, for records of a mean size."""
    size = "small" if mean < _SMALL_BYTES else "middle" if mean < _LARGE_BYTES else "large"
    least, most = _BLOCK_BYTES[size]
    return min(max(_BATCHES_PER_BLOCK * batch_size * mean, least), most)


def keep_freed_memory() -> None:
    """Have the C library keep the memory of batches that are let go, for those to come.

    Otherwise the system takes the memory of large arrays back, and hands it out again page by page,
    each filled with zeros, which costs more than decoding does. glibc's malloc keeps up to twice as
    much as the largest block that was freed (see M_MMAP_THRESHOLD in mallopt(3)). This one, just
    below the size at which it stops learning, is never written to, so it takes no memory.
    """
    np.empty(_KEPT_BYTES, np.uint8)
