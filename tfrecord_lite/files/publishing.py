"""How complete shards become a set: those of one writer, or the parts of several."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from tfrecord_lite.files.manifest import Manifest, manifests_naming
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.files.object_staging import ObjectJournal, ObjectStaging
from tfrecord_lite.files.staging import Journal, Staging, complete_parts
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.text import listed, printable

if TYPE_CHECKING:
    from tfrecord_lite._types import Path

__all__ = ["existing", "publish", "publish_parts", "publish_shards"]


def existing(names: ShardNames, *, overwrite: bool) -> list[str]:
    """Return the files of a set of this name; FileExistsError where they may not be replaced."""
    present = names.present()
    if present and not overwrite:
        found = printable(os.path.join(names.folder, listed(present, 1)))
        raise FileExistsError(
            f"{found}: there is a set of this name; pass overwrite=True to replace it whole"
        )
    # A pattern may give shards the names that those of another set have.
    files = [os.path.join(names.folder, file) for file in present]
    own = os.path.join(names.folder, os.path.basename(names.manifest))
    for manifest in manifests_naming(files, besides=own):
        raise FileExistsError(
            f"{printable(files[0])}: {manifest.path} has shards of such names, and is of another "
            "set; choose another name"
        )
    return present


def publish(
    journal: Journal | ObjectJournal,
    names: ShardNames,
    staging: Staging | ObjectStaging,
    sources: list[Manifest],
    *,
    overwrite: bool,
    fsync: bool,
) -> Manifest:
    """Give the shards of writers' folders their names, one folder after another.

    ``sources`` tell what lies in each folder; they agree on compression and features. ``staging``
    is the folder for all else: it takes up the old set until the new one stands. Returns the
    manifest of the set.
    """
    old = existing(names, overwrite=overwrite)
    moved = [
        (f"{os.path.basename(os.path.dirname(source.path))}/{entry.name}", entry)
        for source in sources
        for entry in source.entries
    ]
    codec, features = sources[0].compression, sources[0].features
    entries = tuple(
        replace(entry, name=names.shard(index, len(moved), codec))
        for index, (_, entry) in enumerate(moved)
    )
    manifest = Manifest(names.manifest, entries, codec, features)
    if isinstance(journal, ObjectJournal):
        return _publish_objects(journal, manifest, sources, old)
    assert isinstance(staging, Staging)
    renames = [
        *((name, f"{staging.name}/old-{staging.shard(n)}") for n, name in enumerate(old)),
        *((source, entry.name) for (source, _), entry in zip(moved, entries, strict=True)),
        (staging.write_manifest(manifest, fsync=fsync), os.path.basename(names.manifest)),
    ]
    try:
        journal.publish(renames, staging, manifest.check, fsync=fsync)
    except BaseException:
        if not journal.settled:
            # Whoever comes next needs what is in there to settle it.
            staging.release()
        raise
    return manifest


def publish_parts(
    journal: Journal | ObjectJournal,
    names: ShardNames,
    sources: list[Manifest],
    *,
    overwrite: bool,
    fsync: bool,
) -> Manifest:
    """`publish` what other writers left."""
    staging = names.staging()
    try:
        staging.make()
        return publish(journal, names, staging, sources, overwrite=overwrite, fsync=fsync)
    finally:
        staging.remove()


def _publish_objects(
    journal: ObjectJournal, manifest: Manifest, sources: list[Manifest], old: list[str]
) -> Manifest:
    """Publish copies of objects, under names that nothing has."""
    own = os.path.basename(manifest.path)
    if not {entry.name for entry in manifest.entries}.isdisjoint(old):
        generation = os.urandom(4).hex()
        manifest = replace(
            manifest,
            entries=tuple(
                replace(entry, name=_of_generation(entry.name, generation))
                for entry in manifest.entries
            ),
        )
    urls = [url for source in sources for url in source.files]
    copies = [(url, entry.name) for url, entry in zip(urls, manifest.entries, strict=True)]
    journal.publish(copies, manifest, [name for name in old if name != own], is_new=own not in old)
    return manifest


def _of_generation(name: str, generation: str) -> str:
    """Return another name for a shard.

    >>> _of_generation("train-00000-of-00001.tfrecord", "0a1b2c3d")
    'train-00000-of-00001.0a1b2c3d.tfrecord'
    """
    stem, dot, suffix = name.partition(".tfrecord")
    return f"{stem}.{generation}{dot}{suffix}"


def publish_shards(
    name: Path, parts: int, *, overwrite: bool = False, fsync: bool = False
) -> Manifest:
    """Publish the parts that several ``ShardWriter(name, part=i)`` wrote, as one set.

    The shards of part 0 come first, then those of part 1, up to part ``parts - 1``. All must be
    complete, of one compression and with the same features. It may be called on any machine that
    sees the folder, once the writers are done, and again where it was killed. ``overwrite`` and
    ``fsync`` are those of `ShardWriter`. Returns the manifest.

    Raises ``FileNotFoundError`` for parts that are missing, ``FileExistsError`` for a set of that
    name, ``ValueError`` for parts that do not go together, and `TFRecordError` for a shard of
    another size than its writer left it with. Then nothing has changed.

    >>> import tempfile
    >>> from tfrecord_lite import read_records
    >>> from tfrecord_lite.dataset.shard_writer import ShardWriter
    >>> name = tempfile.mkdtemp() + "/train"
    >>> for i in range(2):  # in a process each
    ...     with ShardWriter(name, part=i) as writer:
    ...         writer.write(b"from %d" % i)
    >>> manifest = publish_shards(name, 2)
    >>> list(read_records(manifest.files))
    [b'from 0', b'from 1']
    """
    parts = at_least(1, parts=parts)
    names = ShardNames(name)
    with names.journal() as journal:
        journal.remove_leftovers()
        existing(names, overwrite=overwrite)
        sources = _complete(names, parts)
        return publish_parts(journal, names, sources, overwrite=overwrite, fsync=fsync)


def _complete(names: ShardNames, parts: int) -> list[Manifest]:
    found = complete_parts(names.folder, names.stem)
    what = printable(os.path.join(names.folder, names.stem))
    if missing := [str(part) for part in range(parts) if part not in found]:
        raise FileNotFoundError(
            f"{what}: of {parts} parts these are not complete: {listed(missing, 10)}; run their "
            "writers (part=i) again"
        )
    if (last := max(found)) >= parts:
        raise ValueError(
            f"{what}: part {last} is complete too ({found[last][0]}); pass parts={last + 1}, or "
            "remove that folder"
        )
    for part, paths in found.items():
        if len(paths) > 1:
            raise ValueError(
                f"{what}: part {part} was written twice ({', '.join(paths)}); remove one folder"
            )
    manifests = [Manifest.load(found[part][0]) for part in range(parts)]
    for part, manifest in enumerate(manifests):
        manifest.check()
        for field in ("compression", "features"):
            values = getattr(manifests[0], field), getattr(manifest, field)
            if values[0] != values[1]:
                raise ValueError(
                    f"{what}: the {field} of part 0 is {values[0]}, that of part {part} "
                    f"{values[1]}; write them alike"
                )
    return manifests
