"""``tfrecord-lite shard``: the records of some files, as the shards of a set."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.inputs import expand_files
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.text import plural, printable, size_text
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.files.manifest import find_manifest
from tfrecord_lite.records.reader import RecordReader

if TYPE_CHECKING:
    from tfrecord_lite._types import PathOrFile
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.example.sequence_features import SequenceFeatures

__all__ = ["bytes_of", "run"]

_SIZE = re.compile(r"(\d+)(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_POWERS = {None: 0, "K": 1, "M": 2, "G": 3, "T": 4}


def bytes_of(text: str) -> int:
    """Read a size that a person wrote, in powers of 1024.

    >>> bytes_of("1000"), bytes_of("64K"), bytes_of("128MiB")
    (1000, 65536, 134217728)
    """
    if not (size := _SIZE.fullmatch(text.strip())):
        raise typer.BadParameter(f"{text!r} is no size; write 1000000, 64K, 128M or 1G")
    unit = size[2] and size[2].upper()
    return int(size[1]) << 10 * _POWERS[unit]


def run(sources: list[str], name: str, *, compression: str | None, **options: Any) -> None:
    """Write the records of all sources to the set ``name``, and print what it came to.

    Without ``compression`` it is that of the first file; "none" is none. ``options`` are those of
    `ShardWriter`.
    """
    files = expand_files(sources)
    options["features"] = _features(files)
    writer: ShardWriter | None = None
    with progress_bar(files) as progress, ExitStack() as stack:
        for file in files:
            with RecordReader(file) as reader:
                if writer is None:
                    codec = reader.compression if compression is None else compression
                    writer = _writer(name, None if codec == "none" else codec, options)
                    stack.enter_context(writer)
                for block in reader.blocks():
                    writer.write_many(block)
                    if progress is not None:
                        progress(reader.path, reader.source_offset)
    assert writer is not None
    assert writer.manifest is not None
    entries = writer.manifest.entries
    shards, records = plural(len(entries), "shard"), plural(writer.records, "record")
    size = size_text(sum(entry.size for entry in entries))
    print(f"ok      {printable(writer.manifest.path)}: {shards}, {records}, {size}")


def _writer(name: str, compression: Any, options: dict[str, Any]) -> ShardWriter:
    try:
        return ShardWriter(name, compression=compression, **options)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _features(files: list[PathOrFile]) -> dict[str, FeatureSpec] | SequenceFeatures | None:
    """Return what the manifest of the sources says of features, where they have one."""
    named = [file for file in files if isinstance(file, str)]
    manifest = find_manifest(named) if len(named) == len(files) else None
    if manifest is None or manifest.features is None:
        return None
    try:
        return features_from_json(manifest.features)
    except ValueError as error:
        raise TFRecordError(f"its features: {error}", path=manifest.path) from None
