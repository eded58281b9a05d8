"""Files by URL: what fsspec finds, and what is said where it does not."""

from __future__ import annotations

import io
import os
import sys

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.records.file_system import is_url, open_file

fsspec = pytest.importorskip("fsspec")
RECORDS = [b"zero", b"one" * 100, b"", b"three"]


@pytest.fixture
def url():
    file = io.BytesIO()
    with tfr.RecordWriter(file) as writer:
        writer.write_many(RECORDS)
    memory = fsspec.filesystem("memory")
    memory.pipe("/test_file_system/a", file.getvalue())
    yield "memory://test_file_system/a"
    memory.rm("/test_file_system", recursive=True)


def test_one_file_by_url(url):
    with tfr.RecordReader(url) as reader:
        assert (list(reader), reader.path) == (RECORDS, url)
    with tfr.RecordFile(url) as file:
        assert (file[-1], file[[1, 0]], len(file)) == (RECORDS[3], [RECORDS[1], RECORDS[0]], 4)
    assert tfr.RecordIndex.build(url).lengths.tolist() == [4, 300, 0, 5]


def test_the_sidecar_beside_a_file_by_url(url, tmp_path, monkeypatch):
    """It may have been made before both were copied there, where nobody tells a file's time."""
    memory = fsspec.filesystem("memory")
    (tmp_path / "a").write_bytes(memory.cat("/test_file_system/a"))
    sidecar = tfr.RecordIndex.build(tmp_path / "a").save()
    memory.put(sidecar, "/test_file_system/a.index")
    monkeypatch.setattr(tfr.RecordIndex, "build", None)
    assert tfr.RecordIndex.load(url).lengths.tolist() == [4, 300, 0, 5]
    with tfr.RecordFile(url) as file, tfr.RecordSet(url) as records:
        assert file[1] == records[1] == RECORDS[1]
        assert len(records) == 4
    memory.pipe("/test_file_system/a", b"x" * len(memory.cat("/test_file_system/a")))
    with pytest.raises(tfr.StaleIndexError, match="memory://.*has other content"):
        tfr.RecordIndex.load(url)


def test_each_who_opens_a_file_has_a_position(url):
    with open_file(url) as one, open_file(url) as other:
        assert one.read(5) == other.read(5)
        one.seek(0)
        assert other.tell() == 5


def test_damage_is_told_with_the_url(url):
    memory = fsspec.filesystem("memory")
    data = bytearray(memory.cat("/test_file_system/a"))
    data[13] ^= 1
    memory.pipe("/test_file_system/a", bytes(data))
    with pytest.raises(tfr.CorruptRecordError, match="^memory://test_file_system/a: record 0"):
        list(tfr.read_records(url))
    found = []
    assert list(tfr.read_records(url, on_damage=found.append)) == RECORDS[1:]
    assert [(damage.path, damage.begin, damage.end) for damage in found] == [(url, 0, 20)]
    assert not tfr.verify(url)


def test_a_set_without_a_shard(tmp_path):
    memory = fsspec.filesystem("memory")
    with tfr.ShardWriter(tmp_path / "s", num_shards=2) as writer:
        writer.write_many(RECORDS)
    for file in tmp_path.iterdir():
        memory.pipe(f"/lacking/{file.name}", file.read_bytes())
    memory.rm("/lacking/s-00001-of-00002.tfrecord")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 shards are missing: memory://lacking/s-"):
        tfr.read_records("memory://lacking/s")
    memory.pipe("/lacking/s-00001-of-00002.tfrecord", b"other")
    with pytest.raises(tfr.TFRecordError, match="memory://lacking/s-.*: 5 bytes, but memory://"):
        tfr.read_records("memory://lacking/s")
    memory.rm("/lacking", recursive=True)


def test_without_fsspec(monkeypatch):
    for package in ("fsspec", "obstore"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"s3://b/a: .*pip install 'tfrecord-lite-np\[remote\]'"):
        tfr.read_records("s3://b/a")


def test_a_scheme_that_nobody_knows():
    with pytest.raises(ValueError, match=r"nosuch://b/a: Protocol not known: nosuch"):
        tfr.read_records("nosuch://b/a")


def test_what_is_a_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_url("gs://b/a")
    assert is_url("memory://")
    for path in ("a", "/a//b", "C://a", "://a", "a b://c"):
        assert not is_url(path)
    # A file that is called so comes first.
    os.makedirs("memory:")
    tfr.write_records("memory:/a", RECORDS)
    assert list(tfr.read_records("memory://a")) == RECORDS
