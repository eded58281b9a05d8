"""write_table, and the record batches of what is an Arrow table or can be made one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa

from tfrecord_lite.arrow.arrays import (
    has_half_dictionaries,
    joined,
    leaf_of,
    nested_array,
    no_rows,
)
from tfrecord_lite.arrow.files import parquet_batches, require_rows
from tfrecord_lite.arrow.objects import checked_objects, is_objects, shape_of_rows
from tfrecord_lite.arrow.relations import not_in_arrow
from tfrecord_lite.arrow.sequence_encoding import SequenceColumns, columns_of
from tfrecord_lite.arrow.types import shaped
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.dataset.tables import without_missing
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.column_values import known_columns, series_values
from tfrecord_lite.example.quote import quote
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES

if TYPE_CHECKING:
    from tfrecord_lite._types import Compression, Path
    from tfrecord_lite.arrow.encoding import Columns
    from tfrecord_lite.dataset.tables import TablePart
    from tfrecord_lite.files.manifest import Manifest

__all__ = ["arrow_parts", "write_table"]

# Of a large batch so many rows become columns at once.
_ROWS: Final = 1 << 16
# Batches of fewer rows are put together.
_FEW_ROWS: Final = 1 << 10
# And so many are read of files at once, whatever their size.
_READ_ROWS: Final = 1 << 13


def write_table(
    data: Any,
    name: Path,
    features: Mapping[str, Any] | None = None,
    *,
    cast: Mapping[str, Any] | None = None,
    records_per_shard: int | None = None,
    bytes_per_shard: int | None = None,
    num_shards: int | None = None,
    overwrite: bool = False,
    layout: Literal["tfds"] | None = None,
    progress: Callable[[int, int], Any] | None = None,
    compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
) -> Manifest:
    """Write a table as a set of shards, an Example for each row, and return its manifest.

    ``data`` and ``cast`` are those of `ShardWriter.write_table`, all else is that of `ShardWriter`.
    The manifest has the features given, and for other columns those that their types say. Raises
    what these raise; then nothing is published.

    >>> import tempfile
    >>> from tfrecord_lite.arrow import to_arrow
    >>> table = pa.table({"label": [3, 4], "words": [["a", "b"], None]})
    >>> manifest = write_table(table, tempfile.mkdtemp() + "/train")
    >>> to_arrow(manifest.path, table.schema).read_all().equals(table)
    True
    """
    with ShardWriter(
        name,
        records_per_shard=records_per_shard,
        bytes_per_shard=bytes_per_shard,
        num_shards=num_shards,
        overwrite=overwrite,
        layout=layout,
        features=features,
        progress=progress,
        compression=compression,
        level=level,
        block_bytes=block_bytes,
        fsync=fsync,
    ) as writer:
        writer.write_table(data, cast=cast)
    assert writer.manifest is not None
    return writer.manifest


def arrow_parts(data: Any, features: Any, cast: Mapping[str, Any] | None) -> Iterator[TablePart]:
    """Yield the rows of what is an Arrow table, or can be made one, some at a time."""
    columns: Columns | SequenceColumns | None = None
    done = 0
    said = {*(cast or {}), *(features if isinstance(features, Mapping) else {})}
    for batch in _gathered(_batches(data, said)):
        if columns is None or batch.schema != columns.schema:
            columns = columns_of(batch.schema, features, cast or {})
        for begin in range(0, max(batch.num_rows, 1), _ROWS):
            yield columns.part(batch.slice(begin, _ROWS), done + begin)
        done += batch.num_rows


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put small batches together: each costs as much as some hundred rows."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if waiting and (rows >= _FEW_ROWS or batch.schema != waiting[0].schema):
            yield from _joined(waiting)
            waiting, rows = [], 0
        if not batch.num_rows:  # still, its types are those of the columns
            yield batch
            continue
        waiting.append(batch)
        rows += batch.num_rows
    if waiting:
        yield from _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if len(batches) == 1 or any(map(has_half_dictionaries, batches[0].schema.types)):
        return batches
    try:
        return pa.Table.from_batches(batches).combine_chunks().to_batches()  # type: ignore[no-any-return]
    except pa.ArrowException:  # dictionaries that have too many values together, for example
        return batches


def _batches(data: Any, said: AbstractSet[str]) -> Iterable[pa.RecordBatch]:
    """Return the batches of a table; ``said`` are columns of which is said what they become."""
    if isinstance(data, Mapping):
        columns = {name: _chunked(name, data[name], said) for name in _checked_names(data)}
        counts = {name: len(column) for name, column in columns.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(f"columns of different lengths: {counts}")
        return _read(pa.table(columns).to_reader())
    if hasattr(data, "iloc"):
        return _of_pandas(data, said)
    if hasattr(data, "scanner"):
        return _scanned(data)
    if hasattr(data, "with_format"):  # of Hugging Face
        form = getattr(data, "format", None)
        if form is not None and not form["output_all_columns"]:
            data = data.select_columns(form["columns"])
        if data.features is None:
            return _of_objects(data.with_format(None), said)
        return chain([no_rows(data.features.arrow_schema)], _of_hugging_face(data))
    if hasattr(data, "num_row_groups"):
        return chain([no_rows(data.schema_arrow)], parquet_batches(data, _READ_ROWS))
    if hasattr(data, "iter_batches"):
        return data.iter_batches(_READ_ROWS)  # type: ignore[no-any-return]
    if _package_of(data) in ("duckdb", "_duckdb") and hasattr(data, "types"):
        for name, kind in not_in_arrow(data):
            raise ExampleError(
                f"column {quote(name)}: Arrow has no type for {kind} of DuckDB; make text of it, "
                "as in cast(x as varchar)"
            )
    if _package_of(data) == "polars" and isinstance(getattr(data, "schema", None), Mapping):
        for name, dtype in data.schema.items():
            _refuse_of_polars(name, dtype)
    return _of_stream(data)


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a stream after one of no rows, which says the types of its columns."""
    yield no_rows(reader.schema)
    yield from reader


