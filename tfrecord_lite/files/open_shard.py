"""One shard while it is written: its records, and size and checksum of its file."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from tfrecord_lite.files.manifest import ManifestEntry
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.compression import codec_named
from tfrecord_lite.records.deflate import make_encoder
from tfrecord_lite.records.storage import naming_file
from tfrecord_lite.records.writer import RecordWriter
from tfrecord_lite.stores.store import store_of
from tfrecord_lite.thresholds import limits
from tfrecord_lite.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.frame_writer import Frame

__all__ = ["OpenShard", "ShardFile"]


class ShardFile(RecordWriter):
    """A writer of one shard, that takes frames; its set says whether it was closed."""

    _is_reported = False

    def __del__(self) -> None:
        """Nothing: its set completes it, which the garbage collector may come to later."""

    def take(self, frames: list[Frame], sizes: Int64Array) -> None:
        """Write records whose frames are made, to the same bytes as one by one."""
        flat = chain.from_iterable
        self._exclusively(
            self._gather, sizes, lambda first, last, *_: b"".join(flat(frames[first:last]))
        )


class OpenShard:
    """A shard being written: ``writer`` takes its records, `close` tells what it came to.

    ``options`` are the compression, level, block_bytes and fsync of `RecordWriter`; ``at_once`` is
    how many shards are open together; ``on_write`` is called for all that goes to the disk.
    """

    def __init__(
        self, path: str, options: dict[str, Any], *, at_once: int, on_write: Callable[[], None]
    ) -> None:
        encoder = make_encoder(
            codec_named(options["compression"]), options["level"], options["block_bytes"]
        )
        encoder.chunk_bytes = min(encoder.chunk_bytes, max(limits.gathered_bytes // at_once, 1))
        if is_url(path):
            # It is there when `close` returns, as safe as the store keeps it.
            options = {**options, "fsync": False}
        self._file = _CountedFile(path, keep_open=at_once <= limits.open_shards, on_write=on_write)
        self.writer = ShardFile(self._file, _encoder=encoder, **options)  # type: ignore[arg-type]

    def close(self) -> ManifestEntry:
        """Complete the shard and return its entry, under the name that its file has now."""
        self.writer.close()
        self._file.close()
        return ManifestEntry(
            os.path.basename(self._file.name),
            self.writer.records,
            self.writer.raw_bytes,
            self._file.size,
            self._file.crc32c,
        )

    def abandon(self) -> None:
        """Let go of the file, whatever is in it."""
        # Also what a failed write raises once more, which may be a KeyboardInterrupt.
        with suppress(BaseException):
            self.writer.close()
        self._file.abandon()


class _CountedFile:
    """A binary file as `RecordWriter` wants one, that knows its size and its checksum."""

    def __init__(self, path: str, *, keep_open: bool, on_write: Callable[[], None]) -> None:
        self.name = path
        self.size = 0
        self.crc32c = 0
        self._keep_open = keep_open
        self._on_write = on_write
        self._file: io.FileIO | None = None
        self._upload = store_of(path).upload(path) if is_url(path) else None
        self._process = os.getpid()
        if self._upload is not None:
            return
        # A shard of nothing is a file all the same.
        self._opened()
        self._rest()

    def _opened(self) -> io.FileIO:
        # The garbage collector closes files, too, before it comes to who writes to them.
        if self._file is None or self._file.closed:
            self._file = io.FileIO(self.name, "ab")
        return self._file

    def _rest(self) -> None:
        if not self._keep_open:
            self.close()

    def write(self, data: memoryview) -> int | None:
        if self._upload is not None:
            self._upload.write(data)
            count = len(data)
        else:
            count = self._opened().write(data)
            self._rest()
        self.crc32c = crc32c(data[:count], self.crc32c)
        self.size += count
        self._on_write()
        return count

    def fileno(self) -> int:
        return self._opened().fileno()

    def close(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.complete()
        if self._file is not None:
            with naming_file(self.name):
                self._file.close()
            self._file = None

    def abandon(self) -> None:
        upload, self._upload = self._upload, None
        # A forked child has the upload of another.
        if upload is not None and self._process == os.getpid():
            upload.abort()
        with suppress(OSError):
            self.close()
