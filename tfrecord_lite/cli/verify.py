"""``tfrecord-lite verify``: every damaged place, whatever else is wrong, and an exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, UNUSABLE
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.table import print_table
from tfrecord_lite.dataset.schema import INFER_RECORDS
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.example.quote import quote
from tfrecord_lite.integrity.inventory import Inventory
from tfrecord_lite.integrity.verify import verify
from tfrecord_lite.text import json_text, plural, printable, size_text, unicode_text
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.example.sequence_features import SequenceFeatures
    from tfrecord_lite.integrity.report import FileReport, Report

__all__ = ["file_as_json", "print_places", "records_text", "regions_text", "run"]

# For people; --json has them all.
_PLACES_SHOWN = 20


def run(
    files: list[str],
    *,
    as_json: bool,
    manifest: str | None = "auto",
    examples: bool = False,
    features: str | None = None,
    workers: int | None = None,
) -> None:
    """Check all files, even where one cannot be read, and print the report.

    ``manifest`` is "auto", None for none, or a path; ``features`` is the path of a JSON file.
    """
    paths: Any = [sys.stdin.buffer if file == "-" else file for file in files]
    expected = None if features is None else _read_features(features)
    # Found once more by `verify`; the bar has to know how long it is.
    inventory = Inventory.take(paths, manifest)
    with progress_bar(inventory.files) as progress:
        report = verify(
            paths,
            manifest=manifest,
            examples=examples or expected is not None,
            features=expected,
            workers=workers,
            progress=progress,
        )
    for file in report.files:
        if file.path.startswith("<"):
            file.path = "-"
    if as_json:
        _print_json(report)
    else:
        _print_lines(report)
    if any(file.error is not None for file in report.files):
        raise typer.Exit(UNUSABLE)
    if not report.ok:
        raise typer.Exit(DAMAGED)


def _read_features(path: str) -> dict[str, FeatureSpec] | SequenceFeatures:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return features_from_json(text)
    except ValueError as error:
        raise typer.BadParameter(f"{path}: {error}") from None


def _print_lines(report: Report) -> None:
    for file in report.files:
        print(_line_of(file))
        print_places(file)
    for path in report.leftovers:
        print(
            f"{'LEFT':8}{printable(path)}: of a writer that was killed, or is still at work; "
            "`tfrecord-lite salvage` takes what is in it"
        )
    records = sum(file.records for file in report.files)
    damaged = sum(bool(file.regions) for file in report.files)
    wrong = sum(bool(file.fault_count) for file in report.files)
    unreadable = sum(file.error is not None for file in report.files)
    counts = f"{damaged} damaged, {unreadable} unreadable"
    if wrong:
        counts += f", {wrong} otherwise wrong"
    print(f"{plural(len(report.files), 'file')}, {counts}; {records:,} intact records")


def _line_of(file: FileReport) -> str:
    if file.error is not None:
        return f"{'FAILED':8}{printable(str(file.error))}"
    if any(fault.kind == "missing" for fault in file.faults):
        return f"{'MISSING':8}{printable(file.path)}"
    state = "DAMAGED" if file.regions else "WRONG" if file.fault_count else "ok"
    line = f"{state:8}{printable(file.path)}: {records_text(file)}"
    return f"{line} intact; {regions_text(file)} damaged" if file.regions else line


def records_text(file: FileReport) -> str:
    """Return how much of a file is intact."""
    return f"{plural(file.records, 'record')}, {size_text(file.raw_bytes)}"


def regions_text(file: FileReport) -> str:
    """Return how much of a file is damaged."""
    return f"{plural(file.regions, 'region')}, {size_text(file.damaged_bytes)}"


def print_places(file: FileReport) -> None:
    """Print tables of the damaged regions of a file and of what else is wrong with it."""
    print_table(
        [
            [
                f"        record {damage.record:,}",
                f"byte {damage.begin:,}",
                plural(damage.end - damage.begin, "byte"),
                damage.kind,
                printable(damage.reason),
            ]
            for damage in file.damage[:_PLACES_SHOWN]
        ]
    )
    _print_more(file.regions, len(file.damage), "region")
    print_table(
        [
            [
                f"        {'' if fault.record is None else f'record {fault.record:,}'}",
                "" if fault.offset is None else f"byte {fault.offset:,}",
                fault.kind,
                printable(fault.reason),
            ]
            for fault in file.faults[:_PLACES_SHOWN]
        ]
    )
    _print_more(file.fault_count, len(file.faults), "fault")
    for name, record in file.late_features.items():
        print(
            f"        record {record:,} is the first with feature {printable(quote(name))}, which "
            f"none of the first {INFER_RECORDS:,} records has: features inferred from those are "
            "without it"
        )


def _print_more(count: int, listed: int, noun: str) -> None:
    more = count - min(listed, _PLACES_SHOWN)
    if more:
        print(f"        and {plural(more, noun)} more; --json lists up to {limits.listed_faults:,}")


def file_as_json(file: FileReport) -> dict[str, Any]:
    """Return what is printed of a file as JSON."""
    if file.error is not None:
        return {
            "path": unicode_text(file.path),
            "ok": False,
            "error": unicode_text(str(file.error)),
        }
    return {
        "path": unicode_text(file.path),
        "ok": file.ok,
        "records": file.records,
        "raw_bytes": file.raw_bytes,
        "damaged_bytes": file.damaged_bytes,
        "damage": [
            {
                "record": damage.record,
                "begin": damage.begin,
                "end": damage.end,
                "kind": damage.kind,
                "reason": unicode_text(damage.reason),
            }
            for damage in file.damage
        ],
        "faults": [
            {
                "record": fault.record,
                "offset": fault.offset,
                "kind": fault.kind,
                "reason": unicode_text(fault.reason),
            }
            for fault in file.faults
        ],
        "late_features": file.late_features,
    }


def _print_json(report: Report) -> None:
    found = {
        "ok": report.ok,
        "files": [file_as_json(file) for file in report.files],
        "leftovers": list(map(unicode_text, report.leftovers)),
    }
    print(json_text(found, indent=2))
