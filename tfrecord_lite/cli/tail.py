"""``tfrecord-lite tail``: the last records, and those that are still to come."""

from __future__ import annotations

import sys
import time
import warnings
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, complain
from tfrecord_lite.cli.inputs import Record
from tfrecord_lite.cli.show import print_json_line, print_pretty_record
from tfrecord_lite.errors import TruncatedRecordError
from tfrecord_lite.records.reader import RecordReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite.errors import Damage

__all__ = ["run"]

_POLL_SECONDS = 0.2
# As a shell reports a command that Ctrl-C ended.
_INTERRUPTED = 130


def run(file: str, *, records: int, follow: bool, as_json: bool) -> None:
    """Print the last records of a file; with ``follow`` go on until it is interrupted."""
    source: Any = sys.stdin.buffer if file == "-" else file
    print_record = print_json_line if as_json else print_pretty_record
    damaged = False

    def on_damage(damage: Damage) -> None:
        nonlocal damaged
        damaged = True
        # The records before the damage are seen before the complaint.
        sys.stdout.flush()
        place = f"{damage.path}: record {damage.record}, bytes {damage.begin} to {damage.end}"
        complain(f"{place} left out: {damage.reason}")

    if follow and file == "-":
        raise typer.BadParameter("standard input cannot be followed; name a file")
    options: dict[str, Any] = {"follow": True, "timeout": 0} if follow else {}
    try:
        with RecordReader(source, on_damage=on_damage, **options) as reader, _told():
            for record in deque(_read(reader, last=records), records):
                print_record(record)
            while follow:
                sys.stdout.flush()
                time.sleep(_POLL_SECONDS)
                for record in _read(reader):
                    print_record(record)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    if damaged:
        raise typer.Exit(DAMAGED)


def _read(reader: RecordReader, last: int | None = None) -> Iterator[Record]:
    """Iterate over the records that there are now, of each block no more than the ``last``."""
    # A record that is truncated in a file that is followed is still being written.
    with suppress(TruncatedRecordError):
        for block in reader.blocks():
            skip = 0 if last is None else max(len(block) - last, 0)
            for number, data in enumerate(block[skip:], block.first_record + skip):
                yield Record(reader.path, number, data)


@contextmanager
def _told() -> Iterator[None]:
    """Tell in a line when the file has been replaced."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: complain(message)
        yield
