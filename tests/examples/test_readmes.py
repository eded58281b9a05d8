"""What the README of each example names is there."""

from __future__ import annotations

import re

import pytest
from examples.running import EXAMPLES, ROOT

FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


def test_each_example_is_in_the_index():
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = {path.name for path in EXAMPLES.iterdir() if list(path.glob("*.py"))}
    assert set(FOLDERS) == folders
    assert set(re.findall(r"\]\(([\w-]+)/README\.md\)", index)) == folders


@pytest.mark.parametrize("folder", FOLDERS)
def test_commands_name_scripts_and_their_options(folder):
    text = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python (\S+\.py)(.*)$", text, re.MULTILINE)
    assert commands
    for script, options in commands:
        source = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r"--[\w-]+", options):
            assert f'"{option}"' in source, (script, option)
