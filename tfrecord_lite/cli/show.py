"""``tfrecord-lite head`` and ``cat``: records, for people and for programs."""

from __future__ import annotations

import codecs
import itertools
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tfrecord_lite.cli.exits import Damages
from tfrecord_lite.cli.inputs import Count, Files, Json, Record, records_of
from tfrecord_lite.cli.table import print_table
from tfrecord_lite.example.record_json import kind_of, read_payload
from tfrecord_lite.text import json_text, name_text, plural, printable

if TYPE_CHECKING:
    from tfrecord_lite.example.decode import Value

__all__ = ["cat", "head", "print_json_line", "print_pretty_record"]

_TITLES = {"example": "Example", "sequence_example": "SequenceExample", "raw": "not an Example"}
_VALUES_SHOWN = 8
_CHARACTERS_SHOWN = 60
_BYTES_SHOWN = 16
_UTF8 = codecs.getincrementaldecoder("utf-8")


def head(files: Files, records: Count = 5, as_json: Json = False) -> None:
    """Show the first records."""
    _show(files, limit=records, as_json=as_json)


def cat(
    files: Files,
    as_json: Annotated[bool, typer.Option("--json", help="As it does anyway.")] = False,  # noqa: ARG001
) -> None:
    """Print every record as a line of JSON, whatever bytes are in it.

    An Example is {"features": {NAME: {KIND: [VALUES]}}}, a SequenceExample {"context": ...,
    "feature_lists": ...}, anything else {"raw": BASE64}. Bytes that are no UTF-8 are {"base64":
    ...}.
    """
    _show(files, limit=sys.maxsize, as_json=True)


def _show(files: list[str], *, limit: int, as_json: bool) -> None:
    """Print the intact records, tell of the damage between them, and exit accordingly."""
    print_record = print_json_line if as_json else print_pretty_record
    damages = Damages()
    for record in itertools.islice(records_of(files, damages), min(limit, sys.maxsize)):
        print_record(record)
    damages.end()


def print_json_line(record: Record) -> None:
    """Print a record as a line of JSON (`tfrecord_lite.example.record_json` has the form)."""
    sys.stdout.write(json_text(read_payload(record.data).to_json()) + "\n")


def print_pretty_record(record: Record) -> None:
    """Print a record's kind, size and features, one a line, with its first values."""
    payload = read_payload(record.data)
    size = plural(len(record.data), "byte")
    print(f"{printable(record.path)}: record {record.number}: {_TITLES[payload.kind]}, {size}")
    if payload.kind == "raw":
        print(f"  {_bytes_text(payload.data)}")
    rows = [_row(name_text(name), value) for name, value in sorted(payload.features.items())]
    for name, steps in sorted(payload.feature_lists.items()):
        rows += [
            _row(f"{name_text(name)}[{step}]", value)
            for step, value in enumerate(steps[:_VALUES_SHOWN])
        ]
        if len(steps) > _VALUES_SHOWN:
            rows.append(
                [f"  {name_text(name)}[...]", "", "", f"{plural(len(steps), 'step')} in all"]
            )
    print_table(rows)


def _row(name: str, value: Value) -> list[str]:
    """Return the name of a feature, its kind, how many values it has, and the first of them."""
    if value is None:
        return [f"  {name}", kind_of(value), "", ""]
    text = _bytes_text if isinstance(value, list) else str
    shown = ", ".join(map(text, value[:_VALUES_SHOWN]))
    more = ", ..." if len(value) > _VALUES_SHOWN else ""
    return [f"  {name}", kind_of(value), f"{len(value):,}", shown + more]


def _bytes_text(data: bytes) -> str:
    """Return the first bytes, as text where they are text, and the size where that is not all."""
    try:
        # An incremental decoder does not mind where the cut falls.
        text = _UTF8().decode(data[: 4 * _CHARACTERS_SHOWN])
        shown = repr(text[:_CHARACTERS_SHOWN])
        complete = text.encode() == data and len(text) <= _CHARACTERS_SHOWN
    except UnicodeDecodeError:
        shown = repr(data[:_BYTES_SHOWN])
        complete = len(data) <= _BYTES_SHOWN
    return shown if complete else f"{shown}... ({plural(len(data), 'byte')})"
