"""What is said of files that are no TFRecord files, or not there: what they look like, in full."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from frames import frame, frames

import tfrecord_lite as tfr
from tfrecord_lite.records.compression import find_codec

LOOKS = {
    b"version https://git-lfs.github.com/spec/v1\n": (
        "a git-lfs pointer: run `git lfs pull` to fetch the file itself"
    ),
    b"\x28\xb5\x2f\xfd": "Zstandard: decompress it first",
    b"\xfd7zXZ\x00": "xz: decompress it first",
    b"BZh9": "bzip2: decompress it first",
    b"PK\x03\x04": "a zip archive",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff\xe0": "a JPEG image",
    b"GIF89a": "a GIF image",
    b"PAR1": "Parquet",
    b"ARROW1": "an Arrow file",
    b"\x89HDF\r\n": "HDF5",
    b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3\0": "an SQLite database",
    b"Obj\x01": "Avro",
    b"%PDF-1.7": "a PDF",
    b"<!DOCTYPE html>": "an HTML page",
    b"<html>": "an HTML page",
    b"\x89TFRIDX\n": "an index: the records are in the file that it lies beside",
    b"\x80\x04\x95": "a Python pickle",
    b"\x80\x05\x95": "a Python pickle",
    bytes.fromhex("83af70d10d884a3f"): "Riegeli, as ArrayRecord writes it: a different format",
    bytes(40): "a hole or padding: zero bytes",
    b"name".ljust(257, b"\0") + b"ustar": "a tar archive",
    b'{"a": 1}': "JSON",
    b"id,label\n1,cat\n": "text",
}


@pytest.mark.parametrize("front", LOOKS, ids=LOOKS.values())
def test_a_file_of_another_kind_is_named(tmp_path: Path, front: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(front + b" and more" if any(front) else front)
    with pytest.raises(tfr.CorruptRecordError) as caught:
        list(tfr.read_records(path, compression=None))
    assert str(caught.value).startswith(f"{path}: record 0 at byte 0: checksum of the length is 0x")
    assert str(caught.value).endswith(
        f"; this is no TFRecord file, or its first bytes are damaged. It looks like {LOOKS[front]}."
    )


@pytest.mark.parametrize("missing", [1, 3, 4, 5])
def test_shards_that_are_missing(tmp_path: Path, missing: int) -> None:
    files = [tmp_path / f"a-{index:05d}-of-00009.tfrecord" for index in range(9)]
    for file in files[missing:]:
        file.touch()
    listed = ", ".join(map(str, files[: min(missing, 3)]))
    more = f" and {missing - 3} more" if missing > 3 else ""
    with pytest.raises(FileNotFoundError) as caught:
        tfr.read_records(f"{tmp_path}/a@9")
    assert str(caught.value) == (
        f"{tmp_path}/a@9: {missing} of 9 shards are missing: {listed}{more}"
    )


@pytest.mark.parametrize("level", [0, 1, 2, 5, 6, 9])
def test_a_file_of_zlib_that_is_read_as_plain(level: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(zlib.compress(frames([b"x" * 100]), level))
    with pytest.raises(tfr.CorruptRecordError, match="zlib: pass compression='ZLIB' or 'auto'"):
        list(tfr.read_records(path, compression=None))


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_damage_close_behind_the_magic_of_zlib_leaves_it_zlib(level: int) -> None:
    data = zlib.compress(frames([b"x" * 100]), level)
    assert find_codec(data) == "ZLIB"
    assert find_codec(data[:2] + b"\xff" * 20) == "ZLIB"
    # Any other two bytes are no sign of it.
    assert find_codec(b"\x78\x9b" + data[2:]) is None
    assert find_codec(b"\x88\x1d" + b"\xff" * 20) is None
    assert find_codec(b"\x78") is None


def test_a_record_too_large_at_the_very_end_of_a_growing_file(tmp_path: Path) -> None:
    """What is all there is too large; what is not may yet come, and then be no such record."""
    path = tmp_path / "a"
    for data, error in (
        (frame(b"y" * 200), tfr.RecordTooLargeError),
        (frame(b"y" * 200)[:-1], tfr.TruncatedRecordError),
    ):
        path.write_bytes(frame(b"x") + data)
        with tfr.RecordReader(path, follow=True, timeout=0, max_record_bytes=100) as reader:
            assert next(reader) == b"x"
            with pytest.raises(error):
                next(reader)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_file_replaced_while_it_is_opened_leaves_no_handle(tmp_path: Path, monkeypatch) -> None:
    path, stat = tmp_path / "a", os.stat
    path.write_bytes(frame(b"old"))
    before = len(os.listdir("/proc/self/fd"))
    replaced = []

    def replace(name, **options):
        # After the look at what it is, and the opening.
        if os.fspath(name) == os.fspath(path):
            replaced.append(name)
            if len(replaced) == 2:
                path.with_suffix(".new").write_bytes(frame(b"new"))
                os.replace(path.with_suffix(".new"), path)
        return stat(name, **options)

    monkeypatch.setattr(os, "stat", replace)
    with tfr.RecordReader(path, follow=True, timeout=0) as reader:
        assert list(reader) == [b"new"]
    assert len(replaced) > 2
    assert len(os.listdir("/proc/self/fd")) == before
