"""Spark: files of Examples as DataFrames, and DataFrames as sets of shards: a Python data source.

It needs the extra: ``pip install 'tfrecord-lite-np[spark]'``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if any(find_spec(name) is None for name in ("pyspark", "pyarrow", "pandas")):
    raise ImportError("tfrecord_lite.spark needs pyspark: pip install 'tfrecord-lite-np[spark]'")

import pyarrow as pa
import pyarrow.types as pt
from pyspark import TaskContext
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    InputPartition,
    WriterCommitMessage,
)
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from tfrecord_lite.arrow.arrays import widened
from tfrecord_lite.arrow.reading import Selection
from tfrecord_lite.dataset.damage_report import DamageReport, absolute_paths, reported
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.example.quote import quote
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from tfrecord_lite.files.manifest import Manifest
    from tfrecord_lite.files.record_set import RecordSet

__all__ = ["TFRecordSource", "register"]

# How much of the files a partition has where nothing is said.
_BYTES_PER_SPLIT: Final = 64 << 20
# What Spark itself makes of types that it does not have, where it reads Parquet.
_WIDER: Final = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
}


def register(spark: SparkSession) -> None:
    """Make ``format("tfrecord_lite")`` known to a session; see `TFRecordSource`.

    >>> from pyspark.sql import SparkSession
    >>> import tempfile
    >>> spark = SparkSession.builder.master("local[1]").getOrCreate()
    >>> register(spark)
    >>> name = tempfile.mkdtemp() + "/train"
    >>> spark.range(3).write.format("tfrecord_lite").mode("append").save(name)
    >>> spark.read.format("tfrecord_lite").load(name).collect()
    [Row(id=0), Row(id=1), Row(id=2)]
    >>> spark.stop()
    """
    spark.dataSource.register(TFRecordSource)


class TFRecordSource(DataSource):  # type: ignore[misc]
    """The data source ``tfrecord_lite``: files of Examples, read by splits, written as a set.

    ``spark.read.format("tfrecord_lite").load(path)`` takes what `RecordSet` takes, a path or a
    list of them; all machines see the files under these names. Without a schema it is that of
    `to_arrow` with the features of the manifest, or of the first records: bytes are BinaryType,
    shapes and lists ArrayType, and what Spark has no type for is of the next larger one: unsigned
    integers are ShortType, IntegerType, LongType and DecimalType(20, 0), halves FloatType. With a
    schema (``.schema("label long, name string")``) its columns alone are decoded, as these types,
    and what a record does not have is null (an error in a column that is NOT NULL). Options:
    ``select`` (names, with commas), ``features`` (JSON, of `features_to_json` or a list of names),
    ``splits`` or ``bytes_per_split`` (64 MiB) for how many partitions there are, ``strict``,
    ``compression``, ``verify``, ``on_damage`` ("raise", or "report" with ``report``, a path that
    all machines see), ``max_record_bytes``. Spark tells a Python source no columns, so ``select``
    or a schema is how to decode but a few.

    ``df.write.format("tfrecord_lite").mode("append").save(name)`` writes a new set, and is an error
    where one stands; ``mode("overwrite")`` replaces it. Either is one commit; tasks that are
    retried, speculative or killed leave nothing. One job at a time may write a set. Options:
    ``features``, ``cast`` (JSON), ``compression``, ``records_per_shard``, ``bytes_per_shard``,
    ``num_shards``, ``level``, ``block_bytes``, ``fsync``, as `ShardWriter` has them, for each
    task.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "tfrecord_lite"

    def schema(self) -> StructType:
        """Infer the schema."""
        records, options = self._records()
        self._found = _selection(records, options, options.get("features"))
        return from_arrow_schema(_known_types(self._found.plan().schema))

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return what reads the columns of a schema."""
        wanted = to_arrow_schema(schema, timezone="UTC")
        records, options = self._records()
        selection = getattr(self, "_found", None)
        if selection is None:
            if "features" in options:
                raise ValueError("features and a schema: pass one of the two")
            selection = _selection(records, options, wanted)
        return _Reader(records, selection, wanted, options)

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceArrowWriter:
        """Return what writes a set."""
        del schema
        options = _options(self.options, _WRITING)
        name = options.pop("path")
        cast = options.pop("cast", None)
        job = WriteJob(name, overwrite=overwrite, **options)
        try:
            # This process ends before the tasks begin.
            job.start(hold=False)
        except FileExistsError as error:
            # There is no such option here.
            said = str(error).replace("pass overwrite=True", 'save with mode("overwrite")')
            raise FileExistsError(said) from None
        return _Writer(job, cast)

    def _records(self) -> tuple[RecordSet, dict[str, Any]]:
        options = _options(self.options, _READING)
        paths = options.get("paths") or options.get("path")
        report = options.pop("report", None)
        on_damage = options.pop("on_damage", "raise")
        reading = {
            name: options.pop(name)
            for name in ("compression", "verify", "max_record_bytes")
            if name in options
        }
        kept = DamageReport(report)
        records = reported(absolute_paths(paths), on_damage, kept, wants_path=True, **reading)
        return records, options


def _selection(records: RecordSet, options: dict[str, Any], features: Any) -> Selection:
    return Selection.find(
        records, features, select=options.get("select"), strict=options.get("strict", True)
    )


class _Reader(DataSourceReader):  # type: ignore[misc]
    def __init__(
        self, records: RecordSet, selection: Selection, schema: pa.Schema, options: dict[str, Any]
    ) -> None:
        self._records = records
        self._selection = selection
        self._schema = schema
        self._count = options.get("splits")
        self._bytes = options.get("bytes_per_split")

    def partitions(self) -> list[InputPartition]:
        """Return a partition for each split."""
        size = self._bytes
        if size is None and self._count is None:
            size = _BYTES_PER_SPLIT
        splits = self._records.splits(self._count, bytes_per_split=size)
        # Spark asks for one at least.
        return [InputPartition(split) for split in splits] or [InputPartition(None)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read a split."""
        if partition.value is None:
            return
        for batch in self._selection.batches(partition.value.blocks()):
            columns = [
                batch.column(field.name)
                if batch.column(field.name).type == field.type
                else batch.column(field.name).cast(field.type)
                for field in self._schema
            ]
            for field, column in zip(self._schema, columns, strict=True):
                if column.null_count and not field.nullable:
                    # Spark would say no more than that something is null.
                    where = shown(name_of(partition.value.files[0]))
                    raise ExampleError(
                        f"{where}: column {quote(field.name)} is NOT NULL in the schema, and some "
                        "of the records that were read from here on have no such feature; leave "
                        "NOT NULL out of the schema"
                    )
            yield pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def __getstate__(self) -> dict[str, Any]:
        # Tasks have splits, and need no list of all files.
        return {**self.__dict__, "_records": None}


