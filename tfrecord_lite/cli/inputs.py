"""The files that a command names, and their records."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.files.resolve import resolve
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.urls import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import PathOrFile
    from tfrecord_lite.cli.exits import Damages
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.example.sequence_features import SequenceFeatures

__all__ = [
    "Count",
    "Files",
    "Json",
    "Record",
    "Workers",
    "expand_files",
    "named_or_standard_input",
    "read_features",
    "records_of",
    "refuse_standard_output",
    "rereadable",
]

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help="Files, directories, globs, the NAME of a set, NAME@N, URLs, or - for standard input.",
    ),
]


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Count = Annotated[
    int, typer.Option("--records", "-n", min=0, metavar="N", help="How many records to show.")
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Processes; left out, as many as there are cores."),
]


class Record(NamedTuple):
    """A record with its place."""

    path: str
    number: int
    data: bytes


def expand_files(
    files: list[str], on_error: Callable[[str, Exception], object] | None = None
) -> list[PathOrFile]:
    """Return what is to be read: ``-`` is standard input, all else as `expand_shards` takes it.

    ``on_error`` is told of each that cannot be used, and the others are returned.
    """
    named = named_or_standard_input(files)
    if on_error is not None:
        try:
            return [*resolve(named).files]
        except (OSError, TFRecordError):
            named = [one for one in named if _is_usable(one, on_error)]
    return [*resolve(named).files] if named else []


def _is_usable(one: Any, on_error: Callable[[str, Exception], object]) -> bool:
    try:
        resolve(one)
    except (OSError, TFRecordError) as error:
        on_error(name_of(one), error)
        return False
    return True


def named_or_standard_input(files: list[str]) -> list[Any]:
    """Return names as they are, and standard input for ``-``, which is there once."""
    _check_once(files)
    return [sys.stdin.buffer if file == "-" else file for file in files]


def refuse_standard_output(target: str | None) -> None:
    """Raise ValueError for ``-`` where a file, or a set, to be written is named."""
    if target == "-":
        raise ValueError(
            "-: no standard output here, name what is to be written (./- has this name); "
            "`tfrecord-lite cat` prints records"
        )


def _check_once(files: list[str]) -> None:
    if files.count("-") > 1:
        raise ValueError("- is there several times, and standard input can be read once")


@contextmanager
def rereadable(files: list[str]) -> Iterator[list[str]]:
    """Yield names as they are, and for ``-`` that of a file into which standard input was copied.

    It is there for as long as the context is: for what is read more than once, or by number.
    """
    _check_once(files)
    if "-" not in files:
        yield files
        return
    with _ended_in_order(), tempfile.TemporaryDirectory(prefix="tfrecord-lite-") as folder:
        path = os.path.join(folder, "standard-input")
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [path if name == "-" else name for name in files]


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Have a signal that ends the process, as of a terminal that is closed, end it as errors do."""
    before: dict[int, Any] = {}

    def end(number: int, _: object) -> None:
        # A terminal that is closed may send it twice: the second does not stop the cleaning up.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        # As a shell counts.
        raise SystemExit(128 + number)

    # Only the main thread may ask for it.
    is_main = threading.current_thread() is threading.main_thread()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # One that is ignored, as under nohup, stays so.
        if is_main and number is not None and signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def records_of(files: list[str], damages: Damages) -> Iterator[Record]:
    """Iterate over the intact records of all files."""
    for file in expand_files(files, damages.leave_out):
        with damages.reading(name_of(file)), RecordReader(file, on_damage=damages) as reader:
            for block in reader.blocks():
                for number, data in enumerate(block, block.first_record):
                    yield Record(reader.path, number, data)


def read_features(path: str) -> dict[str, FeatureSpec] | SequenceFeatures:
    """Read features from JSON, of a path or URL."""
    with io.BufferedReader(open_file(local_path(path))) as file:
        data = file.read()
    try:
        return features_from_json(data.decode())
    except ValueError as error:
        raise typer.BadParameter(f"{path}: {error}") from None
