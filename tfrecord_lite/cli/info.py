"""``tfrecord-lite info``: what files hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED
from tfrecord_lite.cli.inputs import expand_files
from tfrecord_lite.cli.payload import kind_of, read_payload
from tfrecord_lite.cli.table import print_table
from tfrecord_lite.cli.text import json_text, name_text, plural, printable, size_text, unicode_text
from tfrecord_lite.records.file_system import is_file, size_of
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.reader import RecordReader

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, PathOrFile
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.example.decode import Value

__all__ = ["run"]

_KIND_NAMES = {"example": "Example", "sequence_example": "SequenceExample", "raw": "other bytes"}


@dataclass
class _Feature:
    """What was seen under one name: records by kind, and the fewest and most values (or steps)."""

    kinds: Counter[str] = field(default_factory=Counter)
    fewest: int = 1 << 62
    most: int = 0

    def add(self, kind: str, count: int) -> None:
        self.kinds[kind] += 1
        self.fewest = min(self.fewest, count)
        self.most = max(self.most, count)


@dataclass
class _Summary:
    """What was seen in one file; sizes are of records, in bytes, without frames."""

    path: str
    compression: str | None
    file_bytes: int | None
    records: int = 0
    total: int = 0
    smallest: int = 1 << 62
    largest: int = 0
    looked_at: int = 0
    payloads: Counter[str] = field(default_factory=Counter)
    features: dict[tuple[str, str], _Feature] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)

    def add_sizes(self, lengths: Int64Array) -> None:
        self.records += len(lengths)
        self.total += int(lengths.sum())
        self.smallest = min(self.smallest, int(lengths.min()))
        self.largest = max(self.largest, int(lengths.max()))

    def add_record(self, data: bytes) -> None:
        payload = read_payload(data)
        self.looked_at += 1
        self.payloads[payload.kind] += 1
        part = "context" if payload.kind == "sequence_example" else "features"
        for name, value in payload.features.items():
            self._feature(part, name).add(kind_of(value), _count(value))
        for name, steps in payload.feature_lists.items():
            kind = kind_of(steps[0]) if steps else "none"
            self._feature("feature_lists", name).add(kind, len(steps))

    def _feature(self, part: str, name: str) -> _Feature:
        return self.features.setdefault((part, name), _Feature())

    @property
    def raw_bytes(self) -> int:
        return self.total + FRAME_OVERHEAD * self.records


def run(files: list[str], *, as_json: bool, sample: int) -> None:
    """Print what each file holds; features are those of its first ``sample`` records, 0: of all."""
    summaries = [_summarize(file, sample) for file in expand_files(files)]
    if as_json:
        print(json_text({"files": [_to_json(summary) for summary in summaries]}, indent=2))
    else:
        for summary in summaries:
            _print_summary(summary)
    if any(summary.damage for summary in summaries):
        raise typer.Exit(DAMAGED)


def _summarize(file: PathOrFile, sample: int) -> _Summary:
    damage: list[Damage] = []
    with RecordReader(file, on_damage=damage.append) as reader:
        regular = isinstance(file, str) and is_file(file)
        size = size_of(reader.path) if regular else None
        summary = _Summary(reader.path, reader.compression, size, damage=damage)
        for block in reader.blocks():
            summary.add_sizes(block.lengths)
            wanted = len(block) if sample == 0 else max(sample - summary.looked_at, 0)
            for data in block[:wanted]:
                summary.add_record(data)
    return summary


def _count(value: Value) -> int:
    return 0 if value is None else len(value)


def _to_json(summary: _Summary) -> dict[str, Any]:
    sizes = None
    if summary.records:
        mean = summary.total / summary.records
        sizes = {"min": summary.smallest, "mean": mean, "max": summary.largest}
    return {
        "path": unicode_text(summary.path),
        "compression": summary.compression,
        "bytes": summary.file_bytes,
        "raw_bytes": summary.raw_bytes,
        "records": summary.records,
        "record_bytes": sizes,
        "damage": len(summary.damage),
        "sample": summary.looked_at,
        "payloads": dict(summary.payloads),
        "features": [
            {
                "in": part,
                "name": name,
                "kinds": dict(feature.kinds),
                "values": {"min": feature.fewest, "max": feature.most},
            }
            for (part, name), feature in sorted(summary.features.items())
        ],
    }


def _print_summary(summary: _Summary) -> None:
    print(printable(summary.path))
    rows = [["  records", f"{summary.records:,}"], ["  bytes", _bytes_text(summary)]]
    if summary.records:
        mean = summary.total / summary.records
        sizes = f"{summary.smallest:,} to {summary.largest:,} bytes, {mean:,.1f} on average"
        rows.append(["  record size", sizes])
    if summary.damage:
        regions = plural(len(summary.damage), "region")
        rows.append(["  damage", f"{regions} left out; `tfrecord-lite verify` names them"])
    if summary.looked_at:
        kinds = [f"{count:,} {_KIND_NAMES[kind]}" for kind, count in summary.payloads.items()]
        rows.append(["  content", f"{', '.join(kinds)}, {_sample_text(summary)}"])
    print_table(rows)
    print_table(
        [
            [
                f"    {name_text(name)}",
                "" if part == "features" else part,
                ", ".join(f"{kind} in {count:,}" for kind, count in feature.kinds.items()),
                _values_text(part, feature),
            ]
            for (part, name), feature in sorted(summary.features.items())
        ]
    )


def _bytes_text(summary: _Summary) -> str:
    raw = size_text(summary.raw_bytes)
    if summary.compression is None:
        return f"{raw}, not compressed"
    if summary.file_bytes is None:
        return f"{raw} in {summary.compression}"
    return f"{size_text(summary.file_bytes)} of {summary.compression}, {raw} when inflated"


def _sample_text(summary: _Summary) -> str:
    if summary.looked_at == summary.records:
        return "all looked at"
    return f"the first {summary.looked_at:,} looked at"


def _values_text(part: str, feature: _Feature) -> str:
    noun = "step" if part == "feature_lists" else "value"
    if feature.fewest == feature.most:
        return plural(feature.most, noun)
    return f"{feature.fewest:,} to {feature.most:,} {noun}s"
