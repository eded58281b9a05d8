"""``tfrecord-lite bench``: how fast files are read, by us and by TensorFlow."""

from __future__ import annotations

import math
import os
import time
from functools import partial
from importlib.util import find_spec
from itertools import chain, islice, repeat
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tfrecord_lite.cli.exits import UNUSABLE, complain
from tfrecord_lite.cli.inputs import Files, Json, rereadable
from tfrecord_lite.cli.jobs import bytes_of
from tfrecord_lite.cli.table import print_table
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.example.sequence_features import examples_only
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.parallel.cores import usable_cores
from tfrecord_lite.records.compression import Codec, codec_of
from tfrecord_lite.records.file_system import is_url, known_sizes
from tfrecord_lite.text import json_text, plural, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["Reading", "our_readings", "run"]

_WORKERS = (1, 2)
_MOST_EPOCHS = 10_000
_NO_TENSORFLOW = (
    "TensorFlow is not installed: without its lines (pip install 'tfrecord-lite-np[tensorflow]')"
)
_URLS = "files by URL, which tf.data does not read by itself: without TensorFlow's lines"
_MIXED = "files of several compressions: without what TensorFlow users write by hand"


class Reading(NamedTuple):
    """A way of reading all files; ``begin`` makes an iterable of the batches of so many epochs.

    The first ``untimed`` of them come before the clock starts.
    """

    name: str
    begin: Callable[[int], Iterable[Any]]
    untimed: int = 0

    def seconds(self, epochs: int = 1) -> float:
        """Read the files so often and return how long that takes, up to the last batch.

        When TensorFlow lets go of an iterator it may wait a good while for a thread of its own.
        """
        data = self.begin(epochs)
        began = time.perf_counter()
        batches: Iterator[Any] = iter(data)
        for _ in islice(batches, self.untimed):
            began = time.perf_counter()
        ended = began
        for _ in batches:
            ended = time.perf_counter()
        return ended - began


class _Files(NamedTuple):
    """What is read: ``size`` is in bytes, as the files lie on the disk."""

    paths: list[str]
    codecs: set[Codec]
    size: int
    left_out: int


def run(
    files: Files,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Records in a batch.")] = 1024,
    repeats: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often each reading is timed.")
    ] = 3,
    seconds: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Small files are read over and over for so long."
        ),
    ] = 1.0,
    limit: Annotated[
        int,
        typer.Option(
            parser=bytes_of,
            metavar="BYTES",
            help="The first files of so many, such as 500M; 0: all.",
        ),
    ] = "1G",  # type: ignore[assignment]  # the parser reads it
    as_json: Json = False,
) -> None:
    """Measure how fast files are read into batches, by us and by TensorFlow."""
    with rereadable(files) as named:
        report = _report(
            _choose(expand_shards(named), limit),
            batch_size=batch_size,
            repeats=repeats,
            seconds_each=seconds,
        )
    if as_json:
        print(json_text(report, indent=2))
    else:
        _print(report)


def _report(found: _Files, *, batch_size: int, repeats: int, seconds_each: float) -> dict[str, Any]:
    """Measure, and return all that is known then."""
    first = Dataset(found.paths, batch_size=batch_size)
    records = sum(len(next(iter(batch.values()))) for batch in first)
    if not records:
        complain(f"{found.paths[0]}: no records, here and in all other files")
        raise typer.Exit(UNUSABLE)
    try:
        features = examples_only(first.features)
    except ValueError as error:
        complain(f"{found.paths[0]}: {error}; bench reads Examples")
        raise typer.Exit(UNUSABLE) from None
    readings = our_readings(found.paths, features, batch_size)
    epochs = _epochs_for(readings[0], seconds_each, _MOST_EPOCHS)
    notes, check = [], None
    if find_spec("tensorflow") is None:
        notes.append(_NO_TENSORFLOW)
    elif any(map(is_url, found.paths)):
        notes.append(_URLS)
    else:
        # Its greetings are not what was asked for.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from tfrecord_lite.tensorflow import readings as theirs

        check = theirs.seconds_of_check(found.paths, features, batch_size)
        others = theirs.readings(found.paths, found.codecs, features, batch_size)
        readings += [Reading(name, partial(_repeated, data)) for name, data in others.items()]
        if len(found.codecs) > 1:
            notes.append(_MIXED)
    counts = [_epochs_for(reading, seconds_each, epochs) for reading in readings]
    seconds = _measure(list(zip(readings, counts, strict=True)), repeats)
    return {
        "files": len(found.paths),
        "files_left_out": found.left_out,
        "records": records,
        "bytes": found.size,
        "compression": sorted(codec or "none" for codec in found.codecs),
        "batch_size": batch_size,
        "epochs": epochs,
        "cores": usable_cores(),
        "notes": notes,
        "check_seconds": check,
        "readings": [
            {
                "name": name,
                "seconds": times,
                "median_seconds": median(times),
                "records_per_second": records / median(times),
                "bytes_per_second": found.size / median(times),
            }
            for name, times in seconds.items()
        ],
    }


