"""Append to files that are whole, torn or not what they should be."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path

import pytest
from frames import THREE, frames

from tfrecord_lite import (
    CorruptRecordError,
    RecordReader,
    RecordWriter,
    TFRecordError,
    TruncatedRecordError,
    read_records,
    write_records,
)

OPTIONS = {
    "plain": {},
    "gzip": {"compression": "GZIP"},
    "gzip_small_blocks": {"compression": "GZIP", "block_bytes": 1},
    "gzip_one_stream": {"compression": "GZIP", "block_bytes": None},
}


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP"}], ids=["plain", "gzip"])
def test_append(options: dict, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for count in range(4):
        assert write_records(path, THREE, mode="a", **options) == 3
        assert list(read_records(path)) == THREE * (count + 1)
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_by_its_url_is_looked_at_before_it_is_appended_to(tmp_path: Path) -> None:
    """Nobody did: plain records came after gzip, and after an end inside a record."""
    path = tmp_path / "a b"
    write_records(path, THREE, compression="GZIP")
    write_records(path.as_uri(), [b"more"], mode="a")
    assert list(read_records(path)) == [*THREE, b"more"]
    with pytest.raises(ValueError, match="its compression is GZIP, not None"):
        write_records(path.as_uri(), [b"more"], mode="a", compression=None)
    path.write_bytes(frames(THREE)[:-1])
    with pytest.raises(TruncatedRecordError):
        write_records(path.as_uri(), [b"more"], mode="a")
    write_records(path.as_uri(), [b"more"], mode="a", on_truncated="trim")
    assert list(read_records(path)) == [*THREE[:-1], b"more"]


def test_append_replaces_an_empty_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_records(path, [], compression="GZIP")
    write_records(path, THREE, compression="GZIP", mode="a")
    assert zlib.decompressobj(31).decompress(path.read_bytes()) == frames(THREE)


def test_append_needs_the_same_compression(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_records(path, THREE)
    with pytest.raises(ValueError, match="its compression is None, not GZIP"):
        RecordWriter(path, mode="a", compression="GZIP")
    write_records(path, THREE, compression="ZLIB")
    with pytest.raises(ValueError, match="ZLIB files end where their stream ends"):
        RecordWriter(path, mode="a", compression=None)


@pytest.mark.parametrize("how", ["plain", "gzip", "gzip_small_blocks", "gzip_one_stream"])
def test_append_to_a_torn_file(how: str, tmp_path: Path) -> None:
    options, path = OPTIONS[how], tmp_path / "a"
    write_records(path, THREE, **options)
    data = path.read_bytes()
    for end in range(1, len(data), 3):
        path.write_bytes(data[:end])
        before: list[bytes] = []
        try:
            before += read_records(path)
        except TruncatedRecordError:
            with pytest.raises(TruncatedRecordError):
                RecordWriter(path, mode="a", **options)
            assert path.read_bytes() == data[:end]
        write_records(path, [b"more"], mode="a", on_truncated="trim", **options)
        assert list(read_records(path)) == [*before, b"more"]


def test_append_to_a_damaged_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = bytearray(frames(THREE))
    data[20] ^= 1
    path.write_bytes(data)
    for on_truncated in ("raise", "trim"):
        with pytest.raises(CorruptRecordError):
            RecordWriter(path, mode="a", on_truncated=on_truncated)
    assert path.read_bytes() == data
    path.write_bytes(gzip.compress(frames(THREE)) + b"junk")
    with pytest.raises(TFRecordError):
        RecordWriter(path, mode="a", on_truncated="trim", compression="GZIP")
    with pytest.raises(ValueError, match="need a path"):
        RecordWriter(io.BytesIO(), mode="a")


def test_append_never_drops_a_damaged_record_of_a_torn_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    plain = bytearray(frames(THREE))
    plain[13] ^= 1
    data = gzip.compress(plain)[:-3]
    path.write_bytes(data)
    with pytest.raises(CorruptRecordError) as caught:
        RecordWriter(path, mode="a", on_truncated="trim", compression="GZIP")
    assert (caught.value.record, caught.value.offset) == (0, 0)
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("codec", [None, "GZIP"])
@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_a_file_cut_in_its_first_bytes_has_the_compression_of_what_is_left(
    name: str, codec: str | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    write_records(path, THREE, compression=codec)
    data = path.read_bytes()
    for size in range(2, 14):
        path.write_bytes(data[:size])
        with pytest.raises(TruncatedRecordError):
            RecordWriter(path, mode="a")
        write_records(path, THREE, mode="a", on_truncated="trim")
        with RecordReader(path) as reader:
            assert (list(reader), reader.compression) == (THREE, codec)


@pytest.mark.parametrize("compression", ["infer", None, "GZIP", "ZLIB"])
def test_zlib_is_not_appended_to_and_no_other_name_of_it_is_advised(
    compression: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    write_records(path, THREE, compression="ZLIB")
    with pytest.raises(ValueError, match="ZLIB files end where their stream ends") as info:
        RecordWriter(path, mode="a", compression=compression)
    assert "append with" not in str(info.value)


def test_zlib_cut_in_its_first_bytes_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_records(path, [], compression="ZLIB")
    for data in (path.read_bytes(), path.read_bytes()[:4]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="ZLIB files end where their stream ends"):
            RecordWriter(path, mode="a")
