"""What docs/integrity.md shows runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tfrecord_lite.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "integrity.md").read_text(encoding="utf-8")


def test_examples_run_and_commands_exit_as_told(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    session: dict[str, object] = {}
    run = 0
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(block, "integrity.md", "exec"), session)
            continue
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            told = re.search(r"# .*exit code (\d)", line)
            with pytest.raises(SystemExit) as exit_info:
                main(words[1:])
            # The same for programs.
            assert exit_info.value.code == (int(told[1]) if told else 1), line
            assert capsys.readouterr().out
            run += 1
    assert run == 5
