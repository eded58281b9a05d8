"""What may be written: no file takes the place of one that it is made of, or that describes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tfrecord_lite.files.manifest import MANIFEST_SUFFIX, manifests_naming
from tfrecord_lite.files.sidecar import sidecar_of
from tfrecord_lite.records.file_system import is_same_file
from tfrecord_lite.records.storage import is_path, name_of
from tfrecord_lite.text import printable
from tfrecord_lite.urls import is_url, split_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite._types import Path, PathOrFile

__all__ = ["refuse_sources"]


def refuse_sources(files: Iterable[PathOrFile], target: Path) -> None:
    """Raise ValueError where a file to be written is one that is read, or its index or manifest."""
    files = list(files)
    path = name_of(target)
    paths = [name_of(file) for file in files if is_path(file)]
    if any(is_same_file(name_of(file) if is_path(file) else file, path) for file in files):
        what = "a source"
    elif any(is_same_file(sidecar_of(name), path) for name in paths):
        what = "the index of a source"
    elif _is_manifest_of(paths, path):
        what = "the manifest of a source"
    else:
        return
    raise ValueError(f"{printable(path)}: this is {what}; write to another name")


def _is_manifest_of(files: list[str], path: str) -> bool:
    if not _real(path).endswith(MANIFEST_SUFFIX):
        return False
    folder = split_name(_real(path))[0]
    files = [file for file in files if _real(split_name(file)[0]) == folder]
    broken: list[str] = []
    whole = manifests_naming(files, on_error=lambda manifest, _: broken.append(manifest))
    found = [manifest.path for manifest in whole]
    return any(is_same_file(manifest, path) for manifest in found + broken)


def _real(path: str) -> str:
    return path if is_url(path) else os.path.realpath(path)
