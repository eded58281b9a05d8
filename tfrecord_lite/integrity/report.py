"""What was found in files: intact records, damaged regions, and whatever else is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tfrecord_lite.integrity.report_text import (
    file_text,
    report_as_json,
    report_html,
    report_text,
)
from tfrecord_lite.text import plural, printable
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite.errors import Damage

__all__ = ["Fault", "FileReport", "Report"]


class Fault(NamedTuple):
    """Something that is wrong though no byte is damaged: what `verify` lists as ``faults``.

    ``kind`` is, about a whole file, ``"missing"``, ``"extra"``, ``"size"``, ``"compression"``,
    ``"checksum"`` or ``"records"``, where it is not what its manifest says, or ``"manifest"`` where
    it is a manifest that is none; about a record, ``"example"`` where that is no Example,
    ``"features"`` where it does not have the features it should, and ``"tensorflow"`` where
    TensorFlow reads it differently.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_records(path, [b"foo"])
    >>> (fault,) = tfr.verify(path, examples=True).files[0].faults
    >>> fault.kind, fault.record, fault.offset
    ('example', 0, 0)
    """

    path: str
    kind: str
    reason: str
    record: int | None = None
    offset: int | None = None


@dataclass
class FileReport:
    """What was found in one file.

    ``records`` are those whose length and data both passed, ``raw_bytes`` their bytes with their
    frames, before compression; ``damage`` lists the regions that were left out, which number
    ``regions`` and have ``damaged_bytes`` in all. The regions and ``raw_bytes`` together are the
    whole (uncompressed) file. ``faults`` lists what else is wrong, ``fault_count`` in all. After
    100,000 entries a list is full. Where the file could not be read, ``error`` says why.

    ``expected`` is how many records a manifest or an index says there were, in what `salvage` says.

    ``late_features`` is no fault: it has the features, by name, that are in none of the records
    from which the expected features were inferred, and the number of the first record with each; up
    to 100.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_records(path, [b"foo"])
    >>> (file,) = tfr.verify(path).files
    >>> file.ok, file.records, file.raw_bytes
    (True, 1, 19)
    """

    path: str
    records: int = 0
    raw_bytes: int = 0
    damage: list[Damage] = field(default_factory=list)
    regions: int = 0
    damaged_bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    error: OSError | None = None
    late_features: dict[str, int] = field(default_factory=dict)
    expected: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.regions and not self.fault_count and self.error is None

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        regions, faults = plural(self.regions, "damaged region"), plural(self.fault_count, "fault")
        found = "ok" if self.ok else f"{regions}, {faults}"
        if self.error is not None:
            found = str(self.error)
        return f"<FileReport of {printable(self.path)}: {found}, {plural(self.records, 'record')}>"

    def __str__(self) -> str:
        return file_text(self)

    def add_damage(self, damage: Damage) -> None:
        """Note a region that was left out."""
        self.regions += 1
        self.damaged_bytes += damage.end - damage.begin
        if len(self.damage) < limits.listed_faults:
            self.damage.append(damage)

    def add_fault(self, fault: Fault) -> None:
        """Note what else is wrong."""
        self.fault_count += 1
        if len(self.faults) < limits.listed_faults:
            self.faults.append(fault)


@dataclass
class Report:
    """What was found in all files, in the order in which they were named; true if all is well.

    ``print`` shows what the command prints, ``tfrecord-lite verify`` or ``salvage``, a notebook
    tables. ``written`` is the name of what `tfrecord_lite.salvage` wrote, None of other reports.

    ``leftovers`` are the temporary files and folders beside them of writers that were killed, or
    are still at work; they are no fault. `tfrecord_lite.salvage` takes what is in them.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_records(path, [b"foo"])
    >>> report = tfr.verify(path)
    >>> report, report.ok, report.files[0].damage
    (<Report of 1 file: ok, 1 record>, True, [])
    """

    files: list[FileReport]
    leftovers: list[str] = field(default_factory=list)
    written: str | None = None

    @property
    def expected(self) -> int | None:
        """How many records all files had, where that is known of each."""
        known = [file.expected for file in self.files if file.expected is not None]
        return sum(known) if len(known) == len(self.files) else None

    @property
    def lost(self) -> int | None:
        """How many of these are not among the intact ones; None where it is not known."""
        if self.expected is None:
            return None
        # A file that somebody has added to makes up for none that was cut.
        return sum(max((file.expected or 0) - file.records, 0) for file in self.files)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with any file."""
        return all(file.ok for file in self.files)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        wrong = sum(not file.ok for file in self.files)
        records = sum(file.records for file in self.files)
        found = f"{wrong} not ok" if wrong else "ok"
        return (
            f"<Report of {plural(len(self.files), 'file')}: {found}, {plural(records, 'record')}>"
        )

    def __str__(self) -> str:
        return report_text(self)

    def _repr_html_(self) -> str:
        return report_html(self)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return report_as_json(self)
