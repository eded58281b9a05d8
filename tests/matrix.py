"""The fault matrix: docs/reliability.md, whose numbers come from a run of the tests.

A test that injects a fault carries the number of its row in its name (``test_row_25_...``,
``test_rows_01_to_04_...``). It counts as one fault injected, or as many as it tells the fixture
``injected``. ``pytest --matrix`` fills in how often each fault was injected, and tells the rows
where a test failed; all else on the page is written by hand, and only there.
"""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
_NUMBERS = re.compile(r"test_rows?_(\d+)(?:_(and|to)_(\d+))?_")
_MADE = "Last made with"
_PACKAGES = ("numpy", "crc32c", "protobuf", "isal", "tensorflow")


def rows_of(test: str) -> list[int]:
    """Return the rows that a test is about, by its name."""
    if (match := _NUMBERS.match(test)) is None:
        return []
    first, last = int(match[1]), int(match[3] or match[1])
    return list(range(first, last + 1)) if match[2] == "to" else sorted({first, last})


class Matrix:
    """How often each fault was injected, and in how many tests."""

    def __init__(self) -> None:
        self.tests: Counter[int] = Counter()
        self.faults: Counter[int] = Counter()
        self.failed: Counter[int] = Counter()

    def add(self, test: str, *, passed: bool, injected: int = 0) -> None:
        for row in rows_of(test):
            if passed:
                self.tests[row] += 1
                self.faults[row] += injected or 1
            else:
                self.failed[row] += 1

    def cell(self, row: int) -> str:
        """What the page says of a row: how often its fault was injected."""
        faults, tests, failed = self.faults[row], self.tests[row], self.failed[row]
        told = f"{faults:,} in {tests:,} {'test' if tests == 1 else 'tests'}"
        return f"{told}, **{failed:,} failed**" if failed else told if tests else "**never**"

    def fill(self, page: str) -> str:
        """Return the page with the numbers of this run."""
        lines = []
        for line in page.splitlines():
            cells = line.split(" | ")
            if len(cells) == 5 and (row := cells[0].removeprefix("| ")).isdigit():
                line = " | ".join([*cells[:3], self.cell(int(row)), cells[4]])
            elif line.startswith(_MADE):
                line = f"{_MADE} {_versions()}"
            lines.append(line)
        return "\n".join(lines) + "\n"


def _versions() -> str:
    told = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            told.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"{', '.join(told)}, {platform.system()}."


@pytest.fixture
def injected(record_property) -> Callable[[int], None]:
    """Tell how many faults a test has injected, where that is not one; calls add up."""

    def count(faults: int) -> None:
        assert faults > 0
        record_property("injected", faults)

    return count


class _Plugin:
    """Collects what the tests report, from this process or from the workers of pytest-xdist."""

    def __init__(self) -> None:
        self._matrix = Matrix()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or (report.passed and report.when == "call"):
            counts = [int(n) for name, n in report.user_properties if name == "injected"]
            test = report.nodeid.rpartition("::")[2]
            self._matrix.add(test, passed=report.passed, injected=sum(counts))

    def pytest_sessionfinish(self) -> None:
        if self._matrix.tests:
            page = self._matrix.fill(PAGE.read_text(encoding="utf-8"))
            PAGE.write_text(page, encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "fill what this run injected into docs/reliability.md"
    parser.addoption("--matrix", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    # The workers of pytest-xdist report to the process that started them.
    if config.getoption("--matrix") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Plugin(), "fault-matrix")