def _of_hugging_face(data: Any) -> Iterator[pa.RecordBatch]:
    if not _goes_by_rows(data):
        for table in data.with_format("arrow").iter(_READ_ROWS):
            yield from table.to_batches()
        return
    plain = data.with_format(None)
    rows = iter(plain.decode(False) if hasattr(plain, "decode") else plain)
    while some := list(islice(rows, _FEW_ROWS)):
        yield pa.RecordBatch.from_pylist(some, data.features.arrow_schema)


def _of_objects(
    rows: Iterable[Mapping[str, Any]], said: AbstractSet[str]
) -> Iterator[pa.RecordBatch]:
    """Yield rows of Python objects, some at a time, of the types that Arrow finds in them."""
    rows = iter(rows)
    done = 0
    while some := list(islice(rows, _FEW_ROWS)):
        columns = {}
        for name in _checked_names(dict.fromkeys(chain.from_iterable(some))):
            objects = [row.get(name) for row in some]
            objects = checked_objects(name, objects, said=name in said, first_row=done)
            columns[name] = _array(name, objects)
        yield from pa.table(columns).to_batches()
        done += len(some)


def _goes_by_rows(data: Any) -> bool:
    """Tell whether functions of Python make a stream of Hugging Face, or choose its rows.

    As tables each of these rows has types of its own, and what has none in it cannot be put
    together with others.
    """
    sources = [getattr(data, "_ex_iterable", None)]
    while sources:
        source = sources.pop()
        if type(source).__name__ in ("MappedExamplesIterable", "FilteredExamplesIterable"):
            return True
        below = getattr(source, "ex_iterable", None)
        sources += [*getattr(source, "ex_iterables", ()), *([] if below is None else [below])]
    return False


def _package_of(data: Any) -> str:
    return type(data).__module__.partition(".")[0]


def _refuse_of_polars(name: str, dtype: Any) -> None:
    """Refuse what Arrow does not have: of Python objects it gets where they lie in memory."""
    if str(dtype) == "Object":
        raise ExampleError(
            f"column {quote(name)}: Python objects, of dtype Object of polars, are nothing that "
            "Arrow has: make them numbers, text, or lists of these, or leave the column out"
        )
    while (inner := getattr(dtype, "inner", None)) is not None:
        dtype = inner
    for field in getattr(dtype, "fields", ()):
        _refuse_of_polars(name, field.dtype)
    if str(dtype) in ("Int128", "UInt128"):
        raise ExampleError(
            f"column {quote(name)}: Arrow has no {dtype} of polars; cast it to Int64 or String"
        )


