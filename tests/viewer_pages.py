"""What tests do on the viewer's page."""

from __future__ import annotations

from typing import Any

__all__ = ["loaded", "record"]


def loaded(page: Any, selector: str) -> list[int]:
    """Wait until a picture is shown; return its size."""
    page.wait_for_function(
        "selector => { const one = document.querySelector(selector);"
        " return one && one.complete && one.naturalWidth > 0; }",
        arg=selector,
    )
    size: list[int] = page.eval_on_selector(
        selector, "one => [one.naturalWidth, one.naturalHeight]"
    )
    return size


def record(page: Any, number: int) -> None:
    """Go to a record, and wait until it is there."""
    page.goto(page.url.partition("#")[0] + f"#/record/{number}")
    page.wait_for_selector(f"h2:text-is('Record {number:,}')")
    page.wait_for_selector(".features section")
