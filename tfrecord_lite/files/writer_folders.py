"""The folders of writers of shards: what they and the files in them are called, wherever they lie.

What the names mean is told in `tfrecord_lite.files.staging`.
"""

from __future__ import annotations

import os
import re
from typing import Final

from tfrecord_lite.records.file_system import list_directory
from tfrecord_lite.records.storage import PARTIAL_SUFFIX

__all__ = [
    "MANIFEST_NAME",
    "MAX_JOURNAL_BYTES",
    "PUBLISHING_SUFFIX",
    "WriterFolder",
    "writer_folders",
]

MANIFEST_NAME: Final = "manifest.json"
PUBLISHING_SUFFIX: Final = f".publishing{PARTIAL_SUFFIX}"
# As long as the manifest of as many shards, about twice.
MAX_JOURNAL_BYTES: Final = 1 << 27


class WriterFolder:
    """The name of a new folder for a writer of a set, or of a part of it."""

    def __init__(self, folder: str, stem: str, part: int | None = None) -> None:
        self._folder = folder
        number = "" if part is None else f".part-{part:05d}"
        self.name = f".{stem}.{os.urandom(4).hex()}{number}{PARTIAL_SUFFIX}"

    def path(self, file: str) -> str:
        """Return the path of a file in this folder."""
        return os.path.join(self._folder, self.name, file)

    def shard(self, index: int) -> str:
        """Return what a shard is called here."""
        return f"{index:05d}{PARTIAL_SUFFIX}"

    @property
    def manifest(self) -> str:
        """The path of the manifest that makes a part complete, or a set once it has its name."""
        return self.path(MANIFEST_NAME)


def writer_folders(folder: str, stem: str) -> list[tuple[int | None, str]]:
    """Find the folders of the writers of a set: for each its part, or None, and its name."""
    named = re.compile(
        rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}(?:\.part-(\d{{5}}))?{re.escape(PARTIAL_SUFFIX)}"
    )
    matches = [named.fullmatch(name) for name, is_folder in list_directory(folder) if is_folder]
    return [(int(match[1]) if match[1] else None, match[0]) for match in matches if match]
