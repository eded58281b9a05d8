"""``tfrecord-lite index``: sidecars, by which records can be read in any order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrecord_lite.cli.exits import DAMAGED, UNUSABLE
from tfrecord_lite.cli.inputs import Files, Json, expand_files
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.cli.table import print_outcome
from tfrecord_lite.cli.words import in_words_of_the_command
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.fingerprint import StaleIndexError
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.files.sidecar import sidecar_of
from tfrecord_lite.records.file_system import size_of
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.text import (
    path_text,
    plural,
    printable,
    size_text,
    unicode_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run"]

# As those who use DALI name their text indexes.
_TEXT_SUFFIX = ".idx"


def run(
    files: Files,
    text: Annotated[
        bool, typer.Option(help="Write the text form, offset and size a line, as DALI reads it.")
    ] = False,
    verify: Annotated[
        bool, typer.Option(help="Check the data of every record as well, not the lengths alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write an index beside each file, by which records can be read in any order."""
    if "-" in files:
        raise OSError("an index lies beside a file, and standard input is none: name a file")
    failures: list[Exception] = []
    told: list[dict[str, Any]] = []
    lines: list[str] = []

    def fail(file: str, error: Exception) -> None:
        failures.append(error)
        told.append({"path": path_text(file), "error": unicode_text(str(error))})
        lines.append(f"{'FAILED':8}{printable(in_words_of_the_command(str(error)))}")

    expanded = list(map(name_of, expand_files(files, fail if len(files) > 1 else None)))
    sources = {*map(os.path.realpath, expanded)}
    with progress_bar([*expanded]) as progress:
        for file in expanded:
            try:
                _refuse(sources, file + _TEXT_SUFFIX if text else sidecar_of(file))
                found = _index(file, progress, text=text, verify=verify)
            except (TFRecordError, OSError, ValueError) as error:
                fail(file, error)
                continue
            told.append({"path": path_text(file), **found})
            line = f"{printable(found['index'])}: {plural(found['records'], 'record')}"
            lines.append(f"{found['state']:8}{line}, {size_text(found['bytes'])}")
    # Now that no bar is in their place.
    lines.append(f"{plural(len(told), 'file')}, {len(failures)} failed")
    said = {"files": told, "failed": len(failures)}
    print_outcome(said, "\n".join(lines), as_json=as_json)
    if failures:
        damaged = all(isinstance(error, TFRecordError) for error in failures)
        raise typer.Exit(DAMAGED if damaged else UNUSABLE)


def _index(
    file: str, progress: Callable[[str, int], object] | None, *, text: bool, verify: bool
) -> dict[str, Any]:
    """Index one file, if that is not done yet, and return what is to be told of it."""
    index = None if verify else _fresh(file)
    state = "ok" if text or index is None else "fresh"
    if index is None:
        index = RecordIndex.build(file, verify=verify, progress=progress)
    if text:
        written = file + _TEXT_SUFFIX
        index.to_text(written)
    else:
        written = index.save() if state == "ok" else index.sidecar
    size = size_of(written)
    return {"index": path_text(written), "records": len(index), "bytes": size, "state": state}


def _refuse(sources: set[str], written: str) -> None:
    if os.path.realpath(written) in sources:
        raise ValueError(f"{written}: this is a source, and would be replaced")


def _fresh(file: str) -> RecordIndex | None:
    """Return what the sidecar holds, where there is one that fits."""
    try:
        index = RecordIndex.load(file)
        if index.compression is None:
            # All of it: what is damaged is to be found now, and not when it is needed.
            index.frames.whole()
        return index
    except (StaleIndexError, FileNotFoundError):
        return None
