"""JSON lines to records and back: the form that ``tfrecord-lite cat`` prints, or plain rows."""

from __future__ import annotations

import io
import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.tables import write_any
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.record_json import is_record_json, read_payload, record_of
from tfrecord_lite.jobs.copying import each_block
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.storage import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.jobs.copying import Progress
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["read_json_lines", "write_json_lines"]


def read_json_lines(
    path: str, writer: FrameWriter, features: Mapping[str, Any] | None, progress: Progress
) -> None:
    """Write a record for each line of a file.

    The first line tells whether all are records in the form of `record_of`, or rows: objects of
    names and values. `ExampleError` for a line that is not, with its number, from 0.
    """
    lines = _objects(path, progress)
    first = next(lines, None)
    if first is None:
        return
    if not is_record_json(first):
        write_any(writer, _rows(path, chain([first], lines)), features)
        return
    for number, found in enumerate(chain([first], lines)):
        try:
            writer.write(record_of(found))
        except (ValueError, TypeError) as error:
            raise ExampleError(str(error), path=path, record=number) from None


def _objects(path: str, progress: Progress) -> Iterator[Any]:
    done = 0
    with io.BufferedReader(open_file(path)) as file:
        for number, line in enumerate(file):
            done += len(line)
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise ExampleError(f"no JSON: {error}", path=path, record=number) from None
            if progress is not None and number % 1024 == 0:
                progress(path, done)
    if progress is not None:
        progress(path, done)


def _rows(path: str, objects: Iterator[Any]) -> Iterator[Any]:
    for number, found in enumerate(objects):
        if not isinstance(found, dict):
            reason = f"{type(found).__name__} where a row is to be: an object of names and values"
            raise ExampleError(reason, path=path, record=number)
        yield found


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
