"""Which tests run which line of the package, recorded once."""

from __future__ import annotations

import difflib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).parents[2]
TESTS = [
    *("records", "files", "example", "dataset", "integrity", "cli", "fuzz", "differential"),
    *("arrow", "jobs", "stores", "tfds", "description", "view"),
    *("test_surface.py", "test_docstrings.py", "test_reprs.py", "test_errors.py"),
]
# What runs while modules are imported and tests are collected; what runs between two tests.
_AT_IMPORT, _BETWEEN = "", "-"


def arguments() -> list[str]:
    """Return how pytest is called, for recording and for mutants alike."""
    # TensorFlow's threads do not outlive a fork.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]
    return [*quiet, *(f"{ROOT}/tests/{name}" for name in TESTS)]


def function_of(test: str) -> str:
    """Return the name of a test without its parameters."""
    return test.partition("[")[0]


def record(to: Path) -> None:
    """Run the tests and write what they ran, and how many seconds each took, as JSON."""
    recorder = _Recorder()
    if pytest.main([*arguments(), "-q"], plugins=[recorder]) not in (0, 1):
        raise SystemExit("the tests cannot be run")
    to.write_text(json.dumps(recorder.result()), encoding="utf-8")


class _Recorder:
    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        files = (ROOT / "tfrecord_lite").rglob("*.py")
        self._texts = {
            file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files
        }
        package = str(ROOT / "tfrecord_lite")
        self._coverage = coverage.Coverage(data_file=None, config_file=False, source=[package])
        self._coverage.start()
        self._tracer = sys.gettrace()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(function_of(item.nodeid))
        try:
            return (yield)
        finally:
            # Some tests trace by themselves, and leave no tracer behind.
            if sys.gettrace() is not self._tracer:
                sys.settrace(self._tracer)
            self._coverage.switch_context(_BETWEEN)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if not report.passed:
            self._failed.add(report.nodeid)

    def result(self) -> dict[str, Any]:
        self._coverage.stop()
        data = self._coverage.get_data()
        numbers: dict[str, int] = {}
        lines: dict[str, dict[int, list[int]]] = {}
        for file in data.measured_files():
            module = Path(file).relative_to(ROOT).as_posix()
            lines[module] = {
                line: sorted(numbers.setdefault(each, len(numbers)) for each in contexts)
                for line, contexts in data.contexts_by_lineno(file).items()
            }
        seconds = {test: time for test, time in self._seconds.items() if test not in self._failed}
        return {"functions": [*numbers], "seconds": seconds, "lines": lines, "texts": self._texts}


class Reach:
    """What was recorded; of modules that have changed since, the lines that are still there."""

    def __init__(self, path: Path) -> None:
        told = json.loads(path.read_text(encoding="utf-8"))
        self.seconds: dict[str, float] = told["seconds"]
        self._functions: list[str] = told["functions"]
        self._lines: dict[str, dict[int, list[int]]] = {}
        for module, lines in told["lines"].items():
            if (ROOT / module).exists():
                now = _moved(told["texts"][module], (ROOT / module).read_text(encoding="utf-8"))
                kept = {now.get(int(line)): which for line, which in lines.items()}
                self._lines[module] = {line: which for line, which in kept.items() if line}

    def functions(self, module: str, *lines: int) -> tuple[set[str], bool]:
        """Return the test functions that run these lines, and whether importing does.

        Where no test does in this process, they are those that run any line of the module.
        """
        known = self._lines.get(module, {})
        found = self._named(set().union(*(known.get(line, ()) for line in lines)))
        at_import = _AT_IMPORT in found
        tests = found - {_AT_IMPORT, _BETWEEN}
        if not tests:
            tests = self._named(set().union(*known.values())) - {_AT_IMPORT, _BETWEEN}
        return tests, at_import or not found

    def _named(self, which: set[int]) -> set[str]:
        return {self._functions[number] for number in which}


def _moved(before: str, now: str) -> dict[int, int]:
    """Return which line is which, counted from 1."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), now.splitlines(), autojunk=False)
    return {
        block.a + at + 1: block.b + at + 1
        for block in matcher.get_matching_blocks()
        for at in range(block.size)
    }
