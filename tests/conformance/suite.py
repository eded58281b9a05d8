"""The conformance suite: what any reader, writer and parser of TFRecords must do.

Each class here is abstract. A subclass, named ``Test...``, says how one implementation reads,
writes or parses, and what it is called in docs/conformance.md; where a table there has a row for
it, that is what it must do instead.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conformance.document import ODD, TABLES
from conformance.files import CASES, GROUP_OF, File
from conformance.parsing import PARSING
from conformance.writing import WRITING
from example import odd_table
from example.judge import REFUSED
from frames import FILES, frames


class Implementation:
    """What the classes below have in common."""

    names: ClassVar[tuple[str, ...]]
    """What the implementation is called in the tables: itself, and all that it belongs to."""
    table: ClassVar[str]

    def expected(self, case: str, standard: str, group: str | None = None) -> str:
        """Return what the implementation must do: the standard, or what the tables say instead."""
        rows = TABLES[self.table]
        for name in self.names:
            for key in (case, f"*{group}*"):
                if (key, name) in rows:
                    does, others = rows[key, name]
                    assert key != case or others == standard, "the row tells the standard wrongly"
                    assert key != case or does != standard, "the row is of no difference"
                    return does
        return standard


def summary(count: int, *, whole: bool) -> str:
    records = f"{count} record{'s' if count != 1 else ''}"
    return f"{records}, {'the end' if whole else 'an error'}"


class Reading(Implementation):
    """Files are read: all records up to the first damage, and never a wrong one."""

    table = "Files"
    errors: ClassVar[Any]

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        """Return an iterator over the records of a file; the codec is the one to name."""
        raise NotImplementedError

    def takes(self, file: File) -> bool:
        """Tell whether a file can be given to this reader at all."""
        return True

    @pytest.mark.parametrize("name", CASES)
    def test_file(self, name: str, tmp_path: Path) -> None:
        file = CASES[name]
        if not self.takes(file):
            return
        path = tmp_path / "file"
        path.write_bytes(file.data)
        records: list[bytes] = []
        whole = True
        try:
            for record in self.read(path, file.codec):
                records.append(record)
        except self.errors:
            whole = False
        assert records == file.records[: len(records)]
        standard = summary(file.count, whole=file.whole)
        expected = self.expected(name, standard, GROUP_OF[name])
        assert summary(len(records), whole=whole) == expected

    def test_system_errors(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "missing"):
            with pytest.raises(self.errors):
                list(self.read(path, None))


class Writing(Implementation):
    """Records are written: all of them, and nothing else."""

    table = "Writers"

    def open_writer(self, path: Path, compression: Any = None) -> Any:
        """Open a writer, a context manager with ``write``, ``flush`` and ``close``."""
        raise NotImplementedError

    @pytest.mark.parametrize("codec", [None, "GZIP", "ZLIB"])
    @pytest.mark.parametrize("name", FILES)
    def test_what_is_written(self, name: str, codec: str | None, tmp_path: Path) -> None:
        path = tmp_path / "file"
        with self.open_writer(path, codec) as writer:
            for index, record in enumerate(FILES[name]):
                writer.write(record)
                if index % 50 == 7:
                    writer.flush()
        inflate = {"GZIP": gzip.decompress, "ZLIB": zlib.decompress}.get(codec or "", bytes)
        assert inflate(path.read_bytes()) == frames(FILES[name])

    @pytest.mark.parametrize("name", WRITING)
    def test_calls(self, name: str, tmp_path: Path) -> None:
        case, standard = WRITING[name]
        assert case(self.open_writer, tmp_path / "file") == self.expected(name, standard)


class Parsing(Implementation):
    """Examples are parsed to columns."""

    table = "Examples"
    odd_column: ClassVar[str] = "tfrecord_lite"
    """Whose column of docs/odd-examples.md holds."""

    strict: ClassVar[bool] = True
    """Whether it refuses fields beside the features of an Example."""

    def takes(self, records: list[bytes], features: dict[str, Any]) -> bool:
        """Tell whether these can be given to this parser at all."""
        return True

    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        """Return the columns as lists, by name, or REFUSED; of variable length, lists of rows."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", PARSING)
    def test_parsed(self, name: str) -> None:
        records, features, standard = PARSING[name]
        if not self.takes(records, features):
            return
        found = self.parse(records, features)
        assert str(found) == self.expected(name, str(standard))

    @pytest.mark.parametrize("name", odd_table.EXAMPLES)
    def test_odd(self, name: str) -> None:
        data, feature = odd_table.EXAMPLES[name]
        if not self.takes([data], {"a": feature}):
            return
        found = self.parse([data], {"a": feature})
        standard, _, lenient = ODD["Examples"][name][self.odd_column].partition("; ")
        if lenient and not self.strict:
            standard = lenient.removesuffix(" with `strict=False`")
        shown = found if found == REFUSED else str(found["a"][0])
        assert shown == self.expected(name, standard)


class SequenceParsing(Implementation):
    """SequenceExamples are parsed to columns."""

    table = "Examples"
    odd_column: ClassVar[str] = "tfrecord_lite"

    def shown(self, table: str, data: bytes, feature: Any) -> str:
        """Return a cell of docs/odd-examples.md."""
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("table", "name"),
        [(table, name) for table in ("Contexts", "Feature lists") for name in ODD[table]],
    )
    def test_odd(self, table: str, name: str) -> None:
        data, feature = odd_table.TABLES[table][name]
        assert self.shown(table, data, feature) == ODD[table][name][self.odd_column]
