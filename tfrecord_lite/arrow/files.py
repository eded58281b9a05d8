"""Files of tables: Parquet, Arrow (Feather) and CSV, read and written a batch at a time."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from tfrecord_lite.arrow.arrays import first_refused, no_rows
from tfrecord_lite.arrow.csv_files import read_csv
from tfrecord_lite.arrow.types import is_view, plain_type, repeated
from tfrecord_lite.errors import ExampleError, TFRecordError
from tfrecord_lite.example.quote import quote
from tfrecord_lite.parallel.threads import one_behind
from tfrecord_lite.records.file_system import is_url, open_file, size_of
from tfrecord_lite.records.storage import Output
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["TableFile", "parquet_batches", "require_rows", "write_batches"]

# About so much is read at once, and at most so many rows.
_BATCH_BYTES: Final = 1 << 23
_BATCH_ROWS: Final = 1 << 13
_BUFFER_BYTES: Final = 1 << 20
# Of a row group of Parquet.
_GROUP_BYTES: Final = 1 << 26


@dataclass
class TableFile:
    """A file of the kind "parquet", "arrow" or "csv", read a batch at a time.

    ``types`` are those of columns of CSV, where they are known: feature classes, names of Arrow's
    types or these.
    """

    path: str
    kind: str
    types: Mapping[str, Any] | None = None
    progress: Callable[[str, int], object] | None = None

    def iter_batches(self, rows: int) -> Iterator[pa.RecordBatch]:  # noqa: ARG002 - by their bytes
        """Yield the batches, first one of no rows; what takes tables takes this by its name.

        Raises `TFRecordError` with the path, and row and column where they are known, for a file
        that is none, is cut, or has a column twice, and for a number of CSV that would become
        another one.
        """
        opened = {"parquet": _parquet, "arrow": _arrow, "csv": read_csv}[self.kind]
        done = 0
        try:
            for batch, position in opened(self.path, self.types or {}):
                for name, count in repeated(batch.schema.names).items():
                    reason = f"column {quote(name)} is there {count} times; rename one"
                    raise TFRecordError(reason, path=self.path)
                yield batch
                done += batch.num_rows
                if self.progress is not None:
                    self.progress(self.path, position)
        except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
            # Where metadata cannot be read Arrow takes that for input and output.
            if isinstance(error, OSError) and _is_of_store(error, self.path):
                raise
            raise TFRecordError(_reason(self.kind, str(error), done), path=self.path) from None


def _reason(kind: str, error: str, done: int) -> str:
    """Return what is wrong with a file, of which so many rows were read."""
    if "straddling" in error:
        return "a row has more than 1 MiB, which is not read of CSV; use .parquet or .jsonl"
    if "conversion error" in error:
        return f"{error}; types are those of the first rows, or what cast= says"
    if kind == "parquet" and "crypt" in error:
        return "this file is encrypted: open it by ParquetFile of pyarrow, and write_table that"
    what = {"parquet": "Parquet", "arrow": "Arrow", "csv": "CSV"}[kind]
    after = f"after row {done}: " if done else ""
    return f"this is no whole {what} file: {after}{error}"


def _is_of_store(error: OSError, path: str) -> bool:
    """Tell whether the system or a store raised this, which names the URL, and not Arrow."""
    return error.errno is not None or str(error).startswith(f"{printable(path)}:")


def _is_plain_name(path: str) -> bool:
    """Tell whether Arrow can open a file by itself: names that are no UTF-8 it cannot."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not is_url(path)


