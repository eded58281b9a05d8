"""The fault matrix, rows 1 to 21: damage in what is read. Each test carries its row's number."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from frames import COMPRESS, THREE, blocked, frame, frames, header
from peak import growth
from variants import few_or_many

from tfrecord_lite import (
    CompressionError,
    CorruptRecordError,
    RecordReader,
    RecordTooLargeError,
    RecordWriter,
    TFRecordError,
    TruncatedRecordError,
    write_records,
)

PLAIN = frames(THREE)
BOUNDS = [0, 19, 41, 78]


def read(data: bytes, **options) -> tuple[list[bytes], TFRecordError | None]:
    """Read until the end or the first error, which must be one of ours."""
    reader = RecordReader(io.BytesIO(data), **options)
    got = []
    try:
        for record in reader:
            got.append(record)
    except TFRecordError as error:
        assert error.offset == reader.offset == len(frames(got))
        assert error.record == len(got)
        assert error.path == "<BytesIO>"
        return got, error
    assert reader.offset == len(frames(got))
    return got, None


def with_dictionary(data: bytes) -> bytes:
    deflate = zlib.compressobj(zdict=data[:20])
    return deflate.compress(data) + deflate.flush()


def field_at(position: int) -> tuple[int, str]:
    record = max(index for index in range(3) if BOUNDS[index] <= position)
    return record, "length" if position - BOUNDS[record] < 12 else "data"


@pytest.mark.parametrize("bit", range(8))
def test_rows_01_to_04_every_bit_flip_of_a_plain_file(bit: int, injected) -> None:
    for position in range(len(PLAIN)):
        data = bytearray(PLAIN)
        data[position] ^= 1 << bit
        record, kind = field_at(position)
        got, error = read(bytes(data))
        assert got == THREE[:record]
        assert isinstance(error, CorruptRecordError)
        assert (error.kind, error.offset) == (kind, BOUNDS[record])
        assert f"checksum of the {kind} is 0x{error.actual:08x}" in str(error)
        assert f"expected 0x{error.expected:08x}" in str(error)
    injected(len(PLAIN))


@few_or_many("cases", 100, 400)
def test_row_05_random_damage_never_gives_a_wrong_record(cases: int, injected) -> None:
    rng = random.Random(5)
    records = [rng.randbytes(rng.choice([0, 3, 100, 600, 5000])) for _ in range(60)]
    data = frames(records)
    for _ in range(cases):
        damaged = bytearray(data)
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            damaged[at] ^= 1 << rng.randrange(8)
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[at : at + 2] = damaged[at : at + 2][::-1]
        else:
            size = (512, 4096)[kind - 2]
            damaged[at : at + size] = bytes(len(damaged[at : at + size]))
        found = []
        got = list(RecordReader(io.BytesIO(damaged), on_damage=found.append))
        rest = iter(records)
        assert all(record in rest for record in got), "records are a subsequence of the originals"
        assert bool(found) == (damaged != data)
    injected(cases)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("compress", ["plain"])
def test_row_06_truncation_at_every_byte(compress: str, injected) -> None:
    for end in range(len(PLAIN)):
        got, error = read(PLAIN[:end])
        whole = sum(bound <= end for bound in BOUNDS[1:])
        assert got == THREE[:whole]
        past = end - BOUNDS[whole]
        if past == 0:
            assert error is None
            continue
        assert isinstance(error, TruncatedRecordError)
        if past < 12:
            assert f"ends {past} bytes into a record's 12-byte header" in str(error)
            assert f"{12 - past} bytes are missing" in str(error)
        else:
            size = BOUNDS[whole + 1] - BOUNDS[whole]
            place = "data:" if past < size - 4 else "data checksum:"
            assert f"inside a record's {place} found {past} bytes of {size}" in str(error)
            assert f"{size - past} are missing" in str(error)
    injected(len(PLAIN))


def test_row_07_nothing_and_empty_records() -> None:
    assert read(b"") == ([], None)
    assert read(frame(b"")) == ([b""], None)
    assert read(frames([b""] * 5)) == ([b""] * 5, None)


@pytest.mark.parametrize("size", [*range(1, 12), 12, 16, 4096])
def test_row_08_trailing_zeros(size: int) -> None:
    got, error = read(PLAIN + bytes(size))
    assert got == THREE
    assert isinstance(error, TruncatedRecordError if size < 12 else CorruptRecordError)


@pytest.mark.parametrize(
    ("start", "hint"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(50)), "a PNG image"),
        (b"\xff\xd8\xff\xe0" + bytes(range(50)), "a JPEG image"),
        (b"PK\x03\x04" + bytes(range(50)), "a zip archive"),
        (b'{"a": [1, 2, 3], "b": null}\n', "JSON"),
        (b"id,label\n1,cat\n2,dog\n", "It looks like text"),
        (b"0 100\n100 30\n130 4", "a text index"),
        (b"0 100\n100 30\n13", "a text index"),
        (bytes(100), "a hole or padding"),
        (b"A" * 257 + b"ustar" + bytes(200), "a tar archive"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<i8'}", "a NumPy array"),
        (b"\n  <!doctype html>\n<html><title>404</title>", "an HTML page"),
        ("\ufeff<HTML lang=de><title>Größe</title>".encode(), "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "XML"),
        ('{"error": "Größe"}'.encode(), "JSON"),
        ("Größe".encode() * 99, "It looks like text"),
        (b"PK\x05\x06" + bytes(18), "a zip archive"),
        (b"\x80\x02}q\x01(U\x0bbatch_labelq\x02", "a Python pickle"),
        (b"\x80\x04\x95\x0b" + bytes(7) + b"}\x94", "a Python pickle"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 \x18", "a WebP image"),
        (b"\xff\xff\xff\xff\x78\x00\x00\x00\x10\x00\x00\x00", "an Arrow stream"),
        (b"\x0a\x23\xd7\xce\x10\x00\x00\x00" + bytes(16), "RecordIO of MXNet"),
        (b"SEQ\x06\x19org.apache.hadoop.io.Text", "a SequenceFile of Hadoop"),
        (b"SEQ 1: ACGTACGTACGT", "It looks like text"),
        (zlib.compress(PLAIN, wbits=-15), "raw deflate, which TensorFlow writes"),
        (zlib.compress(b"of another kind"), "zlib: what is in it is no TFRecord file"),
        (with_dictionary(PLAIN), "zlib with a preset dictionary"),
        (
            gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0),
            "gzip, inside GZIP: decompress it once first",
        ),
        (
            gzip.compress(zlib.compress(PLAIN), mtime=0),
            "zlib, inside GZIP: decompress it once first",
        ),
        (bytes(3) + b"\xff" + b"\x80" * 40, "first bytes are damaged"),
        (b"\xff" * 100, "its first bytes are damaged."),
        (b"junk \x01\x02 of no kind at all", "first bytes are damaged"),
    ],
)
def test_row_09_wrong_file(start: bytes, hint: str) -> None:
    got, error = read(start)
    assert got == []
    assert isinstance(error, CorruptRecordError)
    assert hint in str(error)
    assert "this is no TFRecord file" in str(error)
    assert ("looks like" in str(error)) is not hint.endswith(("damaged", "damaged."))


def test_row_09_zlib_whose_records_have_other_checksums() -> None:
    """Without a true checksum nothing tells it from zlib of anything else."""
    data = zlib.compress(bytes((9, *bytes(11))) + bytes(range(9)) + bytes(4))
    got, error = read(data)
    assert got == []
    assert "or one of odd checksums, for which pass compression='ZLIB'" in str(error)
    assert "verify='none'" in str(read(data, compression="ZLIB")[1])
    assert read(data, compression="ZLIB", verify="none") == ([bytes(range(9))], None)


def test_row_09_a_wrong_file_whose_lengths_are_not_checked() -> None:
    got, error = read(b"\x89PNG\r\n\x1a\n" + bytes(range(50)), verify="none")
    assert got == []
    assert isinstance(error, RecordTooLargeError)
    assert str(error).endswith("raise the limit to read it. It looks like a PNG image.")


@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
@pytest.mark.parametrize("compress", ["plain", "gzip", "zlib"])
def test_row_09_and_21_a_compression_named_wrongly(compression, compress: str) -> None:
    right = {"plain": None, "gzip": "GZIP", "zlib": "ZLIB"}[compress]
    got, error = read(COMPRESS[compress](THREE), compression=compression)
    if compression == right:
        assert (got, error) == (THREE, None)
    elif compression is None:
        assert isinstance(error, CorruptRecordError)
        assert f"looks like {compress}: pass compression='{right}'" in str(error)
    else:
        assert isinstance(error, CompressionError)
        assert f"no {compression} stream" in str(error)


HOSTILE = [2**30 + 1, 2**34, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 16, 2**64 - 1]


@pytest.mark.parametrize("length", HOSTILE)
def test_row_10_a_hostile_length_is_refused_at_once(length: int, tmp_path: Path) -> None:
    data = frames(THREE) + header(length) + bytes(10)
    got, error = read(data)
    assert got == THREE
    assert isinstance(error, RecordTooLargeError)
    assert error.actual == length
    path = tmp_path / "hostile.tfrecord"
    path.write_bytes(header(length) + bytes(10))
    assert path.stat().st_size == 22
    for limit in (1 << 30, 1 << 70):
        with RecordReader(path, max_record_bytes=limit) as reader:
            kind = RecordTooLargeError if limit == 1 << 30 else TruncatedRecordError
            with pytest.raises(kind):
                next(reader)


def test_row_10_memory_stays_small(tmp_path: Path) -> None:
    """Lengths of 2^30 to 2^62 in files and streams take less than 64 MiB."""
    program = """
