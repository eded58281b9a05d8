"""fsync=True: not only the records are on the disk, but the file's name too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import tfrecord_lite as tfr


@pytest.mark.parametrize("atomic", [False, True])
def test_the_folder_is_synced_with_a_new_file(tmp_path: Path, monkeypatch, atomic: bool) -> None:
    fsync, synced = os.fsync, []

    def look(handle: int) -> None:
        status = os.fstat(handle)
        synced.append("folder" if stat.S_ISDIR(status.st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", look)
    with tfr.RecordWriter(tmp_path / "a", atomic=atomic, fsync=True) as writer:
        writer.write(b"x")
        writer.flush()
        # Until it is complete, the file of an atomic writer has no name that matters.
        assert synced == (["file"] if atomic else ["file", "folder"])
        writer.write(b"y")
        writer.flush()
        assert synced[2:] == ["file"] or atomic
    assert synced[-2:] == ["file", "folder"] or not atomic
    assert synced.count("folder") == 1
