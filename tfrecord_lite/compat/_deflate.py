"""zlib as ``tf.io.TFRecordOptions`` sets it, in one stream, cut where TensorFlow cuts.

With the default ``flush_mode``, ``Z_NO_FLUSH``, zlib alone decides where its blocks end, and any
cut gives the same bytes. With another, each full input buffer ends one; so the buffer is filled
here as in TensorFlow (``xla/tsl/lib/io/zlib_outputbuffer.cc``), which appends a record as three
pieces, and the bytes are the same again.
"""

from __future__ import annotations

import zlib

from tfrecord_lite.records.framing import FOOTER_SIZE, HEADER_SIZE

__all__ = ["StreamEncoder"]

_BUFFER_BYTES = 1 << 18
_FLUSH_MODES = (
    zlib.Z_NO_FLUSH,
    zlib.Z_PARTIAL_FLUSH,
    zlib.Z_SYNC_FLUSH,
    zlib.Z_FULL_FLUSH,
    zlib.Z_BLOCK,
)
# What a reader of each compression will inflate: from 512 bytes of window to 32 KiB, 16 added for
# gzip's header.
_WINDOW_BITS = {"ZLIB": range(8, 16), "GZIP": range(25, 32)}


class StreamEncoder:
    """An `Encoder` for one gzip or zlib stream, with each parameter of zlib.

    ValueError for a value that zlib refuses, and for ``window_bits`` that give another kind of
    stream than ``codec`` names: TensorFlow writes such a file and cannot read it.
    """

    def __init__(
        self,
        codec: str,
        *,
        flush_mode: int = zlib.Z_NO_FLUSH,
        input_buffer_size: int = _BUFFER_BYTES,
        output_buffer_size: int = _BUFFER_BYTES,
        window_bits: int | None = None,
        compression_level: int = zlib.Z_DEFAULT_COMPRESSION,
        compression_method: int = zlib.DEFLATED,
        mem_level: int = 9,
        compression_strategy: int = zlib.Z_DEFAULT_STRATEGY,
    ) -> None:
        readable = _WINDOW_BITS[codec]
        if window_bits is None:
            window_bits = readable[-1]
        _check("window_bits", window_bits, readable, f"what makes a {codec} file that can be read")
        _check("flush_mode", flush_mode, _FLUSH_MODES, "zlib's, but for Z_FINISH")
        _check("compression_level", compression_level, range(-1, 10), "-1 is zlib's default")
        _check("compression_method", compression_method, (zlib.DEFLATED,), "zlib has no other")
        _check("mem_level", mem_level, range(1, 10), "zlib's")
        _check("compression_strategy", compression_strategy, range(5), "zlib's")
        _check("input_buffer_size", input_buffer_size, range(1, 1 << 31), "bytes")
        _check("output_buffer_size", output_buffer_size, range(2, 1 << 31), "bytes")
        self._deflate = zlib.compressobj(
            compression_level, compression_method, window_bits, mem_level, compression_strategy
        )
        self._flush_mode = flush_mode
        self._capacity = input_buffer_size
        self._buffer = bytearray()
        # Where cuts matter each call must bring one frame.
        self.chunk_bytes = _BUFFER_BYTES if flush_mode == zlib.Z_NO_FLUSH else 1

    def encode(self, frames: bytes | memoryview, records: int) -> bytes:
        """Return the next bytes for the file."""
        if self._flush_mode == zlib.Z_NO_FLUSH:
            return self._deflate.compress(frames)
        pieces = frames[:HEADER_SIZE], frames[HEADER_SIZE:-FOOTER_SIZE], frames[-FOOTER_SIZE:]
        return b"".join(map(self._append, pieces))

    def flush(self) -> bytes:
        """Return what makes all that was encoded readable now."""
        return self._empty(zlib.Z_PARTIAL_FLUSH)

    def finish(self) -> bytes:
        """Return the end of the stream."""
        return self._empty(zlib.Z_FINISH)

    def _append(self, piece: bytes | memoryview) -> bytes:
        output = b""
        if len(self._buffer) + len(piece) > self._capacity:
            output = self._empty(self._flush_mode)
        self._buffer += piece
        if len(self._buffer) > self._capacity:
            output += self._empty(self._flush_mode)
        return output

    def _empty(self, mode: int) -> bytes:
        # Nothing in between, or zlib would not see that two flushes follow each other.
        output = self._deflate.compress(self._buffer) if self._buffer else b""
        self._buffer.clear()
        return output + self._deflate.flush(mode)


def _check(name: str, value: int, allowed: range | tuple[int, ...], why: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r} must be an int")
    if value not in allowed:
        choice = (
            f"from {allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else f"of {allowed}"
        )
        raise ValueError(f"{name}={value}; choose one {choice} ({why})")
