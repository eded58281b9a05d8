"""What the pages of the documentation show runs, and gives what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT, blocks_of, run_page

import tfrecord_lite as tfr

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "SECURITY.md"])


def check_tables(names: dict[str, Any]) -> None:
    assert sorted(names["labels"]) == [1, 3, 3]
    if find_spec("duckdb"):
        assert sorted(names["counts"]) == [(1, 1), (3, 2)]


def check_sequences(names: dict[str, Any]) -> None:
    assert names["labels"].tolist() == [1, 0, 1]
    assert names["words"] == [[[b"to", b"be"], [b"or"]], [], [[b"not"]]]
    assert names["lists"]["tokens"][1].tolist() == [2]
    assert names["ids"] == [b"a", b"b", b"c"]
    if find_spec("torch"):
        assert names["shapes"] == [(3, 2)]
    if find_spec("tensorflow"):
        assert sorted(names["steps"].numpy().tolist()) == [0, 1, 3]
    if find_spec("pyarrow"):
        again = [batch["context"]["id"].tolist() for batch in tfr.read_batches("again")]
        assert sorted(name for batch in again for name in batch) == [b"a", b"b", b"c"]


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "tables.md": check_tables,
    "sequences.md": check_sequences,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_blocks_run(page: Path, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page(page, capsys)
    CHECKS.get(page.name, lambda _: None)(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_has_a_language(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^```(.*)$", text, re.MULTILINE)
    assert all(fences[::2])
    assert not any(fences[1::2])
    # Each comment stands right before a block.
    reasons = [block.reason for block in blocks_of(text) if block.reason]
    assert len(reasons) == text.count("<!-- not run:")


def test_most_blocks_are_run() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page.read_text(encoding="utf-8"))]
    python = [block for block in blocks if block.language == "python"]
    assert sum(block.reason is None for block in python) > 40
    assert sum(block.reason is not None for block in python) < 20
