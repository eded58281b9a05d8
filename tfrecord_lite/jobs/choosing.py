"""Which records go where: by a condition, at random, by a value; and the keys of a random order.

What is random is a function of a seed and of the record's number alone, so it does not matter how
the records are cut into blocks. The numbers are mixed as SplitMix64 does.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.dataset.schema import Schema
from tfrecord_lite.dataset.table import decode_columns
from tfrecord_lite.errors import ignore_damage
from tfrecord_lite.example.composites import feature_keys, keys_alone, keys_of
from tfrecord_lite.example.features import (
    FixedLenFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
)
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.sequence_features import SequenceFeatures
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.files.names import ShardNames
from tfrecord_lite.jobs.copying import Progress, each_block, picked
from tfrecord_lite.jobs.expressions import Expression, single_values
from tfrecord_lite.jobs.shuffling import Tagged
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tfrecord_lite._types import FeaturesLike, Int64Array, Uint64Array
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["Chooser", "Columns", "NamedValue", "dealt", "is_safe", "random_keys"]

# Split among so many records in turn, each share is exact but for the last so many.
_DEALT: Final = 100
# Random numbers for one purpose tell nothing of those for another.
_ORDER, _SPLIT, _SAMPLE = range(3)
_NUMBERS_AT_ONCE: Final = 1 << 20
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


class Chooser:
    """Which records are meant, and of which set each is."""

    def __init__(
        self,
        records: RecordSet,
        features: FeaturesLike | None,
        *,
        where: str | None,
        by: str | None,
        shares: Sequence[float],
        seed: int,
    ) -> None:
        self._records = records
        self._where = None if where is None else Expression(where)
        self._by = by
        self._shares = shares
        self._seed = seed
        self._sampled: Int64Array | None = None
        self._names: _ValueNames | None = None
        found: dict[str, FixedLenFeature | RaggedFeature] = {}
        if self._where is not None:
            if self._where.names:
                found = _features_of(records, features, self._where.names, f"where={where!r}")
            self._where.check_kinds({name: feature.dtype for name, feature in found.items()})
        if by is not None:
            found |= _features_of(records, features, [by], f"by={by!r}")
            if found[by].dtype is np.float32:
                raise ValueError(f"by={by!r}: a feature of floats; choose one that has few values")
        self._columns = Columns(found) if found else None

    def name_values(self, name: str, opened: Callable[[NamedValue], None]) -> None:
        """Have a set for each value of the feature, and call ``opened`` for each that comes up."""
        assert self._by is not None
        self._names = _ValueNames(name, self._by, opened)

    def sample(self, count: int, progress: Progress = None) -> None:
        """Choose so many of all records that are meant, at random; they are read for that."""
        best = np.empty(0, np.int64)
        for numbers in self._numbers(progress):
            both = np.concatenate([best, numbers])
            if len(both) > count:
                keys = random_keys(self._seed, both, _SAMPLE)
                both = both[np.argpartition(keys, count)[:count]]
            best = both
        self._sampled = np.sort(best)

    def _numbers(self, progress: Progress) -> Iterator[Int64Array]:
        """Yield the numbers of all records that are meant."""
        if self._where is None and not self._records.tolerant:
            total = len(self._records)
            for begin in range(0, total, _NUMBERS_AT_ONCE):
                yield np.arange(begin, min(begin + _NUMBERS_AT_ONCE, total))
            return
        done = 0
        given = self._records.options["on_damage"]
        records = self._records.replace(on_damage=ignore_damage if callable(given) else given)
        for block in each_block(records, progress):
            yield done + self._meant(block)[1]
            done += len(block)

    def _meant(self, block: RecordBlock) -> tuple[Mapping[str, Ragged], Int64Array]:
        """Return the columns of a block, and the indices of the records that are meant."""
        columns = self._columns(block) if self._columns else {}
        if self._where is None:
            return columns, np.arange(len(block))
        return columns, np.flatnonzero(self._where(block, columns))

    def tagged(self, blocks: Iterable[RecordBlock], shuffle: int | None) -> Iterator[Tagged]:
        """Yield the records that are meant, each with its key, by this seed, and its set."""
        done = dealt_out = 0
        for block in blocks:
            columns, rows = self._meant(block)
            if self._sampled is not None:
                first, last = np.searchsorted(self._sampled, [done, done + len(block)])
                sampled = self._sampled[first:last] - done
                rows = np.intersect1d(rows, sampled, assume_unique=True)
            keys = random_keys(shuffle or 0, done + rows, _ORDER)
            done += len(block)
            if not len(rows):
                continue
            if self._names is not None:
                assert self._by is not None
                targets = self._names(block, columns[self._by], rows)
            elif len(self._shares) > 1:
                places = np.arange(dealt_out, dealt_out + len(rows))
                targets = dealt(self._shares, self._seed, places, _SPLIT)
            else:
                targets = np.zeros(len(rows), np.int64)
            dealt_out += len(rows)
            yield Tagged(block if len(rows) == len(block) else picked(block, rows), keys, targets)


def random_keys(seed: int, numbers: Int64Array, purpose: int) -> Uint64Array:
    """Return random 64 bits for each record number, uint64 ``[numbers]``.

    >>> random_keys(1, np.arange(2), 0)
    array([11909763902426868369,  5971131581677880956], dtype=uint64)
    """
    start = np.random.SeedSequence([seed, purpose]).generate_state(1, np.uint64)[0]
    with np.errstate(over="ignore"):
        mixed = start + numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        keys: Uint64Array = mixed ^ (mixed >> np.uint64(31))
    return keys


def dealt(shares: Sequence[float], seed: int, numbers: Int64Array, purpose: int) -> Int64Array:
    """Return which share each record is of, int64 ``[numbers]``; all shares together are 1.

    >>> np.bincount(dealt([0.75, 0.25], 1, np.arange(1000), 0))
    array([750, 250])
    """
    if not len(numbers):
        return np.empty(0, np.int64)
    begin = int(numbers[0]) // _DEALT
    turns = np.arange(begin, int(numbers[-1]) // _DEALT + 1)
    places = turns[:, None] * _DEALT + np.arange(_DEALT)
    keys = random_keys(seed, places.reshape(-1), purpose).reshape(places.shape)
    ranks = np.argsort(np.argsort(keys, axis=1), axis=1)
    # Shares that are no whole number in one turn get the rest in another.
    bounds = np.cumsum([0.0, *shares])
    bounds[-1] = 1.0
    edges = np.round(np.outer(np.arange(begin, turns[-1] + 2) * _DEALT, bounds)).astype(np.int64)
    counts = np.diff(np.diff(edges, axis=0), axis=1)
    share = (ranks[:, :, None] >= np.cumsum(counts, axis=1)[:, None, :]).sum(axis=2)
    found: Int64Array = share.reshape(-1)[numbers - begin * _DEALT]
    return found


def _features_of(
    records: RecordSet, features: FeaturesLike | None, names: Sequence[str], what: str
) -> dict[str, FixedLenFeature | RaggedFeature]:
    """Return what is decoded for these names: the values of one key each.

    They are looked for in ``features``; where none are given, in the manifest, or else in the first
    records. A key of a feature that reads several is found, too. Raises ValueError for a name that
    is not there, or has several keys.
    """
    found = Schema.find(features, records, strict=True).features
    if isinstance(found, SequenceFeatures):
        raise ValueError(  # noqa: TRY004 - of what is in files
            f"{what}: these records are SequenceExamples, and it works on Examples only"
        )
    keys = keys_alone(found)
    chosen: dict[str, FixedLenFeature | RaggedFeature] = {}
    for name in names:
        feature = found.get(name)
        if feature is None or (isinstance(feature, SparseFeature) and name in keys):
            feature = keys.get(name)
        if feature is None:
            there = ", ".join(map(quote, list({**found, **keys})[:20])) or "none"
            raise ValueError(
                f"{what}: there is no feature {quote(name)}; there are: {there}. (Pass features= "
                "for one that the first records do not have)"
            )
        if isinstance(feature, SparseFeature):
            those = ", ".join(map(quote, keys_of(name, feature)))
            raise ValueError(  # noqa: TRY004 - of what a manifest says
                f"{what}: feature {quote(name)} has several keys; name one of these: {those}"
            )
        if isinstance(feature, FixedLenFeature) and feature.default_value is not None:
            chosen[name] = feature
        else:
            as_bytes = isinstance(feature, RawFeature) or feature.dtype == np.uint8
            value_key = getattr(feature, "value_key", None)
            chosen[name] = RaggedFeature(bytes if as_bytes else feature.dtype, value_key)
    return chosen


class Columns:
    """Decodes a few features of blocks, and nothing else of them."""

    def __init__(self, features: Mapping[str, FixedLenFeature | RaggedFeature]) -> None:
        self._features = features
        self._layouts = Layouts(feature_keys(features), None)

    def __call__(self, block: RecordBlock) -> Mapping[str, Ragged]:
        """Return the columns of a block, all ragged; raises as `parse_example`."""
        columns = decode_columns(block, self._features, self._layouts, strict=True)
        for name, column in columns.items():
            if not isinstance(column, Ragged):
                splits = np.arange(len(block) + 1) * math.prod(column.shape[1:])
                columns[name] = Ragged(column.reshape(-1), splits)
        return columns


class _ValueNames:
    """The sets of the values of a feature, numbered as they come; and what each is called."""

    def __init__(self, name: str, feature: str, opened: Callable[[NamedValue], None]) -> None:
        self._name = name
        self._feature = feature
        self._opened = opened
        self._numbers: dict[Any, int] = {}
        self._taken: set[str] = set()

    def __call__(self, block: RecordBlock, column: Ragged, rows: Int64Array) -> Int64Array:
        """Return the number of the set of each of these records, int64 ``[rows]``."""
        advice = "the set of a record is chosen by one value"
        values, known = single_values(block, self._feature, column, advice, rows)
        if not known.all():
            at = int(rows[np.argmin(known)])
            reason = (
                f"feature {quote(self._feature)} is missing; leave out such records with where="
            )
            raise error_at(block, at, reason)
        listed = values.tolist()
        for row, value in zip(rows.tolist(), listed, strict=True):
            if value not in self._numbers:
                self._add(block, row, value)
        return np.fromiter(map(self._numbers.__getitem__, listed), np.int64, len(listed))

    def _add(self, block: RecordBlock, at: int, value: int | bytes) -> None:
        count = len(self._numbers)
        if count >= limits.sets_at_once:
            raise error_at(
                block,
                at,
                f"feature {quote(self._feature)} has more than {count} values, and each "
                "would make a set; choose another feature, or fewer values of it with where=",
            )
        suffix = self._suffix(value)
        # Some file systems take upper and lower case for the same.
        self._taken.add(suffix.lower())
        self._numbers[value] = count
        self._opened(NamedValue(f"{self._name}-{suffix}", value))

    def _suffix(self, value: int | bytes) -> str:
        with suppress(ValueError):
            text = value.decode("ascii") if isinstance(value, bytes) else str(value)
            if is_safe(text) or not isinstance(value, bytes):
                ShardNames(f"{self._name}-{text}")
                if text.lower() not in self._taken:
                    return text
        number = len(self._numbers)
        while f"value{number:05d}" in self._taken:
            number += 1
        return f"value{number:05d}"


class NamedValue(NamedTuple):
    """The name of a set, and what its records have in common: a value, or the name of a share."""

    name: str
    value: int | bytes | str | None


def is_safe(text: str) -> bool:
    """Tell whether a set ``NAME-TEXT`` is called so on every system, beside all other sets.

    >>> [is_safe(text) for text in ("val", "../val", "a-00000-of-00001", ".a", "")]
    [True, False, False, False, False]
    """
    # As shards are called, or what belongs to another set.
    return bool(_SAFE.fullmatch(text)) and "-of-" not in text and ".manifest" not in text
