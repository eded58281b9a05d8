"""Objects and sets of S3: multipart uploads, what is visible when, and what is left of a kill."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tfrecord_lite as tfr

RECORDS = [bytes([number % 256]) * 20_000 for number in range(1500)]


def write(url, records, **options):
    with tfr.ShardWriter(url, **{"num_shards": 2, **options}) as writer:
        writer.write_many(records)


def unfinished(s3):
    return [one["Key"] for one in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", [])]


def test_a_set_is_written_read_and_replaced(folder, names):
    write(folder + "/s", RECORDS)
    assert names() == ["s-00000-of-00002.tfrecord", "s-00001-of-00002.tfrecord", "s.manifest.json"]
    assert sorted(tfr.read_records(folder + "/s")) == sorted(RECORDS)
    assert tfr.verify(folder + "/s")
    with tfr.RecordSet(folder + "/s") as records:
        assert records[[3, 1400]] == [
            [*RECORDS[::2], *RECORDS[1::2]][number] for number in (3, 1400)
        ]
        splits = records.splits(5)
    assert sum(1 for split in splits for _ in split) == len(RECORDS)
    write(folder + "/s", RECORDS[:10], overwrite=True)
    assert len(list(tfr.read_records(folder))) == 10
    assert len(names()) == 3
    with pytest.raises(FileExistsError):
        write(folder + "/s", RECORDS[:10])


@pytest.mark.parametrize("name", ["a::b", "a b::memory", "a\tb\x7f", "a#b?c=d%20&+é"])
def test_odd_names(folder, names, name):
    url = f"{folder}/{name}.tfrecord"
    tfr.write_records(url, RECORDS[:9])
    assert names() == [name + ".tfrecord"]
    assert list(tfr.read_records(url)) == RECORDS[:9]
    assert tfr.RecordSet(folder)[8] == RECORDS[8]
    # Also after it, in this bucket.
    tfr.write_records(folder + "/z", RECORDS[:1])
    assert list(tfr.read_records(folder + "/*")) == [*RECORDS[:9], RECORDS[0]]


def test_parts(folder, names):
    for part in range(2):
        write(folder + "/s", RECORDS[part::2], part=part, num_shards=1)
    tfr.publish_shards(folder + "/s", 2)
    assert len(list(tfr.read_records(folder + "/s"))) == len(RECORDS)
    assert len(names()) == 3


def test_an_exception_leaves_no_object_and_no_upload(folder, names, s3):
    with pytest.raises(KeyError), tfr.RecordWriter(folder + "/a") as writer:
        writer.write_many(RECORDS)
        raise KeyError
    with pytest.raises(KeyError), tfr.ShardWriter(folder + "/s") as writer:
        writer.write_many(RECORDS)
        raise KeyError
    assert names() == []
    assert unfinished(s3) == []


KILLED = """
import os, sys, time
import tfrecord_lite as tfr
if sys.argv[2] == "set":
    writer = tfr.ShardWriter(sys.argv[1] + "/s", records_per_shard=500)
else:
    writer = tfr.RecordWriter(sys.argv[1] + "/s")
for _ in range(1400):
    writer.write(os.urandom(20_000))
if sys.argv[2] == "set":
    writer._store_pending()
time.sleep(1)
os._exit(0)
"""


@pytest.mark.parametrize("kind", ["set", "file"])
def test_what_a_killed_writer_left_goes_with_the_next(folder, names, s3, kind):
    subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED, folder, kind], check=True)
    assert all(name.startswith(".s.") for name in names())
    assert names() or unfinished(s3)
    if kind == "set":
        write(folder + "/s", RECORDS[:10])
        assert len(names()) == 3
    else:
        tfr.write_records(folder + "/s", RECORDS[:10])
        assert names() == ["s"]
    assert unfinished(s3) == []


def test_an_object_that_is_replaced(folder):
    tfr.write_records(folder + "/a", RECORDS)
    with tfr.RecordReader(folder + "/a") as reader:
        next(reader)
        tfr.write_records(folder + "/a", [record[::-1] + b"x" for record in RECORDS])
        with pytest.raises((OSError, tfr.TFRecordError), match=folder + "/a"):
            list(reader)


def test_what_is_not_there(folder):
    for url in (folder + "/none", "s3://nobucket-" + os.urandom(3).hex() + "/a"):
        with pytest.raises(FileNotFoundError, match=url):
            tfr.read_records(url)
        with pytest.raises(FileNotFoundError, match=url):
            tfr.RecordReader(url)


def test_a_bucket_in_which_nothing_is(folder, s3):
    s3.create_bucket(Bucket="nothing")
    for url in ("s3://nothing", "s3://nothing/"):
        with pytest.raises(FileNotFoundError, match=f"{url}: no data files in this directory"):
            tfr.read_records(url)
        with pytest.raises(IsADirectoryError, match=url):
            tfr.RecordReader(url)


def test_no_bucket_to_write_to(folder):
    with pytest.raises(OSError, match="s3://"):
        tfr.write_records("s3://nobucket-" + os.urandom(3).hex() + "/a", RECORDS[:3])
