"""read_tfrecords: a datasource whose tasks read splits."""

from __future__ import annotations

import inspect
from collections import Counter
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa
import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tfrecord_lite.arrow.arrays import no_rows
from tfrecord_lite.arrow.reading import Selection
from tfrecord_lite.dataset.damage_report import DamageReport, absolute_paths, reported
from tfrecord_lite.errors import Damage, TFRecordError, ignore_damage
from tfrecord_lite.ray.tensors import with_tensors
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.files.splits import Split

__all__ = ["read_tfrecords"]

# How many times as large as a compressed file its records are, where no manifest tells.
_INFLATED: Final = 3
# How much a task has to read: as blocks, where there are tasks enough; at least, in any case.
_TASK_BYTES: Final = 32 << 20
_MIN_TASK_BYTES: Final = 1 << 20
# What Ray calls the column of blocks that have rows and no columns.
_NO_COLUMN: Final = "__bsp_stub"


def read_tfrecords(
    paths: Paths | RecordSet,
    features: FeaturesLike | pa.Schema | None = None,
    *,
    select: Sequence[str] | None = None,
    ray_remote_args: dict[str, Any] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: Literal["raise", "report"] = "raise",
    report: str | os.PathLike[str] | None = None,
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> ray.data.Dataset:
    """Read files of Examples as a Dataset of Ray Data, a task for each split of `RecordSet.splits`.

    Columns are those of `to_arrow`: a number or byte string for one value a record, lists of
    changing length; what has a shape, by `FixedLenFeature` or `RawFeature`, is a tensor column, so
    that ``iter_batches`` gives arrays ``[rows, *shape]`` of its dtype. Of columns that neither
    ``select`` names nor a later ``select_columns`` asks for, nothing is decoded. Plain files and
    blocked gzip are cut inside, so one large file is read by many tasks. A task that is retried
    reads the same again: each record is there exactly once. No worker needs TensorFlow.

    ``features``, ``select`` and ``strict`` are those of `to_arrow`, ``paths`` and the options those
    of `RecordSet`; all machines see the files under these names. ``ray_remote_args``,
    ``concurrency`` and ``override_num_blocks`` are those of ``ray.data.read_datasource``; there are
    two tasks a core, or one for each 32 MiB of blocks, where nothing is said.

    ``on_damage`` is "raise", or "report": each region that is left out comes to the driver, which
    appends it to the file ``report`` as a line of JSON, once.

    Raises here and now what `RecordSet` and the search for features raise, and TypeError for an
    ``on_damage`` that is a function; when the Dataset is used, what `to_arrow` raises, as Ray
    passes it on.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5), "name": list("abcde")})
    >>> _ = ray.init(num_cpus=1, include_dashboard=False, ignore_reinit_error=True)
    >>> read_tfrecords(path, select=["label"]).take_batch(5)
    {'label': array([0, 1, 2, 3, 4])}
    """
    records = reported(
        absolute_paths(paths),
        on_damage,
        _DriverReport(report),
        wants_path=True,
        compression=compression,
        verify=verify,
        max_record_bytes=max_record_bytes,
    )
    source = _TFRecords(records, Selection.find(records, features, select=select, strict=strict))
    if override_num_blocks is None:
        override_num_blocks = source.enough_tasks()
    # Ray takes some of them by their names, and warns where these stand among the others.
    known = inspect.signature(ray.data.read_datasource).parameters
    given = ray_remote_args or {}
    named = {name: value for name, value in given.items() if name in known}
    others = {name: value for name, value in given.items() if name not in known}
    return ray.data.read_datasource(
        source,
        **named,
        ray_remote_args=others or None,
        concurrency=concurrency,
        override_num_blocks=override_num_blocks,
    )


class _TFRecords(Datasource):  # type: ignore[misc]
    """The splits of a set, each to be read by a task."""

    def __init__(self, records: RecordSet, selection: Selection) -> None:
        super().__init__()
        self._projection_map: dict[str, str] | None = None
        self._records = records
        self._selection = selection
        self._sizes = [split.size_bytes for split in records.splits()]
        # Ray asks again and again, and finding where to cut costs reading.
        self._splits: dict[int, list[Split]] = {}

    def get_name(self) -> str:
        """Return what Ray calls the tasks."""
        return "TFRecords"

    def supports_projection_pushdown(self) -> bool:
        """Tell that no more is decoded than is asked for."""
        return True

    def estimate_inmemory_data_size(self) -> int:
        """Return about how many bytes all blocks will have, of what the first record has."""
        return int(sum(self._sizes) * self._bytes_per_byte)

    @cached_property
    def _bytes_per_byte(self) -> float:
        return _estimate(self._records, self._selection)

    def enough_tasks(self) -> int:
        """Return how many tasks there should be.

        Ray by itself makes one for each MiB, and a task costs as much as reading many of these.
        """
        _initialize()
        size = self.estimate_inmemory_data_size()
        cores = int(ray.cluster_resources().get("CPU", 1))
        return max(1, min(2 * cores, size // _MIN_TASK_BYTES), size // _TASK_BYTES)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: Any = None,  # noqa: ARG002 - Ray passes it
    ) -> list[ReadTask]:
        """Return a task for each split; of rows are known the counts that a manifest has."""
        splits = self._splits.get(parallelism)
        if splits is None:
            splits = self._splits[parallelism] = self._records.splits(parallelism)
        ratio = self.estimate_inmemory_data_size() / max(sum(self._sizes), 1)
        counts = self._counts(splits)
        names = None if self._projection_map is None else list(self._projection_map)
        rows = no_rows(self._selection.plan().schema)
        schema = with_tensors(rows, self._selection.asked).schema
        if names is not None:
            schema = pa.schema([schema.field(name) for name in names])
        return [
            ReadTask(
                partial(_read, split, self._selection, names),
                BlockMetadata(
                    num_rows=count,
                    size_bytes=int(split.size_bytes * ratio),
                    input_files=[str(file) for file in split.files],
                    exec_stats=None,
                ),
                schema=schema,
                per_task_row_limit=per_task_row_limit,
            )
            for split, count in zip(splits, counts, strict=True)
        ]

    def _counts(self, splits: Sequence[Split]) -> list[int | None]:
        """Return the rows of each split, None where they are not known: Ray takes them for exact.

        Known are those of files that lie in one split as a whole.
        """
        if self._records.manifest is None or self._records.tolerant:
            return [None] * len(splits)
        known = dict(zip(self._records.names, self._records.counts, strict=True))
        parts = Counter(str(file) for split in splits for file in split.files)
        return [
            sum(known[str(file)] or 0 for file in split.files)
            if all(parts[str(file)] == 1 for file in split.files)
            else None
            for split in splits
        ]


def _estimate(records: RecordSet, selection: Selection) -> float:
    """Return how many bytes blocks have for each byte of the files, of the first records."""
    inflated: float = 1
    if records.manifest is not None:
        sizes = sum(entry.size for entry in records.manifest.entries)
        inflated = records.manifest.raw_bytes / max(sizes, 1)
    on_damage: OnDamage = ignore_damage if records.tolerant else "raise"
    # What is wrong with them is said when they are read.
    with suppress(TFRecordError):
        for number in range(len(records.files)):
            with records.reader(number, on_damage=on_damage) as reader:
                block = reader.next_block()
                if block is None:
                    continue
                if records.manifest is None and reader.compression is not None:
                    inflated = _INFLATED
                size = int(block.lengths.sum()) + FRAME_OVERHEAD * len(block)
                columns: int = sum(batch.nbytes for batch in selection.batches([block]))
                return columns / size * inflated
    return inflated


def _read(split: Split, selection: Selection, names: list[str] | None) -> Iterator[pa.Table]:
    """Read a split in a task, of it these columns or all."""
    if names is not None and not names:
        for block in split.blocks():
            yield pa.table({_NO_COLUMN: pa.nulls(len(block))})
        return
    chosen = selection.only(names) if names else selection
    for batch in chosen.batches(split.blocks()):
        table = with_tensors(batch, selection.asked)
        yield table.select(names) if names else table


def _initialize() -> None:
    if not ray.is_initialized():
        ray.init()


class _DriverReport(DamageReport):
    """A report that is written where the driver runs, whoever finds the damage."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        super().__init__(path)
        if path is None:
            return
        _initialize()
        here = ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(here, soft=False)
        actor = ray.remote(DamageReport).options(num_cpus=0, scheduling_strategy=strategy)
        self._reporter = actor.remote(self.path)

    def __call__(self, damage: Damage) -> None:
        """Have a line appended; after it, it is there."""
        ray.get(self._reporter.__call__.remote(damage))
