"""describe: what is in files, all of them gone through once, on all cores."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from tfrecord_lite.description.result import Description, FileDescription
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import each_path
from tfrecord_lite.parallel.cores import usable_cores
from tfrecord_lite.parallel.workers import Workers
from tfrecord_lite.records.compression import codec_of
from tfrecord_lite.records.file_system import known_sizes
from tfrecord_lite.records.numbers import integer
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES, RecordReader
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tfrecord_lite._types import CompressionOrAuto, NameOrFile, Paths, Verify
    from tfrecord_lite.files.splits import Split
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["describe"]

# Processes have so many parts each, and end at about the same time.
_PARTS_EACH = 8


def describe(
    paths: Paths | RecordSet,
    *,
    sample: int | None = None,
    progress: Callable[[str, int], object] | None = None,
    workers: int | None = None,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Description:
    """Describe what files hold: how many records, of which sizes, and what is in their features.

    ``paths`` is what `RecordSet` takes; a file that is there twice counts twice. All records are
    read and counted, whatever they are, and their checksums checked; damage is left out, and told.
    A file that is missing, or cannot be read, has its error in the description, and the others are
    gone through.

    What is in records is looked at in all, or with ``sample`` in about as many: in the first of
    each file, as many as are the file's share of all bytes, and at least one. These are more than
    ``sample`` where there are many small files, and fewer, though there are others, where a file
    has larger records than the others and so fewer than its share; ``looked_at`` of what is
    returned says how many. Processes share files by parts, each with its own share. An open file
    counts as one of 1 byte.

    Counts, sizes, the least, the mean and the largest are exact (a mean but for rounding); how many
    different values there are is exact up to 10,000 of a kind, and beyond has a standard error of
    about 0.8 %; histograms of numbers are exact up to there, and beyond of a sample; what byte
    strings hold is told of a sample.

    ``workers`` is how many processes share the work, 0 for none beside this one, None for as many
    as there are cores where the files are large. ``progress`` is called now and then with a file's
    name and how many bytes of it have been read. ``compression``, ``verify`` and
    ``max_record_bytes`` are those of `RecordReader`.

    Raises TypeError for what is no path, and where ``paths`` is one what `RecordSet` raises for it:
    of a set that is not whole, too, of which `verify` tells all.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": [3, 5, 3], "name": ["cat", "dog", "cat"]})
    >>> found = tfr.describe(path)
    >>> label = found.features["label"]
    >>> found.records, label.kind, label.min, label.max, label.distinct, label.top[0]
    (3, 'int64', 3, 5, 2, (3, 2))
    """
    if sample is not None and integer(sample=sample) < 1:
        raise ValueError(f"sample={sample} must be at least 1, or None for all records")
    if workers is not None and integer(workers=workers) < 0:
        raise ValueError(f"workers={workers} must be at least 0, or None")
    options = {
        "compression": compression,
        "verify": verify,
        "max_record_bytes": max_record_bytes,
    }
    records, missing = _find(paths, options)
    files = [] if records is None else records.files
    named = list(dict.fromkeys(file for file in files if isinstance(file, str)))
    sizes: dict[Any, int] = dict(zip(named, known_sizes(named), strict=True))
    processes = _processes(files, sizes, workers)
    tasks = [] if records is None else _tasks(records, [*options], sizes, sample, processes)
    outcomes = _run(list(chain(*tasks)), progress, processes)
    described = [_joined(parts, list(islice(outcomes, len(parts))), progress) for parts in tasks]
    return Description(described + missing)


def _find(
    paths: Paths | RecordSet, options: Mapping[str, Any]
) -> tuple[RecordSet | None, list[FileDescription]]:
    """Return the files that there are, None for none, each as often as it is named.

    And a description of each path that means nothing.
    """
    if isinstance(paths, RecordSet):
        return RecordSet.of(paths, **options), []
    each = each_path(paths)
    try:
        # All at once: of names that are URLs that is a listing of each folder.
        return RecordSet(each, **options), []
    except (OSError, TFRecordError):
        if len(each) < 2:
            raise
    there = []
    missing = []
    for path in each:
        try:
            RecordSet(path, **options)
            there.append(path)
        except (OSError, TFRecordError) as error:
            missing.append(FileDescription(name_of(path), error=error))
    return RecordSet(there, **options) if there else None, missing


@dataclass
class _Task:
    """Some records of a file to be gone through: of a split, or all; ``most`` are looked at.

    What is found in them goes to ``found``.
    """

    found: FileDescription
    reader: Callable[[], RecordReader]
    split: Split | None = None
    size: int = 1
    most: int | None = None

    def add(self, block: RecordBlock) -> None:
        """Look at the records of a block."""
        scan = self.found.scan
        scan.add(block, None if self.most is None else max(self.most - scan.looked_at, 0))


def _tasks(
    records: RecordSet,
    names: list[str],
    sizes: Mapping[Any, int],
    sample: int | None,
    processes: int,
) -> list[list[_Task]]:
    """Return what is to be done about each file; large ones are cut into parts for processes.

    ``names`` are those of the set's options with which files are read.
    """
    # What is counted one by one begins again in each part: they are no smaller than they need be.
    whole = sum(sizes.get(file, 0) for file in records.files)
    part_bytes = max(limits.described_part_bytes, whole // (max(processes, 1) * _PARTS_EACH))
    tasks = []
    for number, file in enumerate(records.files):
        found = FileDescription(name_of(file), bytes=sizes.get(file))
        own = {name: records.options[name] for name in names} | {"on_damage": found.add_damage}
        if isinstance(file, str):
            task = _Task(found, partial(RecordReader, file, **own), size=max(sizes[file], 1))
        else:
            # It stays here, and the set knows where it begins.
            task = _Task(found, partial(records.reader, number, **own))
        parts = [task]
        if processes > 1 and task.size > part_bytes:
            # What is wrong with a file comes again where it is read.
            with suppress(OSError, TFRecordError):
                splits = RecordSet([file], **own).splits(bytes_per_split=part_bytes)
                if len(splits) > 1:
                    found.compression = codec_of(str(file), own["compression"])
                    parts = [replace(task, split=one, size=one.size_bytes) for one in splits]
        tasks.append(parts)
    if sample is not None:
        every = list(chain(*tasks))
        whole = sum(task.size for task in every)
        for task in every:
            task.most = -(-sample * task.size // whole)
    return tasks


def _processes(files: list[NameOrFile], sizes: Mapping[Any, int], workers: int | None) -> int:
    """Return how many processes share the work, fewer than 2 for none."""
    if any(not isinstance(file, str) for file in files):
        return 0
    if workers is not None:
        return workers
    large = sum(sizes[file] for file in files) >= limits.described_in_processes_bytes
    return usable_cores() if large else 0


def _look(task: _Task, progress: Callable[[str, int], object] | None = None) -> FileDescription:
    """Go through what a task says, and return what was found."""
    found = task.found
    try:
        if task.split is not None:
            for block in task.split.blocks():
                task.add(block)
        else:
            with task.reader() as reader:
                found.compression = reader.compression
                for block in reader.blocks():
                    task.add(block)
                    reader.recycle(block)
                    if progress is not None:
                        progress(reader.path, reader.source_offset)
    except (OSError, TFRecordError) as error:
        found.error = error
    found.scan.finish()
    return found


def _run(
    tasks: list[_Task], progress: Callable[[str, int], object] | None, processes: int
) -> Iterator[FileDescription]:
    """Go through all tasks; yield what comes of each, in their order."""
    count = min(processes, len(tasks))
    if count < 2:
        for task in tasks:
            yield _look(task, progress)
        return
    workers: Workers[_Task, FileDescription] = Workers(_look, count)
    # Of a file that is there twice each by itself.
    done: Counter[int] = Counter()
    with closing(workers):
        for task, part in zip(tasks, workers.map(tasks), strict=True):
            done[id(task.found)] += task.size
            if progress is not None:
                progress(part.path, done[id(task.found)])
            yield part


def _joined(
    tasks: list[_Task],
    parts: list[FileDescription],
    progress: Callable[[str, int], object] | None,
) -> FileDescription:
    """Make one description of those of the parts of a file."""
    if len(parts) > 1 and not all(part.ok for part in parts):
        # Where a part begins is then not as sure as from the front. Nothing was found here as yet:
        # parts are gone through by other processes.
        most = None if tasks[0].most is None else sum(task.most or 0 for task in tasks)
        return _look(replace(tasks[0], split=None, most=most), progress)
    for part in parts[1:]:
        parts[0].scan.merge(part.scan)
    return parts[0]
