"""The tables of docs/conformance.md and docs/odd-examples.md."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def tables_of(text: str) -> dict[str, list[list[str]]]:
    """Return the rows of the tables of a Markdown text, by the headings above them."""
    tables: dict[str, list[list[str]]] = {}
    heading, inside = "", False
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("|--"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            tables.setdefault(heading, []).append(cells)
    return tables


def _read(name: str) -> dict[str, list[list[str]]]:
    return tables_of((DOCS / name).read_text(encoding="utf-8"))


CONFORMANCE = _read("conformance.md")

# By section, case and implementation: what it does, and what the others do.
TABLES: dict[str, dict[tuple[str, str], tuple[str, str]]] = {
    section: {(row[0], row[1]): (row[2], row[3]) for row in CONFORMANCE[section]}
    for section in ("Files", "Writers", "Examples")
}

# By section and case: what is read, by whom.
ODD: dict[str, dict[str, dict[str, str]]] = {
    section: {
        row[0]: dict(zip(("TensorFlow", "protobuf", "tfrecord_lite"), row[1:], strict=True))
        for row in rows
    }
    for section, rows in _read("odd-examples.md").items()
}
