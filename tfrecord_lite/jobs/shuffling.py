"""Records in a random order that are more than memory holds: by way of buckets on the disk.

Each record has a random key, and the order is that of the keys. In a first pass each goes to one of
some files, by the upper bits of its key; then each of these is read as a whole, and put in order.
So the order is a function of the keys alone, however many files there are. One that turns out too
large is dealt out once more, by the next bits. It is faster than reading records by their numbers
in that order, whatever their size, since nothing is read but from front to back.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import CorruptRecordError
from tfrecord_lite.jobs.copying import picked
from tfrecord_lite.records.checksum import first_bad_record
from tfrecord_lite.records.framing import RecordBlock, fill_frames, scan_frames
from tfrecord_lite.records.storage import PARTIAL_SUFFIX
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array

__all__ = ["Tagged", "shuffled"]

# Open at once; what two levels of these hold is some TB.
_MOST_BUCKETS: Final = 64
# What is known of each record beside its bytes.
_TAG: Final = np.dtype([("key", "<u8"), ("target", "<i8")])
# So much is put in order at once.
_PIECE_BYTES: Final = 1 << 24


class Tagged(NamedTuple):
    """A block, and for each record a key and the number of a set: uint64, int64 ``[records]``."""

    block: RecordBlock
    keys: npt.NDArray[np.uint64]
    targets: Int64Array


def shuffled(source: Iterable[Tagged], folder: str, size: int) -> Iterator[Tagged]:
    """Yield all records in the order of their keys; files of them are put into the folder.

    ``size`` is about how many bytes there are. A file is removed once it was read.
    """
    yield from _level(source, os.path.join(folder, "bucket"), size, 64)


def _level(source: Iterable[Tagged], path: str, size: int, bits: int) -> Iterator[Tagged]:
    wanted = -(-2 * size // limits.shuffled_bytes)
    width = min(max(wanted - 1, 1).bit_length(), _MOST_BUCKETS.bit_length() - 1, bits)
    buckets = [f"{path}-{number:03d}" for number in range(1 << width)]
    _scatter(source, buckets, bits - width, width)
    for bucket in buckets:
        data, tags = bucket + PARTIAL_SUFFIX, bucket + ".tags"
        size = os.path.getsize(data)
        if size > limits.shuffled_bytes and os.path.getsize(tags) > _TAG.itemsize and bits > width:
            yield from _level(_pieces(data, tags), bucket, size, bits - width)
        else:
            yield from _in_order(data, tags)
        os.unlink(data)
        os.unlink(tags)


def _scatter(source: Iterable[Tagged], buckets: list[str], shift: int, width: int) -> None:
    with ExitStack() as stack:
        files = [
            (
                stack.enter_context(open(bucket + PARTIAL_SUFFIX, "wb")),
                stack.enter_context(open(bucket + ".tags", "wb")),
            )
            for bucket in buckets
        ]
        mask = np.uint64((1 << width) - 1)
        for block, keys, targets in source:
            which = ((keys >> np.uint64(shift)) & mask).astype(np.int64)
            order = np.argsort(which, kind="stable")
            edges = np.searchsorted(which[order], np.arange(len(buckets) + 1))
            tags = np.empty(len(block), _TAG)
            tags["key"], tags["target"] = keys[order], targets[order]
            ordered = picked(block, order)
            for (data_file, tag_file), begin, end in zip(files, edges, edges[1:], strict=False):
                if begin < end:
                    frames = fill_frames(ordered[begin:end])
                    assert frames is not None
                    data_file.write(frames)
                    tag_file.write(tags[begin:end].tobytes())


def _load(data: str, begin: int, end: int, path: str) -> RecordBlock:
    """Return the records in some bytes of a file of ours, from a frame's begin on."""
    buffer = np.fromfile(data, np.uint8, end - begin, offset=begin)
    starts, lengths = scan_frames(buffer, 0, len(buffer), short=None)
    bad = first_bad_record(buffer, starts, lengths)
    if bad < len(starts):
        raise CorruptRecordError(
            "what was written to this temporary file is not what is read of it; the disk is at "
            "fault",
            path=path,
            offset=begin + int(starts[bad]),
        )
    return RecordBlock(buffer, starts, lengths, path=path, base=begin)


def _pieces(data: str, tags: str) -> Iterator[Tagged]:
    """Yield the records of a bucket that is too large to be read as a whole."""
    size, done, at, piece = os.path.getsize(data), 0, 0, _PIECE_BYTES
    while at < size:
        block = _load(data, at, min(at + piece, size), data)
        if not len(block):
            # A record that is larger.
            piece *= 2
            continue
        yield _tagged(block, tags, done)
        done += len(block)
        at += int(block.starts[-1] + block.lengths[-1]) + 4
        piece = _PIECE_BYTES


def _tagged(block: RecordBlock, tags: str, begin: int) -> Tagged:
    found: Any = np.fromfile(tags, _TAG, len(block), offset=begin * _TAG.itemsize)
    return Tagged(block, found["key"], found["target"])


def _in_order(data: str, tags: str) -> Iterator[Tagged]:
    size = os.path.getsize(data)
    if not size:
        return
    block, keys, targets = _tagged(_load(data, 0, size, data), tags, 0)
    order = np.argsort(keys, kind="stable")
    ends = np.cumsum(block.lengths[order] + 16)
    begin = 0
    while begin < len(order):
        done = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, done + _PIECE_BYTES, "right")), begin + 1)
        rows = order[begin:end]
        yield Tagged(picked(block, rows), keys[rows], targets[rows])
        begin = end
