r"""The sidecar of a file: its index as bytes, in one form for plain and for blocked gzip files.

A row is a record (its length) or a gzip member (its size, the size of its frames, its records);
places are the sums of what comes before. Each column is stored in as few bytes a row as its largest
number needs::

    offset  size  field, little-endian
    0       8     89 54 46 52 49 44 58 0a  (\x89 "TFRIDX" \n)
    8       1     version of this form, 1
    9       1     columns: 1 for a plain file, 3 for blocked gzip
    10      3     bytes of a number in each column: 1, 2, 4 or 8; 0 where there is no such column
    13      3     zeros
    16      8     the file's size in bytes
    24      8     its time of modification, ns since 1970 modulo 2^64
    32      8     CRC-32C of its first and last 4 KiB
    40      8     rows
    48            the columns, one after another
    end     4     CRC-32C of all that comes before
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.files.fingerprint import Fingerprint, StaleIndexError
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.storage import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tfrecord_lite.records.positions import PositionedFile

    Column = npt.NDArray[np.unsignedinteger[Any]]

__all__ = ["MAGIC", "read_sidecar", "sidecar_of", "write_sidecar"]

MAGIC = b"\x89TFRIDX\n"
_SUFFIX = ".index"
_VERSION = 1
_HEADER = struct.Struct("<8sBB3s3xQQQQ")
_CRC = struct.Struct("<I")
_MOST_COLUMNS = 3
_WIDTHS = (1, 2, 4, 8)


def sidecar_of(path: str) -> str:
    """Return where the sidecar of a file is: beside it, and passed over as no data file.

    >>> sidecar_of("a.tfrecord")
    'a.tfrecord.index'
    """
    return path + _SUFFIX


def write_sidecar(path: str, fingerprint: Fingerprint, columns: Sequence[Column]) -> None:
    """Write a sidecar; a file of that name is replaced by a complete one or not at all."""
    widths = bytes(column.itemsize for column in columns).ljust(_MOST_COLUMNS, b"\0")
    header = _HEADER.pack(MAGIC, _VERSION, len(columns), widths, *fingerprint, len(columns[0]))
    output = Output(path, mode="w", atomic=None, fsync=False)
    try:
        crc = 0
        parts: list[bytes | memoryview] = [header, *map(_little_endian, columns)]
        for part in parts:
            output.write(part)
            crc = crc32c(part, crc)
        output.write(_CRC.pack(crc))
        output.close()
    except BaseException:
        output.abort()
        raise


def _little_endian(column: Column) -> memoryview:
    stored = column.astype(column.dtype.newbyteorder("<"), copy=False)
    return stored.view(np.uint8).data


def read_sidecar(path: str, data: PositionedFile) -> tuple[Fingerprint, list[Column]]:
    """Read the sidecar of an open file; one that is not whole, or not its, is `StaleIndexError`.

    No more memory is taken than an index of that file can need.
    """
    with open(path, "rb") as file:
        header = file.read(_HEADER.size)
        if not header.startswith(MAGIC):
            raise _damaged(path, "it does not begin as an index does")
        if len(header) < _HEADER.size:
            raise _damaged(path, f"it has {len(header)} bytes")
        _, version, count, widths, *stated, rows = _HEADER.unpack(header)
        if version != _VERSION:
            raise _damaged(path, f"its form has version {version}, known is {_VERSION}")
        if count not in (1, _MOST_COLUMNS) or any(width not in _WIDTHS for width in widths[:count]):
            raise _damaged(path, "its columns are none that an index has")
        fingerprint = Fingerprint(*stated)
        fingerprint.require(data, path)
        size = rows * sum(widths[:count]) + _CRC.size
        if (
            rows > fingerprint.size // FRAME_OVERHEAD
            or size != os.fstat(file.fileno()).st_size - _HEADER.size
        ):
            raise _damaged(path, f"it is not as large as one of {rows} rows, or its file is not")
        body = file.read(size)
    if len(body) < size or _CRC.pack(crc32c(body[: -_CRC.size], crc32c(header))) != body[-4:]:
        raise _damaged(path, "its checksum fails")
    columns = []
    at = 0
    for width in widths[:count]:
        columns.append(np.frombuffer(body, f"<u{width}", rows, at))
        at += rows * width
    return fingerprint, columns


def _damaged(path: str, reason: str) -> StaleIndexError:
    return StaleIndexError(f"the index is damaged, or was not written here: {reason}", path=path)
