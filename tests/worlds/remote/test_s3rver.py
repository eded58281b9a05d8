"""Another server of S3, s3rver, by obstore: what is written there is read back, by every way."""

from __future__ import annotations

import random

import pytest
from s3_server import BUCKET, find_s3rver, serving_s3

import tfrecord_lite as tfr
from tfrecord_lite import jobs
from tfrecord_lite.dataset.write_job import WriteJob

RECORDS = [bytes([number % 256]) * 20_000 for number in range(1500)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    program = find_s3rver(tmp_path_factory.mktemp("npm"))
    if program is None:
        pytest.skip("not installed: s3rver (needs node and npm, or $S3RVER)")
    with serving_s3(program, tmp_path_factory.mktemp("bucket")) as environment:
        yield environment


@pytest.fixture
def bucket(environment, no_clients, monkeypatch, request):
    """The URL of a folder of this server's, for obstore."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TFRECORD_LITE_STORE", "obstore")
    return f"s3://{BUCKET}/{request.node.name}"


def test_a_set(bucket):
    for overwrite in (False, True):
        with tfr.ShardWriter(bucket + "/s", num_shards=2, overwrite=overwrite) as writer:
            writer.write_many(RECORDS)
    assert sorted(tfr.read_records(bucket + "/s")) == sorted(RECORDS)
    assert sorted(tfr.read_records(bucket)) == sorted(RECORDS)
    assert tfr.verify(bucket + "/s")
    order = [*RECORDS[::2], *RECORDS[1::2]]
    numbers = random.Random(1).sample(range(1500), 200)
    assert tfr.RecordSet(bucket + "/s")[numbers] == [order[number] for number in numbers]
    splits = tfr.RecordSet(bucket + "/s").splits(5)
    assert [record for split in splits for record in split] == order
    with pytest.raises(FileExistsError):
        tfr.ShardWriter(bucket + "/s")


def test_a_file_and_its_sidecar(bucket):
    url = bucket + "/a.tfrecord.gz"
    tfr.write_records(url, RECORDS)
    assert list(tfr.read_records(url)) == RECORDS
    assert tfr.RecordIndex.build(url).save() == url + ".index"
    with tfr.RecordFile(url) as file:
        assert file[[3, 1400]] == [RECORDS[3], RECORDS[1400]]
    with pytest.raises(KeyError), tfr.RecordWriter(url) as writer:
        writer.write_many(RECORDS)
        raise KeyError
    assert list(tfr.read_records(url)) == RECORDS


def test_jobs(bucket):
    tfr.write_records(bucket + "/a.tfrecord", RECORDS)
    jobs.shard(bucket + "/a.tfrecord", bucket + "/s", num_shards=3, shuffle=1)
    assert sorted(tfr.read_records(bucket + "/s")) == sorted(RECORDS)
    job = WriteJob(bucket + "/t")
    job.start()
    manifests = []
    for task in (0, 0, 1):
        with job.open(task) as writer:
            writer.write(b"%d" % task)
        manifests.append(writer.manifest)
    job.commit(manifests[1:])
    assert list(tfr.read_records(bucket + "/t")) == [b"0", b"1"]


def test_what_is_not_there(bucket):
    for url in (bucket + "/none", "s3://nobucket/a"):
        with pytest.raises(FileNotFoundError, match=url):
            tfr.RecordReader(url)
