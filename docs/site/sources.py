"""The pages of the repository, copied to where the site is built, with links that lead there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "copy_pages", "place_of", "title_of"]

ROOT: Final = Path(__file__).parents[2]
_RESULTS: Final = "benchmarks/results/"
_FENCE: Final = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
# What is shown as a page or a picture; of other files the site has the name alone.
_SHOWN: Final = (".md", ".svg", ".png", ".jpg")


def copy_pages(pages: list[str], target: Path) -> None:
    """Copy pages, and all that they link to as far as the site can show it, page after page.

    Links to what the site does not show become text.
    """
    waiting = list(pages)
    done: set[str] = set()
    while waiting:
        page = waiting.pop()
        if page in done:
            continue
        done.add(page)
        place = target / place_of(page)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not page.endswith(".md"):
            shutil.copyfile(ROOT / page, place)
            continue

        def replaced(match: re.Match[str], page: str = page) -> str:
            image, text, link = match.groups()
            path, anchor = _target(page, link)
            if path is None:
                return match[0]
            if not path.endswith(_SHOWN) and path != page:
                return text
            if not image:  # A picture may be a link.
                text = _LINK.sub(replaced, text)
            waiting.append(path)
            from_here = os.path.relpath(place_of(path), os.path.dirname(place_of(page)))
            return f"{image}[{text}]({from_here.replace(os.sep, '/')}{anchor})"

        text = (ROOT / page).read_text(encoding="utf-8")
        if page.startswith(_RESULTS):
            text = f"# {title_of(page)}\n\n{text}"
        place.write_text(_outside_code(text, lambda part: _LINK.sub(replaced, part)), "utf-8")


def place_of(path: str) -> str:
    """Return where a file of the repository lies in the site."""
    if path in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        return path.lower()
    for folder, there in (("docs/", ""), (_RESULTS, "benchmarks/")):
        if path.startswith(folder):
            return there + path.removeprefix(folder)
    return path.replace("README.md", "index.md")


def title_of(page: str) -> str:
    """Return the first heading; results of benchmarks, which have none, go by their file."""
    if page.startswith(_RESULTS):
        return os.path.basename(page).removesuffix(".md").replace("_", " ").capitalize()
    match = re.search(r"^# (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ValueError(f"{page}: no heading; a page of the site begins with a line '# Title'")
    return match[1].replace("`", "")


def _target(page: str, link: str) -> tuple[str | None, str]:
    if re.match(r"[a-z]+:", link):
        return None, ""
    path, hash_, anchor = link.partition("#")
    if not path:
        return page, hash_ + anchor
    return os.path.normpath(os.path.join(os.path.dirname(page), path)), hash_ + anchor


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if part.startswith("```") else change(part) for part in _FENCE.split(text))
