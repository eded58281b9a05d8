"""``tf.python_io``: TensorFlow's record functions; ``tf.io`` has them too.

The rules of tf.io hold: a file is written in place, ``flush`` makes visible what was written, text
is taken as UTF-8, a writer that is forgotten is closed. Two things are stricter: an option that
could not be read back is refused (TensorFlow writes the file, or ends the process), and a file that
ends in a truncated header or inside its compressed stream is a `DataLossError`, after its records,
where TensorFlow says nothing.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from tfrecord_lite.compat._deflate import StreamEncoder
from tfrecord_lite.compat._missing import missing
from tfrecord_lite.compat.errors import FailedPreconditionError, data_loss, of_system, renamed
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.records.closing import Closing
from tfrecord_lite.records.positions import FilePart, PositionedFile
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.writer import RecordWriter

if TYPE_CHECKING:
    from typing_extensions import Self

    from tfrecord_lite._types import Path

    CompressionName: TypeAlias = Literal["GZIP", "ZLIB", ""]

__all__ = [
    "TFRecordCompressionType",
    "TFRecordOptions",
    "TFRecordWriter",
    "tf_record_iterator",
    "tf_record_random_reader",
]

__getattr__ = missing("tf.python_io")


class TFRecordCompressionType:
    """The numbers that TensorFlow 1 had for compressions."""

    NONE = 0
    ZLIB = 1
    GZIP = 2


class TFRecordOptions:
    """How a TFRecord file is compressed: "GZIP", "ZLIB" or "", and zlib's parameters.

    ``compression_type`` is also taken as a `TFRecordCompressionType`, as other options, or as None;
    anything else is a ValueError. What is None has TensorFlow's default: level -1 (6),
    ``mem_level`` 9, ``window_bits`` 15 for ZLIB and 31 for GZIP, ``flush_mode``
    ``zlib.Z_NO_FLUSH``, buffers of 256 KiB. Without compression the other fields mean nothing.

    >>> TFRecordOptions.get_compression_type_string(TFRecordOptions("GZIP", compression_level=9))
    'GZIP'
    """

    compression_type_map: ClassVar[dict[int, CompressionName]] = {
        TFRecordCompressionType.ZLIB: "ZLIB",
        TFRecordCompressionType.GZIP: "GZIP",
        TFRecordCompressionType.NONE: "",
    }

    def __init__(
        self,
        compression_type: Any = None,
        flush_mode: int | None = None,
        input_buffer_size: int | None = None,
        output_buffer_size: int | None = None,
        window_bits: int | None = None,
        compression_level: int | None = None,
        compression_method: int | None = None,
        mem_level: int | None = None,
        compression_strategy: int | None = None,
    ) -> None:
        self.get_compression_type_string(compression_type)
        self.compression_type = compression_type
        self.flush_mode = flush_mode
        self.input_buffer_size = input_buffer_size
        self.output_buffer_size = output_buffer_size
        self.window_bits = window_bits
        self.compression_level = compression_level
        self.compression_method = compression_method
        self.mem_level = mem_level
        self.compression_strategy = compression_strategy

    @classmethod
    def get_compression_type_string(cls, options: Any) -> CompressionName:
        """Return "GZIP", "ZLIB" or "" for any form of options; ValueError for what is none.

        >>> TFRecordOptions.get_compression_type_string(TFRecordCompressionType.ZLIB)
        'ZLIB'
        """
        if not options:
            return ""
        if isinstance(options, TFRecordOptions):
            return cls.get_compression_type_string(options.compression_type)
        if options in cls.compression_type_map:
            return cls.compression_type_map[options]
        for name in cls.compression_type_map.values():
            if options == name:
                return name
        raise ValueError(f"not a valid compression_type: {options!r}; choose 'GZIP', 'ZLIB' or ''")

    def _encoder(self) -> StreamEncoder | None:
        """Return what compresses a file, or None; ValueError for what zlib does not take."""
        codec = self.get_compression_type_string(self.compression_type)
        if not codec:
            return None
        given = {name: value for name, value in vars(self).items() if value is not None}
        del given["compression_type"]
        return StreamEncoder(codec, **given)


class _Writer(RecordWriter):
    """A writer that a forked child may use as well, as it may TensorFlow's; closed at exit."""

    _is_reported = False

    def _is_owner(self) -> bool:
        return True


