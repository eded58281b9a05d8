"""``tfrecord-lite manifest`` and ``merge``: jobs on whole sets, and a line about each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import typer

from tfrecord_lite.cli.inputs import expand_files
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.jobs.manifests import files_of_set, make_manifest
from tfrecord_lite.jobs.merging import merge
from tfrecord_lite.text import plural, printable, size_text

if TYPE_CHECKING:
    from tfrecord_lite.files.manifest import Manifest

__all__ = ["codec_asked", "print_set", "run_manifest", "run_merge"]


def codec_asked(name: str | None, otherwise: Any) -> Any:
    """Return a compression as an option names it: "none" is none, left out is ``otherwise``."""
    return otherwise if name is None else None if name == "none" else name


def print_set(manifest: Manifest, note: str = "") -> None:
    """Print the line about a set that was written, with a note behind it."""
    entries = manifest.entries
    shards, records = plural(len(entries), "shard"), plural(manifest.records, "record")
    size = size_text(sum(entry.size for entry in entries))
    print(f"{'ok':8}{printable(manifest.path)}: {shards}, {records}, {size}{note}")


def run_manifest(name: str, files: list[str], *, overwrite: bool) -> None:
    """Make the manifest of a set, of files where they are named."""
    try:
        shards = files_of_set(name, files or None)
        with progress_bar([*shards]) as progress:
            manifest = make_manifest(name, shards, overwrite=overwrite, progress=progress)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    print_set(manifest)


def run_merge(sources: list[str], target: str, *, compression: str | None, overwrite: bool) -> None:
    """Write the records of all sources to one file."""
    files = expand_files(sources)
    try:
        with progress_bar(files) as progress:
            count = merge(
                files,
                target,
                overwrite=overwrite,
                write_compression=codec_asked(compression, "infer"),
                progress=progress,
            )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    size = size_text(os.path.getsize(target))
    print(f"{'ok':8}{printable(target)}: {plural(count, 'record')}, {size}")
