"""Aligned columns on standard output."""

from __future__ import annotations

import shutil
import sys

from tfrecord_lite.text import table_text

__all__ = ["print_table", "terminal_width"]


def terminal_width() -> int | None:
    """Return how many columns the terminal has; None where output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(rows: list[list[str]]) -> None:
    """Print rows of text that is safe to print; to fit a terminal, the last column is cut."""
    if rows:
        print(table_text(rows, terminal_width()))
