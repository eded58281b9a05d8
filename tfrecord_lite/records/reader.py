"""RecordReader: the records of a file, each checked, every byte accounted for."""

from __future__ import annotations

import operator
from functools import partial
from itertools import repeat
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from tfrecord_lite.errors import TruncatedRecordError
from tfrecord_lite.records.blocks import BlockStream
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.compression import Codec, codec_named
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
from tfrecord_lite.records.iterating import OneThread, flatten
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.records.resume import codec_to_read
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.text import printable
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import CompressionOrAuto, OnDamage, PathOrFile, Verify

__all__ = ["DEFAULT_MAX_RECORD_BYTES", "RecordReader", "check_on_damage", "check_verify"]

# TensorFlow has no limit and dies of large ones; protobuf's messages end at 2 GiB.
DEFAULT_MAX_RECORD_BYTES = 1 << 30


def check_on_damage(given: OnDamage) -> None:
    """Raise ``ValueError`` for what is no ``on_damage``."""
    if given != "raise" and not callable(given):
        raise ValueError(f"on_damage={given!r}; pass 'raise' or a callable that gets a Damage")


def check_verify(given: object) -> Verify:
    """Return ``verify`` as True, False or "none"; 1 and NumPy's are equal to True, and not True.

    Raises ``ValueError`` for anything else.
    """
    if given in (True, False):
        return bool(given)
    if given != "none":
        raise ValueError(f"verify={given!r}; pass True, False, or 'none'")
    return "none"


