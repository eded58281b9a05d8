"""The manifest of a set of shards: what belongs to it, and that it is complete.

It stands beside its shards as ``NAME.manifest.json`` and is written last, so where it stands the
set is whole. Its names are taken as names in its own folder, never as paths.
"""

from __future__ import annotations

import io
import json
import ntpath
import os
import re
from dataclasses import dataclass, fields
from functools import cached_property, partial
from reprlib import repr as brief
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.records.compression import Codec, codec_named
from tfrecord_lite.records.file_system import is_file, list_directory, open_file, sizes_of
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.storage import is_path, name_of, naming_file, path_of
from tfrecord_lite.text import html_table, is_json, listed, plural, printable
from tfrecord_lite.urls import split_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite._types import Path

__all__ = [
    "MANIFEST_SUFFIX",
    "Manifest",
    "ManifestEntry",
    "by_folder",
    "find_manifest",
    "is_plain_name",
    "manifests_naming",
]

MANIFEST_SUFFIX: Final = ".manifest.json"

_FORMAT = "tfrecord_lite shards"
_VERSION = 1
# Some hundred bytes a shard: space for as many as any file system holds well.
_MOST_BYTES = 1 << 26
_ROWS_SHOWN = 100
_COUNTS_BELOW = 1 << 63
_CRCS_BELOW = 1 << 32
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_NAMES = re.compile(r'"name"\s*:\s*("(?:[^"\\]|\\.)*")')
_SHARD = re.compile(r"\d+-of-\d+")


def is_plain_name(name: str) -> bool:
    r"""Tell whether this is the name of a file in a folder, on every system, and no path.

    >>> [is_plain_name(name) for name in ("a.tfrecord", "../a", "/a", "..", "C:a", "a\\b", "a\0")]
    [True, False, False, False, False, False, False]
    """
    if _PLAIN_NAME.fullmatch(name):
        # Most are, and this is quick.
        return True
    return (
        name not in ("", ".", "..")
        and "\0" not in name
        and os.path.basename(name) == name
        and ntpath.basename(name) == name
    )


@dataclass(frozen=True)
class ManifestEntry:
    """One shard: its name in the manifest's folder, and what must be in it.

    ``raw_bytes`` are its frames before compression, ``size`` and ``crc32c`` (not masked) those of
    the file as it lies.

    >>> import tempfile, tfrecord_lite as tfr
    >>> with tfr.ShardWriter(tempfile.mkdtemp() + "/train", num_shards=1) as writer:
    ...     writer.write_many([b"one", b"two"])
    >>> (entry,) = writer.manifest.entries
    >>> entry.name, entry.records, entry.size
    ('train-00000-of-00001.tfrecord', 2, 38)
    """

    name: str
    records: int
    raw_bytes: int
    size: int
    crc32c: int


_FIELDS = tuple(field.name for field in fields(ManifestEntry))


