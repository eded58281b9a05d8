"""``tfrecord-lite convert``, ``merge``, ``manifest``: jobs on sets, and a line about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, complain_of, usage_errors
from tfrecord_lite.cli.inputs import expand_files, named_or_standard_input
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.jobs.converting import convert, source_files
from tfrecord_lite.jobs.manifests import files_of_set, make_manifest
from tfrecord_lite.jobs.merging import merge
from tfrecord_lite.records.file_system import size_of
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import json_text, path_text, plural, printable, size_text

if TYPE_CHECKING:
    from tfrecord_lite.errors import Damage
    from tfrecord_lite.files.manifest import Manifest

__all__ = [
    "codec_asked",
    "json_of_set",
    "print_set",
    "run_convert",
    "run_manifest",
    "run_merge",
    "types_of",
]


def codec_asked(name: str | None, otherwise: Any) -> Any:
    """Return a compression as an option names it: "none" is none, left out is ``otherwise``."""
    return otherwise if name is None else None if name == "none" else name


def print_set(manifest: Manifest, note: str = "", *, name: str | None = None) -> None:
    """Print the line about a set that was written, with a note after it.

    It is called as its manifest, or ``name`` where that was not to stay.
    """
    entries = manifest.entries
    shards, records = plural(len(entries), "shard"), plural(manifest.records, "record")
    size = size_text(sum(entry.size for entry in entries))
    print(f"{'ok':8}{printable(name or manifest.path)}: {shards}, {records}, {size}{note}")


def json_of_set(manifest: Manifest, *, is_there: bool = True) -> dict[str, Any]:
    """Return what JSON tells of a set that was written, and whose manifest is there, or is not."""
    return {
        "manifest": path_text(manifest.path) if is_there else None,
        "shards": len(manifest.entries),
        "records": manifest.records,
        "bytes": sum(entry.size for entry in manifest.entries),
    }


def run_manifest(name: str, files: list[str], *, overwrite: bool, as_json: bool) -> None:
    """Make the manifest of a set, of files where they are named."""
    with usage_errors():
        shards = files_of_set(name, files or None)
        with progress_bar([*shards]) as progress:
            manifest = make_manifest(name, shards, overwrite=overwrite, progress=progress)
    if as_json:
        print(json_text(json_of_set(manifest), indent=2))
    else:
        print_set(manifest)


def run_merge(
    sources: list[str], target: str, *, compression: str | None, overwrite: bool, as_json: bool
) -> None:
    """Write the records of all sources to one file."""
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
    if as_json:
        print(json_text({"path": path_text(target), "records": count, "bytes": size}, indent=2))
    else:
        print(f"{'ok':8}{printable(target)}: {plural(count, 'record')}, {size_text(size)}")


def types_of(text: str | None) -> dict[str, str] | None:
    """Read the types of columns.

    >>> types_of("price=float32,id=int64")
    {'price': 'float32', 'id': 'int64'}
    """
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and kind for name, _, kind in pairs):
        raise typer.BadParameter(f"{text!r} has no types; write price=float32,id=int64")
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def run_convert(
    sources: list[str],
    target: str,
    *,
    compression: str | None,
    skip_damage: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write what the sources hold as the target's name says; ``options`` are those of `convert`."""
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
            **options,
        )
    for damage in left_out:
        complain_of(damage)
    if as_json:
        said = {"path": path_text(target), "records": count, "damage": len(left_out)}
        print(json_text(said, indent=2))
    else:
        print(f"{'ok':8}{printable(target)}: {plural(count, 'record')}")
    if left_out:
        raise typer.Exit(DAMAGED)
