"""Feeding TensorFlow from an iterator of our own.

``tf.data.Dataset.from_generator`` would do, but its GeneratorDataset sets glibc's M_MMAP_THRESHOLD
to 128 KiB for the whole process. From then on each larger array is memory fresh from the system,
which costs more than all else that is done for a batch. So it is ``tf.numpy_function`` alone.
"""

from __future__ import annotations

import weakref
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrecord_lite.tensorflow.calls import ends_with_python

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tfrecord_lite._types import AnyArray, Int64Array, Uint8Array

    Arrays = list[AnyArray]

__all__ = ["aligned", "dtypes_of", "feed"]

ALIGNMENT = 64
"""Where arrays must begin to become tensors without a copy: at multiples of so many bytes."""
# What so many calls gave may wait for who takes it.
_AHEAD = 2


def feed(
    begin: Callable[[], Generator[Arrays, None, None]],
    nothing: Arrays,
    assemble: Callable[[Iterator[Any]], Any],
) -> Any:
    """Return a dataset whose every iterator takes what a generator that ``begin`` makes yields.

    An element is what ``assemble`` makes, in a graph, of tensors that are like the arrays in
    ``nothing``. What the generator raises is raised to who iterates, as TensorFlow's error with the
    same text. It is closed when the dataset's iterator is gone, be that at the end or not.

    Arrays at multiples of `ALIGNMENT` bytes become tensors as they are, so they must not change.
    """
    running = _Running(begin)
    dtypes = dtypes_of(nothing)

    @ends_with_python
    def step(key: Int64Array) -> Arrays:
        arrays = running.next(key)
        return [np.array(False), *nothing] if arrays is None else [np.array(True), *arrays]

    def perhaps(key: Any) -> tuple[Any, Any]:
        there, *parts = tf.numpy_function(step, [key], [tf.bool, *dtypes])
        there.set_shape(())
        return there, assemble(iter(parts))

    def elements(start: Any) -> Any:
        key = tf.numpy_function(ends_with_python(running.start), [start], tf.int64)
        key.set_shape((1,))
        found = _map_here(tf.data.Dataset.from_tensors(key).repeat(), perhaps)
        found = found.take_while(lambda there, _: there)
        # The next call goes on while others work on what this one gave.
        return _map_here(found, lambda _, element: element).prefetch(_AHEAD)

    return tf.data.Dataset.from_tensors(0).flat_map(elements)


def _map_here(data: Any, function: Callable[..., Any]) -> Any:
    """Map in the thread that asks; ``map`` itself hands over to another and back, which costs.

    That is TensorFlow's own class, but no public one: where it is not as in 2.21, ``map`` will do.
    """
    try:
        from tensorflow.python.data.ops.map_op import _MapDataset

        return _MapDataset(data, function, use_inter_op_parallelism=False)
    except (ImportError, TypeError):
        return data.map(function)


def dtypes_of(arrays: Arrays) -> list[tf.DType]:
    """Return the dtypes of the tensors that arrays become."""
    return [tf.string if array.dtype == object else tf.as_dtype(array.dtype) for array in arrays]


class _Run(NamedTuple):
    generator: Generator[Arrays, None, None]
    address: int
    """Where the key lies that stands for this run."""


class _Running:
    """Generators that are under way, each known by the key that a dataset's iterator has.

    A key is an array that TensorFlow takes without a copy, as a tensor that lives as long as the
    iterator. When that is gone so is the array, which nothing else holds; and that is how the end
    of an iterator is known that nobody reads to its end.
    """

    def __init__(self, begin: Callable[[], Generator[Arrays, None, None]]) -> None:
        self._begin = begin
        self._numbers = count()
        self._runs: dict[int, _Run] = {}
        # Keys that have not come back from TensorFlow; or have, and were copies.
        self._held: dict[int, Int64Array] = {}

    def start(self, _: object) -> Int64Array:
        """Begin a run and return its key, int64 ``[1]``."""
        number = next(self._numbers)
        key = _aligned_key(number)
        assert key.base is not None
        self._runs[number] = _Run(self._begin(), key.ctypes.data)
        self._held[number] = key
        # When the interpreter ends, TensorFlow's threads may be in the middle of a run.
        weakref.finalize(key.base, self.end, number).atexit = False
        return key

    def next(self, key: Int64Array) -> Arrays | None:
        """Return the next arrays of a run, None at its end."""
        number = int(key[0])
        if number not in self._runs:
            return None
        run = self._runs[number]
        if key.ctypes.data == run.address:
            self._held.pop(number, None)
        arrays = next(run.generator, None)
        if arrays is None:
            self.end(number)
        return arrays

    def end(self, number: int) -> None:
        """Close a run, if it has not ended."""
        self._held.pop(number, None)
        if (run := self._runs.pop(number, None)) is not None:
            run.generator.close()


def aligned(size: int) -> Uint8Array:
    """Return uint8 ``[size]``, at a multiple of `ALIGNMENT`, in memory of its own."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size]


def _aligned_key(number: int) -> Int64Array:
    """Return an array of one number, where TensorFlow does not copy it."""
    key = aligned(8).view(np.int64)
    key[0] = number
    return key