for path in paths:
    with open(path, "rb") as file, open(path, "rb") as again:
        for source in (path, file, io.BytesIO(again.read())):
            try:
                list(RecordReader(source, max_record_bytes=1 << 62))
            except TFRecordError as error:
                assert "missing" in str(error), error
            else:
                raise SystemExit("no error")
"""
    paths = []
    for length in (2**30, 2**34, 2**40, 2**62):
        path = tmp_path / f"claims_{length}.tfrecord"
        path.write_bytes(header(length) + bytes(10))
        paths.append(str(path))
    before = """
import io, sys
from tfrecord_lite import RecordReader, TFRecordError
paths = sys.argv[1:]
RecordReader(paths[0]).close()
"""
    assert growth(before, program, *paths) < 64


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_row_10_a_damaged_large_record_takes_its_size_once(
    compression: str | None, tmp_path: Path
) -> None:
    program = """
try:
    list(RecordReader(sys.argv[1]))
except CorruptRecordError as error:
    assert (error.kind, error.record) == ("data", 1), error
else:
    raise SystemExit("no error")
damage = []
assert list(RecordReader(sys.argv[1], on_damage=damage.append)) == [b"before", b"after"]
assert [(each.begin, each.end - each.begin) for each in damage] == [(22, (129 << 20) + 16)]
"""
    path = tmp_path / "damaged.tfrecord"
    with RecordWriter(path) as writer:
        writer.write_many([b"before", bytes(129 << 20), b"after"])
    data = bytearray(path.read_bytes())
    data[1000] = 1
    path.write_bytes(data if compression is None else gzip.compress(data, 1))
    before = "import sys\nfrom tfrecord_lite import CorruptRecordError, RecordReader"
    assert growth(before, program, path) < 129 * 1.5


def test_row_11_a_length_off_by_one() -> None:
    body = b"abcdef" + struct.pack("<I", 1)
    got, error = read(frame(b"x") + header(7) + body)
    assert got == [b"x"]
    assert isinstance(error, TruncatedRecordError)
    short = header(2) + frame(b"abc")[12:]
    got, error = read(short + frame(b"y"))
    assert got == []
    assert isinstance(error, CorruptRecordError)
    assert error.kind == "data"
    got, error = read(header(2) + frame(b"ab")[12:] + b"\x00" + frame(b"y"))
    assert got == [b"ab"]
    assert isinstance(error, CorruptRecordError)
    assert error.kind == "length"


def test_row_12_whole_frames_moved_are_not_detectable() -> None:
    """The format has no count and no order: this is what the documentation says it cannot see."""
    parts = [frame(record) for record in THREE]
    assert read(parts[0] + parts[0] + parts[2]) == ([THREE[0], THREE[0], THREE[2]], None)
    assert read(parts[2] + parts[1] + parts[0]) == (THREE[::-1], None)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("compress", ["gzip", "blocked", "zlib", "own_blocks", "own_stream"])
def test_row_15_a_compressed_file_truncated_at_every_byte(
    compress: str, tmp_path: Path, injected
) -> None:
    data = compressed(compress, tmp_path)
    ends = member_ends(data) if compress != "zlib" else [len(data)]
    for end in range(len(data)):
        got, error = read(data[:end])
        assert got == THREE[: len(got)]
        if end == 0 or end in ends:
            assert error is None
            assert len(got) == (0 if end == 0 else ends.index(end) + 1)
        else:
            assert isinstance(error, TruncatedRecordError), end
    injected(len(data))


def compressed(how: str, folder: Path) -> bytes:
    path = folder / "file"
    if how == "own_blocks":
        write_records(path, THREE, compression="GZIP", block_bytes=1)
    elif how == "own_stream":
        write_records(path, THREE, compression="GZIP", block_bytes=None)
    else:
        path.write_bytes(COMPRESS[how](THREE))
    return path.read_bytes()


def member_ends(data: bytes) -> list[int]:
    ends, rest = [], data
    while rest:
        member = zlib.decompressobj(31)
        member.decompress(rest)
        rest = member.unused_data
        ends.append(len(data) - len(rest))
    return ends


@pytest.mark.usefixtures("engine")
@few_or_many("step", 7, 1)
@pytest.mark.parametrize("compress", ["gzip", "blocked", "zlib", "own_blocks", "own_stream"])
def test_rows_01_to_04_every_bit_flip_of_a_compressed_file(
    compress: str, step: int, tmp_path: Path, injected
) -> None:
    data = compressed(compress, tmp_path)
    silent = []
    bits = range(0, len(data) * 8, step)
    for bit in bits:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        got, error = read(bytes(damaged))
        assert got == THREE[: len(got)], bit
        if error is None:
            assert got == THREE
            silent.append(bit // 8)
    # Time, flags and system of a gzip header, the numbers in ours, and bits that deflate does not
    # use carry no data.
    starts = [0, *(member_ends(data) if compress != "zlib" else [len(data)])]
    header, trailer = (0, 4) if compress == "zlib" else (44, 8)
    for position in silent:
        begin = max(start for start in starts if start <= position)
        # After the deflate stream's last bit its byte is padded with bits that nobody reads.
        last = min(start for start in starts if start > position) - trailer - 1
        assert position - begin < header or position == last, position
    injected(len(bits))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("compress", ["gzip", "own_stream", "zlib"])
def test_records_before_the_damage_are_handed_out(compress: str, tmp_path: Path) -> None:
    """A damaged check value at the very end: all records come first, then the error."""
    data = bytearray(compressed(compress, tmp_path))
    data[-6 if compress != "zlib" else -2] ^= 1
    got, error = read(bytes(data))
    assert got == THREE
    assert isinstance(error, CompressionError)


@pytest.mark.usefixtures("engine")
def test_records_before_damage_deep_in_a_stream_are_handed_out(tmp_path: Path) -> None:
    rng = random.Random(8)
    records = [rng.randbytes(rng.randrange(1500)).hex().encode() for _ in range(1000)]
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    # After the flush a block of the type that deflate does not have.
    data = deflate.compress(frames(records)) + deflate.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 999
    path = tmp_path / "damaged.gz"
    path.write_bytes(data)
    for source in (path, io.BytesIO(data), Pipe(data)):
        with RecordReader(source) as reader:
            got: list[bytes] = []
            for _ in range(2):
                with pytest.raises(CompressionError, match="invalid block type") as caught:
                    got += reader
        assert got == records
        assert (caught.value.record, caught.value.offset) == (1000, len(frames(records)))


class Pipe:
    """Bytes that cannot be read again."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


