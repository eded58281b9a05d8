"""What README shows runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[1]


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_python_blocks_run(in_tmp_path):
    assert blocks("python")
    session: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), session)


def test_commands_run_on_what_the_first_example_wrote(in_tmp_path, capsys):
    from tfrecord_lite.cli import main

    exec(blocks("python")[0], {})
    lines = [shlex.split(line, comments=True) for line in "".join(blocks("sh")).splitlines()]
    # That which serves a page until it is stopped is run in tests/cli/test_view.py.
    commands = [words for words in lines if words[:1] == ["tfrecord-lite"] and words[1] != "view"]
    assert len(commands) == 7
    for words in commands:
        with pytest.raises(SystemExit) as exit_info:
            main(words[1:])
        assert exit_info.value.code == 0, words
        assert capsys.readouterr().out


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+(?: [\w-]+)*):", makefile, re.MULTILINE))
    known = {name for names in targets for name in names.split()}
    texts = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)make (?:[A-Z]+=[^\s`]+ )*([a-z][\w-]*)", texts, re.MULTILINE)
    assert "test" in named
    assert set(named) <= known


def test_links_lead_somewhere():
    for page in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