class TFRecordWriter(Closing):
    r"""Write records to a TFRecord file, in place, as TensorFlow's writer of this name does.

    Byte for byte TensorFlow's file, GZIP and ZLIB too where Python has the same zlib, with two
    exceptions that read alike: with ``compression_level=0`` what is only stored is cut elsewhere,
    and where `flush` fills the last of an ``output_buffer_size``, as it often does where that is
    tiny, TensorFlow's file has an empty block more. ``options`` is a `TFRecordOptions`, a
    compression's name or number, or None; ValueError for what TensorFlow does not know.
    `FailedPreconditionError` after `close`, `NotFoundError` and its like where the file cannot be
    opened.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "greetings.tfrecord")
    >>> with TFRecordWriter(path, "ZLIB") as writer:
    ...     writer.write(b"hello")
    ...     writer.write("Grüße")
    >>> list(tf_record_iterator(path, "ZLIB"))
    [b'hello', b'Gr\xc3\xbc\xc3\x9fe']
    """

    def __init__(self, path: Path, options: Any = None) -> None:
        if not isinstance(options, TFRecordOptions):
            options = TFRecordOptions(options)
        encoder = options._encoder()  # noqa: SLF001 - the class beside this one
        with renamed():
            self._writer = _Writer(path, atomic=False, _encoder=encoder)
        # TensorFlow's destructor completes the file; many a script never closes its writer.
        self._closing = weakref.finalize(self, self._writer.close)

    def write(self, record: bytes | bytearray | str) -> None:
        """Write one record: bytes, bytearray, or str as UTF-8; TypeError for all else."""
        if isinstance(record, str):
            try:
                record = record.encode()
            except UnicodeEncodeError as error:
                raise TypeError(f"a str record must be encodable as UTF-8: {error}") from None
        elif not isinstance(record, (bytes, bytearray)):
            raise TypeError(f"a record is bytes, bytearray or str, not {type(record).__name__}")
        self._refuse_closed()
        try:
            self._writer.write(record)
        except OSError as error:
            raise of_system(error) from error

    def flush(self) -> None:
        """Make all that was written readable in the file, compressed or not."""
        self._refuse_closed()
        with renamed():
            self._writer.flush()

    def close(self) -> None:
        """Complete the file. Closing twice is harmless."""
        if self._closing.detach():
            with renamed():
                self._writer.close()

    def _refuse_closed(self) -> None:
        if not self._closing.alive:
            raise FailedPreconditionError(None, None, "Writer is closed.")


class _RecordIterator:
    """The records of a file; after the end, or an error, it can be asked again."""

    _reader: RecordReader | None = None

    def __init__(self, path: Path, compression: CompressionName) -> None:
        self._path = path
        self._compression = compression
        self._records = 0
        self.reopen()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._reader is None:
            raise StopIteration
        try:
            record = next(self._reader)
        except TFRecordError as error:
            raise data_loss(error) from error
        except OSError as error:
            raise of_system(error) from error
        self._records += 1
        return record

    def close(self) -> None:
        """Close the file; iteration is over until `reopen`."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def reopen(self) -> None:
        """Open the file again after `close`, and go on after the last record returned."""
        if self._reader is not None:
            raise FailedPreconditionError(None, None, "Reader is not closed.")
        with renamed():
            reader = RecordReader(
                self._path, compression=self._compression, max_record_bytes=sys.maxsize
            )
            try:
                for _ in zip(range(self._records), reader, strict=False):
                    pass
            except BaseException:
                reader.close()
                raise
        self._reader = reader

    def __del__(self) -> None:
        # `list(tf_record_iterator(path))` leaves nobody to close it.
        self.close()


def tf_record_iterator(path: Path, options: Any = None) -> _RecordIterator:
    """Iterate over the records of a file that is compressed as ``options`` says.

    Both checksums of each record are checked. At the end, and after a `DataLossError`, ``next`` may
    be called again: what was appended, or completed, in the meantime is read. ``close()`` and
    ``reopen()`` as in TensorFlow.
    """
    return _RecordIterator(path, TFRecordOptions.get_compression_type_string(options))


class _RandomRecordReader:
    """The record at any offset of a file, as TensorFlow's ``RandomRecordReader``.

    Threads may share one.
    """

    _file: PositionedFile | None = None

    def __init__(self, path: Path) -> None:
        with renamed():
            self._file = PositionedFile(path)

    def read(self, offset: int) -> tuple[bytes, int]:
        """Return the record whose frame begins at ``offset``, and where the next frame begins.

        IndexError at or after the end of the file, DataLossError where no intact record begins.
        """
        file = self._file
        if file is None:
            raise FailedPreconditionError(None, None, "Random TFRecord Reader is closed.")
        part: Any = FilePart(file.path, file.read_into, offset, sys.maxsize)
        with renamed():
            reader = RecordReader(part, compression=None, max_record_bytes=sys.maxsize)
            try:
                for record in reader:
                    return record, offset + reader.offset
            except TFRecordError as error:
                # The reader counts from where it began.
                error.record, error.offset = None, offset
                raise
        raise IndexError(f"Out of range at reading offset {offset}")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()


def tf_record_random_reader(path: Path) -> _RandomRecordReader:
    """Open an uncompressed file to read the records at known offsets."""
    return _RandomRecordReader(path)
