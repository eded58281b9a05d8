"""RecordWriter: records into a file, byte for byte as ``tf.io.TFRecordWriter`` writes them."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from tfrecord_lite.records.deflate import DEFAULT_BLOCK_BYTES, Encoder, make_encoder
from tfrecord_lite.records.frame_writer import Frame, FrameWriter
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock, fill_frames
from tfrecord_lite.records.numbers import integer
from tfrecord_lite.records.storage import Output
from tfrecord_lite.records.tail import codec_to_write, prepare_append

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

    from tfrecord_lite._types import Compression, Int64Array, PathOrFile

__all__ = ["RecordWriter", "write_records"]


class RecordWriter(FrameWriter):
    """Write records to a TFRecord file.

    ``path`` is a path, or a binary file object that stays open. ``compression`` is None, "GZIP",
    "ZLIB" or "infer": GZIP for a name that ends in ``.gz``, none for others and for file objects,
    and what the file has where it is appended to. GZIP is written in members of about
    ``block_bytes`` bytes of frames, so that readers can work in parallel; TensorFlow and gzip read
    it as one file; ``block_bytes=None`` gives a single stream. ``level`` is zlib's, 0 to 9; left
    out, blocked GZIP is compressed by isal where that is installed.

    ``mode`` is "w" (replace), "x" (must not exist) or "a" (append). With "w" and "x" the file is
    ``atomic`` unless that is False: it takes its name in `close`, complete, and an exception inside
    ``with`` leaves what was there before. With "a" what exists is looked at first: a file that ends
    inside a record raises `TruncatedRecordError`, or is cut back to its last whole record with
    ``on_truncated="trim"``; ZLIB cannot be appended to. ``fsync`` puts the file on the disk before
    `flush` and `close` return.

    Raises ``OSError`` as the system does; after a failed write the writer is unusable: each later
    call raises the same error, and `close` as well.

    Several threads may write, and a signal handler too: each record is written once. It belongs to
    the process that opened it: in a forked child every call is a ``ValueError``. A writer that is
    never closed publishes nothing, and says so on standard error when the process ends. Of several
    atomic writers of one name each is complete, and the last to close has it; nothing keeps apart
    those that write one file in place.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "greetings.tfrecord")
    >>> with RecordWriter(path) as writer:
    ...     writer.write(b"hello")
    ...     writer.write_many([b"good", b"morning"])
    >>> writer.records, writer.raw_bytes, os.path.getsize(path)
    (3, 64, 64)
    """

    def __init__(
        self,
        path: PathOrFile,
        *,
        compression: Compression = "infer",
        level: int | None = None,
        block_bytes: int | None = DEFAULT_BLOCK_BYTES,
        mode: Literal["w", "x", "a"] = "w",
        atomic: bool | None = None,
        fsync: bool = False,
        on_truncated: Literal["raise", "trim"] = "raise",
        _encoder: Encoder | None = None,
    ) -> None:
        codec = codec_to_write(path, compression, appended=mode == "a")
        if mode not in ("w", "x", "a"):
            raise ValueError(f"unknown mode {mode!r}; choose 'w', 'x' or 'a'")
        if on_truncated not in ("raise", "trim"):
            raise ValueError(f"unknown on_truncated {on_truncated!r}; choose 'raise' or 'trim'")
        if level is not None and (codec is None or not 0 <= integer(level=level) <= 9):
            raise ValueError(f"level={level} is for GZIP and ZLIB, from 0 (store) to 9 (smallest)")
        if block_bytes is not None and integer(block_bytes=block_bytes) < 1:
            raise ValueError(
                f"block_bytes={block_bytes} must be at least 1, or None for one stream"
            )
        self._encoder = _encoder or make_encoder(codec, level, block_bytes)
        if mode == "a":
            if atomic:
                raise ValueError("mode='a' adds to the file in place; leave atomic out")
            if (rest := prepare_append(path, codec, on_truncated)) is not None:
                with (
                    rest,
                    RecordWriter(
                        rest.path,
                        compression=codec,
                        level=level,
                        block_bytes=block_bytes,
                        fsync=fsync,
                    ) as writer,
                ):
                    writer.write_many(rest)
        self._output = Output(path, mode=mode, atomic=atomic, fsync=fsync)
        self.path = self._output.path
        try:
            self._output.open()
            self._start(self._encoder.chunk_bytes)
        except BaseException:
            self._output.abort()
            self._closed = True
            raise

    def flush(self) -> None:
        """Hand everything to the system, so that a reader of the file finds it.

        For compressed files this costs some size: blocked GZIP ends a member here, a single
        stream gets zlib's flush mark.
        """
        self._exclusively(self._flush)

    def _flush(self) -> None:
        self._store_pending()
        self._output.write(self._encoder.flush())
        self._output.flush()

    def _store(self, frames: list[Frame], records: int) -> int:
        is_one = len(frames) == 1 and len(frames[0]) == 1
        data = frames[0][0] if is_one else b"".join(chain.from_iterable(frames))
        self._output.write(self._encoder.encode(data, records))
        return len(data)

    def _store_block(self, block: RecordBlock) -> bool:
        # Of a block that somebody else has made, what is between records is not ours to change.
        frames = fill_frames(block) if block.has_space else None
        if frames is None:
            return False

        sizes = block.lengths + FRAME_OVERHEAD
        self._gather(sizes, lambda first, last, begin, end: frames[begin:end])  # noqa: ARG005
        if self._frames:
            # What stays in the list is copied: the caller may change the block.
            self._frames[-1] = tuple(map(bytes, self._frames[-1]))
        return True

    def _gather(
        self, sizes: Int64Array, joined: Callable[[int, int, int, int], bytes | memoryview]
    ) -> None:
        """Take many frames of these sizes, cut where records written one by one would be.

        ``joined`` returns frames ``first:last``, which are bytes ``begin:end`` of all.
        """
        ends = np.cumsum(sizes)
        first = begin = 0
        while first < len(ends):
            if self._gathered >= self._chunk_bytes:
                self._store_pending()
            full = begin + self._chunk_bytes - self._gathered
            last = min(int(np.searchsorted(ends, full)) + 1, len(ends))
            end = int(ends[last - 1])
            self._frames.append((joined(first, last, begin, end),))
            self._more_records += last - first - 1
            self._gathered += end - begin
            first, begin = last, end
        if self._gathered >= self._chunk_bytes:
            self._store_pending()

    def _complete(self) -> None:
        self._output.write(self._encoder.finish())
        self._output.close()

    def _keep(self) -> None:
        self._output.reopen()
        super()._keep()
        self._output.write(self._encoder.finish())

    def _cancel(self) -> None:
        if self._output.partial is None and self._failure is None:
            # In place, the whole records written so far stay; what failed is told by the exception.
            with suppress(OSError):
                self._exclusively(self._keep)
        self._abort()

    def _abort(self) -> None:
        self._output.abort()

    def _abandon(self) -> None:
        self._output.abandon()

    def _name(self) -> str:
        return self.path

    def _location(self) -> str:
        return self._output.partial or self.path


def write_records(
    path: PathOrFile,
    records: Iterable[Buffer] | RecordBlock,
    *,
    compression: Compression = "infer",
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
