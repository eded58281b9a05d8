"""ShardWriter: records into the shards of a set, which take their names all together."""

from __future__ import annotations

import io
import operator
import os
import weakref
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.tables import FoundFeatures, write_any
from tfrecord_lite.dataset.tfds_layout import PreparedSplit
from tfrecord_lite.example.composites import feature_keys
from tfrecord_lite.example.feature_json import features_to_json
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.files.manifest import Manifest, ManifestEntry
from tfrecord_lite.files.names import ShardNames, remove_empty
from tfrecord_lite.files.open_shard import OpenShard, ShardFile
from tfrecord_lite.files.publishing import existing, publish
from tfrecord_lite.files.staging import MOST_PARTS
from tfrecord_lite.records.compression import codec_by_name, codec_named
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.frame_writer import Frame, FrameWriter
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock
from tfrecord_lite.records.numbers import integer
from tfrecord_lite.urls import absolute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite._types import Compression, Int64Array, Path

__all__ = ["DEFAULT_BYTES_PER_SHARD", "ShardWriter"]

DEFAULT_BYTES_PER_SHARD = 128 << 20

_NO_LIMIT = 1 << 63
# How many bytes of frames are gathered before they are put into shards.
_GATHERED_BYTES = 1 << 18
_DATA_OF = operator.itemgetter(1)


