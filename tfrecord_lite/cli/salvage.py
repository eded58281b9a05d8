"""``tfrecord-lite salvage``: the intact records of a damaged file, and what had to be left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.text import json_text, plural, printable
from tfrecord_lite.cli.verify import (
    file_as_json,
    print_places,
    records_text,
    regions_text,
)
from tfrecord_lite.integrity.salvage import salvage

if TYPE_CHECKING:
    from tfrecord_lite.integrity.report import Report

__all__ = ["run"]


def run(
    source: str,
    target: str,
    *,
    as_json: bool,
    compression: str | None = None,
    write_compression: str | None = None,
    overwrite: bool = False,
) -> None:
    """Copy what is intact, and print what is not.

    Compressions are "GZIP", "ZLIB" or "none"; None is for what is found in the source.
    """
    file: Any = sys.stdin.buffer if source == "-" else source
    with progress_bar([file]) as progress:
        try:
            report = salvage(
                file,
                target,
                compression=_codec(compression),
                write_compression=_codec(write_compression),
                overwrite=overwrite,
                progress=progress,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    if as_json:
        files = [file_as_json(found) for found in report.files]
        print(json_text({"ok": report.ok, "files": files}, indent=2))
    else:
        _print_lines(report, target)
    if not report.ok:
        raise typer.Exit(DAMAGED)


def _codec(name: str | None) -> Any:
    return "auto" if name is None else None if name == "none" else name


def _print_lines(report: Report, target: str) -> None:
    for found in report.files:
        state = "DAMAGED" if found.regions else "ok"
        counts = f"{records_text(found)} rescued; {regions_text(found)} left"
        print(f"{state:8}{printable(found.path)}: {counts}")
        print_places(found)
    records = sum(found.records for found in report.files)
    print(f"{'written':8}{printable(target)}: {plural(records, 'record')}")
