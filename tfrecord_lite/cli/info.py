"""``tfrecord-lite info``: what files hold."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, UNUSABLE, complain, usage_errors
from tfrecord_lite.cli.inputs import (
    Files,
    Json,
    Workers,
    named_or_standard_input,
    refuse_standard_output,
)
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.table import terminal_width
from tfrecord_lite.description import describe
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.resolve import expand_shards
from tfrecord_lite.files.targets import refuse_sources
from tfrecord_lite.records.storage import Output, is_path
from tfrecord_lite.text import json_text

if TYPE_CHECKING:
    from tfrecord_lite._types import PathOrFile

__all__ = ["run"]


def run(
    files: Files,
    as_json: Json = False,
    each: Annotated[bool, typer.Option("--files", help="A row for each file, too.")] = False,
    sample: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Look into about so many records, spread over the files; 0: into all.",
        ),
    ] = 0,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page with pictures.")
    ] = None,
    workers: Workers = None,
) -> None:
    """Tell what files hold: records, bytes, compression, sizes, and what is in each feature.

    The exit code is 0 when all is well, 1 when something is damaged, 2 when a file could not be
    read; the others are told of all the same.
    """
    refuse_standard_output(html)
    named = named_or_standard_input(files)
    with progress_bar(_those_there(named)) as progress:
        description = describe(named, sample=sample or None, progress=progress, workers=workers)
    if html is not None:
        with usage_errors():
            refuse_sources([*named, *(file.path for file in description.files)], html)
        with Output(html, mode="w", atomic=None, fsync=False) as output:
            output.write(description.to_html(", ".join(files)).encode())
    if as_json:
        print(json_text(description.to_json(), indent=2))
    elif html is None:
        print(description.table(files=each, width=terminal_width()))
    for file in description.files:
        if file.error is not None:
            complain(file.error)
    if any(isinstance(file.error, OSError) for file in description.files):
        raise typer.Exit(UNUSABLE)
    if not description.ok:
        raise typer.Exit(DAMAGED)


def _those_there(named: list[Any]) -> list[PathOrFile]:
    """Return the files that progress is shown of."""
    found: list[PathOrFile] = []
    for one in named:
        if not is_path(one):
            return [one]
        with suppress(OSError, TFRecordError):
            found += expand_shards(one)
    return found
