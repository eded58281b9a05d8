"""Check both checksums of every record, through all damage, to the end of the last file."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.integrity.check import ByteRange, Checker, Checksum, RangeReport
from tfrecord_lite.integrity.inventory import Inventory, with_own_options
from tfrecord_lite.integrity.payloads import Payloads
from tfrecord_lite.integrity.report import Fault, FileReport, Report
from tfrecord_lite.integrity.schedule import Schedule
from tfrecord_lite.records.compression import codec_of
from tfrecord_lite.records.file_system import known_size
from tfrecord_lite.records.numbers import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Path, PathOrFile, Paths
    from tfrecord_lite.files.manifest import Manifest, ManifestEntry
    from tfrecord_lite.files.record_set import RecordSet

__all__ = ["verify"]


def verify(
    paths: Paths | RecordSet,
    *,
    manifest: Manifest | Path | Literal["auto"] | None = "auto",
    examples: bool = False,
    features: FeaturesLike | None = None,
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    workers: int | None = None,
    progress: Callable[[str, int], object] | None = None,
) -> Report:
    """Check both checksums of every record of every file.

    ``paths`` is what `RecordSet` takes, or one of these, with its compression. Damage never ends
    the check: it is noted, and the check goes on after it and with the next file; so it is with a
    file that cannot be read.

    With ``manifest="auto"`` the files are compared with each manifest beside them that names them:
    which shards there are, their sizes, compression, checksums and numbers of records. It may also
    be a manifest or its path, that of a copy in another folder too, or None; a set that is named as
    a whole is the shards of its own manifest all the same. With ``examples`` each record is decoded
    too, and named where it is no Example, where it does not have the ``features`` (left out: those
    in the manifest, or else those that the first records have), or where TensorFlow would read
    something else in it than protobuf. ``features`` and ``strict`` are those of `read_batches`.

    ``workers`` is how many processes share the work, 0 for none beside this one; left out, large
    files and many files are spread over all cores, by threads or by processes, whichever is faster.
    ``progress`` is called now and then with a file's name and how many bytes of it, as it lies on
    the disk, have been read. Memory stays small, however large a record is; with ``examples`` it is
    bounded by the largest.

    Raises ``FileNotFoundError`` for a path that means nothing. All that is wrong with files is in
    the report.

    >>> import tempfile, tfrecord_lite as tfr
    >>> folder = tempfile.mkdtemp()
    >>> _ = tfr.write_records(folder + "/a.tfrecord", [b"foo", b"barbaz"])
    >>> report = verify(folder)
    >>> report.ok, report.files[0].records, report.files[0].raw_bytes
    (True, 2, 41)
    """
    paths, options = with_own_options(paths, compression=compression)
    compression = options["compression"]
    if workers is not None and integer(workers=workers) < 0:
        raise ValueError(f"workers={workers} must be at least 0, or None")
    inventory = Inventory.take(paths, manifest)
    payloads = None
    if examples:
        payloads = Payloads.of(inventory, features, compression, strict=strict)
    elif features is not None:
        raise ValueError("features are for examples=True; records are not decoded without")
    checker = Checker(compression, payloads, progress)
    schedule = Schedule(inventory.files, compression, workers, decode=examples)
    files = list(_check_files(schedule, checker, inventory.files))
    _compare_with_manifests(schedule, checker, inventory, files)
    reports = _with_faults([*files, *inventory.unreadable], inventory.faults)
    return Report(reports, inventory.leftovers)


def _check_files(
    schedule: Schedule, checker: Checker, files: list[PathOrFile]
) -> Iterator[FileReport]:
    """Check all files, those in which a part is not well once more as a whole."""
    reports = [_joined(outcomes) for outcomes in _outcomes(schedule, checker, files)]
    again = [file for file, report in zip(files, reports, strict=True) if report is None]
    seconds = schedule.run(checker, again)
    for report in reports:
        yield next(seconds) if report is None else report


def _outcomes(
    schedule: Schedule, checker: Checker, files: list[PathOrFile]
) -> Iterator[list[tuple[Any, Any]]]:
    """Yield for each file its tasks, with what came of each."""
    tasks = [task for file in files for task in schedule.tasks_of(file)]
    outcomes = schedule.run(checker, tasks)
    for file in files:
        done = []
        for task in schedule.tasks_of(file):
            done.append((task, next(outcomes)))
            if checker.progress is not None and isinstance(file, str):
                at = task.end if isinstance(task, ByteRange) else known_size(file)
                checker.progress(file, at)
        yield done


def _joined(outcomes: list[tuple[Any, Any]]) -> FileReport | None:
    """Make one report of those of a file's parts; None where they do not make a whole file."""
    if isinstance(outcomes[0][1], FileReport):
        return outcomes[0][1]
    report = FileReport(outcomes[0][0].path)
    part: RangeReport | None
    for _, part in outcomes:
        # A part begins with the first true record in it. If that lies inside another record, the
        # part before ends elsewhere.
        if part is None or (part.records and part.begin != report.raw_bytes):
            return None
        if part.records:
            report.raw_bytes = part.end
            report.records += part.records
    return report if report.raw_bytes == known_size(report.path) else None


