"""TFRecord files, whole and damaged, and what is in them by a reading of their bytes one by one."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from random import Random
from typing import NamedTuple

from frames import FILES, crc32c, frame, frames, header, masked

SIZES = (0, 1, 3, 4, 5, 20, 100, 255, 256, 300, 1000, 3000)
LENGTHS = (0, 1, 16, 2**16, 2**30, 2**31, 2**34, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 16)
# A large record is read by itself, straight into its result.
LARGE = frame(b"large" * 4000)


def piece(choices: Random) -> bytes:
    """Make a frame, or what only begins as one."""
    form = choices.randrange(16)
    record = choices.randbytes(choices.choice(SIZES))
    if form < 9:
        return frame(record)
    if form == 9:
        return frame(record) * choices.randrange(40)
    if form == 10:
        return LARGE
    if form == 11:
        return header(choices.choice(LENGTHS)) + record
    if form == 12:
        return frame(frames([record, b"inner"]))
    if form == 13:
        return record
    if form == 14:
        damaged = bytearray(frame(record))
        damaged[choices.randrange(len(damaged))] ^= 1 << choices.randrange(8)
        return bytes(damaged)
    whole = frame(record)
    return whole[: choices.randrange(len(whole) + 1)]


def crafted(choices: Random) -> bytes:
    """Make a file of frames, some of them damaged."""
    data = b"".join(piece(choices) for _ in range(choices.randrange(10)))
    return data[: choices.randrange(len(data) + 1)] if choices.randrange(8) == 1 else data


class Walk(NamedTuple):
    """What a file's bytes hold up to the first damage: its kind is None at a clean end."""

    records: list[bytes]
    end: int
    kind: str | None


def walk(data: bytes, most: int) -> Walk:
    """Read the frames of a file, one by one."""
    records: list[bytes] = []
    at = 0
    kind = None
    while kind is None and at < len(data):
        if at + 12 > len(data):
            kind = "truncated"
            continue
        length, stored = struct.unpack_from("<QI", data, at)
        if masked(data[at : at + 8]) != stored:
            kind = "length"
        elif length > most:
            kind = "too_large"
        elif at + length + 16 > len(data):
            kind = "truncated"
        elif frame(data[at + 12 : at + 12 + length]) != data[at : at + length + 16]:
            kind = "data"
        else:
            records.append(data[at + 12 : at + 12 + length])
            at += length + 16
    return Walk(records, at, kind)


def inflated(data: bytes, wbits: int) -> tuple[bytes, str | None]:
    """Inflate all members of a gzip file, or a zlib stream, byte by byte; tell how it ended."""
    output = bytearray()
    first = True
    while data:
        no_member = wbits == 31 and data[:3] != b"\x1f\x8b\x08"[: len(data)]
        if no_member or (wbits == 15 and not first):
            return bytes(output), "compression"
        first = False
        decoder = zlib.decompressobj(wbits)
        for index in range(len(data)):
            try:
                output += decoder.decompress(data[index : index + 1])
            except zlib.error:
                return bytes(output), "compression"
            if decoder.eof:
                break
        if not decoder.eof:
            return bytes(output), "truncated"
        data = data[index + 1 :]
    return bytes(output), None


def compressed(data: bytes, choices: Random) -> tuple[bytes, int]:
    """Compress a file in one of many ways; return it and its zlib window bits."""
    form = choices.randrange(5)
    if form == 0:
        level = choices.randrange(10)
        return zlib.compress(data, level), 15
    if form == 1:
        return gzip.compress(data, choices.randrange(10), mtime=0), 31
    if form == 2:  # members cut anywhere, empty ones too
        cuts = sorted(choices.randrange(len(data) + 1) for _ in range(choices.randrange(5)))
        parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        return b"".join(gzip.compress(part, 1, mtime=0) for part in parts), 31
    if form == 3:  # every field that a gzip header may have
        head = b"\x1f\x8b\x08\x1e" + bytes(4) + b"\0\3" + b"\x04\0ab\0\0" + b"name\0" + b"remark\0"
        body = zlib.compressobj(6, zlib.DEFLATED, -15)
        content = body.compress(data) + body.flush()
        trailer = struct.pack("<II", zlib.crc32(data), len(data))
        return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + content + trailer, 31
    from tfrecord_lite.records import write_records

    file = io.BytesIO()
    write_records(
        file,
        walk(data, len(data)).records,
        compression="GZIP",
        block_bytes=choices.choice((1, 100, 1 << 20)),
    )
    return file.getvalue(), 31


def changed(data: bytes, choices: Random) -> bytes:
    """Change, cut off or add some bytes."""
    for _ in range(choices.choice((0, 1, 1, 2))):
        at = choices.randrange(len(data) + 1)
        form = choices.randrange(4)
        if form == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << choices.randrange(8)]) + data[at + 1 :]
        elif form == 1:
            data = data[:at]
        elif form == 2:
            data = data[:at] + choices.randbytes(choices.randrange(20)) + data[at:]
        elif form == 3:
            data += choices.randbytes(choices.randrange(20))
    return data


class Chopped(io.RawIOBase):
    """A file that gives no more than so many bytes at a time."""

    def __init__(self, data: bytes, sizes: bytes) -> None:
        super().__init__()
        self._file = io.BytesIO(data)
        self._sizes = sizes or b"\x05"
        self._calls = 0

    def readable(self) -> bool:
        return True

    def readinto(self, view: object) -> int:
        size = 1 + self._sizes[self._calls % len(self._sizes)]
        self._calls += 1
        return self._file.readinto(memoryview(view)[:size])  # type: ignore[call-overload]


__all__ = ["FILES", "Chopped", "changed", "compressed", "crafted", "crc32c", "inflated", "walk"]
