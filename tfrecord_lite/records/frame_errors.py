"""The record at the front of a window, looked at by itself: what is wrong with it, in words."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from tfrecord_lite.errors import CorruptRecordError, RecordTooLargeError, TruncatedRecordError
from tfrecord_lite.records.checksum import mask_crc, masked_crc32c, unmask_crc
from tfrecord_lite.records.compression import HEAD_BYTES, find_codec
from tfrecord_lite.records.framing import FOOTER_SIZE, HEADER_SIZE
from tfrecord_lite.records.identify import looks_like
from tfrecord_lite.records.inflate import InflatedSource

if TYPE_CHECKING:
    from tfrecord_lite.records.window import Window

__all__ = [
    "believed_length",
    "data_damage",
    "length_damage",
    "not_checked",
    "stated_length",
    "truncated",
]

_SMALL_BYTES = 1 << 12
# A length above this is rather damaged, whatever its reader would take.
_LIKELY_BYTES = 1 << 30


def stated_length(window: Window) -> int:
    """Return the length that the record's header states, right or wrong."""
    return int.from_bytes(window.buffer[window.begin : window.begin + 8].tobytes(), "little")


def believed_length(window: Window, max_record_bytes: int, *, check: bool = True) -> int:
    """Return the length that the header states; with ``check`` its own checksum must hold."""
    header = window.buffer[window.begin : window.begin + HEADER_SIZE].tobytes()
    length = int.from_bytes(header[:8], "little")
    if check and (actual := masked_crc32c(header[:8])) != int.from_bytes(header[8:], "little"):
        raise _length_damage(window, header, actual)
    if length > max_record_bytes:
        looks = "" if check or window.offset else _looks(window)
        raise RecordTooLargeError(
            f"the record has {length} bytes, more than max_record_bytes={max_record_bytes}; raise "
            f"the limit to read it{looks and f'.{looks}'}",
            expected=max_record_bytes,
            actual=length,
        )
    return length


def _length_damage(window: Window, header: bytes, actual: int) -> CorruptRecordError:
    looks = _looks(window)
    # A length that may be right, and has another checksum.
    may_be_right = not looks and 0 < int.from_bytes(header[:8], "little") <= _LIKELY_BYTES
    odd = _odd_checksum(header[8:], actual, header[:8]) if may_be_right else ""
    if not odd and window.offset == 0:
        odd = f"; this is no TFRecord file, or its first bytes are damaged.{looks}"
    return length_damage(header, actual, odd)


def _looks(window: Window) -> str:
    """Say what stands in the window; "" where it looks like nothing that is known."""
    head = window.buffer[window.begin : window.end][:HEAD_BYTES].tobytes()
    kind = looks_like(head)
    if kind is not None and isinstance(window.source, InflatedSource) and find_codec(head):
        kind = f"{kind.partition(':')[0]}, inside {window.source.codec}: decompress it once first"
    return "" if kind is None else f" It looks like {kind}."


def length_damage(header: bytes, actual: int, more: str = "") -> CorruptRecordError:
    """Return the error about a header that has another checksum than its length, ``actual``."""
    error = _damage("length", header[8:], actual, more)
    error.kind = "length"
    return error


def data_damage(footer: bytes, actual: int, data: bytes | memoryview = b"") -> CorruptRecordError:
    """Return the error about data whose masked CRC is another than that in its footer."""
    return _damage("data", footer, actual, _odd_checksum(footer, actual, data))


def _damage(what: str, stated: bytes, actual: int, more: str) -> CorruptRecordError:
    expected = int.from_bytes(stated, "little")
    return CorruptRecordError(
        f"checksum of the {what} is 0x{actual:08x}, expected 0x{expected:08x} as the file states"
        f"{more}",
        expected=expected,
        actual=actual,
    )


def _odd_checksum(footer: bytes, actual: int, data: bytes | memoryview) -> str:
    """Say what a checksum is that is not the masked CRC-32C of its data; "" where that is unknown.

    Some writers leave checksums out, or take another. Whether it is a CRC-32 is not worth another
    look at much data: its length, checked before, has one, too.
    """
    stated = int.from_bytes(footer, "little")
    if not len(data):
        return ""
    if stated == 0:
        kind = "is zero"
    elif stated == unmask_crc(actual):
        kind = "is not masked"
    elif len(data) <= _SMALL_BYTES and stated in (crc := zlib.crc32(data), mask_crc(crc)):
        kind = "is a CRC-32"
    else:
        return ""
    return (
        f"; the one in the file {kind}, as some writers leave it; read such files with "
        "verify='none', which checks nothing, and write them again"
    )


def not_checked() -> CorruptRecordError:
    """Return the error about a record that is not looked at, to keep the work in bounds."""
    return CorruptRecordError(
        "not checked: damaged records that overlap have had the file checked several times over; "
        "it was made to keep readers busy"
    )


def truncated(have: int, need: int) -> TruncatedRecordError:
    """Return the error about a file that ends ``have`` bytes into a record of ``need``."""
    if have < HEADER_SIZE:
        return TruncatedRecordError(
            f"the file ends {have} bytes into a record's {HEADER_SIZE}-byte header, "
            f"{HEADER_SIZE - have} bytes are missing (TensorFlow passes over such a tail in "
            "silence)"
        )
    place = "data" if have < need - FOOTER_SIZE else "data checksum"
    return TruncatedRecordError(
        f"the file ends inside a record's {place}: found {have} bytes of {need}, "
        f"{need - have} are missing"
    )
