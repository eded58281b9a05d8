"""``tfrecord-lite shard``: the records of some files, as a set of shards or several."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import typer

from tfrecord_lite.cli.exits import usage_errors
from tfrecord_lite.cli.inputs import expand_files, rereadable
from tfrecord_lite.cli.jobs import codec_asked, json_of_set, print_set
from tfrecord_lite.cli.progress import progress_bar
from tfrecord_lite.jobs.sharding import shard
from tfrecord_lite.text import json_text, path_text, printable

__all__ = ["bytes_of", "run", "split_of"]

_SIZE = re.compile(r"(\d+)(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_SHARE = re.compile(r"\s*\d*\.?\d+\s*")
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


def split_of(text: str | None) -> dict[str, float] | None:
    """Read shares that a person wrote.

    >>> split_of("train=0.9,val=0.1")
    {'train': 0.9, 'val': 0.1}
    """
    if text is None:
        return None
    split: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if not name or name in split or not _SHARE.fullmatch(share):
            raise typer.BadParameter(f"{text!r} is no split; write train=0.9,val=0.1")
        split[name] = float(share)
    return split


def run(
    sources: list[str], name: str, *, compression: str | None, as_json: bool = False, **options: Any
) -> None:
    """Write the records of all sources to the set ``name`` or several, and print a line of each.

    Without ``compression`` it is what the name says, or that of the first file; "none" is none.
    ``options`` are those of `tfrecord_lite.jobs.shard`; without ``manifest`` none is named.
    """
    with_manifest = options.get("manifest", True)
    shuffled, sampled = (options.get(name) is not None for name in ("shuffle", "sample"))
    passes = 1 + shuffled + (sampled and options.get("where") is not None)
    with ExitStack() as stack:
        files = expand_files(stack.enter_context(rereadable(sources)) if sampled else sources)
        with usage_errors(), progress_bar(files, passes=passes) as progress:
            found = shard(
                files,
                name,
                write_compression=codec_asked(compression, "auto"),
                progress=progress,
                **options,
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
            note = "" if one.name == f"{name}-{value}" else f"  ({printable(value)})"
        print_set(one.manifest, note, name=None if with_manifest else one.name)
