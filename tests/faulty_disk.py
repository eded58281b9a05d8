"""A disk that fails when it is told to, and one that loses power.

`FaultyDisk` stands between the package and the system while it is entered: whatever changes files
in its folder is counted, and the n-th call fails, for every n until nothing fails any more. It also
keeps what was done, so that `after_power_loss` can tell what a disk may hold when the power goes.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from typing_extensions import Self

# What is reported of a full disk, a quota, a limit on the size of files, a broken disk.
ERRORS = {
    "write": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC),
    "close": (errno.EIO, errno.EDQUOT),
}


class FaultyDisk:
    """The calls that change files below a folder, one of which fails.

    ``calls`` names those that count; ``nth`` is the one that fails, the first being 1, and with
    ``for_good`` all after it fail as well. A write takes ``most`` bytes at a time.
    """

    def __init__(
        self,
        folder: Path,
        calls: str = "",
        nth: int = 0,
        error: int = errno.EIO,
        *,
        for_good: bool = False,
        most: int = 1 << 30,
    ) -> None:
        self.folder = os.fspath(folder)
        self.most = most
        self.done: list[tuple[Any, ...]] = []
        self.count = 0
        self.nth = nth
        self._calls, self._error, self._for_good = calls.split(), error, for_good
        self._patch = pytest.MonkeyPatch()

    @property
    def failed(self) -> bool:
        """Whether there were enough calls for one to fail."""
        return 0 < self.nth <= self.count

    def tick(self, call: str) -> None:
        """Count a call; raise if it is the one."""
        if call in self._calls:
            self.count += 1
            if self.count == self.nth or (self._for_good and self.failed):
                raise OSError(self._error, os.strerror(self._error))

    def path(self, name: Any, folder: int | None = None) -> str | None:
        """Return a path relative to the folder; None for what is elsewhere."""
        if isinstance(name, int):
            return None
        path = os.fsdecode(name)
        if folder is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
        path = os.path.relpath(path, self.folder)
        return None if path.startswith("..") else path

    def open(self, name: Any, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if self.path(name) is None or not set(mode) & set("wxa+"):
            return self._open(name, mode, buffering, **options)
        raw = self.raw(name, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **options)

    def raw(self, name: Any, mode: str = "r", **options: Any) -> io.FileIO:
        path = self.path(name)
        if path is None or not set(mode) & set("wxa+"):
            return self._raw(name, mode, **options)
        self.tick("open")
        new = not os.path.exists(name)
        file = _FaultyFile(name, mode)
        file.disk = self
        self.opened(file.fileno(), path, new=new, emptied="w" in mode)
        return file

    def opened(self, handle: int, path: str, *, new: bool, emptied: bool = False) -> None:
        if new:
            self.done.append(("create", path))
        self.done.append(("opened", handle, path))
        if emptied:
            self.done.append(("cut", handle, 0))

    def __enter__(self) -> Self:
        self._open, self._raw = builtins.open, io.FileIO
        patch = self._patch.setattr
        patch(builtins, "open", self.open)
        patch(io, "FileIO", self.raw)
        patch(os, "open", self._os_open(os.open))
        for call in ("write", "fsync", "ftruncate"):
            patch(os, call, self._on_handle(call, getattr(os, call)))
        for call in ("mkdir", "unlink", "rmdir", "rename", "replace", "link", "truncate"):
            patch(os, call, self._on_path(call, getattr(os, call)))
        return self

    def __exit__(self, *error: object) -> None:
        self._patch.undo()

    def _os_open(self, system: Callable[..., int]) -> Callable[..., int]:
        def opens(name: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            path = self.path(name, dir_fd)
            if path is None or not flags & (os.O_WRONLY | os.O_RDWR):
                return system(name, flags, mode, dir_fd=dir_fd)
            self.tick("open")
            new = not os.path.exists(os.path.join(self.folder, path))
            handle = system(name, flags, mode, dir_fd=dir_fd)
            self.opened(handle, path, new=new)
            return handle

        return opens

    def _on_handle(self, call: str, system: Callable[..., Any]) -> Callable[..., Any]:
        def calls(handle: int, *args: Any) -> Any:
            self.tick(call)
            if call == "write":
                args = (args[0][: self.most],)
            # What is synced only counts here; the disk of the machine is left in peace.
            result = None if call == "fsync" else system(handle, *args)
            if call == "write":
                self.done.append(("write", handle, bytes(args[0][:result])))
            elif call == "ftruncate":
                self.done.append(("cut", handle, *args))
            else:
                folder = os.path.isdir(f"/proc/self/fd/{handle}")
                self.done.append(("fsync folder",) if folder else ("fsync", handle))
            return result

        return calls

    def _on_path(self, call: str, system: Callable[..., Any]) -> Callable[..., Any]:
        def calls(*args: Any, **options: Any) -> Any:
            names = args[:2] if call in ("rename", "replace", "link") else args[:1]
            paths = [self.path(name, options.get("dir_fd")) for name in names]
            if None in paths:
                return system(*args, **options)
            self.tick(call)
            result = system(*args, **options)
            self.done.append((call, *paths, *args[len(names) :]))
            return result

        return calls


class _FaultyFile(io.FileIO):
    disk: FaultyDisk

    def write(self, data: Any) -> int:  # type: ignore[override]
        self.disk.tick("write")
        part = bytes(memoryview(data)[: self.disk.most])
        count = super().write(part)
        self.disk.done.append(("write", self.fileno(), part[:count]))
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            # As the system does: the file is closed all the same.
            self.disk.tick("close")


def every_failure(
    folder: Path, calls: str, *, least: int = 1, **options: Any
) -> Iterator[FaultyDisk]:
    """Give a disk that fails at the first of these calls, then one at the second, and so on.

    The last one, where there were no more calls to fail, is for seeing that all went well.
    """
    nth = 0
    while True:
        nth += 1
        disk = FaultyDisk(folder, calls, nth, **options)
        yield disk
        assert disk.count, "entered, and nothing of this kind was called"
        if not disk.failed:
            break
    assert nth > least


def after_power_loss(
    done: list[tuple[Any, ...]], before: dict[str, bytes]
) -> Iterator[dict[str, bytes]]:
    """Give what may be on the disk when the power goes after the last of these calls.

    The model is that of the journalling file systems: names change in the order of the calls, and
    an fsync of a folder has them on the disk; what was written to a file is there once the file
    itself was synced, and before that it may be there or not, whatever became of its name.
    """
    files = {path: [data, data] for path, data in before.items()}
    handles: dict[int, list[bytes]] = {}
    synced = dict(files)
    names = [synced]
    for call, *args in done:
        if call == "opened":
            handles[args[0]] = files[args[1]]
            continue
        if call in ("write", "cut", "fsync"):
            # What is now in the file, and what of it is surely on the disk.
            content = handles[args[0]]
            if call == "write":
                content[0] += args[1]
            elif call == "cut":
                content[0] = content[0][: args[1]]
            else:
                content[1] = content[0]
            continue
        files = dict(files)
        if call == "create":
            files[args[0]] = [b"", b""]
        elif call == "truncate":
            files[args[0]][0] = files[args[0]][0][: args[1]]
        elif call == "link":
            files[args[1]] = files[args[0]]
        elif call == "unlink":
            files.pop(args[0], None)
        elif call in ("rename", "replace"):
            files = _renamed(files, *args)
        names = [files] if call == "fsync folder" else [*names, files]
    seen = set()
    for state in names:
        for kept in (0, 1):
            found = {path: file[kept] for path, file in state.items()}
            if (key := tuple(sorted(found.items()))) not in seen:
                seen.add(key)
                yield found


def _renamed(files: dict[str, Any], source: str, target: str) -> dict[str, Any]:
    """Rename a file, or a folder with all that is in it, over what was called so."""
    moved = {path: file for path, file in files.items() if f"{path}/".startswith(f"{source}/")}
    stay = {path: file for path, file in files.items() if path not in moved and path != target}
    return {**stay, **{target + path[len(source) :]: file for path, file in moved.items()}}
