"""Sets of files with the same records, in which order they should come, and what came."""

from __future__ import annotations

import numpy as np
from dataset.test_batches import FEATURES, plain, record

from tfrecord_lite.dataset.order import BufferShuffle, file_order, permutation, share
from tfrecord_lite.example import FixedLenFeature, parse_example

COUNTS = (3, 40, 0, 17, 1, 39)
RECORDS = [record(index) for index in range(sum(COUNTS))]
ID = {"id": FixedLenFeature([], np.int64)}
# How the files of a set are written, and in which records can be read by their numbers.
KINDS = {
    "plain": {},
    "blocked": {"compression": "GZIP", "block_bytes": 1000},
    "gzip": {"compression": "GZIP", "block_bytes": None},
    "zlib": {"compression": "ZLIB"},
}
INDEXED = ("plain", "blocked")


def order_of(
    count,
    shuffle,
    *,
    seed=0,
    epoch=0,
    rank=0,
    world_size=1,
    even=None,
    batch_size=1,
    interleave=16,
    counts=COUNTS,
):
    """Return the numbers of the records that a rank should get, in their order."""
    if shuffle is True:
        part = dealt(count, rank, world_size, even, batch_size)
        return permutation(count, seed, epoch)[part].tolist()
    part = [number % max(count, 1) for number in share(count, rank, world_size, even)]
    if shuffle:
        part = interleaved(part, counts, shuffle, interleave, seed, epoch, rank)
        buffer = BufferShuffle(shuffle, seed, epoch, rank)
        moved = [*buffer.push(len(part)), *buffer.finish()]
        return [part[step] for step in moved]
    return part


def dealt(count, rank, world_size, even, batch_size):
    """Return the places in the order that a rank gets: a batch of each global step."""
    found, begin = [], 0
    while begin < count:
        size = min(world_size * batch_size, count - begin)
        if size == world_size * batch_size:
            found += range(begin + rank * batch_size, begin + (rank + 1) * batch_size)
        else:
            found += [(begin + place) % count for place in share(size, rank, world_size, even)]
        begin += size
    return found


def interleaved(part, counts, buffer, interleave, seed, epoch, rank):
    """Return consecutive records as they are read of some files in turn."""
    files, begin = [], 0
    for size in counts:
        files.append(range(begin, begin + size))
        begin += size
    ranges = []
    for number in part:
        (file,) = [file for file, numbers in enumerate(files) if number in numbers]
        if ranges and ranges[-1][0] == file and ranges[-1][1][-1] + 1 == number:
            ranges[-1][1].append(number)
        else:
            ranges.append((file, [number]))
    ranges = with_empty(files, ranges)
    ranges = [ranges[at][1] for at in file_order(len(ranges), seed, epoch, rank)]
    run = max(min(buffer // (4 * interleave), 16), 1)
    turns, waiting, found = ranges[:interleave], ranges[interleave:], []
    while turns:
        records = turns.pop(0)
        while not records and waiting:
            records = waiting.pop(0)
        if records:
            found += records[:run]
            turns.append(records[run:])
    return found


def with_empty(files, ranges):
    """Put in the files that have no records, after the last record before them."""
    found = []
    for file, records in ranges:
        # Also where what makes ranks even begins again with the first record.
        if records[0] == 0:
            found += [(empty, []) for empty in range(file)]
        found.append((file, records))
        if records[-1] == files[file].stop - 1:
            for later in range(file + 1, len(files)):
                if len(files[later]):
                    break
                found.append((later, []))
    return found


def batches_in(order, size, features=FEATURES):
    parts = [order[begin : begin + size] for begin in range(0, len(order), size)]
    return [plain(parse_example([RECORDS[n] for n in part], features)) for part in parts]


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def flat(batches):
    return joined(ids(batches))


def joined(lists):
    return [item for part in lists for item in part]