def _parquet(path: str, types: Mapping[str, Any]) -> Iterator[tuple[pa.RecordBatch, int]]:  # noqa: ARG001
    import pyarrow.parquet as pq

    size = size_of(path)
    with ExitStack() as stack:
        source = path if _is_plain_name(path) else stack.enter_context(open_file(path))
        file = pq.ParquetFile(
            source,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            page_checksum_verification=True,
        )
        stack.enter_context(file)
        metadata = file.metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        mean = sum(group.total_byte_size for group in groups) // max(metadata.num_rows, 1)
        rows = min(max(_BATCH_BYTES // max(mean, 1), 1), _BATCH_ROWS)
        done = 0
        yield no_rows(file.schema_arrow), 0
        for batch in parquet_batches(file, rows):
            done += batch.num_rows
            yield batch, size * done // metadata.num_rows


def parquet_batches(file: Any, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a `ParquetFile`, each of one row group.

    Arrow joins no dictionaries in lists. Raises `TFRecordError` where it returns fewer rows than
    there are, as it does without an error of some data pages of version 2.
    """
    for number in range(file.num_row_groups):
        expected, done = file.metadata.row_group(number).num_rows, 0
        for batch in file.iter_batches(rows, row_groups=[number], use_threads=False):
            yield batch
            done += batch.num_rows
        require_rows(f"row group {number} of this Parquet file has", expected, done)


def require_rows(what: str, expected: int, done: int) -> None:
    """Raise `TFRecordError` where Arrow returned fewer rows than Parquet's metadata says."""
    if done != expected:
        raise TFRecordError(
            f"{what} {expected} rows, of which Arrow reads {done}; write it again with "
            "data_page_version='1.0'"
        )


def _arrow(path: str, types: Mapping[str, Any]) -> Iterator[tuple[pa.RecordBatch, int]]:  # noqa: ARG001
    opened = pa.OSFile(path) if _is_plain_name(path) else pa.PythonFile(open_file(path), "r")
    with opened as source:
        batches: Any
        if source.read(6) == b"ARROW1":
            file = pa.ipc.open_file(source)
            batches = map(file.get_batch, range(file.num_record_batches))
        else:
            source.seek(0)
            file = batches = pa.ipc.open_stream(source)
        yield no_rows(file.schema), 0
        for batch in batches:
            for column in batch.columns:
                _validate(column)
            yield batch, source.tell()


def _validate(column: pa.Array) -> None:
    """Raise ArrowInvalid for offsets and sizes that do not lie within their buffers.

    Of a file Arrow takes them as they are, and who uses them reads other memory, or ends the
    process.
    """
    if pa.types.is_struct(column.type):
        column.validate()
        for at in range(column.type.num_fields):
            _validate(column.field(at))
        return
    stored = _as_stored(column.type)
    # Arrow's views of lists of runs are not what they are of.
    (column if stored == column.type else column.view(stored)).validate(full=True)


# What is another value, and no damage, where it is not what the type says it is.
_STORED: Final = {
    pa.string(): pa.binary(),
    pa.large_string(): pa.large_binary(),
    pa.string_view(): pa.binary_view(),
    pa.date64(): pa.int64(),
    **{pa.time32(unit): pa.int32() for unit in ("s", "ms")},
    **{pa.time64(unit): pa.int64() for unit in ("us", "ns")},
}


def _as_stored(kind: pa.DataType) -> pa.DataType:
    """Return the type of which values are what lies in the buffers; lists of them, as of others."""
    if pa.types.is_list(kind):
        return pa.list_(_as_stored(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_as_stored(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_as_stored(kind.value_type), kind.list_size)
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _as_stored(kind.value_type), kind.ordered)
    if isinstance(kind, pa.BaseExtensionType):  # whose own class may have no hash
        return kind
    return _STORED.get(kind, kind)


class _Sink(io.RawIOBase):
    """An `Output` as pyarrow wants a file; closing it leaves the `Output` open."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, data: Any) -> int:
        self._output.write(data)
        return len(data)

    def writable(self) -> bool:
        return True


def write_batches(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    path: str,
    kind: str,
    *,
    overwrite: bool,
    fsync: bool,
) -> int:
    """Write a table, of the kind "parquet", "arrow" or "csv", and return how many rows it has.

    A "stream" is one of Arrow's. The file takes its name when it is complete. Raises
    ``FileExistsError`` for one of that name, unless ``overwrite`` is given, and `ExampleError` for
    columns and values that the format has no form for. Then nothing has changed.
    """
    tables: Iterable[pa.RecordBatch | pa.Table] = batches
    if kind in ("arrow", "stream"):
        writer_of: Callable[..., Any] = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
    elif kind == "csv":
        from pyarrow.csv import CSVWriter

        writer_of, schema, tables = CSVWriter, _text_schema(schema), _text_batches(batches)
    else:
        from pyarrow.parquet import ParquetWriter

        writer_of = partial(ParquetWriter, write_page_checksum=True)
        tables = _groups(batches, schema)
    _require_form(schema, kind, writer_of)
    rows = 0
    with (
        Output(path, mode="w" if overwrite else "x", atomic=True, fsync=fsync) as output,
        writer_of(pa.PythonFile(_Sink(output), "w"), schema) as writer,
        one_behind("tfrecord_lite-write") as later,
    ):
        for table in tables:
            rows += table.num_rows
            later(writer.write, table)
    return rows


def _require_form(schema: pa.Schema, kind: str, writer_of: Callable[..., Any]) -> None:
    """Raise `ExampleError` for a column that cannot be written, or not be read again."""
    try:
        _try_out(schema, kind, writer_of)
    except (pa.ArrowException, OSError):
        for field in schema:
            try:
                _try_out(pa.schema([field]), kind, writer_of)
            except (pa.ArrowException, OSError) as error:
                form = {"parquet": "Parquet", "csv": "CSV"}.get(kind, "Arrow")
                raise ExampleError(
                    f"column {quote(field.name)}: {form} has no {field.type} ({error}); name "
                    "another type or feature by features=, choose columns by select=, or write "
                    "another format"
                ) from None


def _try_out(schema: pa.Schema, kind: str, writer_of: Callable[..., Any]) -> None:
    """Write a table of no rows and read it again; raises what Arrow raises."""
    sink = pa.BufferOutputStream()
    with writer_of(sink, schema) as writer:
        writer.write(no_rows(schema))
    written = pa.BufferReader(sink.getvalue())
    if kind == "parquet":
        from pyarrow.parquet import ParquetFile

        ParquetFile(written)
        # Of these it is the rows that are not written, or not read.
        for column in schema.types:
            _require_rows_of_parquet(column)
    elif kind in ("arrow", "stream"):
        (pa.ipc.open_file if kind == "arrow" else pa.ipc.open_stream)(written)


def _require_rows_of_parquet(kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind) and (
        isinstance(kind.value_type, pa.BaseExtensionType) or is_view(plain_type(kind))
    ):
        raise pa.ArrowInvalid("dictionaries of views and of extension types are not written")
    if pa.types.is_fixed_size_list(kind) and not kind.list_size:
        raise pa.ArrowInvalid("lists of the fixed size 0 are not read again")
    for at in range(kind.num_fields):
        _require_rows_of_parquet(kind.field(at).type)


def _groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Gather batches to row groups."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= _GROUP_BYTES:
            yield pa.Table.from_batches(waiting, schema)
            waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _text_schema(schema: pa.Schema) -> pa.Schema:
    if not schema.names:
        raise ExampleError(
            "there are no columns, of which CSV has no form: say which there are by features=, or "
            "write .parquet, .arrow or .jsonl"
        )
    fields = []
    for field in schema:
        if pa.types.is_nested(field.type):
            raise ExampleError(
                f"column {quote(field.name)}: CSV has no {field.type}; choose columns by select=, "
                "or write .parquet, .arrow or .jsonl"
            )
        binary = pa.types.is_binary(field.type)
        fields.append(pa.field(field.name, pa.string() if binary else field.type))
    return pa.schema(fields)


def _text_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        columns = [
            _text(name, column, done)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)
        done += batch.num_rows


def _text(name: str, column: pa.Array, first_row: int) -> pa.Array:
    if not pa.types.is_binary(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        row = first_refused(column, lambda some: some.cast(pa.string()))
        raise ExampleError(
            f"column {quote(name)}: row {first_row + row} has {quote(column[row].as_py())}, which "
            "is no UTF-8; leave the column out by select=, or write .parquet, .arrow or .jsonl"
        ) from None
