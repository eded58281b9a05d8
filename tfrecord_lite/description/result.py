"""What `describe` returns, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tfrecord_lite.description.html import page_of, tables_of
from tfrecord_lite.description.scan import Scan
from tfrecord_lite.description.words import feature_rows, summary_rows
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.text import (
    facts_text,
    path_text,
    plural,
    printable,
    size_text,
    table_text,
    unicode_text,
)
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfrecord_lite.description.features import FeatureDescription
    from tfrecord_lite.description.spread import Spread
    from tfrecord_lite.errors import Damage, TFRecordError

__all__ = ["Description", "FileDescription"]

# So many columns of a terminal a file's name has at least, if it needs them.
_LEAST_PATH = 12


@dataclass
class FileDescription:
    """What was found in one file.

    ``scan`` is what was seen in its records; ``bytes`` the file's size as it lies, None of what has
    no size. ``damage`` lists the regions that were left out, which number ``regions`` and have
    ``damaged_bytes``. ``error`` is why it could not be read, or not to its end.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_records(path, [b"one", b"two"])
    >>> (file,) = tfr.describe(path).files
    >>> file.records, file.bytes, file.ok
    (2, 38, True)
    """

    path: str
    scan: Scan = field(default_factory=Scan, repr=False)
    compression: str | None = None
    bytes: int | None = None
    damage: list[Damage] = field(default_factory=list, repr=False)
    regions: int = 0
    damaged_bytes: int = 0
    error: OSError | TFRecordError | None = None

    def add_damage(self, damage: Damage) -> None:
        """Note a region that was left out."""
        self.regions += 1
        self.damaged_bytes += damage.end - damage.begin
        if len(self.damage) < limits.listed_faults:
            self.damage.append(damage)

    @property
    def records(self) -> int:
        """How many intact records it has."""
        return self.scan.sizes.count

    @property
    def raw_bytes(self) -> int:
        """How many bytes the frames of all records have, before compression."""
        return self.scan.sizes.total + FRAME_OVERHEAD * self.records

    @property
    def ok(self) -> bool:
        """Whether nothing was left out."""
        return not self.regions and self.error is None

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "path": path_text(self.path),
            "compression": self.compression,
            "bytes": self.bytes,
            "raw_bytes": self.raw_bytes,
            "records": self.records,
            "record_bytes": self.scan.sizes.to_json(),
            "damage": self.regions,
            "damaged_bytes": self.damaged_bytes,
            "error": None if self.error is None else unicode_text(str(self.error)),
            "payloads": dict(self.scan.payloads),
        }


class Description:
    """What was found in all files: what `describe` returns.

    ``files`` describes each. ``print`` shows a summary, `table` a row for each file too; a notebook
    shows tables; `to_json` and `to_html` give all of it.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": [3, 5, 3]})
    >>> print(tfr.describe(path))
    records  3
    bytes    102 B in 1 file, not compressed
    record   18 bytes each
    content  3 Example
    <BLANKLINE>
    feature  kind   records  values  what
    label    int64  all      1       3 to 5, mean 3.66667, 2 distinct
    """

    def __init__(self, files: list[FileDescription]) -> None:
        self.files = files

    def __repr__(self) -> str:
        files = plural(len(self.files), "file")
        return f"<Description of {files}: {plural(self.records, 'record')}>"

    @cached_property
    def _scan(self) -> Scan:
        if len(self.files) == 1:
            return self.files[0].scan
        whole = Scan()
        for file in self.files:
            whole.merge(file.scan)
        return whole

    @property
    def ok(self) -> bool:
        """Whether all files could be read, and nothing in them was left out."""
        return all(file.ok for file in self.files)

    @property
    def records(self) -> int:
        """How many intact records there are."""
        return self.sizes.count

    @property
    def bytes(self) -> int:
        """The sizes of all files together, as they lie."""
        return sum(file.bytes or 0 for file in self.files)

    @property
    def raw_bytes(self) -> int:
        """How many bytes the frames of all records have, before compression."""
        return sum(file.raw_bytes for file in self.files)

    @property
    def compression(self) -> str | None:
        """None, "GZIP" or "ZLIB"; "mixed" where the files differ."""
        found = {file.compression for file in self.files if file.error is None or file.records}
        return "mixed" if len(found) > 1 else next(iter(found), None)

    @property
    def sizes(self) -> Spread:
        """The sizes of all records in bytes, without their frames: a `Spread`."""
        return self._scan.sizes

    @property
    def looked_at(self) -> int:
        """How many records were looked at for what they are and have in them."""
        return self._scan.looked_at

    @property
    def payloads(self) -> Mapping[str, int]:
        """What the records are that were looked at, and how many of each."""
        return self._scan.payloads

    @property
    def more_features(self) -> bool:
        """Whether there are features beside those told, of which there are too many."""
        return self._scan.more_features

    @cached_property
    def features(self) -> dict[str, FeatureDescription]:
        """The features by name; of SequenceExamples "context/NAME" and "feature_lists/NAME"."""
        return {
            name if part == "features" else f"{part}/{name}": feature
            for (part, name), feature in self._scan.features.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return {
            "records": self.records,
            "bytes": self.bytes,
            "raw_bytes": self.raw_bytes,
            "compression": self.compression,
            "record_bytes": self.sizes.to_json(),
            "damage": sum(file.regions for file in self.files),
            "sample": self.looked_at,
            "payloads": dict(self.payloads),
            "features": [feature.to_json() for feature in self.features.values()],
            "more_features": self.more_features,
            "files": [file.to_json() for file in self.files],
        }

    def to_html(self, title: str = "TFRecord files") -> str:
        """Return a page that shows all of it, pictures of images and histograms too.

        It needs no other file and asks no host for anything.
        """
        return page_of(self, title)

    def _repr_html_(self) -> str:
        return tables_of(self)

    def __str__(self) -> str:
        return self.table()

    def table(self, *, files: bool = False, width: int | None = None) -> str:
        """Return the summary as text; ``files`` adds a row for each, ``width`` is what it may take.

        Of wider tables the last column is cut first; the summary is not cut.
        """
        parts = [facts_text(summary_rows(self), width)]
        if self.features:
            parts.append(table_text(feature_rows(self), width))
        if files:
            parts.append(table_text(self._file_rows(), width, least=_LEAST_PATH))
        wrong = [
            [printable(file.path), printable(str(file.error))] for file in self.files if file.error
        ]
        if wrong:
            parts.append("\n".join("  ".join(row) for row in wrong))
        return "\n\n".join(parts)

    def _file_rows(self) -> list[list[str]]:
        rows = [["records", "bytes", "compression", "damage", "file"]]
        for file in self.files:
            size = "" if file.bytes is None else size_text(file.bytes)
            damage = plural(file.regions, "region") if file.regions else ""
            if file.error is not None:
                damage = "unreadable"
            rows.append(
                [f"{file.records:,}", size, file.compression or "", damage, printable(file.path)]
            )
        # What no file has needs no space.
        told = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
        return [[row[at] for at in told] for row in rows]
