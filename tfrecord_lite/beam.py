"""Apache Beam: records of files as a PCollection, split inside files, and a set in one commit.

It needs the extra: ``pip install 'tfrecord-lite-np[beam]'``.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

if find_spec("apache_beam") is None:
    raise ImportError("tfrecord_lite.beam needs apache-beam: pip install 'tfrecord-lite-np[beam]'")

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.io import iobase
from apache_beam.io.range_trackers import OffsetRangeTracker
from apache_beam.transforms.window import GlobalWindows

from tfrecord_lite.dataset.damage_report import DamageReport, absolute_paths, reported
from tfrecord_lite.dataset.rows import rows_of_blocks
from tfrecord_lite.dataset.schema import Schema
from tfrecord_lite.dataset.write_job import WriteJob
from tfrecord_lite.example.encode import encode_example
from tfrecord_lite.example.normalize import check_given
from tfrecord_lite.example.quote import quote
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.urls import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tfrecord_lite import RecordSet
    from tfrecord_lite._types import (
        Compression,
        CompressionOrAuto,
        FeaturesLike,
        Path,
        Paths,
        Verify,
    )
    from tfrecord_lite.dataset.shard_writer import ShardWriter
    from tfrecord_lite.files.splits import Split

__all__ = ["ReadFromTFRecord", "WriteToTFRecord"]

# At most so many pieces a set is cut into: the positions at which a runner may split it further.
# They go along with each part of the source that is sent, so more of them cost time.
_PIECES = 64
_MIN_PIECE_BYTES = 8 << 20


class ReadFromTFRecord(beam.PTransform):  # type: ignore[misc]
    """Read files as a PCollection: of records, bytes; or with ``features``, of dicts.

    A dict is what `parse_single_example` gives. ``paths`` and the options are those of
    `RecordSet`, ``features`` and ``strict`` those of `read_batches`; ``features=True`` are those of
    the manifest, or of the first records. All workers see the files under these names. Plain
    files and blocked gzip are split inside, also while they are read. Both checksums of every
    record are checked, by neither crcmod nor snappy.

    ``on_damage`` is "raise", or "report": regions are left out and counted, by the metric
    ``tfrecord_lite/damaged_regions``, and appended as JSON to ``report``, a path that all workers
    see. A function is a TypeError.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(2)})
    >>> with beam.Pipeline() as pipeline:
    ...     _ = pipeline | ReadFromTFRecord(path, {"label": int}) | beam.Map(print)
    {'label': np.int64(0)}
    {'label': np.int64(1)}
    """

    def __init__(
        self,
        paths: Paths | RecordSet,
        features: FeaturesLike | Literal[True] | None = None,
        *,
        strict: bool = True,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        on_damage: Literal["raise", "report"] = "raise",
        report: str | os.PathLike[str] | None = None,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        records = reported(
            absolute_paths(paths),
            on_damage,
            _CountingReport(report),
            compression=compression,
            verify=verify,
            max_record_bytes=max_record_bytes,
        )
        schema = None
        if features is not None:
            given = None if features is True else features
            check_given(given)
            schema = Schema.find(given, records, strict=strict)
        self._source = _Splits(records, schema)

    def expand(self, begin: Any) -> Any:
        """Return the PCollection."""
        return begin | beam.io.Read(self._source)


class _CountingReport(DamageReport):
    """A report that counts the regions for the runner, too."""

    def __call__(self, damage: Any) -> None:
        beam.metrics.Metrics.counter("tfrecord_lite", "damaged_regions").inc()
        super().__call__(damage)


class _Splits(iobase.BoundedSource):  # type: ignore[misc]
    """Splits of a set; a position is the number of one."""

    def __init__(self, records: RecordSet, schema: Schema | None) -> None:
        self._records = records
        self._schema = schema
        self._bytes = sum(split.size_bytes for split in records.splits())

    @cached_property
    def _splits(self) -> list[Split]:
        size = max(self._bytes // _PIECES, _MIN_PIECE_BYTES)
        return self._records.splits(bytes_per_split=size)

    def estimate_size(self) -> int:
        """Return how many bytes the files have."""
        return self._bytes

    def split(
        self,
        desired_bundle_size: int,
        start_position: int | None = None,
        stop_position: int | None = None,
    ) -> Iterator[iobase.SourceBundle]:
        """Yield parts of splits of about so many bytes."""
        begin = start_position or 0
        end = len(self._splits) if stop_position is None else stop_position
        size = 0
        for at in range(begin, end):
            size += self._splits[at].size_bytes
            if size >= desired_bundle_size or at == end - 1:
                yield iobase.SourceBundle(size, self, begin, at + 1)
                begin, size = at + 1, 0

    def get_range_tracker(
        self, start_position: int | None, stop_position: int | None
    ) -> OffsetRangeTracker:
        """Return a tracker of the numbers of splits."""
        end = len(self._splits) if stop_position is None else stop_position
        return OffsetRangeTracker(start_position or 0, end)

    def read(self, range_tracker: OffsetRangeTracker) -> Iterator[Any]:
        """Read split after split, as long as they are this reader's."""
        at = range_tracker.start_position()
        while at < len(self._splits) and range_tracker.try_claim(at):
            blocks = self._splits[at].blocks()
            if self._schema is not None:
                yield from rows_of_blocks(blocks, self._schema)
            else:
                for block in blocks:
                    yield from block.to_list()
            at += 1

    def default_output_coder(self) -> Any:
        """Return the coder of bytes, or of anything."""
        return BytesCoder() if self._schema is None else super().default_output_coder()


