"""convert: TFRecord files to other formats and back, by the suffixes of names."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.dataset.tables import write_any
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.paths import Folders
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import each_path, files_of, set_named
from tfrecord_lite.jobs.copying import Watched, each_block, refuse_sources
from tfrecord_lite.jobs.images import is_image_folder, read_images
from tfrecord_lite.jobs.json_lines import read_json_lines, write_json_lines
from tfrecord_lite.jobs.webdataset import read_webdataset
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.file_system import is_directory, list_directory
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tfrecord_lite._types import (
        Compression,
        CompressionOrAuto,
        FeaturesLike,
        OnDamage,
        Path,
        Paths,
        Verify,
    )
    from tfrecord_lite.jobs.copying import Progress
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["convert", "source_files"]

_RECORDS: Final = (".tfrecord", ".tfrecords", ".tfrec", ".record")
_KINDS: Final = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
    ".csv": "csv",
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".tar", ".tar.gz", ".tgz"), "tar"),
}
_TABLES: Final = ("parquet", "arrow", "csv")
# What would be taken for the name of a set, and surely is none.
_OTHERS: Final = (".json", ".tsv", ".txt", ".zip", ".npz", ".npy", ".h5", ".xlsx", ".xml", ".gz")
_EVENTS: Final = "tfevents"


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

    ``features`` are what records are read with, or tables encoded with; ``select`` are the columns
    of a table that is written; ``cast`` is that of `ShardWriter.write_table`, and the types of the
    columns of CSV, which are else those of its first rows. A set has the policies of `ShardWriter`
    and a manifest with the features that the columns' types say; the rest is that of
    `RecordWriter`. ``progress`` is called now and then with a source's name and how many of its
    bytes have been read. Memory stays bounded, whatever there is.

    What is written takes its name when it is complete. Raises ``FileExistsError`` where there is
    one of that name, unless ``overwrite`` is given; ValueError for names that say nothing;
    `TFRecordError` for a source that is not what its name says, with path, row and column;
    `ExampleError` as `ShardWriter.write_table` and `to_arrow` do; ImportError where pyarrow (the
    extra ``arrow``) is needed and is not there; else as `RecordSet` and `RecordWriter` do. Then
    nothing has changed.

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
    path = os.fsdecode(dst)
    target = _target_kind(path)
    if not isinstance(src, RecordSet):
        # What can be iterated over once is looked at more than once.
        src = each_path(src)
    kind, files = _source(src)
    reading = {
        "compression": compression,
        "verify": verify,
        "on_damage": on_damage,
        "max_record_bytes": max_record_bytes,
    }
    if kind == "events":
        return _convert_events(src, path, target, reading, overwrite=overwrite, fsync=fsync)
    if target not in ("file", "set"):
        if kind != "records":
            raise ValueError(
                f"{files[0]} to {path}: one of the two is to be TFRecord; convert to that first"
            )
        records = Watched(RecordSet.of(src, **reading), progress)
        refuse_sources(records, path)
        writing: dict[str, Any] = {"overwrite": overwrite, "fsync": fsync}
        if target == "jsonl":
            return write_json_lines(records, path, progress=None, **writing)
        return _write_table(records, path, target, features, select, writing)
    if select is not None:
        raise ValueError("select is for a table that is written")
    options: dict[str, Any] = {
        "compression": write_compression,
        "level": level,
        "block_bytes": block_bytes,
        "fsync": fsync,
    }
    shards = (records_per_shard, bytes_per_shard, num_shards)
    if target == "set":
        policies = ("records_per_shard", "bytes_per_shard", "num_shards")
        options.update(zip(policies, shards, strict=True), features=features, overwrite=overwrite)
    elif any(count is not None for count in shards):
        raise ValueError(f"{path}: one file has no shards; leave its suffix out for a set")
    source = RecordSet.of(src, **reading) if kind == "records" else None
    if source is not None:
        refuse_sources(source, path)
    with _opened(path, target, options, overwrite=overwrite) as writer:
        if source is not None:
            for block in each_block(source, progress):
                writer.write_many(block)
        else:
            for file in files:
                try:
                    _read(file, kind, writer, features, cast, progress)
                except TFRecordError as error:
                    error.path = error.path or file
                    raise
    return writer.records


@contextmanager
def _opened(
    path: str, target: str, options: dict[str, Any], *, overwrite: bool
) -> Iterator[FrameWriter]:
    if target == "set":
        with ShardWriter(path, **options) as shards:
            yield shards
        return
    with RecordWriter(path, mode="w" if overwrite else "x", **options) as writer:
        yield writer


def _read(
    file: str,
    kind: str,
    writer: FrameWriter,
    features: Any,
    cast: Mapping[str, Any] | None,
    progress: Progress,
) -> None:
    """Write what a file of another format holds."""
    if kind in _TABLES:
        from tfrecord_lite.arrow.files import TableFile

        types = {**(features or {}), **(cast or {})} if kind == "csv" else None
        table = TableFile(file, kind, types, progress)
        if isinstance(writer, ShardWriter):
            writer.write_table(table, cast=cast)
        else:
            write_any(writer, table, features, cast=cast)
        return
    if cast:
        raise ValueError(f"{file}: cast is for columns that have types; pass features=")
    if kind == "jsonl":
        read_json_lines(file, writer, features, progress)
    elif kind == "tar":
        read_webdataset(file, writer, progress)
    else:
        read_images(file, writer, progress)


def _write_table(
    records: Watched,
    path: str,
    kind: str,
    features: Any,
    select: Sequence[str] | None,
    writing: dict[str, Any],
) -> int:
    from tfrecord_lite.arrow.files import write_batches
    from tfrecord_lite.arrow.reading import to_arrow

    reader = to_arrow(records, features, select=select)
    return write_batches(reader, reader.schema, path, kind, **writing)


def _convert_events(
    src: Any, path: str, target: str, reading: dict[str, Any], *, overwrite: bool, fsync: bool
) -> int:
    """Write the scalars of TensorBoard's event files as a table."""
    if target not in _TABLES:
        raise ValueError(f"{path}: the scalars of event files are a table: .csv, .parquet, .arrow")
    from tfrecord_lite.arrow.files import write_batches
    from tfrecord_lite.events import read_scalars

    table = read_scalars(src, **reading)
    return write_batches(
        table.to_batches(), table.schema, path, target, overwrite=overwrite, fsync=fsync
    )


