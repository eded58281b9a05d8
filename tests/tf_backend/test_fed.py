"""Feeding TensorFlow from generators: when they begin and end, and what they raise."""

from __future__ import annotations

import gc
import sys
import threading
from itertools import count

import numpy as np
import pytest
import tensorflow as tf
from tf_backend.tensors import FEATURES, record

import tfrecord_lite as tfr
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.tensorflow import fed, make_dataset


class Numbers:
    """Generators of the arrays 0, 1, 2, ..., and which of them are open."""

    def __init__(self, stop):
        self.stop = stop
        self.begun = self.closed = 0

    def __call__(self):
        self.begun += 1
        try:
            for number in count():
                if number == self.stop:
                    return
                yield [np.array(number), np.array([b"x" * number], object)]
        finally:
            self.closed += 1


def feed(numbers):
    nothing = [np.array(0), np.empty(0, object)]
    return fed.feed(numbers, nothing, lambda parts: (next(parts), next(parts)))


def values(data):
    return [int(number) for number, _ in data]


def collect():
    """Have TensorFlow let go of arrays whose tensors are gone."""
    gc.collect()
    tf.constant(np.arange(3))


def test_every_iteration_is_a_new_generator():
    numbers = Numbers(3)
    data = feed(numbers)
    for epoch in range(1, 3):
        assert values(data) == [0, 1, 2]
        collect()
        assert (numbers.begun, numbers.closed) == (epoch, epoch)
    assert values(data.repeat(2)) == [0, 1, 2, 0, 1, 2]


def test_without_end():
    numbers = Numbers(None)
    assert values(feed(numbers).take(50)) == list(range(50))
    collect()
    assert numbers.closed == 1


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_iterator_that_is_dropped_closes_its_generator(prefetch):
    numbers = Numbers(1000)
    iterator = iter(feed(numbers).prefetch(prefetch))
    next(iterator)
    assert numbers.closed == 0
    del iterator
    collect()
    assert numbers.closed == 1


def test_iterators_side_by_side():
    numbers = Numbers(4)
    data = feed(numbers)
    iterator = iter(data)
    next(iterator)
    assert [
        tuple(map(int, pair))
        for pair in tf.data.Dataset.zip((data, data)).map(lambda one, other: (one[0], other[0]))
    ] == [(number, number) for number in range(4)]
    assert [int(number) for number, _ in iterator] == [1, 2, 3]
    del iterator
    collect()
    assert numbers.begun == numbers.closed == 3


def test_keys_that_tensorflow_copies(monkeypatch):
    """Then the end of an iterator that is dropped cannot be seen, and nothing else is amiss."""
    monkeypatch.setattr(fed, "_aligned_key", lambda number: np.array([number, number])[1:])
    monkeypatch.setattr(fed._Running, "next", _copying(fed._Running.next))
    numbers = Numbers(3)
    data = feed(numbers)
    assert values(data) == [0, 1, 2]
    assert numbers.closed == 1
    iterator = iter(data)
    next(iterator)
    collect()
    assert [int(number) for number, _ in iterator] == [1, 2]
    assert numbers.closed == 2


def _copying(method):
    return lambda running, key: method(running, key.copy())


def test_fewer_batches_than_there_were(tmp_path, monkeypatch):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, map(record, range(9)))
    data = make_dataset(path, FEATURES, batch_size=2, engine="numpy")
    tfr.write_records(path, map(record, range(6)))
    with pytest.raises(tf.errors.OpError, match="replaced or written to"):
        list(data)
    # As if it were written to when the epoch has begun.
    monkeypatch.setattr(EpochRecords, "look_again", lambda *_: None)
    with pytest.raises(tf.errors.OpError, match="fewer than the 5 batches .* written to since"):
        list(data)


@pytest.mark.parametrize(
    ("error", "theirs"),
    [
        (ValueError("a value"), tf.errors.InvalidArgumentError),
        (OSError(5, "a disk"), tf.errors.UnknownError),
        (EOFError("an end"), tf.errors.UnknownError),
        (tfr.TruncatedRecordError("cut", path="a", record=3, offset=9), tf.errors.UnknownError),
    ],
)
def test_what_a_generator_raises(error, theirs):
    closed = []

    def begin():
        try:
            yield [np.array(0), np.array([b""], object)]
            raise error
        finally:
            closed.append(True)

    iterator = iter(feed(begin))
    next(iterator)
    with pytest.raises(theirs) as found:
        next(iterator)
    assert f"{type(error).__name__}: {error}" in found.value.message
    assert closed


def test_a_generator_that_cannot_begin():
    def begin():
        raise OSError(24, "Too many open files")

    with pytest.raises(tf.errors.UnknownError, match="Too many open files"):
        values(feed(begin))


def test_no_threads_or_files_stay_behind(tmp_path):
    # Tests that interrupt at any line may leave a thread that waits for work.
    before = threading.enumerate()
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, map(record, range(2000)))
    data = make_dataset(path, FEATURES, batch_size=2, engine="numpy", repeat=None)
    for _ in range(3):
        for _ in data.take(2):
            pass
    collect()
    names = [thread.name for thread in threading.enumerate() if thread not in before]
    assert not [name for name in names if name.startswith("tfrecord_lite")]


def test_the_memory_allocator_is_left_alone():
    """No GeneratorDataset: it would set M_MMAP_THRESHOLD for the whole process."""
    graph = feed(Numbers(1))._as_serialized_graph().numpy()
    assert b"FlatMapDataset" in graph
    assert b"GeneratorDataset" not in graph


def test_a_tensorflow_without_the_private_class(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.python.data.ops.map_op", None)
    data = fed._map_here(tf.data.Dataset.range(3), lambda number: number + 1)
    assert [int(number) for number in data] == [1, 2, 3]
