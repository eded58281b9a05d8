"""The documentation site: ``make docs`` builds it in docs-output/site, with warnings as errors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from nav import GUIDES, NAV, SHORT
from reference import command_line, reference_pages
from sources import ROOT, copy_pages, place_of, title_of

OUTPUT = ROOT / "docs-output"


def listed() -> dict[str, list[str]]:
    """Return the sections and their pages, with those of docs/ that no section names."""
    sections = {section: list(pages) for section, pages in NAV.items()}
    named = {page for pages in NAV.values() for page in pages}
    for page in sorted((ROOT / "docs").glob("*.md")):
        if f"docs/{page.name}" not in named:
            sections[GUIDES].append(f"docs/{page.name}")
    return sections


def prepare(output: Path) -> Path:
    """Write the pages and the configuration to a folder; return the latter's path."""
    shutil.rmtree(output, ignore_errors=True)
    pages = output / "docs"
    sections = listed()
    copy_pages([page for pages in sections.values() for page in pages], pages)
    shutil.copytree(ROOT / "docs" / "site" / "assets", pages / "assets")
    place = pages / "command-line.md"
    place.write_text(place.read_text("utf-8") + "\n" + command_line(), "utf-8")
    nav: list[object] = []
    for section, names in sections.items():
        entries: list[object] = [{_short(name): place_of(name)} for name in names]
        if section == "Reference":
            entries.append({"Python": [{title: name} for title, name in reference_pages(pages)]})
        if section == "Benchmarks":
            entries += [
                {_short(name): place_of(name)}
                for name in sorted(
                    f"benchmarks/results/{page.name}"
                    for page in (pages / "benchmarks").glob("*.md")
                )
            ]
        nav.append({section: entries})
    configuration = output / "mkdocs.yml"
    configuration.write_text(
        f"{(ROOT / 'mkdocs.yml').read_text('utf-8')}\nnav: {json.dumps(nav)}\n", "utf-8"
    )
    return configuration


def _short(page: str) -> str:
    return SHORT.get(page) or title_of(page)


if __name__ == "__main__":
    built = prepare(OUTPUT)
    zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", str(built)]
    # docstrings.py, which is loaded there, imports what stands beside it.
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "docs" / "site")}
    sys.exit(subprocess.run(zensical, env=environment, check=False).returncode)
