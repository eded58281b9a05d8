"""A page of the viewer in headless Chromium."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome")


def is_fault(said: Any) -> bool:
    """Tell whether the console says what is wrong with the page; 422 is a wish with a mistake."""
    return said.type == "error" and "422" not in said.text


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no chromium is installed; name one by CHROMIUM=")
    with sync_playwright() as playwright:
        # Its own sandbox is not to be had in containers, and it shows nothing but our page.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser) -> Iterator[Any]:
    """Return a function that serves paths and returns the page; what goes wrong in it fails."""
    served: list[tuple[Viewer, threading.Thread, Any]] = []
    wrong: list[str] = []

    def start(paths: Any, where: str = "", **options: Any) -> Any:
        viewer = Viewer(tfr.RecordSet(paths))
        thread = threading.Thread(target=viewer.serve)
        thread.start()
        page = browser.new_page(**options)
        served.append((viewer, thread, page))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("console", lambda said: wrong.append(said.text) if is_fault(said) else None)
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(viewer.url) else wrong.append(request.url)
            ),
        )
        page.goto(viewer.url + where)
        return page

    yield start
    for viewer, thread, page in served:
        page.close()
        viewer.close()
        thread.join()
    assert wrong == []
