"""Bytes: frames, files and streams. Nothing in this package knows what a record means."""

from tfrecord_lite.records.checksum import mask_crc, masked_crc32c, unmask_crc
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.writer import RecordWriter, write_records

__all__ = [
    "RecordBlock",
    "RecordReader",
    "RecordWriter",
    "mask_crc",
    "masked_crc32c",
    "unmask_crc",
    "write_records",
]
