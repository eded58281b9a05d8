"""RecordIndex: where records lie; what is refused as stale, damaged or impossible."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frames import COMPRESS, FILES, THREE, crc32c, frame, frames, header, member
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecord_lite.errors import CompressionError, TFRecordError, TruncatedRecordError
from tfrecord_lite.files import places
from tfrecord_lite.files.fingerprint import Fingerprint
from tfrecord_lite.files.index import RecordIndex, StaleIndexError
from tfrecord_lite.files.paths import is_data_file
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.sidecar import write_sidecar
from tfrecord_lite.records import RecordReader, RecordWriter, write_records
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.text import plural
from tfrecord_lite.thresholds import limits, thresholds

DAMAGED = frames([*THREE, b"x" * 40, b""])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    write_records(path, THREE)
    return path


@pytest.fixture(params=["scanned", "skipped"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the frames of small files in blocks, and by skipping as in a file of large records."""
    if request.param == "skipped":
        monkeypatch.setattr(thresholds, "skipped_record_bytes", 1)
        monkeypatch.setattr(thresholds, "skipped_records", 2)


def bounds_of(records: list[bytes]) -> list[int]:
    return [0, *np.cumsum([len(record) + 16 for record in records], dtype=int).tolist()]


def state_of(index: RecordIndex) -> Any:
    if index.members is None:
        return index.bounds.tolist()
    return [column.tolist() for column in index.members]


def keep_time(path: Path, data: bytes) -> None:
    """Write other content and set the file's time back to what it was."""
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# --- Building ---


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_plain_file(tmp_path, name, verify):
    path = tmp_path / "any.name"
    path.write_bytes(frames(FILES[name]))
    index = RecordIndex.build(path, verify=verify)
    bounds = bounds_of(FILES[name])
    assert (len(index), index.path, index.compression) == (len(FILES[name]), str(path), None)
    assert (index.offsets.dtype, index.lengths.dtype) == (np.int64, np.int64)
    assert index.offsets.tolist() == bounds[:-1]
    assert index.lengths.tolist() == [len(record) for record in FILES[name]]
    assert index.bounds.tolist() == bounds
    assert index.members is None


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])
@pytest.mark.parametrize("name", FILES)
def test_blocked_gzip(tmp_path, name, block_bytes, verify):
    path = tmp_path / "any.name"
    write_records(path, FILES[name], compression="GZIP", block_bytes=block_bytes)
    index = RecordIndex.build(path, verify=verify)
    assert (len(index), index.compression) == (len(FILES[name]), "GZIP")
    members = index.members
    data = path.read_bytes()
    bounds = bounds_of(FILES[name])
    for begin, end, raw_begin, raw_end, first, last in zip(
        members.offsets[:-1], members.offsets[1:],
        members.raw_offsets[:-1], members.raw_offsets[1:],
        members.first_records[:-1], members.first_records[1:], strict=True,
    ):  # fmt: skip
        assert (bounds[first], bounds[last]) == (raw_begin, raw_end)
        assert gzip.decompress(data[begin:end]) == frames(FILES[name])[raw_begin:raw_end]
    assert members.offsets[-1] == (len(data) if FILES[name] else 0)
    assert members.raw_offsets[-1] == bounds[-1]
    for attribute in ("bounds", "offsets", "lengths"):
        with pytest.raises(ValueError, match="GZIP.*members"):
            getattr(index, attribute)


def test_gzip_of_nothing_whoever_wrote_it(tmp_path):
    path = tmp_path / "a.gz"
    for data in (gzip.compress(b"", mtime=0), gzip.compress(b"", mtime=1), gzip.compress(b"", 1)):
        path.write_bytes(data)
        index = RecordIndex.build(path)
        assert len(index) == 0
        index.save()
        assert len(RecordIndex.load(path)) == 0


@pytest.mark.parametrize("compress", ["gzip", "blocked", "zlib"])
def test_stream_that_has_only_a_front(tmp_path, compress):
    path = tmp_path / "a"
    path.write_bytes(COMPRESS[compress](THREE))
    with pytest.raises(CompressionError, match=r"only be read from its front.*again") as raised:
        RecordIndex.build(path)
    assert raised.value.path == str(path)


