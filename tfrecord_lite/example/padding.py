"""Sequences before they are padded: the batch decides how long they become."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tfrecord_lite._types import AnyArray, Int64Array
    from tfrecord_lite.example.features import FixedLenSequenceFeature

__all__ = ["PADDING", "Values"]

PADDING: Final = {bytes: b"", np.float32: 0.0, np.int64: 0}
"""What sequences are padded with, by dtype, where nothing else is said."""


class Values(NamedTuple):
    """A `FixedLenSequenceFeature` before it is padded: the values, and how many each record has."""

    flat: AnyArray
    splits: Int64Array
    feature: FixedLenSequenceFeature

    def padded(self) -> AnyArray:
        """Return ``[records, longest, *shape]``."""
        shape = self.feature.shape
        size = math.prod(shape)
        counts = np.diff(self.splits)
        longest = int(counts.max(initial=0))
        padding = self.feature.default_value
        if padding is None:
            padding = PADDING[self.feature.dtype]
        array = np.empty((len(counts), longest), self.flat.dtype)
        array[...] = padding  # np.full would cut NUL bytes off its end
        array[np.arange(longest) < counts[:, None]] = self.flat[self.splits[0] : self.splits[-1]]
        return array.reshape(len(counts), longest // max(size, 1), *shape)
