"""RecordReader: the records of a file, each checked, every byte accounted for."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.records.blocks import HEAD_BYTES, BlockStream
from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.compression import codec_named, find_codec
from tfrecord_lite.records.follow import FollowedStream, OpenedFile
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    FRAME_OVERHEAD,
    HEADER_SIZE,
    RecordBlock,
    footer_of,
    header_of,
)
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.records.paths import expand_paths
from tfrecord_lite.records.resume import find_damaged_codec
from tfrecord_lite.records.storage import Source, name_of
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite._types import CompressionOrAuto, Path, PathOrFile
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.records.compression import Codec

__all__ = ["DEFAULT_MAX_RECORD_BYTES", "RecordReader", "read_records"]

# TensorFlow has no limit and dies of large ones; protobuf's messages end at 2 GiB.
DEFAULT_MAX_RECORD_BYTES = 1 << 30


class RecordReader(Closing):
    """Read the records of a TFRecord file, from its front to its end.

    ``path`` is a path, or a binary file object (a pipe, ``sys.stdin.buffer``) that stays open.
    Compression is found from the content; a ``compression`` named (None, "GZIP", "ZLIB") is taken
    at its word. With ``verify`` every record handed out has passed both checksums; without, the
    checksums of the lengths alone are checked, since a wrong length would lose the rest of the
    file.

    Damage raises: `CorruptRecordError`, `TruncatedRecordError`, `RecordTooLargeError` (above
    ``max_record_bytes``) or `CompressionError`, after all intact records before it were handed out.
    With a callable as ``on_damage``, it gets a `Damage` for each region that is left out, and
    reading goes on; what it raises goes through. ``OSError`` goes through as it is.

    With ``follow`` the end of the file, and a record that is torn there, are waited at: records are
    handed out as they are written, until the process is interrupted, the reader is closed by
    another thread, or nothing came for ``timeout`` seconds. The file is followed by its name: where
    a file of other content takes its place, or it is written anew, reading begins anew, with a
    ``UserWarning``; a copy that goes on where the old file ended is gone on with.

    After any error the reader stands where it stood: a further call tries again, so a file that has
    grown in the meantime loses nothing. Not for use by several threads at once.

    >>> import io
    >>> from tfrecord_lite import RecordWriter
    >>> file = io.BytesIO()
    >>> with RecordWriter(file) as writer:
    ...     writer.write_many([b"foo", b"barbaz"])
    >>> with RecordReader(io.BytesIO(file.getvalue())) as reader:
    ...     print(list(reader), reader.offset)
    [b'foo', b'barbaz'] 41
    """

    def __init__(
        self,
        path: PathOrFile,
        *,
        compression: CompressionOrAuto = "auto",
        verify: bool = True,
        on_damage: Literal["raise"] | Callable[[Damage], Any] = "raise",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        follow: bool = False,
        timeout: float | None = None,
        _hold: int | None = None,
    ) -> None:
        if compression != "auto":
            codec_named(compression)
        if on_damage != "raise" and not callable(on_damage):
            raise ValueError(
                f"on_damage={on_damage!r}; pass 'raise' or a callable that gets a Damage"
            )
        if timeout is not None and not follow:
            raise ValueError(f"timeout={timeout} is for follow=True; nothing else waits")
        self._given = path
        self._options: dict[str, Any] = {
            "compression": compression,
            "verify": verify,
            "on_damage": on_damage,
            "max_record_bytes": max_record_bytes,
            "follow": follow,
            "timeout": timeout,
        }
        self._hold = _hold
        self.path = name_of(path)
        self._follower: FollowedStream | None = None
        if follow:
            if not isinstance(path, (str, bytes, os.PathLike)):
                raise ValueError(f"{self.path}: follow=True needs a path, not an open file")
            self._follower = FollowedStream(self.path, self._open, timeout)
        self._file = self._follower.file if self._follower else self._open()
        self._stream = self._follower or self._file.stream
        # Large records of a regular file can be read straight into their results.
        self._direct = not follow and self._file.codec is None and self._file.source.positional
        # The block that is being handed out record by record.
        self._current: RecordBlock | None = None
        self._large = False
        self._pending: Iterator[bytes] = iter(())

    def _open(self) -> OpenedFile:
        options = self._options
        source = Source(self._given)
        try:
            if options["compression"] == "auto":
                head = source.peek(HEAD_BYTES)
                codec = find_codec(head)
                if codec is None and options["on_damage"] != "raise":
                    codec = find_damaged_codec(source, head)
            else:
                codec = codec_named(options["compression"])
        except BaseException:
            source.close()
            raise
        stream = BlockStream(
            source if codec is None else InflatedSource(source, codec),
            verify=options["verify"],
            on_damage=None if options["on_damage"] == "raise" else options["on_damage"],
            max_record_bytes=options["max_record_bytes"],
            growing=options["follow"],
            hold=self._hold,
        )
        return OpenedFile(source, codec, stream)

    @property
    def compression(self) -> Codec:
        """The file's compression, as it was named or found: None, "GZIP" or "ZLIB"."""
        return self._follower.file.codec if self._follower else self._file.codec

    @property
    def offset(self) -> int:
        """The end of the last record handed out (or region reported), in uncompressed bytes."""
        left = operator.length_hint(self._pending)
        if left and self._current is not None:
            return self._current.offset(len(self._current) - left)
        return self._stream.offset

    @property
    def source_offset(self) -> int:
        """How many bytes of the file as it lies have been used; for showing progress."""
        # Large records are read beside the stream; it stands where they end.
        return max(self._stream.source.offset, self.offset if self._direct else 0)

    @property
    def block_bytes(self) -> int:
        """About how many bytes `blocks` reads at once; may be set at any time."""
        return self._stream.block_bytes

    @block_bytes.setter
    def block_bytes(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"block_bytes={size} must be at least 1")
        self._stream.block_bytes = size

    def __iter__(self) -> Iterator[bytes]:
        # The iterator is shared: what one loop leaves, the next one finds.
        yield from self._pending
        while self._next_records():
            yield from self._pending

    def __next__(self) -> bytes:
        while True:
            for record in self._pending:
                return record
            if not self._next_records():
                raise StopIteration

    def _next_records(self) -> bool:
        """Set out more records to hand out (none yet, perhaps); False at the end of the file."""
        if self._current is not None:
            self._stream.recycle(self._current)
            self._current = None
        if self._large:
            self._large = False
            self._pending = self._large_records()
            return True
        block = self._stream.read_block()
        if block is None:
            return False
        self._current = block
        self._pending = iter(block.to_list())
        least = thresholds.direct_record_bytes * len(block)
        self._large = self._direct and int(block.lengths.sum()) >= least
        return True

    def _large_records(self) -> Iterator[bytes]:
        """Read records straight into their results while all is as it should be; saves a copy.

        What is not, or is small, is left for the next block to look at.
        """
        source, _, stream = self._file
        verify, most = self._options["verify"], self._options["max_record_bytes"]
        offset = stream.offset
        header = source.read_at(HEADER_SIZE, offset)
        while len(header) == HEADER_SIZE:
            length = int.from_bytes(header[:8], "little")
            if not thresholds.direct_record_bytes <= length <= most or header != header_of(length):
                break
            record = source.read_at(length, offset + HEADER_SIZE)
            beyond = source.read_at(FRAME_OVERHEAD, offset + HEADER_SIZE + length)
            if len(record) < length or len(beyond) < FOOTER_SIZE:
                break
            if verify and footer_of(record) != beyond[:FOOTER_SIZE]:
                break
            offset += length + FRAME_OVERHEAD
            stream.move_to(offset, stream.record + 1)
            header = beyond[FOOTER_SIZE:]
            yield record

    def blocks(self) -> Iterator[RecordBlock]:
        """Iterate over the rest of the file by `RecordBlock`: `block_bytes`, or a larger record.

        A block that is no longer needed may be given back with `recycle`.
        """
        left = operator.length_hint(self._pending)
        current, self._current, self._pending = self._current, None, iter(())
        if left and current is not None:
            yield current[len(current) - left :]
        while (block := self._stream.read_block()) is not None:
            yield block

    def recycle(self, block: RecordBlock) -> None:
        """Give a block of `blocks` back, so that its memory is used again for one to come.

        Its records, and whatever shares memory with its buffer, must not be used after that. Fresh
        memory is slow: where large records are only looked at, this saves half of the time.
        """
        self._stream.recycle(block)

    def close(self) -> None:
        """Close the file, where it was opened here. Closing twice is harmless."""
        (self._follower or self._file).close()
        self._pending = iter(())

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self._given, (str, bytes, os.PathLike)):
            raise TypeError("a RecordReader of a file object cannot be pickled; give it a path")
        return _reopen, (self._given, self._options)


def _reopen(path: Path, options: dict[str, Any]) -> RecordReader:
    return RecordReader(path, **options)


def read_records(
    paths: PathOrFile | Iterable[Path],
    *,
    compression: CompressionOrAuto = "auto",
    verify: bool = True,
    on_damage: Literal["raise"] | Callable[[Damage], Any] = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Iterator[bytes]:
    """Iterate over the records of one or many files; the options are those of `RecordReader`.

    ``paths`` is a path (that exists: taken as it is), a directory, a glob, ``NAME@N``, a list of
    these, or a binary file object. What matches no file raises ``FileNotFoundError`` here and now.

    >>> import io
    >>> list(read_records(io.BytesIO()))
    []
    """
    files: list[Any] = [paths] if hasattr(paths, "read") else [*expand_paths(paths)]

    def records() -> Iterator[bytes]:
        for file in files:
            with RecordReader(
                file,
                compression=compression,
                verify=verify,
                on_damage=on_damage,
                max_record_bytes=max_record_bytes,
            ) as reader:
                yield from reader

    return records()
