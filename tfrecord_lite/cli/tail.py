"""``tfrecord-lite tail``: the last records, and those that are still to come."""

from __future__ import annotations

import sys
import time
import warnings
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tfrecord_lite.cli.exits import Damages
from tfrecord_lite.cli.inputs import Count, Files, Json, Record, expand_files
from tfrecord_lite.cli.show import print_json_line, print_pretty_record
from tfrecord_lite.errors import TruncatedRecordError
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["run"]

_POLL_SECONDS = 0.2
# As a shell reports a command that Ctrl-C ended.
_INTERRUPTED = 130


def run(
    files: Files,
    records: Count = 5,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", "-F", help="Go on with records as they are written."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the last records, and with --follow those of one file that are still to come."""
    if follow and "-" in files:
        raise typer.BadParameter("standard input cannot be followed; name a file")
    damages = Damages()
    expanded = expand_files(files, damages.leave_out)
    if follow and len(expanded) > 1:
        raise typer.BadParameter(f"one file can be followed; these are {len(expanded):,}")
    print_record = print_json_line if as_json else print_pretty_record
    last: deque[Record] = deque(maxlen=min(records, sys.maxsize))
    try:
        # From the last file to those before it, as far as they are needed.
        for file in reversed(expanded[1:]):
            with damages.reading(name_of(file)), RecordReader(file, on_damage=damages) as reader:
                _put_before(last, _read(reader, last=records))
            if len(last) == records:
                break
        else:
            options: dict[str, Any] = {"follow": True, "timeout": 0} if follow else {}
            for file in expanded[:1]:
                with (
                    damages.reading(name_of(file)),
                    RecordReader(file, on_damage=damages, **options) as reader,
                    warnings.catch_warnings(),
                ):
                    # Each time that the file is replaced.
                    warnings.simplefilter("always")
                    _put_before(last, _read(reader, last=records))
                    if follow:
                        _print_on(last, reader, print_record)
        for record in last:
            print_record(record)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    damages.end()


def _put_before(last: deque[Record], records: Iterator[Record]) -> None:
    """Put the last of these before those of the files after it, as many as there is space for."""
    assert last.maxlen is not None
    last.extendleft(reversed(deque(records, last.maxlen - len(last))))


def _print_on(
    last: deque[Record], reader: RecordReader, print_record: Callable[[Record], None]
) -> NoReturn:
    """Print the last records, and then all that come."""
    for record in last:
        print_record(record)
    while True:
        sys.stdout.flush()
        time.sleep(_POLL_SECONDS)
        for record in _read(reader):
            print_record(record)


def _read(reader: RecordReader, last: int | None = None) -> Iterator[Record]:
    """Iterate over the records that there are now, of each block no more than the ``last``."""
    # A record that is truncated in a file that is followed is still being written.
    with suppress(TruncatedRecordError):
        for block in reader.blocks():
            skip = 0 if last is None else max(len(block) - last, 0)
            for number, data in enumerate(block[skip:], block.first_record + skip):
                yield Record(reader.path, number, data)
