"""``tfrecord-lite view``: records in the browser."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING

from tfrecord_lite.cli.exits import complain
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
    if "-" in files:
        raise OSError("standard input can be read once, and the page goes back: name a file")
    records = RecordSet(files[0]) if len(files) == 1 else RecordSet(_expanded(files))
    if not records.files:
        raise FileNotFoundError(f"{', '.join(files)}: no files")
    with Viewer(records, title=", ".join(files), port=port) as viewer:
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
