"""Frames in memory: pure bytes, no input or output.

A TFRecord file is frames, one after another, and nothing else
(``xla/tsl/lib/io/record_writer.cc``)::

    offset  size    field
    0       8       length of the data, uint64 little-endian
    8       4       masked CRC-32C of the 8 length bytes
    12      length  data
    12+n    4       masked CRC-32C of the data
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tfrecord_lite.byte_strings import as_bytes, check_records
from tfrecord_lite.records.checksum import crc32c, mask_crc, mask_crcs
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array, Uint32Array

__all__ = [
    "FOOTER_SIZE",
    "FRAME_OVERHEAD",
    "HEADER_SIZE",
    "SLACK_BYTES",
    "RecordBlock",
    "fill_frames",
    "footer_of",
    "header_of",
    "length_is_intact",
    "scan_frames",
]

HEADER_SIZE = 12
FOOTER_SIZE = 4
FRAME_OVERHEAD = HEADER_SIZE + FOOTER_SIZE
# Decoders fetch words of eight bytes that begin up to eight bytes after a record's end: a buffer
# that has so many more need not be copied for that.
SLACK_BYTES = 16

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")


class RecordBlock(Sequence[bytes]):
    """Records that lie in one buffer: the currency of reading and writing.

    ``buffer`` is uint8 ``[bytes]``; record i is ``buffer[starts[i] : starts[i] + lengths[i]]``,
    with ``starts`` and ``lengths`` int64 ``[records]``. As a sequence it gives ``bytes``. Where the
    block was read from a file, ``path`` names it, ``first_record`` is the number of its first
    record there, and ``base`` the (uncompressed) offset in the file of the buffer's first byte, so
    that errors can tell the place.

    >>> block = RecordBlock.from_records([b"foo", b"barbaz"])
    >>> block[1], len(block), block.lengths.tolist()
    (b'barbaz', 2, [3, 6])
    """

    __slots__ = (
        "base",
        "buffer",
        "first_record",
        "has_frames",
        "has_space",
        "lengths",
        "path",
        "starts",
    )

    def __init__(
        self,
        buffer: Uint8Array,
        starts: Int64Array,
        lengths: Int64Array,
        *,
        path: str | None = None,
        first_record: int = 0,
        base: int = 0,
    ) -> None:
        self.buffer = buffer
        self.starts = starts
        self.lengths = lengths
        self.path = path
        self.first_record = first_record
        self.base = base
        # Whether the bytes around records were made for frames, which may be filled in there.
        self.has_space = False
        # Whether they are filled in, and were checked: said by who alone has the block, and leaves
        # its bytes as they are.
        self.has_frames = False

    @classmethod
    def from_records(cls, records: Sequence[bytes]) -> RecordBlock:
        """Lay records out in one new buffer, one after another, without frames.

        They are bytes, or bytes-like as `RecordWriter.write` takes them; TypeError for all else.
        """
        check_records(records)
        if not {bytes}.issuperset(map(type, records)):
            records = [as_bytes(record) for record in records]
        lengths = np.fromiter(map(len, records), np.int64, len(records))
        ends = np.cumsum(lengths)
        return cls(np.frombuffer(b"".join(records), np.uint8), ends - lengths, lengths)

    def padded_buffer(self) -> Uint8Array:
        """Return the buffer, or a copy, with `SLACK_BYTES` after the last record at least."""
        end = int((self.starts + self.lengths).max(initial=0)) + SLACK_BYTES
        if end <= len(self.buffer):
            return self.buffer
        return np.concatenate([self.buffer, np.zeros(SLACK_BYTES, np.uint8)])

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> RecordBlock: ...
    def __getitem__(self, index: int | slice) -> bytes | RecordBlock:
        if isinstance(index, slice):
            begin, _, step = index.indices(len(self))
            if step != 1:
                raise ValueError(f"a RecordBlock is sliced in steps of 1, not {step}")
            block = RecordBlock(
                self.buffer,
                self.starts[index],
                self.lengths[index],
                path=self.path,
                first_record=self.first_record + begin,
                base=self.base,
            )
            block.has_space, block.has_frames = self.has_space, self.has_frames
            return block
        start = int(self.starts[index])
        return self.buffer[start : start + int(self.lengths[index])].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.to_list())

    def __repr__(self) -> str:
        return f"<RecordBlock of {len(self)} records, {int(self.lengths.sum())} bytes>"

    def path_of(self, index: int) -> str | None:  # noqa: ARG002 - of several files in a subclass
        """Return the name of the file that record ``index`` is from; None where it is of none."""
        return self.path

    def number(self, index: int) -> int:
        """Return the number in its file of record ``index``."""
        return self.first_record + index

    def to_list(self) -> list[bytes]:
        """Return the records, each as ``bytes`` of its own."""
        if not len(self):
            return []
        starts = self.starts
        begin = int(starts.min())
        ends = starts + self.lengths
        end = int(ends.max())
        if end - begin < thresholds.sliced_record_bytes * len(self):
            data = self.buffer[begin:end].tobytes()
            cuts = zip((starts - begin).tolist(), (ends - begin).tolist(), strict=True)
            return [data[start:stop] for start, stop in cuts]
        longest = int(self.lengths.max())
        if 0 < longest <= thresholds.sliced_record_bytes and longest * len(self) <= 2 * int(
            self.lengths.sum()
        ):
            # Short ones far apart, of about one size: they are brought together first.
            view = np.ndarray((end - longest + 1,), f"V{longest}", self.buffer, strides=(1,))
            near = np.minimum(starts, end - longest)
            data = view[near].tobytes()
            begins = np.arange(len(self)) * longest + (starts - near)
            cuts = zip(begins.tolist(), (begins + self.lengths).tolist(), strict=True)
            return [data[start:stop] for start, stop in cuts]
        memory = self.buffer.data
        cuts = zip(starts.tolist(), ends.tolist(), strict=True)
        return [memory[start:stop].tobytes() for start, stop in cuts]

    def offset(self, index: int) -> int:
        """Return where in its file the frame of record ``index`` begins, in uncompressed bytes."""
        return self.base + int(self.starts[index]) - HEADER_SIZE


@lru_cache(maxsize=1 << 14)
def header_of(length: int) -> bytes:
    """Return the 12 bytes before a record of ``length`` bytes.

    >>> header_of(3).hex()
    '0300000000000000b099490e'
    """
    data = _LENGTH.pack(length)
    return data + _CRC.pack(mask_crc(crc32c(data)))


def footer_of(data: bytes | memoryview) -> bytes:
    """Return the 4 bytes after a record: the masked CRC of its data."""
    return _CRC.pack(mask_crc(crc32c(data)))


def fill_frames(block: RecordBlock) -> memoryview | None:
    """Make frames of a block that has space for them, in place; None for one that has not.

    Those that are there stay as they were checked. Space is 12 bytes before the first record, 16
    between two, and 4 after the last: what blocks that were read from a file have, and those of
    `encode_examples`.
    """
    starts, ends = block.starts, block.starts + block.lengths
    begin, end = int(starts[0]) - HEADER_SIZE, int(ends[-1]) + FOOTER_SIZE
    buffer = block.buffer
    if begin < 0 or end > len(buffer) or not buffer.flags.writeable:
        return None
    if (starts[1:] - ends[:-1] != FRAME_OVERHEAD).any():
        return None
    view = buffer.data
    if block.has_frames:
        return view[begin:end]
    sizes, which = np.unique(block.lengths, return_inverse=True)
    headers = np.frombuffer(b"".join(map(header_of, sizes.tolist())), f"V{HEADER_SIZE}")
    places: Any = np.ndarray((end - 11,), f"V{HEADER_SIZE}", buffer=buffer, strides=(1,))
    places[starts - HEADER_SIZE] = headers[which.reshape(-1)]
    if end - begin < thresholds.sliced_record_bytes * len(block):
        datas: Any = block.to_list()
    else:
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        datas = (view[start:end] for start, end in spans)
    crcs = np.fromiter(map(crc32c, datas), np.uint32, len(block))
    footers: Any = np.ndarray((end - 3,), "<u4", buffer=buffer, strides=(1,))
    footers[ends] = mask_crcs(crcs)
    return view[begin:end]


def length_is_intact(buffer: bytes | memoryview, at: int = 0) -> bool:
    """Tell whether a header stands at ``at``: eight bytes of length and the CRC that fits them."""
    stored: int = _CRC.unpack_from(buffer, at + 8)[0]
    return mask_crc(crc32c(buffer[at : at + 8])) == stored


def scan_frames(
    buffer: Uint8Array, begin: int, end: int, *, short: bool | None = False
) -> tuple[Int64Array, Int64Array]:
    """Find the frames that lie whole in ``buffer[begin:end]``, following their lengths.

    Returns where the data of each begins and its length, int64 ``[records]`` each. Nothing is
    checked here: after a damaged length the frames found are nonsense, and the checksums say so.
    ``short`` is a guess that all lengths are below 256, which makes it faster where it holds and
    changes nothing else; with None the first records tell.
    """
    parts = [_stride(buffer, begin, end)]
    begin = int(parts[0][-1])
    view = buffer.data
    if short is None:
        short = _begin_short(view, begin, end)
    while short and end - begin >= thresholds.short_frames_bytes:
        part, pays = _short(buffer, begin, min(begin + thresholds.short_frames_piece, end))
        parts.append(part)
        begin = int(part[-1])
        short = pays and len(part) > 1
    bounds = _follow(view, begin, end)
    parts.append(np.fromiter(bounds, np.int64, len(bounds)))
    # Each part ends where the next begins.
    edges = np.concatenate([*(part[:-1] for part in parts[:-1]), parts[-1]])
    return edges[:-1] + HEADER_SIZE, np.diff(edges) - FRAME_OVERHEAD


def _stride(buffer: Uint8Array, begin: int, end: int) -> Int64Array:
    """Return the edges of the frames at the front that are all as long as the first."""
    unpack, view = _LENGTH.unpack_from, buffer.data
    none = np.array([begin])
    if end - begin < FRAME_OVERHEAD:
        return none
    length = unpack(view, begin)[0]
    size = length + FRAME_OVERHEAD
    trials = range(begin + size, begin + thresholds.trial_frames * size, size)
    if end - begin < thresholds.trial_frames * size or any(
        unpack(view, at)[0] != length for at in trials
    ):
        return none
    edges = np.arange(begin, end + 1, size)
    return edges[: _right_guesses(buffer, edges) + 1]


def _begin_short(view: memoryview, begin: int, end: int) -> bool:
    """Tell whether some records stand here that are all shorter than 256 bytes."""
    for _ in range(thresholds.trial_frames):
        if begin > end - FRAME_OVERHEAD or (length := _LENGTH.unpack_from(view, begin)[0]) > 255:
            return False
        begin += length + FRAME_OVERHEAD
    return True


def _short(buffer: Uint8Array, begin: int, end: int) -> tuple[Int64Array, bool]:
    """Return the edges of frames at the front, where most are of records of 1 to 255 bytes.

    Such a length is a byte and seven that are 0, and its checksum is one of 255. All places that
    have these are found together: where a frame ends at the next, no length need be followed. There
    may be more frames, and whether to go on like this pays is the second value.
    """
    if end - begin < FRAME_OVERHEAD:
        return np.array([begin]), False
    zero = buffer[begin : end - 8] == 0
    two = zero[1:-1] & zero[2:]
    four = two[:-2] & two[2:]
    seven = four[:-3] & four[3:]
    at = _places_apart(np.greater(seven, zero[: len(seven)], out=seven))
    at += begin
    length = buffer[at]
    words: Any = np.ndarray((len(buffer) - 3,), "<u4", buffer=buffer, strides=(1,))
    right = words[at + 8] == _checksums_of_short_lengths()[length]
    if not right.all():
        at, length = at[right], length[right]
    after = at + length
    after += FRAME_OVERHEAD
    # Where no frame of a short record follows, or one that is in a record.
    breaks = np.append(np.flatnonzero(after[:-1] != at[1:]), len(at) - 1)
    most = 1 + len(at) // thresholds.frames_per_break
    if len(breaks) > most:
        return np.array([begin]), False
    view, parts = buffer.data, []
    edge, row, pays = begin, 0, True
    for _ in range(2 * most):
        row += int(np.searchsorted(at[row:], edge))
        if row < len(at) and at[row] == edge:
            last = int(breaks[np.searchsorted(breaks, row)])
            parts.append(at[row : last + 1])
            edge = int(after[last])
            continue
        # The end, or a frame of an empty record, a long one, or a damaged one.
        if edge > end - FRAME_OVERHEAD:
            break
        following = edge + _LENGTH.unpack_from(view, edge)[0] + FRAME_OVERHEAD
        if following > end:
            break
        parts.append(np.array([edge]))
        edge = following
    else:
        pays = False
    if edge <= end:
        parts.append(np.array([edge]))
    return np.concatenate(parts), pays


def _places_apart(mask: BoolArray) -> Int64Array:
    """Return where a mask is true, which no two of eight neighbours are.

    Eight are looked at together, as a word: half the time of `numpy.flatnonzero`.
    """
    whole = len(mask) & ~7
    words: Any = mask[:whole].view("<u8")
    places: Int64Array = np.flatnonzero(words != 0)
    found = words[places]
    # The factor has in its highest byte, once byte i of it has been moved there, i.
    found *= np.uint64(0x0001020304050607)
    found >>= np.uint64(56)
    places <<= 3
    places += found.view("<i8")
    return np.append(places, np.flatnonzero(mask[whole:]) + whole)


@cache
def _checksums_of_short_lengths() -> Uint32Array:
    headers = b"".join(map(header_of, range(256)))
    checksums: Uint32Array = np.frombuffer(headers, "<u4").reshape(256, 3)[:, 2].copy()
    return checksums


def _right_guesses(buffer: Uint8Array, edges: Int64Array) -> int:
    """Count the frames, up to the first other one, that end where their whole length says."""
    if len(edges) == 1:
        return 0
    lengths: Any = np.ndarray((len(buffer) - 7,), "<u8", buffer=buffer, strides=(1,))
    right = lengths[edges[:-1]] == (np.diff(edges) - FRAME_OVERHEAD).view(np.uint64)
    return len(right) if right.all() else int(np.argmin(right))


def _follow(view: memoryview, begin: int, end: int) -> list[int]:
    """Return where each whole frame begins, and where the last one ends."""
    unpack = _LENGTH.unpack_from
    position = begin
    bounds = [begin]
    append = bounds.append
    last = end - FRAME_OVERHEAD
    while position <= last:
        position += unpack(view, position)[0] + FRAME_OVERHEAD
        if position > end:
            break
        append(position)
    return bounds
