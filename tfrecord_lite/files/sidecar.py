r"""The sidecar of a file: its index as bytes, in one form for plain and for blocked gzip files.

A row is a record (its length) or a gzip member (its size, the size of its frames, its records).
Rows are stored in blocks, each with a checksum of its own, and in as few bytes a number as the
largest of its column needs. A table has what comes before each block: the sums of the frames, or of
each column of members. So any block can be read and checked by itself::

    offset  size  field, little-endian
    0       8     89 54 46 52 49 44 58 0a  (\x89 "TFRIDX" \n)
    8       1     version of this form, 2
    9       1     columns: 1 for a plain file, 3 for blocked gzip
    10      3     bytes of a number in each column: 1, 2, 4 or 8; 0 where there is no such column
    13      3     zeros
    16      8     the file's size in bytes
    24      8     its time of modification, ns since 1970 modulo 2^64
    32      8     CRC-32C of its first and last 4 KiB
    40      8     rows
    48      4     rows of a block, at least 1; the last block may have fewer
    52            for each block: 8 bytes for each column, the sum before its first row (frames of
                  plain files count, not data: 16 bytes more each), and the block's CRC-32C, 4 bytes
            8     for each column: the sum of all rows
            4     CRC-32C of all that comes before
                  the blocks, one after another; in each the columns, one after another

Version 1 is read, too, but not written. It ends at the rows, has no table, and its columns follow
at byte 48, whole, with the CRC-32C of all that comes before after them.
"""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from tfrecord_lite.files.fingerprint import Fingerprint, StaleIndexError
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.file_system import open_file
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.storage import Output, naming_file
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.positions import PositionedFile

    Column = npt.NDArray[np.unsignedinteger[Any]]

__all__ = ["MAGIC", "SidecarBlocks", "damaged", "read_sidecar", "sidecar_of", "write_sidecar"]

MAGIC = b"\x89TFRIDX\n"
_SUFFIX = ".index"
_VERSION = 2
_HEADER = struct.Struct("<8sBB3s3xQQQQ")
_BLOCK_ROWS = struct.Struct("<I")
_CRC = struct.Struct("<I")
_MAX_COLUMNS = 3
_READ_THROUGH_BYTES = 1 << 17
_WIDTHS = (1, 2, 4, 8)


def sidecar_of(path: str) -> str:
    """Return where the sidecar of a file is: beside it, and passed over as no data file.

    >>> sidecar_of("a.tfrecord")
    'a.tfrecord.index'
    """
    return path + _SUFFIX


def write_sidecar(path: str, fingerprint: Fingerprint, columns: Sequence[Column]) -> None:
    """Write a sidecar; a file of that name is replaced by a complete one or not at all."""
    rows, block_rows = len(columns[0]), thresholds.index_block_rows
    widths = bytes(column.itemsize for column in columns).ljust(_MAX_COLUMNS, b"\0")
    edges = [*range(0, rows, block_rows), rows]
    blocks = [
        b"".join(_little_endian(column[begin:end]) for column in columns)
        for begin, end in pairwise(edges)
    ]
    table = np.zeros(len(edges), _table_row(len(columns)))
    extra = FRAME_OVERHEAD if len(columns) == 1 else 0
    for number, column in enumerate(columns):
        sums = [int(column[begin:end].sum(dtype=np.uint64)) for begin, end in pairwise(edges)]
        table["sums"][1:, number] = np.cumsum(np.array(sums, np.uint64))
    table["sums"] += np.array(edges, np.uint64)[:, None] * np.uint64(extra)
    table["crc"][:-1] = [crc32c(block) for block in blocks]
    head = _HEADER.pack(MAGIC, _VERSION, len(columns), widths, *fingerprint, rows)
    head += _BLOCK_ROWS.pack(block_rows) + table.tobytes()[: -_CRC.size]
    with Output(path, mode="w", atomic=None, fsync=False) as output:
        for part in (head, _CRC.pack(crc32c(head)), *blocks):
            output.write(part)


def _little_endian(column: Column) -> memoryview:
    stored = column.astype(column.dtype.newbyteorder("<"), copy=False)
    return stored.view(np.uint8).data


def _table_row(columns: int) -> np.dtype[Any]:
    return np.dtype([("sums", "<u8", (columns,)), ("crc", "<u4")])


class _Head(NamedTuple):
    """What the first bytes of a sidecar say, of either version."""

    version: int
    widths: bytes
    fingerprint: Fingerprint
    rows: int


