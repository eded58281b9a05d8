"""convert: TFRecord files to other formats and back, by the suffixes of names."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.dataset.schema import written_features
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.dataset.tables import FoundFeatures, check_cast, write_any
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.normalize import (
    checked_names,
    is_sequences,
    normalize_features,
)
from tfrecord_lite.example.quote import quote
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import each_path
from tfrecord_lite.files.targets import refuse_sources
from tfrecord_lite.jobs.copying import Progress, Watched, each_block
from tfrecord_lite.jobs.images import read_images
from tfrecord_lite.jobs.json_lines import read_json_lines, write_json_lines
from tfrecord_lite.jobs.sources import RECORDS, TABLES, find_source, kind_by_name, source_files
from tfrecord_lite.jobs.webdataset import read_webdataset
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.records.writer import RecordWriter
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfrecord_lite._types import (
        Compression,
        CompressionOrAuto,
        FeaturesLike,
        OnDamage,
        Path,
        Paths,
        Verify,
    )
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["convert", "source_files"]

# What would be taken for the name of a set, and surely is none.
_OTHERS: Final = (".json", ".tsv", ".txt", ".zip", ".npz", ".npy", ".h5", ".xlsx", ".xml", ".gz")
_POLICIES: Final = ("records_per_shard", "bytes_per_shard", "num_shards")


def convert(
    src: Paths | RecordSet,
    dst: Path,
    *,
    features: FeaturesLike | None = None,
    select: Sequence[str] | None = None,
    cast: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    records_per_shard: int | None = None,
    bytes_per_shard: int | None = None,
    num_shards: int | None = None,
    write_compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
    progress: Progress = None,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> int:
    """Write what ``src`` holds in the format that the name ``dst`` says; return how many records.

    | name ends in | is |
    |---|---|
    | .tfrecord, .tfrecords, .tfrec, .record, these and .gz | one file of records |
    | .parquet, .pq; .arrow, .feather, .ipc; .csv | a table, a row for each Example |
    | .jsonl, .ndjson | JSON lines: records as `tfrecord-lite cat` prints them |
    | .tar, .tar.gz, .tgz (as ``src``) | WebDataset: a feature for each suffix |
    | anything else | as ``dst`` the name of a set of shards |

    One of the two sides is TFRecord. As ``src`` that is whatever `RecordSet` takes, and read with
    its options; other formats are paths, directories, globs or lists of files of one format. A
    directory of class folders with images becomes Examples of ``image/encoded`` (the file's bytes),
    ``image/format``, ``image/filename``, ``image/class/label`` (the number of the folder among the
    sorted ones, from 0) and ``image/class/text`` (its name). JSON lines that are no records are
    rows of names and values. Event files of TensorBoard become a table of their scalars.

    ``features`` are what records are read with for a table, or tables encoded with; of records to a
    set they go into its manifest, and left out they are those of the source's. ``select`` are the
    columns of a table that is written; ``cast`` is that of `ShardWriter.write_table`, and the types
    of the columns of CSV, which are else those of its first rows. A set has the policies of
    `ShardWriter` and a manifest with the features that the columns' types say; the rest is that of
    `RecordWriter`. ``progress`` is called now and then with a source's name and how many of its
    bytes have been read. Memory stays bounded, whatever there is.

    What is written takes its name when it is complete. Raises ``FileExistsError`` where there is
    one of that name, unless ``overwrite`` is given; ValueError for names that say nothing, for a
    directory of which only a part would be read (it has several formats, or folders called
    KEY=VALUE), and for options that would change nothing; `TFRecordError` for a source that is not
    what its name says, with path, row and column; `ExampleError` as `ShardWriter.write_table` and
    `to_arrow` do, for a column of several kinds in the files of a table, and for text of a number
    that would become another one; ImportError where pyarrow (the extra ``arrow``) is needed and is
    not there; else as `RecordSet` and `RecordWriter` do. Then nothing has changed.

    >>> import tempfile, tfrecord_lite as tfr
    >>> folder = tempfile.mkdtemp()
    >>> _ = tfr.write_examples(folder + "/a.tfrecord", {"label": [3, 4]})
    >>> convert(folder + "/a.tfrecord", folder + "/a.jsonl")
    2
    >>> with open(folder + "/a.jsonl") as file:
    ...     print(file.readline().strip())
    {"features": {"label": {"int64_list": [3]}}}
    >>> convert(folder + "/a.jsonl", folder + "/train", num_shards=1)
    2
    >>> list(tfr.read_records(folder + "/train")) == list(tfr.read_records(folder + "/a.tfrecord"))
    True
    """
    check_cast(cast)
    path = os.fsdecode(dst)
    target = _target_kind(path)
    if not isinstance(src, RecordSet):
        # What can be iterated over once is looked at more than once.
        src = each_path(src)
    kind, files = find_source(src)
    reading = {
        "compression": compression,
        "verify": verify,
        "on_damage": on_damage,
        "max_record_bytes": max_record_bytes,
    }
    shards = dict(zip(_POLICIES, (records_per_shard, bytes_per_shard, num_shards), strict=True))
    given: dict[str, Any] = {"features": features, "select": select, "cast": cast, **shards}
    given.update(write_compression=write_compression, level=level)
    _check_meant(path, target, kind, files, given)
    writing: dict[str, Any] = {"overwrite": overwrite, "fsync": fsync}
    source = RecordSet.of(src, **reading) if kind == "records" else None
    refuse_sources(files if source is None else source.files, path)
    if kind == "events":
        return _write_table(_scalars(src, select, reading), path, target, writing)
    if source is not None and target == "jsonl":
        return write_json_lines(source, path, progress=progress, **writing)
    if source is not None and target in TABLES:
        from tfrecord_lite.arrow.reading import to_arrow

        table = to_arrow(Watched(source, progress), features, select=select)
        return _write_table(table, path, target, writing)
    options: dict[str, Any] = {
        "compression": write_compression,
        "level": level,
        "block_bytes": block_bytes,
        "fsync": fsync,
    }
    if source is not None:
        features = written_features(features, source) if target == "set" else None
    elif features and not is_sequences(features):
        features = normalize_features(features)
    if target == "set":
        options.update(shards, features=features, overwrite=overwrite)
    else:
        options["mode"] = "w" if overwrite else "x"
    with ExitStack() as stack:
        kind_of_writer = ShardWriter if target == "set" else RecordWriter
        writer = stack.enter_context(kind_of_writer(path, **options))
        if source is not None:
            for block in each_block(source, progress):
                writer.write_many(block)
        else:
            found = FoundFeatures()
            for file in files:
                try:
                    _read(file, kind, writer, features, cast, found, progress)
                except TFRecordError as error:
                    error.path = error.path or file
                    raise
    return writer.records


def _read(
    file: str,
    kind: str,
    writer: FrameWriter,
    features: Any,
    cast: Mapping[str, Any] | None,
    found: FoundFeatures,
    progress: Progress,
) -> None:
    """Write what a file of another format holds; ``found`` is of the files before."""
    if kind in TABLES:
        from tfrecord_lite.arrow.files import TableFile

        given = features if isinstance(features, dict) else {}
        types = {**given, **(cast or {})} if kind == "csv" else None
        table = TableFile(file, kind, types, progress)
        if isinstance(writer, ShardWriter):
            writer.write_table(table, cast=cast)
        else:
            write_any(writer, table, features, cast=cast, found=found)
        return
    if cast:
        raise ValueError(f"{printable(file)}: cast is for columns that have types; pass features=")
    if kind == "jsonl":
        read_json_lines(file, writer, features, found, progress)
    elif kind == "tar":
        read_webdataset(file, writer, features, progress)
    else:
        read_images(file, writer, features, progress)


def _scalars(src: Any, select: Sequence[str] | None, reading: dict[str, Any]) -> Any:
    """Return the scalars of TensorBoard's event files."""
    from tfrecord_lite.events import read_scalars

    table = read_scalars(src, **reading)
    select = None if select is None else checked_names(select)
    if unknown := sorted({*(select or ())} - {*table.column_names}):
        raise ValueError(
            f"select: {quote(unknown[0])} is no column of scalars: {', '.join(table.column_names)}"
        )
    return (table if select is None else table.select(list(select))).to_reader()


def _write_table(reader: Any, path: str, kind: str, writing: dict[str, Any]) -> int:
    from tfrecord_lite.arrow.files import write_batches

    return write_batches(reader, reader.schema, path, kind, **writing)


def _check_meant(
    path: str,
    target: str,
    kind: str,
    files: list[str],
    given: Mapping[str, Any],
) -> None:
    """Raise ValueError where one format is not made of the other, and for options without effect.

    Whoever gives these means them.
    """
    to_records, of_examples = target in ("file", "set"), kind in ("records", "events")
    if not to_records and not of_examples:
        raise ValueError(
            f"{printable(files[0])} to {printable(path)}: one of the two is to be TFRecord; "
            "convert to that first"
        )
    to_table, features = target in TABLES, given["features"] is not None
    refused = {
        "the scalars of event files are a table: .csv, .parquet, .arrow": (
            kind == "events" and not to_table
        ),
        "select is for a table that is written": given["select"] is not None and not to_table,
        "features are for Examples; name scalars' columns by select": (
            features and kind == "events"
        ),
        "features are for a table, or the manifest of a set; whole records are written": (
            features and kind == "records" and target in ("file", "jsonl")
        ),
        "cast is for a table that is read": given["cast"] and of_examples,
        "one file has no shards; leave its suffix out for a set": (
            target != "set" and any(given[name] is not None for name in _POLICIES)
        ),
    }
    for name in ("write_compression", "level"):
        unused = not to_records and given[name] not in (None, "infer")
        refused[f"{name} is for records that are written"] = unused
    for reason, is_so in refused.items():
        if is_so:
            raise ValueError(f"{printable(path)}: {reason}")


def _target_kind(path: str) -> str:
    name = path.lower()
    if "{index" in path:
        return "set"
    if name.removesuffix(".gz").endswith(RECORDS):
        return "file"
    kind = kind_by_name(path)
    if kind == "tar" or (kind is None and name.endswith(_OTHERS)):
        raise ValueError(
            f"{printable(path)}: not a format that is written; .tfrecord, .tfrecord.gz, .parquet, "
            ".arrow, .feather, .csv and .jsonl are, and a name without suffix is that of a set of "
            "shards"
        )
    return kind or "set"
