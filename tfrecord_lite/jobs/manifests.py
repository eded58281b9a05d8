"""make_manifest: the manifest of files that have none, or have become others since."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tfrecord_lite.dataset.schema import features_of, infer
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.feature_json import features_to_json
from tfrecord_lite.example.normalize import normalize_features
from tfrecord_lite.example.sequence_features import SequenceFeatures, examples_only
from tfrecord_lite.files.manifest import MANIFEST_SUFFIX, Manifest, ManifestEntry, manifests_naming
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.files.paths import Folders, expand_path, is_data_file
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import each_path, files_of
from tfrecord_lite.integrity.verify import verify
from tfrecord_lite.records.compression import Codec, codec_of
from tfrecord_lite.records.file_system import checksum_of, exists, size_of
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import Output, is_path, name_of
from tfrecord_lite.text import printable
from tfrecord_lite.urls import absolute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Path
    from tfrecord_lite.integrity.report import FileReport
    from tfrecord_lite.jobs.copying import Progress

__all__ = ["files_of_set", "make_manifest"]


def make_manifest(
    name: Path,
    files: Path | Iterable[Path] | RecordSet | None = None,
    *,
    features: FeaturesLike | None = None,
    overwrite: bool = False,
    compression: CompressionOrAuto = "auto",
    fsync: bool = False,
    progress: Progress = None,
) -> Manifest:
    """Write the manifest of a set of shards that are there already, and return it.

    ``name`` is the set's, as `ShardWriter` takes it: NAME, whose shards are
    ``NAME-00000-of-00010`` and so on, all of them, with any of our suffixes; or a pattern with
    ``{index}``. Shards of other names are given as ``files``, paths, directories, globs, in the
    order that they are to have (no manifest is looked at), or as a `RecordSet` with its
    compression; they lie in the folder of the set. Each file is read, and both checksums of every
    record are checked; all have one compression.

    ``features`` go into the manifest; of a list of names they are those of the manifest that is
    replaced, or else of the first records. Left out, they are those of the manifest that is
    replaced, if it says any. A manifest that stands is replaced with ``overwrite``, which is what a
    set is for whose shards were rescued or exchanged. ``progress`` is called now and then with a
    file's name and how many of its bytes have been read.

    Raises ``FileExistsError`` where a manifest of that name stands, or one of another name has any
    of these files; ``FileNotFoundError`` where there is no such shard, or one is missing;
    ValueError for files that are no set; and as `RecordReader` does for damage. Then nothing was
    written.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> name = tempfile.mkdtemp() + "/train"
    >>> for i in range(2):
    ...     _ = tfr.write_records(f"{name}-{i:05d}-of-00002.tfrecord", [b"record"] * (i + 1))
    >>> make_manifest(name).records
    3
    >>> len(tfr.RecordSet(name))
    3
    """
    if isinstance(files, RecordSet):
        RecordSet.of(files, compression=compression)
        # An open one is refused where they are looked at.
        compression, files = files.options["compression"], files.files  # type: ignore[assignment]
    names = _names(name)
    old = _old(names.manifest)
    if exists(names.manifest) and not overwrite:
        raise FileExistsError(
            f"{printable(names.manifest)}: there is a manifest of this name; pass overwrite=True "
            "to make it again"
        )
    shards = files_of_set(name, files)
    for other in manifests_naming(shards, besides=names.manifest):
        raise FileExistsError(
            f"{printable(other.path)}: these files are already shards of this set; read them "
            "by its name, or remove that manifest"
        )
    text = _features_json(features, old, shards, compression)
    codec = _codec(shards, compression)
    report = verify(shards, manifest=None, compression=compression, progress=progress)
    entries = tuple(_entry(file, compression) for file in report.files)
    manifest = Manifest(names.manifest, entries, codec, text)
    with (
        names.journal(),
        Output(names.manifest, mode="w" if overwrite else "x", atomic=True, fsync=fsync) as output,
    ):
        output.write(manifest.to_json().encode())
        manifest.check()
    return manifest


def files_of_set(name: Path, files: Path | Iterable[Path] | None = None) -> list[str]:
    """Return the shards that `make_manifest` would find; raises as that does."""
    names = _names(name)
    return _shards(names, os.fsdecode(name)) if files is None else _given(names, files)


def _names(name: Path) -> ShardNames:
    return ShardNames(absolute(os.fsdecode(name)))


def _old(path: str) -> Manifest | None:
    with suppress(OSError, TFRecordError):
        return Manifest.load(path)
    return None


def _shards(names: ShardNames, path: str) -> list[str]:
    """Return the shards of a NAME or a pattern, all of them."""
    if names.is_pattern:
        found = [file for file in names.present() if not file.endswith(MANIFEST_SUFFIX)]
        for index, file in enumerate(found):
            if file != names.shard(index, len(found), None):
                missing = os.path.join(names.folder, names.shard(index, len(found), None))
                raise FileNotFoundError(
                    f"{printable(missing)}: missing, of {len(found) + 1} shards or more"
                )
        if found:
            return [os.path.join(names.folder, file) for file in found]
    else:
        folders = Folders()
        like = re.compile(rf"{re.escape(names.stem)}-\d{{5,}}-of-(\d{{5,}})(?:\.[^/]*)?")
        matches = map(like.fullmatch, filter(is_data_file, folders.files(names.folder)))
        totals = {int(match[1]) for match in matches if match}
        if len(totals) > 1:
            raise ValueError(
                f"{printable(path)}: there are shards of several sets, of {sorted(totals)} "
                "shards; pass the files of one"
            )
        if totals:
            return expand_path(f"{os.path.join(names.folder, names.stem)}@{totals.pop()}", folders)
    raise FileNotFoundError(
        f"{printable(path)}: no shards of this name, such as "
        f"{printable(names.shard(0, 1, None))}; pass the files"
    )


def _given(names: ShardNames, files: Path | Iterable[Path]) -> list[str]:
    """Return files that were given, as they lie in the folder of their set."""
    folders = Folders()
    found: list[str] = []
    for path in each_path(files):
        if not is_path(path):
            raise TypeError(
                f"{printable(name_of(path))}: a manifest names its shards, and an open file has no "
                "name in a folder; pass its path"
            )
        # No manifest is looked at: it may be the one that is wrong.
        found += files_of(name_of(path), folders)
    own = os.path.realpath(names.folder)
    for file in found:
        if file.endswith(MANIFEST_SUFFIX):
            raise ValueError(f"{printable(file)}: the manifest of a set, by its name, and no shard")
        if os.path.realpath(os.path.dirname(file)) != own:
            raise ValueError(
                f"{printable(file)}: shards lie in the folder of their set, {names.folder}"
            )
    bases = [os.path.basename(file) for file in found]
    if not bases or len(set(bases)) < len(bases):
        raise ValueError(
            f"{printable(names.stem)}: a set has one file at least, and each once; not {bases}"
        )
    return [os.path.join(names.folder, base) for base in bases]


def _features_json(
    features: FeaturesLike | None,
    old: Manifest | None,
    shards: list[str],
    compression: CompressionOrAuto,
) -> str | None:
    """Return features for a manifest: as given, or those of the old one."""
    if features is None:
        return None if old is None else old.features
    if isinstance(features, SequenceFeatures):
        return features_to_json(features)

    def found() -> Any:
        # The manifest may be one of which the shards are others by now.
        described = features_of(old)
        return examples_only(described or infer(RecordSet(shards, compression=compression)))

    return features_to_json(normalize_features(features, found))


def _codec(files: list[str], compression: CompressionOrAuto) -> Codec:
    """Return the compression of files, which have to be of one; those of no bytes are of any."""
    codecs = {file: codec_of(file, compression) for file in files if size_of(file)}
    first = next(iter(codecs), files[0])
    for file, codec in codecs.items():
        if codec != codecs[first]:
            raise ValueError(
                f"{first} has compression {codecs[first]}, {file} has {codec}; a set has one: "
                "write it again with tfrecord_lite.jobs.shard"
            )
    return codecs.get(first)


def _entry(report: FileReport, compression: CompressionOrAuto) -> ManifestEntry:
    """Return what a manifest says of a file that was read; raise what is wrong with it."""
    if report.error is not None:
        raise report.error
    if report.damage:
        # As a reader would, with all that it knows.
        with RecordReader(report.path, compression=compression, max_record_bytes=1 << 62) as reader:
            for block in reader.blocks():
                reader.recycle(block)
        first = report.damage[0]
        reason = f"{first.reason}; the file has changed since: make the manifest again"
        raise TFRecordError(reason, path=first.path, record=first.record, offset=first.begin)
    return ManifestEntry(
        os.path.basename(report.path),
        report.records,
        report.raw_bytes,
        size_of(report.path),
        checksum_of(report.path),
    )
