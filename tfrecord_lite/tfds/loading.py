"""load: a split that tensorflow_datasets prepared, as a sequence."""

from __future__ import annotations

import json
import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple, overload

import numpy as np

from tfrecord_lite.errors import ExampleError, TFRecordError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.quote import quote
from tfrecord_lite.files.record_set import RecordSet, locate
from tfrecord_lite.records.file_system import exists, is_url, known_sizes, open_file
from tfrecord_lite.records.numbers import index_of
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.tfds.described import Node, features_of, file_stem, node_of
from tfrecord_lite.tfds.values import Reading

if TYPE_CHECKING:
    from tfrecord_lite._types import Path, Verify
    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["Split", "load"]

_NUMBER: Final = r"(-?\d+(?:_\d+)*%?)?"
_SLICE: Final = re.compile(rf"(\w[\w.-]*)(?:\[{_NUMBER}:{_NUMBER}\])?")
# The first files, together so large at most, are counted whenever one after them is read.
_COUNTED_BYTES: Final = 64 << 20
_TEMPLATE: Final = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


def load(
    directory: Path,
    *,
    split: str,
    decode_images: bool = True,
    verify: Verify = True,
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Split:
    """Return a split of a dataset that tensorflow_datasets prepared, as a sequence of dicts.

    ``directory`` (or a URL) is that of one version: it holds ``dataset_info.json`` and
    ``features.json``. ``split`` is the name of a split, a part of it (``"train[:10%]"``,
    ``"train[5:-5]"``; no more than there is), or several of these with ``+`` between them;
    ``"all"`` are all splits.

    An item is what ``tfds.load`` gives as NumPy: scalars of their dtype and arrays; bytes for text;
    of a Sequence of dicts a dict of arrays; of ragged sequences lists of arrays; of a Dataset, such
    as the ``steps`` of an RLDS episode, a list of dicts. Images are arrays ``[height, width,
    channels]`` of uint8 or uint16, decoded by Pillow (which does not read all 16 bits of coloured
    PNGs: an `ExampleError` where they are uint16; TensorFlow's pixels of a JPEG differ by some
    levels); with ``decode_images=False`` bytes, as they are stored. An optional feature that is
    None is the value that stands for it there.

    Which file has which records is what ``shardLengths`` say; `TFRecordError` says where a file has
    others. A file is compared with them when a record of it is first read, whether by number or in
    turn, and so are the files before it, as far as these are together no larger than 64 MiB and lie
    on disks of this machine. Beyond, and after the last file that is read, none is opened for
    that: going through the whole split compares them all.

    Raises ``FileNotFoundError`` where files are missing, ``ValueError`` for a split, or a part of
    it, that is not there, `TFRecordError` for descriptions that cannot be read, or kinds of
    features that this version does not know (Video among them); items raise `ExampleError` where a
    record has not these features, and what a `RecordSet` raises.

    >>> import pathlib, tempfile, tfrecord_lite as tfr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = tfr.write_examples(folder / "n-train.tfrecord-00000-of-00001", {"x": [3, 4]})
    >>> splits = [{"name": "train", "shardLengths": ["2"]}]
    >>> _ = (folder / "dataset_info.json").write_text(json.dumps({"name": "n", "splits": splits}))
    >>> x = {"tensor": {"dtype": "uint8", "shape": {}}}
    >>> features = {"featuresDict": {"features": {"x": x}}}
    >>> _ = (folder / "features.json").write_text(json.dumps(features))
    >>> [int(item["x"]) for item in load(folder, split="train")]
    [3, 4]
    """
    folder = os.fsdecode(directory)
    path = os.path.join(folder, "dataset_info.json")
    with _described(path) as info:
        name = _text(info["name"])
        splits = {_text(said["name"]): _shards(said) for said in info["splits"]}
        form = info.get("fileFormat", "tfrecord")
    if form != "tfrecord":
        raise TFRecordError(f"its files are {quote(form)}, not TFRecords", path=path)
    with _described(os.path.join(folder, "features.json")) as features:
        node = node_of(features, "")
    files: list[str] = []
    counts: list[int] = []
    numbers: list[range] = []
    for part in _parts_of(split, splits):
        chosen, begin, end = _part_of(part, splits)
        lengths, template = splits[chosen]
        first = sum(counts)
        numbers.append(range(first + begin, first + end))
        counts += lengths
        files += [
            os.path.join(folder, _file_name(template, name, chosen, index, len(lengths)))
            for index in range(len(lengths))
        ]
    if not files:
        raise ValueError(f"split={split!r}: there are no records in it, as its shardLengths say")
    records = _Described(files, verify=verify, max_record_bytes=max_record_bytes)
    records.counts = list(counts)
    return Split(records, node, numbers, folder, decode_images)


class _Described(RecordSet):
    """Files of which dataset_info.json says how many records each has."""

    def wrong_count(self, number: int, known: int | None, found: str) -> TFRecordError:
        return TFRecordError(
            f"{found}, but dataset_info.json says {known} (shardLengths): one of both is of "
            "another dataset, or was changed since",
            path=self.names[number],
        )


class Split(Sequence[dict[str, Any]]):
    """A part of the records of a dataset, as dicts; what `load` returns.

    ``[i]`` and slices read what they need alone.
    """

    def __init__(
        self,
        records: RecordSet,
        node: Node,
        numbers: list[range],
        folder: str,
        decode_images: bool,
    ) -> None:
        self.records = records
        """All records of the files, Examples."""
        self._node = node
        self._numbers = numbers
        self._ends = [*accumulate(map(len, numbers))]
        self._folder = folder
        self._images = decode_images
        # So many of the first files have the records that are said of them.
        self._compared = 0

    @property
    def features(self) -> dict[str, FeatureSpec]:
        """The features of the Examples, by their flat names, as `read_batches` takes them."""
        return dict(features_of(self._node, "", ()))

    def class_names(self, feature: str) -> list[str] | None:
        """Return the names of the classes of a ClassLabel, if the dataset has any; None else."""
        stem = file_stem(self._node, feature)
        path = os.path.join(self._folder, f"{stem}.labels.txt")
        if stem is None or not exists(path):
            return None
        with open_file(path) as file:
            content: bytes = file.read()
        return [line.strip() for line in content.decode().split("\n") if line.strip()]

    def __len__(self) -> int:
        return self._ends[-1]

    def _number(self, index: int) -> int:
        """Return the number among all records of an item; its own is not negative."""
        part = bisect_right(self._ends, index)
        return self._numbers[part][index - self._ends[part]]

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            numbers = [*map(self._number, range(len(self))[index])]
            self._compare_before(max(numbers, default=0))
            return [
                self._item(number, record)
                for number, record in zip(numbers, self.records[numbers], strict=True)
            ]
        try:
            at = index_of(index)
        except TypeError:
            raise TypeError(
                f"{self!r}: items are asked for by an integer or a slice, not {quote(index)}"
            ) from None
        if not -len(self) <= at < len(self):
            raise IndexError(f"{self!r}: there is no item {at}")
        number = self._number(at % len(self))
        self._compare_before(number)
        return self._item(number, self.records[number])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for begin in range(0, len(self), 256):
            yield from self[begin : begin + 256]

    def _compare_before(self, number: int) -> None:
        """Compare the files before that of a record with what is said of them, if they are small.

        Where one has other records than that, all after it have other numbers.
        """
        file, _ = locate(self.records.bases, number)
        for before in range(self._compared, min(file, self._small_files)):
            self.records.index(before)
            self._compared = before + 1

    @cached_property
    def _small_files(self) -> int:
        """How many of the first files may be counted without that being felt."""
        if is_url(self._folder):
            return 0
        sizes = np.cumsum(known_sizes(self.records.names))
        return int(np.searchsorted(sizes, _COUNTED_BYTES, "right"))

    def _item(self, number: int, record: bytes) -> dict[str, Any]:
        try:
            item: dict[str, Any] = Reading(decode_example(record), self._images).value(self._node)
        except ExampleError as error:
            file, error.record = locate(self.records.bases, number)
            error.path = self.records.names[file]
            raise
        return item

    def __repr__(self) -> str:
        return f"<Split of {len(self)} records: {self._folder}>"


class _Shards(NamedTuple):
    """How many records each shard of a split has, and how their files are called."""

    lengths: list[int]
    template: str


def _shards(said: Mapping[str, Any]) -> _Shards:
    lengths = [int(length) for length in said.get("shardLengths", ())]
    if any(length < 0 for length in lengths) or sum(lengths) > sys.maxsize:
        raise ValueError(f"shardLengths: {lengths}")
    return _Shards(lengths, _text(said.get("filepathTemplate") or _TEMPLATE))


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError(f"{said!r} where a text is to be")
    return said


@contextmanager
def _described(path: str) -> Iterator[Any]:
    """Give what a file says in JSON; `TFRecordError` where that is not of the form it has to be."""
    with open_file(path) as file:
        content = file.read()
    try:
        yield json.loads(content)
    except (
        AttributeError,
        KeyError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"not JSON, or not the description of a dataset: {quote(error)}"
        raise TFRecordError(reason, path=path) from None


def _parts_of(split: str, splits: Mapping[str, Any]) -> list[str]:
    """Return the parts between ``+``, for "all" each of the splits."""
    parts: list[str] = []
    for part in map(str.strip, split.split("+")):
        parts += splits if part == "all" and part not in splits else [part]
    return parts


def _part_of(part: str, splits: Mapping[str, _Shards]) -> tuple[str, int, int]:
    """Return the name of a split, and from which to before which record of it."""
    matched = _SLICE.fullmatch(part)
    if matched is None:
        raise ValueError(
            f"split={part!r}: write train, train[:100], train[10%:], train+test or all; numbers "
            "and percents are whole"
        )
    name, *texts = matched.groups()
    if name not in splits:
        raise ValueError(f"split={name!r}: there is none, but {', '.join(splits)}")
    given = [text for text in texts if text is not None]
    if len({text.endswith("%") for text in given}) > 1:
        raise ValueError(f"split={part!r}: numbers or percents, not one of each")
    total = sum(splits[name].lengths)
    for text in given:
        most = 100 if text.endswith("%") else total
        if abs(int(text.rstrip("%"))) > most:
            raise ValueError(f"split={part!r}: {text} is more than the {total:,} records of {name}")
    begin, end = (_boundary(text, total) for text in texts)
    begin, end, _ = slice(begin, end).indices(total)
    return name, begin, max(begin, end)


def _boundary(text: str | None, total: int) -> int | None:
    """Return a boundary as a number of records; percents are rounded to the closest."""
    if text is None:
        return None
    return round(int(text[:-1]) * total / 100) if text.endswith("%") else int(text)


def _file_name(template: str, dataset: str, split: str, index: int, count: int) -> str:
    digits = max(5, len(str(count)))
    number, numbers = f"{index:0{digits}d}", f"{count:0{digits}d}"
    values = {
        "DATASET": dataset,
        "SPLIT": split,
        "FILEFORMAT": "tfrecord",
        "SHARD_INDEX": number,
        "NUM_SHARDS": numbers,
        "SHARD_X_OF_Y": f"{number}-of-{numbers}",
    }
    for key, value in values.items():
        template = template.replace(f"{{{key}}}", value)
    return template
