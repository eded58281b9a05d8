"""What a TFRecord file is, written down a second time: the judge of the package's own framing."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache

_TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    _TABLE.append(_crc)


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by the book."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def header(length: int) -> bytes:
    """A header whose checksum fits, whatever it claims."""
    data = struct.pack("<Q", length)
    return data + struct.pack("<I", masked(data))


@lru_cache(maxsize=5000)
def frame(data: bytes) -> bytes:
    return header(len(data)) + data + struct.pack("<I", masked(data))


def frames(records: Sequence[bytes]) -> bytes:
    return b"".join(map(frame, records))


def blocked(records: Sequence[bytes]) -> bytes:
    """Gzip, one member a record."""
    return b"".join(gzip.compress(frame(record), mtime=0) for record in records)


def member(raw: bytes, /, body: bytes | None = None, **stated: int) -> bytes:
    """A member of blocked gzip, with a header that may state what is not so.

    ``stated`` is any of size, raw, records, isize (in the trailer) and checksum.
    """
    if body is None:
        deflate = zlib.compressobj(wbits=-15)
        body = deflate.compress(raw) + deflate.flush()
    told = {"size": 52 + len(body), "raw": len(raw), "records": 3, **stated}
    start = bytes.fromhex("1f8b080400000000 00ff 2000 5452 1c00")
    head = start + struct.pack("<QQQ", told["size"], told["raw"], told["records"])
    size = told.get("isize", told["raw"]) & 0xFFFFFFFF
    return b"".join(
        (
            head,
            struct.pack("<I", told.get("checksum", masked(head))),
            body,
            struct.pack("<II", zlib.crc32(raw), size),
        )
    )


THREE = [b"foo", b"barbaz", b"\x00" * 21]

# Files that every reader reads and every writer writes: name, records.
FILES: dict[str, list[bytes]] = {
    "no_record": [],
    "one_record": [b"foo"],
    "empty_record": [b""],
    "only_empty_records": [b"", b"", b""],
    "shorter_than_a_word": [b"a", b"", b"bc", b"def", b"ghij"],
    "three": THREE,
    "zeros": [bytes(n) for n in (0, 1, 4, 12, 16, 4096)],
    "holds_a_tfrecord": [frames(THREE), b"x", frames([frames(THREE)])],
    "larger_than_a_block": [b"x" * (1 << 21), b"y", b"z" * (3 << 20)],
    "two_hundred": [random.Random(1).randbytes(n) for n in range(200)],
    "large": [random.Random(2).randbytes(20_000 + n) for n in range(200)],
}

COMPRESS = {
    "plain": frames,
    "gzip": lambda records: gzip.compress(frames(records), mtime=0),
    "blocked": blocked,
    "zlib": lambda records: zlib.compress(frames(records)),
}
