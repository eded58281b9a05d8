"""``tfrecord-lite view``: records in the browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from tfrecord_lite.cli.exits import UNUSABLE, Damages, complain
from tfrecord_lite.cli.inputs import Files, expand_files, rereadable
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.view import Viewer

__all__ = ["run"]


def run(
    files: Files,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="0: one that is free.")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Show the records in the browser: images, sound, texts, plots, damage, statistics.

    The page is served to this machine alone, at an address that cannot be guessed.
    """
    with rereadable(files) as named:
        found = named[0] if len(named) == 1 else expand_files(named, Damages().leave_out)
        if found == []:
            # Each was told.
            raise typer.Exit(UNUSABLE)
        records = RecordSet(found)
        title = ", ".join("standard input" if file == "-" else file for file in files)
        with Viewer(records, title=title, port=port) as viewer:
            print(f"{viewer.url}\nCtrl-C ends it.", flush=True)
            if browser and not webbrowser.open(viewer.url):
                complain("no browser was found; open the address above")
            try:
                viewer.serve()
            except KeyboardInterrupt:
                print()
