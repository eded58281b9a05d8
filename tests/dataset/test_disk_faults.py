"""Sets and other files on a disk that fails or loses power (fault matrix, rows 25, 26, 28)."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty_disk import ERRORS, FaultyDisk, after_power_loss, every_failure

from tfrecord_lite import RecordIndex, read_batches, read_records, write_examples, write_records
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.publishing import publish_shards
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.records.checksum import crc32c
from tfrecord_lite.records.storage import is_partial

OLD = [b"old %d" % index for index in range(3)]
NEW = [b"new %d" % index * 9 for index in range(5)]


def write_set(name: Path, **options: Any) -> None:
    with ShardWriter(name, records_per_shard=2, **options) as writer:
        for record in NEW:
            writer.write(record)


def write_parts(name: Path, *, overwrite: bool = False, **options: Any) -> None:
    for part in range(2):
        with ShardWriter(name, part=part, **options) as writer:
            writer.write_many(NEW[part * 3 : part * 3 + 3])
    publish_shards(name, 2, overwrite=overwrite, **options)


SETS: dict[str, Callable[[Path], None]] = {
    "set": write_set,
    "set_overwrite": lambda name: write_set(name, overwrite=True),
    "set_fsync": lambda name: write_set(name, fsync=True),
    "set_overwrite_fsync": lambda name: write_set(name, overwrite=True, fsync=True),
    "parts_fsync": lambda name: write_parts(name, fsync=True),
    "parts_overwrite": lambda name: write_parts(name, overwrite=True),
}


def prepare(folder: Path, scenario: str) -> list[bytes]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if "overwrite" not in scenario:
        return []
    with ShardWriter(folder / "a") as writer:
        writer.write_many(OLD)
    return OLD


def what_is_there(folder: Path) -> list[bytes]:
    """Read the set as any reader would; no records where there is no set."""
    names = set(os.listdir(folder))
    found: list[bytes] = []
    if "a.manifest.json" in names:
        manifest = Manifest.load(folder / "a.manifest.json")
        manifest.check()
        for file, entry in zip(manifest.files, manifest.entries, strict=True):
            assert crc32c(Path(file).read_bytes()) == entry.crc32c
        found = list(read_records(expand_shards(folder / "a")))
        names -= {"a.manifest.json", *map(os.path.basename, manifest.files)}
    else:
        with pytest.raises(FileNotFoundError):
            expand_shards(folder / "a")
        names = {name for name in names if not name.startswith("a-")}
    assert all(map(is_partial, names))
    return found


def settle(folder: Path) -> list[bytes]:
    """Have the next writer clear up, without replacing anything; then look what there is."""
    try:
        ShardWriter(folder / "a").__exit__(KeyError, None, None)
    except FileExistsError:
        pass
    names = os.listdir(folder)
    # Complete parts wait to be published, whatever became of those beside them.
    assert not any(is_partial(name) and ".part-" not in name for name in names)
    return what_is_there(folder)


NAMES = "mkdir rmdir rename replace unlink ftruncate"


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for_good"])
@pytest.mark.parametrize("call", ["open", "write", "close", NAMES])
@pytest.mark.parametrize("scenario", SETS)
def test_row_25_the_nth_call_fails(scenario, call, for_good, tmp_path, injected) -> None:
    """An old set stays, or the new one is complete; the next writer clears up what is left."""
    folder = tmp_path / "set"
    for error in ERRORS.get(call, (errno.EIO,))[:2]:
        for disk in every_failure(folder, call, error=error, for_good=for_good, most=100):
            old = prepare(folder, scenario)
            try:
                with disk:
                    SETS[scenario](folder / "a")
            except OSError as caught:
                assert caught.errno == error
                assert disk.failed
                assert what_is_there(folder) in ([], old, NEW)
                assert settle(folder) in (old, NEW)
                if call in ("open", "write", "close") and not for_good:
                    assert what_is_there(folder) == old
            else:
                assert what_is_there(folder) == NEW
            injected(1)


@pytest.mark.parametrize("scenario", [name for name in SETS if "fsync" in name])
def test_row_26_the_nth_fsync_fails(scenario: str, tmp_path: Path, injected) -> None:
    folder = tmp_path / "set"
    for disk in every_failure(folder, "fsync"):
        old = prepare(folder, scenario)
        try:
            with disk:
                SETS[scenario](folder / "a")
        except OSError as caught:
            assert caught.errno == errno.EIO
            assert what_is_there(folder) == old
        else:
            assert not disk.failed
            assert what_is_there(folder) == NEW
        injected(1)


@pytest.mark.parametrize("scenario", [name for name in SETS if "fsync" in name])
def test_row_28_power_loss_with_fsync(scenario: str, tmp_path: Path, injected) -> None:
    folder, then = tmp_path / "set", tmp_path / "then"
    old = prepare(folder, scenario)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    disk = FaultyDisk(folder, most=100)
    with disk:
        SETS[scenario](folder / "a")
    for calls in range(len(disk.done) + 1):
        for state in after_power_loss(disk.done[:calls], before):
            shutil.rmtree(then, ignore_errors=True)
            then.mkdir()
            for name, data in state.items():
                (then / name).parent.mkdir(exist_ok=True)
                (then / name).write_bytes(data)
            found = what_is_there(then)
            assert found in ([], old, NEW)
            if calls == len(disk.done):
                assert found == NEW
            assert settle(then) in (old, NEW)
            injected(1)


# One file each.


def save_index(path: Path) -> None:
    RecordIndex.build(path.parent / "data").save(path)


def has_index(path: Path) -> bool:
    return len(RecordIndex.load(path.parent / "data", path)) == len(NEW)


COLUMNS = {"label": list(range(7))}
FILES: dict[str, tuple[Callable[[Path], object], Callable[[Path], bool]]] = {
    "write_examples": (
        lambda path: write_examples(path, COLUMNS),
        lambda path: next(read_batches(path))["label"].tolist() == COLUMNS["label"],
    ),
    "RecordIndex.save": (save_index, has_index),
}


@pytest.mark.parametrize("existing", [False, True], ids=["absent", "old"])
@pytest.mark.parametrize("call", ["open", "write", "close", "replace"])
@pytest.mark.parametrize("way", FILES)
def test_row_25_one_file(way: str, call: str, existing: bool, tmp_path: Path, injected) -> None:
    write, is_right = FILES[way]
    write_records(tmp_path / "data", NEW)
    path = tmp_path / "out"
    if existing:
        write(path)
    before = path.read_bytes() if existing else None
    for error in ERRORS.get(call, (errno.EIO,)):
        for disk in every_failure(tmp_path, call, error=error, most=10):
            try:
                with disk:
                    write(path)
            except OSError as caught:
                assert caught.errno == error
                assert (path.read_bytes() if path.exists() else None) == before
                assert set(os.listdir(tmp_path)) == ({"data", "out"} if existing else {"data"})
            else:
                assert not disk.failed
                assert is_right(path)
                if not existing:
                    path.unlink()
            injected(1)
