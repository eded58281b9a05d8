"""query: DuckDB is told of files as datasets of Arrow's, and says which columns it needs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from types import NoneType
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import duckdb
import pyarrow as pa
import pyarrow.dataset as pds
from pyarrow import parquet

from tfrecord_lite.arrow.arrays import widened
from tfrecord_lite.arrow.files import write_batches
from tfrecord_lite.arrow.reading import Selection
from tfrecord_lite.arrow.relations import not_in_arrow
from tfrecord_lite.arrow.types import repeated
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.manifest import MANIFEST_SUFFIX
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.files.targets import refuse_sources
from tfrecord_lite.records.file_system import glob_paths
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.sql.statement import (
    QueryError,
    alike,
    columns_of_rows_alone,
    folded,
    nodes_of,
    parsed,
    sources_of,
    tables_of,
    unquoted,
    with_other_names,
)
from tfrecord_lite.urls import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tfrecord_lite._types import CompressionOrAuto, OnDamage, PathOrFile, Paths, Verify

__all__ = ["check_names", "query", "refuse_tables", "write_parquet"]

# Files that DuckDB reads itself; a manifest is no such file.
_OTHERS: Final = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")

# What a column is called that DuckDB wants where there is none; no result has it.
_NO_COLUMN: Final = "tfrecord_lite: no column"
_ROWS_AT_ONCE: Final = 1 << 13

_AS_TEXT: Final = "make text of it, as in cast(x as varchar)"


def query(
    sql: str,
    tables: Mapping[str, Paths | RecordSet] | None = None,
    *,
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> pa.RecordBatchReader:
    """Run a SELECT of DuckDB's SQL over files, and return its rows as Arrow record batches.

    A table is a path in single quotes, in any form that `RecordSet` takes as a str, or one of the
    names in ``tables``; a name that WITH defines comes first, even in quotes. Its columns are those
    of `to_arrow`, with the features of the manifest or of the first records: int64 is BIGINT,
    float32 FLOAT, bytes BLOB, which compares with text as its UTF-8 (``decode(name)`` makes text of
    it), halves are FLOAT, what is not one value a record is a list; what is missing is NULL. Of
    columns that the query does not need nothing is decoded; ``select count(*)`` is what the
    manifest of a set says, and counts records of any kind.
    Files that end in .parquet, .csv, .tsv, .json, .jsonl are read by DuckDB, to be joined for
    example.

    All other parameters are those of `to_arrow`, for all tables of the query; a `RecordSet` in
    ``tables`` has its own options, and others beside it are an error.

    Raises what `to_arrow` raises, here or from the reader, ``FileNotFoundError`` for a table that
    is neither a file nor known to DuckDB, ``ValueError`` for names in ``tables``, or of a table's
    features, that SQL cannot tell apart because it ignores case, and ``duckdb.Error`` for a query
    that is refused: all but one SELECT, and values of which Arrow has no type, such as UHUGEINT.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": [3, 1, 3], "image": [b"x", b"y", b"z"]})
    >>> counts = query(f"select label, count(*) as n from '{path}' group by label order by label")
    >>> counts.read_all().to_pylist()
    [{'label': 1, 'n': 1}, {'label': 3, 'n': 2}]
    """
    options: dict[str, Any] = {
        "compression": compression,
        "verify": verify,
        "on_damage": on_damage,
        "max_record_bytes": max_record_bytes,
    }
    if not isinstance(tables, (Mapping, NoneType)):
        raise TypeError(f"tables={tables!r} must be a mapping of names to paths")
    connection = duckdb.connect(config={"python_enable_replacements": "false"})
    known = dict(tables or {})
    scanned: list[_Scanned] = []
    missing: dict[str, OSError] = {}
    statement = parsed(connection, sql)
    alone = columns_of_rows_alone(statement)
    stars = any(node.get("class") == "STAR" for node in nodes_of(statement))
    nodes = list(tables_of(statement))
    names = list(dict.fromkeys(node["table_name"] for node in nodes))
    _check_given(known, names)
    # Names that no query can have by chance, and that are the same each time.
    renamed = {name: f"{name} {uuid5(NAMESPACE_URL, name + sql)}" for name in alike(names)}
    for name in names:
        if (
            name not in known
            and name.lower().endswith(_OTHERS)
            and not name.endswith(MANIFEST_SUFFIX)
        ):
            continue
        try:
            records = RecordSet.of(known.get(name, name), **options)
        except FileNotFoundError as error:
            if name in known:
                raise
            missing[name] = error  # may be a name that DuckDB knows
            continue
        scanned.append(_Scanned(name, records, strict=strict, alone=alone, stars=stars))
        connection.register(renamed.get(name, name), scanned[-1])
    if renamed:
        sql = with_other_names(connection, statement, nodes, renamed)
    try:
        relation = connection.sql(sql)
        # Types that become another value in Arrow, or bytes of DuckDB's own.
        for name, kind in not_in_arrow(relation):
            raise QueryError(f"column {name!r}: Arrow has no type for {kind}; {_AS_TEXT}")
        reader = pa.RecordBatchReader.from_stream(relation)
    except RuntimeError as error:
        raise _interrupt(error) or error from None
    except duckdb.CatalogException as error:
        for name, reason in missing.items():
            if f"Table with name {renamed.get(name, name)} does not exist" in str(error):
                raise reason from None
        raise
    except duckdb.Error as error:
        if paths := [name for name in unquoted(statement) if os.path.exists(name)]:
            raise QueryError(
                f"{paths[0]}: a path is a table in single quotes, '{paths[0]}'"
            ) from None
        raise _cause(scanned) or error from None
    rows = _rows(connection, reader, scanned)
    kept = [n for n, name in enumerate(reader.schema.names) if not name.startswith(_NO_COLUMN)]
    schema = pa.schema([reader.schema.field(n) for n in kept])
    return pa.RecordBatchReader.from_batches(schema, (batch.select(kept) for batch in rows))


def write_parquet(reader: pa.RecordBatchReader, path: str) -> int:
    """Write rows to a Parquet file, or to a URL, batch by batch, and return how many there are.

    The file takes its name when it is complete, in place of one that stands. Raises ``ValueError``,
    before there is a file, for columns of one name, and for a column of a type that Parquet does
    not have.

    >>> import os, tempfile
    >>> write_parquet(query("select 1 as a"), os.path.join(tempfile.mkdtemp(), "a.parquet"))
    1
    """
    check_names(reader.schema)
    for field in reader.schema:
        try:
            parquet.ParquetWriter(pa.MockOutputStream(), pa.schema([field])).close()
        except NotImplementedError:
            kind = f"Parquet has no type for {field.type}"
            raise ValueError(f"column {field.name!r}: {kind}; {_AS_TEXT}") from None
    return write_batches(reader, reader.schema, path, "parquet", overwrite=True, fsync=False)


def check_names(schema: pa.Schema) -> None:
    """Raise ``ValueError`` where several columns have one name, of which a file would lose some."""
    for name in repeated(schema.names):
        apart = "name them apart, as in select x as a, y as b"
        raise ValueError(f"several columns are named {name!r}; {apart}")


def refuse_tables(sql: str, tables: Mapping[str, Any], path: str) -> None:
    """Raise ``ValueError`` where a file to be written is one that a query reads."""
    with duckdb.connect() as connection:
        sources = [*sources_of(parsed(connection, sql))]
    files: list[PathOrFile] = [tables[name] for name in sources if name in tables]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sources:
            # DuckDB has names that are no files; what is wrong with those that are, `query` tells.
            with suppress(OSError, ValueError, TFRecordError, ImportError):
                files += glob_paths(name)
                files += expand_shards(name)
    refuse_sources(files, path)


def _check_given(given: Mapping[str, Any], names: list[str]) -> None:
    """Refuse a given name that only its case tells from another: which is meant, is a guess."""
    same = alike([*given, *(name for name in names if name not in given)])
    if bad := [name for name in given if name in same]:
        told = ", ".join(repr(name) for name in same if folded(name) == folded(bad[0]))
        raise ValueError(f"tables {told}: SQL ignores case; use one spelling for each table")


def _check_features(table: str, schema: pa.Schema) -> None:
    """Refuse features that DuckDB would rename, or take for each other."""
    structs = [field.type for field in schema if pa.types.is_struct(field.type)]
    for fields in (schema, *structs):
        names = [field.name for field in fields]
        # An empty name gets another, and one that has a NUL ends there.
        same = alike(names)
        if bad := [name for name in names if not name or "\0" in name or name in same]:
            raise ValueError(
                f"{shown(table)}: SQL, which ignores case, cannot name each of the features "
                f"{', '.join(map(repr, bad))}; write them under other names, or query what "
                "to_arrow(..., features=...) reads of some"
            )


def _rows(
    connection: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader, scanned: list[_Scanned]
) -> Iterator[pa.RecordBatch]:
    """Yield the result; an error of ours is raised as it was, not as DuckDB quotes it."""
    with connection:
        try:
            yield from reader
        except (duckdb.Error, OSError, pa.ArrowException, RuntimeError) as error:
            raise _interrupt(error) or _cause(scanned) or error from None


def _interrupt(error: Exception) -> KeyboardInterrupt | None:
    """Return what Ctrl-C is, where DuckDB has made an error of it."""
    return KeyboardInterrupt() if str(error) == "Query interrupted" else None


def _cause(scanned: list[_Scanned]) -> Exception | KeyboardInterrupt | None:
    return next((table.error for table in scanned if table.error is not None), None)


class _Scanned(pds.Dataset):  # type: ignore[misc]
    """Files as what DuckDB takes for a dataset of Arrow's: it says which columns it needs."""

    def __init__(
        self, name: str, records: RecordSet, *, strict: bool, alone: int, stars: bool
    ) -> None:
        # Not that of the base, which nobody may call.
        self._records = records
        self._selection = None if alone else Selection.find(records, None, strict=strict)
        self._schema = (
            _nothing(alone) if self._selection is None else _known(self._selection.plan().schema)
        )
        _check_features(name, self._schema)
        # Who asks for all columns where there is none, is told what `to_arrow` tells.
        self._only_rows = bool(alone) or not (self._schema.names or stars)
        if not self._schema.names:
            self._schema = _nothing(1)
        self.error: Exception | KeyboardInterrupt | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns that there are."""
        return self._schema

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - as DuckDB calls it
        **_: Any,
    ) -> pds.Scanner:
        """Return a scan of these columns, in rows that pass a filter, which may use others."""
        if columns is None:
            columns = self._schema.names
        if self._selection is None or not self._selection.schema.features:
            schema = pa.schema([self._schema.field(name) for name in columns])
            rows: Iterable[pa.RecordBatch] = _rows_of_nulls(self._records, schema)
            if self._selection is not None and not self._only_rows:
                rows = self._selection.reader(self._records)
            batches = self._noting_errors(rows)
            return pds.Scanner.from_batches(batches, schema=schema, use_threads=False)
        wanted = [
            name
            for name in self._schema.names
            if name in columns or (filter is not None and self._is_used(filter, name))
        ]
        reader = self._selection.only(wanted).reader(self._records)
        schema = _known(reader.schema)
        batches = self._noting_errors(batch.cast(schema) for batch in reader)
        return pds.Scanner.from_batches(
            batches, schema=schema, columns=list(columns), filter=filter, use_threads=False
        )

    def _is_used(self, expression: Any, name: str) -> bool:
        """Tell whether an expression uses a column: without it, it cannot be bound."""
        others = self._schema.remove(self._schema.get_field_index(name))
        try:
            pds.dataset(others.empty_table()).scanner(filter=expression)
        except pa.ArrowInvalid:
            return True
        return False

    def _noting_errors(self, reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except (Exception, KeyboardInterrupt) as error:
            self.error = error
            raise


def _nothing(count: int) -> pa.Schema:
    """Return so many columns that are there for DuckDB alone, and have no values."""
    return pa.schema([(f"{_NO_COLUMN} {number}", pa.bool_()) for number in range(count)])


def _known(schema: pa.Schema) -> pa.Schema:
    """Return a schema without halves, which DuckDB does not have."""
    wider = {pa.float16(): pa.float32()}
    return pa.schema([(field.name, widened(field.type, wider)) for field in schema])


def _rows_of_nulls(records: RecordSet, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield as many rows as there are records: those of the manifest, or those that are found."""
    counts: Iterable[int | None] = records.counts
    if None in records.counts or records.tolerant:
        counts = map(len, records.blocks())
    for count in counts:
        assert count is not None
        for begin in range(0, count, _ROWS_AT_ONCE):
            rows = min(_ROWS_AT_ONCE, count - begin)
            arrays = [pa.nulls(rows, kind) for kind in schema.types]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
