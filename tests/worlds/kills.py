"""Kills of the processes of an engine at random moments, and what must be there after each.

``KILLS`` in the environment says how many there are of each kind. Sets lie in a folder of this
machine, and in a bucket where there is s3rver (``$S3RVER``, or on the path).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tfrecord_lite as tfr
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.file_system import is_file, list_directory, open_file
from tfrecord_lite.urls import is_url

if TYPE_CHECKING:
    from typing_extensions import Self

KILLS = int(os.environ.get("KILLS", "3"))
# What a test with so many kills may take.
MOST_SECONDS = 300 + 60 * KILLS
OLD = 7


class Killer:
    """Kills processes that are at work, a random time after one of them is seen.

    ``at_work`` returns who is. Without ``rng`` nobody is killed, and it is seen how long they work.
    """

    def __init__(
        self,
        at_work: Callable[[], list[int]],
        rng: random.Random | None = None,
        longest: float = 0,
        times: int = 1,
        was_at_work: Callable[[int], bool] = lambda process: True,
    ) -> None:
        self._at_work = at_work
        self._was_at_work = was_at_work
        self._rng = rng
        self._longest = longest
        self._times = times
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.killed: list[int] = []
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        first = None
        while not self._over.is_set() and len(self.killed) < self._times:
            began = time.perf_counter()
            if self._at_work():
                first = first or began
                self.seconds = began - first
                if self._rng is not None:
                    # What is tried again is killed early, so that it is given up.
                    longest = self._longest / (20 if self.killed else 1)
                    time.sleep(self._rng.uniform(0, longest))
                    self._kill_one(self._rng)
            # Where looking takes long, half of the time is left to others.
            time.sleep(max(0.0003, time.perf_counter() - began))

    def _kill_one(self, rng: random.Random) -> None:
        found = self._at_work()
        if not found:
            return
        process = rng.choice(found)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        while lives(process):
            time.sleep(0.001)
        if self._was_at_work(process):
            self.killed.append(process)


def lives(process: int) -> bool:
    """Tell whether a process runs still; one that nobody has waited for does not."""
    try:
        return b") Z" not in Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False


class Announcements:
    """A folder in which processes say that they are at work, each by a file, as long as they are.

    What was killed leaves its file.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self._folder = folder
        self._what = what

    def _path(self, process: int) -> Path:
        return self._folder / f"{self._what}-{process}"

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Say that this process is at work."""
        path = self._path(os.getpid())
        path.touch(exist_ok=False)
        try:
            # The killer is to see it begin.
            time.sleep(0.002)
            yield
        finally:
            path.unlink()

    def at_work(self) -> list[int]:
        """Return who lives and is at work."""
        names = [name.rpartition("-") for name in os.listdir(self._folder)]
        found = [int(process) for what, _, process in names if what == self._what]
        return [process for process in found if lives(process)]

    def was_at_work(self, process: int) -> bool:
        """Tell whether one that lives no more was at work when it died; once."""
        try:
            self._path(process).unlink()
        except FileNotFoundError:
            return False
        return True


def kill_again_and_again(
    kind: str,
    run: Callable[[random.Random], str],
    well: str,
    at_work: Callable[[], list[int]],
    was_at_work: Callable[[int], bool] = lambda process: True,
    wanted: int = KILLS,
) -> None:
    """Run something with kills in it until there were as many as are wanted.

    ``run`` returns how it ended: without kills, ``well``. It is called in a moment in which nobody
    is at work. Kills that come when the work is done do not count.
    """
    rng = random.Random(kind)
    # All is loaded in the first run; the second tells how long they work.
    for _ in range(2):
        with Killer(at_work) as watch:
            assert run(rng) == well
    longest = watch.seconds
    assert longest > 0
    ends: dict[str, int] = {}
    kills = 0
    # Many miss on a machine that others keep busy.
    for _ in range(5 * wanted + 20):
        times = min(rng.choice([1, 1, 1, 1, 4]), wanted - kills)
        with Killer(at_work, rng, longest, times, was_at_work) as killer:
            ended = run(rng)
        if killer.killed:
            ends[ended] = ends.get(ended, 0) + 1
        # Other moments of the machine are slower or faster: half of the kills are to come in time.
        longest = min(watch.seconds, longest * 1.2) if killer.killed else longest / 1.2
        kills += len(killer.killed)
        if kills == wanted:
            break
    print(f"{kind}: {kills} kills within {watch.seconds:.3f} s each; runs ended so: {ends}")
    assert kills == wanted


def new_folder(folder: str) -> str:
    """Return the name of a new folder in one of this machine, or in a bucket."""
    own = f"{folder}/{os.urandom(6).hex()}"
    if not is_url(own):
        os.mkdir(own)
    return own


def place_for_set(folder: str, rng: random.Random) -> tuple[str, str]:
    """Return the name of a set in a folder of its own, and what stands there: nothing, or old."""
    name = f"{new_folder(folder)}/train"
    before = rng.choice(["nothing", "old"])
    if before == "old":
        with tfr.ShardWriter(name, num_shards=2, features={"id": int}) as writer:
            writer.write_examples({"id": np.arange(-OLD, 0)})
    return name, before


def what_stands(name: str, count: int) -> str:
    """Look whether a set is whole: "old", "new" with so many records, or "nothing"."""
    path = f"{name}.manifest.json"
    if not is_file(path):
        return "nothing"
    manifest = tfr.Manifest.load(path)
    manifest.check()
    for file, entry in zip(manifest.files, manifest.entries, strict=True):
        with open_file(file) as opened:
            assert crc32c(opened.read()) == entry.crc32c, file
    ids = read_ids(path)
    assert len(ids) == manifest.records
    if ids == list(range(-OLD, 0)):
        return "old"
    assert ids == list(range(count))
    return "new"


def nothing_else(name: str) -> bool:
    """Tell whether nothing but the set, if there is one, lies in its folder."""
    path = f"{name}.manifest.json"
    names = set()
    if is_file(path):
        names = {"train.manifest.json", *(entry.name for entry in tfr.Manifest.load(path).entries)}
    return names_beside(name) == names


def names_beside(name: str) -> set[str]:
    """Return what lies in the folder of a set, hidden ones too."""
    return {found for found, _ in list_directory(os.path.dirname(name))}


def settle(name: str, count: int, before: str) -> str:
    """Have the next writer clear up, and return what stands then."""
    first = what_stands(name, count)
    job: Any = WriteJob(name, overwrite=True)
    job.start()
    job.abort()
    assert nothing_else(name), names_beside(name)
    then = what_stands(name, count)
    assert then in (before, "new")
    assert first in (then, "nothing")
    return then


def read_ids(paths: Any) -> list[int]:
    """Return the ids of all records, sorted."""
    batches = [np.asarray(batch["id"]) for batch in tfr.read_batches(paths, {"id": int})]
    return np.sort(np.concatenate(batches)).tolist() if batches else []
