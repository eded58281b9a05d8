"""What columns must be: every row told by `decode_example`, which reads one record at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import tfrecord_lite as tfr

PADDING = {bytes: b"", np.float32: np.float32(0).tobytes(), np.int64: np.int64(0).tobytes()}


class Oracle:
    """Tells of batches whether they are what features of these records must be."""

    def __init__(self, records: Sequence[bytes], features: dict[str, Any]) -> None:
        self.features = features
        self.rows = 0
        """How many rows were compared so far."""
        decoded = [tfr.decode_example(record) for record in records]
        self._expected = {
            name: [_plain(row.get(name), feature) for row in decoded]
            for name, feature in features.items()
        }

    def check(self, batch: dict[str, Any], rows: Sequence[int]) -> None:
        """Compare a batch with these records, in this order."""
        assert list(batch) == list(self.features)
        for name, feature in self.features.items():
            every = self._expected[name]
            expected = [every[row] for row in rows]
            if isinstance(feature, tfr.FixedLenSequenceFeature):
                expected = _padded(expected, feature)
            found = rows_of(batch[name], feature)
            assert len(found) == len(expected), f"{name!r}: {len(found)} of {len(expected)} rows"
            if found != expected:
                wrong = [
                    row for row, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b
                ]
                first = wrong[0]
                raise AssertionError(
                    f"{name!r} ({feature}): {len(wrong)} of {len(expected)} rows are wrong, the "
                    f"first is row {first}, record {rows[first]}: found {found[first]!r:.200}, "
                    f"expected {expected[first]!r:.200}"
                )
        self.rows += len(rows)

    def check_in_any_order(self, batches: Iterable[dict[str, Any]]) -> None:
        """Compare batches that together have each record once, its values beside each other."""
        found: Counter[Any] = Counter()
        for batch in batches:
            columns = [rows_of(batch[name], self.features[name]) for name in self.features]
            found.update(zip(*columns, strict=True))
        expected = Counter(zip(*self._expected.values(), strict=True))
        assert found == expected, f"{(found - expected).total()} rows are no record's"
        self.rows += found.total()


def _plain(value: Any, feature: Any) -> Any:
    """Return a record's values as `rows_of` gives them; the feature's default where it has none."""
    if isinstance(feature, tfr.RawFeature):
        (only,) = value
        return only
    if value is None and isinstance(feature, tfr.FixedLenFeature):
        default = np.array(feature.default_value, object).ravel().tolist()
        value = default if feature.dtype is bytes else np.array(default, feature.dtype)
    if feature.dtype is bytes:
        return tuple(value or ())
    return b"" if value is None else value.tobytes()


def _padded(expected: list[Any], feature: Any) -> list[Any]:
    longest = max(map(len, expected), default=0)
    padding = PADDING[feature.dtype]
    if feature.dtype is bytes:
        return [row + (padding,) * (longest - len(row)) for row in expected]
    return [row + padding * ((longest - len(row)) // len(padding)) for row in expected]


def rows_of(column: Any, feature: Any) -> list[Any]:
    """Return each row of a column as its values' bytes, or a tuple of byte strings."""
    if isinstance(column, tfr.Ragged):
        return _ragged_rows(column, feature)
    shape = getattr(feature, "shape", ())
    if isinstance(feature, tfr.FixedLenSequenceFeature):
        assert column.shape[2:] == tuple(shape)
    else:
        assert column.shape[1:] == tuple(shape), (column.shape, shape)
    flat = column.reshape(len(column), math.prod(column.shape[1:]))
    if feature.dtype is bytes:
        assert column.dtype == object
        return list(map(tuple, flat.tolist()))
    assert column.dtype == np.dtype(feature.dtype)
    size = flat.shape[1] * flat.dtype.itemsize
    data = np.ascontiguousarray(flat).tobytes()
    return [data[begin : begin + size] for begin in range(0, size * len(flat), size or 1)] or [
        b""
    ] * len(flat)


def _ragged_rows(column: tfr.Ragged, feature: Any) -> list[Any]:
    splits = column.row_splits.tolist()
    assert column.row_splits.dtype == np.int64
    if feature.dtype is bytes:
        assert column.values.dtype == object
        values = tuple(column.values.tolist())
        return [values[begin:end] for begin, end in pairwise(splits)]
    assert column.values.dtype == np.dtype(feature.dtype)
    size = column.values.dtype.itemsize
    data = np.ascontiguousarray(column.values).tobytes()
    return [data[begin * size : end * size] for begin, end in pairwise(splits)]