def _kind_by_name(path: str) -> str | None:
    name = path.lower()
    return next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), None)


def _target_kind(path: str) -> str:
    name = path.lower()
    if "{index" in path:
        return "set"
    if name.removesuffix(".gz").endswith(_RECORDS):
        return "file"
    kind = _kind_by_name(path)
    if kind == "tar" or (kind is None and name.endswith(_OTHERS)):
        raise ValueError(
            f"{path}: not a format that is written; .tfrecord, .tfrecord.gz, .parquet, .arrow, "
            ".feather, .csv and .jsonl are, and a name without suffix is that of a set of shards"
        )
    return kind or "set"


def _source(src: Paths | RecordSet) -> tuple[str, list[str]]:
    """Return what there is to be read, and the files, where they are of another format."""
    if isinstance(src, RecordSet):
        return "records", []
    paths = each_path(src)
    names = [name_of(path) for path in paths]
    if not all(map(is_path, paths)) or any(map(set_named, names)):
        return "records", names
    if len(names) == 1 and is_image_folder(names[0]) and not _data_files_of(names[0]):
        return "images", names
    files: list[str] = []
    for name in names:
        files += _data_files_of(name) or [name]
    kinds = {_kind_by_name(file) or "records" for file in files}
    if len(kinds) > 1:
        raise ValueError(f"{files[0]}: with files of other formats; convert those of one at a time")
    kind = kinds.pop() if kinds else "records"
    if kind == "records" and any(_EVENTS in os.path.basename(file) for file in files):
        return "events", files
    return kind, files


def _data_files_of(path: str) -> list[str]:
    """Return the files that a path means, CSV among them, which are no data files elsewhere."""
    if is_directory(path):
        names = [name for name, _ in list_directory(path) if name[0] not in "._"]
        found = [os.path.join(path, name) for name in names if _kind_by_name(name)]
        if found:
            return found
    try:
        return files_of(path, Folders())
    except FileNotFoundError:
        if is_directory(path):
            return []
        raise


def source_files(src: Paths) -> list[str]:
    """Return the files that `convert` would read, for a bar to tell how much there is."""
    kind, files = _source(src)
    if kind == "images":
        found = [os.path.join(at, name) for at, _, names in os.walk(files[0]) for name in names]
        return sorted(found)
    return [*map(name_of, RecordSet(src).files)] if kind in ("records", "events") else files
