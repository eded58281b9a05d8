"""What the shards of a set are called, and where its manifest lies."""

from __future__ import annotations

import errno
import os
import re
import shutil
import string
from contextlib import suppress
from typing import TYPE_CHECKING

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.manifest import MANIFEST_SUFFIX, Manifest, is_plain_name
from tfrecord_lite.files.object_staging import ObjectJournal, ObjectStaging, remove_folder
from tfrecord_lite.files.paths import SHARD_NAME, SHARD_SUFFIXES, is_data_file, name_and_count
from tfrecord_lite.files.staging import Journal, Staging
from tfrecord_lite.records.file_system import is_url, list_directory, sizes_of
from tfrecord_lite.records.storage import path_of
from tfrecord_lite.stores.store import is_bucket
from tfrecord_lite.text import printable
from tfrecord_lite.urls import split_name

if TYPE_CHECKING:
    from tfrecord_lite._types import Path
    from tfrecord_lite.records.compression import Codec

__all__ = ["ShardNames", "manifest_of", "remove_empty"]

_FIELD = re.compile(r"(?:0(\d\d?))?d?")
_DATA_SUFFIX = re.compile(r"\.tfrecords?(\.gz)?$")
_SEPARATORS = "-_."


def _is_pattern(name: str) -> bool:
    return "{index" in name or "{total" in name


def remove_empty(folders: list[str]) -> None:
    """Remove folders, each after what is in it, where nobody has put anything."""
    for folder in folders:
        with suppress(OSError):
            os.rmdir(folder)


def manifest_of(name: Path) -> str:
    """Return where the manifest of a set lies: ``NAME.manifest.json``.

    The NAME of a pattern is what stands before its first and after its last field, less the
    separators before and the data's suffix after. Where that leaves nothing, it is "shards".

    >>> manifest_of("data/train")
    'data/train.manifest.json'
    >>> manifest_of("cifar10_train/shard_{index:03d}.tfrecord")
    'cifar10_train/shard.manifest.json'
    """
    folder, base = split_name(os.fsdecode(name))
    return os.path.join(folder, _stem(base) + MANIFEST_SUFFIX)


def _stem(base: str) -> str:
    if not _is_pattern(base):
        return base
    pieces = _pieces(base)
    before = pieces[0][0].rstrip(_SEPARATORS)
    after = _DATA_SUFFIX.sub("", pieces[-1][0])
    return (before + after if before else after.lstrip(_SEPARATORS)) or "shards"


def _pieces(template: str) -> list[tuple[str, str | None, int]]:
    """Take a template apart: text, and the field after it with its width.

    The last piece has no field.
    """
    advice = "use {index} and perhaps {total}, as in 'shard_{index:03d}.tfrecord'"
    pieces: list[tuple[str, str | None, int]] = []
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no pattern of shard names ({error}); {advice}") from None
    text = ""
    for more, field, spec, conversion in parsed:
        # What was an escaped brace is a piece of its own.
        text += more
        if field is None:
            continue
        width = _FIELD.fullmatch(spec or "")
        if field not in ("index", "total") or conversion or width is None:
            shown = f"{{{field}:{spec}}}" if spec else f"{{{field}}}"
            raise ValueError(f"{template!r}: {shown} is not a field of shard names; {advice}")
        pieces.append((text, field, int(width[1] or 1)))
        text = ""
    pieces.append((text, None, 0))
    if "index" not in {field for _, field, _ in pieces}:
        raise ValueError(f"{template!r} has no {{index}} in the file's name; {advice}")
    return pieces


