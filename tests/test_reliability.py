"""docs/reliability.md: a row for each fault, a test for each row, and the numbers of a test run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from matrix import PAGE, Matrix, rows_of

ROWS = [*range(1, 45), *range(50, 62)]
TESTS = Path(__file__).parent
TABLE = [
    line.strip("| ").split(" | ")
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]
MADE = re.search(r"^Last made with (.+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_each_fault_has_its_row() -> None:
    assert [int(cells[0]) for cells in TABLE] == ROWS
    for cells in TABLE:
        assert len(cells) == 5
        assert all(cells)


def test_each_row_has_a_test() -> None:
    functions = [
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted({row for name in functions for row in rows_of(name)}) == ROWS


@pytest.mark.skipif(MADE is None, reason="`make reliability` has not been run yet")
@pytest.mark.parametrize("cells", TABLE, ids=lambda cells: f"row {cells[0]}")
def test_each_fault_was_injected_and_held(cells: list[str]) -> None:
    assert re.fullmatch(r"[1-9][\d,]* in [1-9][\d,]* tests?", cells[3])


@pytest.mark.parametrize(
    ("test", "rows"),
    [
        ("test_row_07_nothing", [7]),
        ("test_row_7_nothing[param]", [7]),
        ("test_rows_01_to_04_flips", [1, 2, 3, 4]),
        ("test_rows_24_and_43_reads", [24, 43]),
        ("test_row_27_killed_200_times", [27]),
        ("test_reads", []),
        ("test_row_of_seats", []),
    ],
)
def test_rows_of_names(test: str, rows: list[int]) -> None:
    assert rows_of(test) == rows


def test_a_run_is_filled_in() -> None:
    matrix = Matrix()
    matrix.add("test_row_01_one", passed=True)
    matrix.add("test_rows_2_and_3_many", passed=True, injected=1500)
    matrix.add("test_row_3_more", passed=True)
    matrix.add("test_row_3_wrong", passed=False)
    matrix.add("test_of_no_row", passed=False)
    page = "\n".join(f"| {row} | a fault | so | 0 in 0 tests | this |" for row in range(1, 5))
    told = [line.split(" | ")[3] for line in matrix.fill(f"Made\n{page}").splitlines()[1:]]
    assert told == [
        "1 in 1 test",
        "1,500 in 1 test",
        "1,501 in 2 tests, **1 failed**",
        "**never**",
    ]
    assert matrix.fill("Last made with\n").startswith("Last made with Python 3")
