"""``tfrecord-lite view``: records in the browser."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING

from tfrecord_lite.cli.exits import complain
from tfrecord_lite.cli.inputs import rereadable
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.view import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run"]


def run(
    files: list[str],
    *,
    port: int,
    browser: bool,
    opened: Callable[[Viewer], object] | None = None,
) -> None:
    """Serve the page until the process is interrupted; ``opened`` is called once it is there."""
    with rereadable(files) as named:
        records = RecordSet(named[0]) if len(named) == 1 else RecordSet(_expanded(named))
        if not records.files:
            raise FileNotFoundError(f"{', '.join(files)}: no files")
        title = ", ".join("standard input" if file == "-" else file for file in files)
        _serve(records, title, port=port, browser=browser, opened=opened)


def _serve(
    records: RecordSet,
    title: str,
    *,
    port: int,
    browser: bool,
    opened: Callable[[Viewer], object] | None,
) -> None:
    with Viewer(records, title=title, port=port) as viewer:
        print(f"{viewer.url}\nCtrl-C ends it.")
        sys.stdout.flush()
        if browser and not webbrowser.open(viewer.url):
            complain("no browser was found; open the address above")
        if opened is not None:
            opened(viewer)
        try:
            viewer.serve()
        except KeyboardInterrupt:
            print()


def _expanded(files: list[str]) -> list[str]:
    """Return all files; one that is not there is shown as such beside those that are."""
    found: list[str] = []
    missing: list[OSError] = []
    for file in files:
        try:
            found += expand_shards(file)
        except OSError as error:
            missing.append(error)
            complain(error)
    if not found and missing:
        raise missing[0]
    return found