class ShardNames:
    """How the shards of one set are called: by a plain NAME, or by a pattern with ``{index}``.

    >>> names = ShardNames("data/train")
    >>> names.shard(3, 10, "GZIP"), names.manifest
    ('train-00003-of-00010.tfrecord.gz', 'data/train.manifest.json')
    >>> ShardNames("cifar10_train/shard_{index:03d}.tfrecord").shard(3, 10, None)
    'shard_003.tfrecord'
    """

    def __init__(self, name: Path) -> None:
        path = path_of(name)
        if is_bucket(path):
            raise ValueError(
                f"{printable(path)}: a bucket, or a server, and no name in it; pass "
                f"{printable(path)}/NAME"
            )
        self.folder, base = split_name(path)
        self.manifest = manifest_of(path)
        self.stem = _stem(base)
        self.is_pattern = _is_pattern(base)
        if _is_pattern(self.folder):
            raise ValueError(f"{path!r}: all shards lie in one folder; put the fields after it")
        if self.is_pattern:
            self._templates = [base]
        else:
            if _DATA_SUFFIX.search(base):
                raise ValueError(
                    f"{path!r}: the suffix comes after the numbers of the shards; leave it out, "
                    "or pass a pattern with {index}"
                )
            if base.endswith(MANIFEST_SUFFIX):
                raise ValueError(f"{path!r}: the manifest has this suffix; leave it out")
            if name_and_count(path):
                raise ValueError(f"{path!r}: leave @N out; num_shards=N fixes how many")
            text = base.replace("{", "{{").replace("}", "}}")
            self._templates = [
                SHARD_NAME.replace("{name}", text).replace("{suffix}", suffix)
                for suffix in SHARD_SUFFIXES
            ]
        if not base or not is_plain_name(first := self.shard(0, 1, None)):
            raise ValueError(
                f"{path!r} gives no file names, such as all systems have: end it in a NAME, with "
                "no backslash in it, and no colon after its first letter"
            )
        if not is_data_file(first):
            raise ValueError(
                f"{path!r}: readers of the folder would pass over {first!r}, as not being data"
            )

    def shard(self, index: int, total: int, codec: Codec) -> str:
        """Return the name of a shard, in the folder."""
        template = self._templates[0]
        if len(self._templates) > 1:
            template = self._templates[2 if codec == "GZIP" else 1]
        return template.format(index=index, total=total)

    def journal(self) -> Journal | ObjectJournal:
        """Return the right to publish this set, to be entered."""
        if is_url(self.folder):
            return ObjectJournal(self.folder, self.stem, self.manifest)
        return Journal(self.folder, self.stem)

    def staging(self, part: int | None = None) -> Staging | ObjectStaging:
        """Return a folder of a writer's own, which is to be made, under a journal."""
        made = ObjectStaging if is_url(self.folder) else Staging
        return made(self.folder, self.stem, part)

    def make_folder(self) -> None:
        """Make the folder of the set where there is none; a store of objects needs none."""
        if is_url(self.folder):
            return
        try:
            os.makedirs(self.folder or ".", exist_ok=True)
        except FileExistsError as error:
            # No set is there, and none can be replaced.
            raise NotADirectoryError(
                errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename
            ) from None

    def new_folders(self) -> list[str]:
        """Return the folder of the set, and those that it is in, as far as they are not there.

        The deepest is the first, as `remove_empty` wants them.
        """
        new: list[str] = []
        folder = "" if is_url(self.folder) else os.path.abspath(self.folder)
        while folder != os.path.dirname(folder) and not os.path.lexists(folder):
            new.append(folder)
            folder = os.path.dirname(folder)
        return new

    def remove_folder(self, folder: str) -> None:
        """Remove a folder beside the shards, with all that is in it, as far as that is possible."""
        if is_url(self.folder):
            with suppress(OSError):
                remove_folder(folder.rstrip("/"))
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def present(self) -> list[str]:
        """Return the names of what there is of a set of this name: the manifest, then shards.

        Shards are files of such names, with any numbers, and those that the manifest has.
        """
        if not is_url(self.folder) and not os.path.isdir(self.folder or "."):
            return []
        regexes = [_regex(template) for template in self._templates]
        files = [
            name for name, is_folder in list_directory(self.folder, special=True) if not is_folder
        ]
        shards = {file for file in files if any(regex.fullmatch(file) for regex in regexes)}
        manifest = os.path.basename(self.manifest)
        if manifest not in files:
            return sorted(shards)
        return [manifest, *sorted(shards | _named_by(self.manifest))]


def _regex(template: str) -> re.Pattern[str]:
    pieces = _pieces(template)
    parts = [
        re.escape(text) + (rf"\d{{{width},}}" if field else "") for text, field, width in pieces
    ]
    return re.compile("".join(parts))


def _named_by(path: str) -> set[str]:
    """Return which shards of a manifest are there as it says; it may be of any making."""
    try:
        manifest = Manifest.load(path)
    except TFRecordError:
        return set()
    sizes = sizes_of(manifest.files)
    return {
        entry.name
        for entry, size in zip(manifest.entries, sizes, strict=True)
        if size == entry.size
    }
