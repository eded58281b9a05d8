"""What a file is that turns out to be no TFRecord file: a hint for the error message."""

from __future__ import annotations

from tfrecord_lite.records.compression import GZIP_MAGIC, ZLIB_MAGIC

__all__ = ["looks_like"]

_MAGIC = (
    (b"version https://git-lfs", "a git-lfs pointer: run `git lfs pull` to fetch the file itself"),
    (GZIP_MAGIC, "gzip: pass compression='GZIP' or 'auto'"),
    (b"\x28\xb5\x2f\xfd", "Zstandard: decompress it first"),
    (b"\xfd7zXZ\x00", "xz: decompress it first"),
    (b"BZh", "bzip2: decompress it first"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3", "an SQLite database"),
    (b"Obj\x01", "Avro"),
    (b"%PDF", "a PDF"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"\x89TFRIDX\n", "an index: the records are in the file that it lies beside"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (bytes.fromhex("83af70d10d884a3f"), "Riegeli, as ArrayRecord writes it: a different format"),
)


def looks_like(head: bytes) -> str | None:
    r"""Say what a file with these first bytes (some hundred will do) looks like, or None.

    >>> looks_like(b"0 1432\n1432 96\n")
    'a text index (`offset size` lines): the records are in the file that it indexes'
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(ZLIB_MAGIC):
        return "zlib: pass compression='ZLIB' or 'auto'"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if not head.strip(b"\x00"):
        return "a hole or padding: zero bytes"
    return _text_kind(head)


def _text_kind(head: bytes) -> str | None:
    try:
        text = head.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not all(character.isprintable() or character in "\t\r\n" for character in text):
        return None
    lines = text.splitlines()
    # The last line may be cut.
    if all(
        len(line.split()) == 2 and line.replace(" ", "").isdigit() for line in lines[:-1] or lines
    ):
        return "a text index (`offset size` lines): the records are in the file that it indexes"
    return "JSON" if text.lstrip()[:1] in ("{", "[") else "text"
