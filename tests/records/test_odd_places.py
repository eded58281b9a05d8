"""Files that are none, and names of every kind (fault matrix, rows 38 and 39)."""

from __future__ import annotations

import errno
import gc
import gzip
import io
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from frames import COMPRESS, FILES, THREE, frames

from tfrecord_lite import (
    CorruptRecordError,
    RecordReader,
    RecordWriter,
    TruncatedRecordError,
    read_records,
    write_records,
)
from tfrecord_lite.records.storage import is_partial
from tfrecord_lite.thresholds import limits


def test_row_38_pipe_devices_and_missing_files(tmp_path: Path) -> None:
    read, write = os.pipe()
    data = frames(FILES["two_hundred"])
    thread = threading.Thread(target=lambda: (os.write(write, data), os.close(write)))
    thread.start()
    with open(read, "rb", buffering=0) as pipe:
        reader = RecordReader(pipe)
        assert reader.path == f"<{type(pipe).__name__}>"
        assert list(reader) == FILES["two_hundred"]
    thread.join()

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    thread = threading.Thread(target=lambda: fifo.write_bytes(gzip.compress(data)))
    thread.start()
    assert list(read_records(fifo)) == FILES["two_hundred"]
    thread.join()

    with pytest.raises(CorruptRecordError, match="a hole or padding"):
        list(read_records("/dev/zero"))
    assert list(read_records("/dev/null")) == []
    with pytest.raises(IsADirectoryError):
        RecordReader(tmp_path)
    with pytest.raises(FileNotFoundError):
        RecordReader(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        read_records(tmp_path / "missing")


@pytest.mark.parametrize(
    "front",
    [b"", frames(THREE), gzip.compress(frames(THREE))],
    ids=["nothing", "records", "gzip"],
)
def test_row_38_what_has_no_end_is_not_searched_for_ever(monkeypatch, front) -> None:
    """Neither for a record nor for a member of gzip; what is finite is, however long it takes."""
    monkeypatch.setattr(limits, "searched_stream_bytes", 1 << 20)

    class Endless(io.RawIOBase):
        left = front

        def readable(self):
            return True

        def readinto(self, view):
            data = (self.left or b"\1" * len(view))[: len(view)]
            self.left = self.left[len(view) :]
            view[: len(data)] = data
            return len(data)

    got: list[bytes] = []
    with pytest.raises(OSError, match="no record found in .* copy it to a file"):
        got.extend(RecordReader(Endless(), on_damage=lambda _: None))
    assert got in ([], THREE)
    for device in ("/dev/zero", "/dev/urandom"):
        with pytest.raises(OSError, match="no record found in"):
            list(read_records(device, on_damage=lambda _: None))
    finite = io.BytesIO(front + bytes(1 << 22) + frames(THREE))
    assert list(read_records(finite, on_damage=lambda _: None))[-3:] == THREE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_row_38_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "closed"
    path.touch(mode=0)
    with pytest.raises(PermissionError):
        RecordReader(path)


def test_row_39_names_of_every_kind(tmp_path: Path) -> None:
    data = frames(THREE)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(data)
    for name in (str(path), os.fsencode(path), path):
        assert list(read_records(name)) == THREE
    link = tmp_path / "link"
    link.symlink_to(path)
    assert list(read_records(link)) == THREE
    odd = os.path.join(os.fsencode(tmp_path), b"\xff\x1b[31m\n.tfrecord")
    with open(odd, "wb") as file:
        file.write(data[:-1])
    with pytest.raises(TruncatedRecordError) as caught:
        list(read_records(odd))
    assert caught.value.path == os.fsdecode(odd)
    assert str(caught.value).isprintable()
    writer = RecordWriter(odd)
    with pytest.warns(ResourceWarning, match="was never closed") as warned:
        del writer
        gc.collect()
    assert str(warned[0].message).isprintable()
    # Else it is told of at the end, too.
    (unfinished,) = filter(is_partial, os.listdir(tmp_path))
    os.unlink(tmp_path / unfinished)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        list(read_records(dangling))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic link"):
        RecordReader(loop)
    with pytest.raises(ValueError, match="null"):
        RecordReader("a\0b")
    with pytest.raises(OSError, match="too long"):
        RecordReader("x" * 300)


def test_row_38_devices_and_pipes_are_written_in_place(tmp_path: Path) -> None:
    assert write_records("/dev/null", THREE) == 3
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(ValueError, match="not a regular file"):
        RecordWriter("/dev/null", atomic=True)
    with pytest.raises(FileExistsError):
        RecordWriter("/dev/null", mode="x", atomic=False)
    with pytest.raises(IsADirectoryError):
        RecordWriter(tmp_path)
    with pytest.raises(FileNotFoundError):
        RecordWriter(tmp_path / "no" / "folder")


def test_row_39_names_for_writing(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_records(link, THREE)
    assert link.is_symlink()
    assert list(read_records(target)) == THREE
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "made")
    write_records(dangling, THREE)
    assert list(read_records(tmp_path / "made")) == THREE
    for name in ("n" * 255, "ü" * 127, b"\xff\xfe", b"plain"):
        path = os.path.join(tmp_path if isinstance(name, str) else os.fsencode(tmp_path), name)
        write_records(path, THREE)
        assert list(read_records(path)) == THREE
    # At once, not when all has been written; and of the name that was asked for.
    (tmp_path / "file").touch()
    for path, code in (
        (tmp_path / ("n" * 256), errno.ENAMETOOLONG),
        (tmp_path / "file" / "below", errno.ENOTDIR),
    ):
        with pytest.raises(OSError, match=re.escape(os.strerror(code))) as refused:
            RecordWriter(path)
        assert (refused.value.errno, refused.value.filename) == (code, str(path))
    with pytest.raises(ValueError, match="null"):
        RecordWriter("a\0b")
    assert not any(map(is_partial, os.listdir(tmp_path)))


@pytest.mark.parametrize("compress", COMPRESS)
def test_row_38_sockets(compress: str) -> None:
    ours, theirs = socket.socketpair()
    data = COMPRESS[compress](FILES["two_hundred"])
    thread = threading.Thread(target=lambda: (theirs.sendall(data), theirs.close()))
    thread.start()
    with ours, ours.makefile("rb", buffering=0) as file:
        assert list(RecordReader(file)) == FILES["two_hundred"]
    thread.join()


@pytest.mark.parametrize("codec", [None, "GZIP", "ZLIB"])
def test_row_38_writing_to_pipes_and_sockets(codec: str | None, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.extend(read_records(fifo)))
    thread.start()
    assert write_records(fifo, FILES["large"], compression=codec) == len(FILES["large"])
    thread.join()
    assert got == FILES["large"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)

    ours, theirs = socket.socketpair()
    got.clear()
    with ours.makefile("rb", buffering=0) as source:
        thread = threading.Thread(target=lambda: got.extend(read_records(source)))
        thread.start()
        with theirs, theirs.makefile("wb", buffering=0) as target:
            write_records(target, THREE, compression=codec)
        thread.join()
    ours.close()
    assert got == THREE


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="no /dev/stdin here")
@pytest.mark.parametrize("compress", COMPRESS)
def test_row_38_standard_input(compress: str) -> None:
    program = """
import sys
from tfrecord_lite import read_records
print(sum(map(len, read_records(sys.argv[1] if sys.argv[1:] else sys.stdin.buffer))))
"""
    for arguments in ([], ["/dev/stdin"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            input=COMPRESS[compress](FILES["two_hundred"]),
            capture_output=True,
            check=True,
        )
        assert int(done.stdout) == sum(map(len, FILES["two_hundred"]))


def test_row_38_the_reader_goes_away() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb", buffering=0) as file, RecordWriter(file) as writer:
        writer.write(b"foo")
        with pytest.raises(BrokenPipeError) as first:
            writer.flush()
        with pytest.raises(BrokenPipeError) as again:
            writer.close()
        assert again.value is first.value


@pytest.mark.parametrize("options", [{}, {"mode": "x"}, {"atomic": False}, {"mode": "a"}], ids=repr)
def test_row_39_writing_through_links_in_a_circle(options: dict, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="symbolic links|File exists"):
        write_records(tmp_path / "a", THREE, **options)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert os.path.islink(tmp_path / "a")
