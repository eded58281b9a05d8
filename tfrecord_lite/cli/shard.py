"""``tfrecord-lite shard``: the records of some files, as a set of shards or several."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Annotated, Literal

import typer

from tfrecord_lite.cli.exits import usage_errors
from tfrecord_lite.cli.inputs import Files, Json, expand_files, refuse_standard_output, rereadable
from tfrecord_lite.cli.jobs import bytes_of, codec_asked, json_of_set, text_of_set
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.jobs.sharding import shard
from tfrecord_lite.text import json_text, name_text, path_text

__all__ = ["run", "split_of"]

_SHARE = re.compile(r"\s*\d*\.?\d+\s*")


def split_of(text: str) -> dict[str, float]:
    """Read shares that a person wrote.

    >>> split_of("train=0.9,val=0.1")
    {'train': 0.9, 'val': 0.1}
    """
    split: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if not name or name in split or not _SHARE.fullmatch(share):
            raise typer.BadParameter(f"{text!r} is no split; write train=0.9,val=0.1")
        split[name] = float(share)
    return split


def run(
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
        dict[str, float] | None,
        typer.Option(
            parser=split_of,
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
        Literal["auto", "none"],
        typer.Option(metavar="auto|none", help="auto, or none: the shards alone."),
    ] = "auto",
    records_per_shard: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="A new shard after so many records.")
    ] = None,
    bytes_per_shard: Annotated[
        int | None,
        typer.Option(
            parser=bytes_of,
            metavar="BYTES",
            help="A new shard after so many bytes, such as 128M.",
        ),
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
    as_json: Json = False,
) -> None:
    """Write the records of all files to the shards of a set, or of several, with manifests."""
    refuse_standard_output(name)
    with_manifest = manifest == "auto"
    passes = 1 + (shuffle is not None) + (sample is not None and where is not None)
    with ExitStack() as stack:
        files = expand_files(stack.enter_context(rereadable(sources)) if sample else sources)
        with usage_errors(), progress_bar(files, passes=passes) as progress:
            found = shard(
                files,
                name,
                write_compression=codec_asked(compression, "auto"),
                progress=progress,
                shuffle=shuffle,
                where=where,
                split=split,
                by=by,
                sample=sample,
                seed=seed,
                manifest=with_manifest,
                overwrite=overwrite,
                records_per_shard=records_per_shard,
                bytes_per_shard=bytes_per_shard,
                num_shards=num_shards,
            )
    if as_json:
        sets = [
            {"name": path_text(one.name), **json_of_set(one.manifest, is_there=with_manifest)}
            for one in found
        ]
        print(json_text({"sets": sets}, indent=2))
        return
    for one in found:
        note = ""
        # A value that is not in the set's name as it is.
        if isinstance(one.value, bytes) and one.value:
            value = one.value.decode(errors="backslashreplace")
            note = "" if one.name == f"{name}-{value}" else f"  ({name_text(value)})"
        print(text_of_set(one.manifest, note, name=None if with_manifest else one.name))