class RecordReader(Closing):
    """Read the records of a TFRecord file, from its front to its end.

    ``path`` is a path, or a binary file object (a pipe, ``sys.stdin.buffer``) that stays open.
    Compression is found from the content; a ``compression`` named (None, "GZIP", "ZLIB") is taken
    at its word. With ``verify`` every record returned has passed both checksums; with False those
    of the lengths alone are checked, since a wrong length would lose the rest of the file; with
    "none" no checksum is, for files of writers that leave them out or take others.

    Damage raises: `CorruptRecordError`, `TruncatedRecordError`, `RecordTooLargeError` (above
    ``max_record_bytes``) or `CompressionError`, after all intact records before it were returned.
    With a callable as ``on_damage``, it gets a `Damage` for each region that is left out, and
    reading goes on; what it raises goes through, and StopIteration ends the loop. ``OSError`` goes
    through as it is.

    With ``follow`` the end of the file, and a record that is truncated there, are waited at:
    records are returned as they are written, until the process is interrupted, the reader is closed
    by another thread, or nothing came for ``timeout`` seconds. The file is followed by its name:
    where a file of other content takes its place, or it is written again, reading begins again,
    with a ``UserWarning``; a copy that goes on where the old file ended is gone on with.

    After any error the reader stands where it stood: a further call tries again, so a file that has
    grown in the meantime loses nothing. That holds for exceptions from signal handlers too, at
    any moment: the record that is on its way to the loop is lost at most. A pipe of compressed
    data, which cannot be gone back in, may raise `io.UnsupportedOperation` from then on. Two
    threads that read at once get a ``RuntimeError``.

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
        verify: Verify = True,
        on_damage: OnDamage = "raise",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        follow: bool = False,
        timeout: float | None = None,
        _max_buffered: int | None = None,
        _source: ByteSource | None = None,
    ) -> None:
        if compression != "auto":
            codec_named(compression)
        check_on_damage(on_damage)
        if timeout is not None and not follow:
            raise ValueError(f"timeout={timeout} is for follow=True; nothing else waits")
        if timeout is not None and not (isinstance(timeout, Real) and timeout == timeout):
            raise TypeError(f"timeout={timeout!r} must be a number of seconds, or None")
        self._given = path = name_of(path) if is_path(path) else path
        self._options: dict[str, Any] = {
            "compression": compression,
            "verify": check_verify(verify),
            "on_damage": on_damage,
            "max_record_bytes": at_least(0, max_record_bytes=max_record_bytes),
            "follow": follow,
            "timeout": timeout,
        }
        self._max_buffered = _max_buffered
        self._source = _source
        self.path = name_of(path)
        self._follower: FollowedStream | None = None
        if follow:
            if not is_path(path):
                raise ValueError(
                    f"{printable(self.path)}: follow=True needs a path, not an open file"
                )
            self._follower = FollowedStream(self.path, self._open, timeout)
        self._file = self._follower.file if self._follower else self._open()
        self._blocks = self._follower or self._file.stream
        # Large records of a regular file can be read straight into their results.
        self._direct = not follow and self._file.codec is None and self._file.source.ready
        stream = self._stream
        self._position = _Position(stream, stream.offset, stream.record, None, iter(()))
        # The position at which the stream stands; after an exception it may stand anywhere.
        self._settled: _Position | None = self._position
        self._large = False
        # The header at an offset, which came with the record before it.
        self._next_header = (-1, b"")
        self._one_thread = OneThread(f"the reader of {printable(self.path)}")

    def _open(self) -> OpenedFile:
        options = self._options
        source = self._source or ByteSource(self._given)
        try:
            tolerant = options["on_damage"] != "raise"
            codec = codec_to_read(source, options["compression"], tolerant=tolerant)
        except BaseException:
            source.close()
            raise
        stream = BlockStream(
            source if codec is None else InflatedSource(source, codec),
            verify=options["verify"],
            on_damage=None if options["on_damage"] == "raise" else options["on_damage"],
            max_record_bytes=options["max_record_bytes"],
            growing=options["follow"],
            max_buffered=self._max_buffered,
        )
        return OpenedFile(source, codec, stream)

    @property
    def compression(self) -> Codec:
        """The file's compression, as it was named or found: None, "GZIP" or "ZLIB"."""
        return self._follower.file.codec if self._follower else self._file.codec

    @property
    def offset(self) -> int:
        """The end of the last record returned (or region reported), in uncompressed bytes."""
        _, offset, _, block, pending = self._position
        left = operator.length_hint(pending)
        return block.offset(len(block) - left) if left and block is not None else offset

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
        self._stream.block_bytes = at_least(1, block_bytes=size)

    def __repr__(self) -> str:
        return f"<RecordReader of {printable(self.path)}>"

    def __iter__(self) -> Iterator[bytes]:
        # The position is shared: what one loop leaves, the next one finds.
        return flatten(self.take_pending, self)

    def __next__(self) -> bytes:
        while True:
            try:
                return next(self._position.pending)
            except StopIteration:
                if self.take_pending() is None:
                    raise

    def take_pending(self) -> Iterator[bytes] | None:
        """Return an iterator over the next records, the same until it has no more; None at the end.

        What it gives is returned.
        """
        if not operator.length_hint(self._position.pending):
            with self._one_thread:
                if not self._next_records():
                    return None
        return self._position.pending

    def _next_records(self) -> bool:
        """Set out more records to return (none yet, perhaps); False at the end of the file."""
        before = self._position
        if self._large:
            self._large = False
            self._position = before._replace(
                block=None, pending=map(self._large_record, repeat(None))
            )
            return True
        if before.block is not None:
            # Given back once at most, whatever comes between.
            after = before._replace(block=None)
            self._position, self._settled = after, after if self._settled is before else None
            self._stream.recycle(before.block)
        position = self._read()
        block = position.block
        if block is not None:
            position = position._replace(pending=iter(block.to_list()))
            least = thresholds.direct_record_bytes * len(block)
            self._large = self._direct and int(block.lengths.sum()) >= least
        self._settled = position
        self._position = position
        return block is not None

    def _read(self) -> _Position:
        """Return the next block and where it ends; whoever hands it out makes that the position."""
        position = self._position
        stream = self._stream
        if self._settled is not position and position.stream is stream:
            stream.rewind(position.offset, position.record)
        self._settled = None
        try:
            block = self._blocks.read_block()
        except BaseException as error:
            stream = self._stream
            if stream.refused_at is not None:
                # What `on_damage` raised: the region before this has been reported.
                after = _Position(stream, *stream.refused_at, None, iter(()))
                self._position, self._settled = after, after
            elif isinstance(error, TruncatedRecordError):
                # Of a file that is followed: so have regions before the end.
                self._position = _Position(stream, stream.offset, stream.record, None, iter(()))
            raise
        stream = self._stream
        if self._settled is not None:
            raise RuntimeError(
                f"{printable(self.path)}: read by a signal handler while it was being read"
            )
        return _Position(stream, stream.offset, stream.record, block, iter(()))

    @property
    def _stream(self) -> BlockStream:
        """What is read now: of a file that is followed, what is at its path."""
        return self._follower.file.stream if self._follower else self._file.stream

    def _large_record(self, _: None) -> bytes:
        """Read a record straight into its result while all is as it should be; saves a copy.

        What is not, or is small, is left for the next block to look at.
        """
        source = self._file.source
        verify, most = self._options["verify"], self._options["max_record_bytes"]
        position = self._position
        offset, header = self._next_header
        if offset != position.offset:
            offset = position.offset
            header = source.read_at(HEADER_SIZE, offset)
        length = int.from_bytes(header[:8], "little")
        if (
            len(header) < HEADER_SIZE
            or not thresholds.direct_record_bytes <= length <= most
            or (verify != "none" and header != header_of(length))
        ):
            raise StopIteration
        record = source.read_at(length, offset + HEADER_SIZE)
        beyond = source.read_at(FRAME_OVERHEAD, offset + HEADER_SIZE + length)
        if len(record) < length or len(beyond) < FOOTER_SIZE:
            raise StopIteration
        if verify is True and footer_of(record) != beyond[:FOOTER_SIZE]:
            raise StopIteration
        offset += length + FRAME_OVERHEAD
        self._next_header = offset, beyond[FOOTER_SIZE:]
        self._position = position._replace(offset=offset, record=position.record + 1)
        return record

    def blocks(self) -> Iterator[RecordBlock]:
        """Iterate over the rest of the file by `RecordBlock`: `block_bytes`, or a larger record.

        A block that is no longer needed may be given back with `recycle`.
        """
        return iter(self.next_block, None)

    def next_block(self) -> RecordBlock | None:
        """Return the next block of `blocks`; None at the end of the file."""
        self._one_thread.enter()
        try:
            before = self._position
            left = operator.length_hint(before.pending)
            if left and before.block is not None:
                block: RecordBlock | None = before.block[len(before.block) - left :]
                position = before._replace(block=None, pending=iter(()))
                if self._settled is before:
                    self._settled = position
            else:
                position = self._read()
                block = position.block
                position = self._settled = position._replace(block=None)
        except BaseException:
            self._one_thread.leave()
            raise
        self._position = position
        return self._one_thread.leave() or block

    @property
    def can_go_to(self) -> bool:
        """Whether `go_to` works: a plain file, regular, and not one that is followed."""
        return self._direct

    @property
    def place(self) -> tuple[int, int]:
        """Where `next_block` goes on, and the number of the record there; `go_to` goes back there.

        Of a compressed file it does so until another block has been read.
        """
        return self._position.offset, self._position.record

    def go_to(self, offset: int, record: int) -> None:
        """Go on at another boundary, where the record of this number begins."""
        self._position = _Position(self._stream, offset, record, None, iter(()))

    def go_to_member(self, member: int, offset: int, record: int) -> None:
        """Go on at the gzip member at byte ``member`` of the file as it lies, and at its record."""
        self._stream.go_to_member(member, offset, record)
        self._position = self._settled = _Position(self._stream, offset, record, None, iter(()))

    def read_ahead_until(self, end: int | None) -> None:
        """Have no more of an object asked for in advance than what comes before byte ``end``."""
        self._file.source.read_ahead_until(end)

    def recycle(self, block: RecordBlock) -> None:
        """Give a block of `blocks` back, so that its memory is used again for one to come.

        Its records, and whatever shares memory with its buffer, must not be used after that. Fresh
        memory is slow: where large records are only looked at, this saves half of the time.
        """
        self._stream.recycle(block)

    def close(self) -> None:
        """Close the file, where it was opened here. Closing twice is harmless."""
        (self._follower or self._file).close()
        self._position = self._position._replace(offset=self.offset, block=None, pending=iter(()))

    def __reduce__(self) -> tuple[Any, ...]:
        if not is_path(self._given):
            raise TypeError("a RecordReader of a file object cannot be pickled; give it a path")
        return partial(RecordReader, self._given, **self._options), ()


class _Position(NamedTuple):
    """Up to where a reader has returned, or set out to return, what its stream read.

    Replaced as a whole, by the last statement of what returns: whatever exception comes before
    it, the same is read again. ``pending`` are the records of ``block`` that are yet to be taken.
    """

    stream: BlockStream
    offset: int
    record: int
    block: RecordBlock | None
    pending: Iterator[bytes]
