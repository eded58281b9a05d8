"""Sets of files with the same records, in which order they should come, and what came."""

from __future__ import annotations

import numpy as np
from dataset.test_batches import FEATURES, plain, record

from tfrecord_lite.dataset.order import BufferShuffle, permutation, share
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


def order_of(count, shuffle, *, seed=0, epoch=0, rank=0, world_size=1, even=None):
    """Return the numbers of the records that a rank should get, in their order."""
    part = [number % max(count, 1) for number in share(count, rank, world_size, even)]
    if shuffle is True:
        return permutation(count, seed, epoch)[part].tolist()
    if shuffle:
        buffer = BufferShuffle(shuffle, seed, epoch, rank)
        moved = [*buffer.push(len(part)), *buffer.finish()]
        return [part[step] for step in moved]
    return part


def batches_in(order, size, features=FEATURES):
    parts = [order[begin : begin + size] for begin in range(0, len(order), size)]
    return [plain(parse_example([RECORDS[n] for n in part], features)) for part in parts]


def ids(batches):
    return [batch["id"].tolist() for batch in batches]


def flat(batches):
    return joined(ids(batches))


def joined(lists):
    return [item for part in lists for item in part]
