"""``tfrecord-lite sql``: a query over files, whose rows are printed or written."""

from __future__ import annotations

import io
import math
import os
import select
import signal
import sys
import threading
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
import typer

from tfrecord_lite.cli.exits import UNUSABLE, Damages, complain
from tfrecord_lite.cli.inputs import Json, refuse_standard_output
from tfrecord_lite.cli.table import print_table
from tfrecord_lite.example.record_json import bytes_json
from tfrecord_lite.records.storage import Output
from tfrecord_lite.text import json_text, name_text, plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tfrecord_lite._types import OnDamage

__all__ = ["run"]

_WIDTH: Final = 60
_SUFFIXES: Final = (".csv", ".parquet", ".jsonl")


def run(
    query: Annotated[
        str,
        typer.Argument(
            help="A SELECT; a path in single quotes is a table of its Examples, '-' standard input."
        ),
    ],
    as_json: Json = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the rows to a .csv, .parquet or .jsonl file.",
        ),
    ] = None,
    on_damage: Annotated[
        Literal["raise", "skip"],
        typer.Option(
            metavar="raise|skip", help="raise, or skip: leave out what is damaged, and tell."
        ),
    ] = "raise",
) -> None:
    """Query files by SQL: select label, count(*) from 'train' group by label.

    The exit code is 1 when something was damaged, 2 when the query or a file could not be used.
    """
    refuse_standard_output(output)
    suffix = "" if output is None else os.path.splitext(output)[1].lower()
    if output is not None and suffix not in _SUFFIXES:
        raise typer.BadParameter(
            f"{printable(output)}: a file of rows ends in {', '.join(_SUFFIXES)}"
        )
    if output is not None and as_json:
        raise typer.BadParameter("--json is for what is printed; write to a FILE.jsonl instead")
    try:
        from tfrecord_lite import sql
        from tfrecord_lite.sql.querying import check_names, refuse_tables
    except ImportError as error:
        complain(error)
        raise typer.Exit(UNUSABLE) from None
    left_out = Damages()
    try:
        with _interruptible(sys.stdin.buffer) as standard_input:
            tables = {"-": standard_input}
            damage: OnDamage = left_out if on_damage == "skip" else "raise"
            if output is not None:
                refuse_tables(query, tables, output)
            reader = sql.query(query, tables, on_damage=damage)
            if as_json or suffix == ".jsonl":
                check_names(reader.schema)
            if output is not None:
                write = sql.write_parquet if suffix == ".parquet" else _write_lines
                count = write(reader, output)
                print(f"ok      {printable(output)}: {plural(count, 'row')}")
            elif as_json:
                for batch in reader:
                    sys.stdout.writelines(_json_lines(reader, batch))
            else:
                _print_table(reader)
    except sql.QueryError as error:
        # After an empty line it shows the query.
        complain(" ".join(str(error).partition("\n\n")[0].split()))
        raise typer.Exit(UNUSABLE) from None
    left_out.end()


class _Pipe(io.RawIOBase):
    """A pipe that another thread reads, and that no longer waits once there was Ctrl-C."""

    def __init__(self, file: Any, heard: int) -> None:
        self.name = file.name
        self._file = file
        self._heard = heard

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number

    def readinto(self, view: Any) -> int | None:
        if self._heard in select.select([self.fileno(), self._heard], [], [])[0]:
            raise KeyboardInterrupt
        count: int | None = self._file.raw.readinto(view)
        return count


@contextmanager
def _interruptible(file: Any) -> Iterator[Any]:
    """Yield standard input as DuckDB's threads may read it.

    The thread that hears signals waits for them, and they hear none.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if os.name != "posix" or not is_main or file.seekable():
        yield file
        return
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    before = signal.set_wakeup_fd(wake)
    try:
        yield _Pipe(file, heard)
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(wake)


def _columns(reader: Any, batch: Any) -> list[list[Any]]:
    """Return Python's values of each column; ``ValueError`` for one that Python does not have."""
    columns = []
    for name, column in zip(reader.schema.names, batch.columns, strict=True):
        try:
            columns.append(_values(column))
        except (ValueError, OverflowError, NotImplementedError) as error:
            told = f"column {name_text(name)}: {error}"
            raise ValueError(f"{told}; make text of it, as in cast(x as varchar)") from None
    return columns


def _values(column: Any) -> list[Any]:
    """Return Python's values; a float32 as the number of the fewest digits that is it."""
    values: list[Any] = column.to_pylist()
    if str(column.type) == "float":
        return [None if value is None else float(str(np.float32(value))) for value in values]
    # Python's times have no nanoseconds and no 24:00: pyarrow gives other times, without a word.
    if "time64" in str(column.type) and column.from_pandas(values, type=column.type) != column:
        raise ValueError("a time that Python does not have")
    return values


def _rows(reader: Any, batch: Any) -> Iterator[dict[str, Any]]:
    """Yield rows as JSON has them."""
    names = reader.schema.names
    for row in zip(*_columns(reader, batch), strict=True):
        yield {name: _as_json(value) for name, value in zip(names, row, strict=True)}


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _infinite(value)
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        # A sum of integers may need more than 64 bits.
        return int(value)
    if isinstance(value, bytes):
        return bytes_json(value)
    if isinstance(value, tuple) and hasattr(value, "nanoseconds"):
        # An interval, which pyarrow has as a tuple.
        return {name: getattr(value, name) for name in ("months", "days", "nanoseconds")}
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return str(value)


def _infinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(value: Any) -> str:
    """Return a value for a table or a line of CSV."""
    value = _as_json(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _print_table(reader: Any) -> None:
    rows = [[name_text(name) for name in reader.schema.names]]
    for batch in reader:
        columns = [[_cell(value) for value in values] for values in _columns(reader, batch)]
        rows += map(list, zip(*columns, strict=True))
    print_table(rows)


def _cell(value: Any) -> str:
    text = _text(value)
    return printable(text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "...")


def _write_lines(reader: Any, path: str) -> int:
    """Write rows as CSV or JSON lines, as the suffix says, and return how many there are."""
    is_csv = path.lower().endswith(".csv")
    count = 0
    # It takes its name when it is whole.
    with Output(path, mode="w", atomic=None, fsync=False) as output:
        if is_csv:
            output.write(_csv_line(reader.schema.names).encode())
        for batch in reader:
            lines = (_csv_lines if is_csv else _json_lines)(reader, batch)
            output.write("".join(lines).encode())
            count += batch.num_rows
    return count


def _json_lines(reader: Any, batch: Any) -> Iterator[str]:
    return (json_text(row) + "\n" for row in _rows(reader, batch))


def _csv_lines(reader: Any, batch: Any) -> Iterator[str]:
    return map(_csv_line, zip(*_columns(reader, batch), strict=True))


def _csv_line(values: Iterable[Any]) -> str:
    return ",".join(map(_csv_field, values)) + "\n"


def _csv_field(value: Any) -> str:
    """Return a value as `convert` reads it: a missing one is nothing, and empty text is quoted."""
    text = _text(value)
    if value is None or (text and not any(mark in text for mark in ',"\r\n')):
        return text
    return '"' + text.replace('"', '""') + '"'
