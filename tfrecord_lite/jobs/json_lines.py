"""JSON lines to records and back: the form that ``tfrecord-lite cat`` prints, or plain rows."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.dataset.tables import FoundFeatures, write_any
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.floats import LARGEST_EXACT, is_other
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.record_json import is_record_json, read_payload, record_of
from tfrecord_lite.jobs.copying import Progress, each_block
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.storage import Output
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["read_json_lines", "write_json_lines"]

# What is larger than this has not become 0.
_SMALLEST: Final = 1e-300


def read_json_lines(
    path: str,
    writer: FrameWriter,
    features: Mapping[str, Any] | None,
    found: FoundFeatures,
    progress: Progress,
) -> None:
    """Write a record for each line of a file.

    The first line tells whether all are records in the form of `record_of`, or rows: objects of
    names and values; ``found`` is of the rows of other files. `ExampleError` for a line that is
    not, with its number, from 1, and for a number that would become infinite or 0.
    """
    lines = _Lines(path, progress)
    if lines.are_rows:
        try:
            if isinstance(writer, ShardWriter):
                writer.write_table(lines)
            else:
                write_any(writer, lines, features, found=found)
        except ExampleError as error:
            if lines.empty and error.path is None:
                error.reason += f" (rows are counted from 0, without {lines.empty} empty lines)"
            raise
        return
    if lines.are_records and features and not isinstance(writer, ShardWriter):
        raise ValueError(
            f"{printable(path)}: features are for rows, and these lines are whole records"
        )
    for record in lines.objects:
        try:
            writer.write(record_of(record))
        except (ValueError, TypeError) as error:
            raise lines.error(str(error)) from None


class _Lines:
    """What the lines of a file hold, as rows of a table; empty ones hold nothing."""

    def __init__(self, path: str, progress: Progress) -> None:
        self.path = path
        self.empty = 0
        self._number = 0
        objects = self._read(progress)
        first = list(islice(objects, 1))
        self.objects = chain(first, objects)
        self.are_records = any(map(is_record_json, first))
        self.are_rows = bool(first) and not self.are_records

    def __iter__(self) -> Iterator[Any]:
        for found in self.objects:
            if not isinstance(found, dict):
                what = type(found).__name__
                raise self.error(f"{what} where a row is to be: an object of names and values")
            yield found

    def error(self, reason: str) -> ExampleError:
        """Return an error about the line that was read last."""
        return ExampleError(f"line {self._number}: {reason}", path=self.path)

    def _read(self, progress: Progress) -> Iterator[Any]:
        done = 0
        with io.BufferedReader(open_file(self.path)) as file:
            for line in file:
                done += len(line)
                self._number += 1
                if line.strip():
                    yield self._object(line)
                else:
                    self.empty += 1
                if progress is not None and self._number % 1024 == 0:
                    progress(self.path, done)
        if progress is not None:
            progress(self.path, done)

    def _object(self, line: bytes) -> Any:
        try:
            return json.loads(line.strip(), parse_float=_float, object_pairs_hook=_unique)
        except ExampleError as error:
            raise self.error(error.reason) from None
        except json.JSONDecodeError as error:
            raise self.error(f"no JSON: {error.msg}, at character {error.pos}") from None
        except (ValueError, RecursionError) as error:
            raise self.error(f"no JSON: {error}") from None


def _float(text: str) -> float:
    """Return a number; ExampleError for one that no float64 is near to."""
    value = float(text)
    if _SMALLEST < abs(value) < LARGEST_EXACT or text == "0.0":
        return value
    if is_other(text, value):
        became = "infinite" if math.isinf(value) else Decimal(value or 0)
        advice = "; write it as text, in quotes (or as an integer, where it is one)"
        raise ExampleError(f"{quote(text)} would become {became}{advice}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(
            name for name, count in Counter(name for name, _ in pairs).items() if count > 1
        )
        raise ExampleError(f"{quote(twice)} is there twice in one object; rename one, or remove it")
    return found


def write_json_lines(
    records: RecordSet, path: str, *, overwrite: bool, fsync: bool, progress: Progress
) -> int:
    """Write a line of JSON for each record, whatever is in it, and return how many."""
    count = 0
    with Output(path, mode="w" if overwrite else "x", atomic=True, fsync=fsync) as output:
        for block in each_block(records, progress):
            lines = io.StringIO()
            for record in block:
                json.dump(read_payload(record).to_json(), lines, allow_nan=False)
                lines.write("\n")
            output.write(lines.getvalue().encode())
            count += len(block)
    return count
