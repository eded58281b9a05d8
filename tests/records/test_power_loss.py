"""Writers of one file when the power goes (fault matrix, row 28)."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty_disk import FaultyDisk, after_power_loss
from frames import THREE, frames
from records.ways import MORE, WAYS, is_in_place, is_old_and_more, prepare, whole_records, write

from tfrecord_lite import read_records, write_records
from tfrecord_lite.records.storage import is_partial


@pytest.mark.parametrize("existing", [True, False], ids=["old", "absent"])
@pytest.mark.parametrize("options", WAYS)
def test_row_28_power_loss_with_fsync(options, existing: bool, tmp_path: Path, injected) -> None:
    """Whatever of what was not synced is lost: what `flush` and `close` returned for is there."""
    folder, path = tmp_path / "disk", tmp_path / "then"
    folder.mkdir()
    old = prepare(folder / "a", options)
    if old and not existing:
        old = []
        (folder / "a").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    disk = FaultyDisk(folder)
    flushed = write(folder / "a", {**options, "fsync": True}, disk)
    for calls in range(len(disk.done) + 1):
        sure = sum(calls >= count for count in flushed) if is_in_place(options) else 0
        for state in after_power_loss(disk.done[:calls], before):
            data = state.pop("a", None)
            assert all(map(is_partial, state))
            if data is None:
                assert not old
                assert not sure
            else:
                path.write_bytes(data)
                assert is_old_and_more(path, old, options)
                assert len(whole_records(path)) >= sure
            if calls == len(disk.done):
                assert not state
                assert list(read_records(path))[-len(MORE) :] == MORE
            injected(1)


def test_row_28_power_loss_without_fsync(tmp_path: Path, injected) -> None:
    """The name may be on the disk before the data: an empty file, or a short one."""
    path = tmp_path / "a"
    disk = FaultyDisk(tmp_path)
    with disk:
        write_records(path, THREE)
    found = [state.get("a") for state in after_power_loss(disk.done, {})]
    assert set(found) == {None, b"", frames(THREE)}
    injected(len(found))
