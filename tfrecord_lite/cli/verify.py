"""``tfrecord-lite verify``: every damaged place, whatever else is wrong, and an exit code."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, UNUSABLE, complain
from tfrecord_lite.cli.inputs import Files, Json, Workers, named_or_standard_input, read_features
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.table import terminal_width
from tfrecord_lite.cli.words import say_in_words_of_the_command
from tfrecord_lite.integrity.inventory import Inventory
from tfrecord_lite.integrity.report import FileReport
from tfrecord_lite.integrity.report_text import report_as_json, report_text
from tfrecord_lite.integrity.verify import verify
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import json_text

__all__ = ["run"]


def run(
    files: Files,
    as_json: Json = False,
    examples: Annotated[
        bool,
        typer.Option(
            help="Decode every record too, and name those that are no Examples, that lack "
            "features, or that TensorFlow reads differently."
        ),
    ] = False,
    features: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON of the features that records must have."),
    ] = None,
    manifest: Annotated[
        str,
        typer.Option(
            metavar="PATH", help="Manifest to compare with; auto: those beside the files; none."
        ),
    ] = "auto",
    workers: Workers = None,
) -> None:
    """Check every record's checksums, and files against their manifest; name all that is wrong.

    The exit code is 0 when all is well, 1 when anything is not, 2 when a file could not be read.
    """
    paths: Any = named_or_standard_input(files)
    expected = None if features is None else read_features(features)
    # Found once more by `verify`; the bar has to know how long it is.
    compared = None if manifest == "none" else manifest
    missing: dict[str, OSError] = {}
    inventory = Inventory.take(paths, compared, on_error=missing.__setitem__)
    there = [path for path in paths if name_of(path) not in missing]
    if not there:
        for error in missing.values():
            complain(error)
        raise typer.Exit(UNUSABLE)
    with progress_bar(inventory.files) as progress:
        report = verify(
            there,
            manifest=compared,
            examples=examples or expected is not None,
            features=expected,
            workers=workers,
            progress=progress,
        )
    report.files += [FileReport(path, error=error) for path, error in missing.items()]
    for file in report.files:
        if file.path.startswith("<"):
            file.path = "-"
    if as_json:
        print(json_text(report_as_json(report), indent=2))
    else:
        say_in_words_of_the_command(report)
        print(report_text(report, terminal_width()))
    if any(file.error is not None for file in report.files):
        raise typer.Exit(UNUSABLE)
    if not report.ok:
        raise typer.Exit(DAMAGED)
