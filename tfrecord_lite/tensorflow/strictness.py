"""Whether records are Examples and nothing else, by the bytes at their front.

TensorFlow's parser passes over what stands beside the features, so the feature lists of a
SequenceExample would be lost. Nearly every Example is one field, as long as the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.example.words import BYTE, as_words, varints_in
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.records.framing import HEADER_SIZE
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array, Uint8Array
    from tfrecord_lite.files.index import RecordIndex
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["require_examples", "require_examples_in"]

_FEATURES = np.uint64(0x0A)
_TAG_BITS = np.uint64(8)
# Tag and length at the front of a record: more than there ever are.
_FRONT_BYTES = 16
_AT_ONCE = 1 << 14


def require_examples(index: RecordIndex) -> None:
    """Look at each record of an indexed plain file; raises as `require_examples_in`.

    Large records are not read.
    """
    count = len(index)
    if not count or int(index.bounds[-1]) // count < thresholds.skipped_record_bytes:
        with RecordReader(index.path, compression=None, verify=False) as reader:
            for block in reader.blocks():
                require_examples_in(block)
                reader.recycle(block)
        return
    with PositionedFile(index.path) as file, RecordFile(index.path, index=index) as records:
        index.check(file)
        for first in range(0, count, _AT_ONCE):
            numbers = np.arange(first, min(first + _AT_ONCE, count))
            begins = index.bounds[numbers] + HEADER_SIZE
            ends = begins + np.minimum(index.lengths[numbers], _FRONT_BYTES)
            fronts = file.read_spans(begins.tolist(), ends.tolist())
            buffer = np.frombuffer(b"".join(f.ljust(_FRONT_BYTES) for f in fronts), np.uint8)
            starts = np.arange(len(numbers)) * _FRONT_BYTES
            for number in numbers[~_are_one_field(buffer, starts, index.lengths[numbers])].tolist():
                require_examples_in(records.read_block([number]))


def require_examples_in(block: RecordBlock) -> None:
    """Raise `ExampleError`, with its place, for a record that is not an Example and nothing else.

    The features themselves are not looked at.
    """
    buffer = block.padded_buffer()
    for row in np.flatnonzero(~_are_one_field(buffer, block.starts, block.lengths)).tolist():
        try:
            decode_example(block[row])
        except ExampleError as error:
            raise error_at(block, row, error.reason) from None


def _are_one_field(
    buffer: Uint8Array, starts: Int64Array, lengths: Int64Array
) -> npt.NDArray[np.bool_]:
    """Tell which records are one Features message of the record's own length, or empty."""
    words: Any = as_words(buffer)[starts]
    value, size, known = varints_in(words >> _TAG_BITS)
    one = (words & BYTE == _FEATURES) & known & (value + size + 1 == lengths)
    found: npt.NDArray[np.bool_] = one | (lengths == 0)
    return found
