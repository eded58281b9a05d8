"""RecordWriter: records into a file, byte for byte as ``tf.io.TFRecordWriter`` writes them."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import numpy as np

from tfrecord_lite.records.compression import codec_named
from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES, make_encoder
from tfrecord_lite.records.framing import (
    FRAME_OVERHEAD,
    RecordBlock,
    fill_frames,
    footer_of,
    header_of,
)
from tfrecord_lite.records.storage import Output
from tfrecord_lite.records.tail import prepare_append

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from typing_extensions import Buffer, Self

    from tfrecord_lite._types import Compression, Int64Array, PathOrFile
    from tfrecord_lite.records.deflate import Encoder
    from tfrecord_lite.records.reader import RecordReader

__all__ = ["RecordWriter", "write_records"]


class RecordWriter:
    """Write records to a TFRecord file.

    ``path`` is a path, or a binary file object that stays open. ``compression`` is None, "GZIP" or
    "ZLIB". GZIP is written in members of about ``block_bytes`` bytes of frames, so that readers can
    work in parallel; TensorFlow and gzip read it as one file; ``block_bytes=None`` gives a single
    stream. ``level`` is zlib's, 0 to 9; left out, blocked GZIP is compressed by isal where that is
    installed.

    ``mode`` is "w" (replace), "x" (must not exist) or "a" (append). With "w" and "x" the file is
    ``atomic`` unless that is False: it takes its name in `close`, complete, and an exception inside
    ``with`` leaves what was there before. With "a" what exists is looked at first: a file that ends
    inside a record raises `TruncatedRecordError`, or is cut back to its last whole record with
    ``on_truncated="trim"``; ZLIB cannot be appended to. ``fsync`` puts the file on the disk before
    `flush` and `close` return.

    Raises ``OSError`` as the system does; after a failed write the writer is unusable: each later
    call raises the same error, and `close` as well.

    Not for use by several threads at once. Of several atomic writers of one name each is complete,
    and the last to close has it; nothing keeps apart those that write one file in place.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "greetings.tfrecord")
    >>> with RecordWriter(path) as writer:
    ...     writer.write(b"hello")
    ...     writer.write_many([b"good", b"morning"])
    >>> writer.records, writer.raw_bytes, os.path.getsize(path)
    (3, 64, 64)
    """

    _closed = True

    def __init__(
        self,
        path: PathOrFile,
        *,
        compression: Compression = None,
        level: int | None = None,
        block_bytes: int | None = DEFAULT_BLOCK_BYTES,
        mode: Literal["w", "x", "a"] = "w",
        atomic: bool | None = None,
        fsync: bool = False,
        on_truncated: Literal["raise", "trim"] = "raise",
        _encoder: Encoder | None = None,
    ) -> None:
        codec = codec_named(compression)
        if mode not in ("w", "x", "a"):
            raise ValueError(f"unknown mode {mode!r}; choose 'w', 'x' or 'a'")
        if on_truncated not in ("raise", "trim"):
            raise ValueError(f"unknown on_truncated {on_truncated!r}; choose 'raise' or 'trim'")
        if level is not None and (codec is None or not 0 <= level <= 9):
            raise ValueError(f"level={level} is for GZIP and ZLIB, from 0 (store) to 9 (smallest)")
        if block_bytes is not None and block_bytes < 1:
            raise ValueError(
                f"block_bytes={block_bytes} must be at least 1, or None for one stream"
            )
        self._encoder = _encoder or make_encoder(codec, level, block_bytes)
        if mode == "a":
            if atomic:
                raise ValueError("mode='a' adds to the file in place; leave atomic out")

            def rewrite(reader: RecordReader, target: str) -> None:
                with RecordWriter(
                    target,
                    compression=compression,
                    level=level,
                    block_bytes=block_bytes,
                    fsync=fsync,
                ) as writer:
                    writer.write_many(reader)

            prepare_append(path, codec, on_truncated, rewrite)
        self.records = 0
        self.raw_bytes = 0
        self._frames: list[bytes | memoryview] = []
        self._gathered = 0
        self._gathered_records = 0
        self._failure: BaseException | None = None
        self._owner = os.getpid()
        self._output = Output(path, mode=mode, atomic=atomic, fsync=fsync)
        self.path = self._output.path
        self._closed = False

    def write(self, record: Buffer) -> None:
        """Write one record, a C-contiguous bytes-like object; TypeError for all else."""
        if self._closed or self._failure is not None:
            self._refuse()
        data = record if type(record) is bytes else _as_bytes(record)
        size = len(data)
        self._gather((header_of(size), data, footer_of(data)), size + FRAME_OVERHEAD, 1)

    def _gather(self, frames: Iterable[bytes | memoryview], size: int, records: int) -> None:
        self._frames += frames
        self.records += records
        self.raw_bytes += size
        self._gathered += size
        self._gathered_records += records
        if self._gathered >= self._encoder.chunk_bytes:
            self._drain()

    def write_many(self, records: Iterable[Buffer] | RecordBlock) -> None:
        """Write each record of an iterable, or a whole `RecordBlock`."""
        if isinstance(records, RecordBlock) and len(records):
            if self._closed or self._failure is not None:
                self._refuse()
            frames = fill_frames(records)
            if frames is not None:
                self._write_frames(frames, records.lengths + FRAME_OVERHEAD)
                return
        for record in records:
            self.write(record)

    def _write_frames(self, frames: memoryview, sizes: Int64Array) -> None:
        """Hand on many frames at once, cut where records written one by one would be."""
        ends = np.cumsum(sizes)
        first = begin = 0
        while first < len(sizes):
            full = begin + self._encoder.chunk_bytes - self._gathered
            last = min(int(np.searchsorted(ends, full)) + 1, len(sizes))
            end = int(ends[last - 1])
            self._gather([frames[begin:end]], end - begin, last - first)
            first, begin = last, end
        if self._frames:
            # The caller may change the block before the next drain.
            self._frames = [b"".join(self._frames)]

    def flush(self) -> None:
        """Hand everything to the system, so that a reader of the file finds it.

        For compressed files this costs some size: blocked GZIP ends a member here, a single
        stream gets zlib's flush mark.
        """
        if self._closed or self._failure is not None:
            self._refuse()
        self._drain(flush=True)

    def close(self) -> None:
        """Complete the file and, where atomic, give it its name. Closing twice is harmless.

        Raises what an earlier write raised, if one did: then nothing was published.
        """
        if self._closed:
            return
        self._closed = True
        if not self._is_owner():
            # A forked child has a copy of the parent's frames; the file is the parent's alone.
            self._output.abandon()  # pragma: no cover - in a child that ends without a trace
            return  # pragma: no cover
        if self._failure is not None:
            self._output.abort()
            raise self._failure
        try:
            self._drain()
            self._output.write(self._encoder.finish())
            self._output.close()
        except BaseException:
            self._output.abort()
            raise

    def _drain(self, *, flush: bool = False) -> None:
        """Hand the gathered frames on; after a failure half a frame may have gone out."""
        try:
            self._check_owner()
            if self._frames:
                frames = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
                self._output.write(self._encoder.encode(frames, self._gathered_records))
                self._frames.clear()
                self._gathered = self._gathered_records = 0
            if flush:
                self._output.write(self._encoder.flush())
                self._output.flush()
        except BaseException as error:
            self._failure = error
            raise

    def _is_owner(self) -> bool:
        return os.getpid() == self._owner

    def _check_owner(self) -> None:
        if not self._is_owner():
            raise ValueError(
                f"{self.path}: opened in process {self._owner}, used in {os.getpid()}; "
                "open a writer of its own in each process"
            )

    def _refuse(self) -> None:
        if self._failure is not None:
            raise self._failure
        raise ValueError(f"{self.path}: write to a closed RecordWriter")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        elif not self._closed:
            if self._output.partial is None and self._failure is None:
                # In place, the whole records written so far stay; what failed is told by `error`.
                with suppress(OSError):
                    self._drain()
                    self._output.write(self._encoder.finish())
            self._closed = True
            self._output.abort()

    def __del__(self) -> None:
        if self._closed or not self._is_owner():
            return
        self._closed = True
        where = self._output.partial or self.path
        warnings.warn(
            f"{self.path}: RecordWriter was never closed; what was written lies in {where}",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
        with suppress(Exception):
            self._drain()
            self._output.write(self._encoder.finish())
        self._output.abandon()


def _as_bytes(record: object) -> bytes:
    if isinstance(record, str):
        raise TypeError("a record is bytes, not str; encode the text first: text.encode()")
    try:
        view = memoryview(record)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"a record is bytes or bytes-like, not {type(record).__name__}") from None
    if not view.c_contiguous:
        raise TypeError("a record's memory must be C-contiguous; pass a copy")
    return view.tobytes()


def write_records(
    path: PathOrFile,
    records: Iterable[Buffer] | RecordBlock,
    *,
    compression: Compression = None,
    level: int | None = None,
    block_bytes: int | None = DEFAULT_BLOCK_BYTES,
    mode: Literal["w", "x", "a"] = "w",
    atomic: bool | None = None,
    fsync: bool = False,
    on_truncated: Literal["raise", "trim"] = "raise",
) -> int:
    """Write all records to one file and return how many; the options are those of `RecordWriter`.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> write_records(path, [b"one", b"two"], compression="GZIP")
    2
    """
    with RecordWriter(
        path,
        compression=compression,
        level=level,
        block_bytes=block_bytes,
        mode=mode,
        atomic=atomic,
        fsync=fsync,
        on_truncated=on_truncated,
    ) as writer:
        writer.write_many(records)
    return writer.records
