"""The files that a command names, and their records."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.records.reader import RecordReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import PathOrFile
    from tfrecord_lite.errors import Damage

__all__ = ["Files", "Record", "expand_files", "named_or_standard_input", "records_of"]


Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help="Files, directories, globs, NAME@N for N shards, or - for standard input.",
    ),
]


class Record(NamedTuple):
    """A record with its place."""

    path: str
    number: int
    data: bytes


def expand_files(files: list[str]) -> list[PathOrFile]:
    """Return what is to be read: ``-`` is standard input, all else as `expand_shards` takes it."""
    found: list[PathOrFile] = []
    for file in files:
        found += [sys.stdin.buffer] if file == "-" else expand_shards(file)
    return found


def named_or_standard_input(files: list[str]) -> list[Any]:
    """Return names as they are, and standard input for ``-``."""
    return [sys.stdin.buffer if file == "-" else file for file in files]


def records_of(files: list[str], on_damage: Callable[[Damage], Any]) -> Iterator[Record]:
    """Iterate over the intact records of all files."""
    for file in expand_files(files):
        with RecordReader(file, on_damage=on_damage) as reader:
            for block in reader.blocks():
                for number, data in enumerate(block, block.first_record):
                    yield Record(reader.path, number, data)