@pytest.mark.usefixtures("engine")
def test_row_16_gzip_members_of_every_kind() -> None:
    empty = gzip.compress(b"")
    one = gzip.compress(PLAIN)
    half = len(PLAIN) // 2
    many = [str(index).encode() for index in range(1000)]
    assert read(one + one) == (THREE + THREE, None)
    assert read(gzip.compress(PLAIN[:half]) + gzip.compress(PLAIN[half:])) == (THREE, None)
    assert read(empty + one) == (THREE, None)
    assert read(one + empty + one) == (THREE + THREE, None)
    assert read(one + empty) == (THREE, None)
    assert read(empty) == ([], None)
    assert read(blocked(many)) == (many, None)
    bytewise = b"".join(gzip.compress(PLAIN[at : at + 1]) for at in range(len(PLAIN)))
    assert read(bytewise) == (THREE, None)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "tail", [b"\x00", bytes(512), b"junk", b"\x1f\x8bxx", b"\x1f\x8b\x08\xff", b"\x1f\x1f"]
)
def test_row_17_something_behind_the_last_member(tail: bytes) -> None:
    """Zeros too: TensorFlow refuses them, so a file with them is not fit for it."""
    got, error = read(gzip.compress(PLAIN) + tail)
    assert got == THREE
    assert isinstance(error, CompressionError)
    assert "no gzip member after the end of one" in str(error)


