"""The command and its subcommands."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from tfrecord_lite._version import __version__
from tfrecord_lite.cli import bench as bench_command
from tfrecord_lite.cli import index as index_command
from tfrecord_lite.cli import info as info_command
from tfrecord_lite.cli import salvage as salvage_command
from tfrecord_lite.cli import set_commands
from tfrecord_lite.cli import shard as shard_command
from tfrecord_lite.cli import show as show_command
from tfrecord_lite.cli import sql as sql_command
from tfrecord_lite.cli import tail as tail_command
from tfrecord_lite.cli import verify as verify_command
from tfrecord_lite.cli import view as view_command
from tfrecord_lite.cli.exits import clean_exit, exit_where_output_fails, open_standard_streams
from tfrecord_lite.cli.inputs import Files, Json  # noqa: TC001 - typer reads the annotations

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


@app.command()
@clean_exit()
def info(
    files: Files,
    json: Json = False,
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
    workers: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Processes; left out, as many as there are cores."),
    ] = None,
) -> None:
    """Tell what files hold: records, bytes, compression, sizes, and what is in each feature.

    The exit code is 0 when all is well, 1 when something is damaged, 2 when a file could not be
    read; the others are told of all the same.
    """
    info_command.run(files, as_json=json, each=each, sample=sample, html=html, workers=workers)


@app.command()
@clean_exit()
def view(
    files: Files,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="0: one that is free.")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Show the records in the browser: images, sound, texts, plots, damage, statistics.

    The page is served to this machine alone, at an address that cannot be guessed.
    """
    view_command.run(files, port=port, browser=browser)


@app.command()
@clean_exit()
def head(
    files: Files,
    records: Annotated[
        int, typer.Option("--records", "-n", min=0, metavar="N", help="How many records to show.")
    ] = 5,
    json: Json = False,
) -> None:
    """Show the first records."""
    show_command.run(files, limit=records, as_json=json)


@app.command()
@clean_exit()
def cat(
    files: Files,
    json: Annotated[bool, typer.Option("--json", help="As it does anyway.")] = False,  # noqa: ARG001
) -> None:
    """Print every record as a line of JSON, whatever bytes are in it.

    An Example is {"features": {NAME: {KIND: [VALUES]}}}, a SequenceExample {"context": ...,
    "feature_lists": ...}, anything else {"raw": BASE64}. Bytes that are no UTF-8 are {"base64":
    ...}.
    """
    show_command.run(files, limit=None, as_json=True)


@app.command()
@clean_exit()
def verify(
    files: Files,
    json: Json = False,
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
    workers: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Processes; left out, as many as there are cores."),
    ] = None,
) -> None:
    """Check every record's checksums, and files against their manifest; name all that is wrong.

    The exit code is 0 when all is well, 1 when anything is not, 2 when a file could not be read.
    """
    verify_command.run(
        files,
        as_json=json,
        examples=examples,
        features=features,
        manifest=None if manifest == "none" else manifest,
        workers=workers,
    )


@app.command()
@clean_exit()
def salvage(
    source: Annotated[
        str,
        typer.Argument(
            help="Damaged file, - for standard input, a killed writer's folder; or a whole set."
        ),
    ],
    target: Annotated[str, typer.Argument(help="The new file; of a set, the name of the new set.")],
    json: Json = False,
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
        str,
        typer.Option(
            metavar="WHAT",
            help="Which checksums to check: all, lengths or none; what is written has true ones.",
        ),
    ] = "all",
    max_record_bytes: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Larger records are left; 1G.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
) -> None:
    """Copy every intact record of a damaged file or set to a new one, and list what was left.

    The exit code is 0 when nothing was damaged, 1 when something had to be left.
    """
    salvage_command.run(
        source,
        target,
        as_json=json,
        compression=compression,
        write_compression=write_compression,
        verify=verify,
        max_record_bytes=max_record_bytes,
        overwrite=overwrite,
    )


@app.command()
@clean_exit()
def tail(
    files: Files,
    records: Annotated[
        int, typer.Option("--records", "-n", min=0, metavar="N", help="How many records to show.")
    ] = 5,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", "-F", help="Go on with records as they are written."),
    ] = False,
    json: Json = False,
) -> None:
    """Show the last records, and with --follow those of one file that are still to come."""
    tail_command.run(files, records=records, follow=follow, as_json=json)


@app.command()
@clean_exit()
def index(
    files: Files,
    text: Annotated[
        bool, typer.Option(help="Write the text form, offset and size a line, as DALI reads it.")
    ] = False,
    verify: Annotated[
        bool, typer.Option(help="Check the data of every record as well, not the lengths alone.")
    ] = False,
    json: Json = False,
) -> None:
    """Write an index beside each file, by which records can be read in any order."""
    index_command.run(files, text=text, verify=verify, as_json=json)


@app.command()
@clean_exit()
def sql(
    query: Annotated[
        str,
        typer.Argument(
            help="A SELECT; a path in single quotes is a table of its Examples, '-' standard input."
        ),
    ],
    json: Json = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the rows to a .csv, .parquet or .jsonl file.",
        ),
    ] = None,
    on_damage: Annotated[
        str,
        typer.Option(
            metavar="raise|skip", help="raise, or skip: leave out what is damaged, and tell."
        ),
    ] = "raise",
) -> None:
    """Query files by SQL: select label, count(*) from 'train' group by label.

    The exit code is 1 when something was damaged, 2 when the query or a file could not be used.
    """
    sql_command.run(query, as_json=json, output=output, on_damage=on_damage)


@app.command()
@clean_exit()
def bench(
    files: Files,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Records in a batch.")] = 1024,
    repeats: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often each reading is timed.")
    ] = 3,
    seconds: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Small files are read over and over for so long."
        ),
    ] = 1.0,
    limit: Annotated[
        str,
        typer.Option(metavar="BYTES", help="The first files of so many, such as 500M; 0: all."),
    ] = "1G",
    json: Json = False,
) -> None:
    """Measure how fast files are read into batches, by us and by TensorFlow."""
    bench_command.run(
        files,
        batch_size=batch_size,
        repeats=repeats,
        seconds_each=seconds,
        limit=shard_command.bytes_of(limit),
        as_json=json,
    )


for command in set_commands.COMMANDS:
    app.command()(command)


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
