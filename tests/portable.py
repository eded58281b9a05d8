"""Writes, publishes, reads, verifies and salvages where some calls of the system are missing.

Run as ``python tests/portable.py FOLDER NAME...``, each NAME a call to hide (``os.pread``), a
module (``fcntl``), or ``removing-open-files``, which then fails as on Windows. With ``--used``
nothing is hidden, and what of the NAMES was called is printed.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - these two need os.register_at_fork themselves
import functools
import importlib
import os
import random  # noqa: F401
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

OPEN_FILES = "removing-open-files"
RECORDS = [b"%d" % number * (number % 7) for number in range(300)]


def hide(name: str) -> None:
    """Have no such call or module; to be called before anything is imported that has a look."""
    module, dot, call = name.rpartition(".")
    if name == OPEN_FILES:
        refuse_to_remove_open_files()
    elif name == "os.link":
        # It is there on all systems, but not for all file systems.
        os.link = fail
    elif dot:
        delattr(importlib.import_module(module), call)
    else:
        sys.modules[name] = None  # type: ignore[assignment]


def fail(*_: Any) -> None:
    """Fail as a call that a file system does not know."""
    raise PermissionError(1, "Operation not permitted")


def count(name: str, used: set[str]) -> None:
    """Take note of it when a function is called."""
    module, _, call = name.rpartition(".")
    holder = importlib.import_module(module)
    function = getattr(holder, call)

    @functools.wraps(function)
    def counted(*args: Any, **options: Any) -> Any:
        used.add(name)
        return function(*args, **options)

    setattr(holder, call, counted)


def refuse_to_remove_open_files() -> None:
    """Have whatever takes a name from an open file, or from a folder with one in it, fail."""

    def checked(function: Callable[..., Any], *, target_too: bool) -> Callable[..., Any]:
        def call(*paths: Any, **options: Any) -> Any:
            for path in paths[: 1 + target_too]:
                wanted = os.path.realpath(os.fsdecode(path))
                for handle in os.listdir("/proc/self/fd"):
                    try:
                        opened = os.readlink(f"/proc/self/fd/{handle}")
                    except OSError:
                        continue
                    if opened == wanted or opened.startswith(wanted + os.sep):
                        raise PermissionError(13, "is open", path)
            return function(*paths, **options)

        return call

    # By paths, not by handles of folders, which Windows does not have either.
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    for name, target_too in [("unlink", False), ("rename", True), ("replace", True)]:
        setattr(os, name, checked(getattr(os, name), target_too=target_too))


def left_over(folder: Path) -> list[str]:
    """Return the names of what was to go: temporary files, folders of writers, journals."""
    return [path.name for path in folder.rglob("*") if "partial" in path.name]


def go_through(folder: Path) -> None:
    """Do all that touches files, and look at what comes of it."""
    import tfrecord_lite as tfr

    path = folder / "a.tfrecord"
    for mode in ("x", "w", "a"):
        with tfr.RecordWriter(path, mode=mode, fsync=True) as writer:
            writer.write_many(RECORDS)
    assert list(tfr.read_records(path)) == RECORDS * 2
    with open(path, "rb") as file:
        assert list(tfr.read_records(file)) == RECORDS * 2
    try:
        with tfr.RecordWriter(path, mode="x") as writer:
            raise AssertionError("replaced what is there")
    except FileExistsError:
        pass
    with suppress(KeyError), tfr.RecordWriter(path) as writer:
        writer.write(b"never published")
        raise KeyError
    with tfr.RecordReader(path, follow=True, timeout=0) as reader:
        assert list(reader) == RECORDS * 2

    index = tfr.RecordIndex.build(path)
    index.save()
    with tfr.RecordFile(path) as records:
        index.save()
        assert records[5] == RECORDS[5]
        assert list(records[[599, 0]]) == [RECORDS[-1], RECORDS[0]]

    name = folder / "set" / "train"
    for overwrite in (False, True):
        with tfr.ShardWriter(
            name, records_per_shard=100, overwrite=overwrite, fsync=True
        ) as shards:
            shards.write_many(RECORDS)
    assert not left_over(folder), left_over(folder)
    with suppress(KeyError), tfr.ShardWriter(name, overwrite=True) as shards:
        shards.write_many(RECORDS)
        raise KeyError
    for part in range(2):
        with tfr.ShardWriter(name, part=part, records_per_shard=100) as shards:
            shards.write_many(RECORDS)
    tfr.publish_shards(name, 2, overwrite=True)
    assert not left_over(folder), left_over(folder)

    found = tfr.RecordSet(name)
    assert len(found) == 600
    assert found[599] == RECORDS[-1]
    assert list(found) == RECORDS * 2
    assert list(tfr.read_records(folder / "set" / "train-*.tfrecord")) == RECORDS * 2
    assert tfr.verify(name, workers=2).ok

    examples = folder / "examples.tfrecord.gz"
    tfr.write_examples(examples, {"number": list(range(100))})
    seen: list[int] = []
    for batch in tfr.Dataset(examples, {"number": int}, batch_size=10, shuffle=True, workers=2):
        seen += batch["number"].tolist()
    assert sorted(seen) == list(range(100))

    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    report = tfr.salvage(path, folder / "saved.tfrecord")
    assert report.files[0].records == 599
    assert not left_over(folder), left_over(folder)


def main(folder: str, *names: str) -> None:
    """Hide, or count, and go through it all."""
    used: set[str] = set()
    if names[:1] == ("--used",):
        for name in names[1:]:
            count(name, used)
    else:
        for name in names:
            hide(name)
    go_through(Path(folder))
    print(*sorted(used))


if __name__ == "__main__":
    main(*sys.argv[1:])
