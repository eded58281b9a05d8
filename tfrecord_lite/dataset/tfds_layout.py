"""The layout of tensorflow_datasets: what shards are called, and what describes them.

A dataset is a directory, ``DATASET/VERSION``, for all of its splits: ``dataset_info.json`` says
which these are and how many records each shard has, ``features.json`` what is in a record.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.dataset.tfds_features import ClassLabel, described_features, stored_features
from tfrecord_lite.errors import TFRecordError
from tfrecord_lite.files.manifest import Manifest
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.files.staging import Journal, despite_interrupts
from tfrecord_lite.records.framing import FRAME_OVERHEAD
from tfrecord_lite.records.storage import Output
from tfrecord_lite.text import printable
from tfrecord_lite.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["PreparedSplit"]

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_TEMPLATE: Final = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_INFO: Final = "dataset_info.json"


class PreparedSplit:
    """One split of a dataset: ``FOLDER/DATASET/VERSION/SPLIT``, and how it is described.

    >>> PreparedSplit("data/pets/1.0.0/train", {"x": int}, overwrite=False).pattern
    'data/pets/1.0.0/pets-train.tfrecord-{index:05d}-of-{total:05d}'
    """

    def __init__(self, name: str, features: Mapping[str, Any] | None, *, overwrite: bool) -> None:
        if is_url(name):
            raise ValueError(f"{name!r}: layout='tfds' is written into local directories")
        self._folder, self._split = os.path.split(name)
        parent, self._version = os.path.split(self._folder)
        self._dataset = os.path.basename(parent)
        if (
            not _VERSION.fullmatch(self._version)
            or not _NAME.fullmatch(self._dataset)
            or not _NAME.fullmatch(self._split)
        ):
            raise ValueError(
                f"{name!r}: with layout='tfds' a name is FOLDER/DATASET/VERSION/SPLIT, such as "
                "data/pets/1.0.0/train"
            )
        self._overwrite = overwrite
        self._labels: dict[str, str] = {}
        self._described: dict[str, Any] | None = None
        self.features: dict[str, FeatureSpec] | None = None
        """How the features lie in Examples; None where features.json was there and is kept."""
        if features is not None:
            self.features = stored_features(features)
            self._described = described_features(features)
            self._labels = {
                f"{key.replace('/', '.')}.labels.txt": "\n".join(feature.names) + "\n"
                for key, feature in features.items()
                if isinstance(feature, ClassLabel)
            }
        elif not os.path.exists(self._path("features.json")):
            raise ValueError(
                "layout='tfds' needs features=, of which features.json is made; "
                f"or {self._path('features.json')} that stands there"
            )
        self._read_info()

    @property
    def pattern(self) -> str:
        """The pattern of the names of the shards."""
        name = f"{self._dataset}-{self._split}.tfrecord-{{index:05d}}-of-{{total:05d}}"
        return os.path.join(self._folder, name)

    @contextmanager
    def described(self, shards: Manifest, *, fsync: bool) -> Iterator[None]:
        """Describe shards that take their names in between, one process at a time.

        Before it dataset_info.json loses the split that is replaced, and after it has the new one:
        it never tells of shards other than those that are there.
        """
        with Journal(self._folder, _INFO):
            info = self._read_info()
            splits = info["splits"]
            others = [split for split in splits if split["name"] != self._split]
            if len(others) < len(splits):
                self._write(_INFO, {**info, "splits": others}, fsync=fsync)
            try:
                yield
            except BaseException:
                if self._stand(shards):
                    # It was interrupted when all was done.
                    self._describe(info, others, shards, fsync=fsync)
                elif len(others) < len(splits):
                    self._write(_INFO, info, fsync=fsync)
                raise
            despite_interrupts(partial(self._describe, info, others, shards, fsync=fsync))

    def _stand(self, shards: Manifest) -> bool:
        """Tell whether these shards have their names."""
        with suppress(OSError, TFRecordError):
            found = Manifest.load(ShardNames(self.pattern).manifest).entries
            return [replace(entry, name="") for entry in found] == [
                replace(entry, name="") for entry in shards.entries
            ]
        return False

    def _describe(self, info: Any, others: list[Any], shards: Manifest, *, fsync: bool) -> None:
        for file, lines in self._labels.items():
            self._write(file, lines, fsync=fsync)
        if self._described is not None:
            self._write("features.json", self._described, fsync=fsync)
        records = [entry.records for entry in shards.entries]
        split = {
            "name": self._split,
            "shardLengths": [str(count) for count in records],
            "numBytes": str(shards.raw_bytes - shards.records * FRAME_OVERHEAD),
            "filepathTemplate": _TEMPLATE,
        }
        self._write(_INFO, {**info, "splits": [*others, split]}, fsync=fsync)

    def _read_info(self) -> dict[str, Any]:
        """Read what there is of a description, and whether the split can be added to it."""
        path = self._path(_INFO)
        own = {"name": self._dataset, "version": self._version, "fileFormat": "tfrecord"}
        info = self._read(_INFO)
        if info is None:
            return {**own, "splits": []}
        try:
            info = {**info, "splits": list(info.get("splits", ()))}
            names = [split["name"] for split in info["splits"]]
        except (AttributeError, KeyError, TypeError) as error:
            raise TFRecordError(f"not the description of a dataset: {error!r}", path=path) from None
        for key, value in own.items():
            if info.setdefault(key, value) != value:
                raise ValueError(f"{printable(path)}: its {key} is {info[key]!r}, not {value!r}")
        if self._split in names and not self._overwrite:
            raise FileExistsError(
                f"{printable(path)}: there is a split {self._split!r}; pass overwrite=True to "
                "replace it"
            )
        if set(names) - {self._split}:
            self._check_features()
        return info

    def _check_features(self) -> None:
        """Refuse features other than those that the splits there have."""
        if self._described is None:
            return
        for file, own in (("features.json", self._described), *self._labels.items()):
            if self._read(file) not in (None, own):
                raise ValueError(
                    f"{self._path(file)} is that of all splits, and not what features= say; pass "
                    "the same, or none to keep it, or write another version"
                )

    def _read(self, file: str) -> Any:
        path = self._path(file)
        try:
            with open(path, encoding="utf-8", newline="") as opened:
                return json.load(opened) if file.endswith(".json") else opened.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, RecursionError) as error:
            raise TFRecordError(f"not JSON: {error}", path=path) from None

    def _write(self, file: str, content: Any, *, fsync: bool) -> None:
        """Write a file all at once."""
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        with Output(self._path(file), mode="w", atomic=True, fsync=fsync) as output:
            output.write(text.encode())

    def _path(self, file: str) -> str:
        return os.path.join(self._folder, file)
