"""The pages of the reference: of the package, for mkdocstrings, and of the command."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sources import ROOT

__all__ = ["WINGS", "WORLDS", "command_line", "exported", "is_module", "reference_pages"]

# The modules of which tfrecord_lite has the names, and what they are about.
WINGS: Final = {
    "records": "Records and files of them",
    "example": "Examples and features",
    "files": "Sets of files",
    "dataset": "Batches, epochs, sets of shards",
    "integrity": "Verify and salvage",
    "description": "What files hold",
    "errors": "Errors",
}
# What stands beside them, each to be imported by itself.
WORLDS: Final = {
    "jobs": "Jobs on whole sets",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "jax": "JAX",
    "grain": "grain",
    "arrow": "Arrow tables",
    "sql": "SQL",
    "events": "TensorBoard's event files",
    "huggingface": "Hugging Face datasets",
    "tfds": "TensorFlow Datasets",
    "ray": "Ray Data",
    "spark": "Spark",
    "beam": "Beam",
    "view": "The viewer",
}


def reference_pages(folder: Path) -> list[tuple[str, str]]:
    """Write a page for each module, without importing any; return titles and names."""
    top = set(exported("tfrecord_lite"))
    written = []
    (folder / "reference").mkdir(parents=True)
    for part, title in {**WINGS, **WORLDS}.items():
        module = f"tfrecord_lite.{part}"
        if not is_module(module):
            continue
        names = [name for name in exported(module) if part in WORLDS or name in top]
        if not names:
            continue
        lines = [
            f"# {title}",
            "",
            f"`import {'tfrecord_lite as tfr' if part in WINGS else module}`",
        ]
        for name in names:
            # A heading of its own: that of a name in another module would be that module's.
            lines += ["", f"::: {module}.{name}"]
        (folder / "reference" / f"{part}.md").write_text("\n".join(lines) + "\n", "utf-8")
        written.append((title, f"reference/{part}.md"))
    return written


def exported(module: str) -> list[str]:
    """Return a module's ``__all__``, which is a list of names as it stands in its source."""
    path = next(path for path in _files_of(module) if path.exists())
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def is_module(name: str) -> bool:
    """Tell whether the package has this module."""
    return any(path.exists() for path in _files_of(name))


def _files_of(module: str) -> tuple[Path, Path]:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py"), path / "__init__.py"


def command_line() -> str:
    """Return all subcommands with their arguments and options, as the command itself has them."""
    import typer

    from tfrecord_lite.cli.app import app

    command: Any = typer.main.get_command(app)
    lines = []
    for name, subcommand in command.commands.items():
        context = subcommand.make_context(name, [], resilient_parsing=True)
        usage = " ".join(subcommand.collect_usage_pieces(context))
        lines += [f"## {name}", "", _text(subcommand.help), ""]
        lines += [
            "```text",
            f"tfrecord-lite {name} {usage}",
            "```",
            "",
            *_table(subcommand, context),
            "",
        ]
    return "\n".join(lines)


def _table(command: Any, context: Any) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for parameter in command.params:
        if record := parameter.get_help_record(context):
            yield f"| `{record[0]}` | {_text(record[1])} |"


def _text(help_: str | None) -> str:
    """Return a help text as markdown that shows it as it stands."""
    text = " ".join((help_ or "").split())
    return re.sub(r"[\\*_{}\[\]<>|&#]", lambda match: f"&#{ord(match[0])};", text)
