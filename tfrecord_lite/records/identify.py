"""What a file is that turns out to be no TFRecord file: a hint for the error message."""

from __future__ import annotations

import codecs
import zlib

from tfrecord_lite.records.compression import (
    ZLIB_MAGIC,
    begins_with_record,
    find_codec,
    is_length,
)

__all__ = ["looks_like"]

_MAGIC = (
    (b"version https://git-lfs", "a git-lfs pointer: run `git lfs pull` to fetch the file itself"),
    (b"\x28\xb5\x2f\xfd", "Zstandard: decompress it first"),
    (b"\xfd7zXZ\x00", "xz: decompress it first"),
    (b"BZh", "bzip2: decompress it first"),
    (b"\x04\x22\x4d\x18", "LZ4: decompress it first"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy: decompress it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "an Arrow file"),
    (b"SEQ\x06", "a SequenceFile of Hadoop"),
    (b"\x0a\x23\xd7\xce", "RecordIO of MXNet: a different format"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3", "an SQLite database"),
    (b"Obj\x01", "Avro"),
    (b"%PDF", "a PDF"),
    (b"\x89TFRIDX\n", "an index: the records are in the file that it lies beside"),
    (b"\x80\x02}", "a Python pickle"),
    (b"\x80\x03}", "a Python pickle"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (bytes.fromhex("83af70d10d884a3f"), "Riegeli, as ArrayRecord writes it: a different format"),
)
_RIFF = {b"WEBP": "a WebP image", b"WAVE": "WAV sound", b"AVI ": "an AVI video"}
# What zlib streams begin with that need a dictionary.
_ZLIB_WITH_DICTIONARY = (b"\x78\x20", b"\x78\x7d", b"\x78\xbb", b"\x78\xf9")


def looks_like(head: bytes) -> str | None:
    r"""Say what a file with these first bytes (some hundred will do) looks like, or None.

    >>> looks_like(b"0 1432\n1432 96\n")
    'a text index (`offset size` lines): the records are in the file that it indexes'
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    # The size of a message follows; ones alone are damage.
    if head.startswith(b"\xff\xff\xff\xff") and head[7:8] == b"\0" and head[4:7].strip(b"\0"):
        return "an Arrow stream"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if not head.strip(b"\x00"):
        return "a hole or padding: zero bytes"
    return _compression_of(head) or _text_kind(head)


def _compression_of(head: bytes) -> str | None:
    if codec := find_codec(head):
        return f"{codec.lower()}: pass compression={codec!r} or 'auto'"
    if head.startswith(_ZLIB_WITH_DICTIONARY) and not is_length(head):
        return "zlib with a preset dictionary: decompress it first"
    if head.startswith(ZLIB_MAGIC) and not is_length(head):
        return (
            "zlib: what is in it is no TFRecord file, or one of odd checksums, for which pass "
            "compression='ZLIB'"
        )
    if begins_with_record(head, -zlib.MAX_WBITS):
        return (
            "raw deflate, which TensorFlow writes where window_bits is negative: decompress it "
            "first, with zlib.decompress(data, -15)"
        )
    return None


def _text_kind(head: bytes) -> str | None:
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return None
    begin = text.lstrip()[:14].lower()
    if begin.startswith(("<!doctype html", "<html")):
        return "an HTML page"
    if not all(character.isprintable() or character in "\t\r\n" for character in text):
        return None
    if begin.startswith("<?xml"):
        return "XML"
    lines = text.splitlines()
    # The last line may be cut.
    if all(
        len(line.split()) == 2 and line.replace(" ", "").isdigit() for line in lines[:-1] or lines
    ):
        return "a text index (`offset size` lines): the records are in the file that it indexes"
    return "JSON" if begin[:1] in ("{", "[") else "text"
