"""Whole batches of consecutive records, a few MB of them, that one thread reads and parses.

TensorFlow's reader can begin at any byte of a plain file. So several of its threads can work on one
file, and keep the order of many; and no record goes from one thread to another before it is parsed.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrecord_lite.parallel.cores import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.compression import Codec

__all__ = ["Landmarks", "Ranges", "cut", "front", "landmarks_of"]

# With less each beginning costs too much, more would be held in memory for nothing.
_RANGE_BYTES = 1 << 22
# Landmarks are so far apart: what lies between one and the record that is wanted is read in vain.
_LANDMARK_BYTES = 1 << 16
_BUFFER_BYTES = 1 << 18
# What is read ahead waits for its turn. Of a file that has to be read from its front that may be
# much: for each thread TensorFlow holds what it is at, and twice as much again.
_MOST_HELD_BYTES = 1 << 29
_HELD_BY_EACH = 3
# The offset that stands for the end of each file.
_AFTER = -1
# More workers hardly anybody has.
_ENOUGH = 32
# For each record that is read in vain there are so many at least that are not.
_LEAST_PER_SKIPPED = 10


class Landmarks(NamedTuple):
    """Where a file can be read from: there stand the records with these numbers, int64 ``[n]``.

    ``offsets`` are bytes, int64 ``[n]``. The first landmark is the front. ``raw_bytes`` is the size
    of all frames, None where that is not known.
    """

    records: Int64Array
    offsets: Int64Array
    raw_bytes: int | None


def landmarks_of(bounds: Int64Array, first: int = 0, batch_size: int = 1) -> Landmarks:
    """Choose landmarks in a plain file whose frames have these bounds.

    With the record ``first`` a batch is expected to begin; but they suit other batches as well.

    >>> landmarks_of(np.arange(6) * 30_000, first=1, batch_size=3).records
    array([0, 1, 2, 4])
    """
    size, count = int(bounds[-1]), len(bounds) - 1
    at = np.arange(0, max(size, 1), _LANDMARK_BYTES)
    records = np.searchsorted(bounds, at, "right") - 1
    if count:
        begins = np.arange(first, count, _step(size / count * batch_size) * batch_size)
        records = np.unique(np.concatenate((records, begins)))
    return Landmarks(records, bounds[records], size)


def _step(batch_bytes: float) -> int:
    """Return how many batches apart ranges may begin."""
    return max(int(_LANDMARK_BYTES / batch_bytes), 1)


def front(raw_bytes: int | None) -> Landmarks:
    """Return the landmarks of a file that can be read from its front alone."""
    return Landmarks(np.zeros(1, np.int64), np.zeros(1, np.int64), raw_bytes)


class Ranges(NamedTuple):
    """Ranges of files, in order.

    A row of ``rows``, int64 ``[n, 5]``, is the numbers of its first file and of the first that is
    no longer in it, the byte in the first file where to begin, and how many records to leave out
    from there and to take then.
    """

    rows: Int64Array
    aligned: bool
    """Whether each begins with a batch; otherwise each is of one file."""
    complete: bool
    """Whether none ends before a batch is full, unless its last file ends."""
    batches: int
    """The most in one."""
    raw_bytes: float
    """The size of the largest; infinite where that is not known."""

    def read(
        self,
        files: Sequence[str],
        sizes: Sequence[int],
        codec: Codec,
        batch_size: int,
        parse: Callable[[Any], Any],
        *,
        begin: Callable[[Any], Any],
        repeat: int | None,
        deterministic: bool,
    ) -> Any:
        """Return a dataset of batches, in the order of the records where ``deterministic``.

        Each epoch reads ``begin`` of the rows. ``sizes`` are those of the files as they lie. What
        stands after them, as it does in a file that was written to since, is a batch too many, or
        an error.
        """
        skips = bool(self.rows[:, 3].any())

        def batches(first: Any, end: Any, offset: Any, skip: Any, take: Any) -> Any:
            after = offset == _AFTER
            from_front = tf.pad([offset], [[0, end - first - 1]])
            variant = tf.raw_ops.TFRecordDatasetV2(
                filenames=tf.constant(files)[first:end],
                # After a compressed file nothing is read as it should be, if there is anything.
                compression_type=tf.where(after, "", codec or ""),
                buffer_size=_BUFFER_BYTES,
                byte_offsets=tf.where(after, tf.constant(sizes, tf.int64)[first:end], from_front),
            )
            data = tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string))
            # What passes single records on costs as much as half of reading them.
            if skips:
                data = data.skip(skip)
            if self.complete:
                return data.batch(batch_size).take(-(-take // batch_size))
            return data.take(take).batch(batch_size)

        # Each number by itself: of an unstacked row TensorFlow's optimizer dies.
        rows = begin(tf.data.Dataset.from_tensor_slices(tuple(self._and_after(codec).T)))
        times = 1
        if self.aligned:
            rows, times = rows.repeat(repeat), repeat or sys.maxsize
        threads = min(usable_cores(), len(self.rows) * times)
        together = self.batches
        if self.raw_bytes * _HELD_BY_EACH * threads > _MOST_HELD_BYTES:
            if deterministic:
                threads = int(_MOST_HELD_BYTES / _HELD_BY_EACH / self.raw_bytes)
            else:
                # Nothing waits for its turn.
                together = 1
        inside = self.aligned and threads > 1
        if threads < 2:
            data = rows.flat_map(batches)
        else:
            data = rows.interleave(
                (lambda *row: batches(*row).map(parse)) if inside else batches,
                cycle_length=threads,
                block_length=together,
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=deterministic,
            )
        if not self.aligned:
            data = data.rebatch(batch_size).repeat(repeat)
        return data if inside else data.map(parse, tf.data.AUTOTUNE, deterministic)

    def _and_after(self, codec: Codec) -> Int64Array:
        """Return the rows, and one for a record after any of the files.

        Where a range goes from a file to the next, such a record would take the place of another.
        """
        if not len(self.rows) or (codec is None and not self.aligned):
            return self.rows
        after = [self.rows[0, 0], self.rows[-1, 1], _AFTER, 0, 1]
        return np.concatenate((self.rows, [after]))


def cut(
    landmarks: Sequence[Landmarks], bases: Int64Array, wanted: range, batch_size: int
) -> Ranges:
    """Cut the records with the numbers ``wanted`` into ranges.

    They are of whole batches, unless too much would be read twice: what a batch has of a file in
    which it does not begin is read again by who has to find the first batch of that file. Nor where
    there would be fewer than files, and few: under ``tf.distribute`` each worker needs one.
    ``bases`` are the numbers of each file's first record, and of the first that is in none.

    >>> marks = landmarks_of(np.arange(6001) * 1000)
    >>> cut([marks, marks], np.array([0, 6000, 12000]), range(11_000), 4096).rows
    array([[      0,       2,       0,       0,    8192],
           [      1,       2, 2162000,      30,    2808]])
    """
    found = _cut(landmarks, bases, wanted, batch_size, aligned=True)
    begins, ends = np.maximum(bases[:-1], wanted.start), np.minimum(bases[1:], wanted.stop)
    few = len(found.rows) < min(int(np.count_nonzero(begins < ends)), _ENOUGH)
    if few or found.rows[:, 3].sum() * _LEAST_PER_SKIPPED > len(wanted):
        return _cut(landmarks, bases, wanted, batch_size, aligned=False)
    return found


def _cut(
    landmarks: Sequence[Landmarks],
    bases: Int64Array,
    wanted: range,
    batch_size: int,
    *,
    aligned: bool,
) -> Ranges:
    rows = [np.empty((0, 5), np.int64)]
    most, largest = 1, 0.0
    for number, marks in enumerate(landmarks):
        base, end = bases[number : number + 2].tolist()
        first, stop = max(base, wanted.start), min(end, wanted.stop)
        if aligned:
            # The batches whose first record is in this file.
            first = wanted.start - (wanted.start - first) // batch_size * batch_size
        count = -(-(stop - first) // batch_size)
        if count <= 0:
            continue
        raw_bytes = math.inf if marks.raw_bytes is None else max(marks.raw_bytes, 1)
        batch_bytes = raw_bytes / (end - base) * batch_size
        together = count
        if len(marks.records) > 1 and aligned:
            step = _step(batch_bytes)
            together = min(math.ceil(_RANGE_BYTES / batch_bytes / step) * step, count)
        begins = first + np.arange(0, count, together) * batch_size
        last = min(first + count * batch_size, wanted.stop) if aligned else stop
        ends = np.minimum(begins + min(together * batch_size, len(wanted)), last)
        at = np.searchsorted(marks.records, begins - base, "right") - 1
        rows.append(
            np.stack(
                (
                    np.full(len(begins), number),
                    np.searchsorted(bases, ends),
                    marks.offsets[at],
                    begins - base - marks.records[at],
                    ends - begins,
                ),
                1,
            )
        )
        most = max(most, together)
        largest = max(largest, together * batch_bytes)
    complete = wanted.stop == bases[-1] or (aligned and len(wanted) % batch_size == 0)
    return Ranges(np.concatenate(rows), aligned, complete, most, largest)
