"""Which compression a file has: its names, and finding it from the content.

The compression wraps the whole file: the frames are inside. TensorFlow knows GZIP and ZLIB by these
names, in capitals, and takes any other as "none" without a word; here another name is a
``ValueError``.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.framing import HEADER_SIZE, length_is_intact

if TYPE_CHECKING:
    from tfrecord_lite._types import CompressionOrAuto

__all__ = [
    "GZIP_WBITS",
    "HEAD_BYTES",
    "ZLIB_WBITS",
    "begins_with_record",
    "codec_by_name",
    "codec_named",
    "codec_of",
    "find_codec",
    "is_length",
    "isal",
]

Codec: TypeAlias = Literal["GZIP", "ZLIB"] | None
_CODECS: dict[str | None, Codec] = {None: None, "": None, "GZIP": "GZIP", "ZLIB": "ZLIB"}

# How much of the file's front tells what it is.
HEAD_BYTES = 512
GZIP_MAGIC = b"\x1f\x8b"
# With deflate, the only method there is.
GZIP_START = b"\x1f\x8b\x08"
# What zlib streams mostly begin with.
ZLIB_MAGIC = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
GZIP_WBITS = 31
ZLIB_WBITS = 15
_GZIP_HEADER_BYTES = 10
# The systems that gzip's header knows, and the one that is unknown.
_LAST_SYSTEM, _NO_SYSTEM = 13, 255


def isal() -> Any:
    """Return isal's zlib, some four times as fast as zlib, where it is installed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return None
    return isal_zlib


def codec_named(compression: str | None) -> Codec:
    """Return the codec of a caller's word for it: "GZIP", "ZLIB", and None or "" for none.

    >>> codec_named("gzip")
    Traceback (most recent call last):
    ...
    ValueError: unknown compression 'gzip'; choose 'GZIP', 'ZLIB' or None
    """
    try:
        return _CODECS[compression]
    except (KeyError, TypeError):
        raise ValueError(
            f"unknown compression {compression!r}; choose 'GZIP', 'ZLIB' or None"
        ) from None


def codec_by_name(name: str) -> Codec:
    """Return the codec that a new file of this name has, where the caller names none.

    >>> codec_by_name("train.tfrecord.gz")
    'GZIP'
    """
    return "GZIP" if name.endswith(".gz") else None


def codec_of(path: str, compression: CompressionOrAuto = "auto") -> Codec:
    """Return the codec of a file: as a caller names it, or from its first bytes."""
    if compression != "auto":
        return codec_named(compression)
    with open_file(path) as file:
        return find_codec(file.read(HEAD_BYTES))


def find_codec(head: bytes) -> Codec:
    """Find the codec of a file from its first ``HEAD_BYTES``, never from its name.

    An intact TFRecord header is believed before any magic number: the chance that a compressed file
    begins with one is 2^-32.
    """
    if len(head) >= HEADER_SIZE and length_is_intact(head):
        return None
    if _is_gzip(head):
        return "GZIP"
    return "ZLIB" if _is_zlib(head) else None


def _is_gzip(head: bytes) -> bool:
    """Tell whether a gzip member begins here (RFC 1952), damaged or not.

    A length may have the two bytes of magic, too: of 35,615 bytes, say. Where its header is damaged
    and begins a plain file, the rest of that must not be lost.
    """
    if not head.startswith(GZIP_MAGIC):
        return False
    if len(head) < _GZIP_HEADER_BYTES:
        return GZIP_START.startswith(head[:3])
    extra_flags, system = head[8:10]
    usual = extra_flags in (0, 2, 4) and (system <= _LAST_SYSTEM or system == _NO_SYSTEM)
    # Four zeros are what some writers have for the checksum of a length.
    if (usual and any(head[8:12])) or not is_length(head):
        return True
    return head.startswith(GZIP_START) and begins_with_record(head, GZIP_WBITS)


def begins_with_record(data: bytes, wbits: int) -> bool:
    """Tell whether this inflates, by zlib's word for the format, to the header of a record."""
    try:
        front = zlib.decompressobj(wbits).decompress(data, HEADER_SIZE)
    except zlib.error:
        return False
    return len(front) == HEADER_SIZE and length_is_intact(front)


def _is_zlib(head: bytes) -> bool:
    """Tell whether a zlib stream begins here (RFC 1950).

    Its two bytes of magic, at which zlib looks first, are weak: 1 in 1,000 damaged plain files has
    such. So what follows must inflate, and to the header of a record where there is enough of it.
    """
    if len(head) < 2:
        return False
    try:
        start = zlib.decompressobj(ZLIB_WBITS).decompress(head, HEADER_SIZE)
    except zlib.error:
        # Damage close after the most common magic bytes still leaves a zlib file. But a length may
        # begin with them, too: of 376 bytes, say.
        return head.startswith(ZLIB_MAGIC) and not is_length(head)
    return len(start) < HEADER_SIZE or length_is_intact(start)


def is_length(head: bytes) -> bool:
    """Tell whether a length stands here rather than anything else, one byte of it damaged or none.

    The high bytes of all below 16 MiB are zeros.
    """
    high = head[3:8]
    return len(high) == 5 and high.count(0) >= 4
