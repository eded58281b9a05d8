"""Writing gzip and zlib: frames in, compressed bytes out.

GZIP is written *blocked* by default: a member about every MiB, always from a record boundary to
another, each with its size before and after, and its record count, in the header's extra field (RFC
1952, section 2.3.1.1)::

    offset  size  field
    0       10    1f 8b 08 04 00 00 00 00 00 ff   (deflate, extra field, no time, unknown system)
    10      2     32, the length of the extra field
    12      4     "TR", 28: the subfield's name and length
    16      8     size of the whole member in bytes, uint64 little-endian
    24      8     size of its frames before compression
    32      8     how many records they are
    40      4     masked CRC32C of all of the above, uint32 little-endian
    44            deflate data, CRC-32 and size of the frames

A reader can skip from member to member and begin at any; to every other tool it is one gzip file.
The header has a checksum since numbers are counted by it: one that is wrong would give all records
after it other numbers. It is our own, since not every tool knows gzip's.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Literal, Protocol

from tfrecord_lite.records.checksum import masked_crc32c
from tfrecord_lite.records.compression import GZIP_WBITS, ZLIB_WBITS, isal

__all__ = [
    "EMPTY_MEMBER",
    "MEMBER_HEADER",
    "MEMBER_START",
    "MEMBER_TRAILER",
    "Encoder",
    "make_encoder",
    "member_header",
]

DEFAULT_BLOCK_BYTES = 1 << 20
# How many bytes are gathered for one call where the encoder sets no blocks of its own.
_CHUNK_BYTES = 1 << 18

MEMBER_HEADER = struct.Struct("<16sQQQI")
MEMBER_TRAILER = struct.Struct("<II")
# What all members begin with.
MEMBER_START = bytes.fromhex("1f8b080400000000 00ff 2000 5452 1c00")
# As zlib and TensorFlow write a gzip file of nothing.
EMPTY_MEMBER = bytes.fromhex("1f8b0800000000000003 0300 00000000 00000000")


class Encoder(Protocol):
    """Turns frames into what stands in the file. Each call gets whole frames."""

    chunk_bytes: int
    """How many bytes of frames to gather for one call."""

    def encode(self, frames: bytes | memoryview, records: int) -> bytes | memoryview:
        """Return the next bytes for the file."""

    def flush(self) -> bytes:
        """Return what makes all that was encoded readable now."""

    def finish(self) -> bytes:
        """Return the end of the file."""


def member_header(size: int, raw_bytes: int, records: int) -> bytes:
    """Return the header of a member: its own size, and those of what is in it."""
    head = MEMBER_HEADER.pack(MEMBER_START, size, raw_bytes, records, 0)[:-4]
    return head + masked_crc32c(head).to_bytes(4, "little")


def make_encoder(
    codec: Literal["GZIP", "ZLIB"] | None, level: int | None, block_bytes: int | None
) -> Encoder:
    """Choose the encoder for a codec; ``level`` None is the engine's default."""
    if codec is None:
        return _Plain()
    if codec == "GZIP" and block_bytes is not None:
        return _BlockedGzip(level, block_bytes)
    return _OneStream(level, GZIP_WBITS if codec == "GZIP" else ZLIB_WBITS)


class _Plain:
    chunk_bytes = _CHUNK_BYTES

    def encode(
        self,
        frames: bytes | memoryview,
        records: int,  # noqa: ARG002 - the protocol's
    ) -> bytes | memoryview:
        return frames

    def flush(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        return b""


class _OneStream:
    chunk_bytes = _CHUNK_BYTES

    def __init__(self, level: int | None, wbits: int) -> None:
        level = zlib.Z_DEFAULT_COMPRESSION if level is None else level
        # The most memory, as TensorFlow has it.
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, wbits, memLevel=9)

    def encode(self, frames: bytes | memoryview, records: int) -> bytes:  # noqa: ARG002 - the protocol's
        return self._deflate.compress(frames)

    def flush(self) -> bytes:
        return self._deflate.flush(zlib.Z_PARTIAL_FLUSH)

    def finish(self) -> bytes:
        return self._deflate.flush(zlib.Z_FINISH)


class _BlockedGzip:
    def __init__(self, level: int | None, block_bytes: int) -> None:
        self.chunk_bytes = block_bytes
        self._empty = True
        # isal where it is installed, and the caller names no level, which is zlib's.
        engine = isal() if level is None else None
        default = getattr(engine, "ISAL_DEFAULT_COMPRESSION", zlib.Z_DEFAULT_COMPRESSION)
        self._engine: Any = engine or zlib
        self._level = default if level is None else level

    def encode(self, frames: bytes | memoryview, records: int) -> bytes:
        self._empty = False
        deflate = self._engine.compressobj(self._level, zlib.DEFLATED, -ZLIB_WBITS, 9)
        body = deflate.compress(frames) + deflate.flush()
        size = MEMBER_HEADER.size + len(body) + MEMBER_TRAILER.size
        header = member_header(size, len(frames), records)
        trailer = MEMBER_TRAILER.pack(self._engine.crc32(frames), len(frames) & 0xFFFFFFFF)
        return b"".join((header, body, trailer))

    def flush(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        # An empty member beside others would hide what follows it from TensorFlow.
        return EMPTY_MEMBER if self._empty else b""
