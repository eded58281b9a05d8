"""shard: the records of files as one set of shards, or as several."""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.schema import written_features
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.jobs.choosing import Chooser, NamedValue, is_safe
from tfrecord_lite.jobs.copying import Progress, each_block, no_new_folders, picked
from tfrecord_lite.jobs.shuffling import shuffled
from tfrecord_lite.records.byte_source import position_of
from tfrecord_lite.records.compression import codec_by_name
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES
from tfrecord_lite.records.file_system import can_be_reread, exists, is_url, remove_file, size_of
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from tfrecord_lite._types import (
        Compression,
        CompressionOrAuto,
        FeaturesLike,
        OnDamage,
        Path,
        Paths,
        Verify,
    )

__all__ = ["WrittenSet", "shard"]

# Read at once to be shuffled: the more, the longer what goes to each of the buckets.
_BLOCK_BYTES = 1 << 24


class WrittenSet(NamedTuple):
    """A set that was written: its name and manifest.

    ``value`` is that of the feature by which sets were told apart, the name of the share of a
    split, or None.
    """

    name: str
    manifest: Manifest
    value: int | bytes | str | None = None


def shard(
    src: Paths | RecordSet,
    name: Path,
    *,
    shuffle: int | None = None,
    where: str | None = None,
    split: Mapping[str, float] | None = None,
    by: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    features: FeaturesLike | None = None,
    manifest: bool = True,
    overwrite: bool = False,
    records_per_shard: int | None = None,
    bytes_per_shard: int | None = None,
    num_shards: int | None = None,
    write_compression: CompressionOrAuto | Compression = "auto",
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    fsync: bool = False,
    progress: Progress = None,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> list[WrittenSet]:
    """Write the records of ``src``, byte for byte, as a set of shards or several; return these.

    ``src`` is what `RecordSet` takes, with its options; ``name``, the numbers of shards, and
    ``level``, ``block_bytes`` and ``fsync`` are those of `ShardWriter`. ``write_compression`` is
    "infer", GZIP for a pattern that ends in .gz and none for all other names; or "auto", GZIP for
    such a pattern too, and otherwise that of the first file; or as `ShardWriter` takes it.

    ``where`` chooses records by an expression over their features, in which a name that is no
    identifier stands in backticks: ``label > 6 and "cat" in words``, ```image/format` == 'PNG'``,
    ``label in (1, 2)``, ``name is not None``; with arithmetic, ``and``, ``or`` and ``not``. As in
    SQL, what is missing is neither larger nor smaller nor equal; a feature that has a default, in
    ``features`` or in the source's manifest, has that instead. Of a record no other features are
    decoded. ``sample`` chooses so many of these at random, each with the same chance; all of them
    where there are no more; it reads ``src`` twice, which no pipe can be.

    ``split={"train": 0.9, "val": 0.1}`` deals the records at random among the sets ``NAME-train``
    and ``NAME-val``: of each 100 records in turn each has its share, so that a set of all has the
    stated size but for some records. Their names are of ASCII letters, digits and ``_.+-``, up to
    100. ``by`` is a feature that has one value in each record, an
    integer or a string: the records of each value are the set ``NAME-VALUE``, or
    ``NAME-value00000`` with a number where the value is not safe as a name, or is taken; there may
    be 200. ``sample`` and ``split`` are functions of ``seed`` and the numbers of the records.

    ``shuffle`` is the seed of a random order, a whole number as ``seed`` is, and the order is a
    function of that seed and the number of each record in ``src``; None and False leave the order
    as it is. Memory stays below some hundred MB (and the largest record),
    however many there are; the folder of the set takes all of them once more meanwhile, or the
    system's folder of temporary files where the set is written to a URL.

    ``features`` go into the manifests, of a list of names those that the source's manifest or its
    first records have; left out, they are those of the source's manifest. Without
    ``manifest`` there are shards alone. ``progress`` is called after every block with a source's
    name and how many of its bytes have been read: twice from its front for ``sample`` with
    ``where``. With ``shuffle`` the second pass tells ``name`` and how many bytes of records were
    put in order.

    All shards of all sets are complete before the first takes its name. Then one set after the
    other does, each in one step; where that fails, those before are removed again unless they
    replaced another. A process that is killed just there leaves the first of the sets.

    Raises TypeError for options of another type, as ``shuffle=True`` is; ValueError for options
    that make no sense together, for an expression that is none and for a feature that is not there;
    ``FileExistsError`` where there is a set of one of these names, unless ``overwrite`` is given;
    `ExampleError` where a record has several values of a feature of which one is meant; else as
    `RecordSet` and `ShardWriter` do. Then nothing has changed, and folders that were made for the
    set are gone.

    >>> import tempfile, tfrecord_lite as tfr
    >>> folder = tempfile.mkdtemp()
    >>> _ = tfr.write_examples(folder + "/all", {"label": range(1000)})
    >>> split = {"train": 0.9, "val": 0.1}
    >>> sets = shard(folder + "/all", folder + "/x", where="label < 500", split=split, shuffle=1)
    >>> [(found.value, found.manifest.records) for found in sets]
    [('train', 450), ('val', 50)]
    """
    path = os.fsdecode(name)
    names = ShardNames(path)
    if shuffle is False:
        shuffle = None
    at_least(0, seed=seed)
    _check_numbers(0, shuffle=shuffle)
    _check_numbers(
        1,
        sample=sample,
        records_per_shard=records_per_shard,
        bytes_per_shard=bytes_per_shard,
        num_shards=num_shards,
    )
    if by is not None and not isinstance(by, str):
        raise TypeError(f"by={by!r} must be the name of a feature")
    shares = _shares(split, path)
    if split is not None and by is not None:
        raise ValueError("split and by exclude each other; choose one")
    if (split is not None or by is not None) and names.is_pattern:
        raise ValueError(f"{path!r}: of several sets pass the NAME alone, without {{index}}")
    records = RecordSet.of(
        src,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    if sample is not None:
        _check_read_twice(records)
    written = written_features(features, records)
    if write_compression == "auto":
        write_compression = codec_by_name(names.shard(0, 1, None)) or "auto"
    if write_compression == "auto":
        with records.peek(0) as reader:
            write_compression = reader.compression
    options = {
        "overwrite": overwrite,
        "features": written,
        "records_per_shard": records_per_shard,
        "bytes_per_shard": bytes_per_shard,
        "num_shards": num_shards,
        "compression": write_compression,
        "level": level,
        "block_bytes": block_bytes,
        "fsync": fsync,
    }
    with ExitStack() as stack:
        stack.enter_context(no_new_folders(names))
        sets = _Sets(stack, options)
        chooser = Chooser(records, written, where=where, by=by, shares=shares, seed=seed)
        if by is not None:
            chooser.name_values(path, sets.open)
        elif split is not None:
            for share in split:
                sets.open(NamedValue(f"{path}-{share}", share))
        else:
            sets.open(NamedValue(path, None))
        if sample is not None:
            chooser.sample(sample, progress)
        blocks = each_block(
            records, progress, block_bytes=None if shuffle is None else _BLOCK_BYTES
        )
        tagged = chooser.tagged(blocks, shuffle)
        if shuffle is not None:
            folder = _scratch(stack, names)
            in_order = shuffled(tagged, folder, _raw_bytes(records))
            tagged = stack.enter_context(closing(in_order))
        ordered = 0
        for block, _, targets in tagged:
            sets.write(block, targets)
            if shuffle is not None and progress is not None:
                ordered += int(block.lengths.sum())
                progress(path, ordered)
        found = sets.publish()
    if not manifest:
        for one in found:
            remove_file(one.manifest.path)
    return found


class _Sets:
    """The sets that are written, all at once, and take their names together."""

    def __init__(self, stack: ExitStack, options: dict[str, Any]) -> None:
        self._stack = stack
        self._options = options
        self._sets: list[tuple[NamedValue, ShardWriter]] = []

    def open(self, named: NamedValue) -> None:
        """Begin a set."""
        # What is raised within the stack cancels what is not closed.
        writer = self._stack.enter_context(ShardWriter(named.name, **self._options))
        self._sets.append((named, writer))

    def write(self, block: Any, targets: Any) -> None:
        """Write each record to the set of its target."""
        if len(self._sets) == 1:
            self._sets[0][1].write_many(block)
            return
        order = np.argsort(targets, kind="stable")
        edges = np.searchsorted(targets[order], np.arange(len(self._sets) + 1)).tolist()
        for (_, writer), (begin, end) in zip(self._sets, pairwise(edges), strict=True):
            if begin < end:
                rows = order[begin:end]
                writer.write_many(block if len(rows) == len(block) else picked(block, rows))

    def publish(self) -> list[WrittenSet]:
        """Give all sets their names; where one cannot have it, none that is new stays."""
        for _, writer in self._sets:
            writer.end_shard()
        new: list[ShardWriter] = []
        found = []
        try:
            for named, writer in self._sets:
                if not ShardNames(named.name).present():
                    new.append(writer)
                writer.close()
                assert writer.manifest is not None
                found.append(WrittenSet(named.name, writer.manifest, named.value))
        except BaseException as error:
            for writer in new:
                _remove_set(writer, interrupted=not isinstance(error, Exception))
            raise
        return found


def _remove_set(writer: ShardWriter, *, interrupted: bool) -> None:
    """Remove what a writer has published, also where it was interrupted just after that."""
    manifest = writer.manifest
    with suppress(OSError, TFRecordError):
        if manifest is None and interrupted:
            manifest = Manifest.load(ShardNames(writer.name).manifest)
        sizes = (writer.records, writer.raw_bytes)
        if manifest is not None and (manifest.records, manifest.raw_bytes) == sizes:
            for file in (manifest.path, *manifest.files):
                with suppress(OSError):
                    remove_file(file)


def _check_numbers(least: int, **options: object) -> None:
    """Raise TypeError for what is no whole number, nor None, and ValueError for less."""
    for name, given in options.items():
        if given is not None:
            at_least(least, **{name: given})


def _shares(split: Any, path: str) -> list[float]:
    if split is None:
        return [1.0]
    if not isinstance(split, Mapping) or not all(isinstance(share, str) for share in split):
        raise TypeError(f'split={split!r} must be a mapping, such as {{"train": 0.9, "val": 0.1}}')
    shares: list[float] = list(split.values())
    if not all(isinstance(share, Real) for share in shares):
        raise TypeError(f"split={split!r}: shares are numbers, together 1")
    for share in split:
        if not is_safe(share):
            raise ValueError(
                f"split={split!r}: {share!r} is not safe as a name; take up to 100 of A-Z, a-z, "
                "0-9, and _.+- after the first, without -of- and .manifest"
            )
        ShardNames(f"{path}-{share}")
    if not shares or not all(0 < share <= 1 for share in shares):
        raise ValueError(f"split={split!r} must name shares above 0, such as train=0.9,val=0.1")
    if not math.isclose(total := math.fsum(shares), 1, abs_tol=1e-6):
        raise ValueError(f"split={split!r}: these shares are {total:g} together, and must be 1")
    if len({share.lower() for share in split}) < len(split):
        raise ValueError(f"split={split!r}: two names that some file systems take for one")
    return shares


def _check_read_twice(records: RecordSet) -> None:
    """Raise TypeError for a pipe, and `io.UnsupportedOperation` for the path of one."""
    for file, name in zip(records.files, records.names, strict=True):
        what = "sample reads its source twice, and what is not a regular file can be read once"
        if not isinstance(file, str):
            if position_of(file) is None:
                raise TypeError(f"{name}: {what}; pass the path of a file")
        elif exists(file) and not can_be_reread(file):
            raise io.UnsupportedOperation(f"{name}: {what}; copy it to a file first")


def _raw_bytes(records: RecordSet) -> int:
    """Return about how many bytes there are when they are inflated."""
    if records.manifest is not None:
        return records.manifest.raw_bytes
    # What is compressed may be some times as much; of a pipe nothing is known.
    sizes = [size_of(file) if isinstance(file, str) else 1 << 30 for file in records.files]
    return sum(sizes) * (4 if any(name.endswith("gz") for name in records.names) else 1)


def _scratch(stack: ExitStack, names: ShardNames) -> str:
    """Make a folder beside the set, that is removed at the end, or by the next writer.

    A set in a store has it on this machine.
    """
    if is_url(names.folder):
        return stack.enter_context(tempfile.TemporaryDirectory(prefix="tfrecord_lite-"))
    names.make_folder()
    with names.journal() as journal:
        # Of one that was killed; what writes the sets looks for folders of their own names.
        journal.remove_leftovers()
        staging = names.staging()
        stack.callback(staging.remove)
        staging.make()
    return staging.path("")
