"""All works where calls of the system are missing; docs/portability.md and the code agree."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfrecord_lite

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "portability.md").read_text(encoding="utf-8")
PROGRAM = ROOT / "tests" / "portable.py"
MODULES = sorted(Path(tfrecord_lite.__file__).parent.rglob("*.py"))

CALLS = [
    "fcntl.flock",
    "os.fchmod",
    "os.link",
    "os.memfd_create",
    "os.pread",
    "os.preadv",
    "os.register_at_fork",
    "os.sched_getaffinity",
    "resource.getrlimit",
]
SYSTEMS = {
    "an old macOS": "os.preadv os.memfd_create os.sched_getaffinity",
    "a plain file system": "fcntl os.memfd_create os.link os.fchmod",
    "Windows": (
        "fcntl resource os.O_DIRECTORY os.fchmod os.memfd_create os.pread os.preadv "
        "os.register_at_fork os.sched_getaffinity removing-open-files"
    ),
}
# Python has these on Linux, macOS and Windows alike.
EVERYWHERE = {
    *("O_CREAT", "O_RDONLY", "O_RDWR", "O_WRONLY", "SEEK_CUR", "SEEK_END", "SEEK_SET"),
    *(
        "PathLike",
        "_exit",
        "altsep",
        "close",
        "cpu_count",
        "devnull",
        "dup",
        "dup2",
        "environ",
        "fdopen",
    ),
    *("fsdecode", "fsencode", "fspath", "fstat", "fsync", "ftruncate", "get_inheritable", "getcwd"),
    *("getpid", "listdir", "lseek", "makedirs", "mkdir", "name", "open", "path", "read", "remove"),
    *("rename", "replace", "scandir", "sep", "stat", "strerror", "truncate", "unlink", "urandom"),
    *("rmdir", "stat_result", "walk", "write"),
}
# Modules of the standard library that are not on all systems, or whose calls are not.
OF_SOME_SYSTEMS = {
    *("_winapi", "ctypes", "fcntl", "grp", "mmap", "msvcrt", "multiprocessing", "posix", "pty"),
    *("pwd", "resource", "select", "selectors", "signal", "socket", "syslog", "termios", "tty"),
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hides what Linux has")


def run(folder: Path, *names: str) -> str:
    command = [sys.executable, "-W", "error", str(PROGRAM), str(folder), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_works_on(system, tmp_path):
    run(tmp_path, *SYSTEMS[system].split())


def test_each_call_is_made_where_there_is_one(tmp_path):
    """Otherwise its absence would show nothing."""
    assert run(tmp_path, "--used", *CALLS).split() == CALLS


def test_a_file_that_is_open_elsewhere_cannot_be_replaced_on_windows(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(13, "used by another process", target)

    path = tmp_path / "a"
    tfrecord_lite.write_examples(path, {"a": [1]})
    before = path.read_bytes()
    writer = tfrecord_lite.RecordWriter(path)
    writer.write(b"new")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        writer.close()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]


def test_patterns_are_taken_with_either_separator(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    tfrecord_lite.write_examples(tmp_path / "below" / "a.tfrecord", {"a": [1]})
    # As / is beside \ on Windows.
    monkeypatch.setattr(os, "altsep", "|")
    for pattern in ("|**", "|**|*.tfrecord", "|below|*.tfrecord"):
        assert tfrecord_lite.expand_shards(f"{tmp_path}{pattern}") == [
            str(tmp_path / "below" / "a.tfrecord")
        ]


def used() -> set[str]:
    """Return what the package uses of the system that is not the same on all of them."""
    names = set()
    for path in MODULES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        # A variable may have the name of a module.
        modules = OF_SOME_SYSTEMS & {
            alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
        }
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "os" and node.attr not in EVERYWHERE:
                    names.add(f"os.{node.attr}")
                elif node.value.id in modules:
                    names.add(f"{node.value.id}.{node.attr}")
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr":
                holder, name = node.args[:2]
                if getattr(holder, "id", "") == "os" and isinstance(name, ast.Constant):
                    names.add(f"os.{name.value}")
    return names


def test_the_page_has_every_call_and_no_other():
    assert set(
        re.findall(r"`((?:os|fcntl|resource|mmap|select|signal)\.\w+)`", PAGE.split("## Alike")[0])
    ) == {
        *used(),
    }


def test_the_tests_named_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)(?:\[([^\]]+)\])?`", PAGE)
    assert len(named) > 10
    for path, test, case in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"
        assert not case or case in SYSTEMS, case


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_cores_are_those_of_this_process():
    script = (
        "import os; from tfrecord_lite.parallel.cores import usable_cores; "
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(usable_cores())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"1\n"