def test_gzip_to_which_another_program_appended(tmp_path):
    path = tmp_path / "a.gz"
    write_records(path, THREE, compression="GZIP")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + gzip.compress(frames(THREE)))
    with pytest.raises(CompressionError, match=f"compressed byte {size}: 1f 8b 08 00; .* again"):
        RecordIndex.build(path)
    # What our own writer appends is a member as any other.
    write_records(path, THREE, compression="GZIP")
    write_records(path, THREE, compression="GZIP", mode="a")
    assert len(RecordIndex.build(path)) == 6


def test_compression_that_is_named(tmp_path, path):
    assert len(RecordIndex.build(path, compression=None)) == 3
    with pytest.raises(CompressionError):
        RecordIndex.build(path, compression="GZIP")
    with pytest.raises(ValueError, match="unknown compression"):
        RecordIndex.build(path, compression="LZ4")  # type: ignore[arg-type]


class Reads:
    """Counts what is read at an offset."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        original = PositionedFile.read_at

        def read_at(file: PositionedFile, size: int, offset: int) -> bytes:
            self.sizes.append(size)
            return original(file, size, offset)

        monkeypatch.setattr(PositionedFile, "read_at", read_at)


def test_large_records_are_skipped(tmp_path, monkeypatch):
    path = tmp_path / "a"
    records = [bytes(100_000)] * 50
    write_records(path, records)
    seen: list[int] = []
    reads = Reads(monkeypatch)
    monkeypatch.setattr(thresholds, "skipped_records", 20)
    stream = []
    original = ByteSource.readinto
    monkeypatch.setattr(
        ByteSource, "readinto", lambda *args: stream.append(original(*args)) or stream[-1]
    )
    index = RecordIndex.build(path, progress=lambda _, done: seen.append(done))
    assert sum(stream) == 0
    assert index.bounds.tolist() == bounds_of(records)
    assert sum(reads.sizes) < 50 * 12 + 5 * 4096
    assert seen == [20 * 100_016, 40 * 100_016, 50 * 100_016]


def test_blocked_gzip_takes_one_read_a_member(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_records(path, [b"x" * 50] * 40, compression="GZIP", block_bytes=1)
    before = Reads(monkeypatch)
    PositionedFile(path).close()
    RecordIndex.build(path)
    short = [size for size in before.sizes if size == 52]
    assert len(short) == 40
    assert len(before.sizes) <= 40 + 7


def test_records_beyond_the_readers_limit(tmp_path):
    path = tmp_path / "a"
    large = (1 << 30) + 1
    with path.open("wb") as file:
        file.write(frame(b"a") + header(large))
        file.seek(large + 4, io.SEEK_CUR)
        file.write(frame(b"b"))
    assert RecordIndex.build(path).lengths.tolist() == [1, large, 1]


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 1000}])
@pytest.mark.parametrize("verify", [False, True])
def test_progress_reaches_the_end(tmp_path, options, verify):
    path = tmp_path / "a"
    write_records(path, FILES["two_hundred"], **options)
    seen: list[tuple[str, int]] = []
    RecordIndex.build(path, verify=verify, progress=lambda *done: seen.append(done))
    assert seen[-1] == (str(path), path.stat().st_size)


def test_file_that_changes_while_it_is_indexed(path):
    def append(name: str, done: int) -> None:
        write_records(name, [b"more"], mode="a")

    with pytest.raises(StaleIndexError, match=r"has 118 bytes, not 78.*build it again"):
        RecordIndex.build(path, progress=append)


def test_what_is_no_regular_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        RecordIndex.build(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        RecordIndex.build(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(io.UnsupportedOperation, match="not a regular file"):
        RecordIndex.build(tmp_path / "pipe")


# --- Damage ---


def outcome(run: Any) -> Any:
    """Return what a call gives, or the error that it raises, with its place."""
    try:
        return run()
    except TFRecordError as error:
        return type(error), error.record, error.offset, error.kind, error.path


def by_reader(path: Path, *, verify: bool) -> list[int]:
    bounds = [0]
    with RecordReader(path, verify=verify) as reader:
        for block in reader.blocks():
            bounds += (block.base + block.starts + block.lengths + 4).tolist()
    return bounds


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("verify", [False, True])
def test_rows_1_to_4_flipped_bits_are_found_as_by_the_reader(tmp_path, verify):
    path = tmp_path / "a"
    for at in range(len(DAMAGED)):
        for bit in (0, 3, 7):
            damaged = bytearray(DAMAGED)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            built = outcome(lambda: RecordIndex.build(path, verify=verify).bounds.tolist())
            assert built == outcome(lambda: by_reader(path, verify=verify)), (at, bit)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("verify", [False, True])
def test_rows_6_and_8_cuts_and_padding_are_found_as_by_the_reader(tmp_path, verify):
    path = tmp_path / "a"
    cut = [DAMAGED[:size] for size in range(len(DAMAGED))]
    padded = [DAMAGED + bytes(size) for size in (1, 11, 12, 16, 4096)]
    for data in [*cut, *padded]:
        path.write_bytes(data)
        built = outcome(lambda: RecordIndex.build(path, verify=verify).bounds.tolist())
        assert built == outcome(lambda: by_reader(path, verify=verify)), len(data)


@pytest.mark.parametrize("length", [1 << 30, (1 << 30) + 1, 1 << 40, 1 << 62, (1 << 64) - 16])
def test_row_10_impossible_lengths(tmp_path, length):
    path = tmp_path / "a"
    path.write_bytes(frame(b"a") + header(length) + bytes(100))
    built = outcome(lambda: RecordIndex.build(path))
    assert built == outcome(lambda: by_reader(path, verify=False))
    assert built[1:3] == (1, 17)


def test_row_15_blocked_gzip_cut_at_every_byte(tmp_path):
    path = tmp_path / "a"
    write_records(path, [*THREE, *THREE], compression="GZIP", block_bytes=50)
    data = path.read_bytes()
    ends = RecordIndex.build(path).members.offsets.tolist()
    assert len(ends) == 3
    for size in range(1, len(data)):
        path.write_bytes(data[:size])
        if size in ends:
            assert len(RecordIndex.build(path)) == 3
        else:
            with pytest.raises(TruncatedRecordError):
                RecordIndex.build(path)


def test_row_18_blocked_gzip_with_any_bit_flipped(tmp_path):
    path = tmp_path / "a"
    write_records(path, [*THREE, *THREE], compression="GZIP", block_bytes=50)
    data = path.read_bytes()
    intact = state_of(RecordIndex.build(path))
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            with contextlib.suppress(TFRecordError):
                index = RecordIndex.build(path, verify=bool(bit % 2))
                assert state_of(index) == intact, (at, bit)


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"size": 0}, "which cannot be"),
        ({"size": 51}, "which cannot be"),
        ({"size": (1 << 64) - 1}, "ends inside its GZIP stream"),
        ({"size": 1 << 62}, "ends inside its GZIP stream"),
        ({"raw": 1 << 60}, "which cannot be"),
        ({"raw": 1 << 12, "isize": 98}, "state different sizes"),
        ({"isize": 5}, "state different sizes"),
        ({"records": 6}, "which cannot be"),
        ({"records": 0}, "which cannot be"),
        ({"raw": 0, "records": 0}, "which cannot be"),
        ({"records": 1 << 63}, "which cannot be"),
        ({"checksum": 5}, "header of the gzip member at compressed byte 0 is damaged"),
    ],
)
def test_member_that_states_what_cannot_be(tmp_path, stated, reason):
    path = tmp_path / "a"
    path.write_bytes(member(frames(THREE)) + member(frames(THREE)))
    assert len(RecordIndex.build(path)) == 6
    path.write_bytes(member(frames(THREE), **stated))
    with pytest.raises(TFRecordError, match=reason):
        RecordIndex.build(path)


def test_count_of_records_is_checked_where_all_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(member(frames(THREE)) + member(frames(THREE), records=2))
    assert len(RecordIndex.build(path)) == 5
    with pytest.raises(CompressionError, match="states 2 records where it has 3"):
        RecordIndex.build(path, verify=True)


# --- Sidecars ---


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 1000}])
@pytest.mark.parametrize("name", FILES)
def test_saved_and_loaded(tmp_path, name, options):
    path = tmp_path / "a.tfrecord"
    write_records(path, FILES[name], **options)
    index = RecordIndex.build(path)
    saved = index.save()
    assert saved == index.sidecar == f"{path}.index"
    assert not is_data_file(saved)
    for loaded in (RecordIndex.load(path), pickle.loads(pickle.dumps(index))):
        assert state_of(loaded) == state_of(index)
        assert (loaded.path, len(loaded)) == (str(path), len(FILES[name]))
    assert sorted(os.listdir(tmp_path)) == ["a.tfrecord", "a.tfrecord.index"]
    assert repr(index) == f"<RecordIndex of {path}: {plural(len(FILES[name]), 'record')}>"


@pytest.mark.parametrize("size", [0, 255, 256, 65535, 65536, 1 << 32])
def test_sidecar_is_as_small_as_its_largest_number(tmp_path, size):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(header(size))
        file.truncate(size + 16)
    index = RecordIndex.build(path)
    width = 1 if size < 256 else 2 if size < 65536 else 4 if size < 1 << 32 else 8
    assert os.path.getsize(index.save()) == 52 + 12 + 12 + width
    assert RecordIndex.load(path).lengths.tolist() == [size]


def test_sidecar_elsewhere_and_bytes_paths(tmp_path, path):
    other = os.fsencode(tmp_path / "elsewhere")
    assert RecordIndex.build(os.fsencode(path)).save(other) == os.fsdecode(other)
    assert len(RecordIndex.load(os.fsencode(path), other)) == 3
    with pytest.raises(FileNotFoundError, match=r"a\.tfrecord\.index"):
        RecordIndex.load(path)


def test_open_loads_what_fits_and_builds_what_does_not(path, monkeypatch):
    assert len(RecordIndex.open(path)) == 3
    RecordIndex.build(path).save()
    with monkeypatch.context() as patch:
        patch.setattr(RecordIndex, "build", None)
        assert len(RecordIndex.open(path)) == 3
    write_records(path, [b"other"])
    assert len(RecordIndex.open(path)) == 1
    sidecar = Path(f"{path}.index")
    sidecar.write_bytes(b"x")
    assert len(RecordIndex.open(path)) == 1
    sidecar.unlink()
    sidecar.mkdir()
    assert len(RecordIndex.open(path)) == 1
    path.unlink()
    with pytest.raises(FileNotFoundError):
        RecordIndex.open(path)


def by_splits(path: Path, damages: list[Any], compression: Any) -> list[bytes]:
    records = RecordSet(path, compression=compression, on_damage=damages.append)
    blocks = (split.blocks() for split in records.splits(3))
    return [record for some in blocks for block in some for record in block.to_list()]


@pytest.mark.parametrize("written", [None, "GZIP"])
@pytest.mark.parametrize("named", [None, "", "GZIP", "ZLIB", "auto"])
def test_a_sidecar_does_not_change_what_compression_means(path, written, named):
    write_records(path, [b"x" * 100] * 30, compression=written, block_bytes=500)

    def outcomes() -> list[Any]:
        damages: list[Any] = []
        return [
            outcome(lambda: len(RecordIndex.open(path, compression=named))),
            outcome(lambda: RecordFile(path, compression=named)[3]),
            outcome(lambda: RecordSet(path, compression=named)[3]),
            outcome(lambda: len(RecordSet(path, compression=named))),
            outcome(lambda: by_splits(path, damages, named)),
            damages,
        ]

    expected = outcomes()
    RecordIndex.build(path).save()
    assert outcomes() == expected


def test_save_replaces_indexes_alone(path):
    index = RecordIndex.build(path)
    target = Path(index.sidecar)
    target.write_bytes(b"0 19\n19 22\n")
    with pytest.raises(FileExistsError, match="not an index written here"):
        index.save()
    assert target.read_bytes() == b"0 19\n19 22\n"
    for replaced in (b"", b"\x89TFRI", b"\x89TFRIDX\nand more"):
        target.write_bytes(replaced)
        index.save()
        assert len(RecordIndex.load(path)) == 3


def test_failed_write_leaves_the_old_sidecar(path, monkeypatch):
    index = RecordIndex.build(path)
    before = Path(index.save()).read_bytes()

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tfrecord_lite.records.storage.Output.write", fail)
    for write in (index.save, lambda: index.to_text(f"{path}.index")):
        with pytest.raises(OSError, match="No space left"):
            write()
    assert Path(index.sidecar).read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["a.tfrecord", "a.tfrecord.index"]


LONG = [b"a" * 5000, b"b" * 5000, b"c" * 5000]
OTHER = [b"a" * 5000, b"b" * 4000, b"c" * 6000]


def modified(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


CHANGES = {
    "grown": lambda path: write_records(path, [b"more"], mode="a"),
    "grown with its old time": lambda path: keep_time(path, path.read_bytes() + frame(b"more")),
    "shrunk": lambda path: os.truncate(path, 10_032),
    "shrunk with its old time": lambda path: keep_time(path, path.read_bytes()[:10_032]),
    "emptied": lambda path: path.write_bytes(b""),
    "only its time": modified,
    "same size, other content": lambda path: write_records(path, OTHER),
    "other head, old time": lambda path: keep_time(path, frames([b"x" * 5000, *LONG[1:]])),
    "other tail, old time": lambda path: keep_time(path, frames([*LONG[:2], b"x" * 5000])),
    "compressed": lambda path: write_records(path, LONG, compression="GZIP"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_stale_sidecar_is_refused(path, change):
    write_records(path, LONG)
    os.utime(path, ns=(0, 0))
    RecordIndex.build(path).save()
    assert len(RecordIndex.load(path)) == 3
    CHANGES[change](path)
    with pytest.raises(StaleIndexError, match=r"build it again: RecordIndex.build") as raised:
        RecordIndex.load(path)
    assert isinstance(raised.value, ValueError)
    assert str(path) in str(raised.value)


def test_change_amid_the_file_that_keeps_size_and_time_goes_unnoticed(path):
    """As documented; what is read by such an index is checked: see test_record_file."""
    write_records(path, LONG)
    RecordIndex.build(path).save()
    keep_time(path, frames([LONG[0], b"x" * 5000, LONG[2]]))
    assert len(RecordIndex.load(path)) == 3


def test_time_beyond_2262(path):
    try:
        os.utime(path, ns=(0, 9_300_000_000 * 10**9))
    except OSError:
        pytest.skip("the file system knows no such time")
    RecordIndex.build(path).save()
    assert len(RecordIndex.load(path)) == 3


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 1}])
def test_sidecar_cut_or_flipped_anywhere(path, options):
    write_records(path, THREE, **options)
    sidecar = Path(RecordIndex.build(path).save())
    whole = sidecar.read_bytes()
    for size in range(len(whole)):
        sidecar.write_bytes(whole[:size])
        with pytest.raises(StaleIndexError, match="damaged"):
            RecordIndex.load(path)
    for at in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        sidecar.write_bytes(flipped)
        with pytest.raises(StaleIndexError, match="is damaged|is of another state"):
            RecordIndex.load(path)
    sidecar.write_bytes(whole + b"\0")
    with pytest.raises(StaleIndexError, match="damaged"):
        RecordIndex.load(path)


def forge(path: Path, columns: list[np.ndarray], /, **stated: Any) -> None:
    """Write a sidecar that lies, with checksums that hold; of version 1, unless it is stated."""
    sidecar = Path(RecordIndex.build(path).save())
    size, mtime, crc = struct.unpack_from("<QQQ", sidecar.read_bytes(), 16)
    if stated == {"version": 2}:
        write_sidecar(str(sidecar), Fingerprint(size, mtime, crc), columns)
        return
    widths = bytes(column.itemsize for column in columns)
    told = {
        "version": 1,
        "columns": len(columns),
        "widths": widths,
        "size": size,
        "rows": len(columns[0]),
        **stated,
    }
    data = struct.pack(
        "<8sBB3s3xQQQQ",
        b"\x89TFRIDX\n",
        told["version"],
        told["columns"],
        told["widths"],
        told["size"],
        mtime,
        crc,
        told["rows"],
    )
    data += b"".join(column.tobytes() for column in columns)
    sidecar.write_bytes(data + struct.pack("<I", crc32c(data)))


U8, U64 = np.uint8, np.uint64


VERSIONS = [{}, {"version": 2}]


@pytest.mark.parametrize("stated", VERSIONS)
def test_forged_sidecar_that_tells_the_truth(path, stated):
    forge(path, [np.array([3, 6, 21], U64)], **stated)
    assert RecordIndex.load(path).bounds.tolist() == bounds_of(THREE)


@pytest.mark.parametrize(
    ("columns", "stated"),
    [
        ([np.array([3, 6, 20], U8)], {}),
        ([np.array([3, 6, 22], U8)], {}),
        ([np.array([3, 6], U8)], {}),
        ([np.array([], U8)], {}),
        ([np.array([3, 6, 21], U8)], {"rows": 2}),
        ([np.array([3, 6, 21], U8)], {"rows": 1 << 62}),
        ([np.array([3, 6, 21], U8)], {"rows": (1 << 64) - 1}),
        ([np.array([3, 6, 21], U8)], {"version": 0}),
        ([np.array([3, 6, 21], U8)], {"version": 3}),
        ([np.array([3, 6, 21], U8)], {"version": 2, "rows": 3}),
        *(
            ([np.array(lengths, U64)], {"version": 2})
            for lengths in (
                [3, 6, 20],
                [3, 6, 22],
                [3, 6],
                [],
                [3, (1 << 64) - 16, 27],
                [(1 << 63) - 16, (1 << 63) - 16, 30 + 16],
            )
        ),
        ([np.array([3, 6, 21], U8)], {"columns": 0}),
        ([np.array([3, 6, 21], U8)], {"columns": 2}),
        ([np.array([3, 6, 21], U8)], {"columns": 200}),
        ([np.array([3, 6, 21], U8)], {"widths": b"\0"}),
        ([np.array([3, 6, 21], U8)], {"widths": b"\3"}),
        ([np.array([3, 6, 21], U8)], {"size": 79}),
        ([np.array([3, (1 << 64) - 16, 27], U64)], {}),
        ([np.array([(1 << 63) - 16, (1 << 63) - 16, 30 + 16], U64)], {}),
        ([np.array([78], U8), np.array([78], U8), np.array([3], U8)], {}),
        ([np.array([], U8)] * 3, {}),
    ],
)
def test_forged_sidecar_of_a_plain_file(path, columns, stated):
    forge(path, columns, **stated)
    loaded = outcome(lambda: RecordIndex.load(path))
    if isinstance(loaded, RecordIndex):
        # A sidecar may say that a file of 78 bytes is a gzip member; what is read is checked.
        assert loaded.members is not None
        assert len(columns) == 3
        assert len(columns[0]) == 1
    else:
        assert loaded[0] is StaleIndexError


def test_sums_that_go_around_and_end_where_they_should():
    size = 1 << 62
    assert places.places_from([np.array([size - 16], U64)], size).whole().tolist() == [0, size]
    assert places.places_from([np.full(5, size - 16, U64)], size) is None
    assert places.places_from([np.array([(1 << 64) - 32, size], U64)], size) is None


@pytest.mark.parametrize("stated", VERSIONS)
@pytest.mark.parametrize(
    "columns",
    [
        ([101, 1], [78, 78], [3, 3]),
        ([47, 55], [78, 78], [3, 3]),
        ([51, 51], [78, 1 << 40], [3, 3]),
        ([51, 51], [78, 78], [3, 5]),
        ([51, 51], [78, 78], [3, 0]),
        ([51, 51], [78, 0], [3, 1 << 63]),
        ([51, (1 << 64) - 51], [78, 78], [3, 3]),
    ],
)
def test_forged_sidecar_of_blocked_gzip(tmp_path, columns, stated):
    path = tmp_path / "a"
    two = member(frames(THREE)) + member(frames(THREE))
    path.write_bytes(two)
    sizes = (
        [size * len(two) // 102 for size in columns[0]] if sum(columns[0]) == 102 else columns[0]
    )
    forge(path, [np.array(column, U64) for column in (sizes, *columns[1:])], **stated)
    with pytest.raises(StaleIndexError, match="do not fit"):
        RecordIndex.load(path)


# --- Text indexes ---


def tfrecord2idx(data: bytes) -> str:
    """DALI's own program, to the letter."""
    file, lines = io.BytesIO(data), ""
    while True:
        current = file.tell()
        length = file.read(8)
        if len(length) == 0:
            return lines
        file.read(4)
        file.read(struct.unpack("q", length)[0])
        file.read(4)
        lines += str(current) + " " + str(file.tell() - current) + "\n"


