"""Records that are read at once, some MB of them: a chunk of an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["Chunk", "Request"]


class Request(NamedTuple):
    """Records to be read, at least one.

    ``numbers`` tells which of a `RecordSet`, ``steps`` when each comes, counted from 0 in each
    epoch; int64 ``[records]`` both.
    """

    numbers: Int64Array
    steps: Int64Array


class Chunk(NamedTuple):
    """Records that were read, with numbers and steps as in a `Request`.

    ``damages`` were left out on the way. An ``error`` is what stands after these records.
    """

    block: RecordBlock
    numbers: Int64Array
    steps: Int64Array
    damages: list[Damage]
    error: Exception | None = None
