"""Every intact record of damaged files, in clean ones; and an account of every other byte."""

from __future__ import annotations

import os
import warnings
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.files.targets import refuse_sources
from tfrecord_lite.integrity.inventory import Inventory, is_left_folder, with_own_options
from tfrecord_lite.integrity.report import Fault, FileReport, Report
from tfrecord_lite.records.compression import codec_named
from tfrecord_lite.records.file_system import is_same_file
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES, RecordReader, check_verify
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.records.writer import RecordWriter
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tfrecord_lite._types import Compression, CompressionOrAuto, PathOrFile, Paths, Verify
    from tfrecord_lite.files.manifest import Manifest
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = ["salvage"]

# Of each source, however large it is.
_ONE_SHARD: Final = 1 << 62


def salvage(
    src: Paths | RecordSet,
    dst: PathOrFile,
    *,
    compression: CompressionOrAuto = "auto",
    write_compression: CompressionOrAuto | Compression = "auto",
    verify: Verify = True,
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    overwrite: bool = False,
    progress: Callable[[str, int], object] | None = None,
) -> Report:
    r"""Copy every intact record of ``src``, in order and byte for byte, to something new, ``dst``.

    After damage the copy goes on at the next record of which both checksums hold. In a blocked GZIP
    file a damaged member costs its own records alone. In the report, `FileReport.damage` lists
    every region of the (uncompressed) source that was left; with the rescued records, which have
    ``raw_bytes``, these are all of it.

    Where ``src`` is one file, or the folder that a writer of shards left behind when it was killed,
    whose files are copied one after another, ``dst`` is a file. Where it is a set (whatever is
    missing of it), a directory, a glob, a list of paths or a `RecordSet`, which has its own
    options, ``dst`` is the name of a set, as `ShardWriter` takes it, with a shard for each source
    in which there is a record, and with the features that the source's manifest says. The report
    has each file; where a manifest or an index tells how many records it had, `FileReport.expected`
    and `Report.lost` say how many are lost; that is a fault where no damage tells of it.

    ``compression`` is that of the source, ``write_compression`` that of what is written; left out,
    they are the same, and "infer" tells it by the name, as `RecordWriter`. ``verify`` and
    ``max_record_bytes`` are those of `RecordReader`: a larger record is left. With
    ``verify="none"`` a file whose writer left out the checksums, or took others, is written again
    with true ones; what is damaged in it nobody can tell.

    What is new takes its name when it is complete. A file or a set of that name raises
    ``FileExistsError`` unless ``overwrite`` is given; the source itself is never replaced, that is
    a ``ValueError``. ``progress`` is called after every block with the source's name and how many
    of its bytes have been read.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> folder = tempfile.mkdtemp()
    >>> _ = tfr.write_records(folder + "/a", [b"foo", b"barbaz", b"last"])
    >>> with open(folder + "/a", "r+b") as file:
    ...     _ = file.seek(19) and file.write(b"\xff" * 8)
    >>> report = salvage(folder + "/a", folder + "/b")
    >>> [(damage.begin, damage.end) for damage in report.files[0].damage]
    [(19, 41)]
    >>> list(tfr.read_records(folder + "/b"))
    [b'foo', b'last']
    """
    if write_compression not in ("auto", "infer"):
        codec_named(write_compression)
    src, options = with_own_options(
        src,
        compression=compression,
        verify=check_verify(verify),
        max_record_bytes=at_least(0, max_record_bytes=max_record_bytes),
    )
    sources = _Sources.of(src)
    report = Report([], written=name_of(dst))
    with ExitStack() as stack:
        writer: FrameWriter | None = None
        for source in sources.files:
            found = FileReport(name_of(source), expected=sources.expected(source))
            reader = RecordReader(source, on_damage=found.add_damage, **options)
            with reader:
                if writer is None:
                    codec = reader.compression if write_compression == "auto" else write_compression
                    writer = stack.enter_context(_open(dst, sources, codec, overwrite=overwrite))
                _copy(reader, writer, found, progress, checked=options["verify"] is True)
            if not found.regions and found.expected not in (None, found.records):
                # A shard that was cut between records, or written to, is intact as far as it goes.
                reason = (
                    f"it has {found.records:,} records, its manifest or index says "
                    f"{found.expected:,}"
                )
                found.add_fault(Fault(found.path, "records", reason))
            if isinstance(writer, ShardWriter):
                writer.end_shard()
            report.files.append(found)
    report.files += sources.missing
    return report


