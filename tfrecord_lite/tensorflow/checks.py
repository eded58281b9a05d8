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
from tfrecord_lite.records.compression import codec_of
from tfrecord_lite.records.file_system import checksum_of
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.tensorflow.calls import ends_with_python
from tfrecord_lite.tensorflow.ranges import front, landmarks_of
from tfrecord_lite.tensorflow.strictness import TopLevel, require, require_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tfrecord_lite.dataset.epoch_records import EpochRecords

__all__ = ["CheckedFiles", "before_each_epoch"]


class CheckedFiles:
    """The files that are to be read: their codecs, and where each can be read from.

    That is its front, which is all that is known of one that nobody has looked through.
    """

    def __init__(self, records: EpochRecords) -> None:
        self._records = records
        self._top: TopLevel | None = None
        manifest, compression = records.manifest, records.set.options["compression"]
        self.codecs = [codec_of(file, compression) for file in records.files]
        entries = {entry.name: entry for entry in manifest.entries} if manifest else {}
        self._entries = [entries.get(os.path.basename(file)) for file in records.files]
        known = zip(records.sizes, self.codecs, self._entries, strict=True)
        self.landmarks = [
            front(size if codec is None else None if entry is None else entry.raw_bytes)
            for size, codec, entry in known
        ]

    def look_through(self, start: int, batch_size: int, *, top: TopLevel | None) -> None:
        """Look through all files; note how many records they have, and where to begin to read.

        Batches are likely to be wanted from the record ``start`` on.

        Of a plain file the headers of all records are looked at, and blocked gzip is read to its
        end. A record is refused that has other messages at its top level than ``top``, where that
        is given. A compressed file that the manifest has is compared with its checksum there.
        Streams are not inflated, so of one without manifest nothing is known.

        Raises what `RecordReader` and `decode_example` raise, with file, record and offset, and
        `TFRecordError` for a file that is not the one in the manifest.
        """
        self._top = top
        records, manifest = self._records, self._records.manifest
        found: dict[str, RecordIndex | None] = {}
        base = 0
        for number, file in enumerate(records.files):
            first_time = file not in found
            if first_time:
                found[file] = self._index(number)
            index = found[file]
            if index is None:
                continue
            if index.members is None:
                first = start - base if start > base else (start - base) % batch_size
                self.landmarks[number] = landmarks_of(index.bounds, first, batch_size)
            else:
                self.landmarks[number] = front(index.raw_bytes)
            count, entry = len(index), self._entries[number]
            base += count
            if manifest is not None and entry is not None and count != entry.records:
                raise TFRecordError(
                    f"found {count} records, but {manifest.path} says {entry.records}: this is "
                    "another file, or it was written to since; write the set again",
                    path=file,
                )
            if first_time:
                self._require_top(index)
            records.counts[number] = count

    def look_again(self) -> None:
        """See that the files are those that were looked through, or are as good.

        Raises `TFRecordError` for one that is not: records begin elsewhere, or are more, or fewer.
        """
        self._records.look_again(self._is_as_good)

    def _is_as_good(self, number: int) -> bool:
        records = self._records
        codec = codec_of(records.files[number], records.set.options["compression"])
        if codec != self.codecs[number]:
            return False
        index = self._index(number)
        if index is None:
            return True
        marks = self.landmarks[number]
        same = len(index) == records.counts[number]
        if same and index.members is None:
            same = index.raw_bytes == marks.raw_bytes
            same = same and bool((index.bounds[marks.records] == marks.offsets).all())
        if same:
            self._require_top(index)
        return same

    def _require_top(self, index: RecordIndex) -> None:
        if self._top is not None and index.members is None:
            require(index, self._top)

    def _index(self, number: int) -> RecordIndex | None:
        """Index a file, and look at the records of blocked gzip; None for a stream.

        What whoever reads it after this does not verify is not verified here.
        """
        file, codec = self._records.files[number], self.codecs[number]
        entry = self._entries[number]
        if codec is not None and entry is not None and (crc := checksum_of(file)) != entry.crc32c:
            raise TFRecordError(
                f"the checksum of this file is 0x{crc:08x}, its manifest says "
                f"0x{entry.crc32c:08x}: it is damaged, or another; restore it, or write the set "
                "again",
                path=file,
                expected=entry.crc32c,
                actual=crc,
            )
        options = self._records.set.options
        verify, most = options["verify"], options["max_record_bytes"]
        try:
            # A sidecar is not believed: the file itself must be as it should.
            index = RecordIndex.build(
                file, compression=codec, verify=verify if verify == "none" else False
            )
        except CompressionError:
            return None
        if index.members is not None:
            # TensorFlow compares nothing with what members state, by which records are counted.
            with RecordReader(
                file, compression=codec, verify=verify, max_record_bytes=most
            ) as reader:
                for block in reader.blocks():
                    if self._top is not None:
                        require_in(block, self._top)
                    reader.recycle(block)
        return index


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
