"""Writers of shards that are killed, and what is then there; a program, run by the tests.

``killing.py every SCENARIO FOLDER`` kills a writer before each of its calls to the system that
changes or opens a file, one after another. ``killing.py random SCENARIO FOLDER COUNT SEED`` kills
it at random moments. The package is imported once, each writer is a fork.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tfrecord_lite import read_records
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.publishing import publish_shards
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.storage import is_partial

OLD = [b"old %d" % index for index in range(9)]
NEW = [b"new %d" % index * (index % 50) for index in range(200)]
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "fcntl.flock"}
PARTS = 2

SCENARIOS: dict[str, dict[str, Any]] = {
    "plain": {"records_per_shard": 50},
    "gzip": {"bytes_per_shard": 5000, "compression": "GZIP", "block_bytes": 300},
    "round_robin": {"num_shards": 5},
    "fsync": {"records_per_shard": 100, "fsync": True},
    "overwrite": {"records_per_shard": 100, "overwrite": True},
    "overwrite_gzip": {"num_shards": 3, "compression": "GZIP", "overwrite": True},
    "parts": {"records_per_shard": 60},
    "publish": {"records_per_shard": 60},
    "publish_overwrite": {"records_per_shard": 60, "overwrite": True},
    "job": {"records_per_shard": 60},
    "job_overwrite": {"records_per_shard": 60, "overwrite": True},
}


class World:
    """A folder with what was there before a writer, and the writer."""

    def __init__(self, scenario: str, folder: Path) -> None:
        self.options = SCENARIOS[scenario]
        self.in_parts = scenario.startswith(("parts", "publish"))
        self.publish_only = scenario.startswith("publish")
        self.job = scenario.startswith("job")
        self.overwrite = self.options.get("overwrite", False)
        self.expected = sorted(NEW) if "num_shards" in self.options else NEW
        self.folder = folder
        self.name = folder / "a"

    def reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        if self.overwrite:
            with ShardWriter(self.name, records_per_shard=2) as writer:
                writer.write_many(OLD)
        if self.publish_only:
            self.write_parts()

    def write_parts(self) -> None:
        options = {key: value for key, value in self.options.items() if key != "overwrite"}
        size = -(-len(NEW) // PARTS)
        for part in range(PARTS):
            with ShardWriter(self.name, part=part, **options) as writer:
                writer.write_many(NEW[part * size : (part + 1) * size])

    def write(self, *, overwrite: bool = False) -> None:
        """What is killed, and what is run again."""
        overwrite = overwrite or self.overwrite
        if self.job:
            self.write_job(overwrite=overwrite)
            return
        if not self.in_parts:
            with ShardWriter(self.name, **{**self.options, "overwrite": overwrite}) as writer:
                for record in NEW:
                    writer.write(record)
            return
        if not self.publish_only:
            self.write_parts()
        publish_shards(self.name, PARTS, overwrite=overwrite)

    def write_job(self, *, overwrite: bool) -> None:
        """Write as an engine does, and some attempts twice."""
        job = WriteJob(self.name, **{**self.options, "overwrite": overwrite})
        job.start(hold=not self.overwrite)
        manifests = []
        size = -(-len(NEW) // PARTS)
        for task in (0, 1, 1):
            with job.open(task) as writer:
                writer.write_many(NEW[task * size : (task + 1) * size])
            manifests.append(writer.manifest)
        job.commit([manifests[0], manifests[2]])

    def check(self) -> str:
        """Look at what is there as any reader would, and return what it is."""
        names = set(os.listdir(self.folder))
        state = "nothing"
        if "a.manifest.json" in names:
            manifest = Manifest.load(f"{self.name}.manifest.json")
            manifest.check()
            for file, entry in zip(manifest.files, manifest.entries, strict=True):
                assert crc32c(Path(file).read_bytes()) == entry.crc32c, file
            found = list(read_records(expand_shards(self.name)))
            assert len(found) == manifest.records
            state = "old" if found == OLD else "new"
            assert state == "old" or self.same(found), found
            for word in (self.folder, f"{self.name}-*"):
                assert sorted(expand_shards(word)) == sorted(manifest.files)
            names -= {"a.manifest.json", *map(os.path.basename, manifest.files)}
        else:
            for word in (self.name, self.folder, f"{self.name}-*"):
                with suppress(FileNotFoundError):
                    raise AssertionError(f"{word} is {expand_shards(word)}")
            # Shards without a manifest are as yet unpublished, or were.
            names = {name for name in names if not name.startswith("a-")}
        assert all(map(is_partial, names)), names
        return state

    def same(self, found: list[bytes]) -> bool:
        return (sorted(found) if "num_shards" in self.options else found) == self.expected

    def run_again(self) -> None:
        """Run the writer to its end, and make sure that nothing else is left."""
        if self.publish_only and self.check() == "new":
            # Its parts are gone; that all else goes as well is for any other writer.
            assert self.refused_or_cleared() == "new"
        else:
            self.write(overwrite=self.check() == "new")
        assert self.check() == "new"
        files = {os.path.basename(file) for file in expand_shards(self.name)}
        assert set(os.listdir(self.folder)) == {"a.manifest.json", *files}

    def refused_or_cleared(self) -> str:
        """Start a writer that may replace nothing, and return what there is then."""
        try:
            ShardWriter(self.name).__exit__(KeyError, None, None)
        except FileExistsError:
            assert self.check() != "nothing"
        else:
            assert not self.overwrite
            assert all(".part-" in name for name in os.listdir(self.folder))
        return self.check()


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def wait(child: int) -> bool:
    """Tell whether a child was killed; it must not fail otherwise."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def killed_before(nth: int, work: Callable[[], None]) -> bool:
    """Run in a fork what is killed before its n-th change of a file; False if there are fewer."""

    def run() -> None:
        changes = 0

        def count(event: str, args: tuple[Any, ...]) -> None:
            nonlocal changes
            if event in CHANGES:
                changes += 1
                if changes == nth:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work()

    return wait(fork(run))


