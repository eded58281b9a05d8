"""A set of shards that the tasks of an engine write: each try by itself, one commit for all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.feature_json import features_from_json, features_to_json
from tfrecord_lite.example.features import FeatureSpec, RaggedFeature
from tfrecord_lite.example.kinds import BYTES_LIST, KIND_NAMES, KINDS
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_features import by_part, of_parts
from tfrecord_lite.files.names import ShardNames, remove_empty
from tfrecord_lite.files.publishing import existing, publish_parts
from tfrecord_lite.files.staging import MOST_PARTS, Staging
from tfrecord_lite.records.compression import codec_by_name
from tfrecord_lite.records.file_system import is_file, remove_file
from tfrecord_lite.records.storage import Output
from tfrecord_lite.text import printable
from tfrecord_lite.urls import absolute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tfrecord_lite._types import Compression, Path
    from tfrecord_lite.dataset.tables import Meaning
    from tfrecord_lite.files.manifest import Manifest
    from tfrecord_lite.files.object_staging import ObjectStaging

__all__ = ["AttemptWriter", "WriteJob"]

# Where nobody lives as long as the job does, its folder is that of a part that nobody writes: other
# writers of the set leave it alone.
_PART: Final = MOST_PARTS - 1
# Stands in the folder as long as the job does: in a store a folder is but what lies in it.
_MARK: Final = "job"


class WriteJob:
    """A set that many processes write, some of which are killed, or write the same twice.

    The driver calls `start`. Each attempt of a task writes with a writer of its own, of `open`, and
    hands back ``writer.manifest``. The driver commits one manifest of each task: the shards take
    their names, all together. All else that was written goes, then or by `abort`; what a killed
    driver leaves goes with the next job of that name.

    ``name`` and the options are those of `ShardWriter`; its policies count for each task. All
    processes see the folder of the set. To be pickled once started.

    >>> import tempfile, tfrecord_lite as tfr
    >>> job = WriteJob(tempfile.mkdtemp() + "/train")
    >>> job.start()
    >>> manifests = []
    >>> for task in range(2):  # in a process each
    ...     with job.open(task) as writer:
    ...         writer.write(b"from %d" % task)
    ...     manifests.append(writer.manifest)
    >>> list(tfr.read_records(job.commit(manifests).files))
    [b'from 0', b'from 1']
    """

    def __init__(
        self,
        name: Path,
        *,
        overwrite: bool = False,
        features: Mapping[str, Any] | None = None,
        compression: Compression = "infer",
        fsync: bool = False,
        **options: Any,
    ) -> None:
        # Other processes may have another working directory.
        self._path = absolute(os.fsdecode(name))
        names = ShardNames(self._path)
        if compression == "infer":
            compression = codec_by_name(names.shard(0, 1, None))
        self._overwrite = overwrite
        self._fsync = fsync
        self._options = {
            **options,
            "features": features,
            "compression": compression,
            "fsync": fsync,
        }
        self._folder = ""
        self._new_folders: list[str] = []
        self._held: Staging | ObjectStaging | None = None

    def start(self, *, hold: bool = True) -> None:
        """Make the folder of the job; what jobs left that were killed is removed.

        With ``hold`` this process holds the job until `commit` or `abort`: if it dies, whoever
        writes the set next may clear up. Without it the job is another's in turn, and there may be
        but one of them at a time.

        Raises ``FileExistsError`` where the set is there and may not be replaced, and what
        `ShardWriter` raises for wrong options.
        """
        names = ShardNames(self._path)
        self._new_folders = names.new_folders()
        staging = names.staging(None if hold else _PART)
        folder = staging.path("")
        try:
            names.make_folder()
            with names.journal() as journal:
                for part in (None, _PART):
                    journal.remove_leftovers(part)
                existing(names, overwrite=self._overwrite)
                staging.make()
                self._folder, self._held = folder, staging
            if not hold:
                staging.release()
                self._held = None
            with Output(staging.path(_MARK), mode="w", atomic=True, fsync=False):
                pass
            # Wrong options are an error here and now.
            with suppress(_NotWrittenError), self.open(0):
                raise _NotWrittenError  # noqa: TRY301 - it ends the writer
        except BaseException:
            if self._folder:
                self.abort()
            staging.remove()
            remove_empty(self._new_folders)
            raise

    def open(self, task: int, **policy: int | None) -> AttemptWriter:
        """Return a writer for one attempt of a task; after `close` it has a manifest."""
        self._check_stands()
        attempt = f"{task:06d}-{os.urandom(4).hex()}"
        path = os.path.join(self._folder, attempt)
        return AttemptWriter(self, path, {**self._options, **policy})

    def end_attempt(self) -> None:
        """Remove what was written after the end of the job, and raise ``FileNotFoundError``."""
        try:
            self._check_stands()
        except FileNotFoundError:
            self._remove()
            raise

    def _check_stands(self) -> None:
        if not is_file(os.path.join(self._folder, _MARK)):
            raise FileNotFoundError(
                f"{printable(self._path)}: the job that writes it is over; begin a new one, and "
                "one at a time"
            )

    def commit(self, manifests: Iterable[Manifest], *, num_shards: int = 1) -> Manifest:
        """Publish what these attempts wrote, one of each task, in this order.

        Where they wrote fewer shards with records than ``num_shards``, empty ones follow.

        Raises ``ValueError`` for two attempts of one task, whose records would be there twice, and
        for one that has no manifest, since its writer was not closed, `ExampleError` for a column
        that has values of several kinds; else what `publish_shards` raises. Then nothing has
        changed, and `abort` is to be called.
        """
        sources = list(manifests)
        _check_attempts(sources)
        sources = [
            replace(source, entries=tuple(entry for entry in source.entries if entry.records))
            for source in sources
            if source.records
        ]
        features = _features_of_all(sources)
        lacking = num_shards - sum(len(source.entries) for source in sources)
        if lacking > 0:
            with self.open(
                0, records_per_shard=None, bytes_per_shard=None, num_shards=lacking
            ) as writer:
                pass
            assert writer.manifest is not None
            features = features if sources else writer.manifest.features
            sources.append(writer.manifest)
        # All at once: in a store that is one listing.
        replace(
            sources[0], entries=tuple(entry for source in sources for entry in source.entries)
        ).check()
        names = ShardNames(self._path)
        with names.journal() as journal:
            manifest = publish_parts(
                journal,
                names,
                [replace(source, features=features) for source in sources],
                overwrite=self._overwrite,
                fsync=self._fsync,
            )
            self._remove()
        return manifest

    def abort(self) -> None:
        """Remove all that was written; the set is as it was, or as it was committed."""
        names = ShardNames(self._path)
        if self._new_folders and not os.path.isdir(names.folder):
            return  # it was aborted before
        with names.journal() as journal:
            # That of a process that was killed while it committed, too.
            journal.remove_leftovers()
            self._remove()
        remove_empty(self._new_folders)

    def _remove(self) -> None:
        # First the mark: an attempt that ends after that removes what it wrote of itself.
        with suppress(OSError):
            remove_file(os.path.join(self._folder, _MARK))
        ShardNames(self._path).remove_folder(self._folder)
        if self._held is not None:
            self._held.release()
            self._held = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None}


class AttemptWriter(ShardWriter):
    """The writer of an attempt, which may end when its job is over."""

    def __init__(self, job: WriteJob, name: str, options: Mapping[str, Any]) -> None:
        self._job = job
        super().__init__(name, **options)

    @property
    def meanings(self) -> dict[str, Meaning]:
        """What the values of the columns of tables mean, for `check_meanings_of_tasks`."""
        return self._found.meanings()

    def close(self) -> None:
        """See `ShardWriter`; FileNotFoundError where nobody wants any more what was written."""
        is_first = self.manifest is None
        super().close()
        if is_first:
            self._job.end_attempt()


class _NotWrittenError(Exception):
    """Ends a writer that is to write nothing."""


def _check_attempts(manifests: Sequence[Manifest | None]) -> None:
    tasks: set[str] = set()
    for manifest in manifests:
        if manifest is None:
            raise ValueError("an attempt has no manifest: commit those whose writer was closed")
        # As `open` names them.
        task = os.path.basename(manifest.path).partition("-")[0]
        if task in tasks:
            raise ValueError(f"two attempts of task {int(task)}: commit one of each task")
        tasks.add(task)


def _features_of_all(manifests: Sequence[Manifest]) -> str | None:
    """Return the features by which the records of all can be read; None where some are unknown.

    What differs, or is not in all of them, is a `RaggedFeature`. `ExampleError` for what has values
    of several kinds: no table of all could be read again.
    """
    texts = list(dict.fromkeys(manifest.features for manifest in manifests))
    if len(texts) == 1:
        return texts[0]
    known = []
    for text in texts:
        features = None if text is None else features_from_json(text)
        if features is None:
            return None
        known.append(by_part(features))
    common: dict[tuple[str, str], FeatureSpec] = {}
    for of_task in known:
        for key, feature in of_task.items():
            part, name = key
            first = common.setdefault(key, feature)
            if first.dtype != feature.dtype:
                raise _other_kind(part, name, first, feature)
            # A feature list may be missing whatever its feature is.
            lacking = part != "feature_lists" and any(key not in other for other in known)
            if first != feature or lacking:
                common[key] = RaggedFeature(feature.dtype)
    of_all = of_parts(common)
    return None if of_all is None else features_to_json(of_all)


def _other_kind(part: str, name: str, first: FeatureSpec, other: FeatureSpec) -> ExampleError:
    kinds = [KINDS.get(feature.dtype, BYTES_LIST) for feature in (first, other)]
    wanted = "string" if BYTES_LIST in kinds else "float32"
    where = f"{part}: feature" if part else "feature"
    advice = "convert one of them" if part else f"say which by cast={{{quote(name)}: {wanted!r}}}"
    return ExampleError(
        f"{where} {quote(name)}: some tasks wrote {KIND_NAMES[kinds[0]]}, and others "
        f"{KIND_NAMES[kinds[1]]}, but a column has one kind: {advice}"
    )
