"""What commands print: aligned columns, JSON instead of text."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from tfrecord_lite.text import json_text, table_text

__all__ = ["print_outcome", "print_table", "terminal_width"]


def terminal_width() -> int | None:
    """Return how many columns the terminal has; None where output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(rows: list[list[str]]) -> None:
    """Print rows of text that is safe to print; to fit a terminal, the last column is cut."""
    if rows:
        print(table_text(rows, terminal_width()))


def print_outcome(value: Any, text: str, *, as_json: bool) -> None:
    """Print what a command did, as JSON or as text."""
    print(json_text(value, indent=2) if as_json else text)
