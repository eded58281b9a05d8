"""Links between pages, and to headings in them, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md", "benchmarks/results/*.md")
    for path in ROOT.glob(pattern)
    if "output" not in str(path)
)


def text_of(path: Path) -> str:
    """Return a page without its code blocks."""
    return re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


def anchors_of(path: Path) -> set[str]:
    """Return what headings can be linked by: as repositories and the site both make them."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {
        re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\((?![a-z]+:)([^()\s]+)\)", text_of(path)):
        name, _, anchor = target.partition("#")
        there = path.parent.joinpath(name).resolve() if name else path
        assert there.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors_of(there), f"{page}: {target}"


def test_pictures_have_texts() -> None:
    for page in PAGES:
        assert not re.findall(r"!\[\]\(", text_of(ROOT / page)), page
