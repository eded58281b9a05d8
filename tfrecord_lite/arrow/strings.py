"""Byte strings of a block as Arrow arrays, without a Python object for each.

Arrow's views are 16 bytes: a size, and the string itself if it has up to 12 bytes, or its first
four, which buffer it is in, and where. So views of a block are a few operations on whole columns,
and what wants the strings one after another has Arrow copy them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tfrecord_lite.arrow.arrays import first_refused
from tfrecord_lite.arrow.types import is_view
from tfrecord_lite.example.columns import UnfitError
from tfrecord_lite.example.words import as_words, low_bytes
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["string_array"]

_INLINE: Final = 12
_32: Final = np.uint64(32)
_VIEW_BITS: Final = 30  # of an offset in one of the buffers, which are parts of the block


def string_array(
    buffer: Uint8Array,
    begin: Int64Array,
    size: Int64Array,
    kind: pa.DataType,
    validity: Any,
    row_of: Callable[[int], int],
) -> pa.Array:
    """Return the byte strings at ``begin``, of ``size`` bytes, as an array of this type.

    ``validity`` is a bitmap of those that are there, None where all are. The array of a view type
    shares memory with the buffer, which has to stay as it is. Raises `UnfitError` for one that is
    not of the type, as text that is not UTF-8; ``row_of`` tells whose each is.
    """
    large = len(begin) and int(size.sum()) >= thresholds.copied_string_bytes * len(begin)
    array = None
    if large and validity is None and not is_view(kind):
        array = _sliced(buffer, begin, size)
    if array is None:
        array = _views(buffer, begin, size, validity)
    if array.type == kind:
        return array
    try:
        return array.cast(kind)
    except pa.ArrowInvalid as error:
        index = first_refused(array, lambda some: some.cast(kind))
        reason = f"found {size[index]} bytes, which is no {kind}: {error}"
        if "UTF" in str(error):
            reason = f"found bytes that are not UTF-8 ({error}); ask for bytes instead of text"
        raise UnfitError(row_of(index), reason) from None


def _views(buffer: Uint8Array, begin: Int64Array, size: Int64Array, validity: Any) -> pa.Array:
    """Return views of the buffer."""
    words = as_words(buffer)
    views = np.empty((len(begin), 2), "<u8")
    if len(begin):
        head = words[begin] & low_bytes(size)
        views[:, 0] = size.astype(np.uint64) | head << _32
        short = size <= _INLINE
        some = short.any()
        if some:
            tail = words[np.minimum(begin + 8, len(words) - 1)] & low_bytes(size - 8)
            views[:, 1] = head >> _32 | tail << _32
        if not (some and short.all()):
            where = (begin >> _VIEW_BITS | (begin & (1 << _VIEW_BITS) - 1) << 32).astype(np.uint64)
            np.copyto(views[:, 1], where, where=~short)
    whole = pa.py_buffer(buffer)
    parts = [whole.slice(at) for at in range(0, max(len(buffer), 1), 1 << _VIEW_BITS)]
    buffers = [validity, pa.py_buffer(views), *parts]
    return pa.Array.from_buffers(pa.binary_view(), len(begin), buffers)


def _sliced(buffer: Uint8Array, begin: Int64Array, size: Int64Array) -> Any:
    """Return large strings, copied at once; None where they do not follow one another."""
    edges = np.empty(2 * len(begin), np.int64)
    edges[::2] = begin
    edges[1::2] = begin + size
    if (np.diff(edges) < 0).any():
        return None
    whole = [None, pa.py_buffer(edges), pa.py_buffer(buffer)]
    # Every second of these is what lies between two strings.
    every = pa.Array.from_buffers(pa.large_binary(), len(edges) - 1, whole)
    return every.take(pa.array(np.arange(0, len(edges) - 1, 2)))
