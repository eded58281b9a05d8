"""The subcommands that write sets and files: their options, and what does the work."""

from __future__ import annotations

from typing import Annotated

import typer

from tfrecord_lite.cli import jobs as jobs_command
from tfrecord_lite.cli import shard as shard_command
from tfrecord_lite.cli.exits import clean_exit
from tfrecord_lite.cli.inputs import Files, Json  # noqa: TC001 - typer reads the annotations

__all__ = ["COMMANDS"]


@clean_exit()
def shard(
    sources: Files,
    name: Annotated[
        str, typer.Argument(help="Name of the set, or a pattern of its files with {index}.")
    ],
    shuffle: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEED", help="In a random order, which is that of the seed."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="Only records for which it is true, such as: label > 6 and 'cat' in words. "
            "`Backticks` are for names such as `image/format`.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="Sets NAME-train, NAME-val with shares such as train=0.9,val=0.1.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="FEATURE", help="A set NAME-VALUE for each value of this feature."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many records, chosen at random.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="SEED", help="For --sample and --split.")] = 0,
    manifest: Annotated[
        str, typer.Option(metavar="auto|none", help="auto, or none: the shards alone.")
    ] = "auto",
    records_per_shard: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="A new shard after so many records.")
    ] = None,
    bytes_per_shard: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="A new shard after so many bytes, such as 128M."),
    ] = None,
    num_shards: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many shards, which take turns.")
    ] = None,
    compression: Annotated[
        str | None,
        typer.Option(
            metavar="CODEC",
            help="GZIP, ZLIB or none; left out: that of the first file, or GZIP for a .gz name.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a set of that name.")] = False,
    json: Json = False,
) -> None:
    """Write the records of all files to the shards of a set, or of several, with manifests."""
    if manifest not in ("auto", "none"):
        raise typer.BadParameter(f"--manifest is auto or none, not {manifest!r}")
    shard_command.run(
        sources,
        name,
        as_json=json,
        compression=compression,
        shuffle=shuffle,
        where=where,
        split=shard_command.split_of(split),
        by=by,
        sample=sample,
        seed=seed,
        manifest=manifest == "auto",
        overwrite=overwrite,
        records_per_shard=records_per_shard,
        bytes_per_shard=bytes_per_shard and shard_command.bytes_of(bytes_per_shard),
        num_shards=num_shards,
    )


@clean_exit()
def merge(
    sources: Files,
    target: Annotated[str, typer.Argument(help="The new file; GZIP where it ends in .gz.")],
    compression: Annotated[
        str | None,
        typer.Option(metavar="CODEC", help="GZIP, ZLIB or none; left out: what the name says."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
    json: Json = False,
) -> None:
    """Write the records of all files, shards of a set for instance, to one file."""
    jobs_command.run_merge(
        sources, target, compression=compression, overwrite=overwrite, as_json=json
    )


@clean_exit()
def convert(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC",
            help="Files of one format, a set, a directory of images in class folders.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="DST",
            help=".tfrecord, .tfrecord.gz, .parquet, .arrow, .csv, .jsonl; else the name of a set.",
        ),
    ],
    select: Annotated[
        str | None, typer.Option(metavar="NAMES", help="The columns of a table, such as a,b.")
    ] = None,
    cast: Annotated[
        str | None,
        typer.Option(metavar="TYPES", help="Types of columns, such as price=float32,id=int64."),
    ] = None,
    records_per_shard: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of a set: a new shard after so many records."),
    ] = None,
    bytes_per_shard: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES", help="Of a set: a new shard after so many bytes, such as 128M."
        ),
    ] = None,
    num_shards: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of a set: so many shards, which take turns."),
    ] = None,
    compression: Annotated[
        str | None,
        typer.Option(metavar="CODEC", help="GZIP, ZLIB or none; left out: what the name says."),
    ] = None,
    skip_damage: Annotated[
        bool, typer.Option(help="Leave damaged records out, and name them; the exit code is 1.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace what has this name.")] = False,
    json: Json = False,
) -> None:
    """Write records as a table or JSON lines, or records of these, of images, of WebDataset.

    Which it is, the names of source and target say. Event files of TensorBoard become a table.
    """
    jobs_command.run_convert(
        sources,
        target,
        as_json=json,
        compression=compression,
        select=None if select is None else select.split(","),
        cast=jobs_command.types_of(cast),
        skip_damage=skip_damage,
        records_per_shard=records_per_shard,
        bytes_per_shard=bytes_per_shard and shard_command.bytes_of(bytes_per_shard),
        num_shards=num_shards,
        overwrite=overwrite,
    )


@clean_exit()
def manifest(
    name: Annotated[
        str, typer.Argument(help="Name of the set, or a pattern of its files with {index}.")
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Its shards, in order; left out: NAME-00000-of-... and so on."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the manifest that stands.")] = False,
    json: Json = False,
) -> None:
    """Write the manifest of shards that have none, or again after a rescue.

    Every record is checked.
    """
    jobs_command.run_manifest(name, files or [], overwrite=overwrite, as_json=json)


COMMANDS = (shard, merge, convert, manifest)