@pytest.mark.parametrize("name", FILES)
def test_text_is_that_of_dali(tmp_path, name, monkeypatch):
    path, text = tmp_path / "a", tmp_path / "a.idx"
    write_records(path, FILES[name])
    index = RecordIndex.build(path)
    monkeypatch.setattr(limits, "text_rows", 3)
    index.to_text(text)
    assert text.read_text() == tfrecord2idx(path.read_bytes())
    for chunk in (1, 7, 1 << 20):
        monkeypatch.setattr(limits, "text_bytes", chunk)
        assert RecordIndex.from_text(path, text).bounds.tolist() == index.bounds.tolist()


@pytest.mark.parametrize("separators", [" \n", "\t\r\n", "\n\n", "  \n  "])
def test_text_with_any_whitespace(tmp_path, path, separators):
    text = tmp_path / "a.idx"
    text.write_text(separators.join(f"{n}" for n in (0, 19, 19, 22, 41, 37)))
    assert RecordIndex.from_text(path, text).lengths.tolist() == [3, 6, 21]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "ends at byte 0, its file .* has 78; it is of another file, or stale"),
        (b"0 19\n19 22\n", "ends at byte 41"),
        (b"0 19\n19 22\n41 37\n78 16\n", "ends at byte 94"),
        (b"0 19\n19 22\n41 36\n", "ends at byte 77"),
        (b"0 19\n19 22\n41", "ends within a line"),
        (b"0 19\n41 37\n", "record 1 of the index is at byte 41, size 37"),
        (b"19 22\n41 37\n", "record 0 of the index is at byte 19"),
        (b"0 19\n19 22\n41 37\n0 19\n", "record 3 of the index is at byte 0"),
        (b"0 15\n15 63\n", "record 0 of the index is at byte 0, size 15"),
        (b"0 19\n19 22\n41 37 \0", "other than numbers"),
        (b"0 19\n19 22\n41 -37\n", "other than numbers"),
        (b"0 1_9\n19 22\n41 37\n", "other than numbers"),
        ("0 19\n19 22\n41 ٣٧\n".encode(), "other than numbers"),
        (b"0 " + b"9" * 19, "other than numbers"),
        (b"0 " + b"9" * 19 + b"\n", "other than numbers"),
        (b"0 " + b"9" * 5000 + b"\n", "other than numbers"),
        (b"9" * 5000, "other than numbers"),
        (b"0 999999999999999999\n999999999999999999 999999999999999999\n", "ends at byte 199999"),
        (b"\x89TFRIDX\n", "other than numbers"),
    ],
)
def test_hostile_text(tmp_path, path, text, reason):
    (tmp_path / "a.idx").write_bytes(text)
    with pytest.raises(StaleIndexError, match=reason) as raised:
        RecordIndex.from_text(path, tmp_path / "a.idx")
    assert raised.value.path == str(tmp_path / "a.idx")