def _epochs_for(reading: Reading, seconds: float, most: int) -> int:
    """Return how many epochs fill so many seconds, by how long one takes; ``most`` at most."""
    if most == 1:
        return 1
    return min(max(math.ceil(seconds / max(reading.seconds(), 1e-6)), 1), most)


def _repeated(data: Iterable[Any], epochs: int) -> Iterator[Any]:
    return chain.from_iterable(repeat(data, epochs))


def _choose(paths: list[str], limit: int) -> _Files:
    """Take the first files up to a size, one at least; 0 means all."""
    chosen: list[str] = []
    codecs: set[Codec] = set()
    size = 0
    for path, more in zip(paths, known_sizes(paths), strict=True):
        if chosen and limit and size + more > limit:
            break
        chosen.append(path)
        size += more
        codecs.add(codec_of(path))
    return _Files(chosen, codecs, size, len(paths) - len(chosen))


def our_readings(
    paths: list[str], features: Mapping[str, FeatureSpec], batch_size: int
) -> list[Reading]:
    """Return the ways of reading that need nothing but this package.

    Worker processes are started again each time, and read all files once before the clock starts:
    otherwise what they have read while others were measured would be counted as read in no time.
    """
    dataset = partial(Dataset, paths, features, batch_size=batch_size)

    def batches(workers: int, epochs: int) -> Iterator[Any]:
        with dataset(workers=workers, repeat=1 + epochs) as opened:
            yield from opened

    each = len(dataset())
    return [
        Reading("Dataset, 0 workers", lambda epochs: dataset(repeat=epochs)),
        *(
            Reading(f"Dataset, {plural(workers, 'worker')}", partial(batches, workers), each)
            for workers in _WORKERS
        ),
    ]


def _measure(readings: list[tuple[Reading, int]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds that an epoch takes by each reading, of which so many are read at once.

    The first round, which warms up, is thrown away.
    """
    seconds: dict[str, list[float]] = {reading.name: [] for reading, _ in readings}
    for number in range(repeats + 1):
        turn = number % len(readings)
        for reading, epochs in readings[turn:] + readings[:turn]:
            elapsed = reading.seconds(epochs)
            if number:
                seconds[reading.name].append(elapsed / epochs)
    return seconds


def _print(report: dict[str, Any]) -> None:
    rest = f" (of {report['files'] + report['files_left_out']})" if report["files_left_out"] else ""
    print(
        f"{plural(report['files'], 'file')}{rest}, {plural(report['records'], 'record')}, "
        f"{size_text(report['bytes'])}, compression {' and '.join(report['compression'])}; "
        f"batches of {report['batch_size']:,}, read up to {plural(report['epochs'], 'time')} each; "
        f"{plural(report['cores'], 'core')}"
    )
    fastest = max(reading["records_per_second"] for reading in report["readings"])
    rows = [["reading", "records/s", "MB/s", "of the fastest"]]
    for reading in sorted(report["readings"], key=lambda item: item["median_seconds"]):
        rate, size = reading["records_per_second"], reading["bytes_per_second"] / 1e6
        rows.append([reading["name"], f"{rate:,.0f}", f"{size:,.1f}", f"{rate / fastest:.0%}"])
    print_table(rows)
    for note in report["notes"]:
        print(note)
    if report["check_seconds"] is not None:
        epoch = next(
            reading["median_seconds"]
            for reading in report["readings"]
            if reading["name"] == "make_dataset, tf.data"
        )
        check = report["check_seconds"]
        print(f"check=True takes {check:.3f} s, {check / epoch:.0%} of an epoch of tf.data's")
