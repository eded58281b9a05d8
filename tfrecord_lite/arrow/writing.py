"""Arrow tables as columns that the encoder knows, and `write_table`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tfrecord_lite.arrow.strings import is_view
from tfrecord_lite.arrow.types import feature_of, is_bytes, parts_of, plain_type, with_leaf
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.dataset.tables import TablePart
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.buffers import ByteStrings, Present
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite._types import Compression, Path
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.files.manifest import Manifest

__all__ = ["arrow_parts", "write_table"]

# Of a large batch so many rows become columns at once.
_ROWS: Final = 1 << 16
_PLAIN: Final = {int: pa.int64(), float: pa.float32(), str: pa.string(), bytes: pa.binary()}


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
    progress: Callable[[int, int], Any] | None = None,
    compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
) -> Manifest:
    """Write a table as a set of shards, an Example for each row, and return its manifest.

    ``data`` and ``cast`` are those of `ShardWriter.write_table`, all else is that of `ShardWriter`.
    The manifest has the features that the types of the columns say, where none are given. Raises
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


def arrow_parts(
    data: Any, features: Mapping[str, FeatureSpec] | None, cast: Mapping[str, Any] | None
) -> Iterator[TablePart]:
    """Yield the rows of what is an Arrow table, or can be made one, some at a time."""
    batches = _batches(data)
    columns: _Columns | None = None
    done = 0
    for batch in batches:
        if columns is None or batch.schema != columns.schema:
            columns = _Columns(batch.schema, features or {}, cast or {})
        for begin in range(0, batch.num_rows, _ROWS):
            yield columns.part(batch.slice(begin, _ROWS), done + begin)
        done += batch.num_rows