class _Sources(NamedTuple):
    """What is copied: files, whether they make a set, and what manifests say of them."""

    files: Sequence[PathOrFile]
    is_set: bool = False
    manifests: Sequence[Manifest] = ()
    missing: Sequence[FileReport] = ()

    @classmethod
    def of(cls, src: Paths) -> _Sources:
        inventory = Inventory.take(src, "auto")
        if is_path(src):
            path = name_of(src)
            is_set = inventory.files != [path] and not is_left_folder(path)
        else:
            is_set = not hasattr(src, "read")
        for unread in inventory.unreadable:
            assert unread.error is not None
            if is_set:
                # The features that it says would be lost.
                raise unread.error
            lost = "so how many records the source should have is not known"
            warnings.warn(f"{printable(str(unread.error))}; {lost}", stacklevel=3)
        entries = inventory.entries.values()
        manifests = {manifest.path: manifest for known in entries for manifest, _ in known}
        counts = _counts(manifests.values())
        missing = []
        for fault in inventory.faults:
            if fault.kind == "missing":
                gone = FileReport(fault.path, expected=counts.get(os.path.normpath(fault.path)))
                gone.add_fault(fault)
                missing.append(gone)
        if not inventory.files:
            fault = inventory.faults[0]
            raise FileNotFoundError(f"{printable(fault.path)}: {fault.reason}")
        return cls(inventory.files, is_set, [*manifests.values()], missing)

    def expected(self, file: PathOrFile) -> int | None:
        """Return how many records a file had, where that is known."""
        if not is_path(file):
            return None
        path = name_of(file)
        known = _counts(self.manifests).get(os.path.normpath(path))
        if known is None:
            with suppress(OSError, ValueError, TFRecordError):
                known = len(RecordIndex.load(path))
        return known

    def features(self) -> Any:
        """Return the features that the manifest says, where there is one of all files."""
        if len(self.manifests) == 1 and (text := self.manifests[0].features) is not None:
            with suppress(ValueError):
                return features_from_json(text)
        return None


def _counts(manifests: Iterable[Manifest]) -> dict[str, int]:
    return {
        os.path.normpath(file): entry.records
        for manifest in manifests
        for file, entry in zip(manifest.files, manifest.entries, strict=True)
    }


def _open(
    dst: PathOrFile, sources: _Sources, codec: Compression, *, overwrite: bool
) -> FrameWriter:
    written: list[PathOrFile] = [name_of(dst) if is_path(dst) else dst]
    if sources.is_set and is_path(dst):
        names = ShardNames(dst)
        written = [os.path.join(names.folder, name) for name in names.present()]
    for old in written:
        if any(is_same_file(source, old) for source in sources.files):
            raise ValueError(
                f"{printable(name_of(old))}: salvage never replaces its source; choose another "
                "name, and rename it once you have looked at it"
            )
    if not is_path(dst):
        return RecordWriter(dst, compression=codec)
    if not sources.is_set:
        refuse_sources(sources.files, dst)
        return RecordWriter(dst, compression=codec, mode="w" if overwrite else "x")
    return ShardWriter(
        dst,
        compression=codec,
        overwrite=overwrite,
        features=sources.features(),
        bytes_per_shard=_ONE_SHARD,
    )


def _copy(
    reader: RecordReader,
    writer: FrameWriter,
    found: FileReport,
    progress: Callable[[str, int], object] | None,
    *,
    checked: bool,
) -> None:
    for block in reader.blocks():
        block.has_frames = checked and block.has_space
        writer.write_many(block)
        found.records += len(block)
        found.raw_bytes += int(block.lengths.sum()) + FRAME_OVERHEAD * len(block)
        reader.recycle(block)
        if progress is not None:
            progress(found.path, reader.source_offset)
