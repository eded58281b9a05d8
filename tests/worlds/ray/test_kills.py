"""Tasks of Ray killed while they read and while they write, and drivers while they commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray
from worlds import kills
from worlds.files import write_ids

from tfrecord_lite.ray import read_tfrecords, write_tfrecords

pytestmark = [pytest.mark.long, pytest.mark.timeout(kills.MOST_SECONDS)]
COUNT = 100_000


def running(task):
    """Return the processes that run a task of such a name: Ray gives them its name."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            title = Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::" + task) and kills.lives(int(process)):
            found.append(int(process))
    return found


def remote_args(rng):
    """Let a task that is killed be run again, or be the end of all."""
    return {"max_retries": rng.choice([3, 3, 0])}


def test_tasks_that_read(place):
    paths = write_ids(kills.new_folder(place), [COUNT // 2, COUNT // 2])
    names = kills.names_beside(paths[0])

    def read(rng):
        dataset = read_tfrecords(
            paths, override_num_blocks=rng.choice([2, 5]), ray_remote_args=remote_args(rng)
        )
        try:
            ids = sorted(n for batch in dataset.iter_batches() for n in batch["id"].tolist())
        except ray.exceptions.RayError:
            return "raised"
        assert ids == [*range(COUNT)]
        return "read"

    kills.kill_again_and_again("Ray, read", read, "read", lambda: running(b"ReadTFRecords"))
    assert kills.names_beside(paths[0]) == names


def test_tasks_that_write(place):
    dataset = ray.data.range(COUNT, override_num_blocks=4).materialize()

    def write(rng):
        name, before = kills.place_for_set(place, rng)
        try:
            write_tfrecords(
                dataset,
                name,
                overwrite=before == "old",
                records_per_shard=rng.choice([None, 10_000]),
                compression=rng.choice([None, "GZIP"]),
                ray_remote_args=remote_args(rng),
            )
        except ray.exceptions.RayError:
            assert kills.what_stands(name, COUNT) == before
            ended = "raised"
        else:
            assert kills.what_stands(name, COUNT) == "new"
            ended = "written"
        assert kills.nothing_else(name), kills.names_beside(name)
        return ended

    kills.kill_again_and_again("Ray, write", write, "written", lambda: running(b"Write"))


DRIVER = """
import sys
import ray
from pathlib import Path
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.ray import write_tfrecords
from worlds.kills import Announcements

folder, name, address, count, overwrite, fsync = sys.argv[1:]
commit = WriteJob.commit

def announced(job, manifests):
    with Announcements(Path(folder), "commit").announced():
        return commit(job, manifests)

ray.init(address=address, log_to_driver=False, logging_level="error")
ray.data.DataContext.get_current().enable_progress_bars = False
dataset = ray.data.range(int(count), override_num_blocks=3)
WriteJob.commit = announced
write_tfrecords(
    dataset, name, overwrite=overwrite == "old", fsync=bool(fsync), records_per_shard=50
)
"""


def test_drivers_that_commit(tmp_path, place):
    work = tmp_path / "work"
    work.mkdir()
    commits = kills.Announcements(work, "commit")
    count = 6000
    address = ray.get_runtime_context().gcs_address
    # That of this process has the folder of `worlds`.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def write(rng):
        name, before = kills.place_for_set(place, rng)
        arguments = [work, name, address, count, before, rng.choice(["", "fsync"])]
        command = [sys.executable, "-W", "ignore", "-c", DRIVER, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)
        assert done.returncode in (0, -9), done.stderr
        stands = kills.settle(name, count, before)
        assert done.returncode or stands == "new"
        manifest = write_tfrecords(ray.data.range(3), name, overwrite=True)
        assert kills.read_ids(manifest.path) == [0, 1, 2]
        assert kills.nothing_else(name)
        return {"new": "written", before: "not written"}[stands]

    kills.kill_again_and_again(
        "Ray, commit", write, "written", commits.at_work, commits.was_at_work
    )
