"""Masked CRC-32C: of one piece of data, and of every record of a block at once.

TFRecord stores a CRC *masked*, so that the CRC of data that itself holds CRCs stays meaningful. The
rule is TensorFlow's (``xla/tsl/lib/hash/crc32c.h``): rotate right by 15 bits and add a constant,
modulo 2^32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from crc32c import crc32c

from tfrecord_lite.byte_strings import contiguous

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from tfrecord_lite._types import Int64Array, Uint8Array, Uint32Array

__all__ = [
    "crc32c",
    "first_bad_length",
    "first_bad_record",
    "first_other_length",
    "mask_crc",
    "mask_crcs",
    "masked_crc32c",
    "unmask_crc",
]

MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF


def mask_crc(crc: int) -> int:
    """Return the masked form of a CRC-32C, as it stands in a file.

    >>> hex(mask_crc(0))
    '0xa282ead8'
    """
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & _UINT32


def unmask_crc(masked: int) -> int:
    """Return the CRC-32C whose masked form this is.

    >>> unmask_crc(mask_crc(0x12345678)) == 0x12345678
    True
    """
    rotated = (masked - MASK_DELTA) & _UINT32
    return (rotated >> 17 | rotated << 15) & _UINT32


def mask_crcs(crcs: Uint32Array) -> Uint32Array:
    """Return the masked forms of a column of CRCs, uint32 ``[crcs]``."""
    masked: Uint32Array = (crcs >> np.uint32(15) | crcs << np.uint32(17)) + np.uint32(MASK_DELTA)
    return masked


def _unmask_crcs(masked: Uint32Array) -> Uint32Array:
    rotated = masked - np.uint32(MASK_DELTA)
    crcs: Uint32Array = rotated >> np.uint32(17) | rotated << np.uint32(15)
    return crcs


def masked_crc32c(data: Buffer) -> int:
    """Return the masked CRC-32C of any C-contiguous bytes-like object; TypeError for all else.

    >>> hex(masked_crc32c(b"foo"))
    '0xfebe8a61'
    """
    return mask_crc(crc32c(contiguous(data, "what is checked")))


def first_bad_record(
    buffer: Uint8Array,
    starts: Int64Array,
    lengths: Int64Array,
    undo: list[Callable[[], None]] | None = None,
) -> int:
    """Return the index of the first record of which a checksum fails; ``len(starts)`` if all hold.

    ``buffer`` is uint8 and holds frames that follow each other without a gap: ``starts[i]`` is
    where record i's data begins, ``lengths[i]`` its length in bytes. Both checksums of every record
    are checked, of its length and of its data, and ``lengths`` against the lengths that the frames
    state.

    The buffer is changed for a moment. Where an exception from outside, a signal handler's, leaves
    it so, what is in ``undo`` mends it.
    """
    if len(starts) and not _block_is_intact(buffer, starts, lengths, [] if undo is None else undo):
        return _first_bad_one_by_one(buffer, starts, lengths)
    return len(starts)


# What stands between the data of one record and that of the next, and the first four bytes of the
# next, as words.
_SEAM = np.dtype(
    [("crc", "<u4"), ("length", "<u4"), ("high", "<u4"), ("length_crc", "<u4"), ("head", "<u4")]
)
_BEFORE = 16  # bytes of a seam before the record's data


def _block_is_intact(
    buffer: Uint8Array, starts: Int64Array, lengths: Int64Array, undo: list[Callable[[], None]]
) -> bool:
    """Check both CRCs of all records with one CRC call over the block, patched meanwhile.

    Why that is right. Let R(x) be the CRC register after the bytes x, begun at 0 and not
    complemented at the end; R is linear over XOR, and leading zeros leave it 0. The CRC that a file
    stores begins at all ones, which equals complementing the first four bytes, and complements the
    end: c = ~R(D'), where D' is D with its first four bytes complemented. Appending a register's
    own value brings the register to 0. So

        D' followed by ~c (little-endian) has R = 0 exactly when c is the CRC of D,

    and the same holds for a header's 8 length bytes and their CRC. With the register at 0 after
    each such piece, the next begins as if it were the first: a block in which every CRC holds has R
    = 0. One in which some do not has R = 0 by an accident of probability 2^-32, as for any single
    CRC.

    The words to patch lie around each seam between two records. The 20 bytes there are lifted out,
    patched for all records at once, put back for the time of the CRC, and then restored. The seam
    before the first record has no CRC in front, and after the last one there is nothing else. A
    record shorter than 4 bytes has no first four bytes: it is checked by itself and zeroed (zeros
    leave the register 0), and what of the next seam was patched in its place is restored with it.
    """
    begin, end = int(starts[0]) - 12, int(starts[-1] + lengths[-1]) + 4
    if not buffer.flags.writeable:
        buffer = buffer.copy()
    short = np.flatnonzero(lengths < 4)
    if len(short) and _first_bad_one_by_one(buffer, starts[short], lengths[short]) < len(short):
        return False
    # The seams of all records but the first, whose lies at the block's edge, and of that one.
    windows: Any = np.ndarray((max(len(buffer) - 19, 0),), "V20", buffer=buffer, strides=(1,))
    at = starts[1:] - _BEFORE
    between: Any = windows[at]
    edges = buffer[begin : begin + _BEFORE].copy(), buffer[end - 4 : end].copy()
    seams: Any = np.empty(len(starts) + 1, _SEAM)
    # Bytes are copied at once, fields one by one.
    lines = seams.view(np.uint8).reshape(-1, 20)
    lines[1:-1] = between.view(np.uint8).reshape(-1, 20)
    lines[0, 4:], lines[-1, :4] = edges
    stated = seams["length"][:-1].astype(np.int64)
    if seams["high"][:-1].any() or not np.array_equal(stated, lengths):
        return False
    for name in ("crc", "length_crc"):
        seams[name] = ~_unmask_crcs(seams[name])
    seams["length"] = ~seams["length"]
    seams["head"] = ~seams["head"]

    def restore() -> None:
        windows[at] = between
        buffer[begin : begin + _BEFORE], buffer[end - 4 : end] = edges
        undo.clear()

    undo.append(restore)
    try:
        windows[at] = seams[1:-1].view("V20")
        buffer[begin : begin + _BEFORE], buffer[end - 4 : end] = lines[0, 4:], lines[-1, :4]
        for first, length in zip(starts[short].tolist(), lengths[short].tolist(), strict=True):
            buffer[first : first + length + 4] = 0
        # 0xFFFFFFFF in and out is a register of 0 in and out.
        return crc32c(buffer.data[begin:end], _UINT32) == _UINT32
    finally:
        restore()


def first_bad_length(buffer: Uint8Array, starts: Int64Array, lengths: Int64Array) -> int:
    """Return the index of the first record whose length is damaged; ``len(starts)`` if none is.

    As `first_bad_record`, but the data is not looked at.
    """
    if not len(starts):
        return 0
    windows: Any = np.ndarray((len(buffer) - 11,), "V12", buffer=buffer, strides=(1,))
    headers: Any = windows[starts - 12].view("<u4").reshape(-1, 3)
    intact = headers[:, 1].any() == 0 and np.array_equal(headers[:, 0], lengths)
    # The codewords of `_block_is_intact`, without the data between them.
    headers[:, 2] = ~_unmask_crcs(headers[:, 2])
    headers[:, 0] = ~headers[:, 0]
    if intact and crc32c(headers, _UINT32) == _UINT32:
        return len(starts)
    for index, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        header = buffer[start - 12 : start].tobytes()
        stated, stored = header[:8], int.from_bytes(header[8:], "little")
        # A header may be intact and have another length than an index that led here says.
        if int.from_bytes(stated, "little") != length or stored != masked_crc32c(stated):
            return index
    return len(starts)


def first_other_length(buffer: Uint8Array, starts: Int64Array, lengths: Int64Array) -> int:
    """Return the index of the first record whose header states another length, whatever its CRC.

    ``len(starts)`` where all state these.
    """
    if not len(starts):
        return 0
    words: Any = np.ndarray((len(buffer) - 7,), "<i8", buffer=buffer, strides=(1,))
    same = words[starts - 12] == lengths
    return len(same) if same.all() else int(np.argmin(same))


def _first_bad_one_by_one(buffer: Uint8Array, starts: Int64Array, lengths: Int64Array) -> int:
    count = first_bad_length(buffer, starts, lengths)
    if not count:
        return 0
    view = buffer.data
    footers: Any = np.ndarray((len(buffer) - 3,), "<u4", buffer=buffer, strides=(1,))
    ends = starts + lengths
    spans = zip(starts[:count].tolist(), ends[:count].tolist(), strict=True)
    crcs = np.array([crc32c(view[start:end]) for start, end in spans], np.uint32)
    wrong = mask_crcs(crcs) != footers[ends[:count]]
    return int(np.argmax(wrong)) if wrong.any() else count
