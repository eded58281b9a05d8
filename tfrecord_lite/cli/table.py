"""Aligned columns on standard output."""

from __future__ import annotations

import shutil
import sys

__all__ = ["print_table"]


def print_table(rows: list[list[str]]) -> None:
    """Print rows of text that is safe to print; to fit a terminal, the last column is cut first."""
    # Not rich's own table, whose spaces are not the same in all of its versions.
    from rich.cells import cell_len
    from rich.text import Text

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ]
        line = Text("  ".join(cells).rstrip())
        if sys.stdout.isatty():
            line.truncate(shutil.get_terminal_size().columns, overflow="ellipsis")
        print(line.plain)