class ShardWriter(FrameWriter):
    """Write records to the shards of a set.

    ``name`` is the set's: its shards are called ``NAME-00000-of-00010.tfrecord`` (with ``.gz``
    after for GZIP), its manifest ``NAME.manifest.json``; or it is a pattern with ``{index}`` and
    perhaps ``{total}``, as in ``cifar10_train/shard_{index:03d}.tfrecord`` (see `manifest_of`). The
    folder is made where it is missing.

    A shard is full when it holds ``records_per_shard`` records, or ``bytes_per_shard`` bytes (of
    frames, before compression) or more: 128 MiB where nothing is said. With ``num_shards`` there
    are so many, and record i goes to shard ``i % num_shards``. No records make one empty shard.

    In `close` the shards take their names, and the manifest comes last: before it a reader sees no
    set, after it a complete one. An existing set (a manifest of that name, or files that are
    called as its shards) is a ``FileExistsError`` or, with ``overwrite``, is replaced whole: it can
    be read until `close`, and stays if anything fails. An exception inside ``with`` publishes
    nothing and leaves no files, and no folder that was made for it, unless it was a part. What a
    writer that was killed leaves (folders that `is_partial` tells) the next one of the same name
    removes; several may write at once, each as if alone, and the first to close has the name.

    ``part=i`` writes a part of a set that several processes or machines write together; its
    policies count for it alone. `close` then leaves the part complete but unpublished, for
    `publish_shards`; a new writer of the same part replaces it.

    With ``layout="tfds"`` the set is a split of a dataset that tensorflow_datasets reads
    (``tfds.builder_from_directory``), and `tfrecord_lite.tfds.load`: ``name`` is
    ``FOLDER/DATASET/VERSION/SPLIT``, as in ``data/pets/1.0.0/train``. Its shards have the names
    that these want, and ``dataset_info.json``, ``features.json`` and the names of classes stand
    beside them, which splits written one after the other, or at once, share. ``features``
    may have `tfrecord_lite.tfds.ClassLabel`, ``Image`` and ``Text``, too; without any the
    ``features.json`` that is there stays. Such a set is local, of no compression and no parts.

    ``features`` go into the manifest, for readers; `write_example` and `write_examples` encode with
    them where they are given no others. ``progress`` is called with ``records`` and
    ``raw_bytes`` (written so far, all shards together) whenever a block goes to the disk.
    ``compression``, ``level``, ``block_bytes`` and ``fsync`` are those of `RecordWriter`; "infer"
    goes by the names of the shards, as a pattern gives them.

    Raises ``OSError`` as the system does; after a failed write each later call raises the same
    error, and `close` as well; then nothing was published, and an existing set is as it was.
    Threads, signal handlers and forked children may do what they may with a `RecordWriter`, and as
    there it is said on standard error if the writer is never closed.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with ShardWriter(folder + "/train", records_per_shard=2) as writer:
    ...     writer.write_many([b"one", b"two", b"three"])
    >>> for name in sorted(os.listdir(folder)):
    ...     print(name)
    train-00000-of-00002.tfrecord
    train-00001-of-00002.tfrecord
    train.manifest.json
    """

    _advice = "write parts (part=i), with a writer in each process"

    def __init__(
        self,
        name: Path,
        *,
        records_per_shard: int | None = None,
        bytes_per_shard: int | None = None,
        num_shards: int | None = None,
        part: int | None = None,
        overwrite: bool = False,
        layout: Literal["tfds"] | None = None,
        features: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], Any] | None = None,
        compression: Compression = "infer",
        level: int | None = None,
        block_bytes: int | None = DEFAULT_BLOCK_BYTES,
        fsync: bool = False,
    ) -> None:
        _check_policy(
            records_per_shard=records_per_shard,
            bytes_per_shard=bytes_per_shard,
            num_shards=num_shards,
        )
        if part is not None and not 0 <= integer(part=part) < MOST_PARTS:
            raise ValueError(f"part={part} must be from 0 to {MOST_PARTS - 1}")
        if part is not None and overwrite:
            raise ValueError("a part replaces nothing; pass overwrite to publish_shards")
        if features == {}:
            features = None  # by a manifest of none nothing could be read
        # Stays where it is when the process goes to another directory.
        path = absolute(os.fsdecode(name))
        self._prepared: PreparedSplit | None = None
        if layout is not None:
            if str(layout) != "tfds" or part is not None or compression not in ("infer", "", None):
                raise ValueError(
                    f"layout={layout!r}: 'tfds', without part= and compression=, or None"
                )
            self._prepared = PreparedSplit(path, features, overwrite=overwrite)
            path, features = self._prepared.pattern, self._prepared.features
        self._names = ShardNames(path)
        if compression == "infer":
            compression = codec_by_name(self._names.shard(0, 1, None))
        options: dict[str, Any] = {
            "compression": compression,
            "level": level,
            "block_bytes": block_bytes,
        }
        # Refuses wrong options before anything is made.
        ShardFile(io.BytesIO(), **options).close()
        self._options = {**options, "fsync": fsync}
        self._features = features
        self._features_json = None if features is None else features_to_json(features)
        self._found = FoundFeatures()
        self._part = part
        self._overwrite = overwrite
        self._progress = progress
        self._at_once = num_shards or 1
        self._most_records = records_per_shard or _NO_LIMIT
        self._most_bytes = bytes_per_shard or DEFAULT_BYTES_PER_SHARD
        if records_per_shard or num_shards:
            self._most_bytes = _NO_LIMIT
        self._full: list[ManifestEntry] = []
        self._open: list[OpenShard] = []
        # In turns: how many there are, and which of them gets the next record.
        self._turns = num_shards or 0
        self._turn = 0
        self.name = os.fsdecode(name)
        self.manifest: Manifest | None = None
        """What was published, after `close`."""
        # Not those of a part: the writer of another may be about to begin.
        self._new_folders = self._names.new_folders() if part is None else []
        self._staging = self._names.staging(part)
        most = block_bytes if compression and block_bytes else _GATHERED_BYTES
        try:
            self._names.make_folder()
            with self._names.journal() as journal:
                journal.remove_leftovers(part)
                if part is None:
                    existing(self._names, overwrite=overwrite)
                self._staging.make()
            self._start(min(most, _GATHERED_BYTES))
            for _ in range(self._turns):
                self._begin()
        except BaseException:
            self._abort()
            self._closed = True
            raise

    def write_table(self, data: Any, *, cast: Mapping[str, Any] | None = None) -> int:
        """Write an Example for each row of a table, and return how many.

        ``data`` is a mapping of names to columns, as `encode_examples` takes it; a DataFrame or a
        Series of pandas; rows, dicts in a list or an iterator; or, with pyarrow (the extra
        ``arrow``), anything that is an Arrow stream: tables of pyarrow, polars, DuckDB. Part after
        part is written, so that a stream may be larger than memory.

        Null (None, pd.NA) leaves the feature out, an empty list keeps it; NaN is a number. Integers
        and bools are stored as integers, dates and times as the integers that Arrow has for them,
        in the column's own unit, and fixed_size_lists flat. What no feature holds, as decimals,
        structs and lists of lists, is an `ExampleError` that names the column, unless ``cast`` says
        what to make of it first, as in ``{"price": "float32"}``. Two structs, ``context`` and
        ``feature_lists``, or one of these, and no other column make SequenceExamples. Floats go by
        the rules of `encode_examples`. The index of a DataFrame is no column. The manifest has
        the ``features`` given, and for other columns those that their types say; a column with
        nulls is a `RaggedFeature`. What rows of dicts have is inferred from the records, and where
        ``features`` name but some of it, the rest are each a `RaggedFeature`.

        Raises `ExampleError`, TypeError and ValueError as `encode_examples` does, TypeError for
        what is no table, and `ExampleError` for a column that has another kind or unit in a table
        before; the rows before are written then.
        """
        return write_any(self, data, self._features, cast=cast, found=self._found)

    def _features_of(self, features: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return self._features if features is None else features

    def _store(self, frames: list[Frame], records: int) -> int:  # noqa: ARG002 - each has one
        sizes = np.fromiter(map(len, map(_DATA_OF, frames)), np.int64, len(frames))
        sizes += FRAME_OVERHEAD
        if self._turns:
            for shift in range(min(self._turns, len(frames))):
                shard = self._open[(self._turn + shift) % self._turns]
                shard.writer.take(frames[shift :: self._turns], sizes[shift :: self._turns])
            self._turn = (self._turn + len(frames)) % self._turns
        else:
            self._fill(sizes, lambda writer, part: writer.take(frames[part], sizes[part]))
        return int(sizes.sum())

    def _store_block(self, block: RecordBlock) -> bool:
        if self._turns:
            return False
        self._store_pending()
        sizes = block.lengths + FRAME_OVERHEAD
        self._fill(sizes, lambda writer, part: writer.write_many(block[part]))
        self._stored_records += len(block)
        self._stored_bytes += int(sizes.sum())
        return True

    def _fill(self, sizes: Int64Array, put: Callable[[ShardFile, slice], None]) -> None:
        """Put frames of these sizes into shards, cut where the one before is full."""
        ends = np.cumsum(sizes)
        begin = done = 0
        while begin < len(ends):
            writer = (self._open[0] if self._open else self._begin()).writer
            full = min(done + self._most_bytes - writer.raw_bytes, int(ends[-1]))
            by_bytes = int(np.searchsorted(ends, full)) + 1
            end = min(begin + self._most_records - writer.records, by_bytes)
            put(writer, slice(begin, end))
            begin, done = end, int(ends[end - 1])
            if writer.records >= self._most_records or writer.raw_bytes >= self._most_bytes:
                self._end()

    def _begin(self) -> OpenShard:
        """Open the next shard."""
        index = len(self._full) + len(self._open)
        shard = OpenShard(
            self._staging.path(self._staging.shard(index)),
            self._options,
            at_once=self._at_once,
            on_write=_weakly(self._tell),
        )
        self._open.append(shard)
        return shard

    def _end(self) -> None:
        """Complete the shard that was opened first."""
        entry = self._open[0].close()
        del self._open[0]
        self._full.append(entry)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.records, self.raw_bytes)

    def end_shard(self) -> None:
        """Complete the shard that is open: the next record begins another.

        With nothing written after it `close` has only names to give. So, of several sets that
        belong together, nothing is published before the disk has all of them. With ``num_shards``
        what was gathered is stored, and records go on in turns.
        """
        self._exclusively(self._end_all)

    def _end_all(self) -> None:
        self._store_pending()
        while self._open and not self._turns:
            self._end()
        for shard in self._open:
            shard.writer.flush()

    def _complete(self) -> None:
        if not self._full and not self._open:
            self._begin()
        while self._open:
            self._end()
        entries = self._full
        if not self._turns:
            # The last may have been opened for what turned out to be no record.
            entries = [entry for entry in entries if entry.records] or entries
        written = Manifest(
            self._staging.manifest,
            tuple(entries),
            codec_named(self._options["compression"]),
            self._described(),
        )
        fsync = self._options["fsync"]
        with self._names.journal() as journal:
            if self._part is None:
                prepared = self._prepared
                with prepared.described(written, fsync=fsync) if prepared else nullcontext():
                    self.manifest = publish(
                        journal,
                        self._names,
                        self._staging,
                        [written],
                        overwrite=self._overwrite,
                        fsync=fsync,
                    )
            else:
                journal.remove_leftovers(self._part)
                self._staging.write_manifest(written, fsync=fsync)
        self._abandon()

    def _described(self) -> str | None:
        """Return the features given, and those of the columns of tables which these do not name.

        Of a part there are none but those given, since all parts have to have the same.
        """
        features = self._features
        if features is None:
            return self._found_features()
        if self._part is not None or self._prepared or isinstance(features, SequenceFeatures):
            return self._features_json
        named = normalize_features(features) if features else {}
        return features_to_json({**named, **self._found.besides(feature_keys(named), self.records)})

    def _found_features(self) -> str | None:
        found = self._found.features()
        if found is None or self._part is not None or self._found.rows != self.records:
            return None
        return features_to_json(found)

    def _abandon(self) -> None:
        for shard in self._open:
            shard.abandon()
        self._staging.release()

    def _abort(self) -> None:
        for shard in self._open:
            shard.abandon()
        self._open.clear()
        self._staging.remove()
        self._abandon()
        remove_empty(self._new_folders)

    def _name(self) -> str:
        return self.name

    def _location(self) -> str:
        return self._staging.path("")


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method, and does not hold whose it is.

    A shard does not hold its writer, which so ends once it is forgotten, while its files are open.
    """
    held = weakref.WeakMethod(method)

    def call() -> None:
        if (found := held()) is not None:
            found()

    return call


def _check_policy(**policies: int | None) -> None:
    given = {name: value for name, value in policies.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} exclude each other; choose one")
    for name, value in given.items():
        at_least(1, **{name: value})
