"""Splits: pieces of files that together hold each record once, for workers and engines to read."""

from __future__ import annotations

import errno
import os
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.file_ranges import FileRange, RangeReader
from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.files.index import RecordIndex, load_fitting
from tfrecord_lite.files.one_after_another import OneAfterAnother
from tfrecord_lite.records.blocks import BlockStream
from tfrecord_lite.records.byte_source import ByteSource, position_of
from tfrecord_lite.records.file_system import can_be_reread, sizes_of
from tfrecord_lite.records.iterating import flatten
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.records.resume import codec_to_read
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tfrecord_lite._types import NameOrFile
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["Split", "make_splits"]


@dataclass(frozen=True, repr=False)
class Split:
    """Some of the records of a `RecordSet`, in their order: what `RecordSet.splits` returns.

    Small, and to be pickled where all files are named by paths. ``size_bytes`` is how many bytes of
    the files it has, as they lie. Iterating gives records, `blocks` blocks of them; both do what
    the options of the set say. Errors and damage tell the offset in the file; they tell a record's
    number in the file where that is known: from the front, and by an index. Else it is counted from
    where the split begins in that file.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_records(path, [b"zero", b"one", b"two"])
    >>> first, second = tfr.RecordSet(path).splits(2)
    >>> list(first), list(second), first.size_bytes, second.size_bytes
    ([b'zero', b'one'], [b'two'], 39, 19)
    """

    ranges: tuple[FileRange, ...]
    _options: dict[str, Any] = field(repr=False)
    size_bytes: int

    def __repr__(self) -> str:
        return f"<Split of {printable(name_of(self.files[0]))} ...: {self.size_bytes:,} bytes>"

    @property
    def files(self) -> list[NameOrFile]:
        """The files of which there are records in it."""
        return [file_range.file for file_range in self.ranges]

    def blocks(self) -> Iterator[RecordBlock]:
        """Iterate over the records by `RecordBlock`; raises what `RecordReader` does."""
        return iter(self._reading().next_block, None)

    def __iter__(self) -> Iterator[bytes]:
        return flatten(self._reading().take_pending, self)

    def _reading(self) -> OneAfterAnother:
        return OneAfterAnother(len(self.ranges), self._reader, self)

    def _reader(self, number: int) -> RangeReader:
        return RangeReader(self.ranges[number], self._options)


def make_splits(
    files: Sequence[NameOrFile],
    options: dict[str, Any],
    count: int | None,
    bytes_per_split: int | None,
) -> list[Split]:
    """Return the splits of `RecordSet.splits`."""
    if count is not None and bytes_per_split is not None:
        raise ValueError("count and bytes_per_split: pass one of the two")
    count = None if count is None else at_least(1, count=count)
    if bytes_per_split is not None:
        bytes_per_split = at_least(1, bytes_per_split=bytes_per_split)
    sizes = _sizes_of(files)
    if count is None and bytes_per_split is None:
        return [
            Split((_whole(file),), options, size) for file, size in zip(files, sizes, strict=True)
        ]
    target = max(-(-sum(sizes) // count) if count is not None else bytes_per_split or 1, 1)
    splits: list[Split] = []
    ranges: list[FileRange] = []
    # Bytes before the file, and up to which the splits that are complete reach.
    before = done = 0
    for file, size in zip(files, sizes, strict=True):
        cut = _Cut(file, size, options)
        rest = _whole(file)
        while done + target < before + size:
            at = cut.at_or_after(done + target - before, rest)
            if at is None:
                break
            # By an index its number is known.
            by_index = at.record is not None
            end = at.begin
            ranges.append(replace(rest, end=end, size=None, codec=at.codec, cut_by_index=by_index))
            done = _complete(splits, ranges, options, done, before + at.begin)
            rest = at
        ranges.append(rest)
        before += size
        if before - done >= target:
            done = _complete(splits, ranges, options, done, before)
    if ranges and before == done and splits:
        # Files of no bytes.
        last = splits.pop()
        ranges, done = [*last.ranges, *ranges], done - last.size_bytes
    if ranges:
        _complete(splits, ranges, options, done, before)
    return splits


def _whole(file: NameOrFile) -> FileRange:
    return FileRange(file, origin=None if isinstance(file, str) else position_of(file))


def _complete(
    splits: list[Split], ranges: list[FileRange], options: dict[str, Any], begin: int, end: int
) -> int:
    splits.append(Split(tuple(ranges), options, end - begin))
    ranges.clear()
    return end


def _sizes_of(files: Sequence[NameOrFile]) -> list[int]:
    names = [file for file in files if isinstance(file, str)]
    sizes = dict(zip(names, sizes_of(names), strict=True))
    found = []
    for file in files:
        size = sizes[file] if isinstance(file, str) else _size_of(file)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
        found.append(size)
    return found


def _size_of(file: BinaryIO) -> int:
    position = position_of(file)
    if position is None:
        return 0
    size = file.seek(0, os.SEEK_END) - position
    file.seek(position)
    return size


class _Cut:
    """Where a file can be cut."""

    def __init__(self, file: NameOrFile, size: int, options: dict[str, Any]) -> None:
        self._file = file
        self._size = size
        self._options = options

    @cached_property
    def _codec(self) -> str | None:
        """The file's codec, from a look at its front; "" where it cannot be cut."""
        if not isinstance(self._file, str) or not can_be_reread(self._file):
            return ""
        tolerant = self._options["on_damage"] != "raise"
        with closing(ByteSource(self._file)) as source:
            return codec_to_read(source, self._options["compression"], tolerant=tolerant)

    @cached_property
    def _index(self) -> RecordIndex | None:
        """The index of the file; of a plain one where there is a sidecar."""
        if self._codec == "" or not isinstance(self._file, str):
            return None
        index = load_fitting(self._file, self._options["compression"])
        if index is None and self._codec == "GZIP":
            # Damage, or no blocked file: to be read from its front.
            with suppress(TFRecordError):
                index = RecordIndex.build(self._file, compression="GZIP")
        return index

    def at_or_after(self, offset: int, rest: FileRange) -> FileRange | None:
        """Return the rest of the file from the first cut at ``offset`` or after; None: no such."""
        offset = max(offset, rest.begin + 1)
        members = None if self._index is None else self._index.members
        if members is not None:
            member = int(np.searchsorted(members.offsets[:-1], offset))
            if member == len(members.offsets) - 1:
                return None
            begin, raw, record = (int(bounds[member]) for bounds in members)
            return FileRange(self._file, begin, self._size, "GZIP", raw, record)
        # Without checksums there is no telling a header.
        plain = self._codec is None and self._options["verify"] != "none"
        if offset >= self._size or not plain:
            return None
        begin, known = self._frame_at_or_after(offset)
        if begin >= self._size:
            return None
        return FileRange(self._file, begin, None, None, begin, known, size=self._size)

    def _frame_at_or_after(self, offset: int) -> tuple[int, int | None]:
        """Return where a frame of a plain file begins, and its number if an index tells it."""
        if self._index is not None:
            try:
                record = self._index.frames.count_before(offset)
                if record == len(self._index):
                    return self._size, record
                return self._index.frames.frame(record)[0], record
            except StaleIndexError:
                self._index = None
        # The first true record there.
        with closing(ByteSource(self._file)) as source:
            stream = BlockStream(
                source,
                verify=True,
                on_damage=None,
                max_record_bytes=self._options["max_record_bytes"],
            )
            return stream.find(offset, self._size), None
