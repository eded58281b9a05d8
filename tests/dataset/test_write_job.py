"""What engines write: attempts of tasks, of which one commit publishes one each."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.files.staging import Staging


def attempt(job, task, rows, features=None):
    """Write one attempt, as a process that got the job by pickle."""
    with pickle.loads(pickle.dumps(job)).open(task) as writer:
        writer.write_table([dict(row) for row in rows] if features is None else rows)
    return pickle.loads(pickle.dumps(writer.manifest))


def records(*values):
    return [{"id": value} for value in values]


def ids(name):
    return [int(value) for batch in tfr.read_batches(name, {"id": int}) for value in batch["id"]]


def only_the_set(folder, manifest):
    names = {entry.name for entry in manifest.entries}
    return set(os.listdir(folder)) == {*names, os.path.basename(manifest.path)}


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("name", ["train", "train_{index:02d}.tfrecord.gz"])
def test_one_attempt_of_each_task(tmp_path, name, hold):
    job = WriteJob(tmp_path / name)
    job.start(hold=hold)
    failed = pickle.loads(pickle.dumps(job)).open(0)
    failed.write(b"half")
    first = attempt(job, 1, records(3, 4))
    chosen = [attempt(job, 0, records(1, 2)), attempt(job, 1, records(3, 4))]
    assert first.files != chosen[1].files
    manifest = pickle.loads(pickle.dumps(job)).commit(chosen)
    assert ids(manifest.path) == [1, 2, 3, 4]
    assert manifest.compression == ("GZIP" if name.endswith(".gz") else None)
    assert only_the_set(tmp_path, manifest)
    with pytest.raises(FileNotFoundError):
        failed.close()


def test_two_attempts_of_one_task_are_not_committed(tmp_path):
    job = WriteJob(tmp_path / "train")
    job.start()
    one, other, twice = (attempt(job, task, records(task)) for task in (0, 1, 1))
    for wrong in ([one, other, twice], [one, one]):
        with pytest.raises(ValueError, match="two attempts of task [01]: commit one"):
            job.commit(wrong)
    with pytest.raises(ValueError, match="has no manifest"):
        job.commit([one, None])
    assert ids(job.commit([one, twice]).path) == [0, 1]


def test_tasks_without_records_have_no_shards(tmp_path):
    job = WriteJob(tmp_path / "train")
    job.start()
    manifest = job.commit([attempt(job, task, records(*range(task))) for task in range(3)])
    assert [entry.records for entry in manifest.entries] == [1, 2]
    job = WriteJob(tmp_path / "none")
    job.start()
    manifest = job.commit([])
    assert [entry.records for entry in manifest.entries] == [0]


def test_a_set_that_stands(tmp_path):
    with tfr.ShardWriter(tmp_path / "train") as writer:
        writer.write_table(records(0))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        WriteJob(tmp_path / "train").start()
    job = WriteJob(tmp_path / "train", overwrite=True)
    job.start()
    attempt(job, 0, records(1))
    job.abort()
    assert ids(tmp_path / "train") == [0]
    assert only_the_set(tmp_path, writer.manifest)
    job.start()
    manifest = job.commit([attempt(job, 0, records(1))])
    assert ids(tmp_path / "train") == [1]
    assert only_the_set(tmp_path, manifest)


def test_two_jobs_at_once_and_the_first_has_the_name(tmp_path):
    jobs = [WriteJob(tmp_path / "train") for _ in range(2)]
    for job in jobs:
        job.start()
    manifests = [[attempt(job, 0, records(number))] for number, job in enumerate(jobs)]
    manifest = jobs[1].commit(manifests[1])
    with pytest.raises(FileExistsError):
        jobs[0].commit(manifests[0])
    jobs[0].abort()
    assert ids(tmp_path / "train") == [1]
    assert only_the_set(tmp_path, manifest)


@pytest.mark.parametrize("hold", [True, False])
def test_other_writers_leave_a_job_alone(tmp_path, hold):
    job = WriteJob(tmp_path / "train", overwrite=True)
    job.start(hold=hold)
    manifests = [attempt(job, 0, records(2))]
    with tfr.ShardWriter(tmp_path / "train") as writer:
        writer.write_table(records(1))
    assert only_the_set(tmp_path, job.commit(manifests))
    assert ids(tmp_path / "train") == [2]


def test_attempts_of_a_job_that_is_over(tmp_path):
    job = WriteJob(tmp_path / "train")
    job.start()
    left = pickle.loads(pickle.dumps(job))
    manifests = [attempt(job, 0, records(1))]
    job.abort()
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError, match="the job that writes it is over"):
        left.open(0)
    with pytest.raises(FileNotFoundError):
        left.commit(manifests)
    assert os.listdir(tmp_path) == []


def test_wrong_options_leave_nothing(tmp_path):
    for options in ({"num_shards": 1, "records_per_shard": 2}, {"level": 77}, {"what": 1}):
        with pytest.raises((ValueError, TypeError)):
            WriteJob(tmp_path / "new" / "train", **options).start()
    for hold in (False, True):
        with pytest.raises(OSError, match="too long"):
            WriteJob(tmp_path / "new" / ("x" * 250)).start(hold=hold)
    assert os.listdir(tmp_path) == []


def test_a_job_that_fails_leaves_no_folder_that_it_made(tmp_path):
    (tmp_path / "old").mkdir()
    job = WriteJob(tmp_path / "old" / "new" / "newer" / "train")
    job.start()
    attempt(job, 0, [{"a": 1}])
    pickle.loads(pickle.dumps(job)).abort()
    job.abort()
    assert os.listdir(tmp_path / "old") == []


def test_a_job_that_is_interrupted_where_it_begins(tmp_path, monkeypatch):
    made = Staging.make

    def make(staging):
        made(staging)
        raise KeyboardInterrupt  # before the job has it

    monkeypatch.setattr(Staging, "make", make)
    with pytest.raises(KeyboardInterrupt):
        WriteJob(tmp_path / "new" / "train").start()
    assert os.listdir(tmp_path) == []


def test_a_job_that_outlives_its_modules(tmp_path):
    """At the end of the interpreter modules are emptied, and what is left is forgotten."""
    program = f"""
