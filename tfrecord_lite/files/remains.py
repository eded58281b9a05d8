"""What is left of a stretch of a file in which something is damaged: by numbers, and by regions.

A stretch is what an index says lies between two places: a member of blocked gzip, or one frame of a
plain file. It is read as `RecordReader` reads a file with ``on_damage``, and by itself, so that all
who ask for any of its records find the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.records.blocks import BlockStream
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.records.positions import FilePart, PositionedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import Verify

__all__ = ["Kept", "Remains", "Stretch", "remains_of"]

_NO_NUMBER = (
    "; or records are intact here for which the index has no number: RecordReader, read_batches "
    "and salvage give them"
)


class Stretch(NamedTuple):
    """The bytes of a file from ``begin`` to ``end``, which hold the records ``first`` to ``last``.

    The last is the first that is not in it. Uncompressed they are those from ``raw_begin`` to
    ``raw_end``; of a plain file these are the same.
    """

    begin: int
    end: int
    raw_begin: int
    raw_end: int
    first: int
    last: int
    compressed: bool


class Kept(NamedTuple):
    """An intact record, and where its frame begins in the uncompressed file."""

    record: bytes
    offset: int


class Remains(NamedTuple):
    """The records of a stretch that are intact, by number, and the regions that are not.

    Each region is under the number of a record of the stretch, with which it is to be told.
    """

    kept: dict[int, Kept]
    damages: dict[int, list[Damage]]


def remains_of(
    file: PositionedFile,
    stretch: Stretch,
    error: TFRecordError,
    *,
    verify: Verify,
    max_record_bytes: int,
) -> Remains:
    """Return what is left of a stretch; ``error`` is what reading it by number raised.

    Records keep their order. One after damage has the number that `RecordReader` gives it, or a
    lower one where those that follow would have none. Where there are more than numbers, as where
    bytes are lost in a record and its length ends at another, the last are left out.
    """
    damages: list[Damage] = []
    stream = _stream(file, stretch, damages, verify, max_record_bytes)
    rows: list[tuple[int, Kept]] = []
    while (block := stream.read_block()) is not None:
        rows += (
            (block.number(row), Kept(record, block.offset(row))) for row, record in enumerate(block)
        )
    del rows[stretch.last - stretch.first :]
    spare = stretch.last - len(rows)
    kept = {min(number, spare + row): found for row, (number, found) in enumerate(rows)}
    end = stretch.raw_end
    told = [
        damage._replace(path=file.path, begin=min(damage.begin, end), end=min(damage.end, end))
        for damage in damages
    ]
    told += [
        Damage(
            file.path, begin, stop, stretch.first + before, error.kind, error.reason + _NO_NUMBER
        )
        for begin, stop, before in _unknown(stretch, told, list(kept.values()))
    ]
    told.sort(key=lambda damage: (damage.begin, damage.end))
    regions: dict[int, list[Damage]] = {}
    for damage in told:
        number = min(max(damage.record, stretch.first), stretch.last - 1)
        regions.setdefault(number, []).append(damage)
    return Remains(kept, regions)


def _stream(
    file: PositionedFile,
    stretch: Stretch,
    damages: list[Damage],
    verify: Verify,
    max_record_bytes: int,
) -> BlockStream:
    """Return what reads the stretch from its front to its end."""
    up_to = FilePart(file.path, file.read_into, 0, stretch.end)
    source = ByteSource(cast("BinaryIO", up_to))
    stream = BlockStream(
        InflatedSource(source, "GZIP") if stretch.compressed else source,
        verify=verify,
        on_damage=damages.append,
        max_record_bytes=max_record_bytes,
    )
    if stretch.compressed:
        stream.go_to_member(stretch.begin, stretch.raw_begin, stretch.first)
    else:
        stream.move_to(stretch.raw_begin, stretch.first)
    return stream


def _unknown(
    stretch: Stretch, damages: list[Damage], kept: list[Kept]
) -> Iterator[tuple[int, int, int]]:
    """Yield the regions that are neither damage nor kept, and how many kept are before each."""
    spans = [(damage.begin, damage.end, 0) for damage in damages]
    spans += [
        (found.offset, found.offset + len(found.record) + FRAME_OVERHEAD, 1) for found in kept
    ]
    at, before = stretch.raw_begin, 0
    for begin, end, count in [*sorted(spans), (stretch.raw_end, stretch.raw_end, 0)]:
        if begin > at:
            yield at, begin, before
        at, before = max(at, end), before + count
