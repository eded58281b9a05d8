"""Files that are replaced between the check and an epoch: TensorFlow would die of some."""

from __future__ import annotations

import os

import frames
import numpy as np
import pytest
import tensorflow as tf
from tf_backend.tensors import ENGINES

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

FEATURES = {"x": tfr.FixedLenFeature([], np.int64)}
RECORDS = [tfr.encode_example({"x": i}) for i in range(40)]
OPTIONS = [
    {},
    {"shuffle": 8},
    {"shuffle": True},
    {"rank": 1, "world_size": 2},
    {"deterministic": False},
]


def put(path, data):
    """Replace a file by another, with the same time of modification."""
    status = os.stat(path)
    new = path.with_suffix(".new")
    new.write_bytes(data)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(new, path)


def refused(dataset):
    with pytest.raises((tf.errors.UnknownError, tf.errors.InvalidArgumentError), match="a: "):
        list(dataset)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("codec", [None, "GZIP"])
def test_a_forged_file_of_the_same_size(tmp_path, engine, options, codec):
    path = tmp_path / "a"
    tfr.write_records(path, RECORDS, compression=codec)
    dataset = make_dataset(path, FEATURES, batch_size=4, engine=engine, **options)
    rows = 20 if "rank" in options else 40
    assert sum(len(batch["x"]) for batch in dataset) == rows
    size = path.stat().st_size
    # A length of a terabyte, whose checksum holds: TensorFlow takes so much memory.
    put(path, (frames.header(1 << 40) + frames.frames(RECORDS))[:size].ljust(size, b"\0"))
    refused(dataset)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_file_that_is_as_good_is_read(tmp_path, options):
    path = tmp_path / "a"
    tfr.write_records(path, RECORDS)
    dataset = make_dataset(path, FEATURES, batch_size=4, **options)
    os.utime(path)
    rows = 20 if "rank" in options else 40
    assert sum(len(batch["x"]) for batch in dataset) == rows
    tfr.write_records(path, RECORDS[:-1])
    refused(dataset)


@pytest.mark.parametrize("repeat", [3, None])
def test_each_epoch_looks(tmp_path, repeat):
    path = tmp_path / "a"
    tfr.write_records(path, RECORDS)
    epochs = iter(make_dataset(path, FEATURES, batch_size=4, repeat=repeat, shuffle=8))
    assert len(next(epochs)["x"]) == 4
    put(path, frames.header(1 << 40) + path.read_bytes()[12:])
    with pytest.raises(tf.errors.OpError, match="a: "):
        for _ in range(1000):
            next(epochs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wrong", [1, -1])
@pytest.mark.parametrize(("rank", "world_size"), [(0, 1), (0, 2), (1, 2)])
def test_gzip_member_counts(tmp_path, engine, wrong, rank, world_size):
    path = tmp_path / "f.gz"
    parts = [frames.member(frames.frames(RECORDS[k : k + 4]), records=4) for k in range(0, 40, 4)]
    parts[2] = frames.member(frames.frames(RECORDS[8:12]), records=4 + wrong)
    path.write_bytes(b"".join(parts))
    with pytest.raises(tfr.CompressionError, match="records where it has 4"):
        make_dataset(path, FEATURES, batch_size=4, engine=engine, rank=rank, world_size=world_size)
