"""Files that are replaced or written to between a look at them and an epoch."""

from __future__ import annotations

import os

import numpy as np
import pytest

import tfrecord_lite as tfr

FEATURES = {"x": tfr.FixedLenFeature([], np.int64)}
WAYS = {
    "plain": {},
    "blocked": {"compression": "GZIP"},
    "gzip": {"compression": "GZIP", "block_bytes": None},
}


def write(path, values, form):
    records = [tfr.encode_example({"x": int(value)}) for value in values]
    tfr.write_records(path, records, **WAYS[form])


def replace(path, *, like=None):
    """Put another file of that name, with the same time of modification."""
    status = os.stat(path)
    os.utime(f"{path}.new", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(f"{path}.new", path)


@pytest.mark.parametrize("form", WAYS)
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": 7}, {"workers": 1}])
@pytest.mark.parametrize("change", ["before", "between", "resumed"])
def test_a_file_that_is_replaced_before_an_epoch(tmp_path, form, options, change):
    if form == "gzip" and options.get("shuffle") is True:
        pytest.skip("a stream has no order but its own")
    path = tmp_path / "a"
    write(path, range(20), form)
    with tfr.Dataset(path, FEATURES, batch_size=6, **options) as dataset:
        if change != "before":
            epoch = iter(dataset)
            rows = len(next(epoch)["x"])
            state = dataset.state_dict()
            rows += sum(len(batch["x"]) for batch in epoch)
            assert rows == 20
            if change == "resumed":
                dataset.load_state_dict(state)
        # In place, with another time; or another file, with the same time and size.
        write(tmp_path / "a.new", range(100, 119), form)
        with open(tmp_path / "a.new", "r+b") as file:
            file.truncate(path.stat().st_size)
        replace(path)
        with pytest.raises((tfr.TFRecordError, OSError), match="a: "):
            list(dataset)


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": 7}])
def test_a_file_that_is_gone_or_was_written_to(tmp_path, options):
    path = tmp_path / "a"
    write(path, range(20), "plain")
    dataset = tfr.Dataset(path, FEATURES, batch_size=6, **options)
    assert len(list(dataset)) == 4
    with tfr.RecordWriter(path, mode="a") as writer:
        writer.write(tfr.encode_example({"x": 20}))
    with pytest.raises(tfr.TFRecordError, match="replaced or written to"):
        list(dataset)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(dataset)


def test_another_file_of_the_same_content_will_do(tmp_path):
    path = tmp_path / "a"
    write(path, range(20), "plain")
    dataset = tfr.Dataset(path, FEATURES, batch_size=20, shuffle=True)
    write(tmp_path / "a.new", range(20), "plain")
    replace(path)
    (batch,) = dataset
    assert sorted(batch["x"].tolist()) == list(range(20))


@pytest.mark.parametrize("limit", [20, 64])
@pytest.mark.parametrize("options", [{"shuffle": True}, {"shuffle": 50}, {}])
def test_many_files_within_the_systems_limit(tmp_path, limit, options, monkeypatch):
    resource = pytest.importorskip("resource")
    for number in range(100):
        write(tmp_path / f"{number:03d}", range(number * 2, number * 2 + 2), "plain")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 40
    resource.setrlimit(resource.RLIMIT_NOFILE, (there + limit, hard))
    try:
        monkeypatch.setattr(
            resource, "getrlimit", lambda _: (limit, hard)
        )  # what else is open here is none of its
        dataset = tfr.Dataset(tmp_path, FEATURES, batch_size=60, **options)
        got = [value for batch in dataset for value in batch["x"].tolist()]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sorted(got) == list(range(200))