@dataclass(frozen=True)
class Manifest:
    """What a set of shards consists of, in the order of the shards.

    ``path`` is the manifest's own; ``compression`` is None, "GZIP" or "ZLIB"; ``features`` is what
    `features_to_json` gave, or None where the writer was not told.

    >>> import tempfile
    >>> from tfrecord_lite.dataset.shard_writer import ShardWriter
    >>> name = tempfile.mkdtemp() + "/train"
    >>> with ShardWriter(name, num_shards=2) as writer:
    ...     writer.write_many([b"one", b"two", b"three"])
    >>> manifest = Manifest.load(name + ".manifest.json")
    >>> manifest.records, [entry.records for entry in manifest.entries]
    (3, [2, 1])
    """

    path: str
    entries: tuple[ManifestEntry, ...]
    compression: Codec = None
    features: str | None = None
    version: int = _VERSION

    def __repr__(self) -> str:
        shards = f"{plural(len(self.entries), 'shard')}, {plural(self.records, 'record')}"
        return f"<Manifest of {printable(self.path)}: {shards}>"

    def _repr_html_(self) -> str:
        rows = [
            [entry.name, f"{entry.records:,}", f"{entry.size:,}", f"0x{entry.crc32c:08x}"]
            for entry in self.entries[:_ROWS_SHOWN]
        ]
        if len(rows) < len(self.entries):
            rows.append([f"and {len(self.entries) - len(rows):,} more", "", "", ""])
        head = ["shard", "records", "bytes", "CRC-32C"]
        compression = self.compression or "not compressed"
        return html_table(
            head, rows, f"{printable(self.path)}: {self.records:,} records, {compression}"
        )

    @cached_property
    def records(self) -> int:
        """How many records the whole set holds."""
        return sum(entry.records for entry in self.entries)

    @cached_property
    def raw_bytes(self) -> int:
        """How many bytes the frames of all records have, before compression."""
        return sum(entry.raw_bytes for entry in self.entries)

    @property
    def files(self) -> list[str]:
        """The paths of the shards, in order."""
        # Names are no paths, so joining is adding.
        begin = os.path.join(split_name(self.path)[0], "")
        return [begin + entry.name for entry in self.entries]

    def check(self) -> None:
        """Compare with the files, by their sizes alone.

        Raises ``FileNotFoundError`` for missing shards and `TFRecordError` for one of another size,
        naming them.
        """
        missing = []
        files = self.files
        for file, entry, size in zip(files, self.entries, sizes_of(files), strict=True):
            if size is None:
                missing.append(file)
            elif size != entry.size:
                raise TFRecordError(
                    f"{size} bytes, but {self.path} says {entry.size}: this shard was cut, "
                    "replaced or written to; restore it, or write the set again",
                    path=file,
                )
        if missing:
            names = listed([*map(printable, missing)], 3)
            raise FileNotFoundError(
                f"{printable(self.path)}: {len(missing)} of {len(self.entries)} shards are "
                f"missing: {names}; restore them, or salvage what is left, or write the set again"
            )

    def to_json(self) -> str:
        """Write the manifest as JSON, a line for each shard."""
        head = {
            "format": _FORMAT,
            "version": self.version,
            "compression": self.compression,
            "records": self.records,
            "raw_bytes": self.raw_bytes,
        }
        lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
        lines.append(f'"features": {"null" if self.features is None else self.features}')
        shards = ",\n".join(f"  {json.dumps(vars(entry))}" for entry in self.entries)
        lines.append(f'"shards": [\n{shards}\n]')
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest; whether its files fit is for `check`.

        Raises ``OSError``, and `TFRecordError` for what is none, whatever it is: any bytes may
        stand in the file.
        """
        path = path_of(path)
        refuse = partial(_refuse, path)
        data = _read(path)
        if len(data) > _MOST_BYTES:
            refuse(f"larger than {_MOST_BYTES} bytes")
        try:
            content = json.loads(data)
            features = json.dumps(content["features"])
            found = {key: content[key] for key in ("format", "version", "compression", "shards")}
            totals = content["records"], content["raw_bytes"]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            refuse(f"{type(error).__name__}: {error}"[:200])
        if found["format"] != _FORMAT:
            refuse(f"its format is {brief(found['format'])}, expected {_FORMAT!r}")
        version = found["version"]
        if type(version) is not int or version < 1:
            refuse(f"its version is {brief(version)}, expected 1 to {_VERSION}")
        if version > _VERSION:
            raise TFRecordError(
                f"a manifest of version {version}; this version of the package supports "
                f"{_VERSION}; install a newer one",
                path=path,
            )
        compression = found["compression"]
        if compression not in (None, "GZIP", "ZLIB"):
            refuse(f"its compression is {brief(compression)}, expected null, GZIP or ZLIB")
        if not features.startswith("{") and features != "null":
            refuse("its features are neither null nor an object")
        if not isinstance(found["shards"], list):
            refuse("its shards are no list")
        if not found["shards"]:
            refuse("no shards; a set of no records has one shard, which is empty")
        entries = tuple(_entry(shard, compression, refuse) for shard in found["shards"])
        if len({entry.name for entry in entries}) < len(entries):
            refuse("a shard named twice")
        manifest = cls(
            path,
            entries,
            codec_named(compression),
            None if features == "null" else features,
            version,
        )
        if totals != (manifest.records, manifest.raw_bytes):
            refuse("totals that are not the sum of its shards'")
        return manifest


def _read(path: str) -> bytes:
    with naming_file(path), io.BufferedReader(open_file(path)) as file:
        return file.read(_MOST_BYTES + 1)


def _refuse(path: str, found: str) -> NoReturn:
    raise TFRecordError(
        f"not the manifest of a set of shards ({found}); write the set again, or delete the "
        "manifest and name the shards themselves",
        path=path,
    )


def _entry(shard: Any, compression: str | None, refuse: Callable[[str], NoReturn]) -> ManifestEntry:
    try:
        name, *counts = (shard[field] for field in _FIELDS)
    except (KeyError, TypeError) as error:
        refuse(f"a shard without {error}"[:200])
    if not isinstance(name, str) or not _is_encodable(name):
        refuse(f"a shard named {brief(name)}, expected a file name as text")
    if not is_plain_name(name):
        refuse(f"a shard outside the manifest's folder, {name[:200]!r}")
    for field, count in zip(_FIELDS[1:], counts, strict=True):
        if type(count) is not int or not 0 <= count < _COUNTS_BELOW:
            refuse(f"{name[:200]!r}: {field} is {brief(count)}, not a non-negative integer")
    entry = ManifestEntry(name, *counts)
    if entry.crc32c >= _CRCS_BELOW:
        refuse(f"{name[:200]!r}: a checksum of more than 32 bits, {entry.crc32c:#x}")
    if entry.raw_bytes < entry.records * FRAME_OVERHEAD:
        refuse(f"{name[:200]!r}: more records than its bytes can hold")
    if compression is None and entry.size != entry.raw_bytes:
        refuse(f"{name[:200]!r}: two sizes, and no compression")
    return entry


def _is_encodable(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def find_manifest(files: Path | Iterable[Path]) -> Manifest | None:
    """Return the manifest that covers exactly these files, in any order; None where none does.

    Its folder is searched. Each that covers them has been checked against the sizes of the files,
    as a glob's are, and of several it is the first by name: raises as `Manifest.check` does, and as
    `Manifest.load` for a broken manifest that names one of them.

    >>> import tempfile
    >>> from tfrecord_lite import ShardWriter
    >>> with ShardWriter(tempfile.mkdtemp() + "/train", num_shards=2) as writer:
    ...     writer.write_many([b"one", b"two", b"three"])
    >>> find_manifest(writer.manifest.files).records
    3
    >>> find_manifest(writer.manifest.files[:1])
    """
    if hasattr(files, "blocks"):
        raise TypeError(f"a {type(files).__name__} is no list of files; a RecordSet has `manifest`")
    single = is_path(files) or hasattr(files, "read") or not hasattr(files, "__iter__")
    paths = []
    for file in cast("Iterable[Path]", [files] if single else files):
        if not is_path(file):
            raise TypeError(f"{type(file).__name__} is not the path of a shard")
        paths.append(name_of(file))
    names = {os.path.basename(path) for path in paths}
    folders = {split_name(path)[0] for path in paths}
    if len(folders) == 1 and len(names) == len(paths):
        beside = manifests_naming(paths)
        found = [one for one in beside if names == {entry.name for entry in one.entries}]
        for manifest in found:
            manifest.check()
        return found[0] if found else None
    return None


def manifests_naming(
    files: Iterable[str],
    *,
    besides: str | None = None,
    on_error: Callable[[str, OSError | TFRecordError], object] | None = None,
) -> Iterator[Manifest]:
    """Load each manifest that lies beside one of the files and names one of its folder.

    That at the path ``besides``, which is to be replaced, is passed over, whatever it is.
    ``on_error`` gets the path of each that cannot be loaded, and why, and the others follow. One
    that is empty, cut or damaged may name nothing: then what is no JSON, or has the mark of ours,
    is tried, too, where its own name is that of a set of which there is a shard.
    """
    for folder, files_there in by_folder(files).items():
        names = set(map(json.dumps, files_there))
        try:
            inside = list_directory(folder)
        except PermissionError:
            # What is in it may well be read by its name; that it is of a set nobody can tell.
            continue
        for found, is_folder in inside:
            path = os.path.join(folder, found)
            if besides is not None and os.path.normpath(path) == os.path.normpath(besides):
                continue
            if found.endswith(MANIFEST_SUFFIX) and not is_folder and is_file(path):
                try:
                    manifest = _load_naming(path, names, broken=on_error is not None)
                except (OSError, TFRecordError) as error:
                    if on_error is None:
                        raise
                    on_error(path, error)
                else:
                    if manifest is not None:
                        yield manifest


def _load_naming(path: str, names: set[str], *, broken: bool) -> Manifest | None:
    """Load a manifest if it names one of these, in JSON's quotes; ``broken`` ones may name none."""
    # What does not mention them is no matter, and need not even be ours.
    text = _read(path).decode(errors="replace")
    if _FORMAT not in text or names.isdisjoint(_NAMES.findall(text)):
        stem = split_name(path)[1][: -len(MANIFEST_SUFFIX)]
        if not (broken and (_FORMAT in text or not is_json(text)) and _has_shard(stem, names)):
            return None
    manifest = Manifest.load(path)
    named = (json.dumps(entry.name) for entry in manifest.entries)
    return None if names.isdisjoint(named) else manifest


def by_folder(files: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of files, by the folders that they are in.

    >>> by_folder(["data/a", "data/b", "c"])
    {'data': ['a', 'b'], '': ['c']}
    """
    folders: dict[str, list[str]] = {}
    for file in files:
        folder, name = split_name(file)
        folders.setdefault(folder, []).append(name)
    return folders


def _has_shard(stem: str, names: set[str]) -> bool:
    """Tell whether one of the names, in JSON's quotes, is that of a shard of a set."""
    begin = json.dumps(stem)[:-1] + "-"
    return any(name.startswith(begin) and _SHARD.match(name[len(begin) :]) for name in names)
