"""What `convert` is to read: of which format it is, and the files; never a part of what is there.

A directory may hold several formats, or partitions whose folders' names are columns. What would
leave a part of that out is refused.
"""

from __future__ import annotations

import glob
import os
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from tfrecord_lite.files.paths import Folders, is_data_file
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.files.resolve import each_path, files_of, set_named
from tfrecord_lite.jobs.images import class_folder, is_image
from tfrecord_lite.records.file_system import exists, is_directory, list_directory
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite._types import Paths

__all__ = ["RECORDS", "TABLES", "find_source", "kind_by_name", "source_files"]

RECORDS: Final = (".tfrecord", ".tfrecords", ".tfrec", ".record")
TABLES: Final = ("parquet", "arrow", "csv")
_KINDS: Final = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
    ".csv": "csv",
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".tar", ".tar.gz", ".tgz"), "tar"),
}
_PARTITIONED: Final = (*TABLES, "jsonl")
_PACKED: Final = re.compile(r"\.(gz|bz2|xz|zst|lz4|zip)$")
_SHARD: Final = re.compile(r"-\d{5,}-of-\d{5,}$")
_EVENTS: Final = "tfevents"


def kind_by_name(path: str) -> str | None:
    """Return the format that a name says; None for records, and names that say nothing."""
    name = path.lower()
    return next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), None)


def find_source(src: Paths | RecordSet) -> tuple[str, list[str]]:
    """Return what there is to be read, and the files, where they are of another format.

    ValueError where only a part would be read of what is there.
    """
    if isinstance(src, RecordSet):
        return "records", []
    paths = each_path(src)
    names = [name_of(path) for path in paths]
    if not all(map(is_path, paths)) or any(map(set_named, names)):
        return "records", names
    if len(names) == 1 and (folder := class_folder(names[0])):
        _refuse_beside_images(names[0], folder)
        return "images", names
    files: list[str] = []
    for name in names:
        files += _data_files_of(name) or [name]
    kinds = {kind_by_name(file) or "records": file for file in files}
    if len(kinds) > 1:
        one, other, *_ = kinds.values()
        raise ValueError(
            f"{printable(one)}: with files of other formats ({other}); pass those of one format"
        )
    kind = next(iter(kinds), "records")
    if image := next(filter(is_image, files), None):
        raise ValueError(
            f"{printable(image)}: an image; they are read from a directory of class folders, "
            "DIR/CLASS/IMAGE"
        )
    if packed := next(filter(_is_packed, files), None):
        raise ValueError(
            f"{printable(packed)}: packed, and not read so; unpack it, as by gunzip, first"
        )
    if kind == "records" and any(_EVENTS in os.path.basename(file) for file in files):
        return "events", files
    if kind in _PARTITIONED:
        _refuse_partitions(names, files)
    return kind, files


def _refuse_beside_images(path: str, folder: str) -> None:
    for file in _inside(path):
        if kind_by_name(file) or is_data_file(file):
            raise ValueError(
                f"{printable(file)}: beside class folders of images "
                f"({os.path.join(path, folder)}), one of "
                "which would be left out; pass the file alone, or move it for the images"
            )


def _inside(path: str) -> list[str]:
    """Return the files in a directory that are not hidden; ValueError for a folder of a table."""
    found = []
    for name, is_folder in list_directory(path):
        file = os.path.join(path, name)
        if is_folder and kind_by_name(name):
            raise ValueError(
                f"{printable(file)}: a directory, called as a file; pass it alone, or rename it"
            )
        if not is_folder and name[0] not in "._":
            found.append(file)
    return found


def _data_files_of(path: str) -> list[str]:
    """Return the files that a path means, CSV among them, which are no data files elsewhere."""
    folders = Folders()
    there: Iterable[str] = ()
    if is_directory(path):
        there = _inside(path)
    elif glob.has_magic(path) and not exists(path):
        there = [file for file in folders.matching(path) if os.path.basename(file)[0] not in "._"]
    if any(map(kind_by_name, there)):
        return [file for file in there if kind_by_name(file) or _is_left_out(file)]
    try:
        return files_of(path, folders)
    except FileNotFoundError:
        if is_directory(path):
            below = folders.matching(os.path.join(path, "**"))
            _refuse_partitions([path], [f for f in below if kind_by_name(f) in _PARTITIONED])
            return []
        raise


def _is_left_out(path: str) -> bool:
    """Tell whether a file holds data, by its name, but not of a format that tables are in."""
    name = os.path.basename(path).lower()
    plain = _PACKED.sub("", name)
    is_records = plain.endswith(RECORDS) or _SHARD.search(name) is not None or _EVENTS in name
    return is_records or _is_packed(path)


def _is_packed(path: str) -> bool:
    """Tell whether a file is one of another format, by its name, that a program has packed."""
    plain = _PACKED.sub("", path.lower())
    return kind_by_name(path) is None and kind_by_name(plain) is not None


def _refuse_partitions(names: list[str], files: list[str]) -> None:
    """Raise ValueError for files in folders called KEY=VALUE, below what names mean."""
    tops = [_parts(name) for name in names]
    tops = [
        top if exists(name) else [*takewhile(lambda part: not glob.has_magic(part), top)]
        for name, top in zip(names, tops, strict=True)
    ]
    common = len([*takewhile(lambda parts: len({*parts}) == 1, zip(*tops, strict=False))])
    for file in files:
        for folder in _parts(file)[common:-1]:
            if "=" in folder:
                raise ValueError(
                    f"{printable(file)}: {folder} is a value of each row that is in no file, and "
                    "would be "
                    "lost; read the folder by pyarrow.dataset.dataset(FOLDER, "
                    "partitioning='hive'), and write that by write_table"
                )


def _parts(path: str) -> list[str]:
    return [part for part in path.split(os.sep) if part]


def source_files(src: Paths) -> list[str]:
    """Return the files that `convert` would read, for a bar to tell how much there is."""
    kind, files = find_source(src)
    if kind == "images":
        found = [os.path.join(at, name) for at, _, names in os.walk(files[0]) for name in names]
        return sorted(found)
    return [*map(name_of, RecordSet(src).files)] if kind in ("records", "events") else files