@dataclass
class _Written(WriterCommitMessage):  # type: ignore[misc]
    """What one attempt of a task wrote."""

    task: int
    manifest: Manifest


@dataclass
class _Writer(DataSourceArrowWriter):  # type: ignore[misc]
    job: WriteJob
    cast: Mapping[str, Any] | None

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        """Write an attempt of a task."""
        context = TaskContext.get()
        task = 0 if context is None else context.partitionId()
        with self.job.open(task) as writer:
            for batch in iterator:
                writer.write_table(batch, cast=self.cast)
        assert writer.manifest is not None
        return _Written(task, writer.manifest)

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Publish what the tasks wrote."""
        written = [message for message in messages if isinstance(message, _Written)]
        written.sort(key=lambda message: message.task)
        self.job.commit([message.manifest for message in written])

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Remove what the tasks wrote."""
        del messages
        self.job.abort()


def _known_types(schema: pa.Schema) -> pa.Schema:
    """Return a schema of the types that Spark has: lists have no fixed sizes there."""
    return pa.schema([(field.name, _list_type(widened(field.type, _WIDER))) for field in schema])


def _list_type(kind: pa.DataType) -> pa.DataType:
    if pt.is_struct(kind):
        return pa.struct([(field.name, _list_type(field.type)) for field in kind])
    if pt.is_fixed_size_list(kind) or pt.is_list(kind):
        return pa.list_(_list_type(kind.value_type))
    return pa.binary() if pt.is_fixed_size_binary(kind) else kind


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} must be true or false")
    return text.lower() == "true"


def _verify(text: str) -> Any:
    return "none" if text.lower() == "none" else _flag(text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _features(text: str) -> Any:
    """Return the features of `features_to_json`, or a list of names."""
    return json.loads(text) if text.lstrip().startswith("[") else features_from_json(text)


def _or_none(text: str) -> int | None:
    return None if text.lower() == "none" else int(text)


# What an option of Spark, which is text, becomes.
_READING: Final[dict[str, Callable[[str], Any]]] = {
    "path": str,
    "paths": json.loads,
    "features": _features,
    "select": _names,
    "splits": int,
    "bytes_per_split": int,
    "strict": _flag,
    "compression": str,
    "verify": _verify,
    "on_damage": str,
    "report": str,
    "max_record_bytes": int,
}
_WRITING: Final[dict[str, Callable[[str], Any]]] = {
    "path": str,
    "features": features_from_json,
    "cast": json.loads,
    "compression": str,
    "records_per_shard": int,
    "bytes_per_shard": int,
    "num_shards": int,
    "level": int,
    "block_bytes": _or_none,
    "fsync": _flag,
}


def _options(given: Mapping[str, str], known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Return options as values; ValueError for one that there is not."""
    options: dict[str, Any] = {}
    for name, text in given.items():
        if name.lower() not in known:
            raise ValueError(f"option {name!r}: there are {', '.join(known)}")
        try:
            options[name.lower()] = known[name.lower()](text)
        except ValueError as error:
            raise ValueError(f"option {name!r}: {error}") from None
    if "path" not in options and "paths" not in options:
        raise ValueError("no path; pass one to load() or save()")
    return options
