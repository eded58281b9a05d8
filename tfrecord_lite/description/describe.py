"""describe: what is in files, all of them gone through once, on all cores."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from tfrecord_lite.description.result import Description, FileDescription
from tfrecord_lite.description.scan import Scan
from tfrecord_lite.errors import Damage, TFRecordError
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

    Raises TypeError for what is no path, and ``FileNotFoundError`` where nothing is found at all.

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
    found = _find(paths, options)
    files = [] if found.records is None else found.records.files
    named = list(dict.fromkeys(file for file in files if isinstance(file, str)))
    sizes: dict[Any, int] = dict(zip(named, known_sizes(named), strict=True))
    processes = _processes(files, sizes, workers)
    tasks = _tasks(found, sizes, sample, processes)
    outcomes = _run(tasks, progress, processes)
    described = [
        _joined(*of_file, sizes.get(of_file[0][0].file), progress)
        for of_file in _by_file(tasks, outcomes)
    ]
    return Description(described + found.missing)


class _Files(NamedTuple):
    """The files that there are, None for none, each as often as it is named."""

    records: RecordSet | None
    missing: list[FileDescription]
    options: dict[str, Any]


def _find(paths: Paths | RecordSet, options: Mapping[str, Any]) -> _Files:
    """Return the files that there are, and a description of each path that means nothing."""
    if isinstance(paths, RecordSet):
        records = RecordSet.of(paths, **options)
        own = {name: records.options[name] for name in options}
        return _Files(records, [], own)
    each = each_path(paths)
    try:
        # All at once: of names that are URLs that is a listing of each folder.
        return _Files(RecordSet(each, **options), [], dict(options))
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
    return _Files(RecordSet(there, **options) if there else None, missing, dict(options))


class _Damages:
    """What was left out: the first regions, and how many there are in all."""

    def __init__(self) -> None:
        self.listed: list[Damage] = []
        self.regions = self.bytes = 0

    def __call__(self, damage: Damage) -> None:
        self.regions += 1
        self.bytes += damage.end - damage.begin
        if len(self.listed) < limits.listed_faults:
            self.listed.append(damage)


@dataclass
class _Task:
    """Some records of a file to be gone through: of a split, or all; ``most`` are looked at."""

    file: NameOrFile
    split: Split | None
    damages: _Damages
    options: dict[str, Any]
    size: int = 1
    most: int | None = None
    opened: RecordSet | None = None
    """Of an open file, which stays here: the set that knows where it begins."""

    def reader(self) -> RecordReader:
        """Return a reader of the whole file."""
        if self.opened is None:
            return RecordReader(self.file, **self.options)
        return self.opened.reader(self.opened.files.index(self.file), **self.options)


def _tasks(
    found: _Files, sizes: Mapping[Any, int], sample: int | None, processes: int
) -> list[_Task]:
    """Return what is to be done, a file after the other; large files in parts for processes."""
    tasks = []
    files = [] if found.records is None else found.records.files
    # What is counted one by one begins again in each part: they are no smaller than they need be.
    whole = sum(sizes.get(file, 0) for file in files)
    part_bytes = max(limits.described_part_bytes, whole // (max(processes, 1) * _PARTS_EACH))
    for file in files:
        damages = _Damages()
        own = {**found.options, "on_damage": damages}
        size = sizes.get(file, 1)
        splits: list[Split] = []
        if processes > 1 and size > part_bytes:
            # What is wrong with a file comes again where it is read.
            with suppress(OSError, TFRecordError):
                splits = RecordSet([file], **own).splits(bytes_per_split=part_bytes)
        if len(splits) > 1:
            tasks += [_Task(file, split, damages, own, split.size_bytes) for split in splits]
        else:
            opened = None if isinstance(file, str) else found.records
            tasks.append(_Task(file, None, damages, own, max(size, 1), opened=opened))
    if sample is not None:
        whole = sum(task.size for task in tasks)
        for task in tasks:
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


class _Part(NamedTuple):
    """What came of a task."""

    scan: Scan
    damages: _Damages
    compression: str | None
    error: OSError | TFRecordError | None


class _Job:
    """Goes through what a task says. Picklable."""

    def __init__(self, progress: Callable[[str, int], object] | None) -> None:
        self._progress = progress

    def __call__(self, task: _Task) -> _Part:
        scan = Scan()
        compression: str | None = None
        error: OSError | TFRecordError | None = None
        try:
            if task.split is not None:
                compression = codec_of(str(task.file), task.options["compression"])
                for block in task.split.blocks():
                    self._add(scan, block, task)
            else:
                with task.reader() as reader:
                    compression = reader.compression
                    for block in reader.blocks():
                        self._add(scan, block, task)
                        reader.recycle(block)
                        if self._progress is not None:
                            self._progress(reader.path, reader.source_offset)
        except (OSError, TFRecordError) as found:
            error = found
        return _Part(scan.finish(), task.damages, compression, error)

    def _add(self, scan: Scan, block: RecordBlock, task: _Task) -> None:
        scan.add(block, None if task.most is None else max(task.most - scan.looked_at, 0))


def _run(
    tasks: list[_Task], progress: Callable[[str, int], object] | None, processes: int
) -> Iterator[_Part]:
    """Go through all tasks; yield what comes of each, in their order."""
    count = min(processes, len(tasks))
    if count < 2:
        yield from map(_Job(progress), tasks)
        return
    workers: Workers[_Task, _Part] = Workers(_Job(None), count)
    # Of a file that is there twice each by itself.
    done: Counter[int] = Counter()
    with closing(workers):
        for task, part in zip(tasks, workers.map(tasks), strict=True):
            done[id(task.damages)] += task.size
            if progress is not None:
                progress(name_of(task.file), done[id(task.damages)])
            yield part


def _by_file(
    tasks: list[_Task], outcomes: Iterator[_Part]
) -> Iterator[tuple[list[_Task], list[_Part]]]:
    """Yield the tasks of each file, with what came of them."""
    for _, group in groupby(zip(tasks, outcomes, strict=True), lambda pair: id(pair[0].damages)):
        of_file = list(group)
        yield [task for task, _ in of_file], [part for _, part in of_file]


def _joined(
    tasks: list[_Task],
    parts: list[_Part],
    size: int | None,
    progress: Callable[[str, int], object] | None,
) -> FileDescription:
    """Make one description of the parts of a file of so many bytes, None where nobody knows."""
    file, options = tasks[0].file, tasks[0].options
    if len(parts) > 1 and any(part.error is not None or part.damages.regions for part in parts):
        # Where a part begins is then not as sure as from the front.
        damages = _Damages()
        most = None if tasks[0].most is None else sum(task.most or 0 for task in tasks)
        whole = _Task(file, None, damages, {**options, "on_damage": damages}, most=most)
        parts = [_Job(progress)(whole)]
    scan = parts[0].scan
    for part in parts[1:]:
        scan.merge(part.scan)
    damages = parts[0].damages
    return FileDescription(
        name_of(file),
        scan,
        parts[0].compression,
        size,
        damages.listed,
        damages.regions,
        damages.bytes,
        parts[0].error,
    )
