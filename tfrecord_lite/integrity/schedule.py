"""Who does what: work cut into tasks, for this process, for its threads, or for others."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tfrecord_lite.integrity.check import ByteRange, Checker
from tfrecord_lite.parallel.cores import usable_cores
from tfrecord_lite.parallel.threads import Threads
from tfrecord_lite.parallel.workers import Workers
from tfrecord_lite.records.compression import codec_of
from tfrecord_lite.records.file_system import known_sizes, open_file
from tfrecord_lite.records.framing import HEADER_SIZE, length_is_intact
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tfrecord_lite._types import CompressionOrAuto, PathOrFile

__all__ = ["Schedule"]

# Each holds a few MB.
_MOST_THREADS = 8


class Schedule:
    """How the checking of some files is spread over cores.

    ``workers`` is how many processes, None for what suits the files and the machine. ``decode``
    says that records are decoded; otherwise a large file may be checked in parts.
    """

    def __init__(
        self,
        files: Sequence[PathOrFile],
        compression: CompressionOrAuto,
        workers: int | None,
        *,
        decode: bool,
    ) -> None:
        self.processes = self.threads = 1
        self._parts: dict[str, list[ByteRange]] = {}
        named = [file for file in files if isinstance(file, str)]
        cores = usable_cores() if workers is None else workers
        if cores < 2 or len(named) < len(files):
            return
        sizes = dict(zip(named, known_sizes(named), strict=True))
        first_lengths = []
        for file, size in sizes.items():
            if not decode and size >= limits.checked_part_bytes:
                length = _first_length(file, compression)
                if length is not None:
                    first_lengths.append(length)
                    self._parts[file] = _cut(file, size, cores)
        tasks = sum(len(self.tasks_of(file)) for file in named)
        total = sum(sizes.values())
        least = limits.decoded_in_processes_bytes if decode else limits.checked_in_processes_bytes
        large = min(first_lengths, default=0) >= limits.checked_large_record_bytes
        if workers is not None or (total >= least and not large):
            self.processes = min(cores, tasks)
        elif total >= limits.checked_in_threads_bytes and not decode:
            self.threads = min(cores, tasks, _MOST_THREADS)
        if self.processes == self.threads == 1:
            self._parts.clear()

    def tasks_of(self, file: PathOrFile) -> Sequence[ByteRange | PathOrFile]:
        """Return what is to be done about a file: parts of it, or all of it at once."""
        parts = self._parts.get(file) if isinstance(file, str) else None
        return parts or [file]

    def run(self, checker: Checker, tasks: Sequence[Any]) -> Iterator[Any]:
        """Do tasks; yield what comes of each, in their order."""
        if self.processes > 1:
            with closing(Workers(replace(checker, progress=None), self.processes)) as workers:
                yield from workers.map(tasks)
        elif self.threads > 1:
            check = replace(checker, progress=None)
            with closing(Threads(self.threads, "tfrecord_lite-verify")) as threads:
                for call in [threads.submit(check, task) for task in tasks]:
                    yield call.result()
        else:
            yield from map(checker, tasks)


def _first_length(file: str, compression: CompressionOrAuto) -> int | None:
    """Return the length of a plain file's first record; None where the file is not that."""
    try:
        if codec_of(file, compression) is not None:
            return None
        with open_file(file) as opened:
            head = opened.read(HEADER_SIZE)
    except OSError:
        return None
    plain = len(head) >= HEADER_SIZE and length_is_intact(head)
    return int.from_bytes(head[:8], "little") if plain else None


def _cut(file: str, size: int, cores: int) -> list[ByteRange]:
    """Cut a file into parts of one size, as many for each core."""
    rounds = -(-size // (limits.checked_part_bytes * cores))
    count = rounds * cores
    bounds = [size * index // count for index in range(count + 1)]
    return [ByteRange(file, begin, end) for begin, end in pairwise(bounds)]