@pytest.mark.usefixtures("engine")
def test_row_18_gzip_headers_and_trailers() -> None:
    good = gzip.compress(PLAIN, mtime=0)
    for size in (8, 4):
        bad = bytearray(good)
        bad[-size] ^= 1
        got, error = read(bytes(bad))
        assert got == THREE
        assert isinstance(error, CompressionError)
    body = good[10:]
    start = b"\x1f\x8b\x08%c\x00\x00\x00\x00\x00\x03"
    name, extra, comment = b"name\x00", b"\x04\x00abcd", b"why\x00"
    for flags, fields in ((8, name), (4, extra), (16, comment), (28, extra + name + comment)):
        assert read(start % flags + fields + body) == (THREE, None)
    fields = start % 30 + extra + name + comment
    crc = struct.pack("<H", zlib.crc32(fields) & 0xFFFF)
    assert read(fields + crc + body) == (THREE, None)
    for bad_start in (start % 0x80, b"\x1f\x8b\x07" + bytes(7)):
        got, error = read(bad_start + body)
        assert got == []
        assert isinstance(error, CompressionError)


@pytest.mark.usefixtures("engine")
def test_row_19_zlib_streams() -> None:
    good = zlib.compress(PLAIN)
    got, error = read(good + good)
    assert got == THREE
    assert isinstance(error, CompressionError)
    assert "after the end of the zlib stream" in str(error)
    got, error = read(good[:-4] + b"abcd")
    assert (got, type(error)) == (THREE, CompressionError)
    got, error = read(good[:-4])
    assert (got, type(error)) == (THREE, TruncatedRecordError)
    deflate = zlib.compressobj(zdict=b"barbazfoo")
    with_dictionary = deflate.compress(PLAIN) + deflate.flush()
    got, error = read(with_dictionary, compression="ZLIB")
    assert (got, type(error)) == ([], CompressionError)


