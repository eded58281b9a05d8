"""What the README of each example names is there."""

from __future__ import annotations

import re

import pytest
from examples.running import EXAMPLES, ROOT, run

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


def test_the_server_of_a_bucket_says_what_it_is_and_ends_where_it_is_asked():
    stdout, _ = run("cluster/store.py", "--help")
    assert stdout.startswith("usage: store.py")
