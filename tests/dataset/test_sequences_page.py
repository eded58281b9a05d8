"""What docs/sequences.md shows runs, and gives what it says."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import tfrecord_lite as tfr

PAGE = Path(__file__).parents[2] / "docs" / "sequences.md"
NEEDED = {
    "import torch": "torch",
    "tfrecord_lite.tensorflow": "tensorflow",
    "import pyarrow": "pyarrow",
}


def test_its_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        packages = [package for text, package in NEEDED.items() if text in block]
        if all(map(find_spec, packages)):
            exec(block, names)
            for line in block.splitlines():
                value, _, said = line.partition("  # ")
                if said.startswith(("(", "[", "array(")):
                    assert repr(eval(value, names)) == said.partition(":")[0]
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
