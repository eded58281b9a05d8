"""SECURITY.md: the tests that it names are there, and what it says of the code as a whole."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import tfrecord_lite
from tfrecord_lite.example import wire
from tfrecord_lite.files import manifest, writer_folders
from tfrecord_lite.records import reader, recovery
from tfrecord_lite.thresholds import limits

PACKAGE = Path(tfrecord_lite.__file__).parent
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

# What makes code, or objects of any class, out of data.
RUNS = {"eval", "exec", "compile", "__import__", "marshal", "shelve", "pickle", "yaml", "dill"}
# Worker processes get their work, and send their results, pickled: all of it our own.
EXCUSED = {("parallel/workers.py", "pickle"), ("parallel/shared_memory.py", "pickle")}


def names_used(path: Path) -> set[str]:
    """Return all names that a module imports or calls on, outside its strings."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.update(node.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            names.update((node.module or "").split("."))
        elif isinstance(node, ast.keyword) and node.arg is not None:
            names.add(node.arg)
    return names


def users_of(names: set[str]) -> set[tuple[str, str]]:
    return {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in names_used(path) & names
    }


def test_nothing_in_a_file_is_run() -> None:
    assert users_of(RUNS | {"allow_pickle", "shell"}) == EXCUSED


def test_what_is_read_is_not_mapped() -> None:
    # The memory that workers share has no file that others could cut.
    assert users_of({"mmap", "memmap", "mmap_mode"}) == {("parallel/shared_memory.py", "mmap")}


def test_the_tests_named_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 15
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_the_limits_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    filled_in = inspect.signature(tfrecord_lite.parse_tensor).parameters["max_bytes"].default
    assert dict(rows[1:]) == {
        "bytes of a record": size(reader.DEFAULT_MAX_RECORD_BYTES),
        "bytes of a block, beside the largest record": size(limits.read_block_bytes),
        "bytes of a tensor that are filled in": size(filled_in),
        "bytes of a message, and of any length in it": f"{size(wire.MAX_MESSAGE_BYTES + 1)} - 1",
        "depth of groups in a message": f"{wire.MAX_DEPTH}",
        "bytes of a tag, of a value": f"{wire.MAX_TAG_BYTES}, {wire.MAX_VARINT_BYTES}",
        "bytes of a manifest": size(manifest._MOST_BYTES),
        "bytes of a journal": size(writer_folders.MAX_JOURNAL_BYTES),
        "bytes checked in vain after damage": (
            f"{recovery._TIMES_THE_FILE} times the file, "
            f"{recovery._TIMES_PASSED} times what was passed over"
        ),
    }
    assert size(recovery._SMALL_BYTES) in PAGE


def size(count: int) -> str:
    """Return a number of bytes as the page has it."""
    units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    return next(f"{count // unit} {name}" for name, unit in units if count >= unit)
