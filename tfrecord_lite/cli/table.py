"""Aligned columns on standard output."""

from __future__ import annotations

import io
import shutil
import sys

__all__ = ["print_table"]

# rich folds to this width where nobody looks: never.
_UNBOUNDED = 1 << 16


def print_table(rows: list[list[str]]) -> None:
    """Print rows of text that is safe to print; to fit a terminal, the last column is cut first."""
    if not rows:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    *widths, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for width in [*widths, None]:
        table.add_column(no_wrap=True, overflow="ellipsis", min_width=width)
    for row in rows:
        # A Text is taken as it is; a str would be searched for markup.
        table.add_row(*map(Text, row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBOUNDED
    # Not printed by rich itself, which has an exit code of its own for a reader that goes away.
    lines = io.StringIO()
    Console(file=lines, width=width).print(table)
    for line in lines.getvalue().splitlines():
        print(line.rstrip())