def _compare_with_manifests(
    schedule: Schedule, checker: Checker, inventory: Inventory, reports: list[FileReport]
) -> None:
    """Note where files are not what manifests say of them."""
    whole = []
    for file, report in zip(inventory.files, reports, strict=True):
        entries = inventory.entries.get(file, []) if isinstance(file, str) else []
        for manifest, entry in entries:
            for fault in _differences(report, manifest, entry, checker.compression):
                report.add_fault(fault)
        if entries and report.ok:
            whole.append((report, entries))
    crcs = schedule.run(checker, [Checksum(report.path) for report, _ in whole])
    for (report, entries), crc in zip(whole, crcs, strict=True):
        if isinstance(crc, OSError):
            report.error = crc
            continue
        for manifest, entry in entries:
            if crc != entry.crc32c:
                reason = (
                    f"its bytes have the checksum 0x{crc:08x}, {manifest.path} says "
                    f"0x{entry.crc32c:08x}: whole records were exchanged, doubled or moved"
                )
                report.add_fault(Fault(report.path, "checksum", reason))


def _differences(
    report: FileReport, manifest: Manifest, entry: ManifestEntry, compression: CompressionOrAuto
) -> Iterator[Fault]:
    if report.error is not None:
        return
    size = known_size(report.path)
    found = {
        "size": (size, entry.size, "bytes"),
        "records": (report.records, entry.records, "records"),
    }
    for kind, (has, said, noun) in found.items():
        if has != said:
            reason = f"it has {has:,} {noun}, {manifest.path} says {said:,}"
            yield Fault(report.path, kind, reason)
    # A file of no bytes has any. One that is as large as its frames has none, and is not opened for
    # that: it takes a store two more requests.
    is_plain = manifest.compression is None and size == report.raw_bytes
    if size and not report.damage and not is_plain:
        with suppress(OSError, TFRecordError):
            codec = codec_of(report.path, compression)
            if codec != manifest.compression:
                names = [name or "none" for name in (codec, manifest.compression)]
                reason = f"its compression is {names[0]}, {manifest.path} says {names[1]}"
                yield Fault(report.path, "compression", reason)


def _with_faults(reports: list[FileReport], faults: list[Fault]) -> list[FileReport]:
    """Add what was known of files beforehand to their reports, or to new ones after the others."""
    by_path = {os.path.normpath(report.path): report for report in reports}
    for fault in faults:
        path = os.path.normpath(fault.path)
        if path not in by_path:
            by_path[path] = FileReport(fault.path)
            reports.append(by_path[path])
        by_path[path].add_fault(fault)
    return reports