def every(world: World) -> dict[str, int]:
    states: dict[str, int] = {}
    nth = 1
    world.reset()
    while killed_before(nth, world.write):
        state = world.check()
        states[state] = states.get(state, 0) + 1
        if nth % 3 == 1:
            # What was half done is undone: an old set is there again.
            found = world.refused_or_cleared()
            assert found == (state if state != "nothing" or not world.overwrite else "old")
        elif nth % 3 == 2:
            # The one that clears up is killed as well.
            for again in (1 + nth % 7, 5 + nth % 11, 20 + nth % 13):
                if not (world.publish_only and world.check() == "new"):
                    killed_before(again, lambda: world.write(overwrite=world.check() == "new"))
                world.check()
        world.run_again()
        world.reset()
        nth += 1
    assert world.check() == "new"
    return states


def at_random(world: World, count: int, rng: random.Random) -> dict[str, int]:
    states: dict[str, int] = {}
    times = []
    for _ in range(3):
        world.reset()
        begin = time.perf_counter()
        assert not wait(fork(world.write))
        times.append(time.perf_counter() - begin)
    for _ in range(count):
        world.reset()
        child = fork(world.write)
        time.sleep(rng.uniform(0, min(times)))
        os.kill(child, signal.SIGKILL)
        wait(child)
        state = world.check()
        states[state] = states.get(state, 0) + 1
        world.run_again()
    return states


def main(how: str, scenario: str, folder: str, count: str = "0", seed: str = "0") -> None:
    warnings.simplefilter("error")
    world = World(scenario, Path(folder))
    if how == "every":
        print(every(world))
    else:
        print(at_random(world, int(count), random.Random(int(seed))))


if __name__ == "__main__":
    main(*sys.argv[1:])