@pytest.mark.parametrize("window", [9, 12, 15])
@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_zlib_is_found_by_its_content(window: int, level: int) -> None:
    deflate = zlib.compressobj(level, zlib.DEFLATED, window)
    data = deflate.compress(PLAIN * 50) + deflate.flush()
    reader = RecordReader(io.BytesIO(data))
    assert reader.compression == "ZLIB"
    assert list(reader) == THREE * 50


@pytest.mark.usefixtures("engine")
def test_row_20_a_bomb_stays_in_bounds(tmp_path: Path) -> None:
    """10 GiB of zeros in 10 MB of gzip: refused at the first header, in the memory of one block."""
    path = tmp_path / "bomb.gz"
    zeros = zlib.compressobj(1, zlib.DEFLATED, 31)
    chunk = bytes(1 << 24)
    # After a full flush the same zeros give the same bytes, and need compressing but once.
    first, again = (zeros.compress(chunk) + zeros.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    path.write_bytes(first + again * 638 + again[:-1])
    program = """
with RecordReader(sys.argv[1]) as reader:
    try:
        next(reader)
    except CorruptRecordError as error:
        assert error.offset == 0
    else:
        raise SystemExit("no error")
"""
    before = "import sys\nfrom tfrecord_lite import CorruptRecordError, RecordReader"
    assert growth(before, program, path) < 64


def test_row_20_a_bomb_inside_a_record_is_read_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header(1 << 40) + bytes(1 << 27), 1))
    before = "import io, sys\nfrom tfrecord_lite import RecordReader, RecordTooLargeError"
    program = """
try:
    list(RecordReader(io.BytesIO(open(sys.argv[1], "rb").read())))
except RecordTooLargeError:
    pass
else:
    raise SystemExit("no error")
"""
    assert growth(before, program, path) < 200


