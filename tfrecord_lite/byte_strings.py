"""Byte strings of few sizes made by NumPy, in a loop of its own, and not one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["strings_by_size"]


def strings_by_size(
    buffer: Uint8Array, begin: Int64Array, size: Int64Array
) -> npt.NDArray[np.object_] | None:
    """Return the byte strings at ``begin``, of ``size`` bytes, as an object array of ``bytes``.

    NumPy makes ``bytes`` of an item of void dtype, trailing NULs included; an item of each size has
    a dtype, so strings are sorted by size. None where that takes longer: they are large, or their
    sizes many.

    >>> buffer = np.frombuffer(b"abcde", np.uint8)
    >>> strings_by_size(buffer, np.array([0, 3]), np.array([2, 2])).tolist()
    [b'ab', b'de']
    """
    values = np.empty(len(begin), object)
    if not len(begin):
        return values
    if int(size.max()) > thresholds.grouped_string_bytes:
        return None
    sizes = np.flatnonzero(np.bincount(size)).tolist()
    if len(sizes) * thresholds.strings_per_size > len(begin) and len(sizes) > 1:
        return None
    for each in sizes:
        rows = np.flatnonzero(size == each) if len(sizes) > 1 else slice(None)
        values[rows] = _of_one_size(buffer, begin[rows], each)
    return values


def _of_one_size(buffer: Uint8Array, begin: Int64Array, size: int) -> Any:
    if size == 0:
        return b""
    every: Any = np.ndarray((len(buffer) - size + 1,), f"V{size}", buffer=buffer, strides=(1,))
    return every[begin].astype(object)
