"""Ranges: whole batches of consecutive records, each of which is read by itself."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tf_backend.tensors import FEATURES, flat, ids, record

import tfrecord_lite as tfr
from tfrecord_lite.dataset.epoch_records import EpochRecords
from tfrecord_lite.tensorflow import make_dataset, ranges
from tfrecord_lite.tensorflow.ranges import cut, front, landmarks_of

ID = {"id": FEATURES["id"]}
sizes = st.lists(st.integers(16, 100_000), max_size=40)


@given(
    files=st.lists(st.tuples(sizes, st.booleans()), max_size=6),
    batch_size=st.integers(1, 30),
    part=st.tuples(st.integers(0, 100), st.integers(0, 100)),
    aligned=st.booleans(),
)
def test_every_record_wanted_is_in_one_range_and_in_order(files, batch_size, part, aligned):
    bases = np.cumsum([0, *(len(lengths) for lengths, _ in files)])
    begin, end = (int(bases[-1]) * share // 100 for share in sorted(part))
    bounds = [np.cumsum([0, *lengths]) for lengths, _ in files]
    start = begin if aligned else 0
    landmarks = [
        landmarks_of(
            ends,
            start - int(base) if start > base else (start - int(base)) % batch_size,
            batch_size,
        )
        if has_landmarks
        else front(int(ends[-1]))
        for ends, base, (_, has_landmarks) in zip(bounds, bases, files, strict=False)
    ]
    found = cut(landmarks, bases, range(begin, end), batch_size)
    at = begin
    for first, last, offset, skip, take in found.rows.tolist():
        # Where reading begins a record stands, from which it is so far to the one that is next.
        record = int(np.flatnonzero(bounds[first] == offset)[0])
        assert bases[first] + record + skip == at
        assert bases[first] <= at < bases[first + 1]
        at += take
        assert bases[last - 1] < at <= bases[last]
        batches = -(-take // batch_size)
        assert batches <= found.batches
        if found.aligned:
            assert take == batches * batch_size or at == end
        else:
            assert last == first + 1
            assert at in (end, bases[last])
        if files[first][1]:
            assert skip == 0 or not aligned
            landmark, wanted = bounds[first][[record + 1, record + skip]]
            assert skip == 0 or wanted - landmark < ranges._LANDMARK_BYTES
    assert at == end
    assert found.complete or end < bases[-1]
    if found.aligned:
        assert sum(found.rows[:, 3]) <= (end - begin) / 10


@pytest.fixture
def small(monkeypatch):
    """Make ranges of a few records."""
    monkeypatch.setattr(ranges, "_RANGE_BYTES", 2000)
    monkeypatch.setattr(ranges, "_LANDMARK_BYTES", 300)


@pytest.fixture(params=[None, "GZIP"])
def files(request, tmp_path):
    """Write 200 records as files of 1, 3, 96 and 100."""
    found, first = [], 0
    for count in (1, 3, 96, 100):
        found.append(str(tmp_path / f"part-{count}"))
        records = [record(index) for index in range(first, first + count)]
        tfr.write_records(found[-1], records, compression=request.param)
        first += count
    return found


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("held", [1 << 28, 1, 60_000])
@pytest.mark.parametrize(
    ("rank", "ranks"), [(0, 1), (1, 3), pytest.param(2, 3, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("deterministic", [True, False])
def test_read_in_order_or_all_of_it(files, cores, monkeypatch, held, rank, ranks, deterministic):
    monkeypatch.setattr(ranges, "_MOST_HELD_BYTES", held)
    cores(4)
    options = {"repeat": 2, "deterministic": deterministic}
    data = make_dataset(files, ID, batch_size=7, rank=rank, world_size=ranks, **options)
    expected = [*range(200 * rank // ranks, 200 * (rank + 1) // ranks)]
    found = ids(data)
    assert sorted(flat(found)) == sorted(expected * 2)
    assert sorted(map(len, found)) == sorted(
        2 * [len(expected[begin : begin + 7]) for begin in range(0, len(expected), 7)]
    )
    assert int(data.cardinality()) == len(found)
    if deterministic:
        assert flat(found) == expected * 2


@pytest.mark.parametrize("batch_size", [7, 16, 50, 64, 1000])
@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_new_records_of_a_file_push_out_none_of_the_next(
    tmp_path, monkeypatch, batch_size, compression
):
    """That there are more is an error, unless they fit into batches that are not full."""
    paths = [str(tmp_path / name) for name in "ab"]
    for number, path in enumerate(paths):
        records = [record(40 * number + index) for index in range(40)]
        tfr.write_records(path, records, compression=compression)
    data = make_dataset(paths, ID, batch_size=batch_size)
    assert flat(ids(data)) == list(range(80))
    more = [record(index) for index in range(500, 505)]
    tfr.write_records(paths[0], more, mode="a", compression=compression)
    with pytest.raises(tf.errors.OpError, match="replaced or written to"):
        list(data)
    # As if it were written to when the epoch has begun.
    monkeypatch.setattr(EpochRecords, "look_again", lambda *_: None)
    try:
        found = flat(ids(data))
    except (tf.errors.FailedPreconditionError, tf.errors.DataLossError):
        return
    assert batch_size == 1000
    assert sorted(found) == [*range(80), *range(500, 505)]


@pytest.mark.parametrize("rank", [0, 1])
def test_batches_that_are_larger_than_anything(files, rank):
    data = make_dataset(files, ID, batch_size=sys.maxsize, rank=rank, world_size=2)
    assert flat(ids(data)) == list(range(100 * rank, 100 * rank + 100))


@pytest.mark.usefixtures("small")
def test_what_would_be_too_much_to_hold_is_read_file_by_file(files, cores, monkeypatch):
    monkeypatch.setattr(ranges, "_MOST_HELD_BYTES", 1)
    cores(4)
    data = iter(make_dataset(files, ID, batch_size=1))
    assert int(next(data)["id"][0]) == 0
    # Nobody has opened it yet.
    os.unlink(files[-1])
    with pytest.raises(tf.errors.NotFoundError):
        list(data)
