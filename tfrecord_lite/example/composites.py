"""Features whose values are of several keys: sparse ones, and ragged ones with partitions.

They are made of the plain columns of these keys, by TensorFlow's rules (``parsing_config.py``,
``construct_tensors_for_composite_features``), each record by itself: what does not fit one record
is never made up for by another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.example.features import FeatureSpec, RaggedFeature, SparseFeature
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged, Sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite._types import Int64Array

__all__ = [
    "UnfitError",
    "feature_keys",
    "is_composite",
    "keys_alone",
    "keys_of",
    "partitioned",
    "require",
    "sparse",
    "splits_of",
    "without_sparse",
]


class UnfitError(Exception):
    """A record's values that do not fit the feature."""

    def __init__(self, record: int, reason: str) -> None:
        self.record = record
        self.reason = reason


def is_composite(feature: FeatureSpec) -> bool:
    """Tell whether a feature's values are not those of its own key alone."""
    if isinstance(feature, RaggedFeature):
        return feature.value_key is not None or bool(feature.partitions)
    return isinstance(feature, SparseFeature)


def keys_of(name: str, feature: FeatureSpec) -> tuple[str, ...]:
    """Return the keys that a feature reads, that of the values first."""
    if isinstance(feature, SparseFeature):
        return (feature.value_key, *feature.index_keys)
    if not isinstance(feature, RaggedFeature):
        return (name,)
    partitions = (getattr(partition, "key", None) for partition in feature.partitions)
    return (feature.value_key or name, *(key for key in partitions if key is not None))


def feature_keys(features: Mapping[str, FeatureSpec]) -> list[str]:
    """Return the keys that features read, each once.

    >>> feature_keys({"a": RaggedFeature("int64"), "b": SparseFeature("at", "a", "int64", 3)})
    ['a', 'at']
    """
    return list(dict.fromkeys(key for item in features.items() for key in keys_of(*item)))


def keys_alone(features: Mapping[str, FeatureSpec]) -> dict[str, RaggedFeature]:
    """Return the keys of features that read several, or one of another name, as features.

    >>> list(keys_alone({"a": RaggedFeature("int64"), "b": SparseFeature("at", "a", "int64", 3)}))
    ['a', 'at']
    """
    found: dict[str, RaggedFeature] = {}
    for name, feature in features.items():
        if isinstance(feature, (RaggedFeature, SparseFeature)) and is_composite(feature):
            of_values, *others = keys_of(name, feature)
            found.setdefault(of_values, RaggedFeature(feature.dtype))
            found.update((key, RaggedFeature(np.int64)) for key in others if key not in found)
    return found


def without_sparse(features: Mapping[str, FeatureSpec]) -> dict[str, FeatureSpec]:
    """Return features with the keys of sparse ones in place of these, where no other is so called.

    >>> list(without_sparse({"s": SparseFeature("at", "values", "float32", 3)}))
    ['values', 'at']
    """
    found: dict[str, FeatureSpec] = {}
    for name, feature in features.items():
        if not isinstance(feature, SparseFeature):
            found[name] = feature
            continue
        for key, alone in keys_alone({name: feature}).items():
            if isinstance(features.get(key, feature), SparseFeature):
                found.setdefault(key, alone)
    return found


def sparse(feature: SparseFeature, read: Callable[[str, Any], Ragged]) -> Sparse:
    """Make the column of a sparse feature; ``read`` gives that of a key, with values of a dtype."""
    values = read(feature.value_key, feature.dtype)
    counts = np.diff(values.row_splits)
    rows = np.repeat(np.arange(len(counts)), counts)
    columns = [rows]
    for key, size in zip(feature.index_keys, feature.sizes, strict=True):
        indices = read(key, np.int64)
        of_each = np.diff(indices.row_splits)
        if (of_each != counts).any():
            record = int(np.argmax(of_each != counts))
            raise UnfitError(
                record,
                f"found {of_each[record]} indices of {quote(key)} for {counts[record]} values of "
                f"{quote(feature.value_key)}",
            )
        at = indices.values
        fits = (at >= 0) & (at < size)
        if feature.inside_size and not fits.all():
            first = int(np.argmin(fits))
            raise UnfitError(
                int(rows[first]),
                f"found index {at[first]} of {quote(key)}, expected 0 to {size - 1} for the size "
                f"{size}",
            )
        columns.append(at)
    found = values.values
    if not feature.already_sorted:
        order = np.lexsort(columns[::-1])
        columns, found = [column[order] for column in columns], found[order]
    dense_shape = np.array([len(counts), *feature.sizes], np.int64)
    return Sparse(np.stack(columns, axis=1), found, dense_shape)


