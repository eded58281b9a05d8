"""Reports as text, as JSON, and as tables for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.schema import INFER_RECORDS
from tfrecord_lite.example.quote import quote
from tfrecord_lite.text import (
    html_table,
    path_text,
    plural,
    printable,
    size_text,
    table_text,
    unicode_text,
)
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite.integrity.report import FileReport, Report

__all__ = [
    "file_as_json",
    "file_text",
    "report_as_json",
    "report_html",
    "report_text",
]

# For people; JSON has them all.
_PLACES_SHOWN = 20
# So many columns of a terminal a reason has at least.
_LEAST_REASON = 24
_FILES_SHOWN = 1000


def report_text(report: Report, width: int | None = None) -> str:
    """Return a report as text: a line for each file, what is wrong with it, and a summary.

    ``width`` is what tables may take of a terminal.
    """
    if report.written is not None:
        return _salvage_text(report, report.written, width)
    lines = [file_text(file, width) for file in report.files]
    lines += [
        f"{'LEFT':8}{printable(path)}: of a writer that was killed, or is still at work; "
        "`tfrecord-lite salvage` takes what is in it"
        for path in report.leftovers
    ]
    return "\n".join([*lines, _summary(report)])


def _salvage_text(report: Report, written: str, width: int | None) -> str:
    """Return what was rescued of each file, and what was written."""
    lines = []
    for file in report.files:
        state = _state(file)
        if state == "MISSING":
            lines.append(f"{state:8}{printable(file.path)}")
            continue
        counts = f"{_records_text(file)} rescued; {_regions_text(file)} left"
        lines.append(f"{state:8}{printable(file.path)}: {counts}")
        lines += _places_text(file, width)
    records = sum(file.records for file in report.files)
    line = f"{'written':8}{printable(written)}: {plural(records, 'record')}"
    if report.lost:
        line += f"; {report.lost:,} of {plural(report.expected or 0, 'record')} lost"
    return "\n".join([*lines, line])


def _summary(report: Report) -> str:
    states = [_state(file) for file in report.files]
    records = sum(file.records for file in report.files)
    counts = f"{states.count('DAMAGED')} damaged, {states.count('FAILED')} unreadable"
    if wrong := states.count("WRONG") + states.count("MISSING"):
        counts += f", {wrong} otherwise wrong"
    text = f"{plural(len(report.files), 'file')}, {counts}; {plural(records, 'intact record')}"
    if regions := sum(file.regions for file in report.files):
        lost = size_text(sum(file.damaged_bytes for file in report.files))
        text += f", {plural(regions, 'region')}, {lost} damaged"
    return text


def _state(file: FileReport) -> str:
    if file.error is not None:
        return "FAILED"
    if any(fault.kind == "missing" for fault in file.faults):
        return "MISSING"
    return "DAMAGED" if file.regions else "WRONG" if file.fault_count else "ok"


def file_text(file: FileReport, width: int | None = None) -> str:
    """Return what was found in one file as text."""
    return "\n".join([_line_of(file), *_places_text(file, width)])


def _line_of(file: FileReport) -> str:
    state = _state(file)
    if file.error is not None:
        return f"{state:8}{printable(str(file.error))}"
    line = f"{state:8}{printable(file.path)}"
    if state == "MISSING":
        return line
    line += f": {_records_text(file)}"
    return f"{line} intact; {_regions_text(file)} damaged" if file.regions else line


def _records_text(file: FileReport) -> str:
    """Return how much of a file is intact."""
    return f"{plural(file.records, 'record')}, {size_text(file.raw_bytes)}"


def _regions_text(file: FileReport) -> str:
    """Return how much of a file is damaged."""
    return f"{plural(file.regions, 'region')}, {size_text(file.damaged_bytes)}"


def _places_text(file: FileReport, width: int | None = None) -> list[str]:
    """Return tables of the damaged regions of a file and of what else is wrong with it."""
    regions = [
        [
            f"        record {damage.record:,}",
            f"byte {damage.begin:,}",
            plural(damage.end - damage.begin, "byte"),
            damage.kind,
            printable(damage.reason),
        ]
        for damage in file.damage[:_PLACES_SHOWN]
    ]
    faults = [
        [
            f"        {'' if fault.record is None else f'record {fault.record:,}'}",
            "" if fault.offset is None else f"byte {fault.offset:,}",
            fault.kind,
            printable(fault.reason),
        ]
        for fault in file.faults[:_PLACES_SHOWN]
    ]
    late = [
        f"        record {record:,} is the first with feature {printable(quote(name))}, which "
        f"none of the first {INFER_RECORDS:,} records has: features inferred from those are "
        "without it"
        for name, record in file.late_features.items()
    ]
    parts = [
        table_text(regions, width, least=_LEAST_REASON),
        _more(file.regions, len(file.damage), "region"),
        table_text(faults, width, least=_LEAST_REASON),
        _more(file.fault_count, len(file.faults), "fault"),
        *late,
    ]
    return [part for part in parts if part]


def _more(count: int, listed: int, noun: str) -> str:
    more = count - min(listed, _PLACES_SHOWN)
    if not more:
        return ""
    return f"        and {plural(more, noun)} more; --json lists up to {limits.listed_faults:,}"


def file_as_json(file: FileReport) -> dict[str, Any]:
    """Return what is printed of a file as JSON."""
    if file.error is not None:
        return {
            "path": path_text(file.path),
            "ok": False,
            "error": unicode_text(str(file.error)),
        }
    return {
        "path": path_text(file.path),
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


def report_as_json(report: Report) -> dict[str, Any]:
    """Return a report as what JSON can hold."""
    return {
        "ok": report.ok,
        "files": [file_as_json(file) for file in report.files],
        "leftovers": list(map(path_text, report.leftovers)),
    }


def report_html(report: Report) -> str:
    """Return a report as tables for a notebook."""
    head = ["", "file", "records", "bytes", "damage"]
    rows = [
        [
            _state(file),
            file.path,
            f"{file.records:,}",
            size_text(file.raw_bytes),
            str(file.error or "") or (_regions_text(file) if file.regions else ""),
        ]
        for file in report.files[:_FILES_SHOWN]
    ]
    places = [
        [damage.path or file.path, f"{damage.record:,}", f"{damage.begin:,}", damage.reason]
        for file in report.files
        for damage in file.damage
    ] + [
        [
            fault.path,
            "" if fault.record is None else f"{fault.record:,}",
            "" if fault.offset is None else f"{fault.offset:,}",
            fault.reason,
        ]
        for file in report.files
        for fault in file.faults
    ]
    tables = html_table(head, rows, _summary(report))
    if places:
        tables += html_table(["file", "record", "byte", "damage"], places[:_PLACES_SHOWN])
    return tables
