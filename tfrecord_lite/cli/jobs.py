"""``tfrecord-lite convert``, ``merge``, ``manifest``: jobs on sets, and a line about each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, complain_of, usage_errors
from tfrecord_lite.cli.inputs import (
    Files,
    Json,
    expand_files,
    named_or_standard_input,
    read_features,
    refuse_standard_output,
)
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.table import print_outcome
from tfrecord_lite.jobs.converting import convert, source_files
from tfrecord_lite.jobs.manifests import files_of_set, make_manifest
from tfrecord_lite.jobs.merging import merge
from tfrecord_lite.records.file_system import size_of
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import path_text, plural, printable, size_text

if TYPE_CHECKING:
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.files.manifest import Manifest

__all__ = [
    "bytes_of",
    "codec_asked",
    "json_of_set",
    "run_convert",
    "run_manifest",
    "run_merge",
    "text_of_set",
    "types_of",
]


_SIZE = re.compile(r"(\d+)(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_Compression = Annotated[
    str | None,
    typer.Option(metavar="CODEC", help="GZIP, ZLIB or none; left out: what the name says."),
]
_POWERS = {None: 0, "K": 1, "M": 2, "G": 3, "T": 4}


def bytes_of(text: str) -> int:
    """Read a size that a person wrote, in powers of 1024.

    >>> bytes_of("1000"), bytes_of("64K"), bytes_of("128MiB")
    (1000, 65536, 134217728)
    """
    if not (size := _SIZE.fullmatch(text.strip())):
        raise typer.BadParameter(f"{text!r} is no size; write 1000000, 64K, 128M or 1G")
    unit = size[2] and size[2].upper()
    return int(size[1]) << 10 * _POWERS[unit]


def codec_asked(name: str | None, otherwise: Any) -> Any:
    """Return a compression as an option names it: "none" is none, left out is ``otherwise``."""
    return otherwise if name is None else None if name == "none" else name


def text_of_set(manifest: Manifest, note: str = "", *, name: str | None = None) -> str:
    """Return the line about a set that was written, with a note after it.

    It is called as its manifest, or ``name`` where that was not to stay.
    """
    entries = manifest.entries
    shards, records = plural(len(entries), "shard"), plural(manifest.records, "record")
    size = size_text(sum(entry.size for entry in entries))
    return f"{'ok':8}{printable(name or manifest.path)}: {shards}, {records}, {size}{note}"


def json_of_set(manifest: Manifest, *, is_there: bool = True) -> dict[str, Any]:
    """Return what JSON tells of a set that was written, and whose manifest is there, or is not."""
    return {
        "manifest": path_text(manifest.path) if is_there else None,
        "shards": len(manifest.entries),
        "records": manifest.records,
        "bytes": sum(entry.size for entry in manifest.entries),
    }


def run_manifest(
    name: Annotated[
        str, typer.Argument(help="Name of the set, or a pattern of its files with {index}.")
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Its shards, in order; left out: NAME-00000-of-... and so on."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the manifest that stands.")] = False,
    as_json: Json = False,
) -> None:
    """Write the manifest of shards that have none, or again after a rescue.

    Every record is checked.
    """
    refuse_standard_output(name)
    with usage_errors():
        shards = files_of_set(name, files or None)
        with progress_bar([*shards]) as progress:
            manifest = make_manifest(name, shards, overwrite=overwrite, progress=progress)
    print_outcome(json_of_set(manifest), text_of_set(manifest), as_json=as_json)


def run_merge(
    sources: Files,
    target: Annotated[str, typer.Argument(help="The new file; GZIP where it ends in .gz.")],
    compression: _Compression = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Write the records of all files, shards of a set for instance, to one file."""
    refuse_standard_output(target)
    files = expand_files(sources)
    with usage_errors(), progress_bar(files) as progress:
        count = merge(
            files,
            target,
            overwrite=overwrite,
            write_compression=codec_asked(compression, "infer"),
            progress=progress,
        )
    size = size_of(name_of(target))
    said = {"path": path_text(target), "records": count, "bytes": size}
    text = f"{'ok':8}{printable(target)}: {plural(count, 'record')}, {size_text(size)}"
    print_outcome(said, text, as_json=as_json)


def types_of(text: str) -> dict[str, str]:
    """Read the types of columns.

    >>> types_of("price=float32,id=int64")
    {'price': 'float32', 'id': 'int64'}
    """
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and kind for name, _, kind in pairs):
        raise typer.BadParameter(f"{text!r} has no types; write price=float32,id=int64")
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def run_convert(
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
        dict[str, str] | None,
        typer.Option(
            parser=types_of,
            metavar="TYPES",
            help="Types of columns, such as price=float32,id=int64.",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="JSON of the features that records have, or are to have."
        ),
    ] = None,
    records_per_shard: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of a set: a new shard after so many records."),
    ] = None,
    bytes_per_shard: Annotated[
        int | None,
        typer.Option(
            parser=bytes_of,
            metavar="BYTES",
            help="Of a set: a new shard after so many bytes, such as 128M.",
        ),
    ] = None,
    num_shards: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of a set: so many shards, which take turns."),
    ] = None,
    compression: _Compression = None,
    skip_damage: Annotated[
        bool, typer.Option(help="Leave damaged records out, and name them; the exit code is 1.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace what has this name.")] = False,
    as_json: Json = False,
) -> None:
    """Write records as a table or JSON lines, or records of these, of images, of WebDataset.

    Which it is, the names of source and target say. Event files of TensorBoard become a table.
    """
    refuse_standard_output(target)
    left_out: list[Damage] = []
    named = named_or_standard_input(sources)
    src: Any = named[0] if len(named) == 1 else named
    with usage_errors(TypeError), progress_bar([*source_files(src)]) as progress:
        count = convert(
            src,
            target,
            write_compression=codec_asked(compression, "infer"),
            on_damage=left_out.append if skip_damage else "raise",
            progress=progress,
            select=None if select is None else select.split(","),
            cast=cast,
            features=None if features is None else read_features(features),
            records_per_shard=records_per_shard,
            bytes_per_shard=bytes_per_shard,
            num_shards=num_shards,
            overwrite=overwrite,
        )
    for damage in left_out:
        complain_of(damage)
    said = {"path": path_text(target), "records": count, "damage": len(left_out)}
    text = f"{'ok':8}{printable(target)}: {plural(count, 'record')}"
    print_outcome(said, text, as_json=as_json)
    if left_out:
        raise typer.Exit(DAMAGED)