import os
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.files import staging
job = WriteJob({str(tmp_path / "train")!r})
job.start()
vars(staging).update(dict.fromkeys(vars(staging)))
del job
os._exit(0)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([{"a": [1]}, {"a": [2]}], {"a": tfr.FixedLenFeature([], np.int64)}),
        (
            [{"a": [1]}, {"a": [2], "b": ["x"]}],
            {"a": tfr.FixedLenFeature([], np.int64), "b": tfr.RaggedFeature(bytes)},
        ),
        ([{"a": [1]}, {"a": [None, 2]}], {"a": tfr.RaggedFeature(np.int64)}),
    ],
)
def test_features_of_all_tasks(tmp_path, tables, expected):
    pa = pytest.importorskip("pyarrow")
    job = WriteJob(tmp_path / "train")
    job.start()
    manifests = [attempt(job, task, pa.table(rows), True) for task, rows in enumerate(tables)]
    assert tfr.features_from_json(job.commit(manifests).features) == expected


def test_features_of_all_tasks_of_sequences(tmp_path):
    pa = pytest.importorskip("pyarrow")
    job = WriteJob(tmp_path / "train")
    job.start()
    tables = [
        {"context": [{"id": 1}], "feature_lists": [{"a": [1], "b": [[1], []]}]},
        {"context": [{"id": None, "n": 2}], "feature_lists": [{"b": [[2]], "c": [2.5]}]},
    ]
    manifests = [attempt(job, task, pa.table(rows), True) for task, rows in enumerate(tables)]
    assert tfr.features_from_json(job.commit(manifests).features) == tfr.SequenceFeatures(
        {"id": tfr.RaggedFeature(np.int64), "n": tfr.RaggedFeature(np.int64)},
        {"a": int, "b": tfr.RaggedFeature(np.int64), "c": float},
    )
    job = WriteJob(tmp_path / "other")
    job.start()
    tables = [pa.table({"feature_lists": [{"a": steps}]}) for steps in ([1], ["x"])]
    manifests = [attempt(job, task, table, True) for task, table in enumerate(tables)]
    with pytest.raises(tfr.ExampleError, match="feature_lists: feature 'a': .*: convert one of"):
        job.commit(manifests)
    job.abort()


@pytest.mark.parametrize(
    ("others", "told"),
    [([2.5], "integers.*floats.*'float32'"), (["x"], "integers.*bytes.*'string'")],
)
def test_a_column_has_one_kind_in_all_tasks(tmp_path, others, told):
    """A set of both was published, of which no column could be read."""
    pa = pytest.importorskip("pyarrow")
    job = WriteJob(tmp_path / "train")
    job.start()
    tables = [pa.table({"a": column}) for column in ([1], others)]
    manifests = [attempt(job, task, rows, True) for task, rows in enumerate(tables)]
    with pytest.raises(tfr.ExampleError, match=f"feature 'a': some tasks wrote {told}"):
        job.commit(manifests)
    job.abort()
    assert os.listdir(tmp_path) == []