def _of_stream(data: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    try:
        # Arrow's C interface ends names at a NUL.
        if isinstance(data, pa.Table):
            data = data.to_reader()
        elif not isinstance(data, pa.RecordBatchReader):
            data = pa.RecordBatchReader.from_stream(data)
        yield from _read(data)
    except (TypeError, pa.ArrowInvalid) as error:
        # Of what else is wrong with a stream, it tells itself.
        about_rows = "as RecordBatch" in str(error) or "schema" in str(error)
        if not isinstance(error, TypeError) and not about_rows:
            raise
        raise TypeError(
            f"{quote(data)} is no table ({error}); a column alone goes in as one of a mapping of "
            "names to columns"
        ) from None


def _scanned(dataset: Any) -> Iterator[pa.RecordBatch]:
    """Read a dataset of files; not ahead by whole files, as it would be otherwise.

    Raises `TFRecordError` where Arrow returns fewer rows than there are, as `parquet_batches`.
    """
    options: dict[str, Any] = {}
    counted = getattr(getattr(dataset, "format", None), "default_extname", None) == "parquet"
    if counted:
        from pyarrow.dataset import ParquetFragmentScanOptions

        buffered = ParquetFragmentScanOptions(
            pre_buffer=False, use_buffered_stream=True, page_checksum_verification=True
        )
        options["fragment_scan_options"] = buffered
    scanner = dataset.scanner(
        batch_size=_READ_ROWS, batch_readahead=1, fragment_readahead=1, **options
    )
    done = 0
    for batch in _read(scanner.to_reader()):
        yield batch
        done += batch.num_rows
    # That of a dataset which a filter was put on is by what is read.
    if counted:
        require_rows("these Parquet files have", dataset.count_rows(), done)


def _chunked(name: str, column: Any, said: AbstractSet[str]) -> Any:
    if hasattr(column, "iloc") and column.ndim == 1:  # as a stream, it has null for NaN
        return _array(name, _of_series(name, column, said))
    if hasattr(column, "__arrow_c_stream__"):
        if _package_of(column) == "polars":
            _refuse_of_polars(name, column.dtype)
        return pa.chunked_array(column)
    if hasattr(column, "__arrow_c_array__"):
        return pa.array(column)
    known = known_columns({name: without_missing(column)}, None)[name]
    shape = known.shape[1:] if isinstance(known, np.ndarray) else ()
    values = known.reshape(-1) if shape else known
    leaves = _array(name, checked_objects(name, values, said=name in said))
    return nested_array(leaves, shaped(leaves.type, shape), len(known)) if shape else leaves


def _of_pandas(frame: Any, said: AbstractSet[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a DataFrame; its index is no column."""
    names = _checked_names(frame.columns)
    columns = [_of_series(name, frame.iloc[:, at], said) for at, name in enumerate(names)]
    kinds = list(map(_kind_of_objects, names, columns))
    for begin in range(0, max(len(frame), 1), _ROWS):
        end = min(begin + _ROWS, len(frame))
        if not names:  # a batch has rows without columns, but none is made so
            rows = pa.array([{}] * (end - begin), pa.struct([]))
            yield pa.RecordBatch.from_struct_array(rows)
            continue
        some = [getattr(column, "iloc", column)[begin:end] for column in columns]
        yield pa.RecordBatch.from_arrays(list(map(_array, names, some, kinds)), names)


def _checked_names(names: Iterable[Any]) -> list[str]:
    """Return names of columns; TypeError for one that Arrow has not."""
    names = list(names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"column {quote(name)}: a column's name is a str; rename it")
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise ExampleError(f"column {quote(name)}: {error.reason}; rename it") from None
    return names


def _of_series(name: str, series: Any, said: AbstractSet[str]) -> Any:
    """Return a Series of a dtype that says what is missing, or its values, of one kind.

    What NaN is in a column of objects depends on all of its rows.
    """
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        checked_objects(name, dtype.categories, said=name in said)
    if not is_objects(series) and not str(dtype).startswith("Sparse"):
        return series
    return checked_objects(name, series_values(series), said=name in said)


def _kind_of_objects(name: str, values: Any) -> pa.DataType | None:
    """Return the type of a column of objects, which is not that of some of its rows alone."""
    if not is_objects(values):
        return None
    with _explained(name):
        if not (shape := shape_of_rows(values)):
            return pa.infer_type(values)
        return shaped(pa.infer_type(_flat_rows(values)).value_type, shape)


def _flat_rows(values: Any) -> list[Any]:
    """Return arrays of several dimensions as Arrow takes them."""
    return [value.ravel() if isinstance(value, np.ndarray) else None for value in values]


def _array(name: str, values: Any, kind: pa.DataType | None = None) -> pa.Array:
    """Return values as an Arrow array; a float's NaN is a value, None and pd.NA are none."""
    if is_objects(values) and (shape := shape_of_rows(values)):
        kind = kind or _kind_of_objects(name, values)
        with _explained(name):
            rows = pa.array(_flat_rows(values), pa.list_(leaf_of(kind), math.prod(shape)))
        return nested_array(rows.values, kind, len(rows), rows.buffers()[0])
    with _explained(name):
        if isinstance(getattr(values, "dtype", None), np.dtype):
            values = np.asarray(values) if hasattr(values, "iloc") else values
            if not values.dtype.isnative:
                values = values.astype(values.dtype.newbyteorder("="))
            array = pa.array(values, kind)
        else:
            array = pa.array(values, from_pandas=hasattr(values, "iloc"))
    if not isinstance(array, pa.ChunkedArray):
        return array
    return joined(array.chunks) if has_half_dictionaries(array.type) else array.combine_chunks()


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise ExampleError(
            f"column {quote(name)}: {error}; make all rows of one type that an Example has"
        ) from None