class WriteToTFRecord(beam.PTransform):  # type: ignore[misc]
    """Write a PCollection as a set of shards: records (bytes), or dicts, which are encoded.

    Each bundle writes shards of its own; when all are done, they take their names with the
    manifest, in one commit. Bundles that are retried are published once, and leave nothing else; a
    commit whose result was lost, or that was killed, is made again and comes to the same. What is
    in any window is in the one set; an unbounded PCollection, which has no end, is a
    ``ValueError``. The result is a PCollection of one path, that of the manifest.

    ``name`` and the options are those of `ShardWriter`, its policies for each bundle, of which one
    may be given; with ``num_shards`` records are brought together first for as many shards in all.
    All workers see the folder; what a pipeline that failed leaves there, hidden, goes with the next
    of that name, and one at a time may write it. A set that stands fails the pipeline with
    ``FileExistsError``, unless ``overwrite``. Without ``features`` the manifest has none.

    >>> import tempfile, tfrecord_lite as tfr
    >>> name = tempfile.mkdtemp() + "/train"
    >>> with beam.Pipeline() as pipeline:
    ...     _ = pipeline | beam.Create([b"one", b"two"]) | WriteToTFRecord(name)
    >>> sorted(tfr.read_records(name))
    [b'one', b'two']
    """

    def __init__(
        self,
        name: Path,
        features: Mapping[str, Any] | None = None,
        *,
        num_shards: int | None = None,
        records_per_shard: int | None = None,
        bytes_per_shard: int | None = None,
        overwrite: bool = False,
        compression: Compression = "infer",
        level: int | None = None,
        block_bytes: int | None = DEFAULT_BLOCK_BYTES,
        fsync: bool = False,
    ) -> None:
        super().__init__()
        self._num_shards = None if num_shards is None else at_least(1, num_shards=num_shards)
        self._features = features
        self._name = absolute(os.fsdecode(name))
        self._job = WriteJob(
            self._name,
            overwrite=overwrite,
            features=features,
            compression=compression,
            fsync=fsync,
            records_per_shard=records_per_shard,
            bytes_per_shard=bytes_per_shard,
            # Of what was brought together for one.
            num_shards=None if num_shards is None else 1,
            level=level,
            block_bytes=block_bytes,
        )

    def expand(self, records: Any) -> Any:
        """Return the PCollection of the path of the manifest."""
        if not records.is_bounded:
            raise ValueError(
                f"{self._name}: a set of shards is complete when all is written, and an unbounded "
                "PCollection never ends"
            )
        # All of them are one set, whatever their windows and triggers are.
        records = records | "OneWindow" >> beam.WindowInto(GlobalWindows())
        begin = records.pipeline | beam.Impulse()
        job = begin | "Start" >> beam.Map(_started, self._job)
        writing = beam.pvalue.AsSingleton(job)
        if self._num_shards is None:
            written = records | "Write" >> beam.ParDo(_WriteBundle(self._features), writing)
        else:
            written = (
                records
                | "Number" >> beam.ParDo(_Number(self._num_shards))
                | beam.GroupByKey()
                | "Write" >> beam.Map(_write_shard, writing, self._features)
            )
        # Grouped, the manifests of one attempt of each bundle are what is committed.
        kept = written | beam.Reshuffle()
        manifests = beam.pvalue.AsList(kept)
        return begin | "Commit" >> beam.Map(
            _committed, writing, self._name, manifests, self._num_shards or 1
        )


