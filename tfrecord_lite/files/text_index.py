"""The text index that NVIDIA DALI, its ``tfrecord2idx`` and others share.

A line for each record: the offset of its frame and the frame's size, two decimal numbers in bytes
with a space between, and nothing else. As DALI does, any whitespace is taken as a separator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.storage import Output, name_of, path_of
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import Int64Array, Path

__all__ = ["read_text_index", "write_text_index"]

# No file has an offset of more digits; int64 holds these, and the sum of two.
_MOST_DIGITS = 18
_DIGITS = b"0123456789"
_ALLOWED = _DIGITS + b" \n\r\t"


def write_text_index(path: Path, bounds: Int64Array) -> None:
    """Write the index of frames that begin and end at ``bounds``, int64 ``[records + 1]``."""
    with Output(path, mode="w", atomic=None, fsync=False) as output:
        for first in range(0, len(bounds) - 1, limits.text_rows):
            edges = bounds[first : first + limits.text_rows + 1]
            rows = zip(edges[:-1].tolist(), np.diff(edges).tolist(), strict=True)
            output.write("".join(map("%d %d\n".__mod__, rows)).encode("ascii"))


def read_text_index(path: Path) -> Int64Array:
    """Return where frames begin and end: int64 ``[records + 1]``.

    The lines must be in the order of the records and leave none out: frame after frame, from the
    file's first byte on. Otherwise `StaleIndexError`.
    """
    name = name_of(path)
    parts: list[Int64Array] = [np.zeros(1, np.int64)]
    rows = 0
    for numbers in _pairs(path):
        if len(numbers) % 2:
            raise StaleIndexError("the index ends within a line: it was truncated", path=name)
        starts, sizes = numbers[::2], numbers[1::2]
        ends = starts + sizes
        fits = np.concatenate([parts[-1][-1:], ends[:-1]]) == starts
        fits &= sizes >= FRAME_OVERHEAD
        if not fits.all():
            bad = int(np.argmin(fits))
            raise StaleIndexError(
                f"record {rows + bad} of the index is at byte {starts[bad]}, size {sizes[bad]}; "
                "frames have at least 16 bytes and follow each other without a gap",
                path=name,
            )
        parts.append(ends)
        rows += len(ends)
    return np.concatenate(parts)


def _pairs(path: Path) -> Iterator[Int64Array]:
    """Yield the numbers of a file, an even count at a time unless it ends within a line."""
    tokens: list[bytes] = []
    left = b""
    with open_file(path_of(path)) as file:
        while chunk := file.read(limits.text_bytes):
            text = left + chunk
            # The last number may go on in the next chunk.
            whole = len(text.rstrip(_DIGITS))
            tokens += text[:whole].split()
            left = text[whole:]
            longest = max(map(len, tokens), default=0)
            if text.translate(None, _ALLOWED) or max(longest, len(left)) > _MOST_DIGITS:
                raise StaleIndexError(
                    "no text index: it holds other than numbers", path=name_of(path)
                )
            even = len(tokens) & ~1
            yield np.array(list(map(int, tokens[:even])), np.int64)
            del tokens[:even]
    yield np.array(list(map(int, [*tokens, *left.split()])), np.int64)
