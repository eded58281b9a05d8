"""What engines and jobs write to S3, by both libraries."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite import jobs
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.files import object_staging

RECORDS = [b"%d" % number * 50 for number in range(100)]


def attempt(job, task, records):
    with pickle.loads(pickle.dumps(job)).open(task) as writer:
        writer.write_many(records)
    return writer.manifest


@pytest.mark.parametrize("hold", [True, False])
def test_one_attempt_of_each_task(folder, names, hold):
    for overwrite in (False, True):
        job = WriteJob(folder + "/s", overwrite=overwrite)
        job.start(hold=hold)
        failed = job.open(0)
        failed.write(b"half")
        manifests = [attempt(job, 0, RECORDS[:10]), attempt(job, 1, RECORDS[10:])]
        attempt(job, 1, RECORDS[10:])
        job.commit(manifests)
        with pytest.raises(FileNotFoundError):
            failed.close()
        assert list(tfr.read_records(folder + "/s")) == RECORDS
        assert len(names()) == 3


TASK = """
import os, pickle, sys
import tfrecord_lite as tfr
job = pickle.loads(sys.stdin.buffer.read())
writer = job.open(int(sys.argv[1]))
writer.write(b"from " + sys.argv[1].encode())
if sys.argv[2] == "kill":
    os._exit(9)
writer.close()
sys.stdout.buffer.write(pickle.dumps(writer.manifest))
"""


def run_task(job, task, end):
    command = [sys.executable, "-W", "ignore", "-c", TASK, str(task), end]
    return subprocess.run(command, input=pickle.dumps(job), stdout=subprocess.PIPE, check=False)


def test_tasks_in_processes_of_their_own_one_of_them_killed(folder, names):
    job = WriteJob(folder + "/s")
    job.start()
    assert run_task(job, 0, "kill").returncode == 9
    job.commit([pickle.loads(run_task(job, task, "close").stdout) for task in range(2)])
    assert list(tfr.read_records(folder + "/s")) == [b"from 0", b"from 1"]
    assert len(names()) == 3


def test_jobs(folder, names):
    with tfr.ShardWriter(folder + "/s", num_shards=3) as writer:
        writer.write_many(RECORDS)
    expected = list(tfr.read_records(folder + "/s"))
    assert jobs.merge(folder + "/s", folder + "/all.tfrecord.gz") == 100
    assert list(tfr.read_records(folder + "/all.tfrecord.gz")) == expected
    jobs.shard(folder + "/all.tfrecord.gz", folder + "/t", num_shards=2, shuffle=3)
    assert sorted(tfr.read_records(folder + "/t")) == sorted(expected)
    written = tfr.Manifest.load(folder + "/s.manifest.json")
    assert jobs.make_manifest(folder + "/s", overwrite=True) == written
    assert tfr.salvage(folder + "/all.tfrecord.gz", folder + "/b.tfrecord").ok
    assert [name for name in names() if name[0] == "."] == []


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl"])
def test_tables(folder, suffix):
    pytest.importorskip("pyarrow")
    tfr.write_examples(folder + "/a.tfrecord", {"id": np.arange(300)})
    assert jobs.convert(folder + "/a.tfrecord", folder + "/t" + suffix) == 300
    assert jobs.convert(folder + "/t" + suffix, folder + "/s") == 300
    batches = tfr.read_batches(folder + "/s", {"id": np.int64})
    assert np.concatenate([batch["id"] for batch in batches]).tolist() == list(range(300))


def test_a_killed_job_goes_with_the_next(folder, names, monkeypatch):
    job = WriteJob(folder + "/s")
    job.start()
    attempt(job, 0, RECORDS)
    other = f"{folder}/.s.{os.urandom(4).hex()}.part-99999.tfrecord-partial/a"
    tfr.write_records(other, RECORDS)
    # As if the process that began it lived no more.
    monkeypatch.setattr(object_staging, "_living", set())
    job = WriteJob(folder + "/s")
    job.start()
    job.abort()
    assert names() == []
