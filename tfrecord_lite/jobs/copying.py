"""The records of files, block after block, as all jobs read them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from tfrecord_lite.records.storage import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.framing import RecordBlock

    # Called with a file's name and how many of its bytes, as it lies on the disk, were read.
    Progress: TypeAlias = Callable[[str, int], object] | None

__all__ = ["each_block", "refuse_sources"]


def each_block(records: RecordSet, progress: Progress = None) -> Iterator[RecordBlock]:
    """Yield the records of a set; a block's memory is used again once the next one is asked for.

    Raises `TFRecordError` where a file holds more records than its manifest says, or fewer, unless
    damage is left out.
    """
    for number, said in enumerate(records.counts):
        count = 0
        with records.reader(number) as reader:
            for block in reader.blocks():
                yield block
                count += len(block)
                reader.recycle(block)
                if progress is not None:
                    progress(reader.path, reader.source_offset)
        if said not in (None, count) and not records.tolerant:
            raise records.wrong_count(number, said, f"{count} records")


def refuse_sources(records: RecordSet, path: str) -> None:
    """Raise ValueError where a file to be written is one of those that are read."""
    if os.path.exists(path):
        for file in records.files:
            if isinstance(file, str) and os.path.exists(file) and os.path.samefile(file, path):
                raise ValueError(f"{name_of(file)}: this is a source; write to another name")
