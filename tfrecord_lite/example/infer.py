"""What features records have, from looking at some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.features import FixedLenFeature, RaggedFeature
from tfrecord_lite.example.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["infer_features"]


def infer_features(records: Iterable[bytes], *, strict: bool = True) -> dict[str, FeatureSpec]:
    """Infer the features of serialized Examples, in the order in which they first appear.

    A feature that every record has, with the same number of values, is a `FixedLenFeature` of that
    many (one: of shape ``()``); any other is a `RaggedFeature`. One that never has a kind is left
    out. Raises `ExampleError` for a feature of two kinds and for what is no Example; ``strict`` is
    that of `decode_example`.

    >>> from tfrecord_lite.example.encode import encode_example
    >>> records = [encode_example({"label": 1, "words": words}) for words in (["a"], ["b", "c"])]
    >>> infer_features(records)
    ... # doctest: +NORMALIZE_WHITESPACE
    {'label': FixedLenFeature(shape=(), dtype=<class 'numpy.int64'>, default_value=None),
     'words': RaggedFeature(dtype=<class 'bytes'>)}
    """
    if isinstance(records, (bytes, bytearray, memoryview, str)):
        raise TypeError(
            f"records={quote(records)}: a list of serialized Examples, not one; [record] is one"
        )
    dtypes: dict[str, Any] = {}
    counts: dict[str, set[int]] = {}
    seen: dict[str, int] = {}
    number = -1
    for number, record in enumerate(records):
        try:
            example = decode_example(record, strict=strict)
        except ExampleError as error:
            error.record = number
            raise
        for name, value in example.items():
            if value is None:
                continue
            dtype = bytes if isinstance(value, list) else value.dtype.type
            if dtypes.setdefault(name, dtype) is not dtype:
                raise ExampleError(
                    f"feature {name!r}: found {dtype.__name__} values, where records before have "
                    f"{dtypes[name].__name__}; a column has one kind: pass features= without it",
                    record=number,
                )
            counts.setdefault(name, set()).add(len(value))
            seen[name] = seen.get(name, 0) + 1
    return {
        name: _feature(dtype, counts[name], always=seen[name] == number + 1)
        for name, dtype in dtypes.items()
    }


def _feature(dtype: Any, counts: set[int], *, always: bool) -> FeatureSpec:
    if not always or len(counts) > 1 or counts == {0}:
        return RaggedFeature(dtype)
    (count,) = counts
    return FixedLenFeature(
        [] if count == 1 else [count], np.dtype(dtype).type if dtype is not bytes else bytes
    )
