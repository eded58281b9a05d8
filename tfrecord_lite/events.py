"""TensorBoard's event files: their scalars as an Arrow table.

It needs the extra: ``pip install 'tfrecord-lite-np[arrow]'``.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal

if find_spec("pyarrow") is None:
    raise ImportError("tfrecord_lite.events needs pyarrow: pip install 'tfrecord-lite-np[arrow]'")

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from tfrecord_lite.errors import Damage, ExampleError, TruncatedRecordError
from tfrecord_lite.example.messages import Event
from tfrecord_lite.example.other_messages import description_of
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.example.tensor import array_of
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import CompressionOrAuto, OnDamage, Paths, Verify
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["read_scalars"]

# What a message begins with whose first field is a message, such as an Example; in an event it is a
# number. Protobuf would read it as an event with an unknown field.
_NO_EVENT: Final = b"\n"
_SCALARS: Final = "scalars"
_CLASS_SCALAR: Final = 1
_STRING: Final = 7
_MAX_SCALAR_BYTES: Final = 16


def read_scalars(
    paths: Paths | RecordSet,
    *,
    on_truncated: Literal["raise", "ignore"] = "raise",
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> pa.Table:
    """Read the scalars of TensorBoard's event files, a row for each, in the order of the files.

    The columns are ``wall_time`` (float64, seconds since 1970), ``step`` (int64), ``tag`` (string)
    and ``value`` (float64, which holds what floats, doubles, halves and 32-bit integers hold;
    integers beyond 2^53 are rounded). Scalars are the ``simple_value`` of TensorFlow 1, PyTorch and
    others; tensors of one number that TensorFlow 2 marks as scalars (by the plugin "scalars" in the
    metadata of a tag, which may be in its first event alone); and tensors of shape ``()`` of which
    nothing says what they are. Graphs, images, histograms and all else are left out, and nothing is
    dropped where steps begin again, as TensorBoard does for its charts.

    A file that is still written may end in the middle of an event: with ``on_truncated="ignore"``
    what is before it is read, and nothing is said. ``paths`` and the other parameters are those of
    `RecordSet`; ``"logs/**/*tfevents*"`` are all event files below a folder.

    Raises what reading a `RecordSet` raises; `ExampleError` for a record that is no event, and for
    a scalar that is no number.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/events.out.tfevents.1"
    >>> loss = {"tag": "loss", "simple_value": 0.5}
    >>> event = Event(wall_time=1e9, step=3, summary={"value": [loss]})
    >>> _ = tfr.write_records(path, [event.SerializeToString()])
    >>> read_scalars(path).to_pylist()
    [{'wall_time': 1000000000.0, 'step': 3, 'tag': 'loss', 'value': 0.5}]
    """
    if on_truncated not in ("raise", "ignore"):
        raise ValueError(f"unknown on_truncated {on_truncated!r}; choose 'raise' or 'ignore'")
    records = RecordSet.of(
        paths,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    scalars = _Scalars()
    for block in _blocks(records, ignore_truncated=on_truncated == "ignore"):
        scalars.add(block)
    return scalars.table()


def _blocks(records: RecordSet, *, ignore_truncated: bool) -> Iterator[RecordBlock]:
    on_damage = records.options["on_damage"]
    if ignore_truncated and callable(on_damage):
        on_damage = _but_truncated(on_damage)
    for number in range(len(records.files)):
        with records.reader(number, on_damage=on_damage) as reader:
            try:
                for block in reader.blocks():
                    yield block
                    reader.recycle(block)
            except TruncatedRecordError as error:
                if not ignore_truncated:
                    error.reason += "; if it is still written, pass on_truncated='ignore'"
                    raise


def _but_truncated(on_damage: Callable[[Damage], Any]) -> Callable[[Damage], Any]:
    return lambda damage: None if damage.kind == "truncated" else on_damage(damage)


def _event_of(record: bytes) -> Any:
    """Return a record as an event; None where it is none."""
    try:
        return None if record.startswith(_NO_EVENT) else Event.FromString(record)
    except DecodeError:
        return None


class _Scalars:
    """The scalars of events, gathered as columns."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._steps: list[int] = []
        self._tags: list[str] = []
        self._values: list[float] = []
        # Whether the tensors of a tag are scalars, by the folder of its file, which is a run: said
        # of the first of them. None: nobody says what they are.
        self._known: dict[tuple[str, str], bool | None] = {}

    def add(self, block: RecordBlock) -> None:
        """Add the scalars of a block of events."""
        run = os.path.dirname(block.path or "")
        for index, record in enumerate(block):
            event = _event_of(record)
            if event is None:
                reason = description_of(record) or "its bytes are those of no event"
                raise error_at(block, index, f"not a TensorBoard event: {reason}")
            for value in event.summary.value:
                try:
                    number = self._number(value, run)
                except ExampleError as error:
                    reason = f"tag {quote(value.tag)}: {error.reason}"
                    raise error_at(block, index, reason) from None
                if number is not None:
                    self._times.append(event.wall_time)
                    self._steps.append(event.step)
                    self._tags.append(value.tag)
                    self._values.append(number)

    def _number(self, value: Any, run: str) -> float | None:
        """Return a scalar; None of what is none."""
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            return float(value.simple_value)
        if kind is None:
            return None
        marked = self._known.get((run, value.tag))
        if marked is None and value.HasField("metadata"):
            plugin, data_class = value.metadata.plugin_data.plugin_name, value.metadata.data_class
            if plugin or data_class:
                marked = plugin == _SCALARS or data_class == _CLASS_SCALAR
                self._known[run, value.tag] = marked
        tensor = value.tensor
        sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
        # It has no dimensions either, and is not of shape () for that.
        unknown_rank = tensor.tensor_shape.unknown_rank
        if marked is None:
            marked = not sizes and not unknown_rank and tensor.dtype != _STRING
        if not marked:
            return None
        if unknown_rank:
            raise ExampleError("a scalar of unknown rank, where one of shape () was expected")
        if any(size != 1 for size in sizes):
            raise ExampleError(f"a scalar of shape {quote(tuple(sizes))}, where one was expected")
        number = array_of(tensor, _MAX_SCALAR_BYTES).reshape(())
        if number.dtype == object or number.dtype.kind == "c":
            raise ExampleError("a scalar that is no real number")
        return float(number.astype(np.float64))

    def table(self) -> pa.Table:
        """Return all that was added."""
        return pa.table(
            {
                "wall_time": pa.array(self._times, pa.float64()),
                "step": pa.array(self._steps, pa.int64()),
                "tag": pa.array(self._tags, pa.string()),
                "value": pa.array(self._values, pa.float64()),
            }
        )
