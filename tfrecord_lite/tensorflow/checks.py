"""What must be kept away from TensorFlow's reader: it is looked for before training.

TensorFlow dies of a length far beyond the end of the file, and takes a file that ends inside a
header, or inside its compressed stream, for one that ends there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfrecord_lite.errors import CompressionError, TFRecordError
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.records.compression import Codec, codec_of
from tfrecord_lite.records.file_system import checksum_of
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.tensorflow.calls import ends_with_python
from tfrecord_lite.tensorflow.ranges import Landmarks, front, landmarks_of
from tfrecord_lite.tensorflow.strictness import TopLevel, require, require_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.files.manifest import ManifestEntry

__all__ = ["before_each_epoch", "check_files", "find_codecs", "find_fronts", "look_again"]


def find_codecs(records: EpochRecords) -> list[Codec]:
    """Return the codec of each file: as named, or from its first bytes."""
    return [codec_of(file, records.set.options["compression"]) for file in records.files]


def find_fronts(records: EpochRecords, codecs: list[Codec]) -> list[Landmarks]:
    """Return the front of each file, all that is known of one that nobody has looked through."""
    entries = _entries(records)
    sizes = zip(records.files, records.sizes, codecs, strict=True)
    fronts = []
    for file, size, codec in sizes:
        entry = entries.get(os.path.basename(file))
        raw_bytes = size if codec is None else None if entry is None else entry.raw_bytes
        fronts.append(front(raw_bytes))
    return fronts


def check_files(
    records: EpochRecords, codecs: list[Codec], start: int, batch_size: int, *, top: TopLevel | None
) -> list[Landmarks]:
    """Look through all files; note how many records they have, return where these can be read from.

    Batches are likely to be wanted from the record ``start`` on.

    Of a plain file the headers of all records are looked at, and blocked gzip is read to its end. A
    record is refused that has other messages at its top level than ``top``, where that is given.
    A compressed file that the manifest has is compared with its checksum there. Streams are not
    inflated, so of one without manifest nothing is known.

    Raises what `RecordReader` and `decode_example` raise, with file, record and offset, and
    `TFRecordError` for a file that is not the one in the manifest.
    """
    manifest, entries = records.manifest, _entries(records)
    landmarks = find_fronts(records, codecs)
    found: dict[str, tuple[RecordIndex, Landmarks] | None] = {}
    base = 0
    for number, (file, codec) in enumerate(zip(records.files, codecs, strict=True)):
        entry = entries.get(os.path.basename(file))
        first_time = file not in found
        if first_time:
            if entry is not None and codec is not None:
                _compare_content(file, entry)
            first = start - base if start > base else (start - base) % batch_size
            index = _index(records, file, codec, top=top)
            found[file] = None if index is None else _look_through(index, first, batch_size)
        look = found[file]
        if look is None:
            continue
        index, landmarks[number] = look
        count = len(index)
        base += count
        if manifest is not None and entry is not None and count != entry.records:
            raise TFRecordError(
                f"found {count} records, but {manifest.path} says {entry.records}: this is another "
                "file, or it was written to since; write the set again",
                path=file,
            )
        if first_time and top is not None and index.members is None:
            require(index, top)
        records.counts[number] = count
    return landmarks


def look_again(
    records: EpochRecords, codecs: list[Codec], landmarks: list[Landmarks], *, top: TopLevel | None
) -> None:
    """See that the files are those that were looked through, or are as good.

    Raises `TFRecordError` for one that is not: records begin elsewhere, or are more, or fewer.
    """

    def accept(number: int) -> bool:
        file, codec = records.files[number], codecs[number]
        if codec_of(file, records.set.options["compression"]) != codec:
            return False
        entry = _entries(records).get(os.path.basename(file))
        if entry is not None and codec is not None:
            _compare_content(file, entry)
        index = _index(records, file, codec, top=top)
        if index is None:
            return True
        marks = landmarks[number]
        if index.members is not None:
            return len(index) == records.counts[number]
        if len(index) != records.counts[number] or index.bounds[-1] != marks.raw_bytes:
            return False
        if not (index.bounds[marks.records] == marks.offsets).all():
            return False
        if top is not None:
            require(index, top)
        return True

    records.look_again(accept)


def before_each_epoch(look: Callable[[], None] | None, data: Any) -> Any:
    """Return a dataset that calls ``look`` whenever it begins."""
    if look is None:
        return data

    @ends_with_python
    def step(start: npt.NDArray[Any]) -> npt.NDArray[Any]:
        look()
        return start

    begin = tf.data.Dataset.from_tensors(0)
    # A stateful one would keep iterators from being saved in checkpoints.
    begin = begin.map(lambda start: tf.numpy_function(step, [start], tf.int32, stateful=False))
    return begin.flat_map(lambda _: data)


def _entries(records: EpochRecords) -> dict[str, ManifestEntry]:
    manifest = records.manifest
    return {} if manifest is None else {entry.name: entry for entry in manifest.entries}


def _compare_content(file: str, entry: ManifestEntry) -> None:
    crc = checksum_of(file)
    if crc != entry.crc32c:
        raise TFRecordError(
            f"the checksum of this file is 0x{crc:08x}, its manifest says 0x{entry.crc32c:08x}: it "
            "is damaged, or another; restore it, or write the set again",
            path=file,
            expected=entry.crc32c,
            actual=crc,
        )


def _look_through(index: RecordIndex, first: int, batch_size: int) -> tuple[RecordIndex, Landmarks]:
    """Find the landmarks of a file."""
    if index.members is None:
        return index, landmarks_of(index.bounds, first, batch_size)
    return index, front(int(index.members.raw_offsets[-1]))


def _index(
    records: EpochRecords, file: str, codec: Codec, *, top: TopLevel | None
) -> RecordIndex | None:
    """Index a file, and look at the records of blocked gzip; None for a stream.

    What whoever reads it after this does not verify is not verified here.
    """
    verify, most = (records.set.options[name] for name in ("verify", "max_record_bytes"))
    try:
        # A sidecar is not believed: the file itself must be as it should.
        index = RecordIndex.build(
            file, compression=codec, verify=verify if verify == "none" else False
        )
    except CompressionError:
        return None
    if index.members is not None:
        # TensorFlow compares nothing with what the members state, by which records are counted.
        with RecordReader(file, compression=codec, verify=verify, max_record_bytes=most) as reader:
            for block in reader.blocks():
                if top is not None:
                    require_in(block, top)
                reader.recycle(block)
    return index
