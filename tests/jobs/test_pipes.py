"""What has only a front is read as a file is, features inferred from it and all."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import threading

import numpy as np
import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite import jobs, sql
from tfrecord_lite.arrow import to_arrow
from tfrecord_lite.thresholds import limits

ROWS = 1200


class Pipe(io.RawIOBase):
    """Gives some bytes at a time, as a pipe does."""

    def __init__(self, data, size=70_000):
        self._file = io.BytesIO(data)
        self._size = size

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(memoryview(buffer)[: self._size])


@pytest.fixture(scope="module", params=["plain", "gzip"])
def path(request, tmp_path_factory):
    """More records than features are inferred from."""
    path = tmp_path_factory.mktemp("files") / "a"
    options = {
        "plain": {},
        "gzip": {"compression": "GZIP", "block_bytes": None},
    }[request.param]
    columns = {"a": range(ROWS), "b": [b"%d" % n * 7 for n in range(ROWS)]}
    tfr.write_examples(path, columns, **options)
    return path


@pytest.fixture(params=["open", "path"])
def pipe(request, path, tmp_path):
    """Return a function that makes a new pipe, open or by its path."""
    if request.param == "open":
        yield lambda: Pipe(path.read_bytes())
        return
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes by path here")
    threads = []

    def make():
        fifo = tmp_path / f"fifo{len(threads)}"
        os.mkfifo(fifo)
        threads.append(threading.Thread(target=lambda: fifo.write_bytes(path.read_bytes())))
        threads[-1].start()
        return fifo

    yield make
    for thread in threads:
        thread.join(10)


def columns_of(batches):
    batches = list(batches)
    return {
        name: np.concatenate([batch[name] for batch in batches]).tolist() for name in batches[0]
    }


@pytest.mark.parametrize("features", [None, ["a"], {"a": int, "b": bytes}])
def test_batches_of_a_pipe_are_those_of_the_file(path, pipe, features):
    read = columns_of(tfr.read_batches(pipe(), features, batch_size=500))
    assert read == columns_of(tfr.read_batches(path, features, batch_size=500))
    assert read["a"] == [*range(ROWS)]


def test_tables_of_a_pipe_are_those_of_the_file(path, pipe):
    assert to_arrow(pipe()).read_all() == to_arrow(path).read_all()
    assert pa.table(tfr.RecordSet(pipe())) == pa.table(tfr.RecordSet(path))
    found = sql.query("select sum(a) as s from t where b is not null", {"t": pipe()})
    assert found.read_all().to_pylist() == [{"s": sum(range(ROWS))}]


def test_jobs_read_pipes(path, pipe, tmp_path):
    assert (
        jobs.convert(pipe(), tmp_path / "x.csv") == jobs.convert(path, tmp_path / "y.csv") == ROWS
    )
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "y.csv").read_bytes()
    (found,) = jobs.shard(pipe(), tmp_path / "x", where="a >= 1190")
    (same,) = jobs.shard(path, tmp_path / "y", where="a >= 1190")
    assert [*tfr.read_records(tmp_path / "x")] == [*tfr.read_records(tmp_path / "y")]
    assert found.manifest.records == same.manifest.records == 10
    # Both look for features, and the first has a look at the compression.
    (one,) = jobs.shard(pipe(), tmp_path / "by", where="a == 7", by="a")
    assert one.value == 7


def test_a_set_of_a_pipe_has_its_compression(path, pipe, tmp_path):
    jobs.shard(pipe(), tmp_path / "x")
    jobs.shard(path, tmp_path / "y")
    files = [tfr.expand_shards(tmp_path / name) for name in "xy"]
    x, y = ([tfr.RecordReader(file) for file in some] for some in files)
    assert [reader.compression for reader in x] == [reader.compression for reader in y]
    for reader in x + y:
        reader.close()


def test_several_pipes_one_after_the_other(tmp_path):
    for name, begin in zip("abc", (0, 600, 1200), strict=True):
        tfr.write_examples(tmp_path / name, {"a": range(begin, begin + 600)})
    sources = [Pipe((tmp_path / "a").read_bytes()), tmp_path / "b"]
    sources.append(Pipe((tmp_path / "c").read_bytes()))
    assert columns_of(tfr.read_batches(sources))["a"] == [*range(1800)]


def test_damage_in_what_was_looked_at_is_told_once(tmp_path):
    tfr.write_examples(tmp_path / "a", {"a": range(100)})
    data = bytearray((tmp_path / "a").read_bytes())
    data[1000] ^= 1
    (tmp_path / "a").write_bytes(data)
    found, expected = [], []
    read = columns_of(tfr.read_batches(Pipe(bytes(data)), on_damage=found.append))
    assert read == columns_of(tfr.read_batches(tmp_path / "a", on_damage=expected.append))
    assert [damage[1:] for damage in found] == [damage[1:] for damage in expected]
    assert len(found) == 1


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_little_is_kept_of_large_records(monkeypatch, compress):
    """Features come from as many records as there is room for, and messages say how many."""
    monkeypatch.setattr(limits, "kept_front_bytes", 1 << 17)
    rng = np.random.default_rng(1)
    rows = [{"a": n, "b": rng.bytes(1 << 17)} for n in range(20)]
    rows[15]["late"] = 1
    file = io.BytesIO()
    with tfr.RecordWriter(file) as writer:
        for row in rows:
            writer.write_example(row)
    records = tfr.RecordSet(Pipe(compress(file.getvalue())))
    batches = tfr.read_batches(records, batch_size=5)
    assert records.kept_bytes < 10 << 17
    with pytest.warns(UserWarning, match=r"'late' is in none of the first \d records"):
        assert columns_of(batches)["a"] == [*range(20)]
    assert records.kept_bytes == 0


def test_memory_is_bounded_where_no_record_comes(monkeypatch):
    monkeypatch.setattr(limits, "kept_front_bytes", 1 << 20)
    junk = Pipe(np.random.default_rng(1).bytes(1 << 22))
    records = tfr.RecordSet(junk, on_damage=lambda damage: None, max_record_bytes=1 << 20)
    with pytest.raises(io.UnsupportedOperation, match="pass features=, or the path of a file"):
        tfr.read_batches(records)
    with pytest.raises(io.UnsupportedOperation, match="it was read before"):
        list(records)


def test_a_pipe_is_read_once_and_no_more(path, pipe):
    records = tfr.RecordSet(pipe())
    assert len([*tfr.read_batches(records)]) == len([*tfr.read_batches(path)])
    for again in (list, tfr.read_batches):
        with pytest.raises(io.UnsupportedOperation, match="read once, and it was read before"):
            again(records)


def test_features_that_do_not_fit_leave_the_pipe_to_be_read(tmp_path):
    with tfr.RecordWriter(tmp_path / "a") as writer:
        writer.write_example({"a": 1})
        writer.write_example({"a": b"x"})
    records = tfr.RecordSet(Pipe((tmp_path / "a").read_bytes()))
    with pytest.raises(tfr.ExampleError):
        tfr.read_batches(records)
    assert len([*records]) == 2


def test_what_was_looked_at_is_not_pickled_away(path, pipe):
    source = pipe()
    records = tfr.RecordSet(source)
    batches = tfr.read_batches(records)
    with pytest.raises(TypeError, match="paths of files"):
        pickle.dumps(records)
    assert len(next(batches)["a"]) == 1024
    assert sum(len(batch["a"]) for batch in batches) == ROWS - 1024


@pytest.mark.parametrize("options", [{}, {"where": "a > 1"}, {"on_damage": lambda damage: None}])
def test_sample_of_a_pipe_says_path(path, pipe, tmp_path, options):
    source = pipe()
    error = io.UnsupportedOperation if isinstance(source, os.PathLike) else TypeError
    with pytest.raises(error, match=r"sample reads its source twice.*file"):
        jobs.shard(source, tmp_path / "x", sample=2, **options)
    assert not [*tmp_path.glob("x*")]
    assert len([*tfr.read_records(source)]) == ROWS


def test_sample_of_an_open_file_that_seeks_leaves_damage_out(tmp_path):
    """A set of open files has its options replaced for the first of the two readings."""
    tfr.write_examples(tmp_path / "a", {"a": range(100)})
    data = bytearray((tmp_path / "a").read_bytes())
    data[1000] ^= 1
    found = []
    (one,) = jobs.shard(io.BytesIO(data), tmp_path / "x", sample=7, on_damage=found.append)
    assert (one.manifest.records, len(found)) == (7, 1)