def _started(_: Any, job: WriteJob) -> WriteJob:
    job.start(hold=False)
    return job


def _committed(_: Any, job: WriteJob, name: str, manifests: list[Manifest], num_shards: int) -> str:
    names = ShardNames(name)
    with names.journal():
        pass  # settles what an attempt that was killed left half done
    manifests = sorted(manifests, key=lambda manifest: manifest.path)
    try:
        return job.commit(manifests, num_shards=num_shards).path
    except (FileExistsError, FileNotFoundError):
        # A runner to which the result was lost commits again.
        if not _stands(names.manifest, manifests):
            raise
    job.abort()
    return names.manifest


def _stands(path: str, manifests: list[Manifest]) -> bool:
    """Tell whether the set of this manifest is what these wrote, by the checksums of the shards."""
    try:
        found = Manifest.load(path).entries
    except FileNotFoundError:
        return False
    written = [entry for manifest in manifests for entry in manifest.entries if entry.records]
    return [replace(entry, name="") for entry in found if entry.records] == [
        replace(entry, name="") for entry in written
    ]


class _Number(beam.DoFn):  # type: ignore[misc]
    """Shares records out among shards, in turn."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._next = 0

    def process(self, record: Any) -> Iterator[tuple[int, Any]]:
        yield self._next, record
        self._next = (self._next + 1) % self._shards


def _write_shard(
    keyed: tuple[int, Any], job: WriteJob, features: Mapping[str, Any] | None
) -> Manifest:
    number, records = keyed
    with job.open(number) as writer:
        for record in records:
            writer.write(_bytes_of(record, features))
    assert writer.manifest is not None
    return writer.manifest


class _WriteBundle(beam.DoFn):  # type: ignore[misc]
    """Writes the records of a bundle."""

    def __init__(self, features: Mapping[str, Any] | None) -> None:
        self._features = features
        self._writer: ShardWriter | None = None

    def process(self, record: Any, job: WriteJob) -> None:
        if self._writer is None:
            # Bundles have no numbers; one that is retried counts once, as the runner sees to.
            self._writer = job.open(int.from_bytes(os.urandom(8), "big"))
        self._writer.write(_bytes_of(record, self._features))

    def finish_bundle(self) -> Iterator[Any]:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            yield GlobalWindows.windowed_value(writer.manifest)

    def teardown(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:  # of a bundle that failed
            writer.__exit__(RuntimeError, None, None)


def _bytes_of(record: Any, features: Mapping[str, Any] | None) -> bytes:
    if isinstance(record, dict):
        return encode_example(record, features)
    if isinstance(record, bytes):
        return record
    raise TypeError(
        f"a record is bytes, or a dict of features; not a {type(record).__name__}: {quote(record)}"
    )
