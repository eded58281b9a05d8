"""``tfrecord-lite salvage``: the intact records of damaged files, and what had to be left."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tfrecord_lite.cli.exits import DAMAGED, usage_errors
from tfrecord_lite.cli.inputs import Json, refuse_standard_output
from tfrecord_lite.cli.jobs import bytes_of, codec_asked
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.table import terminal_width
from tfrecord_lite.cli.words import say_in_words_of_the_command
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.integrity.inventory import Inventory
from tfrecord_lite.integrity.report_text import file_as_json, report_text
from tfrecord_lite.integrity.salvage import salvage
from tfrecord_lite.records.storage import is_partial
from tfrecord_lite.text import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfrecord_lite._types import Verify

__all__ = ["run"]

# What is checked of a record, in the command's words and in the library's.
_VERIFIED: Final[dict[str, Verify]] = {"all": True, "lengths": False, "none": "none"}


def run(
    source: Annotated[
        str,
        typer.Argument(
            help="Damaged file, - for standard input, a killed writer's folder; or a whole set."
        ),
    ],
    target: Annotated[str, typer.Argument(help="The new file; of a set, the name of the new set.")],
    as_json: Json = False,
    compression: Annotated[
        str | None,
        typer.Option(
            metavar="CODEC", help="The source's, where its front does not tell: GZIP, ..."
        ),
    ] = None,
    write_compression: Annotated[
        str | None,
        typer.Option(metavar="CODEC", help="GZIP, ZLIB or none; left out: that of the source."),
    ] = None,
    verify: Annotated[
        Literal["all", "lengths", "none"],
        typer.Option(
            metavar="WHAT",
            help="Which checksums to check: all, lengths or none; what is written has true ones.",
        ),
    ] = "all",
    max_record_bytes: Annotated[
        int | None,
        typer.Option(parser=bytes_of, metavar="SIZE", help="Larger records are left; 1G."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
) -> None:
    """Copy every intact record of a damaged file or set to a new one, and list what was left.

    The exit code is 0 when nothing was damaged or missing, 1 when something was.
    """
    refuse_standard_output(target)
    limit = {} if max_record_bytes is None else {"max_record_bytes": max_record_bytes}
    file: Any = sys.stdin.buffer if source == "-" else source
    with progress_bar(_files(file)) as progress, usage_errors():
        report = salvage(
            file,
            target,
            compression=codec_asked(compression, "auto"),
            write_compression=codec_asked(write_compression, "auto"),
            verify=_VERIFIED[verify],
            **limit,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        files = [file_as_json(found) for found in report.files]
        said = {"ok": report.ok, "expected": report.expected, "lost": report.lost, "files": files}
        print(json_text(said, indent=2))
    else:
        say_in_words_of_the_command(report)
        print(report_text(report, terminal_width()))
    if not report.ok:
        raise typer.Exit(DAMAGED)


def _files(source: Any) -> Sequence[Any]:
    """Return the files that the bar is about; what is wrong with them is told later."""
    if isinstance(source, str) and not is_partial(source):
        with suppress(OSError, TFRecordError):
            return Inventory.take(source, "auto").files
    return [source]
