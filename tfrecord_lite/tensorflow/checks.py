"""What must be kept away from TensorFlow's reader: it is looked for before training.

TensorFlow dies of a length far beyond the end of the file, and takes a file that ends inside a
header, or inside its compressed stream, for one that ends there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tfrecord_lite.dataset.access.index import RecordIndex
from tfrecord_lite.errors import CompressionError, TFRecordError
from tfrecord_lite.records.blocks import HEAD_BYTES
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.compression import codec_named, find_codec

if TYPE_CHECKING:
    from tfrecord_lite.dataset.epochs.record_set import RecordSet
    from tfrecord_lite.dataset.shards.manifest import ManifestEntry
    from tfrecord_lite.records.compression import Codec

__all__ = ["check_files", "find_codecs"]

_PIECE_BYTES = 1 << 20


def find_codecs(records: RecordSet) -> list[Codec]:
    """Return the codec of each file: as named, or from its first bytes."""
    if records.compression != "auto":
        return [codec_named(records.compression)] * len(records.files)
    return [find_codec(_head(file)) for file in records.files]


def _head(file: str) -> bytes:
    with open(file, "rb") as head:
        return head.read(HEAD_BYTES)


def check_files(records: RecordSet, codecs: list[Codec]) -> None:
    """Look through all files, and note how many records they have.

    Of a plain file the headers of all records are looked at, of blocked gzip those of all members;
    and a compressed file that the manifest has is compared with its checksum there. Nothing is
    inflated, so of a compressed file without manifest that is not blocked, nothing is known.

    Raises what `RecordReader` raises, with file, record and offset, and `TFRecordError` for a file
    that is not the one in the manifest.
    """
    manifest = records.manifest
    entries = {entry.name: entry for entry in manifest.entries} if manifest is not None else {}
    found: dict[str, int | None] = {}
    for number, (file, codec) in enumerate(zip(records.files, codecs, strict=True)):
        entry = entries.get(os.path.basename(file))
        if file not in found:
            if entry is not None and codec is not None:
                _compare_content(file, entry)
            found[file] = _count(file, codec)
        count = found[file]
        if count is None:
            continue
        if manifest is not None and entry is not None and count != entry.records:
            raise TFRecordError(
                f"found {count} records, but {manifest.path} says {entry.records}: this is another "
                "file, or it was written to since; write the set anew",
                path=file,
            )
        records.counts[number] = count


def _compare_content(file: str, entry: ManifestEntry) -> None:
    crc = 0
    with open(file, "rb", buffering=0) as content:
        while piece := content.read(_PIECE_BYTES):
            crc = crc32c(piece, crc)
    if crc != entry.crc32c:
        raise TFRecordError(
            f"the checksum of this file is 0x{crc:08x}, its manifest says 0x{entry.crc32c:08x}: it "
            "is damaged, or another; restore it, or write the set anew",
            path=file,
            expected=entry.crc32c,
            actual=crc,
        )


def _count(file: str, codec: Codec) -> int | None:
    """Walk through a file and count its records; None for a stream, which has no boundaries."""
    try:
        # A sidecar is not believed: the file itself must be as it should.
        return len(RecordIndex.build(file, compression=codec))
    except CompressionError:
        return None
