"""The end of an existing file: whether it is fit to be appended to."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Literal

import numpy as np

from tfrecord_lite.errors import CorruptRecordError, Damage, TruncatedRecordError
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.compression import (
    GZIP_MAGIC,
    HEAD_BYTES,
    Codec,
    codec_by_name,
    codec_named,
    find_codec,
)
from tfrecord_lite.records.framing import FOOTER_SIZE, HEADER_SIZE
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from tfrecord_lite._types import Compression, PathOrFile

__all__ = ["codec_to_write", "prepare_append"]


def codec_to_write(file: PathOrFile, compression: Compression, *, appended: bool) -> Codec:
    """Return the codec that a caller's word for it means for a file that is to be written."""
    if compression != "infer":
        return codec_named(compression)
    if not is_path(file):
        return None
    path = name_of(file)
    head = _head(path) if appended else b""
    # Nothing, or one byte, may yet be the front of a gzip file.
    return codec_by_name(path) if GZIP_MAGIC[:1].startswith(head) else find_codec(head)


def prepare_append(
    file: PathOrFile, codec: Codec, on_truncated: Literal["raise", "trim"]
) -> RecordReader | None:
    """Make sure that the records of an existing file, and nothing else, precede what is appended.

    The whole file is read (lengths checked, and the data where inflating does that by itself). A
    truncated record at the end raises `TruncatedRecordError`, or is removed; of a gzip file that
    ends so the other records are returned, to be written again, since its last member cannot be cut
    at a record. Any other damage raises, and so does a truncated record with intact ones after it,
    where somebody has appended to such a file. A gzip file of no records is emptied, since
    TensorFlow loses what follows an empty member.
    """
    path = name_of(file)
    head = _head(path)
    found = find_codec(head)
    if "ZLIB" in (codec, found):
        raise ValueError(
            f"{printable(path)}: ZLIB files end where their stream ends; append needs GZIP or no "
            "compression"
        )
    if not head:
        return None
    # Of a few bytes not even the compression can be told: a truncated file of the codec named.
    if found != codec and (found is not None or len(head) >= HEADER_SIZE):
        raise ValueError(
            f"{printable(path)}: its compression is {found}, not {codec}; append with "
            f"compression={found!r}"
        )
    with RecordReader(path, compression=codec, verify=False) as reader:
        try:
            records = sum(len(block) for block in reader.blocks())
        except TruncatedRecordError:
            if on_truncated == "raise":
                raise
            offset = reader.offset
        else:
            if codec == "GZIP" and records == 0:
                os.truncate(path, 0)
            return None
    if codec is None:
        _require_nothing_after(path, offset)
        os.truncate(path, offset)
        return None
    return RecordReader(path, compression=codec, on_damage=_only_truncated)


def _head(path: str) -> bytes:
    """Return the first bytes of a file; none of one that does not exist."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return b""
    with closing(ByteSource(path)) as source:
        return source.peek(HEAD_BYTES)


def _require_nothing_after(path: str, offset: int) -> None:
    """Make sure that no intact record ends after ``offset`` in a plain file, which is cut there.

    One that begins before is there where a record has lost bytes, and what was after it has moved
    up: by the lengths alone it is inside that record.
    """
    damage: list[Damage] = []
    with RecordReader(path, compression=None, on_damage=damage.append) as reader:
        for block in reader.blocks():
            ends = block.starts + block.lengths + (block.base + FOOTER_SIZE)
            inside = int(np.searchsorted(ends, offset, "right"))
            if inside < len(block):
                begin = at = block.offset(inside)
                record, reason = block.number(inside), "the file was written to meanwhile"
                if damage:
                    _, at, _, record, _, reason = damage[-1]
                raise CorruptRecordError(
                    f"{reason}; but another record begins at byte {begin}, and would be cut off. "
                    "Rescue what is in the file with tfrecord_lite.salvage, and append to that",
                    path=path,
                    record=record,
                    offset=at,
                )
            reader.recycle(block)


def _only_truncated(damage: Damage) -> None:
    """Accept a truncated end; of other damage nothing may be left out without a word."""
    if damage.kind != "truncated":
        raise CorruptRecordError(
            damage.reason, path=damage.path, record=damage.record, offset=damage.begin
        )
