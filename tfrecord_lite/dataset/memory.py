"""Memory that decoding takes: how much at once, and that what is freed is kept."""

from __future__ import annotations

import numpy as np

from tfrecord_lite.thresholds import limits

__all__ = ["block_bytes", "keep_freed_memory"]

_SMALL_BYTES, _LARGE_BYTES = 1 << 10, 1 << 14
# Freed once, so that memory freed later is kept for reuse.
_KEPT_BYTES = 31 << 20
# And enough that few batches lie across two blocks.
_BATCHES_PER_BLOCK = 4


def block_bytes(mean: int, batch_size: int) -> int:
    """Choose how much to decode at once, for records of a mean size."""
    if mean < _SMALL_BYTES:
        least, most = limits.small_block_bytes
    elif mean < _LARGE_BYTES:
        least, most = limits.middle_block_bytes
    else:
        least, most = limits.large_block_bytes
    return min(max(_BATCHES_PER_BLOCK * batch_size * mean, least), most)


def keep_freed_memory() -> None:
    """Have the C library keep the memory of batches that are let go, for those to come.

    Otherwise the system takes the memory of large arrays back, and hands it out again page by page,
    each filled with zeros, which costs more than decoding does. glibc's malloc keeps up to twice as
    much as the largest block that was freed (see M_MMAP_THRESHOLD in mallopt(3)). This one, just
    below the size at which it stops learning, is never written to, so it takes no memory.
    """
    np.empty(_KEPT_BYTES, np.uint8)
