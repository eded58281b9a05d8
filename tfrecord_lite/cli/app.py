"""The command and its subcommands."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tfrecord_lite._version import __version__
from tfrecord_lite.cli import (
    bench,
    index,
    info,
    jobs,
    salvage,
    shard,
    show,
    sql,
    tail,
    verify,
    view,
)
from tfrecord_lite.cli.exits import clean_exit, exit_where_output_fails, open_standard_streams

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["app", "main"]

# typer's markup would read brackets in help and errors; its tracebacks would show values.
app = typer.Typer(
    name="tfrecord-lite",
    help="Look into TFRecord files, and prove that they are whole, without TensorFlow.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_COMMANDS: dict[str, Callable[..., None]] = {
    "info": info.run,
    "view": view.run,
    "head": show.head,
    "cat": show.cat,
    "verify": verify.run,
    "salvage": salvage.run,
    "tail": tail.run,
    "index": index.run,
    "sql": sql.run,
    "bench": bench.run,
    "shard": shard.run,
    "merge": jobs.run_merge,
    "convert": jobs.run_convert,
    "manifest": jobs.run_manifest,
}
for name, run in _COMMANDS.items():
    app.command(name)(clean_exit()(run))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tfrecord-lite {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Hold the options that stand before a subcommand."""


def main(args: list[str] | None = None) -> None:
    """Run the command and exit; the entry point of ``tfrecord-lite``."""
    open_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that prints somewhere need not be in this terminal's encoding.
        sys.stdout.reconfigure(errors="backslashreplace")
    with exit_where_output_fails():
        app(args, prog_name="tfrecord-lite")