def test_text_with_any_byte_changed(tmp_path, path):
    text = tmp_path / "a.idx"
    RecordIndex.build(path).to_text(text)
    data = text.read_bytes()
    for at in range(len(data)):
        for value in b"09 \n-x":
            text.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
            read = outcome(lambda: RecordIndex.from_text(path, text).bounds.tolist())
            assert read == bounds_of(THREE) or read[0] is StaleIndexError


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text("0123456789 \n", max_size=60).map(str.encode))
def test_any_bytes_as_text_and_as_sidecar(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    write_records(folder / "a", THREE)
    for name, read in (("a.idx", RecordIndex.from_text), ("a.index", RecordIndex.load)):
        (folder / name).write_bytes(data)
        with pytest.raises(StaleIndexError):
            read(folder / "a", folder / name)


def test_text_is_for_plain_files(tmp_path):
    path, text = tmp_path / "a", tmp_path / "a.idx"
    write_records(path, THREE, compression="GZIP")
    with pytest.raises(ValueError, match="GZIP"):
        RecordIndex.build(path).to_text(text)
    assert not text.exists()
    text.write_text("0 19\n")
    with pytest.raises(CompressionError, match="this is GZIP"):
        RecordIndex.from_text(path, text)


def test_index_of_text_can_be_saved(tmp_path, path):
    RecordIndex.build(path).to_text(tmp_path / "a.idx")
    RecordIndex.from_text(path, tmp_path / "a.idx").save()
    assert RecordIndex.load(path).bounds.tolist() == bounds_of(THREE)


def test_an_index_by_a_file_url_is_that_of_the_path(tmp_path, path):
    """Built by one and loaded by the other it was stale, and text by its URL was not found."""
    url, text = path.as_uri(), tmp_path / "a.idx"
    RecordIndex.build(url).save()
    assert RecordIndex.load(path).bounds.tolist() == bounds_of(THREE)
    RecordIndex.build(path).save()
    assert RecordIndex.load(url).bounds.tolist() == bounds_of(THREE)
    RecordIndex.load(url).to_text(text.as_uri())
    assert RecordIndex.from_text(path, text.as_uri()).bounds.tolist() == bounds_of(THREE)


def test_text_in_a_store(path):
    """It was written there, and not read."""
    pytest.importorskip("fsspec")
    index = RecordIndex.build(path)
    index.to_text("memory://text_in_a_store.idx")
    read = RecordIndex.from_text(path, "memory://text_in_a_store.idx")
    assert read.bounds.tolist() == index.bounds.tolist()


@pytest.mark.parametrize("stated", VERSIONS)
@pytest.mark.parametrize(
    "counts", [[9, 10, 10, 10, 11], [10, 11, 9, 10, 10], [11, 10, 10, 10, 9], [10] * 5]
)
def test_forged_index(tmp_path, counts, stated):
    """Its checksum holds, and its file is this one; but members have other numbers of records."""
    path = tmp_path / "f"
    records = [b"record %d" % i for i in range(50)]
    with RecordWriter(path, compression="GZIP") as writer:
        for i, record in enumerate(records):
            writer.write(record)
            if i % 10 == 9:
                writer.flush()
    members = RecordIndex.build(path).members
    columns = [np.diff(column).astype(U8) for column in members[:2]]
    forge(path, [*columns, np.array(counts, U8)], **stated)
    if counts == [10] * 5:
        assert len(RecordIndex.load(path)) == 50
    else:
        with pytest.raises(StaleIndexError, match="headers"):
            RecordIndex.load(path)
    with RecordFile(path) as file:
        assert file[:] == records


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP", "block_bytes": 300}], ids=repr)
@pytest.mark.parametrize("verify", [False, True])
def test_progress_goes_to_the_end_of_the_file(tmp_path, options, verify):
    path, seen = tmp_path / "a", []
    write_records(path, [b"%d" % number * 50 for number in range(100)], **options)
    RecordIndex.build(path, verify=verify, progress=lambda *at: seen.append(at))
    assert {name for name, _ in seen} == {str(path)}
    offsets = [at for _, at in seen]
    assert max(offsets) == offsets[-1] == path.stat().st_size
    if options:
        found = offsets[: len(RecordIndex.build(path).members.offsets) - 1]
        assert found == RecordIndex.build(path).members.offsets[1:].tolist()
