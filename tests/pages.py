"""The code blocks of a page, and how they are run."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ROOT", "Block", "blocks_of", "run_page"]

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^>]+?) -->\n+)?```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What installs or builds is tried by the Makefile's own targets.
_ELSEWHERE = ("pip", "make", "python")


@dataclass
class Block:
    """A code block; ``reason`` is why it is not run, if it is not."""

    language: str
    code: str
    line: int
    reason: str | None


def blocks_of(text: str) -> list[Block]:
    """Return all code blocks that have a language, in order."""
    return [
        Block(
            match["language"],
            match["code"],
            text[: match.start("code")].count("\n") + 1,
            match["reason"],
        )
        for match in _BLOCK.finditer(text)
        if match["language"]
    ]


def run_page(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run what a page shows, in order, in the working directory; return its names.

    Python that needs packages that are not here, or names that such blocks would have made, is
    compiled. A comment after a line, such as ``# (3, 2)``, is what the line gives. Commands exit
    with 0, or what they say: ``# exit code 1``.
    """
    names: dict[str, Any] = {}
    missing: set[str] = set()
    for block in blocks_of(path.read_text(encoding="utf-8")):
        if block.language == "python":
            _run_python(path, block, names, missing)
        elif block.language in ("sh", "console") and not block.reason:
            for line in block.code.splitlines():
                _run_command(path, line, capsys)
    return names


def _run_python(path: Path, block: Block, names: dict[str, Any], missing: set[str]) -> None:
    # Lines as in the page, for what is told where something fails.
    code = "\n" * (block.line - 1) + block.code
    tree = ast.parse(code)
    compiled = compile(code, str(path), "exec")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = set(compiled.co_names) & _bound(tree)
    if block.reason or not all(map(_is_here, _packages(tree))) or (used - bound) & missing:
        missing |= bound - set(names)
        return
    missing -= bound
    exec(compiled, names)
    for number, line in enumerate(block.code.splitlines(), block.line):
        value, _, said = line.partition("  # ")
        if said.startswith(("(", "[", "array(")):
            assert repr(eval(value, names)) == said.partition(":")[0], f"{path}:{number}"


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that code assigns, defines or imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return found


def _packages(tree: ast.Module) -> set[str]:
    modules = [
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    return set(modules)


def _is_here(module: str) -> bool:
    """Tell whether a module can be imported; those of ours that are about a package, with it."""
    about = {
        "arrow": "pyarrow",
        "events": "pyarrow",
        "huggingface": "datasets",
        "spark": "pyspark",
        "beam": "apache_beam",
        "sql": "duckdb",
    }
    package, _, rest = module.partition(".")
    if package == "tfrecord_lite":
        part = rest.partition(".")[0]
        worlds = ("tensorflow", "torch", "jax", "grain", "ray")
        return part not in {*about, *worlds} or find_spec(about.get(part, part)) is not None
    return find_spec(package) is not None


def _run_command(path: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    from tfrecord_lite.cli import main

    words = shlex.split(line.removeprefix("$ "), comments=True)
    if not words or words[0] in _ELSEWHERE:
        return
    assert words[0] == "tfrecord-lite", f"{path}: {line}"
    said = re.search(r"# .*exit code (\d)", line)
    with pytest.raises(SystemExit) as exit_info:
        main(words[1:])
    output = capsys.readouterr()
    assert exit_info.value.code == (int(said[1]) if said else 0), f"{line}\n{output}"
    assert output.out or output.err