def partitioned(name: str, feature: RaggedFeature, read: Callable[[str, Any], Ragged]) -> Ragged:
    """Make the column of a ragged feature, cut by its partitions, the last of them first."""
    ragged = read(feature.value_key or name, feature.dtype)
    for partition in reversed(feature.partitions):
        if isinstance(partition, RaggedFeature.UniformRowLength):
            ragged = _uniform(ragged, partition.length)
        else:
            cuts = read(partition.key, np.int64)
            ragged = _cut(ragged, cuts, type(partition).__name__, quote(partition.key))
    return ragged


def _uniform(ragged: Ragged, length: int) -> Ragged:
    counts = np.diff(ragged.row_splits)
    require(
        counts % length == 0,
        lambda record: f"found {counts[record]} elements, expected a multiple of {length}",
    )
    values: Any = ragged.values
    if isinstance(values, Ragged):
        values = Ragged(values, np.arange(0, len(values) + 1, length))
    else:
        values = values.reshape(-1, length, *values.shape[1:])
    return Ragged(values, ragged.row_splits // length)


def _cut(ragged: Ragged, cuts: Ragged, kind: str, key: str) -> Ragged:
    """Cut each record's elements into rows, as the values of another key say."""
    splits, rows, given = ragged.row_splits, cuts.row_splits, cuts.values
    elements, counts = np.diff(splits), np.diff(rows)
    record_of = np.repeat(np.arange(len(counts)), counts)

    def misfit(record: int) -> str:
        some = ", ".join(map(str, cuts[record][:8].tolist()))
        return f"{kind} of {key}, {some or 'none'}, do not fit {elements[record]} elements"

    if kind == "ValueRowIds":
        require(counts == elements, misfit)
        most = _ROWS_FOR_EACH * (elements + 1)
        require((given >= 0) & (given < most[record_of]), misfit, record_of)
        falls = np.diff(given, prepend=0) < 0
        falls[rows[:-1][counts > 0]] = False
        require(~falls, misfit, record_of)
        row_counts = np.zeros(len(counts), np.int64)
        np.maximum.at(row_counts, record_of, given + 1)
        begins = np.cumsum(row_counts) - row_counts
        lengths = np.bincount(given + begins[record_of], minlength=int(row_counts.sum()))
        return Ragged(Ragged(ragged.values, splits_of(lengths)), splits_of(row_counts))
    row_counts, lengths = counts, given
    if kind in ("RowSplits", "RowStarts"):
        # Of no elements there need not even be the 0: so has a record without both keys.
        require((counts > 0) | (elements == 0), misfit)
        first = np.zeros(len(given), np.bool_)
        first[rows[:-1][counts > 0]] = True
        require(~first | (given == 0), misfit, record_of)
        if kind == "RowSplits":
            given, record_of = given[~first], record_of[~first]
            row_counts = np.maximum(counts - 1, 0)
        else:
            given = np.roll(given, -1)
            given[rows[1:][counts > 0] - 1] = elements[counts > 0]
    if kind != "RowLengths":
        # Where rows end is given, by now.
        before = np.roll(given, 1)
        before[splits_of(row_counts)[:-1][row_counts > 0]] = 0
        lengths = given - before
    require((lengths >= 0) & (lengths <= _MOST_ROWS), misfit, record_of)
    sums = np.bincount(record_of, lengths, len(counts)).astype(np.int64)
    require(sums == elements, misfit)
    return Ragged(Ragged(ragged.values, splits_of(lengths)), splits_of(row_counts))


# Longer rows than this no record of 2 GiB has.
_MOST_ROWS = 1 << 31
# One number may say that there are empty rows without end: so many are taken for each element, and
# more for forged.
_ROWS_FOR_EACH = 1 << 10


def splits_of(lengths: Int64Array) -> Int64Array:
    """Return the bounds of rows of these lengths, int64 ``[rows + 1]``."""
    splits = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=splits[1:])
    return splits


def require(fits: Any, reason: Callable[[int], str], record_of: Int64Array | None = None) -> None:
    """Raise `UnfitError` for the first that does not fit: a record, or one of ``record_of`` it."""
    if not fits.all():
        first = int(np.argmin(fits))
        record = first if record_of is None else int(record_of[first])
        raise UnfitError(record, reason(record))
