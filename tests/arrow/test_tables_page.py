"""What docs/tables.md shows runs."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_its_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        packages = re.findall(r"^import (\w+)", block, re.MULTILINE)
        if all(map(find_spec, packages)):
            exec(block, names)
    assert sorted(names["labels"]) == [1, 3, 3]
    if find_spec("duckdb"):
        assert sorted(names["counts"]) == [(1, 1), (3, 2)]
        assert sum(names["by_label"]["n"].to_pylist()) == 3
