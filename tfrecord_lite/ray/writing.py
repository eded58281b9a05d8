"""write_tfrecords: a datasink whose tasks write shards, which the driver publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.data.block import BlockAccessor
from ray.data.datasource import Datasink

from tfrecord_lite.dataset.tables import check_meanings_of_tasks
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.ray.tensors import without_tensors
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import ray

    from tfrecord_lite._types import Compression, Path
    from tfrecord_lite.dataset.tables import Meaning
    from tfrecord_lite.files.manifest import Manifest

__all__ = ["write_tfrecords"]


def write_tfrecords(
    dataset: ray.data.Dataset,
    name: Path,
    *,
    min_rows_per_file: int | None = None,
    ray_remote_args: dict[str, Any] | None = None,
    concurrency: int | None = None,
    features: Mapping[str, Any] | None = None,
    cast: Mapping[str, Any] | None = None,
    records_per_shard: int | None = None,
    bytes_per_shard: int | None = None,
    num_shards: int | None = None,
    overwrite: bool = False,
    compression: Compression = "infer",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
) -> Manifest:
    """Write a Dataset of Ray Data as a set of shards, an Example a row, and return its manifest.

    Each task writes shards of its own, with ``min_rows_per_file`` rows or more if that is given;
    the driver publishes those of all tasks with the manifest, in one commit, as `publish_shards`.
    A task that is killed and retried writes under another name, and one try of each is published:
    each row is there exactly once, and nothing else is left. If anything fails nothing is
    published, and a set that is to be replaced (``overwrite``) stays.

    Columns become features as in `ShardWriter.write_table`; tensor columns of one shape as
    `FixedLenFeature` of that shape, or as bytes where ``features`` has a `RawFeature`; tensors of
    changing length as lists. ``ray_remote_args`` and ``concurrency`` are those of
    ``Dataset.write_datasink``, all else is that of `ShardWriter`, its policies for each task. All
    machines see the folder of the set.

    Raises ``FileExistsError`` before anything runs where the set stands, and what
    `ShardWriter.write_table` raises, as Ray passes it on.

    >>> import ray, tempfile
    >>> _ = ray.init(num_cpus=1, include_dashboard=False, ignore_reinit_error=True)
    >>> write_tfrecords(ray.data.range(5), tempfile.mkdtemp() + "/train").records
    5
    """
    job = WriteJob(
        name,
        overwrite=overwrite,
        features=features,
        compression=compression,
        fsync=fsync,
        records_per_shard=records_per_shard,
        bytes_per_shard=bytes_per_shard,
        num_shards=num_shards,
        level=level,
        block_bytes=block_bytes,
    )
    job.start()
    try:
        sink = _Shards(job, cast, min_rows_per_file)
        dataset.write_datasink(sink, ray_remote_args=ray_remote_args, concurrency=concurrency)
        check_meanings_of_tasks(sink.meanings)
        return job.commit(sink.manifests)
    except BaseException:
        job.abort()
        raise


class _Shards(Datasink):  # type: ignore[misc]
    """What the tasks of a job write."""

    def __init__(self, job: WriteJob, cast: Mapping[str, Any] | None, min_rows: int | None) -> None:
        self._job = job
        self._cast = cast
        self._min_rows = min_rows
        self.manifests: list[Manifest] = []
        """After the write, that of each task, in their order."""
        self.meanings: list[dict[str, Meaning]] = []
        """And what the values of its columns mean."""

    def get_name(self) -> str:
        """Return what Ray calls the tasks."""
        return "TFRecords"

    @property
    def min_rows_per_write(self) -> int | None:
        """How many rows a task gets at least."""
        return self._min_rows

    def write(self, blocks: Iterable[Any], ctx: Any) -> tuple[int, Manifest, dict[str, Meaning]]:
        """Write the blocks of one attempt of a task."""
        with self._job.open(ctx.task_idx) as writer:
            for block in blocks:
                table = BlockAccessor.for_block(block).to_arrow()
                if table.num_rows:
                    writer.write_table(without_tensors(table), cast=self._cast)
        assert writer.manifest is not None
        return ctx.task_idx, writer.manifest, writer.meanings

    def on_write_complete(self, write_result: Any) -> None:
        """Take what Ray has of each task: the result of one attempt."""
        results = sorted(write_result.write_returns, key=lambda result: result[0])
        self.manifests = [manifest for _, manifest, _ in results]
        self.meanings = [meanings for _, _, meanings in results]