def test_row_21_a_plain_file_that_begins_like_gzip() -> None:
    """A record of 0x8b1f bytes begins with gzip's magic; its header's checksum tells."""
    record = bytes(0x8B1F)
    data = frames([record, b"next"])
    assert data.startswith(b"\x1f\x8b")
    reader = RecordReader(io.BytesIO(data))
    assert reader.compression is None
    assert list(reader) == [record, b"next"]
    zlib_like = frames([bytes(0x9C78)])
    assert zlib_like.startswith(b"\x78\x9c")
    assert RecordReader(io.BytesIO(zlib_like)).compression is None


@pytest.mark.parametrize("size", [0x8B1F, 0x8B1F + (1 << 16), 0x088B1F, 0x178, 0x5E78, 0x9C78])
def test_rows_01_02_and_21_a_damaged_header_whose_length_is_the_magic_of_a_codec(size: int) -> None:
    """The bytes of the length are those that gzip or zlib begin with, and one after is wrong."""
    rest = [b"next", b"last"]
    data = frames([bytes(size), *rest])
    for at in (3, 4, 7, 8, 9, 10, 11):
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        got, error = read(bytes(damaged))
        assert got == []
        assert isinstance(error, CorruptRecordError)
        assert error.kind == "length"
        found = []
        assert list(RecordReader(io.BytesIO(damaged), on_damage=found.append)) == rest
        assert [(damage.begin, damage.end) for damage in found] == [(0, size + 16)]
    # Nor do files have to have checksums.
    unchecked = b"".join(
        len(record).to_bytes(8, "little") + bytes(4) + record + bytes(4)
        for record in (bytes(size), *rest)
    )
    assert read(unchecked, verify="none") == ([bytes(size), *rest], None)
    for end in (8, 10, 11):
        got, error = read(data[:end])
        assert got == []
        assert isinstance(error, TruncatedRecordError) or size & 0xFFFFFF == 0x088B1F


@pytest.mark.parametrize("at", [*range(2, 12), 20, 60])
def test_row_18_damage_in_the_first_header_leaves_gzip_of_no_time_gzip(at: int) -> None:
    """What follows its magic is mostly zeros, as in a length."""
    data = bytearray(gzip.compress(frames([b"%d" % i * 9 for i in range(9)]), mtime=0))
    data[at] ^= 0x41
    _, error = read(bytes(data))
    assert error is None or isinstance(error, (CompressionError, CorruptRecordError))
    assert RecordReader(io.BytesIO(data)).compression == "GZIP"


@pytest.mark.parametrize("name", ["gzip", "Zlib", "zstd", "SNAPPY", 7])
def test_row_21_unknown_names(name) -> None:
    with pytest.raises(ValueError, match="choose 'GZIP', 'ZLIB' or None"):
        RecordReader(io.BytesIO(), compression=name)
