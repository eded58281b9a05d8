"""An extension of griffe: docstrings as markdown shows them well."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe
from reference import WINGS, WORLDS, exported, is_module

__all__ = ["Docstrings"]


class Docstrings(griffe.Extension):
    """Makes examples blocks of code, and public names links to where they are described."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of each object once, when it is found."""
        if obj.docstring is not None:
            obj.docstring.value = _fenced(obj.docstring.value, obj.name)


def _places() -> dict[str, str]:
    """Return where the names of the package are described, and those of modules by module."""
    top = set(exported("tfrecord_lite"))
    places = {}
    for part in [*WORLDS, *WINGS]:
        module = f"tfrecord_lite.{part}"
        if is_module(module):
            for name in exported(module):
                if part in WORLDS or name in top:
                    places[name] = f"{module}.{name}"
    return places


_PLACES: Final = _places()
_NAME: Final = re.compile(r"(?<![`\[])`(\w+)`(?!`)")


def _fenced(text: str, own: str) -> str:
    """Put a fence around each example, from ``>>>`` to the next empty line; link other names."""

    def linked(match: re.Match[str]) -> str:
        place = _PLACES.get(match[1])
        return f"[{match[0]}][{place}]" if place and match[1] != own else match[0]

    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if not inside and line.startswith(">>> "):
            inside = True
            lines += ["", "```pycon"]
        elif inside and not line.strip():
            inside = False
            lines.append("```")
        lines.append(re.sub(r"\s*# doctest:.*", "", line) if inside else _NAME.sub(linked, line))
    return "\n".join([*lines, "```"] if inside else lines)