class SidecarBlocks:
    """The blocks of an index, in its sidecar: each is read, and checked, when it is asked for.

    ``rows`` are those of all blocks, ``block_rows`` those of each but the last. ``sums`` are those
    before each block and, last, of all, int64 ``[blocks + 1, columns]``.
    """

    def __init__(
        self, path: str, head: _Head, block_rows: int, table: npt.NDArray[Any], begin: int
    ) -> None:
        self.path = path
        self.rows = head.rows
        # There may be fewer than one block has.
        self.block_rows = min(block_rows, max(head.rows, 1))
        self.widths = head.widths
        self.sums: Int64Array = table["sums"].astype(np.int64)
        self._crcs: list[int] = table["crc"].tolist()
        self._begin = begin

    def __len__(self) -> int:
        return len(self.sums) - 1

    @property
    def nbytes(self) -> int:
        """About how much memory this takes."""
        return 2 * self.sums.nbytes + (1 << 10)

    def read(self, first: int, end: int) -> memoryview:
        """Return the bytes of the blocks from one to before another.

        Raises `StaleIndexError` for what is not as it was written.
        """
        with self._opened() as file:
            return self._read(file, first, end)

    def read_some(self, blocks: Sequence[int]) -> bytes:
        """Return the bytes of some blocks, which ascend, as `read`."""
        size = self.block_rows * sum(self.widths)
        first, last = blocks[0], blocks[-1]
        with self._opened() as file:
            if (last - first) * size > _READ_THROUGH_BYTES:
                return b"".join([self._read(file, block, block + 1) for block in blocks])
            # One call costs more than what is between.
            data = self._read(file, first, last + 1, blocks)
        return b"".join([data[(block - first) * size :][:size] for block in blocks])

    def _opened(self) -> Any:
        # Not kept open: there may be one for each of ten thousand files.
        try:
            return open_file(self.path)
        except FileNotFoundError as error:
            raise StaleIndexError("the index is gone", path=self.path) from error

    def _read(
        self, file: BinaryIO, first: int, end: int, wanted: Sequence[int] | None = None
    ) -> memoryview:
        """Return the bytes from one block to before another; all are checked, or those wanted."""
        row_bytes = sum(self.widths)
        block_bytes = self.block_rows * row_bytes
        size = min(end * self.block_rows, self.rows) * row_bytes - first * block_bytes
        with naming_file(self.path):
            file.seek(self._begin + first * block_bytes)
            data = memoryview(file.read(size))
        if len(data) < size:
            raise damaged(self.path, "it was cut")
        for block in range(first, end) if wanted is None else wanted:
            self._check(block, data[(block - first) * block_bytes :][:block_bytes])
        return data

    def _check(self, block: int, data: memoryview) -> None:
        if crc32c(data) != self._crcs[block]:
            raise damaged(self.path, f"the checksum of its block {block} fails")

    def columns(self) -> list[Column]:
        """Return all rows, by their columns."""
        parts: list[list[Column]] = [[] for _ in self.widths]
        data = self.read(0, len(self))
        at = 0
        for first in range(0, self.rows, self.block_rows):
            rows = min(self.block_rows, self.rows - first)
            for width, part in zip(self.widths, parts, strict=True):
                part.append(np.frombuffer(data, f"<u{width}", rows, at))
                at += rows * width
        return [
            np.concatenate([np.zeros(0, f"<u{width}"), *part])
            for width, part in zip(self.widths, parts, strict=True)
        ]


def read_sidecar(
    path: str, data: PositionedFile
) -> tuple[Fingerprint, SidecarBlocks | list[Column]]:
    """Read the sidecar of an open file; one that is not whole, or not its, is `StaleIndexError`.

    Of version 2 that is the table of its blocks. No more memory is taken than an index of that file
    can need.
    """
    with naming_file(path), open_file(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = _read_head(path, file, data)
        if head.version == 1:
            return head.fingerprint, _read_columns(path, file, head, size)
        return head.fingerprint, _read_table(path, file, head, size)


def _read_head(path: str, file: BinaryIO, data: PositionedFile) -> _Head:
    header = file.read(_HEADER.size)
    if not header.startswith(MAGIC):
        raise damaged(path, "it does not begin as an index does")
    if len(header) < _HEADER.size:
        raise damaged(path, f"it has {len(header)} bytes")
    _, version, count, widths, *stated, rows = _HEADER.unpack(header)
    if not 1 <= version <= _VERSION:
        raise damaged(path, f"it has version {version}, this package supports 1 to {_VERSION}")
    widths = widths[:count]
    if count not in (1, _MAX_COLUMNS) or any(width not in _WIDTHS for width in widths):
        raise damaged(path, "its columns have other widths than those of an index")
    fingerprint = Fingerprint(*stated)
    fingerprint.require(data, path)
    if rows > fingerprint.size // FRAME_OVERHEAD:
        raise _of_another_size(path, rows)
    return _Head(version, widths, fingerprint, rows)


def _of_another_size(path: str, rows: int) -> StaleIndexError:
    return damaged(path, f"it is not as large as one of {rows} rows, or its file is not")


def _read_columns(path: str, file: BinaryIO, head: _Head, size: int) -> list[Column]:
    """Read the rest of a sidecar of version 1."""
    rest = head.rows * sum(head.widths) + _CRC.size
    if size != _HEADER.size + rest:
        raise _of_another_size(path, head.rows)
    data = _read_checked(path, file, size, "its checksum")
    columns = []
    at = _HEADER.size
    for width in head.widths:
        columns.append(np.frombuffer(data, f"<u{width}", head.rows, at))
        at += head.rows * width
    return columns


def _read_table(path: str, file: BinaryIO, head: _Head, size: int) -> SidecarBlocks:
    block_rows = int.from_bytes(file.read(_BLOCK_ROWS.size), "little")
    if not block_rows:
        raise damaged(path, "its blocks have no rows")
    blocks = -(-head.rows // block_rows)
    row = _table_row(len(head.widths))
    # What stands in the table's last row for a checksum is that of all that comes before.
    begin = _HEADER.size + _BLOCK_ROWS.size + (blocks + 1) * row.itemsize
    if size != begin + head.rows * sum(head.widths):
        raise _of_another_size(path, head.rows)
    data = _read_checked(path, file, begin, "the checksum of its table")
    table = np.frombuffer(data, row, blocks + 1, _HEADER.size + _BLOCK_ROWS.size)
    return SidecarBlocks(path, head, block_rows, table, begin)


def _read_checked(path: str, file: BinaryIO, size: int, checksum: str) -> bytes:
    """Return the first bytes, which end with the checksum of those before."""
    file.seek(0)
    data = file.read(size)
    if len(data) < size or _CRC.pack(crc32c(data[: -_CRC.size])) != data[-_CRC.size :]:
        raise damaged(path, f"{checksum} fails")
    return data


def damaged(path: str, reason: str) -> StaleIndexError:
    """Return the error about a sidecar that is not as it was written."""
    return StaleIndexError(f"the index is damaged, or was not written here: {reason}", path=path)
