"""Writers of one file on a disk that fails (fault matrix, rows 23, 25 and 26)."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest
from faulty_disk import ERRORS, FaultyDisk, every_failure
from frames import THREE, frames
from records.ways import MORE, WAYS, is_in_place, is_old_and_more, prepare, whole_records, write

from tfrecord_lite import RecordWriter, TruncatedRecordError, read_records
from tfrecord_lite.records import deflate
from tfrecord_lite.records.storage import is_partial


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for_good"])
@pytest.mark.parametrize("call", ["open", "write", "close"])
@pytest.mark.parametrize("options", WAYS)
def test_row_25_the_nth_call_fails(options, call: str, for_good: bool, tmp_path, injected) -> None:
    path = tmp_path / "a"
    for error in ERRORS.get(call, (errno.EIO,)):
        for disk in every_failure(tmp_path, call, error=error, for_good=for_good, most=40):
            old = prepare(path, options)
            try:
                write(path, options, disk)
            except OSError as caught:
                assert caught.errno == error
                # The system says nothing of a name but where it opens one.
                assert call == "open" or caught.filename == str(path)
                assert disk.failed
                assert is_old_and_more(path, old, options)
                if not is_in_place(options) and path.exists():
                    assert list(read_records(path)) == old
            else:
                assert not disk.failed
                assert list(read_records(path))[-len(MORE) :] == MORE
            assert os.listdir(tmp_path) in ([], ["a"])
            injected(1)


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for_good"])
@pytest.mark.parametrize("options", [way for way in WAYS if not is_in_place(*way.values)])
def test_row_25_a_name_cannot_be_taken(options, for_good: bool, tmp_path: Path, injected) -> None:
    path = tmp_path / "a"
    for disk in every_failure(tmp_path, "replace link unlink", for_good=for_good):
        old = prepare(path, options)
        try:
            write(path, options, disk)
        except OSError as caught:
            assert caught.errno == errno.EIO
            assert whole_records(path) == old if old else not path.exists()
        else:
            # One can do without links; what has its name has not failed.
            assert not disk.failed or options.get("mode") == "x"
            assert list(read_records(path)) == MORE
        left = [name for name in os.listdir(tmp_path) if name != "a"]
        assert not left or (disk.failed and all(map(is_partial, left)))
        injected(1)


@pytest.mark.parametrize("options", WAYS)
def test_row_26_the_nth_fsync_fails(options, tmp_path: Path, injected) -> None:
    path = tmp_path / "a"
    options = {**options, "fsync": True}
    for error in ERRORS["fsync"]:
        for disk in every_failure(tmp_path, "fsync", error=error):
            old = prepare(path, options)
            try:
                write(path, options, disk)
            except OSError as caught:
                assert caught.errno == error
                assert is_old_and_more(path, old, options)
                # Never a second try: what could not be written is no longer there to be written.
                assert disk.count == disk.nth
            else:
                assert list(read_records(path))[-len(MORE) :] == MORE
            assert os.listdir(tmp_path) in ([], ["a"])
            injected(1)


@pytest.mark.parametrize("most", [1, 7, 100])
@pytest.mark.parametrize("options", WAYS)
def test_row_23_short_writes(options, most: int, tmp_path: Path, injected) -> None:
    path = tmp_path / "a"
    old = prepare(path, options) if options.get("mode") == "a" else []
    disk = FaultyDisk(tmp_path, "write", most=most)
    if options.get("mode") == "x" or "atomic" in options:
        prepare(path, options)
    write(path, options, disk)
    assert list(read_records(path)) == old + MORE
    injected(disk.count)


class FaultyFile(io.RawIOBase):
    """Takes a few bytes at a time and fails, by name, at the n-th call."""

    def __init__(self, call: str = "", nth: int = 0, error: int = errno.ENOSPC, size: int = 7):
        self.data = b""
        self._call, self._nth, self._errno, self._size = call, nth, error, size

    def _count(self, call: str) -> None:
        if call == self._call:
            self._nth -= 1
            if self._nth == 0:
                raise OSError(self._errno, os.strerror(self._errno))

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._count("write")
        part = bytes(data[: self._size])
        self.data += part
        return len(part)

    def flush(self) -> None:
        self._count("flush")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "flush"])
def test_row_25_the_nth_call_of_a_file_object_fails(
    call: str, error: int, monkeypatch, injected
) -> None:
    monkeypatch.setattr(deflate._Plain, "chunk_bytes", 30)
    failures = 0
    for nth in range(1, 30):
        file = FaultyFile(call, nth, error)
        writer = RecordWriter(file)
        try:
            for record in THREE:
                writer.write(record)
                writer.flush()
            writer.close()
        except OSError as caught:
            failures += 1
            injected(1)
            assert caught.errno == error
            if not writer._closed:
                for use in (lambda: writer.write(b"more"), writer.flush, writer.close):
                    with pytest.raises(OSError) as again:
                        use()
                    assert again.value is caught
            writer.close()
            written = file.data
            got, torn = [], False
            try:
                got += read_records(io.BytesIO(written))
            except TruncatedRecordError:
                torn = True
            assert got == THREE[: len(got)]
            assert torn == (frames(got) != written)
        else:
            assert file.data == frames(THREE)
    assert failures == (13 if call == "write" else 4)
