"""Records in a random order that are more than memory holds: by way of buckets on the disk.

Each record has a random key, and the order is that of the keys. In a first pass each goes to one of
some files, by the upper bits of its key; then each of these is read as a whole, and put in order.
So the order is a function of the keys alone, however many files there are. One that turns out too
large is dealt out once more, by the next bits. It is faster than reading records by their numbers
in that order, whatever their size, since nothing is read but from front to back. A thread writes
buckets while what comes next is read; then another puts records in order while those before are
written, and a third removes what was read, which takes the system as long as reading it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import CorruptRecordError
from tfrecord_lite.jobs.copying import picked
from tfrecord_lite.parallel.read_ahead import closing_idle, read_ahead
from tfrecord_lite.parallel.threads import one_behind
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.framing import FOOTER_SIZE, FRAME_OVERHEAD, RecordBlock, fill_frames
from tfrecord_lite.records.storage import PARTIAL_SUFFIX, naming_file
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tfrecord_lite._types import AnyArray, Int64Array, Uint64Array

__all__ = ["Tagged", "shuffled"]

# Open at once; what two levels of these hold is some TB.
_MOST_BUCKETS: Final = 64
# What is known of each record beside its bytes.
_TAG: Final = np.dtype([("key", "<u8"), ("target", "<i8"), ("length", "<i8")])
_TAGS_AT_ONCE: Final = 1 << 16
# So much is put in order at once.
_PIECE_BYTES: Final = 1 << 24


class Tagged(NamedTuple):
    """A block, and for each record a key and the number of a set: uint64, int64 ``[records]``."""

    block: RecordBlock
    keys: Uint64Array
    targets: Int64Array


def shuffled(source: Iterable[Tagged], folder: str, size: int) -> Generator[Tagged, None, None]:
    """Yield all records in the order of their keys; files of them are put into the folder.

    ``size`` is about how many bytes there are. A file is removed once it was read.
    """
    width = _width(size, 64)
    buckets = _scatter(source, os.path.join(folder, "bucket"), 64 - width, width)
    with one_behind("tfrecord_lite-remove") as later:
        ordered = _in_order(buckets, 64 - width, later)
        with closing_idle(ordered), closing(read_ahead(ordered)) as ahead:
            yield from ahead


def _width(size: int, bits: int) -> int:
    """Return how many of so many bits tell the buckets of so many bytes apart."""
    wanted = -(-2 * size // limits.shuffled_bytes)
    return min(max(wanted - 1, 1).bit_length(), _MOST_BUCKETS.bit_length() - 1, bits)


def _in_order(
    buckets: list[_Bucket], bits: int, later: Callable[..., None]
) -> Generator[Tagged, None, None]:
    """Yield the records of buckets, whose keys differ in so many bits, in the order of the keys."""
    for bucket in buckets:
        if bucket.size > limits.shuffled_bytes and bucket.records > 1 and bits:
            width = _width(bucket.size, bits)
            parts = _scatter(bucket.pieces(), bucket.path, bits - width, width)
            yield from _in_order(parts, bits - width, later)
        else:
            yield from bucket.in_order()
        later(bucket.remove)


def _scatter(source: Iterable[Tagged], path: str, shift: int, width: int) -> list[_Bucket]:
    """Put each record into the bucket that some bits of its key say."""
    with ExitStack() as stack:
        buckets = [_Bucket(f"{path}-{number:03d}", stack) for number in range(1 << width)]
        later = stack.enter_context(one_behind("tfrecord_lite-deal"))
        mask = np.uint64((1 << width) - 1)
        for block, keys, targets in source:
            which = ((keys >> np.uint64(shift)) & mask).astype(np.int64)
            order = np.argsort(which, kind="stable")
            edges = np.searchsorted(which[order], np.arange(len(buckets) + 1))
            tagged = Tagged(picked(block, order), keys[order], targets[order])
            later(_deal, buckets, edges, tagged)
    return buckets


def _deal(buckets: list[_Bucket], edges: Int64Array, tagged: Tagged) -> None:
    """Write records, of which the frames lie one after the other, from each edge to the next."""
    lengths = tagged.block.lengths
    frames = fill_frames(tagged.block)
    assert frames is not None
    tags = np.empty(len(lengths), _TAG)
    tags["key"], tags["target"], tags["length"] = tagged.keys, tagged.targets, lengths
    bounds = np.concatenate([[0], np.cumsum(lengths + FRAME_OVERHEAD)])[edges].tolist()
    cuts = zip(pairwise(edges.tolist()), pairwise(bounds), strict=True)
    for bucket, ((first, last), (begin, end)) in zip(buckets, cuts, strict=True):
        if first < last:
            bucket.add(frames[begin:end], tags[first:last])


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    file = open(path, "wb")  # noqa: SIM115 - errors of others go by, unnamed
    try:
        yield file
    finally:
        with naming_file(path):
            file.close()


class _Bucket:
    """Some records on the disk: their frames in one file, and what is known of them in another."""

    def __init__(self, path: str, stack: ExitStack) -> None:
        self.path = path
        self.size = self.records = 0
        self._crc = 0
        self._data_path, self._tags_path = path + PARTIAL_SUFFIX, path + ".tags"
        self._data, self._tags = (
            stack.enter_context(_opened(name)) for name in (self._data_path, self._tags_path)
        )

    def add(self, data: memoryview, tags: AnyArray) -> None:
        """Write records after those that are there."""
        with naming_file(self._data_path):
            self._data.write(data)
            self._tags.write(tags.tobytes())
        self._crc = crc32c(data, self._crc)
        self.size += len(data)
        self.records += len(tags)

    def remove(self) -> None:
        os.unlink(self._data_path)
        os.unlink(self._tags_path)

    def in_order(self) -> Iterator[Tagged]:
        """Yield the records in the order of their keys; all are read at once."""
        if not self.records:
            return
        block, keys, targets = self._read(0, self.size, 0, self.records)
        self._check(crc32c(block.buffer.data, 0))
        order = np.argsort(keys, kind="stable")
        for begin, end in _cuts(block.lengths[order]):
            rows = order[begin:end]
            yield Tagged(picked(block, rows), keys[rows], targets[rows])

    def pieces(self) -> Iterator[Tagged]:
        """Yield the records as they were written, some at once."""
        crc = at = 0
        for first in range(0, self.records, _TAGS_AT_ONCE):
            lengths = self._read_tags(first, min(_TAGS_AT_ONCE, self.records - first))["length"]
            for begin, end in _cuts(lengths):
                size = int(lengths[begin:end].sum()) + FRAME_OVERHEAD * (end - begin)
                tagged = self._read(at, size, first + begin, end - begin)
                crc, at = crc32c(tagged.block.buffer.data, crc), at + size
                yield tagged
        self._check(crc)

    def _read(self, at: int, size: int, first: int, count: int) -> Tagged:
        tags = self._read_tags(first, count)
        lengths = tags["length"].astype(np.int64)
        buffer = np.fromfile(self._data_path, np.uint8, size, offset=at)
        ends = np.cumsum(lengths + FRAME_OVERHEAD)
        if len(buffer) != ends[-1]:
            self._check(-1)
        block = RecordBlock(buffer, ends - FOOTER_SIZE - lengths, lengths, path=self._data_path)
        block.has_space = block.has_frames = True
        return Tagged(block, tags["key"], tags["target"])

    def _read_tags(self, first: int, count: int) -> Any:
        return np.fromfile(self._tags_path, _TAG, count, offset=first * _TAG.itemsize)

    def _check(self, crc: int) -> None:
        if crc != self._crc:
            raise CorruptRecordError(
                "what is read of this temporary file is not what was written to it; the disk is at "
                "fault, or somebody else wrote there",
                path=self._data_path,
                expected=self._crc,
                actual=max(crc, 0),
            )


def _cuts(lengths: Int64Array) -> Iterator[tuple[int, int]]:
    """Yield from where to where there are some records of no more than a piece, or one larger."""
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(ends):
        done = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, done + _PIECE_BYTES, "right")), begin + 1)
        yield begin, end
        begin = end
