"""Whether records are Examples, or SequenceExamples, and nothing else, by tags and lengths alone.

TensorFlow's parser passes over what stands beside what it reads, so the feature lists of a
SequenceExample would be lost where Examples are read. Nearly every record has its messages in order
and each but once: they end where the record does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.example.words import BYTE, as_words, varints_in
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.records.framing import HEADER_SIZE, RecordBlock
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.files.index import RecordIndex

__all__ = ["EXAMPLES", "SEQUENCE_EXAMPLES", "TopLevel", "require", "require_in"]

_TAG_BITS = np.uint64(8)
# A tag and a length: more than there ever are.
_HEAD_BYTES = 16
_AT_ONCE = 1 << 14


class TopLevel(NamedTuple):
    """The messages that records consist of, by their tags, and what reads one strictly."""

    tags: tuple[int, ...]
    decode: Callable[[bytes], object]


EXAMPLES = TopLevel((0x0A,), decode_example)
SEQUENCE_EXAMPLES = TopLevel((0x0A, 0x12), lambda data: decode_sequence_example(data, strict=True))


def require(index: RecordIndex, top: TopLevel) -> None:
    """Look at each record of an indexed plain file; raises as `require_in`.

    Of large records no more than tags and lengths is read. Checksums are TensorFlow's to check,
    but for that of a record that is refused: `CorruptRecordError` where it does not hold.
    """
    try:
        _look(index, top)
    except ExampleError as error:
        if error.record is not None:
            with RecordFile(index.path, index=index) as records:
                records[error.record]
        raise


def _look(index: RecordIndex, top: TopLevel) -> None:
    count = len(index)
    if not count or int(index.bounds[-1]) // count < thresholds.skipped_record_bytes:
        with RecordReader(index.path, compression=None, verify=False) as reader:
            for block in reader.blocks():
                require_in(block, top)
                reader.recycle(block)
        return
    with PositionedFile(index.path) as file, RecordFile(index.path, index=index) as records:
        index.check(file)
        for first in range(0, count, _AT_ONCE):
            numbers = np.arange(first, min(first + _AT_ONCE, count))
            starts, lengths = index.bounds[numbers] + HEADER_SIZE, index.lengths[numbers]
            places = np.arange(len(numbers)) * _HEAD_BYTES
            position = np.zeros(len(numbers), np.int64)
            for tag in top.tags:
                ends = starts + np.minimum(position + _HEAD_BYTES, lengths)
                heads = file.read_spans((starts + position).tolist(), ends.tolist())
                buffer = np.frombuffer(b"".join(h.ljust(_HEAD_BYTES) for h in heads), np.uint8)
                position = _passed(as_words(buffer)[places], tag, position, lengths)
            for number in numbers[position < lengths].tolist():
                require_in(records.read_block([number]), top)


def require_in(block: RecordBlock, top: TopLevel) -> None:
    """Raise `ExampleError`, with its place, for a record that does not consist of these messages.

    What is in the messages is not looked at.
    """
    words = as_words(block.padded_buffer())
    position = np.zeros(len(block), np.int64)
    for tag in top.tags:
        position = _passed(words[block.starts + position], tag, position, block.lengths)
    for row in np.flatnonzero(position < block.lengths).tolist():
        try:
            top.decode(block[row])
        except ExampleError as error:
            raise error_at(block, row, error.reason) from None


def _passed(words: Any, tag: int, position: Int64Array, lengths: Int64Array) -> Int64Array:
    """Return the position after a message with this tag, where the record has one there.

    ``words`` are the bytes at the position; of one that is not there it stays where it is.
    """
    size, width, known = varints_in(words >> _TAG_BITS)
    stop = position + 1 + width + size
    there = (words & BYTE == np.uint64(tag)) & known & (position < lengths) & (stop <= lengths)
    passed: Int64Array = np.where(there, stop, position)
    return passed
