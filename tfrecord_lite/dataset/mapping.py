"""The user's function on each batch: what it is given, and what becomes of what it returns."""

from __future__ import annotations

import inspect
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.dataset.chunk_reader import ChunkReader
from tfrecord_lite.dataset.order import batch_random
from tfrecord_lite.dataset.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite.dataset.chunk_reader import DecodedChunk, Task
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.schema import Schema

__all__ = ["BatchMapper"]

# So many files are named where a function raises, and so many records of each.
_FILES_NAMED, _RECORDS_NAMED = 3, 8


class Mapped(Table):
    """What the function made of a batch of so many rows."""

    def __init__(self, rows: int, result: Any) -> None:
        super().__init__({}, rows)
        self.result = result

    def batch(self) -> Any:
        """Return what callers get."""
        return self.result


class BatchMapper(ChunkReader):
    """Makes of tasks, each of one batch, what ``function`` makes of the batch.

    Where the function has a parameter ``rng`` it is given a `numpy.random.Generator` that follows
    from ``seed``, the epoch and the batch. What it raises is the error of the result, with a note
    that names the batch; with ``carries``, in a form that goes to another process.
    """

    def __init__(
        self,
        records: EpochRecords,
        schema: Schema,
        function: Callable[..., Any],
        seed: int,
        carries: bool,
    ) -> None:
        super().__init__(records, schema)
        self._function = function
        self._takes_rng = _takes_rng(function)
        self._seed = seed
        self._carries = carries

    def decode(self, task: Task) -> DecodedChunk:
        """Decode a batch that was read, and map it."""
        decoded = super().decode(task)
        table = decoded.table
        if table is None or not table.rows:
            return decoded
        function = self._function
        if self._takes_rng:
            assert task.batch is not None
            function = partial(function, rng=batch_random(self._seed, task.epoch, task.batch))
        try:
            result = function(table.batch())
        except Exception as raised:  # noqa: BLE001 - raised where the batch would come
            return decoded._replace(table=None, error=self._noted(raised, task))
        return decoded._replace(table=Mapped(table.rows, result))

    def _noted(self, raised: Exception, task: Task) -> Any:
        """Return what the function raised as it is to be raised, with a note of its batch.

        In a frame of its own: one that the exception's traceback has would keep it in a circle.
        """
        error = _not_an_end(raised)
        chunk = task.records
        assert isinstance(chunk, Chunk)
        _add_note(error, f"raised by map, of a batch of epoch {task.epoch}: {self._names(chunk)}")
        if not self._carries:
            return error
        from tfrecord_lite.parallel.cloud import CarriedError

        return CarriedError(error)

    def _names(self, chunk: Chunk) -> str:
        """Return files and numbers of a chunk's records, as far as they fit a line."""
        numbers: dict[str | None, list[int]] = {}
        for row in range(len(chunk.numbers)):
            file, record = self._place(chunk, row)
            numbers.setdefault(file, []).append(record)
        named = [
            f"{file}: {_some(records)}" for file, records in islice(numbers.items(), _FILES_NAMED)
        ]
        more = (
            f"; and of {len(numbers) - len(named)} more files" if len(numbers) > len(named) else ""
        )
        return "; ".join(named) + more

    def __reduce__(self) -> tuple[type[ChunkReader], tuple[object, ...]]:
        known = self._records, self._schema, self._function, self._seed, self._carries
        return BatchMapper, known


def _some(records: list[int]) -> str:
    if len(records) == 1:
        return f"record {records[0]}"
    if records == [*range(records[0], records[-1] + 1)]:
        return f"records {records[0]} to {records[-1]}"
    some = ", ".join(map(str, records[:_RECORDS_NAMED]))
    return f"records {some}{', ...' if len(records) > _RECORDS_NAMED else ''}"


def _takes_rng(function: Callable[..., Any]) -> bool:
    """Tell whether a function has a parameter ``rng`` that nobody has given yet."""
    given = function.keywords if isinstance(function, partial) else {}
    with suppress(TypeError, ValueError):
        return "rng" in inspect.signature(function).parameters and "rng" not in given
    return False


def _not_an_end(error: Exception) -> Exception:
    """Return an exception as it may be raised while batches are iterated over."""
    if not isinstance(error, StopIteration):
        return error
    instead = RuntimeError(
        f"map raised {error!r}, which would end the batches; where it calls next(), let it pass a "
        "default, or catch StopIteration"
    )
    instead.__cause__ = error
    return instead


def _add_note(error: Exception, note: str) -> None:
    # Python 3.11 shows these; before, they are there to be read.
    notes = [*getattr(error, "__notes__", []), note]
    with suppress(AttributeError):
        error.__notes__ = notes
