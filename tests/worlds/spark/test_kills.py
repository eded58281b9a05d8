"""Tasks of Spark killed while they read and while they write, and who commits while it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from worlds import kills
from worlds.files import write_ids

pytestmark = [pytest.mark.long, pytest.mark.timeout(kills.MOST_SECONDS)]
# A task may fail once.
MASTER = "local[2,2]"
COUNT = 100_000


def kill_again_and_again(what, run, well, folder):
    work = kills.Announcements(folder, what)
    kills.kill_again_and_again(f"Spark, {what}", run, well, work.at_work, work.was_at_work)


def save(frame, name, before, rng):
    writer = frame.write.format("announcing").mode("overwrite" if before == "old" else "append")
    if rng.random() < 0.5:
        writer = writer.option("records_per_shard", 10_000)
    if rng.random() < 0.5:
        writer = writer.option("compression", "GZIP")
    writer.save(str(name))


def test_tasks_that_read(spark, place, kill_folder):
    paths = write_ids(kills.new_folder(place), [COUNT // 2, COUNT // 2])
    names = kills.names_beside(paths[0])

    def read(rng):
        frame = spark.read.format("announcing").option("splits", rng.choice([2, 5])).load(paths)
        try:
            table = frame.select("id").toArrow()
        except Exception as error:
            assert_killed(error)
            return "raised"
        assert np.array_equal(np.sort(table["id"].to_numpy()), np.arange(COUNT))
        return "read"

    kill_again_and_again("read", read, "read", kill_folder)
    assert kills.names_beside(paths[0]) == names


def test_tasks_that_write(spark, place, kill_folder):

    def write(rng):
        name, before = kills.place_for_set(place, rng)
        try:
            save(spark.range(0, COUNT, 1, rng.choice([1, 4])), name, before, rng)
        except Exception as error:
            assert_killed(error)
            assert kills.what_stands(name, COUNT) == before
            ended = "raised"
        else:
            assert kills.what_stands(name, COUNT) == "new"
            ended = "written"
        assert kills.nothing_else(name), kills.names_beside(name)
        return ended

    kill_again_and_again("write", write, "written", kill_folder)


def test_who_commits(spark, place, kill_folder):
    frame = spark.range(0, 6000, 1, 60)

    def write(rng):
        name, before = kills.place_for_set(place, rng)
        try:
            save(frame, name, before, rng)
        except Exception as error:
            assert_killed(error)
            ended = "raised"
        else:
            ended = "written"
        # Who is killed behind the commit itself has committed.
        stands = kills.what_stands(name, 6000)
        assert stands == "new" or (ended == "raised" and stands == before)
        assert kills.nothing_else(name), kills.names_beside(name)
        return f"{ended}, {stands}"

    kill_again_and_again("commit", write, "written, new", kill_folder)


DRIVER = """
import sys
from pyspark.sql import SparkSession
from killing_source import AnnouncingSource

name, mode = sys.argv[1:]
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
builder = builder.config("spark.ui.showConsoleProgress", "false")
spark = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.dataSource.register(AnnouncingSource)
writer = spark.range(0, 6000, 1, 2).write.format("announcing").mode(mode)
writer.option("records_per_shard", 100).save(name)
"""


def test_drivers_while_it_is_committed(spark, place, kill_folder):
    """The driver and its JVM die; who commits lives until it has something to tell them.

    The session tells what there is in the environment.
    """
    commits = kills.Announcements(kill_folder, "commit")
    drivers = []

    def driver():
        return [-drivers[-1].pid] if drivers and commits.at_work() else []

    def was_at_work(group):
        return drivers[-1].wait() == -9

    def write(rng):
        name, before = kills.place_for_set(place, rng)
        command = [sys.executable, "-W", "ignore", "-c", DRIVER, str(name)]
        command.append("overwrite" if before == "old" else "append")
        environment = {**os.environ, "KILL_FOLDER": str(kill_folder)}
        with subprocess.Popen(command, env=environment, start_new_session=True) as started:
            drivers.append(started)
        assert started.returncode in (0, -9)
        while commits.at_work():
            time.sleep(0.01)
        stands = kills.settle(name, 6000, before)
        assert started.returncode or stands == "new"
        return {"new": "written", before: "not written"}[stands]

    # A JVM takes long to start.
    wanted = max(kills.KILLS // 5, 1)
    kills.kill_again_and_again("Spark, driver", write, "written", driver, was_at_work, wanted)


def assert_killed(error):
    words = ("SIGKILL", "crashed", "EOF", "exited", "Connection reset")
    assert any(word in str(error) for word in words), error