def _batches(data: Any) -> Iterable[pa.RecordBatch]:
    if isinstance(data, Mapping):
        columns = {name: _chunked(name, column) for name, column in data.items()}
        counts = {name: len(column) for name, column in columns.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(f"columns of different lengths: {counts}")
        return pa.table(columns).to_batches()  # type: ignore[no-any-return]
    if hasattr(data, "iloc"):
        return _of_pandas(data)
    if hasattr(data, "scanner"):
        return data.scanner().to_reader()  # type: ignore[no-any-return]
    if hasattr(data, "iter_batches"):
        return data.iter_batches()  # type: ignore[no-any-return]
    try:
        return pa.RecordBatchReader.from_stream(data)  # type: ignore[no-any-return]
    except (pa.ArrowInvalid, TypeError) as error:
        raise TypeError(
            f"{quote(data)} is no table ({error}); a column alone goes in as one of a mapping of "
            "names to columns"
        ) from None


def _chunked(name: str, column: Any) -> Any:
    if hasattr(column, "__arrow_c_stream__"):
        return pa.chunked_array(column)
    return _array(name, column)


def _of_pandas(frame: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a DataFrame; its index is no column."""
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"column {quote(name)}: a column's name is a str; rename it")
    for begin in range(0, max(len(frame), 1), _ROWS):
        some = frame.iloc[begin : begin + _ROWS]
        columns = [_array(name, some.iloc[:, at]) for at, name in enumerate(names)]
        yield pa.RecordBatch.from_arrays(columns, names)


def _array(name: str, values: Any) -> pa.Array:
    """Return values as an Arrow array; a float's NaN is a value, None and pd.NA are none."""
    dtype = getattr(values, "dtype", None)
    try:
        if isinstance(dtype, np.dtype) and dtype.kind == "f":
            array = pa.array(np.asarray(values))
        else:
            array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ExampleError(f"column {quote(name)}: {error}; make all rows of one type") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


class _Columns:
    """Makes columns of the batches of one schema."""

    def __init__(
        self, schema: pa.Schema, features: Mapping[str, FeatureSpec], cast: Mapping[str, Any]
    ) -> None:
        self.schema = schema
        self._given = features
        names = schema.names
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ExampleError(f"column {quote(min(twice))} is there twice; rename one of them")
        unknown = sorted(cast.keys() - set(names))
        if unknown:
            raise ValueError(f"cast: {quote(unknown[0])} is no column: {', '.join(names)}")
        self._types = {
            field.name: _target(field.name, field.type, cast.get(field.name))
            for field in schema
            if not pt.is_null(field.type)
        }
        self._features = {name: _feature(name, kind) for name, kind in self._types.items()}

    def part(self, batch: pa.RecordBatch, first_row: int) -> TablePart:
        """Return the columns of some rows, the first of which errors call ``first_row``."""
        columns = {}
        for name, kind in self._types.items():
            array = batch.column(self.schema.get_field_index(name))
            try:
                columns[name] = _column(array, kind, self._given.get(name))
            except _NullInListError as error:
                raise ExampleError(
                    f"column {quote(name)}: row {first_row + error.row} has a null in its list, "
                    "but a feature is missing as a whole or not at all: fill it, or filter it out"
                ) from None
            except pa.ArrowException as error:
                raise ExampleError(f"column {quote(name)}, as {kind}: {error}") from None
        return TablePart(columns, batch.num_rows, self._features)


def _target(name: str, kind: pa.DataType, cast: Any) -> pa.DataType:
    """Return the type that a column is made before its values are taken."""
    if cast is not None:
        try:
            wanted = _as_type(cast)
        except (ValueError, TypeError, pa.ArrowException) as error:
            raise ValueError(f"cast: {quote(name)}: {error}") from None
        nested = pt.is_nested(wanted) or not pt.is_nested(plain_type(kind))
        kind = wanted if nested else with_leaf(kind, wanted)
    leaf = _feature_leaf(name, kind)
    if is_view(leaf):
        return with_leaf(kind, pa.large_binary())
    return with_leaf(kind, leaf)


def _as_type(cast: Any) -> pa.DataType:
    if isinstance(cast, pa.DataType):
        return cast
    if isinstance(cast, type) and cast in _PLAIN:
        return _PLAIN[cast]
    return pa.type_for_alias(cast) if isinstance(cast, str) else pa.from_numpy_dtype(cast)


def _feature_leaf(name: str, kind: pa.DataType) -> pa.DataType:
    try:
        return parts_of(kind).leaf
    except TypeError as error:
        raise _refused(name, error) from None


def _feature(name: str, kind: pa.DataType) -> FeatureSpec:
    try:
        return feature_of(kind)
    except (TypeError, ValueError) as error:
        raise _refused(name, error) from None


def _refused(name: str, error: Exception) -> ExampleError:
    return ExampleError(
        f"column {quote(name)} is of type {error}: convert it, as with cast={{{quote(name)}: "
        "'float32'}, or leave it out"
    )


class _NullInListError(Exception):
    def __init__(self, row: int) -> None:
        self.row = row


def _column(array: pa.Array, kind: pa.DataType, given: FeatureSpec | None) -> Any:
    """Return an array as a column that the encoder knows."""
    array = _plain(array)
    if array.type != kind:
        array = array.cast(kind)
    if not array.null_count:
        return _values(array, given)
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    try:
        return Present(_values(array.drop_null(), given), rows, len(array))
    except _NullInListError as error:
        error.row = int(rows[error.row])
        raise


def _plain(array: pa.Array) -> pa.Array:
    """Return the values themselves, of a dictionary, of runs, or of an extension type."""
    while True:
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
        elif pt.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif pt.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        else:
            return array


def _values(array: pa.Array, given: FeatureSpec | None) -> Any:
    """Return the values of an array without nulls."""
    if pt.is_list(array.type) or pt.is_large_list(array.type):
        splits = array.offsets.to_numpy().astype(np.int64)
        inner = array.values.slice(splits[0], splits[-1] - splits[0])
        splits -= splits[0]
        flat, shape = _flat(inner, splits)
        return Ragged(_numbers(flat), splits * math.prod(shape))
    if not pt.is_fixed_size_list(array.type):
        return _byte_strings(array) if is_bytes(array.type) else _numbers(array)
    flat, shape = _flat(array, np.arange(len(array) + 1))
    wanted = getattr(given, "shape", ())
    shape = wanted if math.prod(wanted) == math.prod(shape) and wanted else (math.prod(shape),)
    return _numbers(flat).reshape(len(array), *shape)


def _flat(array: pa.Array, splits: Any) -> tuple[pa.Array, tuple[int, ...]]:
    """Return the leaves of items of a fixed size, and their shape."""
    shape: tuple[int, ...] = ()
    while True:
        array = _plain(array)
        if array.null_count:
            index = int(np.argmin(array.is_valid().to_numpy(zero_copy_only=False)))
            row = int(np.searchsorted(splits * math.prod(shape), index, "right")) - 1
            raise _NullInListError(row)
        if not pt.is_fixed_size_list(array.type):
            return array, shape
        shape = (*shape, array.type.list_size)
        array = array.flatten()


def _numbers(array: pa.Array) -> Any:
    """Return an array's elements for NumPy: those of byte strings as objects."""
    kind = array.type
    if is_bytes(kind):
        values = np.empty(len(array), object)
        values[:] = array.to_pylist()
        return values
    if pt.is_temporal(kind):
        narrow = pt.is_date32(kind) or pt.is_time32(kind)
        array = array.view(pa.int32() if narrow else pa.int64())
    return array.to_numpy(zero_copy_only=False)


def _byte_strings(array: pa.Array) -> ByteStrings:
    """Share the bytes of an array with the encoder."""
    buffers = array.buffers()
    data = np.frombuffer(buffers[-1] or b"", np.uint8)
    begin, end = array.offset, array.offset + len(array)
    if pt.is_fixed_size_binary(array.type):
        return ByteStrings(data, np.arange(begin, end + 1) * array.type.byte_width)
    large = pt.is_large_binary(array.type) or pt.is_large_string(array.type)
    offsets = np.frombuffer(buffers[1] or bytes(8), np.int64 if large else np.int32)
    return ByteStrings(data, offsets[begin : end + 1].astype(np.int64))
