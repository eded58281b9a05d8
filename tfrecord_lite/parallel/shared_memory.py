"""Memory that two processes share, for one value after the other.

The memory has no name. It belongs to those that hold its handle and is gone with the last of them,
however they end: there is nothing that could be left behind.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.byte_strings import strings_by_size
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array, Uint8Array

__all__ = ["ArrayPickler", "SharedMemory", "StoredValue"]

# Arrays begin at the start of a cache line.
_ALIGNMENT = 64
_LAST_STANDARD_HANDLE = 2


class StoredValue(NamedTuple):
    """What a process must be told of a value that another has stored: its bytes and parts."""

    size: int
    parts: int


class SharedMemory:
    """Shared memory, known by the handle of a file that lies in memory alone.

    A value is pickled; arrays in it, those of byte strings too, are copied as they are. The memory
    grows to what it must hold, and never shrinks. Linux alone has such files.

    >>> ours = SharedMemory.create()
    >>> theirs = SharedMemory(os.dup(ours.handle))
    >>> stored = ours.write({"label": np.arange(3)})
    >>> theirs.read(stored)
    {'label': array([0, 1, 2])}
    >>> ours.close(), theirs.close()
    (None, None)
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._memory: Uint8Array = np.empty(0, np.uint8)

    @classmethod
    def create(cls) -> SharedMemory:
        """Make a new one, empty."""
        import fcntl

        handle = os.memfd_create("tfrecord_lite")
        if handle > _LAST_STANDARD_HANDLE:
            return cls(handle)
        # Where standard streams are closed, theirs are the lowest free handles; a process that is
        # started gets pipes in their place.
        try:
            return cls(fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, _LAST_STANDARD_HANDLE + 1))
        finally:
            os.close(handle)

    def _at_least(self, size: int) -> Uint8Array:
        if len(self._memory) < size:
            size = max(size, os.fstat(self.handle).st_size)
            os.ftruncate(self.handle, size)
            self._memory = np.frombuffer(mmap.mmap(self.handle, size), np.uint8)
        return self._memory

    def write(self, value: Any, pickler_type: type[ArrayPickler] | None = None) -> StoredValue:
        """Store a value in place of the last one."""
        stream = io.BytesIO()
        pickler = (pickler_type or ArrayPickler)(stream)
        pickler.dump(value)
        flat = [stream.getbuffer(), *(buffer.raw() for buffer in pickler.buffers)]
        parts = [np.frombuffer(part, np.uint8) for part in flat]
        sizes = np.array([len(part) for part in parts])
        begins = _begins(sizes)
        memory = self._at_least(int(begins[-1]))
        for begin, part in zip(begins.tolist(), parts, strict=False):
            memory[begin : begin + len(part)] = part
        sizes[1:][pickler.are_bytes] *= -1
        memory[: sizes.nbytes] = sizes.view(np.uint8)
        return StoredValue(int(begins[-1]), len(parts))

    def read(self, stored: StoredValue, *, copy: bool = True) -> Any:
        """Return the value that was stored.

        Its arrays are copies that the next `write` does not change. Without ``copy`` they are the
        shared memory itself: for a value that stays.
        """
        memory = self._at_least(stored.size)
        sizes = memory[: 8 * stored.parts].view(np.int64)
        begins = _begins(np.abs(sizes)).tolist()
        parts = []
        for begin, size in zip(begins, sizes.tolist(), strict=False):
            part = memory[begin : begin + abs(size)]
            # Of byte strings each will be a copy.
            parts.append(part.copy() if copy and size > 0 else part)
        stream, *buffers = parts
        return pickle.loads(stream.data, buffers=buffers)  # noqa: S301 - our own process wrote it

    def close(self) -> None:
        """Give the handle back; the memory goes when the other side does the same."""
        self._memory = np.empty(0, np.uint8)
        os.close(self.handle)


def _begins(sizes: Int64Array) -> Int64Array:
    """Return where each part begins, and the end; the sizes themselves come first."""
    spans = np.concatenate([[sizes.nbytes], sizes])
    return np.cumsum(-(-spans // _ALIGNMENT) * _ALIGNMENT)


class ArrayPickler(pickle.Pickler):
    """Pickles arrays, of byte strings too, so that their bytes stay out of the stream."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.buffers: list[pickle.PickleBuffer] = []
        self._of_bytes: list[pickle.PickleBuffer] = []
        super().__init__(stream, protocol=5, buffer_callback=self.buffers.append)

    @property
    def are_bytes(self) -> BoolArray:
        """Which of the buffers are of byte strings."""
        ours = set(map(id, self._of_bytes))
        return np.array([id(buffer) in ours for buffer in self.buffers], bool)

    def reducer_override(self, value: Any) -> Any:
        """Return how a value is pickled; see `pickle.Pickler.reducer_override`."""
        if type(value) is not np.ndarray or value.dtype != object:
            return NotImplemented
        items = value.ravel().tolist()
        if set(map(type, items)) != {bytes}:
            return NotImplemented
        lengths = np.fromiter(map(len, items), np.int64, len(items))
        pieces = items if lengths.mean() >= thresholds.joined_string_bytes else [b"".join(items)]
        buffers = list(map(pickle.PickleBuffer, pieces))
        self._of_bytes += buffers
        return _byte_strings, (buffers, lengths, value.shape)


def _byte_strings(
    buffers: Sequence[Uint8Array], lengths: Int64Array, shape: tuple[int, ...]
) -> AnyArray:
    """Return the array of byte strings that lie in these buffers, one by one or all in one."""
    ends = np.cumsum(lengths)
    if len(buffers) == 1:
        joined = np.frombuffer(buffers[0], np.uint8)
        strings = strings_by_size(joined, ends - lengths, lengths)
        if strings is not None:
            return strings.reshape(shape)
    strings = np.empty(len(lengths), object)
    if len(buffers) == len(lengths):
        strings[:] = [bytes(buffer) for buffer in buffers]
    else:
        cut = bytes(*buffers)
        strings[:] = [cut[begin:end] for begin, end in pairwise([0, *ends.tolist()])]
    return strings.reshape(shape)
