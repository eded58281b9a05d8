"""Files to be read, whole and damaged, and what a reader must make of each.

The judge is `frames`, the format written down a second time: each file here is made of frames by
hand, and what is in it is known.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from typing import NamedTuple

from frames import FILES, THREE, blocked, frame, frames, header, masked

from tfrecord_lite import write_records


class File(NamedTuple):
    """A file, the records that were written to it, and how many of them it still has.

    ``whole`` tells whether reading must end well after these, or with an error.
    """

    data: bytes
    records: list[bytes]
    count: int
    whole: bool = False
    codec: str | None = None


def whole(data: bytes, records: list[bytes], codec: str | None = None) -> File:
    return File(data, records, len(records), True, codec)


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at:][1:]


def with_every_field(data: bytes) -> bytes:
    """Make a gzip file with all that its header has a place for."""
    head = b"\x1f\x8b\x08\x1e" + bytes(4) + b"\0\3" + b"\x04\0ab\0\0" + b"name\0" + b"remark\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    body = zlib.compressobj(wbits=-15)
    content = body.compress(data) + body.flush()
    return head + content + struct.pack("<II", zlib.crc32(data), len(data))


DATA = frames(THREE)
SECOND = len(frame(THREE[0]))  # where the second record's frame begins
THIRD = SECOND + len(frame(THREE[1]))
MANY = [b"%d" % number * 40 for number in range(200)]


def in_blocks(records: list[bytes]) -> bytes:
    """Make blocked GZIP, a member for each record."""
    file = io.BytesIO()
    write_records(file, records, compression="GZIP", block_bytes=1)
    return file.getvalue()


BLOCKED = in_blocks(MANY)


def cut(end: int, count: int) -> File:
    return File(DATA[:end], THREE, count)


def damaged(at: int) -> File:
    return File(flipped(DATA, at), THREE, 1)


def zipped(data: bytes, count: int, codec: str | None = "GZIP") -> File:
    return File(data, THREE, count, codec=codec)


GROUPS: dict[str, dict[str, File]] = {
    "whole": {
        **{name: whole(frames(records), records) for name, records in FILES.items()},
        "gzip of nothing": whole(gz(b""), [], "GZIP"),
        "no byte at all, as GZIP": whole(b"", [], "GZIP"),
        "no byte at all, as ZLIB": whole(b"", [], "ZLIB"),
        "blocked GZIP": whole(BLOCKED, MANY, "GZIP"),
    },
    "GZIP of other programs": {
        "one stream": whole(gz(DATA), THREE, "GZIP"),
        "a member for each record": whole(blocked(MANY), MANY, "GZIP"),
        "members cut inside records": whole(
            b"".join(gz(DATA[at : at + 7]) for at in range(0, len(DATA), 7)), THREE, "GZIP"
        ),
        "every field in its header": whole(with_every_field(DATA), THREE, "GZIP"),
        "only stored": whole(gzip.compress(DATA, 0, mtime=0), THREE, "GZIP"),
        "an empty member in front": whole(gz(b"") + gz(DATA), THREE, "GZIP"),
        "an empty member in the middle": whole(gz(DATA) + gz(b"") + gz(DATA), THREE * 2, "GZIP"),
        "an empty member at the end": whole(gz(DATA) + gz(b""), THREE, "GZIP"),
    },
    "ZLIB": {
        "one stream of zlib": whole(zlib.compress(DATA), THREE, "ZLIB"),
        "a zlib stream of nothing": whole(zlib.compress(b""), [], "ZLIB"),
    },
    "cut": {
        "one byte of a header": cut(SECOND + 1, 1),
        "eleven bytes of a header": cut(SECOND + 11, 1),
        "a header and nothing else": cut(SECOND + 12, 1),
        "inside the data": cut(SECOND + 14, 1),
        "before the checksum of the data": cut(THIRD - 4, 1),
        "inside the checksum of the data": cut(THIRD - 1, 1),
        "one byte and nothing else": cut(1, 0),
        "some zeros after the last record": File(DATA + bytes(5), THREE, 3),
    },
    "damaged data": {
        "a bit of the data": damaged(SECOND + 13),
        "a bit of the checksum of the data": damaged(THIRD - 2),
        "the checksum of other data": File(
            frame(THREE[0]) + frame(THREE[1])[:-4] + frame(THREE[2])[-4:] + frame(THREE[2]),
            THREE,
            1,
        ),
        "a checksum that is not masked": File(
            frame(THREE[0])
            + header(6)
            + THREE[1]
            + struct.pack("<I", (masked(THREE[1]) - 0xA282EAD8) & 0xFFFFFFFF),
            THREE,
            1,
        ),
        "a bit of a block of GZIP": File(
            flipped(BLOCKED, len(BLOCKED) - 20), MANY, len(MANY) - 1, codec="GZIP"
        ),
    },
    "damaged lengths": {
        "a bit of the length": damaged(SECOND + 1),
        "a bit of the checksum of the length": damaged(SECOND + 9),
        "zeros after the last record": File(DATA + bytes(16), THREE, 3),
        "a byte in front": File(b"x" + DATA, THREE, 0),
        "a text": File(b"this is no TFRecord file", [], 0),
        "a length of 1 GiB": File(frame(b"a") + header(1 << 30) + bytes(20), [b"a"], 1),
        "a length of 2^63 - 1": File(frame(b"a") + header((1 << 63) - 1) + bytes(20), [b"a"], 1),
        "a length of 2^64 - 1": File(frame(b"a") + header((1 << 64) - 1) + bytes(20), [b"a"], 1),
    },
    "damaged GZIP": {
        "the last trailer is missing": zipped(gz(DATA)[:-8], 3),
        "half of the last trailer is missing": zipped(gz(DATA)[:-4], 3),
        "cut at the end of a record": zipped(gz(frames(MANY))[:10], 0),
        "cut in the middle": zipped(gz(DATA)[:30], 1),
        "a wrong checksum": zipped(flipped(gz(DATA), len(gz(DATA)) - 6), 3),
        "a wrong size": zipped(flipped(gz(DATA), len(gz(DATA)) - 2), 3),
        "zeros after it": zipped(gz(DATA) + bytes(512), 3),
        "a text after it": zipped(gz(DATA) + b"and more", 3),
        "a plain file": zipped(DATA, 0),
        "a zlib file": zipped(zlib.compress(DATA), 0),
        "read as a plain file": File(gz(DATA), THREE, 0),
    },
    "damaged ZLIB": {
        "the checksum is missing": zipped(zlib.compress(DATA)[:-4], 3, "ZLIB"),
        "a wrong checksum of zlib": zipped(flipped(zlib.compress(DATA), -1), 3, "ZLIB"),
        "two streams": zipped(zlib.compress(DATA) * 2, 3, "ZLIB"),
        "a text after the stream": zipped(zlib.compress(DATA) + b"and more", 3, "ZLIB"),
        "a gzip file": zipped(gz(DATA), 0, "ZLIB"),
        "zlib, read as a plain file": File(zlib.compress(DATA), THREE, 0),
    },
}
CASES = {name: file for files in GROUPS.values() for name, file in files.items()}
GROUP_OF = {name: group for group, files in GROUPS.items() for name in files}
